"""Comparisons and logic with R's third value: what cannot be known stays missing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wemix_ref.columns import FactorColumn, LogicalColumn
from wemix_ref.errors import DataError

__all__ = ["both", "compare_factor", "compare_numbers", "is_in", "negate", "numbers_of", "truth_of"]

_COMPARE = {
    "<": np.less,
    ">": np.greater,
    "<=": np.less_equal,
    ">=": np.greater_equal,
    "==": np.equal,
    "!=": np.not_equal,
}
_MIRRORED = {"<": ">", ">": "<", "<=": ">=", ">=": "<="}


def numbers_of(value: LogicalColumn) -> NDArray[Any]:
    """Zeros and ones; NaN where the logical is missing."""
    if value.missing is None or not value.missing.any():
        return value.values.astype(np.int64)
    return np.where(value.missing, np.nan, value.values)


def truth_of(numbers: NDArray[Any]) -> LogicalColumn:
    """Whether numbers differ from zero."""
    return LogicalColumn(numbers != 0, np.isnan(numbers))


def _missing(value: LogicalColumn) -> NDArray[np.bool_]:
    return np.zeros_like(value.values) if value.missing is None else value.missing


def negate(value: LogicalColumn) -> LogicalColumn:
    """R's ``!``."""
    return LogicalColumn(~value.values, value.missing)


def both(left: LogicalColumn, right: LogicalColumn) -> LogicalColumn:
    """R's ``&``: FALSE if either is, else missing if either is."""
    lost_left, lost_right = _missing(left), _missing(right)
    known_false = (~left.values & ~lost_left) | (~right.values & ~lost_right)
    missing = (lost_left | lost_right) & ~known_false
    return LogicalColumn(left.values & right.values & ~known_false, missing)


def compare_numbers(op: str, left: NDArray[Any], right: NDArray[Any]) -> LogicalColumn:
    """Compare numbers; the result is missing where either is NaN."""
    return LogicalColumn(_COMPARE[op](left, right), np.isnan(left) | np.isnan(right))


def is_in(
    value: NDArray[Any] | FactorColumn, table: Sequence[float | bool | str], label: str
) -> LogicalColumn:
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
        return LogicalColumn(found[value.codes])
    if texts:
        raise DataError(f"`{label}` must look for numbers, since its left side is numeric")
    return LogicalColumn(np.isin(value.astype(np.float64), [float(entry) for entry in table]))


def compare_factor(
    op: str,
    left: NDArray[Any] | LogicalColumn | FactorColumn | str,
    right: NDArray[Any] | LogicalColumn | FactorColumn | str,
    label: str,
) -> LogicalColumn:
    """Compare a factor with a text: ``==`` and ``!=``; ``<`` and the like if it is ordered.

    Raises
    ------
    DataError
        Anything else: two factors, a factor and a number, an order where there is none.
    """
    if isinstance(left, str):
        left, right, op = right, left, _MIRRORED.get(op, op)
    if not isinstance(left, FactorColumn) or not isinstance(right, str):
        raise DataError(
            f"`{label}` must compare numbers with numbers, or texts and factors with a quoted text"
        )
    if op in ("==", "!="):
        same = np.array([level == right for level in left.levels] + [False])[left.codes]
        return LogicalColumn(same if op == "==" else ~same, left.codes < 0)
    if not left.ordered or right not in left.levels:
        raise DataError(f"`{label}` needs an ordered factor and one of its levels")
    place = np.asarray(left.levels.index(right))
    return LogicalColumn(_COMPARE[op](left.codes, place), left.codes < 0)
