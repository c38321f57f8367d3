"""Engines that are wrong on purpose, each in one way: the estimator, given something else."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pandas as pd

from wemix_ref.engines.protocol import Engine, FitResult, Problem
from wemix_ref.engines.python import PythonEngine
from wemix_ref.errors import ModelError
from wemix_ref.formula import parse_formula
from wemix_ref.hunt.answers import verdicts
from wemix_ref.hunt.expected import Pair
from wemix_ref.hunt.identities import IDENTITIES, apply
from wemix_ref.hunt.model import Model
from wemix_ref.hunt.models import random_model


class Wrong(Engine):
    """Changes a problem before it is fitted, or a record after."""

    def __init__(
        self,
        before: Callable[[Problem], Problem] = lambda problem: problem,
        after: Callable[[Problem, dict[str, Any]], None] = lambda _, __: None,
        name: str = "wrong",
    ) -> None:
        self.name, self._before, self._after = name, before, after

    def availability(self):
        return PythonEngine().availability()

    def fit(self, problem, thetas, *, timeout):
        return self.fit_many([(problem, thetas)], timeout=timeout)[0]

    def fit_many(
        self,
        problems: Sequence[tuple[Problem, Mapping[str, Sequence[float]]]],
        *,
        timeout: float,
        matrices: bool = False,  # noqa: ARG002
    ) -> list[FitResult]:
        results = []
        for problem, thetas in problems:
            try:
                changed = self._before(problem)
            except ModelError as error:
                plain = PythonEngine().fit_many([(problem, thetas)], timeout=timeout)[0].record
                results.append(FitResult({**plain, "status": "failed", "message": str(error)}))
                continue
            result = PythonEngine().fit_many([(changed, thetas)], timeout=timeout)[0]
            record = {**copy.deepcopy(result.record), "engine": self.name}
            self._after(problem, record)
            results.append(FitResult(record))
        return results


def with_columns(problem: Problem, **columns: Any) -> Problem:
    return replace(problem, data=problem.data.assign(**columns))


def groups_of(problem: Problem) -> list[str]:
    """Columns of ids, lowest level first."""
    names: dict[str, int] = {}
    for bar in parse_formula(problem.formula).bars:
        for part in bar.group:
            names.setdefault(part.name, 0)
    return sorted(names, key=lambda name: -problem.data[name].nunique())


def response_of(problem: Problem) -> str:
    return parse_formula(problem.formula).response.name


def weights_in_text_order(problem: Problem) -> Problem:
    """The fault of slash-numeric-ids: group weights in the order of the ids as text."""
    if not problem.weights or "/" not in problem.formula:
        return problem
    data = problem.data.copy()
    columns = dict(zip(groups_of(problem), problem.weights[1:], strict=True))
    for group, weight in columns.items():
        if not pd.api.types.is_numeric_dtype(data[group]):
            continue
        one = data.drop_duplicates(group).set_index(group)[weight]
        by_number = sorted(one.index)
        by_text = sorted(one.index, key=str)
        data[weight] = data[group].map(dict(zip(by_number, one[by_text], strict=True)))
    return replace(problem, data=data)


def text_order_engine() -> Wrong:
    return Wrong(weights_in_text_order)


def refuses_prefixes(problem: Problem) -> Problem:
    names = groups_of(problem)
    if any(a != b and b.startswith(a) for a in names for b in names):
        raise ModelError("subscript out of bounds")
    return problem


def kinds(engine: Engine, pairs: Sequence[Any]) -> set[str]:
    return {verdict.kind for verdict in verdicts(engine, pairs)}


def pairs(
    name: str, wanted: Callable[[Model], bool] = lambda _: True, count: int = 4
) -> list[Pair]:
    """The first models of a seed that an identity speaks of."""
    identity = IDENTITIES[name]
    found: list[Pair] = []
    number = 0
    while len(found) < count:
        model = random_model(11, number)
        number += 1
        if identity.applies(model) and wanted(model):
            found.append(apply(identity, model))
    return found


def numeric_slash(model: Model) -> bool:
    column = model.data[model.groups[0]]
    return (
        model.spelling == "slash"
        and model.weights is not None
        and model.is_unique()
        and pd.api.types.is_numeric_dtype(column)
        and column.max() > 9
        and model.data[model.weights[1]].std() > 0
    )


def prefixed(model: Model) -> bool:
    return any(b.startswith(a) for a, b in zip(model.groups, model.groups[1:], strict=False))
