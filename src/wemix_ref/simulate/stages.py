"""One stage of a sampling design: its cells, sample sizes and inclusion probabilities."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from wemix_ref.errors import StudyError
from wemix_ref.simulate.arithmetic import Expression, Scope
from wemix_ref.simulate.cells import Cells, Float, Index, Mask, inclusion_probabilities
from wemix_ref.simulate.hierarchy import Hierarchy, Variable
from wemix_ref.simulate.places import at
from wemix_ref.simulate.sampford import sampford
from wemix_ref.simulate.sampling_spec import METHODS, Stage
from wemix_ref.simulate.streams import RStream, Stream
from wemix_ref.simulate.unequal import pivotal, simple_random, systematic

__all__ = ["StageDesign", "proportions", "stage_design"]

# Units in a unit's cell; known to a stage's expressions.
_COUNT = "count"


@dataclass(frozen=True)
class StageDesign:
    """Whom a stage selects with which probability, over all units of the level.

    Attributes
    ----------
    method : str
    order : ndarray of int, shape (N,)
        Units of the level, one cell after another.
    cells : Cells
        A parent's stratum each.
    parent : ndarray of int, shape (C,)
        The parent of each cell.
    take : ndarray, shape (C,)
        Sample sizes; expected ones where the size is random.
    probability : ndarray, shape (N,)
        Inclusion probabilities given that the parent is selected, in the order of `order`.
    weight : ndarray, shape (N,), or None
        Weights as coded, by unit; None: one over the probability.
    """

    method: str
    order: Index
    cells: Cells
    parent: Index
    take: Float
    probability: Float
    weight: Float | None

    def select(self, active: Mask, stream: Stream) -> Mask:
        """Select units within the parents that were selected themselves.

        Parameters
        ----------
        active : ndarray of bool, shape (N_above,)
            Which parents are selected.
        stream : Stream

        Returns
        -------
        ndarray of bool, shape (N,)
            By unit of the level.
        """
        open_cells = active[self.parent]
        inside = open_cells[self.cells.owner]
        cells = Cells(self.cells.sizes[open_cells])
        chosen = self._choose(cells, self.take[open_cells], self.probability[inside], stream)
        selected = np.zeros(self.order.size, dtype=bool)
        selected[self.order[inside]] = chosen
        return selected

    def _choose(self, cells: Cells, take: Float, probability: Float, stream: Stream) -> Mask:
        if self.method == "census":
            return np.ones(probability.size, dtype=bool)
        if self.method == "poisson":
            return stream.bernoulli(probability)
        if self.method == "srs":
            return _simple_random(cells, take.astype(np.int64), stream)
        chosen = probability >= 1.0
        rest, which = cells.restrict(~chosen)
        if which.size == 0:
            return chosen
        left = take.astype(np.int64)[which] - cells.total(chosen.astype(np.int64))[which]
        p = probability[~chosen]
        if self.method == "systematic":
            chosen[~chosen] = systematic(p, left, rest, stream.uniform(which.size))
        elif self.method == "pivotal":
            keys = stream.uniform(p.size)
            chosen[~chosen] = pivotal(p, rest, keys, stream.uniform(p.size))
        else:
            chosen[~chosen] = sampford(p, left, rest, stream.uniform(p.size))
        return chosen


def _simple_random(cells: Cells, take: Index, stream: Stream) -> Mask:
    """Draw as R's ``sample`` does, cell by cell, where R's generator is used."""
    if not isinstance(stream, RStream):
        return simple_random(take, cells, stream.uniform(int(cells.sizes.sum())))
    chosen = np.zeros(int(cells.sizes.sum()), dtype=bool)
    for start, size, n in zip(cells.starts, cells.sizes, take, strict=True):
        chosen[start + stream.sample(int(size), int(n))] = True
    return chosen


def stage_design(stage: Stage, scope: Scope, level: int) -> StageDesign:
    """Work out the cells, sample sizes and probabilities of a stage for the whole population.

    Parameters
    ----------
    stage : Stage
    scope : Scope
        All variables of the population, and the parameters.
    level : int
        0 is the top.

    Returns
    -------
    StageDesign

    Raises
    ------
    StudyError
        If a size is not whole, not constant within a cell or above the cell's units, or if a
        probability, a measure, a rate or a weight is out of its range; for any unit of the
        population, whether its parent is going to be selected or not.
    """
    where = f"sampling.{scope.hierarchy.names[level]}"
    with at(f"{where}.strata"):
        order, cells, parent = _cells(stage.strata, scope, level)
    with at(where):
        scope = _with_count(stage, scope, level, order, cells)
    if stage.method == "census":
        take = cells.sizes.astype(np.float64)
        probability = np.ones(order.size)
    elif stage.probability is not None:
        probability = proportions(stage.probability, scope, level, f"{where}.probability")[order]
        take = cells.total(probability)
    else:
        take = _sizes(stage, scope, level, order, cells, where)
        if stage.measure is None:
            probability = (take / cells.sizes)[cells.owner]
        else:
            measure = _positive(stage.measure, scope, level, f"{where}.measure")[order]
            probability = inclusion_probabilities(measure, take, cells)
            _check_reachable(probability, stage.measure, f"{where}.measure")
    weight = None
    if stage.weight is not None:
        weight = _positive(stage.weight, scope, level, f"{where}.weight")
    return StageDesign(stage.method, order, cells, parent, take, probability, weight)


def _cells(strata: Expression | None, scope: Scope, level: int) -> tuple[Index, Cells, Index]:
    """Order the level's units by cell; the cells, and the parent of each."""
    hierarchy: Hierarchy = scope.hierarchy
    parents = hierarchy.parents[level]
    order = np.arange(parents.size)
    if strata is None:
        counts = hierarchy.counts(level)
        parent = np.flatnonzero(counts)
        return order, Cells(counts[parent]), parent
    values = _numbers(strata, scope, level)
    order = np.lexsort((order, values, parents))
    begins = np.ones(order.size, dtype=bool)
    begins[1:] = (np.diff(values[order]) != 0.0) | (np.diff(parents[order]) != 0)
    starts = np.flatnonzero(begins)
    return order, Cells(np.diff(np.append(starts, order.size))), parents[order[starts]]


