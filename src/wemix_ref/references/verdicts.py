"""What became of a number of R between two of its versions."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from wemix_ref.verdicts import Number, digits_of

__all__ = ["VERDICTS", "Row", "row_of", "verdict_of"]

#: Verdicts, and what each means.
VERDICTS = {
    "worsened": "agreed with ours as recorded, does not now or is no longer given",
    "fixed": "differed from ours as recorded, agrees now",
    "changed": "differed from ours as recorded, and is another number now, or none",
    "new": "was not recorded, or not judged",
    "same": "agrees with ours as it did, or differs as it did",
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
    expected : digits that a number that differed before must share to be the same; None: all.

    Returns
    -------
    str or None
        A key of `VERDICTS`; None where nothing was judged on either side.
    """
    agreed = None if before is None else before.ok
    agrees = None if now is None else now.ok
    if agreed is None:
        return None if agrees is None else "new"
    if agreed:
        if agrees:
            return "same"
        return "changed" if now is not None and agrees is None else "worsened"
    if agrees:
        return "fixed"
    shared = 0.0 if digits is None else digits
    return (
        "same"
        if now is not None and shared >= (16.0 if expected is None else expected)
        else ("changed")
    )


def row_of(
    naming: dict[str, Any], before: Number | None, now: Number | None, expected: float | None
) -> Row | None:
    """Put a number as recorded and as it is side by side; None where nothing is judged."""
    number = now if now is not None else before
    assert number is not None
    recorded, live = _value(before), _value(now)
    digits = None if recorded is None or live is None else digits_of(recorded, live)
    verdict = verdict_of(before, now, digits, expected)
    if verdict is None:
        return None
    why = number.why
    if verdict == "same" and _rose(number, recorded, live):
        verdict = "worsened"
        why = (
            f"The optimum must not rise by more than {_ROOM:g} from one version to the next. {why}"
        )
    return Row(
        **naming,
        tier=number.tier,
        quantity=number.quantity,
        name=number.name,
        recorded=recorded,
        live=live,
        ours=number.ours,
        digits=digits,
        agreed=None if before is None else before.ok,
        agrees=None if now is None else now.ok,
        verdict=verdict,
        why=why,
    )


#: What the deviance at the program's own optimum may rise by: of no account to any inference.
_ROOM = 1e-3


def _rose(number: Number, recorded: float | None, live: float | None) -> bool:
    """Whether a program now stops higher: above ours it was before, and may be by any amount."""
    if (number.tier, number.quantity) != ("own-optimum", "deviance"):
        return False
    if recorded is None or live is None:
        return False
    return live - recorded > max(_ROOM, 1e-10 * abs(recorded))


def _value(number: Number | None) -> float | None:
    if number is None or number.theirs is None:
        return None
    return float(number.theirs)
