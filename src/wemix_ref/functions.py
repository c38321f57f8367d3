"""R's functions of vectors that NumPy does not have in the same form."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from wemix_ref.columns import FactorColumn, as_r_integer, factor_from_numbers
from wemix_ref.errors import DataError
from wemix_ref.formula.deparse import format_number

__all__ = [
    "as_integer",
    "as_number",
    "compare_factor",
    "is_in",
    "log",
    "make_factor",
    "round_half_even",
    "standardise",
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


def standardise(
    x: NDArray[np.float64], center: float | bool | str | None, scale: float | bool | str | None
) -> NDArray[np.float64]:
    """R's ``scale()`` of one column.

    Parameters
    ----------
    x : (n,) array
        NaN is left out of means.
    center : bool or float
        Subtract the mean (True), nothing (False), or this number.
    scale : bool or float
        Divide by the root of sum of squares over n - 1 (True), nothing (False), or this number.

    Returns
    -------
    (n,) array
    """
    present = ~np.isnan(x)
    if center is True:
        mean = x[present].mean() if present.any() else np.nan
        mean = mean + (x[present] - mean).mean() if present.any() else np.nan
        x = x - mean
    elif center is not False:
        x = x - float(center or 0.0)
    if scale is True:
        present = ~np.isnan(x)
        x = x / np.sqrt(np.square(x[present]).sum() / max(1, int(present.sum()) - 1))
    elif scale is not False:
        x = x / float(scale or 0.0)
    return x


def as_number(value: NDArray[Any] | FactorColumn | str, label: str) -> NDArray[np.float64]:
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
    return np.asarray(value).astype(np.float64)


def as_integer(value: NDArray[Any] | FactorColumn | str, label: str) -> NDArray[Any]:
    """R's ``as.integer()``: cut off decimals; NaN stays NaN."""
    numbers = np.trunc(as_number(value, label))
    return as_r_integer(numbers) if np.isfinite(numbers).all() else numbers


def make_factor(
    value: NDArray[Any] | FactorColumn,
    levels: Sequence[float | bool | str] | None = None,
    labels: Sequence[float | bool | str] | None = None,
    ordered: bool | None = None,
) -> FactorColumn:
    """R's ``factor()``.

    Parameters
    ----------
    value : (n,) array or FactorColumn
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


def _plain_factor(value: NDArray[Any] | FactorColumn) -> FactorColumn:
    if isinstance(value, FactorColumn):
        return value
    if value.dtype == bool:
        return FactorColumn(value.astype(np.intp), ("FALSE", "TRUE"), pd.Index([False, True]))
    return factor_from_numbers(value)


def _spell(level: float | bool | str) -> str:
    return level if isinstance(level, str) else format_number(float(level))


def is_in(
    value: NDArray[Any] | FactorColumn | str, table: Sequence[float | bool | str], label: str
) -> NDArray[np.bool_]:
    """R's ``%in%`` with constants on its right.

    Raises
    ------
    DataError
        Numbers are looked for among texts or the other way round.
    """
    texts = [entry for entry in table if isinstance(entry, str)]
    if isinstance(value, FactorColumn):
        if len(texts) < len(table):
            raise DataError(f"`{label}` must look for texts, since its left side is not numeric")
        found = np.array([level in texts for level in value.levels] + [False])
        return found[value.codes]
    if texts:
        raise DataError(f"`{label}` must look for numbers, since its left side is numeric")
    return np.isin(np.asarray(value, dtype=np.float64), [float(entry) for entry in table])


def compare_factor(
    op: str,
    left: NDArray[Any] | FactorColumn | str,
    right: NDArray[Any] | FactorColumn | str,
    label: str,
) -> NDArray[np.bool_]:
    """Compare a factor with a text: ``==`` and ``!=``; ``<`` and the like if it is ordered.

    Raises
    ------
    DataError
        Anything else: two factors, a factor and a number, an order where there is none.
    """
    mirrored = {"<": ">", ">": "<", "<=": ">=", ">=": "<="}
    if isinstance(left, str):
        left, right, op = right, left, mirrored.get(op, op)
    if not isinstance(left, FactorColumn) or not isinstance(right, str):
        raise DataError(
            f"`{label}` must compare numbers with numbers, or texts and factors with a quoted text"
        )
    if op in ("==", "!="):
        same = np.array([level == right for level in left.levels] + [False])[left.codes]
        return same if op == "==" else ~same
    if not left.ordered or right not in left.levels:
        raise DataError(f"`{label}` needs an ordered factor and one of its levels")
    place = left.levels.index(right)
    return {
        "<": left.codes < place,
        ">": left.codes > place,
        "<=": left.codes <= place,
        ">=": left.codes >= place,
    }[op]
