"""Passes over the rows: numbering of ids, one value a group, nesting, comparisons with the group's.

Each is one loop where compiled loops run (compiled.py), and a few operations of NumPy otherwise;
both give the same, to the bit.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from wemix_ref.compiled import HAVE_NUMBA, compiled

__all__ = [
    "count_below",
    "group_extremes",
    "group_firsts",
    "group_order",
    "nesting",
    "number",
    "presence_numbers",
]

Array = NDArray[np.float64]
Ints = NDArray[np.intp]

#: A table of the ids between the least and the largest is made up to this length for each row.
SPAN_PER_ROW = 2
#: Rows are put in order where groups are in more runs than this on average.
SCATTERED = 2
#: So few rows stay as they are: they and their groups fit in the cache.
FEW_ROWS = 20_000
#: Ids in runs longer than this on average are numbered by the first of each run.
RUN = 4


def number(values: NDArray[Any]) -> tuple[Ints, NDArray[Any]]:
    """Number values in rising order.

    Parameters
    ----------
    values : (n,) array of whole numbers, floats without NaN, or booleans; n >= 1.

    Returns
    -------
    codes : (n,) 0 to G-1; maybe the values themselves, so not to be changed.
    ids : (G,) the values, rising, of the same type.
    """
    if values.dtype.kind == "b":
        codes, ids = number(values.astype(np.int64))
        return codes, ids.astype(bool)
    if values.dtype.kind == "f":
        return _number_runs(values)
    if values.dtype.kind == "u":
        if values.max() > np.iinfo(np.int64).max:
            return _number_runs(values)
        codes, ids = _number_whole(values.astype(np.int64))
        return codes, ids.astype(values.dtype)
    codes, ids = _number_whole(plain(values.astype(np.int64, copy=False)))
    return codes, ids.astype(values.dtype, copy=False)


def _number_whole(values: NDArray[np.int64]) -> tuple[Ints, NDArray[np.int64]]:
    if values[0] <= values[-1]:
        rising = _number_rising(values)
        if rising is not None:
            return rising
    low, high = int(values.min()), int(values.max())
    if high - low < SPAN_PER_ROW * values.size + 1024:
        codes, present = presence_numbers(values, low, high - low + 1)
        return codes, present + low
    return _number_runs(values)


def _number_rising(values: NDArray[np.int64]) -> tuple[Ints, NDArray[np.int64]] | None:
    """Number values that never fall; None where they do.

    Values that are such numbers already are the codes, not a copy.
    """
    if HAVE_NUMBA() and values[0] == 0 and _counts_up(values):
        return values, np.arange(int(values[-1]) + 1)
    codes = np.empty(values.size, dtype=np.intp)
    if HAVE_NUMBA():
        ids = np.empty(min(values.size, int(values[-1]) - int(values[0]) + 1), dtype=np.int64)
        n_ids = _rising(values, codes, ids)
        return (codes, ids[:n_ids].copy()) if n_ids else None
    if np.any(values[1:] < values[:-1]):
        return None
    first = values[1:] != values[:-1]
    codes[0] = 0
    np.cumsum(first, out=codes[1:])
    return codes, np.concatenate([values[:1], values[1:][first]])


@compiled
def _counts_up(values: NDArray[np.int64]) -> bool:
    for i in range(1, values.size):
        if values[i] != values[i - 1] and values[i] != values[i - 1] + 1:
            return False
    return True


@compiled
def _rising(values: NDArray[np.int64], codes: Ints, ids: NDArray[np.int64]) -> int:
    g = 0
    last = values[0]
    ids[0] = last
    for i in range(values.size):
        value = values[i]
        if value != last:
            if value < last or g + 1 == ids.size:
                return 0
            g += 1
            ids[g] = value
            last = value
        codes[i] = g
    return g + 1


def presence_numbers(values: NDArray[Any], low: int, span: int) -> tuple[Ints, Ints]:
    """Number whole numbers between low and low + span - 1 by a table of those that occur.

    Parameters
    ----------
    values : (n,) whole numbers.
    low, span : least value allowed for, and how many from there.

    Returns
    -------
    codes : (n,) 0 to G-1.
    present : (G,) the values that occur, minus low, rising.
    """
    place: NDArray[Any] = np.zeros(span, dtype=np.int32 if span < 2**31 else np.int64)
    if HAVE_NUMBA():
        codes = np.empty(values.size, dtype=np.intp)
        _by_presence(plain(values), low, place, codes)
        return codes, np.flatnonzero(place >= 0)
    shifted = values - low if low else values
    place[shifted] = 1
    present = np.flatnonzero(place)
    place[present] = np.arange(present.size)
    return place[shifted].astype(np.intp), present


@compiled
def _by_presence(values: NDArray[Any], low: int, place: NDArray[Any], codes: Ints) -> None:
    for i in range(values.size):
        place[values[i] - low] = 1
    g = 0
    for v in range(place.size):
        if place[v] == 1:
            place[v] = g
            g += 1
        else:
            place[v] = -1
    for i in range(values.size):
        codes[i] = place[values[i] - low]


def _number_runs(values: NDArray[Any]) -> tuple[Ints, NDArray[Any]]:
    """Number by hashing, the first of each run only where runs are long."""
    heads = np.flatnonzero(values[1:] != values[:-1])
    if heads.size * RUN > values.size:
        return _number_hashed(values)
    heads += 1
    starts = np.concatenate([[0], heads])
    codes, ids = _number_hashed(values[starts])
    return np.repeat(codes, np.diff(starts, append=values.size)), ids


def _number_hashed(values: NDArray[Any]) -> tuple[Ints, NDArray[Any]]:
    codes, found = pd.factorize(values)
    ids = np.asarray(found)
    order = np.argsort(ids)
    rank = np.empty(order.size, dtype=np.intp)
    rank[order] = np.arange(order.size)
    return rank[codes], ids[order]


def group_firsts(codes: Ints, column: Array, n_groups: int) -> tuple[Array, bool]:
    """Value of each group's first row, and whether all its rows have that very value.

    Parameters
    ----------
    codes : (n,) group of each row, every group present.
    column : (n,) values without NaN.
    n_groups : number of groups G.
    """
    first = np.full(n_groups, np.nan)
    if HAVE_NUMBA():
        same = bool(_firsts(codes, plain(column), first))
        return first, same
    first[codes[::-1]] = column[::-1]
    return first, bool(np.array_equal(first[codes], column))


@compiled
def _firsts(codes: Ints, column: Array, first: Array) -> bool:
    same = True
    for i in range(codes.size):
        g = codes[i]
        known = first[g]
        if known != known:
            first[g] = column[i]
        elif known != column[i]:
            same = False
    return same


def group_extremes(codes: Ints, column: Array, n_groups: int) -> tuple[Array, Array]:
    """Least and largest value of each group, (G,) each.

    Parameters
    ----------
    codes : (n,) group of each row, every group present.
    column : (n,) values without NaN.
    n_groups : number of groups G.
    """
    low, high = np.full(n_groups, np.inf), np.full(n_groups, -np.inf)
    if HAVE_NUMBA():
        _extremes(codes, plain(column), low, high)
    else:
        np.minimum.at(low, codes, column)
        np.maximum.at(high, codes, column)
    return low, high


@compiled
def _extremes(codes: Ints, column: Array, low: Array, high: Array) -> None:
    for i in range(codes.size):
        g = codes[i]
        if column[i] < low[g]:
            low[g] = column[i]
        if column[i] > high[g]:
            high[g] = column[i]


def nesting(codes: Ints, upper: Ints, n_groups: int) -> Ints | None:
    """The one group of another factor that each group lies in; None where one lies in several.

    Parameters
    ----------
    codes : (n,) group of each row, every group present.
    upper : (n,) group by the other factor.
    n_groups : number of groups G.

    Returns
    -------
    (G,) array or None
    """
    parent = np.full(n_groups, -1, dtype=np.intp)
    if HAVE_NUMBA():
        return parent if _nested(codes, upper, parent) else None
    parent[codes] = upper
    return parent if np.array_equal(parent[codes], upper) else None


@compiled
def _nested(codes: Ints, upper: Ints, parent: Ints) -> bool:
    for i in range(codes.size):
        g = codes[i]
        if parent[g] < 0:
            parent[g] = upper[i]
        elif parent[g] != upper[i]:
            return False
    return True


def group_order(codes: Ints) -> Ints | None:
    """Order in which rows of one group stand together, as they stand in it; None where they do.

    Parameters
    ----------
    codes : (n,) group of each row, 0 to G-1.
    """
    runs = 1 + int(_changes(codes)) if HAVE_NUMBA() else 1 + np.count_nonzero(np.diff(codes))
    n_groups = int(codes.max()) + 1 if runs > 1 else 1
    if runs <= SCATTERED * n_groups or codes.size <= FEW_ROWS:
        return None
    if not HAVE_NUMBA():
        return np.argsort(codes, kind="stable")
    order = np.empty(codes.size, dtype=np.intp)
    _by_counting(codes, np.zeros(n_groups, dtype=np.intp), order)
    return order


@compiled
def _changes(codes: Ints) -> int:
    count = 0
    for i in range(1, codes.size):
        count += codes[i] != codes[i - 1]
    return count


@compiled
def _by_counting(codes: Ints, place: Ints, order: Ints) -> None:
    for i in range(codes.size):
        place[codes[i]] += 1
    begin = 0
    for g in range(place.size):
        count = place[g]
        place[g] = begin
        begin += count
    for i in range(codes.size):
        g = codes[i]
        order[place[g]] = i
        place[g] += 1


def count_below(values: Array, codes: Ints, limit: Array) -> int:
    """How many values are below their group's limit.

    Parameters
    ----------
    values : (n,) values; codes : (n,) group of each; limit : (G,) of each group.
    """
    if HAVE_NUMBA():
        return int(_below(plain(values), codes, limit))
    return int(np.count_nonzero(values < limit[codes]))


@compiled
def _below(values: Array, codes: Ints, limit: Array) -> int:
    count = 0
    for i in range(values.size):
        if values[i] < limit[codes[i]]:
            count += 1
    return count


def plain(values: NDArray[Any]) -> NDArray[Any]:
    """Array of contiguous memory, that numba need not tell from one that can be written to.

    It is only read: a view of a data frame's column is marked read-only, and marking the view
    otherwise spares a second compilation.
    """
    values = np.ascontiguousarray(values)
    if not values.flags.writeable:
        view = values.view()
        try:
            view.flags.writeable = True
        except ValueError:  # memory that nobody may write to, as Arrow's
            return values.copy()
        return view
    return values
