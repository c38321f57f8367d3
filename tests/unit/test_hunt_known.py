"""Names of known divergences: given where a trigger made plain ends the difference, and only then.

The engines pass for WeMix and are the estimator with a fault; R is not needed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tests.unit.hunt_engines import (
    Wrong,
    groups_of,
    pairs,
    prefixed,
    refuses_prefixes,
    response_of,
    weights_in_text_order,
    with_columns,
)
from wemix_ref.engines.protocol import Problem
from wemix_ref.engines.python import PythonEngine
from wemix_ref.errors import ModelError
from wemix_ref.hunt.answers import verdicts
from wemix_ref.hunt.expected import Pair
from wemix_ref.hunt.identities import IDENTITIES, apply
from wemix_ref.hunt.known import caused_by, known_divergence
from wemix_ref.hunt.model import Model
from wemix_ref.hunt.models import random_model
from wemix_ref.hunt.search import by_cause
from wemix_ref.hunt.triggers import TRIGGERS


def as_wemix(
    before: Callable[[Problem], Problem] = lambda problem: problem,
    after: Callable[[Problem, dict[str, Any]], None] = lambda _, __: None,
) -> Wrong:
    return Wrong(before, after, name="wemix")


def refuses(when: Callable[[Problem], bool]) -> Callable[[Problem], Problem]:
    def before(problem: Problem) -> Problem:
        if when(problem):
            raise ModelError("subscript out of bounds")
        return problem

    return before


def dotted_slope(problem: Problem) -> bool:
    return any("." in bar.split("|")[0] for bar in problem.formula.split("(")[1:])


def dotted_group(problem: Problem) -> bool:
    return any("." in name for name in groups_of(problem))


def deep_slash(problem: Problem) -> bool:
    return problem.formula.count("/") == 2


def pasted(problem: Problem) -> Problem:
    """The fault of lme4-colon-ids: groups of a slash are known by pasted texts."""
    if "/" not in problem.formula:
        return problem
    data = problem.data.copy()
    names = problem.formula.split("|")[1].rstrip(")").split("/")[::-1]
    for place in range(len(names) - 1):
        texts = [problem.data[name].astype(str) for name in names[place:]]
        data[names[place]] = [":".join(ids) for ids in zip(*texts, strict=True)]
    columns = dict(zip(names[:-1], (problem.weights or ())[1:], strict=False))
    for name, weight in columns.items():  # one weight to a group, whatever it is made of
        data[weight] = data.groupby(name)[weight].transform("first")
    top = data.groupby(names[0])[names[-1]].transform("first")
    return replace(problem, data=data.assign(**{names[-1]: top}))


def errors_times(factor: Callable[[Problem], float], which: str) -> Callable[..., None]:
    """Standard errors of variances at the optimum, or of beta at every point, times a factor."""

    def after(problem: Problem, record: dict[str, Any]) -> None:
        times = factor(problem)
        for row in record["optimum"]["variance_components"] if which == "variance" else ():
            row["se"] = row["se"] and row["se"] * times
        for point in [record["optimum"], *record["at"]] if which == "beta" else ():
            for recipe in point["recipes"].values():
                recipe["se_beta"] = {k: v * times for k, v in recipe["se_beta"].items()}

    return after


def by_unit(problem: Problem) -> float:
    return 1.0 if 1.0 <= np.std(problem.data[response_of(problem)]) <= 100.0 else 0.5


def by_order_of_ids(problem: Problem) -> float:
    """1 where four levels have ids in the order of those above, more the more are out of it."""
    names = groups_of(problem)
    if len(names) < 3:
        return 1.0
    rows = problem.data[names].astype(str).drop_duplicates()
    by_own, by_above = (rows.sort_values(keys) for keys in (names, names[::-1]))
    return 1.0 + float(np.abs(by_own.index.to_numpy() - by_above.index.to_numpy()).sum()) / 1e3


def numeric_slash(model: Model) -> bool:
    return TRIGGERS["slash-numeric-ids"].present(model) and model.is_unique()


def has(name: str, *more: Callable[[Model], bool]) -> Callable[[Model], bool]:
    return lambda model: TRIGGERS[name].present(model) and all(one(model) for one in more)


#: Identity, models, and an engine with the fault that the divergence is.
FAULTS: dict[str, tuple[str, Callable[[Model], bool], Wrong]] = {
    "slash-numeric-ids": ("relabel", numeric_slash, as_wemix(weights_in_text_order)),
    "group-name-prefix": ("rename", prefixed, as_wemix(refuses_prefixes)),
    "dots": ("rename", has("dots"), as_wemix(refuses(dotted_slope))),
    "group-name-dots": ("rename", has("group-name-dots"), as_wemix(refuses(dotted_group))),
    "four-level-slash": (
        "respell",
        has("four-level-slash", Model.is_unique),
        as_wemix(refuses(deep_slash)),
    ),
    "lme4-colon-ids": ("relabel", has("lme4-colon-ids"), as_wemix(pasted)),
    "variance-se-unit": (
        "rescale-y",
        has("variance-se-unit"),
        as_wemix(after=errors_times(by_unit, "variance")),
    ),
    "four-level-relabel": (
        "relabel",
        lambda model: model.levels == 4 and 1.0 <= np.std(model.data["y"]) <= 100.0,
        as_wemix(after=errors_times(by_order_of_ids, "beta")),
    ),
}


def findings(name: str, engine: Wrong, count: int = 3) -> list[tuple[Pair, Any]]:
    """Models with the trigger of a divergence that break its identity under an engine."""
    identity, wanted, _ = FAULTS[name]
    asked = pairs(identity, wanted, count)
    return [one for one in zip(asked, verdicts(engine, asked), strict=True) if one[1].found]


def test_every_known_divergence_has_a_fault_here() -> None:
    assert set(FAULTS) == set(TRIGGERS)


@pytest.mark.parametrize("name", FAULTS)
def test_it_is_named_where_its_trigger_is_the_cause(name: str) -> None:
    engine = FAULTS[name][2]
    found = findings(name, engine, 5)
    assert found
    assert {known_divergence(engine, *one) for one in found} == {name}


def first_y_is_high(problem: Problem) -> bool:
    y = problem.data[response_of(problem)]
    return bool(y.iloc[0] > y.median())


def not_renamed(problem: Problem) -> bool:
    return response_of(problem) == "y"


def numbers_lowest(problem: Problem) -> bool:
    return pd.api.types.is_numeric_dtype(problem.data[groups_of(problem)[0]])


def cubed_where_an_id_has_p(problem: Problem) -> Problem:
    texts = [problem.data[name].astype(str) for name in groups_of(problem)]
    if not any(ids.str.contains("p").any() for ids in texts):
        return problem
    return with_columns(problem, y=problem.data["y"] ** 3)


def by_first_row(problem: Problem) -> float:
    return 1.5 if first_y_is_high(problem) else 1.0


#: The trigger is there, and what is wrong has another cause. Identity, models, and an engine.
OTHERS: dict[str, tuple[str, Callable[[Model], bool], Wrong]] = {
    "slash-numeric-ids": (
        "relabel",
        FAULTS["slash-numeric-ids"][1],
        as_wemix(lambda p: replace(p, weights=None) if numbers_lowest(p) else p),
    ),
    "group-name-prefix": ("rename", prefixed, as_wemix(refuses(not_renamed))),
    "dots": ("rename", has("dots"), as_wemix(refuses(not_renamed))),
    "group-name-dots": ("rename", has("group-name-dots"), as_wemix(refuses(not_renamed))),
    "four-level-slash": (
        "relabel",
        has("four-level-slash", Model.is_unique),
        as_wemix(refuses(numbers_lowest)),
    ),
    "lme4-colon-ids": ("relabel", has("lme4-colon-ids"), as_wemix(cubed_where_an_id_has_p)),
    "variance-se-unit": (
        "permute",
        has("variance-se-unit"),
        as_wemix(after=errors_times(by_first_row, "variance")),
    ),
    "four-level-relabel": (
        "permute",
        has("four-level-relabel"),
        as_wemix(after=errors_times(by_first_row, "beta")),
    ),
}


@pytest.mark.parametrize("name", OTHERS)
def test_it_is_not_named_where_something_else_is_the_cause(name: str) -> None:
    identity, wanted, engine = OTHERS[name]
    asked = pairs(identity, wanted, 3)
    found = [one for one in zip(asked, verdicts(engine, asked), strict=True) if one[1].found]
    assert found
    assert any(one[1].kind in TRIGGERS[name].kinds for one in found)
    assert not any(caused_by(engine, name, found))


@pytest.mark.parametrize("name", TRIGGERS)
def test_a_trigger_made_plain_is_gone_and_nothing_else_is_changed(name: str) -> None:
    trigger = TRIGGERS[name]
    made = 0
    for number in range(100):
        model = random_model(12, number)
        if not trigger.present(model):
            continue
        made += 1
        for identity in ("permute", "affine-y"):
            pair = apply(IDENTITIES[identity], model)
            plain = trigger.without(pair)
            if name != "four-level-relabel":  # its trigger is the order of the ids, too
                assert not trigger.present(plain.first)
            if made == 1:
                # the estimator keeps the identity: what is expected was carried over
                assert [v.kind for v in verdicts(PythonEngine(), [plain])] == ["same"]
            assert plain.first.weights == model.weights
            assert plain.first.levels == model.levels
            assert len(plain.first.data) == len(model.data)
    assert made


def test_a_known_divergence_is_one_case_with_all_models_that_it_explains() -> None:
    name = "group-name-prefix"
    engine = FAULTS[name][2]
    found = findings(name, engine, 4)
    (case,) = by_cause(engine, found)
    assert case.known == name
    assert case.numbers == tuple(sorted(pair.first.number for pair, _ in found))


def test_a_difference_with_a_trigger_and_another_cause_is_a_case_without_a_name() -> None:
    identity, wanted, engine = OTHERS["slash-numeric-ids"]
    asked = pairs(identity, wanted, 1)
    (case,) = by_cause(engine, list(zip(asked, verdicts(engine, asked), strict=True)))
    assert case.known == ""
    assert "ids of level 2" in case.needs
