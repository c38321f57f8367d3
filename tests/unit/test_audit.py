"""The audit without R: which numbers of an answer are judged, and what becomes of no answer."""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import pytest

from tests.unit.audited import HERE, SANDWICH, audited_by, data, one, problem, scaled, wrong
from wemix_ref.engines.record import without_answer
from wemix_ref.errors import CaseError, EngineError, StudyError
from wemix_ref.simulate import audit as audit_module
from wemix_ref.simulate.audit import AUDIT_COLUMNS, audit, audit_summary
from wemix_ref.simulate.audit_numbers import AuditedFit
from wemix_ref.tolerances import Tolerances, load_tolerances


@pytest.fixture
def answered(monkeypatch):
    """Audit problems by engines whose answers a function may change."""
    return audited_by(monkeypatch)


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


def test_an_engine_that_was_killed_is_no_row_to_be_kept(monkeypatch):
    class Engine:
        def __init__(self, name):
            self.name = name

        def fit_many(self, asked, **_):
            failed = (without_answer(given, self.name, "failed", "SIGKILL") for given, _ in asked)
            return [dataclasses.replace(one, killed=True) for one in failed]

    monkeypatch.setattr(audit_module, "get_engine", Engine)
    with pytest.raises(EngineError, match=r"must come to its end .*SIGKILL"):
        audit([one(problem())], ["wemix"])


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
