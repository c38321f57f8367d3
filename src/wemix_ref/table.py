"""Columns of a data frame, each taken out, and searched for missing values, once."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from wemix_ref.errors import DataError

__all__ = ["Mask", "Table", "all_of", "copies_on_write", "plainly_finite", "present"]

Mask = NDArray[np.bool_]

_ALWAYS_COPIES = int(pd.__version__.partition(".")[0]) >= 3


class Table(Mapping[str, pd.Series]):
    """The columns that are used; a mapping of names to series of one length.

    Parameters
    ----------
    columns : names -> series.
    index : labels of the rows.
    """

    def __init__(self, columns: Mapping[str, pd.Series], index: pd.Index) -> None:
        self._columns = dict(columns)
        self._numbers: dict[str, NDArray[Any] | None] = {}
        self._present: dict[str, Mask | None] = {}
        self._finite: dict[str, bool] = {}
        self.index = index

    @classmethod
    def of(cls, data: pd.DataFrame, names: Iterable[str]) -> Table:
        """Take the named columns out of a data frame.

        Raises
        ------
        DataError
            Columns that the data do not have, or have twice.
        """
        wanted = list(dict.fromkeys(names))
        unknown = [name for name in wanted if name not in data.columns]
        if unknown:
            raise DataError(
                f"every name in the formula must be a column of the data; {len(unknown)} not found "
                f"(first: `{unknown[0]}`). The data have: {_listed(data.columns)}"
            )
        columns: dict[str, Any] = {name: data[name] for name in wanted}
        doubled = [name for name, column in columns.items() if isinstance(column, pd.DataFrame)]
        if doubled:
            raise DataError(
                f"column names must be unique; {len(doubled)} used by the formula occur more than "
                f"once (first: `{doubled[0]}`). Rename or drop the copies"
            )
        return cls(columns, data.index)

    def __getitem__(self, name: str) -> pd.Series:
        return self._columns[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._columns)

    def __len__(self) -> int:
        return len(self._columns)

    @property
    def n_rows(self) -> int:
        """Number of rows N."""
        return len(self.index)

    def numbers(self, name: str) -> NDArray[Any] | None:
        """A column of one of NumPy's types of real numbers or booleans, (N,), not copied.

        None for a column of another type.
        """
        if name not in self._numbers:
            self._numbers[name] = _numbers(self._columns[name])
        return self._numbers[name]

    def present(self, name: str) -> Mask | None:
        """Rows where a column has a value, (N,); None for all."""
        if name not in self._present:
            values = self.numbers(name)
            self._finite[name] = values is not None and plainly_finite(values)
            self._present[name] = None if self._finite[name] else present(self._columns[name])
        return self._present[name]

    def finite(self, name: str) -> bool:
        """Whether all of a column are numbers, and none is infinite; False proves nothing."""
        self.present(name)
        return self._finite[name]

    def complete(self, names: Iterable[str]) -> Mask | None:
        """Rows where all named columns have values, (N,); None for all."""
        out: Mask | None = None
        for name in names:
            own = self.present(name)
            if own is not None:
                out = own.copy() if out is None else out & own
        return out

    def copied(self) -> Table:
        """The same columns in memory of their own."""
        return Table({name: column.copy() for name, column in self.items()}, self.index)

    def replaced(self, columns: Mapping[str, pd.Series]) -> Table:
        """The same with other values in some columns."""
        return Table({**self._columns, **columns}, self.index)


def copies_on_write() -> bool:
    """Whether pandas copies a column before it is changed through the data frame it came from."""
    return _ALWAYS_COPIES or pd.options.mode.copy_on_write is True


def present(column: pd.Series) -> Mask | None:
    """Rows that have a value, (N,); None for all."""
    values = _numbers(column)
    mask = column.notna().to_numpy(dtype=bool) if values is None else ~np.isnan(values)
    return None if mask.all() else mask


def _numbers(column: pd.Series) -> NDArray[Any] | None:
    dtype = column.dtype
    plain = isinstance(dtype, np.dtype) and dtype.kind in "fiub"
    return column.to_numpy() if plain else None


def plainly_finite(values: NDArray[Any]) -> bool:
    """Whether numbers are finite, told by their sum, which else is not; False proves nothing."""
    if values.dtype.kind != "f":
        return True
    with np.errstate(all="ignore"):
        return math.isfinite(np.add.reduce(values, axis=None))


def all_of(mask: Mask | None, n_rows: int) -> Mask:
    """Rows as a mask, (N,), that also stands for all."""
    return np.ones(n_rows, dtype=bool) if mask is None else mask


def _listed(columns: pd.Index) -> str:
    shown = ", ".join(str(name) for name in columns[:30])
    return shown if len(columns) <= 30 else f"{shown}, ... ({len(columns)} in all)"
