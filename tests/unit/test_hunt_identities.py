"""Identities: the estimator keeps each; each breaks under an engine that is wrong on purpose."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tests.unit.hunt_engines import (
    Wrong,
    groups_of,
    kinds,
    numeric_slash,
    pairs,
    prefixed,
    refuses_prefixes,
    response_of,
    text_order_engine,
    with_columns,
)
from wemix_ref.engines.protocol import Problem
from wemix_ref.engines.python import PythonEngine
from wemix_ref.hunt.expected import Pair, factors
from wemix_ref.hunt.identities import IDENTITIES
from wemix_ref.hunt.judge import judge
from wemix_ref.hunt.model import Model
from wemix_ref.hunt.verdict import Verdict

LIMIT = 60.0


@pytest.mark.parametrize("name", IDENTITIES)
def test_the_estimator_keeps_it(name: str) -> None:
    assert kinds(PythonEngine(), pairs(name)) == {"same"}


def weighted(model: Model) -> bool:
    return model.weights is not None and model.unconditional()[:, 0].std() > 0.1


def rolled_weights(problem: Problem) -> Problem:
    """The level-1 weights of the row before."""
    if not problem.weights:
        return problem
    name = problem.weights[0]
    return with_columns(problem, **{name: np.roll(problem.data[name].to_numpy(), 1)})


def squashed(problem: Problem) -> Problem:
    name = response_of(problem)
    return with_columns(problem, **{name: np.cbrt(problem.data[name].to_numpy())})


def one_more(problem: Problem) -> Problem:
    return with_columns(problem, **{w: problem.data[w] + 1.0 for w in problem.weights or ()})


def flag_ignored(problem: Problem) -> Problem:
    return replace(problem, conditional_weights=False)


def halves_lost(problem: Problem) -> Problem:
    """Groups with weights below the largest of their level have the largest."""
    if not problem.weights:
        return problem
    name = problem.weights[-1]
    return with_columns(problem, **{name: problem.data[name].max()})


def square_roots(problem: Problem) -> Problem:
    return with_columns(problem, **{w: np.sqrt(problem.data[w]) for w in problem.weights or ()})


def plus_without_weights(problem: Problem) -> Problem:
    return problem if "/" in problem.formula else replace(problem, weights=None)


def first_top_group_lost(problem: Problem) -> Problem:
    top = groups_of(problem)[-1]
    return replace(problem, data=problem.data[problem.data[top] != problem.data[top].iloc[0]])


MUTANTS = {
    "relabel": (text_order_engine(), numeric_slash, "another model"),
    "permute": (Wrong(rolled_weights), weighted, "another model"),
    "rename": (Wrong(refuses_prefixes), prefixed, "fails"),
    "respell": (Wrong(plus_without_weights), weighted, "another model"),
    "rescale-y": (Wrong(squashed), lambda _: True, "another model"),
    "affine-y": (Wrong(squashed), lambda _: True, "another model"),
    "rescale-weights": (Wrong(one_more), weighted, "another model"),
    "conditional": (Wrong(flag_ignored), weighted, "another model"),
    "replicate": (Wrong(square_roots), weighted, "another model"),
    "split": (Wrong(halves_lost), lambda m: weighted(m) and m.levels == 2, "another model"),
    "twice": (Wrong(first_top_group_lost), lambda _: True, "another model"),
}


@pytest.mark.parametrize("name", IDENTITIES)
def test_a_wrong_engine_breaks_it(name: str) -> None:
    engine, wanted, kind = MUTANTS[name]
    assert kind in kinds(engine, pairs(name, wanted))


def changed_at(point: str, change: Callable[[dict[str, Any]], None]) -> Callable[..., None]:
    """Change the answers to problems whose rows do not begin with the smallest response."""

    def after(problem: Problem, record: dict[str, Any]) -> None:
        y = problem.data[response_of(problem)]
        if y.iloc[0] > y.median():
            change(record["at"][0] if point == "at" else record["optimum"])

    return after


def times(quantity: str, factor: float) -> Callable[[dict[str, Any]], None]:
    def change(point: dict[str, Any]) -> None:
        if quantity == "se_beta":
            for recipe in point["recipes"].values():
                recipe["se_beta"] = {k: v * factor for k, v in recipe["se_beta"].items()}
        elif quantity == "se_variance":
            for recipe in point["recipes"].values():
                errors = recipe["se_variance_components"]
                recipe["se_variance_components"] = [v and v * factor for v in errors]
        elif quantity == "beta":
            point["beta"] = {name: value * factor for name, value in point["beta"].items()}
        elif quantity == "variance":
            for row in point["variance_components"]:
                row["vcov"] *= factor
        else:
            point[quantity] *= factor

    return change


@pytest.mark.parametrize(
    ("point", "quantity", "kind"),
    [
        ("at", "deviance", "another model"),
        ("at", "sigma", "another model"),
        ("at", "beta", "another model"),
        ("at", "se_beta", "standard errors"),
        ("at", "se_variance", "standard errors"),
        ("optimum", "deviance", "another optimum"),
        ("optimum", "beta", "another optimum"),
        ("optimum", "variance", "another optimum"),
    ],
)
def test_each_number_is_judged(point: str, quantity: str, kind: str) -> None:
    engine = Wrong(after=changed_at(point, times(quantity, 1.0 + 2e-4)))
    assert kind in kinds(engine, pairs("permute", count=8))
    unchanged = Wrong(after=changed_at(point, times(quantity, 1.0)))
    assert kinds(unchanged, pairs("permute", count=8)) == {"same"}


def records(pair: Pair) -> tuple[dict[str, Any], dict[str, Any]]:
    asked = [(m.problem(), {"common": m.common_theta()}) for m in (pair.first, pair.second)]
    first, second = PythonEngine().fit_many(asked, timeout=LIMIT)
    return first.record, second.record


def test_an_engine_that_claims_no_minimum_may_stop_early() -> None:
    pair = pairs("permute", count=1)[0]
    first, second = records(pair)
    second["optimum"]["deviance"] += 1e-4
    assert judge(pair, first, second).kind == "another optimum"
    for record in (first, second):
        # R's call converged what is flat by their own rule, and give no recipes there
        record["engine"] = "lme4"
        del record["optimum"]["recipes"]
    verdict = judge(pair, first, second)
    assert verdict.kind == "stops early"
    assert not verdict.found
    second["optimum"]["deviance"] -= 1e-4
    assert judge(pair, first, second).kind == "same"


def test_failing_once_is_a_difference_and_failing_twice_is_none() -> None:
    pair = pairs("relabel", count=1)[0]
    first, second = records(pair)
    failed = {**second, "status": "failed", "message": "subscript out of bounds"}
    assert judge(pair, first, failed) == Verdict("fails", (), "subscript out of bounds")
    assert judge(pair, failed, failed).kind == "no answer"
    refused = {**second, "status": "refused", "message": "no"}
    assert judge(pair, first, refused).kind == "no answer"


def test_identities_do_not_say_what_the_estimator_does_not_keep() -> None:
    # splitting a top group changes the number of top groups, and with it the sandwich
    top = next(p for p in pairs("split", count=30) if p.expected.se["wemix"] is None)
    claimed = replace(top, expected=replace(top.expected, se=factors()))
    assert kinds(PythonEngine(), [top]) == {"same"}
    assert kinds(PythonEngine(), [claimed]) == {"standard errors"}
