"""What became of a number of R between two of its versions."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

from wemix_ref.references.judge import is_optimum
from wemix_ref.verdicts import Number, digits_of

__all__ = ["VERDICTS", "Row", "row_of", "verdict_of"]

#: Verdicts, and what each means.
VERDICTS = {
    "worsened": "agreed with ours as recorded; now it does not, or to fewer digits than expected, "
    "or is no longer given",
    "fixed": "differed from ours as recorded, agrees now",
    "changed": "differed from ours as recorded, and is another number now, or none",
    "new": "was not recorded, or not judged",
    "same": "agrees with ours to the digits expected, or differs as it did",
}


@dataclass(frozen=True)
class Row:
    """One number of one engine in one case.

    Attributes
    ----------
    case, engine : whose.
    reference : name of the recorded answer; None where there is none.
    recorded_version, live_version : of the program.
    tier, quantity, name : what the number is; tier ``answer`` is whether there was an answer.
    recorded, live, ours : the values; None where one is not given. `ours` is at the live theta.
    digits : digits that recorded and live share; None where one is not given.
    digits_ours : digits that live and ours share, likewise.
    expected : digits expected of the live number by the record; None where it expects none.
    agreed, agrees : whether the recorded, the live value agrees with ours; None where not judged.
    verdict : a key of `VERDICTS`.
    why : the reason of the tolerance, or of the verdict.
    """

    case: str
    engine: str
    reference: str | None
    recorded_version: str | None
    live_version: str
    tier: str
    quantity: str
    name: str
    recorded: float | None
    live: float | None
    ours: float | None
    digits: float | None
    digits_ours: float | None
    expected: float | None
    agreed: bool | None
    agrees: bool | None
    verdict: str
    why: str

    @property
    def key(self) -> str:
        """The number in words: tier, quantity and name."""
        return " ".join(part for part in (self.tier, self.quantity, self.name) if part)

    def as_dict(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


def verdict_of(
    before: Number | None, now: Number | None, digits: float | None, expected: float | None
) -> str | None:
    """Say what became of a number.

    Parameters
    ----------
    before : as recorded, held against ours; None where it was not given.
    now : as it is, held against ours; None where it is not given.
    digits : digits that the two share; None where one is not given.
    expected : digits that it is to have: shared with ours where it agreed before, with the recorded
        number where it differed; None: none where it agreed, all where it differed.

    Returns
    -------
    str or None
        A key of `VERDICTS`; None where nothing was judged on either side.
    """
    agreed = None if before is None else before.ok
    agrees = None if now is None else now.ok
    if agreed is None:
        return None if agrees is None else "new"
    short = before is not None and now is not None and _falls_short(before, now, expected)
    if agreed:
        if agrees:
            return "worsened" if short else "same"
        return "changed" if now is not None and agrees is None else "worsened"
    if agrees and not short:
        return "fixed"
    shared = 0.0 if digits is None else digits
    enough = 16.0 if expected is None else expected
    return "same" if now is not None and shared >= enough else "changed"


def _falls_short(before: Number, now: Number, expected: float | None) -> bool:
    """Whether a number that agrees has fewer digits than expected, or an optimum has risen.

    A recorded optimum below ours was no right one: none is held to it.
    """
    if expected is None:
        return False
    recorded, live = _value(before), _value(now)
    if is_optimum((now.tier, now.quantity, now.name)) and recorded is not None and live is not None:
        return bool(before.ok) and live - recorded > 10.0**-expected * abs(recorded)
    return now.digits is not None and not now.digits >= expected


def row_of(
    naming: dict[str, Any],
    before: Number | None,
    now: Number | None,
    expected: tuple[float, str] | None,
) -> Row | None:
    """Put a number as recorded and as it is side by side; None where nothing is judged.

    Parameters
    ----------
    naming : case, engine, reference and versions of the row.
    before, now : as `verdict_of` has them.
    expected : digits that the record expects, and why; None where it expects none.
    """
    number = now if now is not None else before
    assert number is not None
    recorded, live = _value(before), _value(now)
    digits = None if recorded is None or live is None else digits_of(recorded, live)
    wanted = None if expected is None else expected[0]
    verdict = verdict_of(before, now, digits, wanted)
    if verdict is None:
        return None
    why = number.why
    if verdict == "worsened" and now is not None and now.ok and expected is not None:
        why = f"{wanted:g} digits are expected. {expected[1]}"
    return Row(
        **naming,
        tier=number.tier,
        quantity=number.quantity,
        name=number.name,
        recorded=recorded,
        live=live,
        ours=number.ours,
        digits=digits,
        digits_ours=None if live is None or now is None else _finite(now.digits),
        expected=wanted,
        agreed=None if before is None else before.ok,
        agrees=None if now is None else now.ok,
        verdict=verdict,
        why=why,
    )


def _value(number: Number | None) -> float | None:
    if number is None or number.theirs is None:
        return None
    return float(number.theirs)


def _finite(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else value
