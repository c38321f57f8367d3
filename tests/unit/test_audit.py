"""The audit without R: which numbers of an answer are judged, and what becomes of no answer."""

from __future__ import annotations

import copy
import dataclasses

import numpy as np
import pandas as pd
import pytest

from wemix_ref.engines.protocol import FitResult, Problem
from wemix_ref.engines.record import new_record, without_answer
from wemix_ref.errors import CaseError, StudyError
from wemix_ref.simulate import audit as audit_module
from wemix_ref.simulate.audit import AUDIT_COLUMNS, AuditProblem, audit, audit_summary
from wemix_ref.simulate.audit_numbers import AuditedFit
from wemix_ref.tolerances import Tolerances, load_tolerances

MODEL = "y ~ x + (1 | s/t)"


def data(seed=4, school=1.0):
    rng = np.random.default_rng(seed)
    s, t = np.repeat(np.arange(12), 12), np.repeat(np.arange(48), 3)
    frame = pd.DataFrame({"s": s, "t": t, "x": rng.normal(size=144)})
    effects = school * rng.normal(size=12)[s] + rng.normal(size=48)[t]
    if school == 0:
        effects = effects - pd.Series(effects).groupby(s).transform("mean").to_numpy()
    frame["y"] = frame["x"] + effects + rng.normal(size=144)
    if school == 0:
        frame["y"] -= frame.groupby("s")["y"].transform("mean")
        frame["x"] -= frame.groupby("s")["x"].transform("mean")
    w3 = rng.uniform(1, 3, 12)[s]
    w2 = w3 * rng.uniform(1, 3, 48)[t]
    return frame.assign(w1=w2 * rng.uniform(1, 3, 144), w2=w2, w3=w3)


def problem(weights=("w1", "w2", "w3"), frame=None, reml=False, **others):
    frame = data() if frame is None else frame
    weights = list(weights) if weights else None
    return Problem("made-up", MODEL, frame, weights, False, reml, None, None, "", **others)


def one(given, replicate=0, analysis="weighted"):
    return AuditProblem("plain", replicate, analysis, given)


def faithful(given, thetas, engine):
    """What R answers when it agrees to the last bit."""
    fit = AuditedFit.of(given)
    ((label, theta),) = thetas.items()
    point = fit.point(theta, "model")
    robust = not (given.precision_weights or given.reml)
    point["beta_refined"] = dict(point["beta"])
    if robust:
        sandwich = fit.point(theta, "wemix")
        point["recipes"] = {
            "wemix": {
                "se_beta": dict(sandwich["se_beta"]),
                "cov_beta": sandwich["cov_beta"],
                "se_variance_components": [r["se"] for r in sandwich["variance_components"]],
            }
        }
    for row in point["variance_components"]:
        row["se"] = None
    record = new_record(given, engine)
    record["at"] = [{"label": label, **point}]
    record["optimum"] = copy.deepcopy(
        {key: v for key, v in point.items() if key not in ("recipes", "beta_refined")}
    )
    return FitResult(record)


@pytest.fixture
def answered(monkeypatch):
    """Audit problems by engines whose answers a function may change."""

    def run(problems, change=lambda _: None, engines=("lme4", "lme4-weighted"), **options):
        class Engine:
            def __init__(self, name):
                self.name = name

            def fit_many(self, asked, **_):
                results = [faithful(given, thetas, self.name) for given, thetas in asked]
                return [change(result.record) or result for result in results]

        monkeypatch.setattr(audit_module, "get_engine", Engine)
        return audit(problems, engines, **options)

    return run


def wrong(table):
    rows = table[table["ok"].eq(False).fillna(False)]
    return [tuple(row) for row in rows[["tier", "quantity", "name"]].to_numpy()]


