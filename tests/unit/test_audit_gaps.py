"""An audit's numbers that one side lacks: standard errors, and parts that cannot be compared."""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import pytest

from tests.unit.audited import HERE, SANDWICH, at, audited_by, data, one, problem, wrong
from wemix_ref.simulate.audit_numbers import AuditedFit


@pytest.fixture
def answered(monkeypatch):
    """Audit problems by engines whose answers a function may change."""
    return audited_by(monkeypatch)


def missing_se(record):
    at(record)["recipes"]["wemix"]["se_variance_components"][1] = None


def test_a_sandwich_that_is_missing_is_not_passed_over(answered):
    table = answered([one(problem())], missing_se)
    assert wrong(table) == [("standard-errors", "se_variance_sandwich", "s (Intercept)")]
    assert "theirs is missing" in table.loc[table["ok"].eq(False).fillna(False), "message"].item()


@pytest.mark.parametrize(
    ("path", "quantity"),
    [
        ((*HERE, "se_beta"), "se_beta_model"),
        ((*SANDWICH, "se_beta"), "se_beta_sandwich"),
    ],
)
@pytest.mark.parametrize("theirs", ["left out", None, np.nan])
def test_a_standard_error_of_a_coefficient_that_is_missing_is_not_passed_over(
    answered, path, quantity, theirs
):
    def change(record):
        holder = record
        for step in path:
            holder = holder[step]
        holder["x"] = theirs
        if quantity == "se_beta_model":
            record["optimum"]["se_beta"]["x"] = theirs
        if theirs == "left out":
            del holder["x"]
            record["optimum"]["se_beta"].pop("x", None)

    table = answered([one(problem())], change)
    assert wrong(table) == [("standard-errors", quantity, "x")]
    row = table[table["ok"].eq(False).fillna(False)].iloc[0]
    assert row["message"].startswith("differs: theirs is missing")
    assert row["ours"] > 0
    assert row[["theirs", "digits"]].isna().all()


def test_why_there_is_no_sandwich_is_told(answered):
    def change(record):
        missing_se(record)
        at(record)["recipes"]["wemix"]["message"] = "no sandwich of level 3: why"

    table = answered([one(problem())], change)
    row = table[table["ok"].eq(False).fillna(False)]
    assert row["name"].item() == "s (Intercept)"
    assert row["message"].item() == "differs: theirs is missing (no sandwich of level 3: why)"


def test_a_sandwich_that_is_not_there_at_all_is_not_passed_over(answered):
    def change(record):
        del at(record)["recipes"]

    table = answered([one(problem())], change)
    assert len(wrong(table)) == 2 + 3
    assert {quantity for _, quantity, _ in wrong(table)} == {
        "se_beta_sandwich",
        "se_variance_sandwich",
    }
    # under REML, and with precision weights, there is none to be had
    for given in (problem(None, precision_weights="w1"), problem(None, reml=True)):
        assert not wrong(answered([one(given)], lambda record: at(record).pop("recipes", None)))


def by_wemix(change=lambda _: None):
    """Answers as WeMix gives them: sandwiches alone, of variances at its own optimum alone."""

    def told(record):
        sandwich = at(record).pop("recipes")["wemix"]
        own = record["optimum"]
        for point in (at(record), own):
            point |= {"se_recipe": "wemix", "se_beta": dict(sandwich["se_beta"])}
        for row, se in zip(
            own["variance_components"], sandwich["se_variance_components"], strict=True
        ):
            row["se"] = se
        change(own)

    return told


def test_wemix_has_standard_errors_of_variances_at_its_own_optimum(answered):
    table = answered([one(problem())], by_wemix(), ["wemix"])
    assert wrong(table) == []
    counts = table[table["tier"] == "standard-errors"].groupby("quantity")["ok"].sum()
    assert counts.to_dict() == {"se_beta_sandwich": 2, "se_variance_sandwich": 3}


