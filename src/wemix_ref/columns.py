"""Data columns as R would hold them: numbers, logicals and factors."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from wemix_ref.errors import DataError
from wemix_ref.formula.deparse import format_number
from wemix_ref.kernels_rows import number, presence_numbers

__all__ = [
    "INT_MAX",
    "Column",
    "FactorColumn",
    "LogicalColumn",
    "NumericColumn",
    "as_r_integer",
    "factor_from_numbers",
    "group_ids",
    "group_numbers",
    "read_column",
    "take",
]

#: Largest whole number of R's integer type.
INT_MAX = 2**31 - 1
_PLAIN = {"b": "boolean", "i": "integer", "u": "integer", "f": "floating"}
_ADVICE = {
    "datetime": "make a number of it first, such as days since a date",
    "complex": "use its real and imaginary parts as columns of their own",
    "mixed": "give every value of the column one type",
    "other": "make it a column of numbers, texts, booleans or categories",
}


@dataclass(frozen=True)
class NumericColumn:
    """A numeric variable.

    Attributes
    ----------
    values : (n, k) float array
        One column, or several for ``poly()``.
    suffixes : tuple of str
        What each column adds to the variable's name.
    """

    values: NDArray[np.float64]
    suffixes: tuple[str, ...] = ("",)


@dataclass(frozen=True)
class LogicalColumn:
    """A logical variable: always of two levels, FALSE and TRUE.

    Attributes
    ----------
    values : (n,) bool array
    missing : (n,) bool array or None
        Rows where neither is known, as for ``sqrt(x) > 1`` with a negative x; None if none can be.
    """

    values: NDArray[np.bool_]
    missing: NDArray[np.bool_] | None = None


@dataclass(frozen=True)
class FactorColumn:
    """A factor.

    Attributes
    ----------
    codes : (n,) int array
        Level of each row; -1 where the value is not among the levels.
    levels : tuple of str
        Labels, as R spells them.
    ids : pandas.Index
        The same levels as values of the data.
    ordered : bool
        Whether its contrasts are polynomial.
    is_text : bool
        Whether it is a column of texts as it stands in the data.
    """

    codes: NDArray[np.intp]
    levels: tuple[str, ...]
    ids: pd.Index
    ordered: bool = False
    is_text: bool = False


Column: TypeAlias = NumericColumn | LogicalColumn | FactorColumn


def take(column: Column, rows: NDArray[np.bool_] | None) -> Column:
    """Keep some rows of a variable; levels of a factor that lose all their rows are dropped.

    Parameters
    ----------
    column : Column
        A variable with n rows.
    rows : (n,) bool array or None
        Rows to keep; None for all, whose numbers are then not copied.

    Returns
    -------
    Column
        The same variable on these rows.
    """
    if rows is None and not isinstance(column, FactorColumn):
        return column
    if isinstance(column, NumericColumn):
        return NumericColumn(column.values[rows], column.suffixes)
    if isinstance(column, LogicalColumn):
        missing = None if column.missing is None else column.missing[rows]
        return LogicalColumn(column.values[rows], missing)
    codes = column.codes if rows is None else column.codes[rows]
    used = (np.bincount(codes + 1, minlength=len(column.levels) + 1) > 0)[1:]
    if used.all():
        return replace(column, codes=codes)
    renumbered = np.append(np.where(used, np.cumsum(used) - 1, -1), -1)
    levels = tuple(level for level, keep in zip(column.levels, used, strict=True) if keep)
    return FactorColumn(
        renumbered[codes].astype(np.intp),
        levels,
        column.ids[used],
        column.ordered,
        column.is_text,
    )


def read_column(name: str, series: pd.Series) -> NDArray[Any] | FactorColumn:
    """Read a data column without missing values.

    Parameters
    ----------
    name : str
        Its name, for messages.
    series : pandas.Series
        n values, none of them missing.

    Returns
    -------
    (n,) bool, int64 or float64 array, or FactorColumn
        Booleans are R's logicals; whole-number types that fit in 32 bits are R's integers; other
        numbers are doubles; texts are factors with levels in C order; categories are factors with
        their own levels in their own order, used or not.

    Raises
    ------
    DataError
        Dates, complex numbers, values of several types, or whole numbers beyond a double's range.
    """
    if isinstance(series.dtype, pd.CategoricalDtype):
        return _read_categories(name, series)
    kind = _kind(name, series)
    if kind == "boolean":
        return series.to_numpy(dtype=bool)
    try:
        if kind == "integer":
            return as_r_integer(series)
        if kind == "floating":
            return series.to_numpy(dtype=np.float64)
    except OverflowError:  # Python's integers have no end
        large = [str(label) for label, value in series.items() if not _has_double(value)]
        raise DataError(
            f"column `{name}` must hold numbers that a double can hold; {len(large)} are beyond "
            f"1.8e308 (first: row {large[0]}). Rescale them, or make the column text."
        ) from None
    codes, ids = _number_texts(series)
    levels = tuple(str(i) for i in ids)
    return FactorColumn(codes, levels, pd.Index(ids), is_text=True)


def _has_double(value: Any) -> bool:  # noqa: ANN401
    try:
        float(value)
    except OverflowError:
        return False
    return True


def as_r_integer(values: ArrayLike | pd.Series | pd.Index) -> NDArray[Any]:
    """Whole numbers as int64 where R's 32-bit integers hold them, else as float64."""
    dtype = getattr(values, "dtype", None)
    if isinstance(dtype, np.dtype) and dtype.kind == "i":
        whole = np.asarray(values)
        if not whole.size or (whole.min() >= -INT_MAX and whole.max() <= INT_MAX):
            return whole.astype(np.int64, copy=False)
    floats = np.asarray(values, dtype=np.float64)
    if floats.size and np.abs(floats).max() > INT_MAX:
        return floats
    return floats.astype(np.int64)


