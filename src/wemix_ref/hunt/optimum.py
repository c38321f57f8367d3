"""Two optima of one engine held against each other, by what their deviances leave open."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from wemix_ref.hunt.expected import Expected, Pair
from wemix_ref.hunt.points import BETA, Point, Size, beta_pairs, labels, number
from wemix_ref.hunt.verdict import Difference, Verdict

__all__ = ["CLAIMS_NO_MINIMUM", "judge_optimum", "reach"]

#: Engines whose optima are no claim of a minimum to rounding: their optimisers call converged what
#: is flat by their own rule, and may stop well above.
CLAIMS_NO_MINIMUM = ("lme4", "lme4-weighted", "wemix", "statsmodels")


def judge_optimum(pair: Pair, first: Mapping[str, Any], second: Mapping[str, Any]) -> Verdict:
    """Hold two optima against each other, where the criterion is known to be the same.

    Parameters
    ----------
    first, second : mapping
        Fit records.
    """
    here, there = first["optimum"], second["optimum"]
    size = Size(pair)
    wanted = size.expected(here["deviance"])
    claims = all(_at_minimum(record) for record in (first, second))
    if not abs(there["deviance"] - wanted) <= size.room(here["deviance"]):
        found = (Difference("deviance", "at the optimum", wanted, there["deviance"]),)
        return Verdict("another optimum" if claims else "stops early", found)
    differences: list[Difference] = []
    if claims:
        differences = list(_within_reach(pair.expected, here, there, reach(pair, here, there)))
    return Verdict("another optimum" if differences else "same", tuple(differences))


def reach(pair: Pair, here: Point, there: Point) -> float:
    """How many standard errors apart the estimates of two optima may lie.

    D is quadratic at its minimum: what is d above it lies within sqrt(d) standard errors; d is the
    gap between the deviances and what of it may be rounding.
    """
    size = Size(pair)
    gap = abs(there["deviance"] - size.expected(here["deviance"]))
    return math.sqrt((gap + size.room(here["deviance"])) / size.factor)


def _at_minimum(record: Mapping[str, Any]) -> bool:
    """Whether an engine says of its optimum that it is the minimum to rounding."""
    return record["engine"] not in CLAIMS_NO_MINIMUM and record.get("converged") is True


def _within_reach(
    expected: Expected, here: Point, there: Point, room: float
) -> Iterator[Difference]:
    """Estimates further apart than `room` standard errors of the model."""
    model = here["recipes"]["model"]
    b = expected.y_scale
    for name, value, wanted, _ in beta_pairs(expected, here, there):
        se = abs(b) * number(model["se_beta"].get(name))
        rounding = BETA * (abs(wanted) + 2.0 * abs(expected.shift.get(name, 0.0)))
        if not abs(value - wanted) <= room * se + rounding:
            yield Difference("beta", f"{name}, at the optimum", wanted, value)
    found = {
        label: row["vcov"]
        for label, row in zip(labels(there, {}), there["variance_components"], strict=True)
    }
    rows = zip(
        labels(here, expected.names),
        here["variance_components"],
        model["se_variance_components"],
        strict=True,
    )
    for label, row, se in rows:
        if se is None or math.isnan(se):
            continue  # at the boundary D is flat: a standard deviation there may be anything small
        wanted = b * b * row["vcov"]
        if not abs(found.get(label, math.nan) - wanted) <= b * b * se * room + BETA * abs(wanted):
            yield Difference("variance", " ".join(label), wanted, found.get(label))
