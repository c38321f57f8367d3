"""R's functions of vectors that NumPy does not have in the same form."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from wemix_ref.columns import INT_MAX, FactorColumn, LogicalColumn, factor_from_numbers
from wemix_ref.errors import DataError
from wemix_ref.formula.deparse import format_number

__all__ = [
    "Standardisation",
    "as_integer",
    "as_number",
    "log",
    "make_factor",
    "power",
    "round_half_even",
    "within_integers",
]


def log(x: NDArray[np.float64], base: float | None = None) -> NDArray[np.float64]:
    """Logarithm: natural, or to a base."""
    if base is None:
        return np.log(x)
    if base == 2.0:
        return np.log2(x)
    if base == 10.0:
        return np.log10(x)
    return np.log(x) / np.log(base)


def round_half_even(x: NDArray[np.float64], digits: int) -> NDArray[np.float64]:
    """Round to decimal digits: of the two candidates the nearer one, on a tie the even one."""
    if digits == 0:
        return np.round(x)
    power = 10.0 ** abs(digits)
    scaled = x * power if digits > 0 else x / power
    low, high = np.floor(scaled), np.ceil(scaled)
    below = low / power if digits > 0 else low * power
    above = high / power if digits > 0 else high * power
    down, up = x - below, above - x
    use_low = (down < up) | ((down == up) & (np.mod(low, 2) == 0))
    return np.where(use_low, below, above)


@dataclass(frozen=True)
class Standardisation:
    """R's ``scale()`` of one column: (x - center - correction) / divisor.

    Attributes
    ----------
    center : what is subtracted first.
    correction : mean of the result, which rounding leaves; zero for a given center.
    divisor : what the rest is divided by.
    """

    center: float
    correction: float
    divisor: float

    @classmethod
    def of(
        cls,
        x: NDArray[np.float64],
        center: float | bool | str | None,
        scale: float | bool | str | None,
    ) -> Standardisation:
        """Take the mean and the scale from a column.

        Parameters
        ----------
        x : (n,) array
            NaN is left out of means.
        center : bool or float
            Subtract the mean (True), nothing (False), or this number.
        scale : bool or float
            Divide by the root of sum of squares over n - 1 (True), nothing (False), or this
            number.
        """
        mean, correction, divisor = 0.0, 0.0, 1.0
        present = x[~np.isnan(x)]
        if center is True:
            mean = float(present.mean()) if present.size else np.nan
            correction = float((present - mean).mean()) if present.size else np.nan
        elif center is not False:
            mean = float(center or 0.0)
        if scale is True:
            rest = present - mean - correction
            divisor = float(np.sqrt(np.square(rest).sum() / max(1, rest.size - 1)))
        elif scale is not False:
            divisor = float(scale or 0.0)
        return cls(mean, correction, divisor)

    def __call__(self, x: NDArray[np.float64]) -> NDArray[np.float64]:
        """Standardise values, (n,), with this mean and scale."""
        return (x - self.center - self.correction) / self.divisor


def as_number(value: NDArray[Any] | FactorColumn, label: str) -> NDArray[np.float64]:
    """R's ``as.numeric()``: of a factor, its codes from 1; of texts, refused.

    Raises
    ------
    DataError
        Texts: R reads them as numbers or as codes, by how the data came in.
    """
    if isinstance(value, FactorColumn):
        if value.is_text:
            raise DataError(
                f"`{label}` is ambiguous for texts: make numbers of them in the data first"
            )
        return np.where(value.codes < 0, np.nan, value.codes + 1.0)
    return value.astype(np.float64)


def as_integer(value: NDArray[Any] | FactorColumn, label: str) -> NDArray[Any]:
    """R's ``as.integer()``: cut off decimals; NaN where 32 bits do not hold the result."""
    return within_integers(np.trunc(as_number(value, label)))


def within_integers(numbers: NDArray[Any]) -> NDArray[Any]:
    """Whole numbers as R's integers: int64, or float64 with NaN where R has overflowed."""
    # A comparison with NaN is false, so that NaN is not held either.
    held = np.abs(numbers) <= INT_MAX
    return numbers.astype(np.int64) if held.all() else np.where(held, numbers, np.nan)


def power(base: NDArray[Any], exponent: NDArray[Any]) -> NDArray[np.float64]:
    """R's ``^``: always of doubles; a negative base has no infinite power."""
    x, y = base.astype(np.float64), exponent.astype(np.float64)
    return np.where(np.isinf(y) & (x < 0), np.nan, np.power(x, y))


def make_factor(
    value: NDArray[Any] | LogicalColumn | FactorColumn,
    levels: Sequence[float | bool | str] | None = None,
    labels: Sequence[float | bool | str] | None = None,
    ordered: bool | None = None,
) -> FactorColumn:
    """R's ``factor()``.

    Parameters
    ----------
    value : (n,) array, LogicalColumn or FactorColumn
        What to make a factor of.
    levels : sequence, optional
        Levels in their order; rows with other values get code -1. Without it the values present,
        in their order.
    labels : sequence, optional
        Names of `levels`.
    ordered : bool, optional
        None keeps what `value` is.

    Returns
    -------
    FactorColumn
        n rows.
    """
    base = _plain_factor(value)
    wanted = base.ordered if ordered is None else ordered
    if levels is None:
        used = np.bincount(base.codes[base.codes >= 0], minlength=len(base.levels)) > 0
        names = [level for level, keep in zip(base.levels, used, strict=True) if keep]
        ids = base.ids[used]
    else:
        names = [_spell(level) for level in levels]
        ids = pd.Index(list(levels))
    place = {name: i for i, name in enumerate(names)}
    renumber = np.array([place.get(level, -1) for level in base.levels] + [-1], dtype=np.intp)
    shown = names if labels is None else [_spell(label) for label in labels]
    if labels is not None:
        ids = pd.Index(shown)
    return FactorColumn(renumber[base.codes], tuple(shown), ids, wanted)


def _plain_factor(value: NDArray[Any] | LogicalColumn | FactorColumn) -> FactorColumn:
    if isinstance(value, FactorColumn):
        return value
    if isinstance(value, LogicalColumn):
        codes = value.values.astype(np.intp)
        if value.missing is not None:
            codes[value.missing] = -1
        return FactorColumn(codes, ("FALSE", "TRUE"), pd.Index([False, True]))
    return factor_from_numbers(value)


def _spell(level: float | bool | str) -> str:
    return level if isinstance(level, str) else format_number(float(level))
