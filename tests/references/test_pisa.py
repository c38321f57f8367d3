"""PISA 2012: standard errors that WeMix prints, where the data are at hand."""

from __future__ import annotations

import os
from pathlib import Path

import pandas as pd
import pytest

from wemix_ref import mix

FOLDER = os.environ.get("WEMIX_REF_DATA")


pytestmark = pytest.mark.skipif(
    FOLDER is None, reason="WEMIX_REF_DATA names no folder with pisa2012.csv, which is not shipped"
)


@pytest.fixture(scope="module")
def fit():
    assert FOLDER is not None
    data = pd.read_csv(Path(FOLDER) / "pisa2012.csv", dtype={"schoolid": str})
    for column, first in (
        ("st29q03", "Strongly agree"),
        ("sc14q02", "Not at all"),
        ("st04q01", "Female"),
    ):
        others = sorted(set(data[column].dropna()) - {first})
        data[column] = pd.Categorical(data[column], categories=[first, *others])
    return mix(
        "pv1math ~ st29q03 + sc14q02 + st04q01 + escs + (1|schoolid)",
        data,
        ["w_fstuwt", "w_fschwt"],
    )


def test_estimates_of_the_intercept_model(fit) -> None:
    assert f"{fit.llf:.1f}" == "-12789992.0"
    assert f"{fit.params['(Intercept)']:.2f}" == "486.80"
    components = fit.variance_components.set_index("group")
    assert f"{components.loc['schoolid', 'vcov']:.2f}" == "1413.81"
    assert f"{components.loc['Residual', 'vcov']:.2f}" == "5264.80"


@pytest.mark.parametrize(
    ("recipe", "intercept", "school", "residual"),
    [
        # the last digits that WeMix 4.0.4, Stata, GLLAMM and SAS print, where ours rounds to them
        ("wemix", "7.778", "327.50", "152.49"),
        ("stata", "7.778", "340.74", "152.58"),
        ("gllamm", "7.954", "365.90", "152.42"),
        ("sas", "7.929", "364.74", "151.93"),
        ("mplus", "7.929", "364.74", "151.93"),
    ],
)
def test_standard_errors_tell_the_recipe(
    fit, recipe: str, intercept: str, school: str, residual: str
) -> None:
    other = fit.with_se(recipe)
    assert f"{other.bse['(Intercept)']:.3f}" == intercept
    components = other.variance_components.set_index("group")
    assert f"{components.loc['schoolid', 'se']:.2f}" == school
    assert f"{components.loc['Residual', 'se']:.2f}" == residual
