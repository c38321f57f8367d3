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
        # by the same recipe WeMix 4.0.4, Stata, GLLAMM, SAS and Mplus print these, to fewer digits
        ("wemix", 7.77796, 327.502, 152.494),
        ("stata", 7.77796, 340.744, 152.581),
        ("gllamm", 7.95446, 365.903, 152.419),
        ("sas", 7.92909, 364.736, 151.933),
        ("mplus", 7.92909, 364.736, 151.933),
    ],
)
def test_standard_errors_tell_the_recipe(
    fit, recipe: str, intercept: float, school: float, residual: float
) -> None:
    other = fit.with_se(recipe)
    components = other.variance_components.set_index("group")["se"]
    assert round(other.bse["(Intercept)"], 5) == intercept
    assert round(components["schoolid"], 3) == school
    assert round(components["Residual"], 3) == residual
