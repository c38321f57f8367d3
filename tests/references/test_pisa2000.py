"""PISA 2000 with weights scaled to the schools' sizes, as Stata prints it, where the data are."""

from __future__ import annotations

import os
from pathlib import Path

import pandas as pd
import pytest

from wemix_ref import mix
from wemix_ref.errors import WeightsWarning

FOLDER = os.environ.get("WEMIX_REF_DATA")
FORMULA = "isei ~ female + high_school + college + one_for + both_for + test_lang + (1|id_school)"
WEIGHTS = ["w_fstuwt", "wnrschbw"]

pytestmark = pytest.mark.skipif(
    FOLDER is None, reason="WEMIX_REF_DATA names no folder with pisa2000.csv, which is not shipped"
)


@pytest.fixture(scope="module")
def data() -> pd.DataFrame:
    assert FOLDER is not None
    return pd.read_csv(Path(FOLDER) / "pisa2000.csv")


@pytest.mark.parametrize("conditional", [False, True])
def test_size_is_pwscale_size_of_stata(data: pd.DataFrame, conditional: bool) -> None:
    fit = mix(FORMULA, data, WEIGHTS, scale="size", conditional_weights=conditional, se="stata")
    assert f"{fit.llf:.1f}" == "-1443093.9"
    assert f"{fit.params['college']:.5f}" == "19.39494"
    assert f"{fit.params['test_lang']:.6f}" == "2.519540"  # printed 2.519539: Stata stops early
    components = fit.variance_components
    assert [f"{v:.5f}" for v in components["vcov"]] == ["34.69367", "218.73819"]
    # printed 34.69374 and 218.7382
    assert components["vcov"].to_numpy() == pytest.approx([34.69374, 218.7382], rel=5e-6)
    assert components["se"].to_numpy() == pytest.approx([8.574865, 11.22111], rel=2e-6)


def test_a_wrong_reading_is_told(data: pd.DataFrame) -> None:
    with pytest.warns(WeightsWarning, match="`w_fstuwt` against `wnrschbw` of `id_school`"):
        mix(FORMULA, data, WEIGHTS, conditional_weights=True)
