"""Populations drawn from a generating model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from wemix_ref.errors import StudyError
from wemix_ref.simulate.arithmetic import Expression, Scope
from wemix_ref.simulate.draw_specs import VariableSpec
from wemix_ref.simulate.effects import INTERCEPT, EffectSpec
from wemix_ref.simulate.hierarchy import Hierarchy, Population, Variable
from wemix_ref.simulate.places import at
from wemix_ref.simulate.population_specs import (
    RESIDUAL,
    FixedSpec,
    PopulationSpec,
    population_spec,
)
from wemix_ref.simulate.streams import Stream

__all__ = ["PopulationSpec", "draw_population", "population_spec"]

Parameters = Mapping[str, float | bool | str]

# More units than this on one level is taken for a slip.
_MOST_UNITS = 20_000_000
# Variables are squared and summed: the square of this, over as many units as there may be, is far
# from what a double cannot hold.
_LARGEST = 1e140


def draw_population(spec: PopulationSpec, parameters: Parameters, stream: Stream) -> Population:
    """Draw a population: covariates, random effects and residuals, then the response.

    ``y = X beta + sum over levels of (u0 + u1 x1 + ...) + e``. A level's units are made when
    something of theirs is first drawn, so a number of units may depend on what was drawn before.

    Parameters
    ----------
    spec : PopulationSpec
    parameters : mapping of str to float, bool or str
        The scenario's.
    stream : Stream
        All randomness; the same stream gives the same bits.

    Returns
    -------
    Population
        Its truth has beta by R's names, the nominal variances and covariances of the random
        effects, and ``sigma2``; without those whose standard deviation differs between units.

    Raises
    ------
    StudyError
        If a number of units is no whole number, or 0 at the top or of a whole level; if an
        expression uses what is not drawn yet, an option is out of range, a parameter has the name
        of a variable, or a variable is not finite or too large to be squared.
    """
    clash = sorted(set(spec.variable_names) & set(parameters))
    if clash:
        raise StudyError(
            f"parameters and variables must have different names; {', '.join(clash)} is both"
        )
    work = _Drawing(spec, parameters, stream)
    steps: dict[str, VariableSpec | EffectSpec] = {one.name: one for one in spec.covariates}
    steps |= {one.block: one for one in spec.effects}
    for name in spec.order:
        if name == RESIDUAL:
            work.residuals()
            continue
        step = steps[name]
        if isinstance(step, VariableSpec):
            work.variable(step)
        else:
            work.effects(step)
    work.response()
    for one in spec.derived:
        work.variable(one)
    return Population(work.hierarchy, work.variables, _truth(spec, parameters))


@dataclass
class _Drawing:
    """A population so far."""

    spec: PopulationSpec
    parameters: Parameters
    stream: Stream
    hierarchy: Hierarchy = field(default_factory=lambda: Hierarchy((), ()))
    variables: dict[str, Variable] = field(default_factory=dict)

    def variable(self, one: VariableSpec) -> None:
        scope = self._units(one.level)
        with np.errstate(all="ignore"):  # _keep refuses what overflows
            values = one.values(scope, self.stream)
        self._keep(one.name, one.level, values)

    def effects(self, effect: EffectSpec) -> None:
        scope = self._units(effect.level)
        with np.errstate(all="ignore"):
            drawn = effect.values(scope, self.stream)
        for name, values in zip(effect.names, drawn, strict=True):
            self._keep(name, effect.level, values)

    def residuals(self) -> None:
        bottom = len(self.spec.level_names) - 1
        scope = self._units(bottom)
        residual = self.spec.residual
        with at("population.model.residual.sd"):
            sd = residual.sd.evaluate(scope, bottom)
        if (sd < 0.0).any():
            raise StudyError(
                f"population.model.residual.sd: `{residual.sd.text}` must be 0 or above for every "
                f"`{self.spec.level_names[-1]}`; it is not for {int((sd < 0.0).sum())} (first: "
                f"{float(sd[sd < 0.0][0]):g})"
            )
        with np.errstate(all="ignore"):
            values = sd * residual.source.values(scope, bottom, self.stream)
        self._keep(RESIDUAL, bottom, values)

    def response(self) -> None:
        bottom = len(self.spec.level_names) - 1
        with np.errstate(all="ignore"):
            total = self._total(bottom)
        self._keep(self.spec.response, bottom, total)

    def _total(self, bottom: int) -> NDArray[np.float64]:
        total = np.zeros(self.hierarchy.size(bottom))
        for one in self.spec.fixed:
            total += _coefficient(one, self.parameters) * self._product(one.factors, bottom)
        for effect in self.spec.effects:
            for name, term in zip(effect.names, effect.terms, strict=True):
                factors = (name,) if term == INTERCEPT else (name, term)
                total += self._product(factors, bottom)
        total += self.variables[RESIDUAL].values
        return total

    def _keep(self, name: str, level: int, values: NDArray) -> None:
        """Take a variable into the population, unless its squares cannot be summed."""
        good = np.abs(values) <= _LARGEST
        if not good.all():
            bad = np.flatnonzero(~good)
            raise StudyError(
                f"population: variable `{name}` must be at most {_LARGEST:g} in size for every "
                f"`{self.spec.level_names[level]}`, or its squares overflow; it is not for "
                f"{bad.size} of {values.size} (first: unit {int(bad[0])}, "
                f"{float(values[bad[0]]):g}). Make the standard deviations, options or "
                "coefficients that it is drawn from smaller"
            )
        self.variables[name] = Variable(level, values)

    def _product(self, factors: tuple[str, ...], level: int) -> float | NDArray:
        product: float | NDArray = 1.0
        for name in factors:
            one = self.variables[name]
            product = product * self.hierarchy.expand(one.values, one.level, level)
        return product

    def _units(self, level: int) -> Scope:
        """Make the units down to a level, those that are not there yet."""
        while self.hierarchy.depth <= level:
            self._next_level()
        return Scope(self.hierarchy, self.variables, self.parameters)

    def _next_level(self) -> None:
        above = self.hierarchy.depth - 1
        counts = self._sizes(above)
        parent = np.repeat(np.arange(counts.size), counts)
        names = self.spec.level_names[: above + 2]
        self.hierarchy = Hierarchy(names, (*self.hierarchy.parents, parent))

    def _sizes(self, above: int) -> NDArray[np.int64]:
        """How many units the next level has in each unit of the level above, or at the top."""
        size = self.spec.sizes[above + 1]
        where = f"population.levels.{self.spec.level_names[above + 1]}.size"
        scope = Scope(self.hierarchy, self.variables, self.parameters)
        if isinstance(size, Expression):
            try:
                numbers = (
                    np.array([size.number(self.parameters)])
                    if above < 0
                    else size.evaluate(scope, above).astype(np.float64)
                )
            except StudyError as problem:
                raise StudyError(
                    f"{where}: {problem}. What it depends on must be drawn before anything of the "
                    "level; see population.order"
                ) from problem
        else:
            with np.errstate(all="ignore"):
                numbers = size.sizes(scope, above, self.stream)
        # a group may be without units: it is then in no sample
        least = 1 if above < 0 else 0
        bad = (numbers != np.round(numbers)) | (numbers < least)
        if bad.any():
            raise StudyError(
                f"{where}: must be a whole number from {least}; it is not for {int(bad.sum())} of "
                f"{bad.size} (first: {float(numbers[bad][0]):g}). Write round(...), or "
                f"max({least}, ...)"
            )
        if not numbers.any():
            raise StudyError(
                f"{where}: the level must have a unit; the sizes of all {numbers.size} are 0"
            )
        if numbers.sum() > _MOST_UNITS:
            raise StudyError(
                f"{where}: a level may have {_MOST_UNITS} units; found {numbers.sum():.15g}"
            )
        return numbers.astype(np.int64)


def _coefficient(one: FixedSpec, parameters: Parameters) -> float:
    with at(f"population.model.fixed.{one.name}"):
        return one.value.number(parameters)


def _truth(spec: PopulationSpec, parameters: Parameters) -> dict[str, float]:
    truth = {one.name: _coefficient(one, parameters) for one in spec.fixed}
    for effect in spec.effects:
        truth |= effect.truth(parameters)
    sd = spec.residual.sd
    if not sd.uses_units(parameters):
        with at("population.model.residual.sd"):
            value = sd.number(parameters)
            truth["sigma2"] = value * value
    large = [name for name, value in truth.items() if not np.isfinite(value)]
    if large:
        raise StudyError(
            f"population.model: {', '.join(large)} must be finite; a standard deviation must be at "
            f"most {_LARGEST:g}"
        )
    return truth
