"""Small pieces of linear algebra with plain types."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["add_by_group", "triangular_factor"]

Array = NDArray[np.float64]
Ints = NDArray[np.intp]


def triangular_factor(M: Array) -> Array:
    """Upper-triangular R of M = Q R, shape (min(n, m), m) for M of shape (n, m)."""
    return np.asarray(np.linalg.qr(M, mode="r"), dtype=np.float64)


def add_by_group(values: Array, groups: Ints, T: Array, low: Array) -> None:
    """T[groups[i]] += values[i], what rounding takes off T added to low.

    Sums are formed in extended precision, where the machine has one.

    Parameters
    ----------
    values : (n, ...). groups : (n,). T, low : (G, ...), changed.
    """
    if groups.size == 0:
        return
    order = np.argsort(groups, kind="stable")
    ordered = groups[order]
    starts = np.flatnonzero(np.append(True, ordered[1:] != ordered[:-1]))
    sums = np.add.reduceat(values[order].astype(np.longdouble), starts, axis=0)
    where = ordered[starts]
    sums += T[where]
    sums += low[where]
    T[where] = sums.astype(np.float64)
    low[where] = (sums - T[where]).astype(np.float64)