def test_columns_and_their_types(answered):
    table = answered([one(problem()), one(problem(None), 3, "unweighted")])
    assert tuple(table.columns) == AUDIT_COLUMNS
    for name in ("ours", "theirs", "digits", "required"):
        assert table[name].dtype == "float64"
    assert table["replicate"].dtype == "int64"
    assert table["ok"].dtype == "boolean"
    assert not wrong(table)
    heads = table[["replicate", "analysis", "engine"]].drop_duplicates().to_numpy().tolist()
    assert heads == [[0, "weighted", "lme4-weighted"], [3, "unweighted", "lme4"]]
    judged = table[table["ok"].notna()]
    for _, part in judged.groupby("engine"):
        assert part.groupby("quantity").size().to_dict() == {
            "deviance": 2,
            "sigma": 1,
            "beta": 2,
            "beta_refined": 2,
            "variance": 3,
            "G": 1,
            "V": 1,
            "se_beta_model": 2,
            "se_beta_sandwich": 2,
            "se_variance_sandwich": 3,
        }
    assert (judged["digits"] >= 12).all()


def at(record):
    return record["at"][0]


def scaled(path, factor=1 + 1e-6):
    """Multiply one number of an answer."""

    def change(record):
        *way, last = path
        holder = record
        for step in way:
            holder = holder[step]
        holder[last] *= factor

    return change


HERE = ("at", 0)
SANDWICH = (*HERE, "recipes", "wemix")


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ((*HERE, "deviance"), [("same-theta", "deviance", "")]),
        ((*HERE, "beta", "x"), [("same-theta", "beta", "x")]),
        ((*HERE, "beta_refined", "x"), [("same-theta", "beta_refined", "x")]),
        ((*HERE, "sigma"), [("same-theta", "sigma", "")]),
        ((*HERE, "se_beta", "x"), [("standard-errors", "se_beta_model", "x")]),
        ((*SANDWICH, "se_beta", "x"), [("standard-errors", "se_beta_sandwich", "x")]),
        *(
            (
                (*SANDWICH, "se_variance_components", i),
                [("standard-errors", "se_variance_sandwich", name)],
            )
            for i, name in enumerate(("t:s (Intercept)", "s (Intercept)", "Residual"))
        ),
        (("optimum", "beta", "x"), []),
        (("optimum", "sigma"), []),
    ],
)
@pytest.mark.parametrize("weights", [("w1", "w2", "w3"), None])
def test_a_number_that_is_off_is_its_own_row_and_no_other(answered, weights, path, expected):
    table = answered([one(problem(weights))], scaled(path))
    assert wrong(table) == expected
    if expected:
        tier, quantity, name = expected[0]
        row = table[table[["tier", "quantity", "name"]].eq([tier, quantity, name]).all(axis=1)]
        assert row["digits"].item() == pytest.approx(6, abs=0.01)


def test_a_variance_component_that_is_off_takes_g_and_v_along(answered):
    path = (*HERE, "variance_components", 1, "vcov")
    found = wrong(answered([one(problem())], scaled(path)))
    assert [row[1] for row in found] == ["variance", "G", "V"]
    assert found[0] == ("same-theta", "variance", "s (Intercept)")


@pytest.mark.parametrize(("factor", "ok"), [(1 - 1e-8, False), (1 + 1e-8, True)])
def test_only_the_lower_deviance_of_two_optima_is_right(answered, factor, ok):
    table = answered([one(problem())], scaled(("optimum", "deviance"), factor))
    assert wrong(table) == ([] if ok else [("own-optimum", "deviance", "")])


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


@pytest.mark.parametrize(
    ("status", "ok"), [("unavailable", None), ("failed", False), ("timeout", False)]
)
def test_no_answer_is_one_row(monkeypatch, status, ok):
    class Engine:
        def __init__(self, name):
            self.name = name

        def fit_many(self, asked, **_):
            return [without_answer(given, self.name, status, "why not") for given, _ in asked]

    monkeypatch.setattr(audit_module, "get_engine", Engine)
    table = audit([one(problem())], ["lme4", "wemix"])
    row = table.iloc[0]
    assert len(table) == 1
    assert tuple(row[["engine", "tier", "quantity", "name"]]) == ("wemix", *["status"] * 2, status)
    assert row["message"] == "why not"
    assert row["ok"] is pd.NA if ok is None else row["ok"] == ok
    assert row[["ours", "theirs", "digits", "required"]].isna().all()


def test_a_fit_of_ours_that_fails_is_a_row_and_costs_no_other(answered):
    good = problem()
    bad = problem(frame=data().assign(w1=-1.0))
    table = answered([one(good, 0), one(bad, 1), one(good, 2)])
    row = table[table["replicate"] == 1]
    assert row[["engine", "tier", "name"]].to_numpy().tolist() == [["python", "status", "failed"]]
    assert "WeightsError: " in row["message"].item()
    assert row["ok"].isna().all()  # nothing was compared
    assert wrong(table) == []
    first, last = (table[table["replicate"] == r].drop(columns="replicate") for r in (0, 2))
    pd.testing.assert_frame_equal(first, last.set_axis(first.index))
    assert len(first) > 20


