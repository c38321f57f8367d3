"""Digits of agreement, and what is said of a number and of an engine."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from decimal import Decimal
from typing import Any

import numpy as np
import scipy.sparse as sp

__all__ = [
    "MAX_DIGITS",
    "TIERS",
    "Number",
    "digits_of",
    "engine_verdict",
    "judge",
    "matrix_digits",
    "rounds_to",
]

MAX_DIGITS = 16.0
TIERS = ("same-theta", "own-optimum", "matrices", "standard-errors", "printed", "identities")


@dataclass(frozen=True)
class Number:
    """One number held against another.

    Attributes
    ----------
    tier : one of `TIERS`.
    engine : the engine on the other side; for printed numbers the engine whose value is judged.
    quantity, name : what it is, such as ``beta`` of ``x1``; the name may be empty.
    ours, theirs : both values; a printed number is text, so that its digits are kept.
    source : who gave the other value.
    at : label of the theta at which both were computed.
    digits : log relative error, see `digits_of`; None where it means nothing.
    required : digits that must agree; None where the number is only shown or judged otherwise.
    verdict : what is said of it.
    ok : whether that is as it must be; None where it is only shown.
    why : the reason of the tolerance, or of the verdict.
    """

    tier: str
    engine: str
    quantity: str
    name: str
    ours: float | None
    theirs: float | str | None
    source: str
    at: str
    digits: float | None
    required: float | None
    verdict: str
    ok: bool | None
    why: str

    def as_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON; what is not finite becomes None."""
        return {key: _finite(value) for key, value in asdict(self).items()}


def _finite(value: Any) -> Any:  # noqa: ANN401
    if isinstance(value, np.generic):
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value


def digits_of(ours: float, theirs: float) -> float:
    """Log relative error: -log10(|a - b| / max(|a|, |b|)).

    Parameters
    ----------
    ours, theirs : the two numbers. Where `theirs` is zero the error is absolute.

    Returns
    -------
    float
        At least 0 and at most `MAX_DIGITS`; NaN where either number is.
    """
    if math.isnan(ours) or math.isnan(theirs):
        return math.nan
    gap = abs(ours - theirs)
    if gap == 0.0:
        return MAX_DIGITS
    if not math.isfinite(gap):
        return 0.0
    scale = 1.0 if theirs == 0.0 else max(abs(ours), abs(theirs))
    return min(MAX_DIGITS, max(0.0, math.log10(scale) - math.log10(gap)))


def matrix_digits(ours: sp.csr_array, theirs: sp.csr_array) -> float:
    """Digits of the largest difference of entries, relative to the largest entry.

    Matrices of different shape share no digit.
    """
    if ours.shape != theirs.shape:
        return 0.0
    gap = float(abs(ours - theirs).max())
    scale = max(float(abs(ours).max()), float(abs(theirs).max()))
    if math.isnan(gap):
        return 0.0
    return MAX_DIGITS if gap == 0.0 else min(MAX_DIGITS, max(0.0, math.log10(scale / gap)))


def rounds_to(value: float, text: str) -> bool:
    """Whether a number gives a printed text when rounded to as many digits.

    The comparison is decimal, of the shortest text that gives the value; a value half way between
    two printed numbers agrees with both.
    """
    if not math.isfinite(value):
        return False
    printed = Decimal(text)
    exponent = printed.as_tuple().exponent
    assert isinstance(exponent, int)  # a finite number's is
    return abs(Decimal(repr(float(value))) - printed) <= Decimal(5).scaleb(exponent - 1)


def judge(digits: float, required: float | None) -> tuple[str, bool | None]:
    """Say what digits of agreement mean.

    Returns
    -------
    verdict : str
    ok : bool or None
        None where nothing is required. NaN digits (one side has no number) never satisfy.
    """
    if required is None:
        return "shown", None
    if digits >= required:
        return f"agrees to {math.floor(digits)} digits", True
    return "differs", False


def engine_verdict(status: str, numbers: Iterable[Mapping[str, Any]], other_model: bool) -> Any:  # noqa: ANN401
    """Sum up an engine's numbers.

    Parameters
    ----------
    status : the fit record's.
    numbers : the engine's numbers, as dicts.
    other_model : whether the engine was given another model on purpose.

    Returns
    -------
    dict
        ``ok`` (None where the engine is not available), ``text`` and ``counts``: by tier, how many
        of the judged numbers are as they must be, and how many were judged.
    """
    judged = [number for number in numbers if number["ok"] is not None]
    counts: dict[str, Sequence[int]] = {}
    for tier in TIERS:
        own = [bool(number["ok"]) for number in judged if number["tier"] == tier]
        if own:
            counts[tier] = [sum(own), len(own)]
    if status == "unavailable":
        return {"ok": None, "text": "unavailable", "counts": counts}
    if status != "ok":
        return {"ok": False, "text": status, "counts": counts}
    n_wrong = sum(not number["ok"] for number in judged)
    if n_wrong:
        text = f"{n_wrong} of {len(judged)} differ" if not other_model else "not another model"
        return {"ok": False, "text": text, "counts": counts}
    if not judged:
        return {"ok": False, "text": "nothing was compared", "counts": counts}
    return {
        "ok": True,
        "text": "another model, as expected" if other_model else "agrees",
        "counts": counts,
    }
