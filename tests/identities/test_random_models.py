"""Identities over random designs: 50 of each here, 1000 by ``wemix-ref reliability identities``."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, find, given, settings
from hypothesis import strategies as st

from tests.identities.strategies import designs, shapes
from wemix_ref.hunt.expected import Expected
from wemix_ref.hunt.identities import Identity
from wemix_ref.reliability import checks, identities, live, pairs
from wemix_ref.reliability.designs import FACTORS, FORMS, KINDS, WEIGHTS, design_of, random_shape
from wemix_ref.reliability.gaps import Gap
from wemix_ref.reliability.identities import STATEMENTS, applies, put, tasks_of
from wemix_ref.reliability.live import LIVE, against, missing
from wemix_ref.reliability.outcome import Outcome, tally
from wemix_ref.reliability.record import read_record

MODELS = 50
SETTINGS = settings(
    max_examples=MODELS,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)
WITHOUT_R = [name for name in STATEMENTS if name not in LIVE]


@pytest.mark.parametrize("name", WITHOUT_R)
def test_a_statement_holds(name: str) -> None:
    counted = []

    @SETTINGS
    @given(designs(name, applies))
    def holds(model) -> None:
        (outcome,) = put(model, [name])
        assert not outcome.refused, outcome.refused
        assert not outcome.failed, f"{model.formula}: {outcome.failed}"
        counted.append(len(outcome.gaps))

    holds()
    assert len(counted) >= MODELS
    assert all(counted)


@pytest.mark.live_r
@pytest.mark.parametrize("engine", list(LIVE))
def test_r_has_the_same_at_one_theta(engine: str) -> None:
    reason = missing(engine)
    if reason:
        pytest.skip(f"{engine} cannot run here: {reason}")
    models = [design_of(random_shape(11, number)) for number in range(6 * MODELS)]
    models = [model for model in models if applies(engine, model)][:MODELS]
    outcomes = against(engine, models)
    assert len(outcomes) == MODELS
    assert [one.failed for one in outcomes if one.failed] == []
    assert sum(bool(one.refused) for one in outcomes) <= MODELS // 10


@pytest.mark.parametrize(
    ("what", "values"),
    [("forms", FORMS), ("kinds", KINDS), ("weights", WEIGHTS)],
)
def test_strategies_reach_everything(what: str, values: tuple[str, ...]) -> None:
    for value in values:
        found = find(shapes(), lambda one, v=value: v in getattr(one, what))
        assert design_of(found).formula


def test_strategies_reach_levels_factors_singletons_and_conditional_weights() -> None:
    for groups in (1, 2, 3, 4):
        assert (
            len(design_of(find(shapes(), lambda s, g=groups: len(s.forms) == g)).groups) == groups
        )
    for factor in FACTORS:
        assert find(shapes(), lambda s, f=factor: s.factor == f)
    model = design_of(find(shapes(), lambda s: s.singletons and len(s.forms) == 1))
    assert (model.data["g2"].value_counts() == 1).any()
    assert design_of(find(shapes(), lambda s: s.conditional)).conditional


@SETTINGS
@given(st.integers(0, 100), st.integers(0, 1000))
def test_a_model_depends_on_its_seed_and_number_alone(seed: int, number: int) -> None:
    one, other = (design_of(random_shape(seed, number)) for _ in range(2))
    assert one.formula == other.formula
    assert one.data.equals(other.data)


# -- what is wrong is found ------------------------------------------------------------------------


@pytest.mark.parametrize("column", ["y", "w1"])
def test_an_identity_that_does_not_hold_is_found(column: str, monkeypatch) -> None:
    def write(model, rng):
        values = model.data[column].to_numpy() * (1.0 + 1e-5 * rng.random(len(model.data)))
        return replace(model, data=model.data.assign(**{column: values})), Expected()

    wrong = Identity("wrong", "", False, lambda _: True, write)
    monkeypatch.setattr(pairs, "PAIRS", {"wrong": wrong})
    monkeypatch.setattr(identities, "PAIRS", {"wrong": wrong})
    model = design_of(find(shapes(weighted=True), lambda _: True))
    (outcome,) = put(model, ["wrong"])
    assert "another model" in outcome.failed


def test_an_answer_to_one_way_only_is_found(monkeypatch) -> None:
    def write(model, _):
        return replace(model, data=model.data.assign(y=1.0)), Expected()

    wrong = Identity("wrong", "", False, lambda _: True, write)
    monkeypatch.setattr(identities, "PAIRS", {"wrong": wrong})
    (outcome,) = put(design_of(random_shape(1, 0)), ["wrong"])
    assert outcome.failed.startswith("fails: the response must vary")


@pytest.mark.parametrize("name", ["paper", "gls", "differences", "scores", "scaling", "centring"])
def test_a_check_finds_an_estimator_that_is_off(name: str, monkeypatch) -> None:
    right = checks.design

    def off(model):
        design = right(model)
        return replace(design, y=design.y * (1.0 + 1e-6 * np.arange(design.n)))

    model = next(
        one
        for number in range(100)
        if applies(name, one := design_of(random_shape(2, number))) and len(one.data) > 20
    )
    if name in ("scaling", "centring"):
        monkeypatch.setattr(checks, "design", off)
    elif name == "gls":
        right_gls = checks.gls
        monkeypatch.setattr(checks, "gls", lambda X, V, y: right_gls(X, V, y * (1 + 1e-6)))
    elif name == "paper":
        evaluate = checks.paper.evaluate
        monkeypatch.setattr(
            checks.paper, "evaluate", lambda d, theta: evaluate(d, theta * (1.0 + 1e-6))
        )
    elif name == "differences":
        monkeypatch.setattr(checks, "_ORDER_4", checks._ORDER_4 * (1.0 + 1e-6))
        monkeypatch.setattr(checks, "_ORDER_6", checks._ORDER_6 * (1.0 + 1e-6))
    else:
        at = checks.JointInformation.at

        def moved(criterion, evaluation):
            joint = at(criterion, evaluation)
            return replace(joint, scores=joint.scores * (1.0 + 1e-4 * np.arange(joint.K)[:, None]))

        monkeypatch.setattr(checks.JointInformation, "at", staticmethod(moved))
    (outcome,) = put(model, [name])
    assert outcome.failed


def test_what_breaks_is_an_outcome(monkeypatch) -> None:
    def broken(*_):
        raise ZeroDivisionError("no")

    monkeypatch.setattr(checks, "fit_design", broken)
    (outcome,) = put(design_of(random_shape(1, 1)), ["differences"])
    assert outcome.failed == "ZeroDivisionError: no"


def test_a_lower_minimum_of_r_is_written_down() -> None:
    point = {"deviance": 10.0, "sigma": 1.0, "beta": {}, "se_beta": {}}
    low = {**point, "deviance": 9.0}
    record = {"status": "ok", "message": "", "at": [point], "optimum": point, "converged": True}
    result = type("Result", (), {"record": record})
    theirs = type("Result", (), {"record": {**record, "optimum": low}})
    model = design_of(random_shape(1, 1))
    outcome = live._outcome("lme4", model, result, theirs)
    assert outcome.lower > 0.0
    assert not outcome.failed
    sums = tally(["lme4"], [outcome])["lme4"]
    assert sums.elsewhere == {model.number: outcome.lower}
    stopped = type("Result", (), {"record": {**record, "converged": False}})
    assert live._outcome("lme4", model, stopped, theirs).failed


def test_sums_of_outcomes() -> None:
    outcomes = [
        Outcome("a", 1, (Gap("D", 1e-12, 1e-10), Gap("beta", 2e-9, 1e-8))),
        Outcome("a", 2, (Gap("D", 1e-9, 1e-10),)),
        Outcome("a", 3, refused="too few rows"),
        Outcome("a", 4, (Gap("D", float("nan"), 1e-10),)),
    ]
    one = tally(["a", "b"], outcomes)["a"]
    assert (one.models, one.failed) == (3, 2)
    assert one.refused == {"too few rows": 1}
    assert one.largest["beta"] == 2e-9


def test_models_are_drawn_until_each_statement_has_enough() -> None:
    tasks = tasks_of(1, 3, WITHOUT_R)
    for name in WITHOUT_R:
        assert sum(name in names for _, names in tasks) == 3 + 1  # one may be refused


@pytest.mark.slow
def test_the_run_writes_its_record(tmp_path) -> None:
    record = identities.run(1, 3, lambda _: None)
    again = read_record(record.write(tmp_path))
    assert again.tables == record.tables
    assert again.failed == 0
    assert again.tried >= len(WITHOUT_R)
