"""PISA 2012: standard errors that WeMix prints, where the data are at hand."""

from __future__ import annotations

import os
from pathlib import Path

import pandas as pd
import pytest

from wemix_ref import mix

FOLDER = os.environ.get("WEMIX_REF_DATA")


@pytest.mark.skipif(
    FOLDER is None, reason="WEMIX_REF_DATA names no folder with pisa2012.csv, which is not shipped"
)
def test_block_standard_errors_of_the_intercept_model() -> None:
    assert FOLDER is not None
    data = pd.read_csv(Path(FOLDER) / "pisa2012.csv", dtype={"schoolid": str})
    for column, first in (
        ("st29q03", "Strongly agree"),
        ("sc14q02", "Not at all"),
        ("st04q01", "Female"),
    ):
        others = sorted(set(data[column].dropna()) - {first})
        data[column] = pd.Categorical(data[column], categories=[first, *others])
    fit = mix(
        "pv1math ~ st29q03 + sc14q02 + st04q01 + escs + (1|schoolid)",
        data,
        ["w_fstuwt", "w_fschwt"],
    )
    # digits as WeMix prints them, and one more for the three that name the recipe
    assert f"{fit.llf:.1f}" == "-12789992.0"
    assert f"{fit.params['(Intercept)']:.2f}" == "486.80"
    assert f"{fit.bse['(Intercept)']:.5f}" == "7.77796"
    components = fit.variance_components.set_index("group")
    assert f"{components.loc['schoolid', 'vcov']:.2f}" == "1413.81"
    assert f"{components.loc['Residual', 'vcov']:.2f}" == "5264.80"
    assert f"{components.loc['schoolid', 'se']:.3f}" == "327.502"
    assert f"{components.loc['Residual', 'se']:.3f}" == "152.494"
