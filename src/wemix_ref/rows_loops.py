"""What is done to each row, as loops to be compiled; `rows.py` says the same in matrices."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from wemix_ref.compiled import compiled

__all__ = ["accumulate", "substitute"]

#: Rows of one group that are summed before they are added to it.
RUN = 4

Array = NDArray[np.float64]
Ints = NDArray[np.intp]


@compiled
def substitute(X: Array, shift: Array, R: Array, M: Array, first: int) -> None:
    """M[:, first:] = (X - 1 shift') R^-1, a row at a time."""
    n, p = X.shape
    for i in range(n):
        for j in range(p):
            s = X[i, j] - shift[j]
            for h in range(j):
                s -= M[i, first + h] * R[h, j]
            M[i, first + j] = s / R[j, j]


@compiled
def _add(T: Array, low: Array, g: int, a: int, b: int, x: float) -> None:
    """T += x, what rounding takes off it added to low."""
    before = T[g, a, b]
    after = before + x
    part = after - before
    low[g, a, b] += (before - (after - part)) + (x - part)
    T[g, a, b] = after


@compiled
def accumulate(
    M: Array,
    first: int,
    q: int,
    weights: Array,
    codes: Ints,
    of: Ints,
    T: Array,
    low: Array,
) -> None:
    """T[of[code]] += sum of w m_z m'; z the q columns of M from `first`, m all from there.

    Some rows of one group in a row are summed in registers, four columns at a time.
    """
    n, m = M.shape
    size = m - first
    start = 0
    while start < n:
        g = of[codes[start]]
        stop = start + 1
        while stop < n and stop < start + RUN and of[codes[stop]] == g:
            stop += 1
        for a in range(q):
            b = 0
            while b + 4 <= size:
                s0, s1, s2, s3 = 0.0, 0.0, 0.0, 0.0
                for i in range(start, stop):
                    w = weights[i] * M[i, first + a]
                    s0 += w * M[i, first + b]
                    s1 += w * M[i, first + b + 1]
                    s2 += w * M[i, first + b + 2]
                    s3 += w * M[i, first + b + 3]
                _add(T, low, g, a, b, s0)
                _add(T, low, g, a, b + 1, s1)
                _add(T, low, g, a, b + 2, s2)
                _add(T, low, g, a, b + 3, s3)
                b += 4
            while b < size:
                s0 = 0.0
                for i in range(start, stop):
                    s0 += weights[i] * M[i, first + a] * M[i, first + b]
                _add(T, low, g, a, b, s0)
                b += 1
        start = stop
