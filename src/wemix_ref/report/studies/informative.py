"""Through what a sampling design may be informative: what its expressions depend on."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from wemix_ref.report.studies.equations import random_names
from wemix_ref.simulate.aggregates import AGGREGATES, SCORES
from wemix_ref.simulate.reader import parse_tree
from wemix_ref.simulate.scope import RESERVED

__all__ = ["depends_on", "response_through", "stage_through"]

_COUNT = "count"
_GROUPED = (*AGGREGATES, "quantile")
_DECIDE = ("size", "rate", "measure", "probability", "strata")
# what stands beside the expressions of a variable or of a size
_WORDS = ("level", "distribution")

Found = tuple[list[str], list[str]]
# expressions, each with the level where it stands
_Standing = list[tuple[object, int]]


def depends_on(
    expression: object, population: Mapping[str, Any], level: str | None = None
) -> Found:
    """Find what an expression depends on, through the variables and the numbers of units it uses.

    Parameters
    ----------
    expression : object
        A number or an expression.
    population : Mapping
        As in the study's file.
    level : str or None
        Level where the expression stands; None: level 1.

    Returns
    -------
    random, covariates : list of str
        Random effects, residual or response, and covariates, in order of first appearance.

    Raises
    ------
    StudyError
        If the expression cannot be read.
    """
    levels = list(population["levels"])
    return _followed([(expression, levels.index(level or levels[-1]))], population)


def stage_through(stage: Mapping[str, Any], level: str, population: Mapping[str, Any]) -> str:
    """Say through what a stage of the sampling may be informative.

    Parameters
    ----------
    stage : Mapping
        What the study's file says of the sampling of a level.
    level : str
        Its name.
    population : Mapping
        As in the study's file.
    """
    k = list(population["levels"]).index(level)
    expressions = [(stage[key], k) for key in _DECIDE if key in stage]
    # the probability of a stated size, or of a share rounded to a whole number, depends on how many
    # units there are
    if "size" in stage or stage["method"] not in ("census", "poisson"):
        expressions.append((_COUNT, k))
    return _told(expressions, [(stage[key], k) for key in ("weight",) if key in stage], population)


def response_through(one: Mapping[str, Any], level: str, population: Mapping[str, Any]) -> str:
    """Say through what nonresponse may be informative; parameters as for :func:`stage_through`."""
    k = list(population["levels"]).index(level)
    adjust = str(one.get("adjust", "none"))
    classes: _Standing = [] if adjust in ("none", "exact") else [(adjust, k)]
    return _told([(one["probability"], k)], classes, population)


def _told(
    decide: _Standing,
    weigh: _Standing,
    population: Mapping[str, Any],
) -> str:
    random, covariates = _followed(decide, population)
    told = "not informative"
    if random:
        told = "may be informative: depends on " + ", ".join(random)
    elif covariates:
        told += " given " + ", ".join(covariates)
    weights, _ = _followed(weigh, population)
    return f"{told}; weights depend on {', '.join(weights)}" if weights else told


def _followed(expressions: _Standing, population: Mapping[str, Any]) -> Found:
    levels = list(population["levels"])
    model = population["model"]
    roots = {"e": len(levels) - 1, str(model["response"]): len(levels) - 1}
    for group, one in (model.get("random") or {}).items():
        names = random_names(group, one.get("terms") or ["(Intercept)"])
        roots.update(dict.fromkeys(names, levels.index(group)))
    known = {**(population.get("covariates") or {}), **(population.get("derived") or {})}
    where = {**roots, **{name: levels.index(one["level"]) for name, one in known.items()}}
    random: dict[str, None] = {}
    covariates: dict[str, None] = {}
    sizes: set[int] = set()
    waiting = list(expressions)
    while waiting:
        expression, level = waiting.pop(0)
        uses = _Uses(levels, where)
        uses.read(parse_tree(str(expression)), level)
        for name in uses.names:
            if name in roots:
                random[name] = None
            elif name in known and name not in covariates:
                covariates[name] = None
                waiting += [(text, where[name]) for text in _expressions(known[name])]
        for k in uses.sizes:
            if k not in sizes:
                sizes.add(k)
                # a number of units is an expression of the level above
                size = population["levels"][levels[k]]["size"]
                waiting += [(text, max(k - 1, 0)) for text in _expressions(size)]
    return list(random), list(covariates)


def _expressions(one: object) -> Iterator[object]:
    if isinstance(one, Mapping):
        yield from (value for key, value in one.items() if key not in _WORDS)
    else:
        yield one


class _Uses:
    """What one expression uses: names of variables, and levels whose numbers of units matter.

    Levels are counted from the top, 0, here.
    """

    def __init__(self, levels: list[str], where: Mapping[str, int]) -> None:
        self._levels, self._where = levels, where
        self.names: dict[str, None] = {}
        self.sizes: dict[int, None] = {}

    def read(self, node: ast.AST, level: int) -> None:
        """Take note of what a piece uses that is evaluated at a level."""
        if isinstance(node, ast.Name):
            if node.id == _COUNT:
                # the units of the cell that the stage samples from
                self.sizes[level] = None
            elif node.id not in RESERVED:
                self.names[node.id] = None
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            self._call(node, node.func.id, level)
        else:
            for part in ast.iter_child_nodes(node):
                self.read(part, level)

    def _call(self, node: ast.Call, name: str, level: int) -> None:
        above = self._above(node)
        if name == _COUNT:
            beside = level + 1 if above is None else level
            counted = self._place(node.args[0]) if node.args else beside
            self._over(counted, level if above is None else above)
            return
        first, *others = node.args
        if name in SCORES or name in _GROUPED:
            own = self._belongs(first, level)
            self.read(first, own)
            self._over(own, level if above is None else above)
        else:
            self.read(first, level)
        for one in others:
            self.read(one, level)

    def _belongs(self, node: ast.AST, level: int) -> int:
        """Return the lowest level of what a piece is made of; `level` where that has none."""
        return max(self._places(node, level), default=level)

    def _places(self, node: ast.AST, level: int) -> Iterator[int]:
        parts: Iterable[ast.AST] = ast.iter_child_nodes(node)
        if isinstance(node, ast.Name):
            if node.id in (_COUNT, *RESERVED):
                yield level
            elif node.id in self._where:
                yield self._where[node.id]
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            parts = node.args
            if node.func.id in (_COUNT, *_GROUPED):
                above = self._above(node)
                yield level if above is None else above
                return
        for part in parts:
            yield from self._places(part, level)

    def _above(self, node: ast.Call) -> int | None:
        return self._place(node.keywords[0].value) if node.keywords else None

    def _place(self, node: ast.expr) -> int:
        return self._levels.index(node.id) if isinstance(node, ast.Name) else 0

    def _over(self, counted: int, target: int) -> None:
        """Note the levels whose sizes say how many `counted` units a group has, or all have."""
        first = 0 if counted <= target else target + 1
        self.sizes.update(dict.fromkeys(range(first, counted + 1)))
