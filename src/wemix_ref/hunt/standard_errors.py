"""Standard errors of two answers held against each other, and what of them may be rounding."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from wemix_ref.hunt.expected import Expected, Pair
from wemix_ref.hunt.model import Model
from wemix_ref.hunt.optimum import reach
from wemix_ref.hunt.points import Point, labels, number, told
from wemix_ref.hunt.verdict import Difference

__all__ = [
    "EXACT",
    "NUMERICAL_STEP",
    "VARIANCE_AT_OPTIMUM",
    "at_common_theta",
    "at_optimum",
    "rounding",
]

#: Standard errors are derivatives; those of the estimator and of lme4's pieces are exact ones.
EXACT = 1e-7
#: WeMix's scores behave as central differences with one step, whatever the unit of y: the rounding
#: of a log-likelihood over that step is what they lose. On 21 models in 6 units of y, from 1e-4 to
#: 1e6, that was at most what a step of 2e-5 leaves; a tenth of it is taken, for other data.
NUMERICAL_STEP = {"wemix": 2e-6}
#: Engines whose standard errors of variances are those of their own optimum, and numerical ones.
#: WeMix's were within 2e-5 of the exact ones where y had a standard deviation of 1 or 100; in other
#: units they are wrong (divergence `variance-se-unit`).
VARIANCE_AT_OPTIMUM = {"wemix": 1e-3}
#: Relative change of such a standard error where theta moves by one of its own; a few, taken high.
_CHANGE = 10.0
_EPS = 2.0**-52

_Errors = Sequence[float | None]


def at_common_theta(pair: Pair, here: Point, there: Point, engine: str) -> Iterator[Difference]:
    """Standard errors at one theta that differ, by every recipe that both points have."""
    expected = pair.expected
    one, other = _by_recipe(here), _by_recipe(there)
    room = EXACT
    if engine in NUMERICAL_STEP:
        step = NUMERICAL_STEP[engine]
        room += rounding(pair.first, here, step) + rounding(pair.second, there, step)
    for recipe in sorted(set(one) & set(other)):
        factor = expected.se.get(recipe)
        if factor is None:
            continue
        for name, se in one[recipe]["se_beta"].items():
            wanted = factor * abs(expected.y_scale) * number(se)
            got = number(other[recipe]["se_beta"].get(expected.names.get(name, name)))
            if not _close(wanted, got, room):
                yield Difference(f"se_beta, {recipe}", name, told(wanted), told(got))
        errors = [by[recipe].get("se_variance_components") for by in (one, other)]
        if errors[0] is None or errors[1] is None:
            continue
        rows = _variances(expected, factor, here, errors[0], there, errors[1])
        for label, wanted, got in rows:
            if not _close(wanted, got, EXACT):
                yield Difference(f"se_variance, {recipe}", label, told(wanted), told(got))


def at_optimum(
    pair: Pair, first: Mapping[str, Any], second: Mapping[str, Any]
) -> Iterator[Difference]:
    """Standard errors of variances that differ between two optima of one deviance.

    Nothing where the engine gives them at any theta, or where an optimum is singular: a variance
    of zero has no standard error.
    """
    here, there, expected = first["optimum"], second["optimum"], pair.expected
    base = VARIANCE_AT_OPTIMUM.get(first["engine"])
    factor = expected.se.get(here["se_recipe"])
    if base is None or factor is None or first["singular"] or second["singular"]:
        return
    apart = reach(pair, here, there)
    errors = [[row["se"] for row in point["variance_components"]] for point in (here, there)]
    rows = _variances(expected, factor, here, errors[0], there, errors[1])
    for (label, wanted, got), row in zip(rows, here["variance_components"], strict=True):
        # a standard deviation that is small beside its own standard error carries it along
        share = number(row["se"]) / abs(row["vcov"]) if row["vcov"] else math.inf
        room = base + _CHANGE * apart * (1.0 + share)
        if not math.isnan(wanted) and not _close(wanted, got, min(room, 1.0)):
            yield Difference("se_variance, at the optimum", label, told(wanted), told(got))


def rounding(model: Model, point: Point, step: float) -> float:
    """What central differences with a fixed step lose of a standard error, relative to it.

    A score is a difference of log-likelihoods of size L over the step: it is off by eps L / step,
    and is itself of the order of 1 / SE. L is taken for weights with mean 1: another total weight
    multiplies the scores as well.
    """
    n = len(model.data)
    size = n * (abs(point["deviance"]) / model.total_weight() + 1.0)
    known = [number(se) for se in point["se_beta"].values()]
    return _EPS * size * sum(se for se in known if not math.isnan(se)) / step


def _variances(
    expected: Expected,
    factor: float,
    here: Point,
    first: _Errors,
    there: Point,
    second: _Errors,
) -> Iterator[tuple[str, float, float]]:
    """Label of each variance component, its standard error as it must be, and as it is."""
    found = dict(zip(labels(there, {}), second, strict=True))
    for label, se in zip(labels(here, expected.names), first, strict=True):
        wanted = factor * expected.y_scale**2 * number(se)
        yield " ".join(label), wanted, number(found.get(label))


def _by_recipe(point: Point) -> dict[str, Mapping[str, Any]]:
    if point.get("recipes"):
        return dict(point["recipes"])
    return {point["se_recipe"]: {"se_beta": point["se_beta"]}}


def _close(wanted: float, got: float, room: float) -> bool:
    if math.isnan(wanted) or math.isnan(got):
        return math.isnan(wanted) and math.isnan(got)
    return abs(wanted - got) <= room * max(abs(wanted), abs(got))
