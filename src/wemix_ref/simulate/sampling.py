"""Multistage sampling from a population: who is selected, and with which weights."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from wemix_ref.simulate.adjustments import class_factors, noise_factors, trim, trimming_bound
from wemix_ref.simulate.arithmetic import Expression, Scope
from wemix_ref.simulate.cells import Float, Mask
from wemix_ref.simulate.hierarchy import Hierarchy, Population
from wemix_ref.simulate.places import at
from wemix_ref.simulate.sample import EmptySample, Sample
from wemix_ref.simulate.sampling_spec import Nonresponse, SamplingSpec, sampling_spec
from wemix_ref.simulate.stages import proportions, stage_design
from wemix_ref.simulate.streams import Stream

__all__ = [
    "EmptySample",
    "Sample",
    "SamplingSpec",
    "draw_sample",
    "sampling_spec",
]

Parameters = Mapping[str, float | bool | str]


def draw_sample(
    spec: SamplingSpec,
    population: Population,
    parameters: Parameters,
    stream: Stream,
) -> Sample:
    """Draw a sample, level by level from the top, and make its weights.

    At each level units are selected within the selected units above, then some of them do not
    respond. A unit's conditional weight is one over its conditional inclusion probability (or the
    weight as coded), times the adjustment for nonresponse. Groups left without a level-1 unit
    are taken out. Then the weights of each level, top first, are trimmed over the sample, and at
    last the noise comes on them. The stream is used in this order too: at each level the
    selection, then the responses; in the end the noise, top first. With R's stream, simple
    random samples are those of ``sample.int`` for one cell after another, Poisson samples and
    responses those of ``rbinom(n, 1, p)``.

    Parameters
    ----------
    spec : SamplingSpec
    population : Population
    parameters : mapping of str to float, bool or str
        The scenario's.
    stream : Stream

    Returns
    -------
    Sample

    Raises
    ------
    StudyError
        If an expression gives what is not possible (see :func:`stage_design`).
    EmptySample
        If no level-1 unit is selected or responds, or nobody of a weighting class does.
    """
    hierarchy = population.hierarchy
    scope = Scope(hierarchy, population.variables, parameters)
    active = np.ones(1, dtype=bool)
    above = np.ones(1)
    kept: list[Mask] = []
    weights: list[Float] = []
    probabilities: list[Float] = []
    for level in range(hierarchy.depth):
        design = stage_design(spec.stages[level], scope, level)
        selected = design.select(active, stream)
        probability = np.empty(selected.size)
        probability[design.order] = design.probability
        parents = hierarchy.parents[level]
        weight = 1.0 / probability if design.weight is None else design.weight.copy()
        nonresponse = spec.nonresponse[level]
        if nonresponse is not None:
            selected = _respond(nonresponse, scope, level, selected, weight, above, stream)
        probabilities.append(np.where(active[parents], probability, np.nan))
        weights.append(weight)
        kept.append(selected)
        active, above = selected, above[parents] * weight
    _leave_out_empty(hierarchy, kept)
    if not kept[-1].any():
        raise EmptySample(
            f"a sample must have at least one `{hierarchy.names[-1]}`; none was selected and "
            "responded. Raise the sizes or probabilities"
        )
    weights = [np.where(keep, weight, np.nan) for keep, weight in zip(kept, weights, strict=True)]
    _trim(spec, hierarchy, weights, parameters)
    for level, cv in enumerate(spec.noise):
        if cv is not None:
            number = int(kept[level].sum())
            with at(f"noise.{hierarchy.names[level]}.cv"):
                factors = noise_factors(stream, cv.number(parameters), number)
            weights[level][kept[level]] *= factors
    return Sample(np.flatnonzero(kept[-1]), tuple(weights), tuple(probabilities), hierarchy)


def _respond(
    nonresponse: Nonresponse,
    scope: Scope,
    level: int,
    selected: Mask,
    weight: Float,
    above: Float,
    stream: Stream,
) -> Mask:
    """Say who of the selected responds, and adjust the conditional weights in place."""
    where = f"nonresponse.{scope.hierarchy.names[level]}"
    chance = proportions(nonresponse.probability, scope, level, f"{where}.probability")
    who = np.flatnonzero(selected)
    answered = stream.bernoulli(chance[who])
    if nonresponse.adjust == "exact":
        weight[who] /= chance[who]
    elif nonresponse.classes is not None and who.size:
        unconditional = above[scope.hierarchy.parents[level][who]] * weight[who]
        with at(f"{where}.adjust"):
            classes = nonresponse.classes.evaluate(scope, level)[who]
        weight[who] *= class_factors(unconditional, answered, classes)
    responding = np.zeros_like(selected)
    responding[who] = answered
    return responding


def _leave_out_empty(hierarchy: Hierarchy, kept: list[Mask]) -> None:
    """Take out groups without a unit of the level below, from the bottom up, in place."""
    for level in range(hierarchy.depth - 2, -1, -1):
        below = hierarchy.parents[level + 1][kept[level + 1]]
        kept[level] = kept[level] & (np.bincount(below, minlength=kept[level].size) > 0)


def _trim(
    spec: SamplingSpec, hierarchy: Hierarchy, weights: list[Float], parameters: Parameters
) -> None:
    """Trim the weights of the levels that ask for it, top first, in place."""
    above = np.ones(1)
    for level, trimming in enumerate(spec.trimming):
        parents = hierarchy.parents[level]
        if trimming is not None:
            inside = ~np.isnan(weights[level])
            sampled = weights[level][inside]
            with at(f"trimming.{hierarchy.names[level]}"):
                bound = trimming_bound(
                    sampled,
                    _number(trimming.quantile, parameters),
                    _number(trimming.times_median, parameters),
                )
            weights[level][inside] = trim(
                sampled, above[parents[inside]], bound, redistribute=trimming.redistribute
            )
        above = above[parents] * weights[level]


def _number(expression: Expression | None, parameters: Parameters) -> float | None:
    return None if expression is None else expression.number(parameters)
