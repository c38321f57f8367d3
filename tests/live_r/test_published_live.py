"""Where a package stopped, by lme4's own pieces: they print there what the package printed."""

from __future__ import annotations

import os

import pytest

from wemix_ref.engines import get_engine
from wemix_ref.engines.protocol import Problem
from wemix_ref.published.data import read_published_data
from wemix_ref.published.judged import judge_case
from wemix_ref.published.points import fit_published
from wemix_ref.published.sources import load_published
from wemix_ref.verdicts import rounds_to

pytestmark = [
    pytest.mark.live_r,
    pytest.mark.skipif(
        not os.environ.get("WEMIX_REF_DATA"),
        reason="WEMIX_REF_DATA names no folder with pisa2012.csv and pisa2000.csv, not shipped",
    ),
]

#: Table -> variances and coefficients in the class; standard errors are of recipes lme4 has not.
EXPECTED = {
    "pisa2012-intercept": {
        ("Stata", "variance schoolid (Intercept)"),
        ("GLLAMM", "variance schoolid (Intercept)"),
        ("Mplus", "variance schoolid (Intercept)"),
    },
    "pisa2012-slope": {("Stata", "variance schoolid (Intercept)")},
    "pisa2000-stata": {("Stata", "beta high_school"), ("Stata", "beta test_lang")},
}


def with_scaled_weights(published, data):
    """Weights of the units within a school scaled to its size, as `scale: size` does."""
    if published.scale == "none":
        return data
    assert published.scale == "size"
    units, schools = published.weights
    (group,) = published.groups
    conditional = data[units] / data[schools]
    sums = conditional.groupby(data[group]).transform("sum")
    sizes = conditional.groupby(data[group]).transform("size")
    return data.assign(**{units: conditional * sizes / sums * data[schools]})


@pytest.mark.parametrize("name", EXPECTED)
def test_lme4_s_pieces_print_it_at_the_printed_theta(name):
    published = load_published()[name]
    data = read_published_data(published)
    judged = judge_case(published)
    stops = {
        (column.package, one.number.label): (column, one)
        for column in judged.columns
        for one in column.numbers
        if one.verdict == "stopping point" and one.number.quantity in ("beta", "variance")
    }
    assert set(stops) == EXPECTED[name]
    problem = Problem(
        name,
        published.formula,
        with_scaled_weights(published, data.frame),
        list(published.weights),
        published.conditional_weights,
        False,
        None,
        None,
        "0" * 64,
    )
    thetas = {column.package: column.implied_theta for column, _ in stops.values()}
    thetas["ours"] = judged.theta
    record = get_engine("lme4-weighted").fit(problem, thetas, timeout=600.0).record
    assert record["status"] == "ok", record["message"]
    points = {point["label"]: point for point in record["at"]}
    lowest = points.pop("ours")
    assert lowest["deviance"] == pytest.approx(fit_published(published, data).deviance, rel=1e-12)
    for (package, _), (_, one) in stops.items():
        there = points[package]
        assert there["deviance"] > lowest["deviance"]
        assert rounds_to(value_of(one.number, there), one.number.text)
        assert not rounds_to(value_of(one.number, lowest), one.number.text)


def value_of(number, point):
    if number.quantity == "beta":
        return point["beta"][number.name]
    (row,) = [
        row
        for row in point["variance_components"]
        if number.name in (f"{row['group']} {row['var1']}", row["group"])
    ]
    return row["vcov"]
