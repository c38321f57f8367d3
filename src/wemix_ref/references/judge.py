"""One answer of R against ours, number by number, by the tolerances of the comparison."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

from wemix_ref.tiers.ours import Ours
from wemix_ref.tiers.own_optimum import own_optimum
from wemix_ref.tiers.same_theta import same_theta, standard_errors
from wemix_ref.tolerances import Tolerances
from wemix_ref.verdicts import Number

__all__ = [
    "ROOM",
    "Key",
    "ceiling_of",
    "differing",
    "digits_expected",
    "expectations",
    "is_optimum",
    "judged",
]

#: Tier, quantity and name of a number.
Key = tuple[str, str, str]

#: What an engine makes of a program's pieces, and the program does not answer.
_NOT_ANSWERED = ("beta_refined",)

#: What the deviance at a program's own optimum may rise by from one version to the next. Estimates
#: may then move by its root, 0.003 standard errors. R's default optimisers stop less than 3e-7
#: above the minimum in every case that is shipped.
ROOM = 1e-5


def judged(
    ours: Ours,
    engine: str,
    own: Mapping[str, Any],
    tolerances: Tolerances,
    there: Mapping[str, Any] | None = None,
    *,
    ceiling: float | None = None,
) -> dict[Key, Number]:
    """Judge the numbers of an answer.

    Parameters
    ----------
    ours : our side.
    engine : whose answer it is; chooses the tolerances.
    own : the point where the engine's optimiser stopped.
    tolerances : what must agree.
    there : the engine's point at the theta where both are evaluated; None for `own`.
    ceiling : deviance up to which a higher optimum excuses estimates that are further off; None:
        any does, as in the comparison.

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
    optimum = own_optimum(ours, own, **naming)
    if ceiling is not None and own["deviance"] > ceiling:
        held = own_optimum(ours, {**own, "deviance": ceiling}, **naming)
        optimum = [
            number if number.quantity == "deviance" else other
            for number, other in zip(optimum, held, strict=True)
        ]
    numbers += optimum
    numbers += standard_errors(ours, own, at=f"{engine}-optimum", **naming)
    return {
        (number.tier, number.quantity, number.name): number
        for number in numbers
        if number.quantity not in _NOT_ANSWERED
    }


def is_optimum(key: Key) -> bool:
    """Whether a number is the deviance at a program's own optimum, which may fall but not rise."""
    return key[:2] == ("own-optimum", "deviance")


def ceiling_of(ours: Ours, own: Mapping[str, Any]) -> float:
    """The deviance up to which a later optimum is no worse than this one, or than ours."""
    lowest = ours.point(ours.optimum, "model")["deviance"]
    return float(max(own["deviance"], lowest) + _room(own["deviance"]))


def _room(deviance: float) -> float:
    return max(ROOM, 1e-10 * abs(deviance))


def digits_expected(
    ours: Ours, engine: str, own: Mapping[str, Any], tolerances: Tolerances
) -> dict[Key, tuple[float, str]]:
    """Digits that a later answer is to have, number by number, with the reason.

    They are fixed here, by this answer: a later one that stops higher is not given more room for
    it. Its estimates may be as far off as those of this optimum, raised by `ROOM`.

    Parameters
    ----------
    ours, engine, own, tolerances : as `judged` has them.
    """
    deviance, highest = own["deviance"], ceiling_of(ours, own)
    room = _room(deviance)
    raised = judged(ours, engine, {**own, "deviance": highest}, tolerances)
    found: dict[Key, tuple[float, str]] = {}
    for key, number in judged(ours, engine, own, tolerances).items():
        why = tolerances.find(key[0], key[1], engine).why
        if is_optimum(key):
            digits = -math.log10(room / max(abs(deviance), room))
            rise = f"The optimum must not rise by more than {room:.3g} from one version to the next"
            found[key] = (round(digits, 2), f"{rise}. {why}")
            continue
        required = raised[key].required if key[0] == "own-optimum" else number.required
        if required is not None:
            found[key] = (required, why)
    return found


def expectations(expected: Mapping[Key, tuple[float, str]]) -> list[dict[str, Any]]:
    """What `digits_expected` gives, as a recorded answer holds it.

    Returns
    -------
    list of dict
        ``tier``, ``quantity``, ``digits`` (by name of the number; the name may be empty), ``why``.
    """
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for (tier, quantity, name), (digits, why) in expected.items():
        entry = found.setdefault(
            (tier, quantity), {"tier": tier, "quantity": quantity, "digits": {}, "why": why}
        )
        entry["digits"][name] = digits
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
