"""The engine statsmodels: MixedLM's own answers, what it refuses, and what it is without."""

from __future__ import annotations

import builtins
import dataclasses
import importlib.util
import re
import warnings

import numpy as np
import pandas as pd
import pytest
import yaml

from wemix_ref.cases import load_cases
from wemix_ref.compare import compare_case
from wemix_ref.engines import get_engine, validate_record
from wemix_ref.engines.protocol import Problem
from wemix_ref.installed import optional_versions
from wemix_ref.report.states import ENGINES
from wemix_ref.tolerances import load_tolerances

HERE = importlib.util.find_spec("statsmodels") is not None
needed = pytest.mark.skipif(not HERE, reason="statsmodels is not installed")
# Same theta, same algebra.
SAME_THETA = 1e-12


@pytest.fixture(scope="module")
def cases():
    return load_cases()


@pytest.fixture
def problem():
    rng = np.random.default_rng(11)
    g = np.repeat(np.arange(12), 6)
    x = rng.normal(size=g.size)
    u = rng.normal(size=(12, 2)) * [1.5, 0.7]
    y = 2 + x + u[g, 0] + u[g, 1] * x + rng.normal(size=g.size)
    data = pd.DataFrame({"y": y, "x": x, "z": x**2, "g": [f"g{k:02}" for k in g], "w": 2.0})
    data["half"] = [f"h{k % 2}" for k in g]
    return Problem("made-up", "y ~ x + (x|g)", data, None, False, False, None, None, "0" * 64)


def answer(problem, thetas=None):
    record = get_engine("statsmodels").fit(problem, thetas or {}, timeout=60.0).record
    validate_record(record)
    return record


def dense_criterion(problem, theta, reml):
    """-2 log-likelihood or the REML criterion from the definition, with the dense covariance."""
    data = problem.data
    X = np.column_stack([np.ones(len(data)), data["x"]])
    y = data["y"].to_numpy()
    L = np.array([[theta[0], 0.0], [theta[1], theta[2]]])
    same = data["g"].to_numpy()[:, None] == data["g"].to_numpy()
    W = np.linalg.inv(np.eye(len(y)) + same * (X @ L @ L.T @ X.T))
    XWX = X.T @ W @ X
    beta = np.linalg.solve(XWX, X.T @ W @ y)
    r2 = (y - X @ beta) @ W @ (y - X @ beta)
    dof = len(y) - 2 * reml
    value = -np.linalg.slogdet(W)[1] + dof * (1 + np.log(2 * np.pi * r2 / dof))
    if reml:
        value += np.linalg.slogdet(XWX)[1]
    covariance = np.linalg.inv(XWX) * r2 / dof
    return value, beta, np.sqrt(r2 / dof), np.sqrt(np.diag(covariance))


@needed
@pytest.mark.parametrize("reml", [False, True])
def test_its_criterion_is_the_definitions_constants_included(problem, reml):
    problem = dataclasses.replace(problem, reml=reml)
    theta = [1.2, 0.1, 0.6]
    record = answer(problem, {"here": theta})
    (there,) = record["at"]
    value, beta, sigma, se = dense_criterion(problem, theta, reml)
    assert there["label"] == "here"
    assert there["theta"]["values"] == theta
    assert there["deviance"] == pytest.approx(value, rel=SAME_THETA)
    assert there["llf"] == -there["deviance"] / 2
    assert list(there["beta"].values()) == pytest.approx(beta, rel=SAME_THETA)
    assert there["sigma"] == pytest.approx(sigma, rel=SAME_THETA)
    assert list(there["se_beta"].values()) == pytest.approx(se, rel=1e-11)


