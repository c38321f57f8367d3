"""Functions over the units of a group: means, variances, quantiles, ranks."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
from numpy.typing import NDArray

__all__ = ["AGGREGATES", "SCORES", "quantile"]

Numbers = NDArray[np.float64]
Groups = NDArray[np.int64]


def _count(group: Groups, n: int) -> Numbers:
    return np.bincount(group, minlength=n).astype(np.float64)


def _sum(x: Numbers, group: Groups, n: int) -> Numbers:
    return np.bincount(group, weights=x, minlength=n).astype(np.float64, copy=False)


def _mean(x: Numbers, group: Groups, n: int) -> Numbers:
    return _sum(x, group, n) / _count(group, n)


def _variance(x: Numbers, group: Groups, n: int) -> Numbers:
    deviations = x - _mean(x, group, n)[group]
    count = _count(group, n)
    return np.where(count > 1.0, _sum(deviations**2, group, n), np.nan) / (count - 1.0)


def _deviation(x: Numbers, group: Groups, n: int) -> Numbers:
    return np.sqrt(_variance(x, group, n))


def _median(x: Numbers, group: Groups, n: int) -> Numbers:
    return quantile(x, group, n, 0.5)


def quantile(x: Numbers, group: Groups, n: int, p: float) -> Numbers:
    """Give each group's quantile, linear between the order statistics (R's type 7).

    Parameters
    ----------
    x : ndarray, shape (m,)
    group : ndarray of int, shape (m,)
        Group of each value, 0 to ``n - 1``, in any order.
    n : int
        Number of groups.
    p : float
        From 0 to 1.

    Returns
    -------
    ndarray, shape (n,)
        NaN for a group without values.
    """
    count = np.bincount(group, minlength=n)
    start = np.cumsum(count) - count
    filled = count > 0
    place = (count[filled] - 1) * p
    low = np.floor(place).astype(np.int64)
    high = np.minimum(low + 1, count[filled] - 1)
    ordered = x[np.lexsort((x, group))]
    below, above = ordered[start[filled] + low], ordered[start[filled] + high]
    result = np.full(n, np.nan)
    result[filled] = below + (place - low) * (above - below)
    return result


def _rank(x: Numbers, group: Groups, n: int) -> Numbers:
    """Rank from 1 within each group, ties share the mean rank."""
    if n == 1:
        return np.asarray(pd.Series(x).rank(), dtype=np.float64)
    # all ranks of a group follow those of the groups before it
    count = np.bincount(group, minlength=n)
    _, code = np.unique(x, return_inverse=True)
    overall = pd.Series(group * (code.max(initial=0) + 1) + code).rank().to_numpy()
    return overall - (np.cumsum(count) - count)[group]


def _standardise(x: Numbers, group: Groups, n: int) -> Numbers:
    deviations = x - _mean(x, group, n)[group]
    return deviations / _deviation(x, group, n)[group]


# One number a group.
AGGREGATES: dict[str, Callable[[Numbers, Groups, int], Numbers]] = {
    "mean": _mean,
    "sum": _sum,
    "var": _variance,
    "sd": _deviation,
    "median": _median,
}

# One number a unit, which depends on the others of its group.
SCORES: dict[str, Callable[[Numbers, Groups, int], Numbers]] = {
    "rank": _rank,
    "standardise": _standardise,
}
