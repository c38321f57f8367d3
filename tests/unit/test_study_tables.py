"""Tables of a study's report, cell by cell, from a few measures."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from wemix_ref.report.studies.numbers import ABSENT, Estimate
from wemix_ref.report.studies.tables import (
    Group,
    family_table,
    fits_table,
    paired_table,
    parameter_tables,
)
from wemix_ref.report.studies.view import study_view
from wemix_ref.report.studies.wording import FAMILIES

TEXT = {
    "title": "Two by two",
    "factors": {"size": [5, 10]},
    "population": {"model": {"fixed": {"x": 1}}},
    "model": "y ~ x + (1 | school)",
    "analyses": {"b": {"label": "no weights"}, "a": {"weights": "all"}, "c": {"weights": "top"}},
}
# by parameter and measure: estimate, its error and the replicates, of scenario and analysis
# (5, b), (5, a), (10, b), (10, a); None where there is no such row
CELLS = {
    ("x", "mean_estimate"): [(1.5, 0.02, 40), (1.25, 0.02, 39), (1.0, 0.02, 40), None],
    ("x", "bias"): [(0.5, 0.02, 40), (0.25, 0.02, 39), (0.0, 0.02, 40), None],
    ("x", "relative_bias"): [(0.5, 0.02, 40), (0.25, 0.02, 39), None, None],
    ("x", "coverage"): [(0.9, 0.021, 38), (0.95, 0.021, 39), (1.0, 0.0, 40), None],
    ("sigma2", "bias"): [(-0.1, 0.003, 40), None, (-0.2, 0.003, 40), (-0.3, 0.003, 12)],
    ("(fit)", "convergence_rate"): [(0.975, 0.025, 40), (1.0, 0.0, 40), (1.0, 0.0, 40), None],
    ("(fit)", "failure_rate"): [(0.0, 0.0, 40), (0.025, 0.025, 40), (0.0, 0.0, 40), (1, 0, 40)],
}
PLACES = [("size-5", "b"), ("size-5", "a"), ("size-10", "b"), ("size-10", "a")]

PAIRS = [
    # scenario, analysis, reference, parameter, measure, estimate, error, replicates
    ("size-5", "a", "b", "x", "bias_difference", -0.25, 0.011, 39),
    ("size-5", "a", "b", "x", "coverage_difference", 0.05, 0.011, 37),
    ("size-5", "c", "b", "x", "bias_difference", 0.75, 0.011, 40),
    ("size-5", "a", "c", "x", "bias_difference", -1.0, 0.011, 40),
    ("size-10", "a", "b", "sigma2", "bias_difference", -0.1, 0.011, 12),
    ("size-10", "a", "b", "x", "bias_difference", np.nan, np.nan, 0),
]


def view(text=TEXT, scenarios=("size-5", "size-10"), pairs=PAIRS):
    performance = pd.DataFrame(
        [
            (*place, parameter, measure, *values)
            for (parameter, measure), cells in CELLS.items()
            for place, values in zip(PLACES, cells, strict=True)
            if values is not None and place[0] in scenarios
        ],
        columns=["scenario", "analysis", "parameter", "measure", "estimate", "mcse", "n"],
    )
    columns = ["scenario", "analysis", "reference", "parameter", "measure", "estimate", "mcse", "n"]
    paired = pd.DataFrame([row for row in pairs if row[0] in scenarios], columns=columns)
    return study_view(text, "two", performance, paired, {}, None)


def family(name):
    return next(one for one in FAMILIES if one.name == name)


def row(label, *cells):
    """A row; a cell is an estimate with its error, or a text alone."""
    return label, tuple(
        Estimate(*cell) if isinstance(cell, tuple) else Estimate(cell) for cell in cells
    )


X_5 = (
    row("no weights", ("1.500", "0.020"), ("0.500", "0.020"), ("50.0", "2.0"), "40"),
    row("a", ("1.250", "0.020"), ("0.250", "0.020"), ("25.0", "2.0"), "39"),
)
X_10 = (row("no weights", ("1.000", "0.020"), ("0.000", "0.020"), ABSENT, "40"),)


def test_a_family_has_all_parameters_and_scenarios_in_order():
    table = family_table(view(), family("bias"))
    assert (table.name, table.title, table.stub) == ("bias", "Bias", "analysis")
    assert table.heads == ("mean estimate", "bias", "relative bias, %", "n")
    assert table.groups == (
        Group("x · size 5", X_5),
        Group("x · size 10", X_10),
        Group("sigma2 · size 5", (row("no weights", ABSENT, ("-0.1000", "0.0030"), ABSENT, "40"),)),
        Group(
            "sigma2 · size 10",
            (
                row("no weights", ABSENT, ("-0.2000", "0.0030"), ABSENT, "40"),
                row("a", ABSENT, ("-0.3000", "0.0030"), ABSENT, "12"),
            ),
        ),
    )
    assert family_table(view(), family("precision")) is None


def test_rates_of_fits_are_by_scenario_without_a_parameter():
    table = fits_table(view())
    assert table == family_table(view(), family("fits"))
    assert table.heads == ("converged, %", "failed, %", "n")
    assert table.groups == (
        Group(
            "size 5",
            (
                row("no weights", ("97.5", "2.5"), ("0", "0"), "40"),
                row("a", ("100", "0"), ("2.5", "2.5"), "40"),
            ),
        ),
        Group(
            "size 10",
            (
                row("no weights", ("100", "0"), ("0", "0"), "40"),
                row("a", ABSENT, ("100", "0"), "40"),
            ),
        ),
    )


def test_a_parameter_has_a_table_a_family_with_the_measures_that_it_has():
    of_x = parameter_tables(view(), "x")
    assert [(one.name, one.title) for one in of_x] == [
        ("bias-1", "Bias: x"),
        ("coverage-1", "Intervals and tests: x"),
    ]
    assert of_x[0].groups == (Group("size 5", X_5), Group("size 10", X_10))
    assert of_x[1].heads == ("coverage, %", "n")
    assert of_x[1].groups == (
        Group(
            "size 5",
            (row("no weights", ("90.0", "2.1"), "38"), row("a", ("95.0", "2.1"), "39")),
        ),
        Group("size 10", (row("no weights", ("100", "0"), "40"),)),
    )
    (of_sigma2,) = parameter_tables(view(), "sigma2")
    assert (of_sigma2.name, of_sigma2.heads) == ("bias-2", ("bias", "n"))


def test_one_scenario_is_not_named():
    one = view({**TEXT, "factors": {"size": [5]}}, scenarios=("size-5",))
    titles = [group.title for group in family_table(one, family("bias")).groups]
    assert titles == ["x", "sigma2"]
    assert [group.title for group in parameter_tables(one, "x")[0].groups] == [""]
    assert [group.title for group in fits_table(one).groups] == ["size-5"]
    assert [group.title for group in paired_table(one).groups] == ["x"]


def test_pairs_are_by_parameter_and_scenario_in_the_order_of_the_file():
    table = paired_table(view())
    assert (table.name, table.title, table.stub) == ("paired", "Paired differences", "analyses")
    assert table.heads == ("bias, difference", "coverage, difference, points", "n")
    nothing = ABSENT
    assert table.groups == (
        Group(
            "x · size 5",
            (
                row("a against no weights", ("-0.250", "0.011"), ("5.0", "1.1"), "37–39"),
                row("c against no weights", ("0.750", "0.011"), nothing, "40"),
                row("a against c", ("-1.000", "0.011"), nothing, "40"),
            ),
        ),
        Group(
            "sigma2 · size 10", (row("a against no weights", ("-0.100", "0.011"), nothing, "12"),)
        ),
    )


def test_pairs_with_one_reference_are_those_alone():
    table = paired_table(view(), "c")
    assert table.heads == ("bias, difference", "n")
    assert table.groups == (Group("x · size 5", (row("a against c", ("-1.000", "0.011"), "40"),)),)
    assert paired_table(view(), "a") is None


@pytest.mark.parametrize("pairs", [[], PAIRS[-1:]])
def test_without_pairs_there_is_no_table(pairs):
    assert paired_table(view(pairs=pairs)) is None
