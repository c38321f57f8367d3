"""What all analyses of a replicate see: a population, a sample with weights, and the targets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from wemix_ref.design import build_design
from wemix_ref.errors import StudyError, WemixRefError
from wemix_ref.fit import fit_design
from wemix_ref.formula import parse_formula
from wemix_ref.simulate.arithmetic import Scope
from wemix_ref.simulate.estimates import estimates_of_fit
from wemix_ref.simulate.hierarchy import Population
from wemix_ref.simulate.places import at
from wemix_ref.simulate.populations import draw_population
from wemix_ref.simulate.sampling import draw_sample
from wemix_ref.simulate.streams import RStream, Stream, stream_of
from wemix_ref.simulate.study import Scenario, Study
from wemix_ref.simulate.true_values import true_values

__all__ = ["Drawn", "Draws"]

Array = NDArray[np.float64]

# The last word of a stream's key, so that a population does not depend on how it is sampled.
_POPULATION, _SAMPLE = 0, 1


@dataclass(frozen=True)
class Drawn:
    """One replicate's population and sample.

    Attributes
    ----------
    population : the population sampled from.
    frame : the sample, a row each level-1 unit.
    weights : by level name, (n,) unconditional weights.
    """

    population: Population
    frame: pd.DataFrame
    weights: Mapping[str, Array]


class Draws:
    """The replicates of one scenario, each a function of seed, scenario and replicate alone.

    Parameters
    ----------
    study, scenario : the study and one of its scenarios.
    """

    def __init__(self, study: Study, scenario: Scenario) -> None:
        self.study = study
        self.scenario = scenario

    @property
    def levels(self) -> tuple[str, ...]:
        """The population's levels, top first."""
        return self.scenario.population.level_names

    @property
    def short_names(self) -> bool:
        """Whether all the study's models have one grouping factor, so that names leave it out."""
        return self.scenario.short_names

    def place(self, replicate: int) -> str:
        """Name a replicate, for messages: the file, the scenario and its number."""
        return f"{self.study.path}, scenario {self.scenario.name!r}, replicate {replicate}"

    def draw(self, replicate: int) -> Drawn:
        """Draw one replicate's population (unless it is finite) and its sample.

        Raises
        ------
        StudyError
            If an expression gives no numbers, or a size is impossible; EmptySample where no unit
            is in the sample.
        """
        of_population, of_sample = self._streams(replicate)
        scenario = self.scenario
        population = (
            self._finite_population
            if self.study.finite
            else draw_population(scenario.population, scenario.parameters, of_population)
        )
        sample = draw_sample(scenario.sampling, population, scenario.parameters, of_sample)
        weights = {name: sample.unconditional(level) for level, name in enumerate(self.levels)}
        return Drawn(population, population.frame(sample.rows), weights)

    def targets(self, population: Population) -> dict[str, dict[str, float]]:
        """Return what estimates are held against: by model, then by parameter."""
        scenario = self.scenario
        stated = {}
        scope = Scope(population.hierarchy, {}, scenario.parameters)
        for name, expression in scenario.target.values.items():
            with at(f"target.values.{name}"):
                stated[name] = float(expression.evaluate(scope, 0)[0])
        if scenario.target.kind == "parameter":
            truth, short = population.truth, self.short_names
            return {
                model: true_values(model, scenario.population, truth, short) | stated
                for model in scenario.models
            }
        found = self._finite_fit if self.study.finite else self._population_fit(population)
        response = parse_formula(scenario.target.model).response
        # numbers of another response are none to hold these against
        return {
            model: (found if parse_formula(model).response == response else {}) | stated
            for model in scenario.models
        }

    def _streams(self, replicate: int) -> tuple[Stream, Stream]:
        """Return the streams of the population and of the sample; R's are one."""
        study = self.study
        if study.r_seed is not None:
            # a finite population takes the first seed for itself
            one = RStream(study.r_seed + replicate + int(study.finite))
            return one, one
        key = (study.seed, self.scenario.name, replicate)
        return stream_of(*key, _POPULATION), stream_of(*key, _SAMPLE)

    @cached_property
    def _finite_population(self) -> Population:
        study, scenario = self.study, self.scenario
        stream = (
            stream_of(study.seed, "population", scenario.population_key)
            if study.r_seed is None
            else RStream(study.r_seed)
        )
        return draw_population(scenario.population, scenario.parameters, stream)

    @cached_property
    def _finite_fit(self) -> dict[str, float]:
        return self._population_fit(self._finite_population)

    def _population_fit(self, population: Population) -> dict[str, float]:
        """Return the estimates of the target's model fitted to all units, without weights."""
        target = self.scenario.target
        try:
            fit = fit_design(build_design(target.model, population.frame()), reml=target.reml)
        except WemixRefError as error:
            raise StudyError(
                f"the target's model must fit the whole population; it does not: {error}"
            ) from error
        named = estimates_of_fit(fit, target.residual_variance, self.levels, self.short_names)
        return {name: estimate for name, (estimate, _) in named.items()}
