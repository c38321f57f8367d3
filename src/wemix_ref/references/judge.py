"""One answer of R against ours, number by number, by the tolerances of the comparison."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

from wemix_ref.tiers.ours import Ours
from wemix_ref.tiers.own_optimum import own_optimum
from wemix_ref.tiers.same_theta import same_theta, standard_errors
from wemix_ref.tolerances import Tolerance, Tolerances
from wemix_ref.verdicts import Number

__all__ = ["Key", "differing", "digits_expected", "expectations", "judged"]

#: Tier, quantity and name of a number.
Key = tuple[str, str, str]


def judged(
    ours: Ours,
    engine: str,
    own: Mapping[str, Any],
    tolerances: Tolerances,
    there: Mapping[str, Any] | None = None,
) -> dict[Key, Number]:
    """Judge the numbers of an answer.

    Parameters
    ----------
    ours : our side.
    engine : whose answer it is; chooses the tolerances.
    own : the point where the engine's optimiser stopped.
    tolerances : what must agree.
    there : the engine's point at the theta where both are evaluated; None for `own`.

    Returns
    -------
    dict
        Numbers by tier (same theta, own optimum, standard errors), quantity and name.
    """
    naming: dict[str, Any] = {
        "engine": engine,
        "software": engine,
        "source": engine,
        "tolerances": tolerances,
        "precision": False,
    }
    numbers = same_theta(ours, own if there is None else there, at="recorded", **naming)
    numbers += own_optimum(ours, own, **naming)
    numbers += standard_errors(ours, own, at=f"{engine}-optimum", **naming)
    return {(number.tier, number.quantity, number.name): number for number in numbers}


def digits_expected(number: Number, tolerance: Tolerance) -> float | None:
    """Digits that the tolerance asks of a number; None where it asks for none."""
    if number.required is not None:
        return number.required
    if tolerance.rule == "not-above" and tolerance.value:
        return -math.log10(tolerance.value)
    return None


def expectations(
    numbers: Iterable[Number], engine: str, tolerances: Tolerances
) -> list[dict[str, Any]]:
    """Digits that a later answer is to share with this one, for each tier and quantity.

    The fewest that any of the quantity's numbers is held to, with the tolerance's reason: where
    an optimiser stops differs by version, and normal equations lose digits.
    """
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for number in numbers:
        tolerance = tolerances.find(number.tier, number.quantity, engine)
        digits = digits_expected(number, tolerance)
        if digits is None:
            continue
        entry = {
            "tier": number.tier,
            "quantity": number.quantity,
            "digits": digits,
            "why": tolerance.why,
        }
        key = (number.tier, number.quantity)
        if key not in found or digits < found[key]["digits"]:
            found[key] = entry
    return list(found.values())


def differing(numbers: Iterable[Number]) -> list[dict[str, Any]]:
    """The numbers that do not agree with ours: what is known to diverge."""
    return [
        {
            "tier": number.tier,
            "quantity": number.quantity,
            "name": number.name,
            "theirs": number.theirs,
            "ours": number.ours,
        }
        for number in numbers
        if number.ok is False
    ]