def factor_from_numbers(values: NDArray[Any]) -> FactorColumn:
    """Make a factor of numbers: levels in rising order, labelled with 15 significant digits.

    Numbers with the same label are one level, as in R. NaN gets the code -1.
    """
    present = ~np.isnan(values) if values.dtype.kind == "f" else np.ones(len(values), dtype=bool)
    numbers, inverse = np.unique(values[present], return_inverse=True)
    labels = [str(v) if values.dtype.kind == "i" else format_number(float(v)) for v in numbers]
    codes = np.full(len(values), -1, dtype=np.intp)
    if len(set(labels)) == len(labels):
        codes[present] = inverse
        return FactorColumn(codes, tuple(labels), pd.Index(numbers))
    distinct = {label: i for i, label in enumerate(dict.fromkeys(labels))}
    merged = np.array([distinct[label] for label in labels], dtype=np.intp)
    first = np.unique(merged, return_index=True)[1]
    codes[present] = merged[inverse]
    return FactorColumn(codes, tuple(distinct), pd.Index(numbers[first]))


def group_numbers(name: str, values: NDArray[Any]) -> tuple[NDArray[np.intp], pd.Index]:
    """Number the ids of a grouping column, as :func:`group_ids`, where it is an array of numbers.

    Parameters
    ----------
    name : str
        The column.
    values : (n,) array
        Whole numbers, floats without NaN, or booleans; n >= 1.
    """
    wide: Any = {"i": np.int64, "u": np.uint64, "f": np.float64, "b": bool}[values.dtype.kind]
    codes, ids = number(values.astype(wide, copy=False))
    return codes, pd.Index(ids, name=name)


def group_ids(name: str, series: pd.Series) -> tuple[NDArray[np.intp], pd.Index]:
    """Number the ids of a grouping column, without making texts of them.

    Parameters
    ----------
    name : str
        The column, for messages.
    series : pandas.Series
        n ids, none missing.

    Returns
    -------
    codes : (n,) int array
        0 to G-1.
    ids : (G,) pandas.Index
        Numbers in rising order, texts in C order, FALSE before TRUE, categories in their own
        order; only those present.

    Raises
    ------
    DataError
        Dates, complex numbers, or ids of several types.
    """
    if isinstance(series.dtype, pd.CategoricalDtype):
        categories = series.cat.categories
        _check_categories(name, categories)
        codes, used = presence_numbers(series.cat.codes.to_numpy(), 0, len(categories))
        return codes, pd.Index(categories[used], name=name)
    kind = _kind(name, series)
    if kind == "string":
        codes, ids = _number_texts(series)
        return codes, pd.Index(ids, name=name)
    dtype: Any = {"boolean": bool, "floating": np.float64}.get(kind)
    values = _whole_numbers(series) if kind == "integer" else series.to_numpy(dtype=dtype)
    if values.size and values.dtype.kind in "biuf":
        return group_numbers(name, values)
    raw, ids = pd.factorize(values, sort=True)
    return raw.astype(np.intp), pd.Index(ids, name=name)


