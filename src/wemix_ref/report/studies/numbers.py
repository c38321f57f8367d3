"""Estimates with their Monte Carlo standard errors: as many digits as the error allows."""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal, localcontext

__all__ = ["ABSENT", "Estimate", "counts", "rounded", "with_error"]

ABSENT = "–"
# Beyond so many decimals numbers are written with an exponent.
_MOST_DECIMALS = 7


@dataclass(frozen=True)
class Estimate:
    """A number and its Monte Carlo standard error as text; `error` is empty where it is absent."""

    value: str
    error: str = ""


def counts(numbers: Collection[int]) -> str:
    """Write how many there were: one number, or the fewest to the most."""
    if not numbers:
        return ABSENT
    low, high = min(numbers), max(numbers)
    return f"{low}" if low == high else f"{low}–{high}"


def with_error(estimate: float, mcse: float, scale: float = 1.0) -> Estimate:
    """Write an estimate with the decimals that two significant digits of its error have.

    Parameters
    ----------
    estimate, mcse : float
        The estimate and its Monte Carlo standard error; not a number where undefined.
    scale : float
        What both are multiplied by, 100 for per cent.

    Returns
    -------
    Estimate

    Examples
    --------
    >>> with_error(0.123456, 0.00234)
    Estimate(value='0.1235', error='0.0023')
    >>> with_error(1234.5, 234.0)
    Estimate(value='1230', error='230')
    """
    value, error = estimate * scale, mcse * scale
    if not math.isfinite(value):
        return Estimate(ABSENT)
    if not math.isfinite(error):
        return Estimate(_tidy(f"{value:.4g}"))
    if error <= 0:
        return Estimate(_tidy(f"{value:.4g}"), "0")
    decimals = 1 - int(f"{error:.1e}".partition("e")[2])
    if decimals > _MOST_DECIMALS:
        return Estimate(_tidy(f"{value:.4e}"), _tidy(f"{error:.1e}"))
    return Estimate(rounded(value, decimals), rounded(error, decimals))


def rounded(value: float, decimals: int) -> str:
    """Round to a number of decimals, to tens or hundreds where it is negative; half to even."""
    with localcontext() as context:
        context.prec = 400
        number = Decimal(repr(float(value)))
        number = number.quantize(Decimal(1).scaleb(-decimals), rounding=ROUND_HALF_EVEN)
        number = number.quantize(Decimal(1)) if decimals < 0 else number
    text = f"{number:f}"
    return text.removeprefix("-") if not number else text


def _tidy(text: str) -> str:
    return "0" if text == "-0" else text
