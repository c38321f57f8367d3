"""How many printed numbers are ours after rounding, and how each of the others is off."""

from __future__ import annotations

import os
from collections import Counter

import pytest

from wemix_ref.published.data import read_published_data
from wemix_ref.published.judge import gap_in_units
from wemix_ref.published.judged import judge_cases
from wemix_ref.published.points import fit_published, implied_theta, point_of
from wemix_ref.published.records import records
from wemix_ref.published.sources import load_published
from wemix_ref.published.table import counts, failures, label_of
from wemix_ref.strict_yaml import PROJECT
from wemix_ref.verdicts import rounds_to

pytestmark = pytest.mark.skipif(
    not os.environ.get("WEMIX_REF_DATA"),
    reason="WEMIX_REF_DATA names no folder with pisa2012.csv and pisa2000.csv, not shipped",
)

#: Table and package -> numbers printed, equal after rounding, at the printed theta, within.
EXPECTED = {
    ("pisa2012-intercept", "WeMix"): (23, 23, 0, 0),
    ("pisa2012-intercept", "Stata"): (23, 18, 3, 2),
    ("pisa2012-intercept", "GLLAMM"): (23, 18, 2, 3),
    ("pisa2012-intercept", "SAS"): (23, 20, 1, 2),
    ("pisa2012-intercept", "Mplus"): (23, 14, 2, 7),
    ("pisa2012-slope", "WeMix"): (25, 25, 0, 0),
    ("pisa2012-slope", "Stata"): (25, 18, 2, 5),
    ("pisa2012-slope", "SAS"): (25, 20, 1, 4),
    ("pisa2012-slope", "Mplus"): (25, 21, 1, 0),
    ("pisa2000-stata", "Stata"): (20, 14, 2, 4),
    ("unit-weights", "GLLAMM"): (5, 3, 0, 2),
    ("group-centred", "HLM"): (3, 3, 0, 0),
    ("row-weights", "WeMix"): (1, 1, 0, 0),
    ("row-weights", "Stata"): (4, 3, 0, 1),
    ("subject-weights", "WeMix"): (1, 1, 0, 0),
    ("row-weights-two-effects", "WeMix"): (1, 1, 0, 0),
}
NOT_JUDGED = {("pisa2012-intercept", "HLM"): 23, ("pisa2012-slope", "HLM"): 25}
MISPRINTS = {"beta escs": 28.016, "se_beta st04q01[Male]": 3.019, "se_beta escs": 2.534}

#: Every number that nothing here explains; gap in units of its last digit.
UNEXPLAINED = {
    ("pisa2012-intercept", "GLLAMM", "se_beta sc14q02[A lot]"): 4.28,
    ("pisa2012-intercept", "Mplus", "variance Residual"): -0.98,
    ("pisa2012-intercept", "Mplus", "beta st29q03[Agree]"): 0.70,
    ("pisa2012-intercept", "Mplus", "beta st29q03[Strongly disagree]"): 0.81,
    ("pisa2012-intercept", "Mplus", "beta st29q03[Disagree]"): 0.67,
    ("pisa2012-intercept", "Mplus", "beta sc14q02[Very little]"): 0.75,
    ("pisa2012-slope", "SAS", "log_likelihood"): -2.35,
    ("pisa2012-slope", "SAS", "se_beta sc14q02[A lot]"): 1.11,
    ("pisa2012-slope", "SAS", "se_beta sc14q02[Very little]"): -0.87,
    ("pisa2000-stata", "Stata", "se_variance id_school (Intercept)"): -5.23,
    ("unit-weights", "GLLAMM", "variance Subject"): -67.60,
    ("unit-weights", "GLLAMM", "variance Residual"): -5.54,
    ("row-weights", "Stata", "variance Subject"): -19.47,
}


@pytest.fixture(scope="module")
def cases():
    return records(judge_cases(load_published()))


@pytest.fixture(scope="module")
def numbers(cases):
    return {
        (case["case"], column["package"], label_of(number)): number
        for case in cases
        for column in case["columns"]
        for number in column["numbers"]
    }


