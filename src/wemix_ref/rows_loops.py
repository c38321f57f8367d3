"""What is done to each row, as loops to be compiled; `rows.py` says the same in matrices.

Blocks of rows are held by column, C of shape (k, n) or wider, so that loops run along the memory.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from wemix_ref.compiled import compiled

__all__ = ["accumulate", "gram", "substitute"]

#: Rows of one group that are summed before they are added to it; in four sums of every fourth.
RUN = 16

Array = NDArray[np.float64]
Ints = NDArray[np.intp]


@compiled
def substitute(C: Array, n: int, begins: Ints, shift: Array, R: Array) -> None:
    """C' = (C - shift)' R^-1, of the first n rows, in place; R's blocks start at `begins`."""
    for j in range(C.shape[0]):
        own, constant, by = C[j], shift[j], 1.0 / R[j, j]
        for i in range(n):
            own[i] -= constant
        for h in range(begins[j], j):
            before, share = C[h], R[h, j]
            for i in range(n):
                own[i] -= before[i] * share
        for i in range(n):
            own[i] *= by


@compiled(fastmath={"reassoc", "contract"})
def gram(C: Array, weights: Array, begins: Ints, S: Array) -> None:
    """S[h, j] += sum of w c_h c_j over rows, for columns of one block: begins[j] <= h <= j."""
    n = weights.size
    weighted = np.empty(n)
    for j in range(C.shape[0]):
        own = C[j]
        for i in range(n):
            weighted[i] = weights[i] * own[i]
        for h in range(begins[j], j + 1):
            other = C[h]
            s = 0.0
            for i in range(n):
                s += weighted[i] * other[i]
            S[h, j] += s


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
    C: Array,
    first: int,
    q: int,
    weights: Array,
    codes: Ints,
    of: Ints,
    T: Array,
    low: Array,
) -> None:
    """T[of[code]] += sum of w c_z c'; z the q columns of C from `first`, c all from there.

    Rows of one group in a row are summed in registers, four columns at a time.
    """
    n = weights.size
    last = C.shape[0] - 1
    start = 0
    while start < n:
        code = codes[start]
        g = of[code]
        stop = start + 1
        while stop < n and stop < start + RUN:
            if codes[stop] != code:
                code = codes[stop]
                if of[code] != g:
                    break
            stop += 1
        for a in range(q):
            z = C[first + a]
            for b in range(first, last + 1, 4):
                # beyond the last column it is taken again, and left out below
                c, d, e, f = C[b], C[min(b + 1, last)], C[min(b + 2, last)], C[min(b + 3, last)]
                c0, c1, c2, c3 = 0.0, 0.0, 0.0, 0.0
                d0, d1, d2, d3 = 0.0, 0.0, 0.0, 0.0
                e0, e1, e2, e3 = 0.0, 0.0, 0.0, 0.0
                f0, f1, f2, f3 = 0.0, 0.0, 0.0, 0.0
                i = start
                while i + 4 <= stop:
                    w0, w1 = weights[i] * z[i], weights[i + 1] * z[i + 1]
                    w2, w3 = weights[i + 2] * z[i + 2], weights[i + 3] * z[i + 3]
                    c0 += w0 * c[i]
                    c1 += w1 * c[i + 1]
                    c2 += w2 * c[i + 2]
                    c3 += w3 * c[i + 3]
                    d0 += w0 * d[i]
                    d1 += w1 * d[i + 1]
                    d2 += w2 * d[i + 2]
                    d3 += w3 * d[i + 3]
                    e0 += w0 * e[i]
                    e1 += w1 * e[i + 1]
                    e2 += w2 * e[i + 2]
                    e3 += w3 * e[i + 3]
                    f0 += w0 * f[i]
                    f1 += w1 * f[i + 1]
                    f2 += w2 * f[i + 2]
                    f3 += w3 * f[i + 3]
                    i += 4
                while i < stop:
                    w0 = weights[i] * z[i]
                    c0 += w0 * c[i]
                    d0 += w0 * d[i]
                    e0 += w0 * e[i]
                    f0 += w0 * f[i]
                    i += 1
                _add(T, low, g, a, b - first, (c0 + c1) + (c2 + c3))
                if b + 1 <= last:
                    _add(T, low, g, a, b + 1 - first, (d0 + d1) + (d2 + d3))
                if b + 2 <= last:
                    _add(T, low, g, a, b + 2 - first, (e0 + e1) + (e2 + e3))
                if b + 3 <= last:
                    _add(T, low, g, a, b + 3 - first, (f0 + f1) + (f2 + f3))
        start = stop