def _number_texts(series: pd.Series) -> tuple[NDArray[np.intp], NDArray[Any]]:
    """Number texts in C order: codes (n,) and texts (G,), as Python's own."""
    if isinstance(series.dtype, pd.StringDtype):
        raw, found = pd.factorize(series)
        texts = np.asarray(found, dtype=object)
    else:
        raw, texts = pd.factorize(np.asarray(series, dtype=object))
    plain = texts.tolist()
    if all(a < b for a, b in pairwise(plain)):
        return raw.astype(np.intp, copy=False), texts
    order = sorted(range(len(plain)), key=plain.__getitem__)
    rank = np.empty(len(order), dtype=np.intp)
    rank[order] = np.arange(len(order))
    return rank[raw], texts[order]


def _whole_numbers(series: pd.Series) -> NDArray[Any]:
    if series.dtype in (np.int64, np.uint64):
        return series.to_numpy()
    unsigned = pd.api.types.is_unsigned_integer_dtype(series.dtype)
    try:
        return series.to_numpy(dtype=np.uint64 if unsigned else np.int64)
    except (OverflowError, TypeError, ValueError):
        return np.asarray(series, dtype=object)


def _kind(name: str, series: pd.Series) -> str:
    """Classify a column: boolean, integer, floating or string; everything else is refused."""
    dtype = series.dtype
    if isinstance(dtype, np.dtype) and dtype.kind in _PLAIN:
        return _PLAIN[dtype.kind]
    if pd.api.types.is_bool_dtype(dtype):
        return "boolean"
    if pd.api.types.is_integer_dtype(dtype):
        return "integer"
    if pd.api.types.is_float_dtype(dtype):
        return "floating"
    if isinstance(dtype, pd.StringDtype) and len(series):
        return "string"
    found = pd.api.types.infer_dtype(series, skipna=True)
    found = {"mixed-integer-float": "floating", "empty": "floating"}.get(found, found)
    if found in ("boolean", "integer", "floating", "string"):
        return found
    if found.startswith(("datetime", "date", "time", "period")):
        reason, shown = "datetime", found if dtype.kind == "O" else str(dtype)
    elif found == "complex":
        reason, shown = "complex", "complex numbers"
    elif found.startswith("mixed"):
        counts = Counter(type(value).__name__ for value in series)
        reason = "mixed"
        shown = "values of several types: " + ", ".join(
            f"{kind} ({count})" for kind, count in sorted(counts.items())
        )
    else:
        reason, shown = "other", f"{found} ({dtype})"
    raise DataError(
        f"column `{name}` must hold numbers, texts, booleans or categories; found {shown}; "
        f"{_ADVICE[reason]}"
    )


def _check_categories(name: str, categories: pd.Index) -> None:
    """Refuse what :func:`_category_labels` refuses, without making labels where none coincide."""
    dtype = categories.dtype
    if isinstance(dtype, np.dtype) and dtype.kind in "iu":
        if not len(categories) or max(-int(categories.min()), int(categories.max())) <= INT_MAX:
            return
    elif not isinstance(dtype, pd.IntervalDtype) and (
        _kind(name, categories.to_series()) == "string"
    ):
        return
    _category_labels(name, categories)


def _category_labels(name: str, categories: pd.Index) -> tuple[str, ...]:
    if isinstance(categories.dtype, pd.IntervalDtype):
        labels = [str(c) for c in categories]
    else:
        kind = _kind(name, categories.to_series())
        if kind == "string":
            labels = [str(c) for c in categories]
        elif kind == "boolean":
            labels = ["TRUE" if c else "FALSE" for c in categories]
        elif kind == "integer" and as_r_integer(categories).dtype.kind == "i":
            labels = [str(int(c)) for c in categories]
        else:
            labels = [format_number(float(c)) for c in categories]
    doubled = [label for label, count in Counter(labels).items() if count > 1]
    if doubled:
        raise DataError(
            f"categories of `{name}` must have labels of their own; to 15 significant digits "
            f"{len(doubled)} coincide (first: '{doubled[0]}'); rename them"
        )
    return tuple(labels)


def _read_categories(name: str, series: pd.Series) -> FactorColumn:
    categories = series.cat.categories
    return FactorColumn(
        np.asarray(series.cat.codes, dtype=np.intp),
        _category_labels(name, categories),
        pd.Index(categories),
        bool(series.cat.ordered),
    )
