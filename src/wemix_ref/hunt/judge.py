"""Two answers of one engine held against each other under an identity.

Optimisers in R stop early, each at a place of its own, and where a variance is near zero the
deviance is flat. So the criterion itself is compared first: both ways of writing the model are
evaluated at one theta, off zero. Only an engine that says it has converged to a minimum is held to
its own optimum as well, and there estimates may differ by what the deviances' rounding leaves.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from wemix_ref.hunt.expected import Expected, Pair
from wemix_ref.hunt.optimum import judge_optimum
from wemix_ref.hunt.points import BETA, SIGMA, Point, Size, beta_pairs
from wemix_ref.hunt.standard_errors import at_common_theta, at_optimum
from wemix_ref.hunt.verdict import Difference, Verdict

__all__ = ["COMMON", "judge"]

#: Label of the theta at which both ways are evaluated.
COMMON = "common"


def judge(pair: Pair, first: Mapping[str, Any], second: Mapping[str, Any]) -> Verdict:
    """Hold the fit records of a pair's two ways against each other.

    Parameters
    ----------
    first, second : mapping
        Fit records, each with the point `COMMON`.
    """
    answered = [record["status"] == "ok" for record in (first, second)]
    if not all(answered):
        messages = [record["message"] for record in (first, second) if record["status"] != "ok"]
        told = any(record["status"] == "failed" for record in (first, second))
        kind = "fails" if any(answered) and told else "no answer"
        return Verdict(kind, (), messages[0])
    here, there = first["at"][0], second["at"][0]
    criterion = list(_estimates(pair.expected, here, there, Size(pair)))
    if criterion:
        return Verdict("another model", tuple(criterion))
    errors = list(at_common_theta(pair, here, there, first["engine"]))
    optima = judge_optimum(pair, first, second)
    if optima.found:
        return optima
    if optima.kind == "same":
        errors += at_optimum(pair, first, second)
    return Verdict("standard errors", tuple(errors)) if errors else optima


def _estimates(expected: Expected, here: Point, there: Point, size: Size) -> Iterator[Difference]:
    """Deviance, sigma and beta at one theta, where they are not what they must be."""
    deviance = size.expected(here["deviance"])
    if not abs(there["deviance"] - deviance) <= size.room(here["deviance"]):
        yield Difference("deviance", "", deviance, there["deviance"])
    sigma = abs(expected.y_scale) * here["sigma"]
    if not abs(there["sigma"] - sigma) <= SIGMA * sigma:
        yield Difference("sigma", "", sigma, there["sigma"])
    for name, value, wanted, se in beta_pairs(expected, here, there):
        shift = expected.shift.get(name, 0.0)
        if not abs(value - wanted) <= BETA * (abs(wanted - shift) + abs(shift) + se):
            yield Difference("beta", name, wanted, value)