def test_a_standard_error_that_wemix_does_not_give_is_a_row(answered):
    def change(own):
        own["variance_components"][1]["se"] = None

    table = answered([one(problem())], by_wemix(change), ["wemix"])
    assert wrong(table) == [("standard-errors", "se_variance_sandwich", "s (Intercept)")]
    row = table[table["ok"].eq(False).fillna(False)].iloc[0]
    assert row["message"] == "differs: theirs is missing"
    assert row["ours"] > 0


def test_a_standard_error_that_we_do_not_give_is_a_row(answered, monkeypatch):
    real = AuditedFit.point

    def without(self, theta, recipe=None):
        point = real(self, theta, recipe)
        return {**point, "se_beta": {**point["se_beta"], "x": np.nan}}

    def change(record):
        for point in (at(record), at(record)["recipes"]["wemix"], record["optimum"]):
            point["se_beta"]["x"] = 0.1

    monkeypatch.setattr(AuditedFit, "point", without)
    table = answered([one(problem())], change)
    assert wrong(table) == [
        ("standard-errors", quantity, "x") for quantity in ("se_beta_model", "se_beta_sandwich")
    ]
    gone = table[table["ok"].eq(False).fillna(False)]
    assert gone["message"].eq("differs: ours is missing").all()
    # where neither side has one there is nothing to judge
    both = answered([one(problem())])
    assert wrong(both) == []
    assert both["message"].eq("neither side has one").sum() == 2


@pytest.mark.parametrize(
    ("path", "tier"),
    [
        (HERE, "same-theta"),
        (("optimum",), "own-optimum"),
        (SANDWICH, "standard-errors"),
    ],
)
def test_a_comparison_that_fails_is_a_row_and_costs_no_other(answered, path, tier):
    """An answer lacks a member that it must have: of the second problem of three."""

    def change(record):
        if record["case"] != "second":
            return
        holder = record
        for step in path:
            holder = holder[step]
        gone = {"same-theta": "sigma", "own-optimum": "theta", "standard-errors": "se_beta"}[tier]
        del holder[gone]

    good = problem()
    listed = [one(good, 0), one(dataclasses.replace(good, case="second"), 1), one(good, 2)]
    table = answered(listed, change)
    faults = table[table["tier"] == "status"]
    assert set(faults["name"]) == {"not compared"}
    assert set(faults["replicate"]) == {1}
    assert faults["ok"].eq(False).all()
    assert faults["message"].str.startswith(f"{tier}: KeyError: ").any()
    # the parts that can be compared stand, and so do the other replicates
    part = table[(table["replicate"] == 1) & (table["tier"] != "status")]
    assert part["ok"].sum() > 0
    first, last = (table[table["replicate"] == r].drop(columns="replicate") for r in (0, 2))
    pd.testing.assert_frame_equal(first, last.set_axis(first.index))
    assert wrong(first) == []
    assert len(first) > 20


@pytest.mark.parametrize("theirs", [None, 0.3])
def test_at_the_boundary_nobodys_standard_error_is_held_against_the_other(answered, theirs):
    given = problem(None, data(school=0))
    assert AuditedFit.of(given).optimum[1] == pytest.approx(0, abs=1e-6)

    def change(record):
        errors = at(record)["recipes"]["wemix"]["se_variance_components"]
        assert errors[1] is None
        errors[1] = theirs

    table = answered([one(given)], change)
    assert not wrong(table)
    row = table[table["quantity"].eq("se_variance_sandwich") & table["name"].eq("s (Intercept)")]
    assert row["ok"].isna().all()
    assert "at its boundary" in row["message"].item()
    same = table[table["tier"] == "same-theta"]
    assert same["ok"].all()
    assert set(same["quantity"]) >= {"deviance", "beta", "sigma", "variance", "G", "V"}
    others = table[table["quantity"].eq("se_beta_sandwich")]
    assert others["ok"].all()
    assert len(others) == 2