@needed
@pytest.mark.parametrize("reml", [False, True])
def test_its_own_optimum_is_where_statsmodels_fit_stops(problem, reml):
    from statsmodels.regression.mixed_linear_model import MixedLM

    problem = dataclasses.replace(problem, reml=reml)
    X = np.column_stack([np.ones(len(problem.data)), problem.data["x"]])
    theirs = MixedLM(problem.data["y"], X, problem.data["g"], exog_re=X).fit(reml=reml)
    optimum = answer(problem)["optimum"]
    assert optimum["deviance"] == pytest.approx(-2 * theirs.llf, rel=SAME_THETA)
    assert list(optimum["beta"].values()) == pytest.approx(np.asarray(theirs.fe_params), rel=1e-10)
    rows = {(r["group"], r["var1"], r["var2"]): r for r in optimum["variance_components"]}
    cov_re = np.asarray(theirs.cov_re)
    assert list(rows) == [
        ("g", "(Intercept)", None),
        ("g", "x", None),
        ("g", "(Intercept)", "x"),
        ("Residual", None, None),
    ]
    expected = [cov_re[0, 0], cov_re[1, 1], cov_re[1, 0], theirs.scale]
    assert [row["vcov"] for row in rows.values()] == pytest.approx(expected, rel=1e-10)
    sd = np.sqrt(np.diag(cov_re))
    expected = [*sd, cov_re[1, 0] / sd.prod(), np.sqrt(theirs.scale)]
    assert [row["sdcor"] for row in rows.values()] == pytest.approx(expected, rel=1e-10)
    assert [row["level"] for row in rows.values()] == [2, 2, 2, 1]
    L = np.zeros((2, 2))
    L[np.tril_indices(2)] = [optimum["theta"]["values"][k] for k in (0, 1, 2)]
    assert L @ L.T * theirs.scale == pytest.approx(cov_re, rel=1e-10)
    assert optimum["theta"]["names"] == ["g.(Intercept)", "g.x.(Intercept)", "g.x"]
    assert (optimum["nobs"], optimum["ngroups"]) == (72, {"g": 12})


@needed
def test_what_it_prints_for_beta_is_another_standard_error(cases):
    """MixedLM.bse_fe inverts the whole Hessian; where beta and theta are tied, it is larger."""
    from statsmodels.regression.mixed_linear_model import MixedLM

    from wemix_ref.design import build_design

    problem = cases["api-two-stage-unweighted"].problem()
    design = build_design(problem.formula, problem.data)
    level = design.levels[0]
    theirs = MixedLM(design.y, design.X, level.codes, exog_re=level.Z).fit(reml=False)
    ratio = np.asarray(theirs.bse_fe) / list(answer(problem)["optimum"]["se_beta"].values())
    assert ratio == pytest.approx([1.051, 1.032, 1.074, 1.068, 1.007], abs=1e-3)


@needed
def test_it_takes_part_in_its_cases_and_agrees(cases):
    tolerances = load_tolerances()
    mine = [case for case in cases.values() if "statsmodels" in case.engines]
    assert {"sleepstudy-slope", "sleepstudy-slope-reml", "exam"} < {case.name for case in mine}
    for case in mine:
        problem = case.problem("statsmodels")
        python = get_engine("python").fit(problem, {}, timeout=60.0)
        thetas = {"python-optimum": python.record["optimum"]["theta"]["values"]}
        if case.printed_theta is not None:
            thetas["printed"] = [float(text) for text in case.printed_theta.values()]
        record = answer(problem, thetas)
        comparison = compare_case(
            case, problem, {"python": python.record, "statsmodels": record}, {}, tolerances
        )
        numbers = [n for n in comparison["numbers"] if n["engine"] == "statsmodels"]
        assert [n for n in numbers if n["ok"] is False] == []
        assert comparison["verdicts"]["statsmodels"]["ok"], case.name
        tiers = {"same-theta", "own-optimum", "matrices", "standard-errors"}
        assert tiers <= comparison["verdicts"]["statsmodels"]["counts"].keys()
        excess = record["optimum"]["deviance"] - python.record["optimum"]["deviance"]
        assert -1e-9 < excess < 1e-5
        version = record["versions"]["statsmodels"]
        assert {n["source"] for n in numbers if n["tier"] == "same-theta"} == {
            f"statsmodels {version}, live"
        }


