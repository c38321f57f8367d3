"""Coding of factors: indicator columns, treatment contrasts, polynomial contrasts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wemix_ref.columns import Column, LogicalColumn, NumericColumn
from wemix_ref.errors import DataError
from wemix_ref.polynomials import orthogonal_polynomials

__all__ = ["Coded", "code_variable"]

_MAX_POLYNOMIAL = 95


@dataclass(frozen=True)
class Coded:
    """Columns of the model matrix that one variable gives.

    Attributes
    ----------
    names : tuple of str
        k names.
    values : (n, k) array of a number, or (G, k) array of a factor's codes
    codes : (n,) int array or None
        Row of `values` for each row of the data; None for a number.
    """

    names: tuple[str, ...]
    values: NDArray[np.float64]
    codes: NDArray[np.intp] | None

    def column(self, j: int) -> NDArray[np.float64]:
        """Column j, (n,)."""
        own = self.values[:, j]
        return own if self.codes is None else own[self.codes]


def code_variable(column: Column, label: str, *, full: bool) -> Coded:
    """Code one variable.

    Parameters
    ----------
    column : Column
        n rows.
    label : str
        R's name of the variable.
    full : bool
        For a factor: an indicator for each level (True) or contrasts (False).  Unordered factors
        and logicals are contrasted with their first level; ordered ones by orthonormal
        polynomials over equally spaced scores.

    Raises
    ------
    DataError
        A factor with one level only, or an ordered one with more than 95.
    """
    if isinstance(column, NumericColumn):
        return Coded(tuple(label + suffix for suffix in column.suffixes), column.values, None)
    codes: NDArray[np.intp]
    levels: tuple[str, ...]
    if isinstance(column, LogicalColumn):
        codes, levels, ordered = column.values.astype(np.intp), ("FALSE", "TRUE"), False
    else:
        codes, levels, ordered = column.codes, column.levels, column.ordered
    matrix, suffixes = _coding(label, levels, ordered=ordered, full=full)
    return Coded(tuple(label + suffix for suffix in suffixes), matrix, codes)


def _coding(
    label: str,
    levels: tuple[str, ...],
    *,
    ordered: bool,
    full: bool,
) -> tuple[NDArray[np.float64], tuple[str, ...]]:
    n_levels = len(levels)
    if n_levels < 2:
        raise DataError(
            f"factor `{label}` must have at least two levels on the rows kept; found only "
            f"'{', '.join(levels)}'. Leave it out of the formula"
        )
    if full:
        return np.eye(n_levels), levels
    if not ordered:
        return np.eye(n_levels)[:, 1:], levels[1:]
    if n_levels > _MAX_POLYNOMIAL:
        raise DataError(
            f"ordered factor `{label}` may have at most {_MAX_POLYNOMIAL} levels for polynomial "
            f"contrasts; found {n_levels}. Use it as a number or as an unordered factor"
        )
    named = (".L", ".Q", ".C")
    suffixes = tuple(named[k] if k < 3 else f"^{k + 1}" for k in range(n_levels - 1))
    return orthogonal_polynomials(np.arange(1.0, n_levels + 1), n_levels - 1), suffixes