def _with_count(stage: Stage, scope: Scope, level: int, order: Index, cells: Cells) -> Scope:
    """Make the number of units in the cell known to the stage's expressions."""
    written = (stage.size, stage.rate, stage.probability, stage.measure, stage.weight)
    if not any(_COUNT in expression.names for expression in written if expression is not None):
        return scope
    if _COUNT in scope.parameters or _COUNT in scope.variables:
        raise StudyError(
            "`count` is the number of units in a cell where a sampling stage uses it; a variable "
            "or parameter has that name too. Give that another name"
        )
    counts = np.empty(order.size)
    counts[order] = cells.sizes[cells.owner]
    variables: Mapping[str, Variable] = {**scope.variables, _COUNT: Variable(level, counts)}
    return replace(scope, variables=variables)


def _sizes(stage: Stage, scope: Scope, level: int, order: Index, cells: Cells, where: str) -> Float:
    """Sample size of each cell, from `size` or `rate`."""
    expression = stage.size if stage.size is not None else stage.rate
    assert expression is not None
    key = "size" if stage.size is not None else "rate"
    with at(f"{where}.{key}"):
        values = _numbers(expression, scope, level)[order]
    varying = cells.least(values) != cells.greatest(values)
    what = f"{where}.{key}: `{expression.text}`"
    cell = "the population" if level == 0 else f"a `{scope.hierarchy.names[level - 1]}`"
    if stage.strata is not None:
        cell = "a stratum" if level == 0 else f"{cell} and stratum"
    if varying.any():
        raise StudyError(
            f"{what} must be constant within {cell}; it varies in {int(varying.sum())} of "
            f"{varying.size} (first: {_range(values, cells, varying)}). Use variables of higher "
            "levels or strata, or aggregates of lower ones"
        )
    value = values[cells.starts]
    fixed = METHODS[stage.method].fixed
    if stage.rate is not None:
        _check(
            (value > 0.0) & (value <= 1.0), value, what, f"rate must lie in (0, 1] in {cell}", ""
        )
        exact = value * cells.sizes
        # Half up, where a product such as 0.285 * 100 fell short of its half by rounding alone.
        return np.maximum(1.0, np.floor(exact + 0.5 + 1e-9)) if fixed else exact
    if fixed:
        whole = (value >= 1.0) & (value == np.floor(value))
        _check(whole, value, what, f"size must be a whole number from 1 on in {cell}", "")
    else:
        _check(value > 0.0, value, what, f"size must be positive in {cell}", "")
    few = cells.sizes < value
    if few.any():
        raise StudyError(
            f"{what}: size must not be above the units of {cell}; it is in {int(few.sum())} of "
            f"{few.size} (first: {value[few][0]:g} of {cells.sizes[few][0]}). Write "
            f"min({expression.text}, count)"
        )
    return value


def proportions(expression: Expression, scope: Scope, level: int, where: str) -> Float:
    """Evaluate probabilities at all units of a level; they must lie in (0, 1]."""
    with at(where):
        values = _numbers(expression, scope, level)
    _check(
        (values > 0.0) & (values <= 1.0),
        values,
        f"{where}: `{expression.text}`",
        "probability must lie in (0, 1]",
        "; a unit without a chance is not represented by any weight. Try expit()",
    )
    return values


def _positive(expression: Expression, scope: Scope, level: int, where: str) -> Float:
    with at(where):
        values = _numbers(expression, scope, level)
    _check(values > 0.0, values, f"{where}: `{expression.text}`", "must be positive", "; try exp()")
    return values


def _check_reachable(probability: Float, measure: Expression, where: str) -> None:
    """Refuse probabilities that the rounding of very unequal measures made zero."""
    _check(
        probability > 0.0,
        probability,
        f"{where}: `{measure.text}`",
        "must give every unit a probability above zero",
        "; make the measures of a cell less unequal",
    )


def _numbers(expression: Expression, scope: Scope, level: int) -> Float:
    return expression.evaluate(scope, level).astype(np.float64)


def _check(good: Mask, values: Float, what: str, must: str, advice: str) -> None:
    if not good.all():
        bad = np.flatnonzero(~good)
        raise StudyError(
            f"{what}: {must}; {bad.size} of {good.size} break this (first: number {bad[0]}, "
            f"{values[bad[0]]:g}){advice}"
        )


def _range(values: Float, cells: Cells, which: NDArray[np.bool_]) -> str:
    first = int(np.flatnonzero(which)[0])
    return f"from {cells.least(values)[first]:g} to {cells.greatest(values)[first]:g}"