@needed
def test_every_case_that_it_can_fit_lists_it_but_the_one_on_the_boundary(cases):
    engine = get_engine("statsmodels")
    for name, case in cases.items():
        problem = case.problem("statsmodels")
        if problem.weights or problem.precision_weights or "statsmodels" in case.engines:
            continue
        record = engine.fit(problem, {}, timeout=60.0).record
        if name == "dyestuff2":
            assert record["singular"] or record["messages"]
        else:
            assert record["status"] == "refused", name


@needed
def test_a_changed_answer_is_found(cases):
    case = cases["sleepstudy-slope"]
    python = get_engine("python").fit(case.problem(), {}, timeout=60.0).record
    record = answer(case.problem("statsmodels"))
    record["optimum"]["sigma"] *= 1 + 1e-9
    records = {"python": python, "statsmodels": record}
    verdict = compare_case(case, case.problem(), records, {}, load_tolerances())["verdicts"]
    assert verdict["statsmodels"]["ok"] is False


@needed
def test_printed_numbers_are_judged_at_the_printed_theta(cases):
    """lme4 printed where it stopped; statsmodels stops elsewhere, which is no fault."""
    case = cases["sleepstudy-slope-reml"]
    problem = case.problem("statsmodels")
    python = get_engine("python").fit(problem, {}, timeout=60.0).record
    printed = [float(text) for text in case.printed_theta.values()]
    record = answer(problem, {"printed": printed})
    numbers = compare_case(
        case, problem, {"python": python, "statsmodels": record}, {}, load_tolerances()
    )["numbers"]
    mine = [n for n in numbers if n["engine"] == "statsmodels" and n["tier"] == "printed"]
    off = [n for n in mine if n["at"] == "statsmodels-optimum" and n["verdict"] == "shown"]
    assert off
    version = record["versions"]["statsmodels"]
    assert all(n["why"].startswith(f"statsmodels {version} stops elsewhere") for n in off)
    at_printed = [n for n in mine if n["at"] == "printed"]
    assert len(at_printed) > 10
    assert all(n["ok"] for n in at_printed)


@needed
def test_a_singular_theta_is_left_out_and_said(problem):
    record = answer(problem, {"zero": [0.0, 0.0, 0.0], "flat": [1.0, 0.5, 0.0], "fine": [1, 0, 1]})
    assert [point["label"] for point in record["at"]] == ["fine"]
    told = [message for message in record["messages"] if "singular, which MixedLM" in message]
    assert [re.search(r"`(\w+)`", message)[1] for message in told] == ["zero", "flat"]


@needed
def test_a_theta_of_the_wrong_length_is_named(problem):
    record = answer(problem, {"short": [1.0]})
    assert record["status"] == "failed"
    assert (
        "theta `short` must have 3 values (g.(Intercept), g.x.(Intercept), g.x), not 1"
        in (record["message"])
    )


@needed
def test_what_statsmodels_says_is_in_the_record_and_nowhere_else(cases):
    problem = cases["dyestuff2"].problem("statsmodels")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        record = answer(problem)
    assert any("boundary" in message for message in record["messages"])
    assert len(set(record["messages"])) == len(record["messages"])


@needed
def test_rows_with_missing_values_are_dropped_and_told(problem):
    problem.data.loc[[3, 40], "x"] = np.nan
    record = answer(problem)
    assert record["optimum"]["nobs"] == 70
    assert any("2 of 72" in message for message in record["messages"])


@needed
def test_an_error_of_statsmodels_is_a_failed_record(problem, monkeypatch):
    from statsmodels.regression import mixed_linear_model

    def fail(*_args, **_named):
        raise np.linalg.LinAlgError("Singular matrix")

    monkeypatch.setattr(mixed_linear_model.MixedLM, "fit", fail)
    record = answer(problem)
    assert (record["status"], record["message"]) == ("failed", "Singular matrix")


