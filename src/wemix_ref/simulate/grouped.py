"""Calls in a study's expression that look at many units: aggregates, ranks and counts."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from wemix_ref.errors import StudyError
from wemix_ref.simulate.aggregates import AGGREGATES, SCORES, quantile
from wemix_ref.simulate.parts import Part, Run
from wemix_ref.simulate.scope import Scope, Value

if TYPE_CHECKING:
    from wemix_ref.simulate.reader import Reader

__all__ = ["aggregate", "count", "score"]


def aggregate(reader: Reader, node: ast.Call, parts: list[Part], by: str | None) -> Part:
    """Read one number for each group: ``mean(x)``, ``quantile(x, p)``, ``var(x, by=school)``."""
    x, name = parts[0], _name(node)

    def run(scope: Scope, level: int) -> Value:
        own = x.level(scope, level)
        values = _values(reader, node, x, scope, own)
        above = _above(reader, node, scope, by, level)
        if above is None and own <= level:
            group, n = np.zeros(values.size, dtype=np.int64), 1
        else:
            target = level if above is None else above
            if own <= target:
                reader.refuse(node, f"by={by} must be above the level of what is taken")
            group, n = scope.hierarchy.ancestor(own, target), scope.hierarchy.size(target)
        if name == "quantile":
            result = quantile(values, group, n, _share(reader, node, parts[1], scope, level))
        else:
            result = AGGREGATES[name](values, group, n)
        if above is not None:
            return scope.hierarchy.expand(result, above, level)
        return float(result[0]) if own <= level else result

    return _grouped(run, by)


def score(reader: Reader, node: ast.Call, x: Part, by: str | None) -> Part:
    """Read one number for each unit that depends on the others: ``rank(x, by=school)``."""
    function = SCORES[_name(node)]

    def run(scope: Scope, level: int) -> Value:
        own = x.level(scope, level)
        if own > level:
            names = scope.hierarchy.names
            reader.refuse(
                node,
                f"{_name(node)}() gives each `{names[own]}` a number, and the expression stands "
                f"at `{names[level]}` above it; take an aggregate",
            )
        values = _values(reader, node, x, scope, own)
        above = _above(reader, node, scope, by, level)
        if above is None:
            group, n = np.zeros(values.size, dtype=np.int64), 1
        else:
            if own <= above:
                reader.refuse(node, f"by={by} must be above the level of what is taken")
            group, n = scope.hierarchy.ancestor(own, above), scope.hierarchy.size(above)
        return scope.hierarchy.expand(function(values, group, n), own, level)

    return Part(run, x.names, x.here, x.groups)


def count(reader: Reader, node: ast.Call, by: str | None) -> Part:
    """Read ``count()``, ``count(student)``, ``count(by=school)``."""
    name: str | None = None
    if node.args:
        first = node.args[0]
        if len(node.args) > 1 or not isinstance(first, ast.Name):
            reader.refuse(node, "count() takes nothing, or the name of a level; and by=<level>")
        name = first.id

    def run(scope: Scope, level: int) -> Value:
        above = _above(reader, node, scope, by, level)
        if name is not None:
            counted = _place(reader, node, scope, name)
        else:
            counted = level + 1 if above is None else level
        if counted >= scope.hierarchy.depth:
            reader.refuse(
                node,
                f"count() is the number of units below each `{scope.hierarchy.names[level]}`, and "
                "there are none, or none yet (they are made when something of theirs is drawn); "
                "by=<level> counts those beside it",
            )
        if above is None and counted <= level:
            return float(scope.hierarchy.size(counted))
        target = level if above is None else above
        if counted <= target:
            reader.refuse(node, f"by={by} must be above the level that is counted")
        size = scope.hierarchy.size(target)
        found = np.bincount(scope.hierarchy.ancestor(counted, target), minlength=size)
        return scope.hierarchy.expand(found.astype(np.float64), target, level)

    return _grouped(run, by)


def _name(node: ast.Call) -> str:
    assert isinstance(node.func, ast.Name)
    return node.func.id


def _grouped(run: Run, by: str | None) -> Part:
    return Part(run, here=by is None, groups=frozenset() if by is None else frozenset([by]))


def _values(
    reader: Reader, node: ast.Call, x: Part, scope: Scope, level: int
) -> NDArray[np.float64]:
    numbers = reader.finite(node.args[0], reader.number(node.args[0], x.run(scope, level)))
    return np.broadcast_to(np.asarray(numbers, dtype=np.float64), scope.hierarchy.size(level))


def _share(reader: Reader, node: ast.Call, part: Part, scope: Scope, level: int) -> float:
    value = reader.number(node.args[1], part.run(scope, level))
    if np.ndim(value) or not 0.0 <= value <= 1.0:
        found = "a value for each unit" if np.ndim(value) else repr(float(value))
        reader.refuse(node.args[1], f"quantile() needs one number from 0 to 1; found {found}")
    return float(value)


def _place(reader: Reader, node: ast.Call, scope: Scope, name: str) -> int:
    try:
        return scope.place(name)
    except StudyError as problem:
        reader.refuse(node, str(problem))


def _above(reader: Reader, node: ast.Call, scope: Scope, by: str | None, level: int) -> int | None:
    """Place of the level named by ``by=``, which must be the level of evaluation or above."""
    if by is None:
        return None
    place = _place(reader, node, scope, by)
    if place > level:
        reader.refuse(
            node, f"by={by} is below `{scope.hierarchy.names[level]}`, where the expression stands"
        )
    return place