def test_turned_off_r_gives_rows_without_a_verdict(monkeypatch):
    monkeypatch.setenv("WEMIX_REF_NO_R", "1")
    table = audit([one(problem())])
    assert table["engine"].tolist() == ["lme4-weighted", "wemix"]
    assert table["name"].tolist() == ["unavailable"] * 2
    assert table["ok"].isna().all()


def test_an_unknown_engine_is_refused():
    with pytest.raises(StudyError, match=r"among lme4, .*first: 'stata'"):
        audit([], ["lme4", "stata"])


def test_tolerances_are_those_given(answered, monkeypatch):
    entries = dict(load_tolerances().entries)
    key = ("same-theta", "sigma", "*")
    entries[key] = dataclasses.replace(entries[key], value=17.0)
    monkeypatch.setattr(audit_module, "load_tolerances", lambda: pytest.fail("the file was read"))
    table = answered([one(problem())], tolerances=Tolerances(entries))
    assert wrong(table) == [("same-theta", "sigma", "")]
    with pytest.raises(CaseError, match="found none"):
        answered([one(problem())], tolerances=Tolerances({}))


def test_the_deviance_with_precision_weights_is_that_of_y_itself():
    frame = data()
    given = problem(None, frame, precision_weights="w1")
    fit = AuditedFit.of(given)
    theta = fit.optimum
    point = fit.point(theta)
    # y ~ N(X b, s^2 (Z Lambda Lambda' Z' + W^-1)), its density written out
    Z = [(frame[[g]].to_numpy() == frame[g].unique()).astype(float) for g in "ts"]
    middle = sum(t**2 * z @ z.T for t, z in zip(theta, Z, strict=True)) + np.diag(1 / frame["w1"])
    V = point["sigma"] ** 2 * middle
    X = np.column_stack([np.ones(144), frame["x"]])
    left = frame["y"].to_numpy() - X @ np.array(list(point["beta"].values()))
    _, log_det = np.linalg.slogdet(V)
    expected = 144 * np.log(2 * np.pi) + log_det + left @ np.linalg.solve(V, left)
    assert point["deviance"] == pytest.approx(expected, rel=1e-12)
    assert point["llf"] == pytest.approx(-expected / 2, rel=1e-12)


def test_precision_weights_are_judged_like_any_fit(answered):
    given = problem(None, precision_weights="w1")
    table = answered([one(given)])
    assert set(table["engine"]) == {"lme4"}
    assert table["ok"].sum() >= 12
    assert wrong(table) == []
    off = answered([one(given)], scaled((*HERE, "deviance")))
    assert wrong(off) == [("same-theta", "deviance", "")]


def test_a_summary_counts_what_was_compared_judged_and_wrong():
    ok = [True, False, None, True, None]
    frame = pd.DataFrame(
        {
            "scenario": "plain",
            "engine": ["b", "b", "b", "a", "a"],
            "tier": ["same-theta"] * 4 + ["status"],
            "quantity": ["beta"] * 4 + ["status"],
            "digits": [13.0, 5.0, np.nan, 14.0, np.nan],
            "ok": pd.array(ok, dtype="boolean"),
        }
    )
    found = audit_summary(frame)
    assert found.drop(columns="fewest_digits").to_numpy().tolist() == [
        ["plain", "b", "same-theta", "beta", 2, 2, 1],
        ["plain", "a", "same-theta", "beta", 1, 1, 0],
        ["plain", "a", "status", "status", 0, 0, 0],
    ]
    assert found["fewest_digits"].tolist()[:2] == [5.0, 14.0]
    assert np.isnan(found["fewest_digits"].iloc[2])
    assert found["n"].dtype == found["n_judged"].dtype == found["n_not_ok"].dtype == "int64"
    # as read from a file, where a missing verdict makes the column one of objects
    again = audit_summary(frame.astype({"ok": object}))
    pd.testing.assert_frame_equal(found, again)