@needed
def test_what_became_of_the_search_is_in_the_record(problem, monkeypatch):
    from statsmodels.regression import mixed_linear_model

    problem = dataclasses.replace(problem, formula="y ~ x + (1|g)")
    record = answer(problem)
    assert (record["converged"], record["singular"]) == (True, False)
    fit = mixed_linear_model.MixedLM.fit

    def stop(self, **named):
        result = fit(self, **named)
        result.converged = False
        result.cov_re = np.array([[1e-9 * result.scale]])
        return result

    monkeypatch.setattr(mixed_linear_model.MixedLM, "fit", stop)
    record = answer(problem)
    assert (record["converged"], record["singular"]) == (False, True)
    assert record["optimum"]["theta"]["values"] == pytest.approx([1e-9**0.5])


@needed
def test_centred_variables_are_centred(problem):
    problem = dataclasses.replace(problem, formula="y ~ x + (1|g)", center_group={"g": "~x"})
    centred = problem.data.assign(
        x=problem.data["x"] - problem.data.groupby("g")["x"].transform("mean")
    )
    by_hand = dataclasses.replace(problem, data=centred, center_group=None)
    deviances = [answer(each)["optimum"]["deviance"] for each in (problem, by_hand)]
    assert deviances[0] == pytest.approx(deviances[1], rel=SAME_THETA)
    grand = dataclasses.replace(problem, center_group=None, center_grand="~x")
    intercept = answer(grand)["optimum"]["beta"]["(Intercept)"]
    plain = answer(dataclasses.replace(problem, center_group=None))["optimum"]["beta"]
    expected = plain["(Intercept)"] + plain["x"] * problem.data["x"].mean()
    assert intercept == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"weights": ["w", "w"]}, "no sampling weights"),
        ({"precision_weights": "w"}, "no precision weights"),
        ({"formula": "y ~ x + (1|half/g)"}, "the model groups by g:half, half"),
        ({"formula": "y ~ x + (x||g)"}, "2 terms that are not correlated"),
        ({"formula": "y ~ x + (1|g) + (0+x|g)"}, "2 terms that are not correlated"),
        ({"formula": "y ~ 0 + (1|g)"}, "a fixed effect"),
    ],
)
def test_what_mixedlm_does_not_fit_is_refused(problem, monkeypatch, change, reason):
    # refused for what it is, whether or not statsmodels is here
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: object())
    record = answer(dataclasses.replace(problem, **change))
    assert record["status"] == "refused"
    assert reason in record["message"]


def test_without_statsmodels_it_is_unavailable(problem, monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda n, *a: None if n == "statsmodels" else find(n, *a)
    )
    get = builtins.__import__

    def no_import(name, *args, **named):
        assert not name.startswith("statsmodels"), "statsmodels was imported"
        return get(name, *args, **named)

    monkeypatch.setattr(builtins, "__import__", no_import)
    assert not get_engine("statsmodels").availability().available
    record = answer(problem)
    assert record["status"] == "unavailable"
    assert record["message"].startswith(
        "the Python package statsmodels is not installed. Install the"
    )


def test_its_name_stands_where_engines_are_named(project_root):
    schemas = project_root / "workflow" / "schemas"
    record = yaml.safe_load((schemas / "fit_record.schema.yaml").read_text("utf-8"))
    case = yaml.safe_load((schemas / "case.schema.yaml").read_text("utf-8"))
    assert "statsmodels" in record["properties"]["engine"]["enum"]
    assert "statsmodels" in case["properties"]["engines"]["items"]["enum"]
    assert "statsmodels" in ENGINES
    rules = (project_root / "workflow" / "rules" / "common.smk").read_text("utf-8")
    assert '"statsmodels": "engines.statsmodels"' in rules
    assert optional_versions().keys() == ({"statsmodels"} if HERE else set())