def test_every_column_has_its_counts(cases):
    found = {
        (row["case"], row["package"]): tuple(
            row[name] for name in ("numbers", "equal", "stopping point", "within")
        )
        for row in counts(cases)
        if row["package"] != "HLM" or row["case"] == "group-centred"
    }
    assert found == EXPECTED
    assert failures(cases) == []


def test_the_documentation_has_the_same_counts(cases):
    text = (PROJECT / "docs" / "published-numbers.md").read_text(encoding="utf-8")
    section = text.partition("## How many hold")[2].partition("\n\nThree numbers")[0]
    found = [
        [cell.strip(" `") for cell in line.strip("|").split("|")]
        for line in section.splitlines()
        if line.startswith("| `")
    ]
    names = ("case", "package", "numbers", "equal", "stopping point", "within", "explained")
    expected = [[str(row[name]) for name in names] for row in counts(cases)]
    not_judged = [list(place) for place in NOT_JUDGED]
    assert found == [row for row in expected if row[:2] not in not_judged]


def test_hlm_alone_is_not_judged_and_has_no_gap(cases, numbers):
    assert {n["class"] for n in numbers.values() if n["gap_units"] is None} == {"not judged"}
    assert all(n["gap_units"] is None for n in numbers.values() if n["class"] == "not judged")
    found = {(r["case"], r["package"]): r["not judged"] for r in counts(cases) if r["not judged"]}
    assert found == NOT_JUDGED


def test_mplus_misprints_are_the_only_ones_explained(numbers):
    found = {place: n for place, n in numbers.items() if n["class"] == "explained"}
    assert set(found) == {("pisa2012-slope", "Mplus", quantity) for quantity in MISPRINTS}
    for (_, _, quantity), number in found.items():
        assert round(number["ours"], 3) == MISPRINTS[quantity]
        assert abs(number["gap_units"]) > 400


def test_what_is_left_unexplained_is_listed(numbers):
    found = {p: round(n["gap_units"], 2) for p, n in numbers.items() if n["cause"] == "unexplained"}
    assert found == UNEXPLAINED


def test_causes_are_counted(numbers):
    causes = Counter(n["cause"] for n in numbers.values() if n["class"] == "within")
    assert causes == {
        "truncation": 10,
        "rounded variances": 4,
        "rounded twice": 2,
        "fewer digits": 1,
        "unexplained": 13,
    }
    assert all(not n["cause"] for n in numbers.values() if n["class"] != "within")


def test_classes_follow_from_the_values(numbers):
    """Judged again from the row alone, as a reader of the table would."""
    for place, n in numbers.items():
        if n["class"] == "not judged":
            continue
        gap = abs(n["gap_units"])
        assert n["gap_units"] == pytest.approx(gap_in_units(n["ours"], n["printed"])), place
        decimals = len(n["printed"].partition(".")[2])
        assert (n["class"] == "equal") == (gap <= 0.5) == rounds_to(n["ours"], n["printed"]), place
        allowed = 0.5 + 5e-5 * abs(float(n["printed"])) * 10**decimals
        if n["class"] == "stopping point":
            assert round(n["at_printed_theta"], decimals) == float(n["printed"]), place
        assert (n["class"] == "explained") == (gap > allowed), place


def test_each_stopping_point_lies_above_our_optimum(cases):
    above = [
        (column["deviance_above"], case["case"], column["package"])
        for case in cases
        for column in case["columns"]
        if any(number["class"] == "stopping point" for number in column["numbers"])
    ]
    assert len(above) == 8
    assert sum(row["stopping point"] for row in counts(cases)) == 14
    assert all(value > 0 for value, _, _ in above), above


def test_stata_s_errors_at_its_theta_are_those_of_log_standard_deviations():
    """In theta itself the standard error of the schools' variance there would be another."""
    published = load_published()["pisa2012-intercept"]
    column = published.column("Stata")
    fit = fit_published(published, read_published_data(published))
    there = fit.at(implied_theta(column, fit))
    in_log_sd = point_of(there, "stata").values["se_variance", "schoolid (Intercept)"]
    in_theta = there.with_se("stata").variance_components["se"].iloc[0]
    printed = column.text_of("se_variance schoolid (Intercept)")
    assert printed == f"{in_log_sd:.2f}" == "340.75"
    assert f"{in_theta:.2f}" == "340.76"
