"""The steps of `elimination.py` as loops over groups, to be compiled.

One group's matrices are a few numbers: an array operation costs more than its arithmetic, a loop
does not. Names are those of `elimination_arrays.py`, which says the same in matrices. Functions
write into their last arguments; a number returned is the first group that failed, or -1. Those of
the gradient are in `adjoint_loops.py`, those of the Hessian in `tangent_loops.py` and
`tangent_back_loops.py`.

What has a group's own z on both sides (roots, inverses, logarithms) is done for LANES groups at
once: a number of each stands side by side in a buffer, [row, column, lane], and the innermost loop
is over lanes, which a compiler turns into vector instructions. A lane never sees another, and
every block is calculated whole, so a group has the same bits wherever it stands and however groups
are cut into blocks. Columns of the rest are gone through where they lie, group by group, and what
goes to groups above is added in the order of the groups.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from wemix_ref.adjoint_loops import curvature, pull_back, pull_down
from wemix_ref.compiled import compiled
from wemix_ref.tangent_back_loops import tangents_back
from wemix_ref.tangent_loops import tangents, through_above

__all__ = [
    "contract",
    "curvature",
    "eliminate",
    "pull_back",
    "pull_down",
    "solve",
    "subtract",
    "tangents",
    "tangents_back",
    "through_above",
]

Array = NDArray[np.float64]
Ints = NDArray[np.intp]

#: Groups side by side. Loops over 32 or fewer are unrolled, and then not made vectors of.
LANES = 64

#: Groups whose contributions to F are summed before they are added to it.
BLOCK = 256

LN2 = 0.6931471805599453
#: The bits of the root of 1/2.
ROOT_HALF = 0x3FE6A09E667F3BCD


@compiled
def _roots(T: Array, start: int, n: int, Lam: Array, zz: Array, TL: Array, root: Array) -> int:
    """TL = T_zz Lambda and the Cholesky factor of A = Lambda' TL + I of n groups, in lanes.

    Lanes from n on have A of an earlier group. The first lane that fails is returned, or -1.
    """
    q = Lam.shape[0]
    for s in range(n):
        for i in range(q):
            for j in range(q):
                zz[i, j, s] = T[start + s, i, j]
    for i in range(q):
        for j in range(q):
            for s in range(LANES):
                TL[i, j, s] = zz[i, 0, s] * Lam[0, j]
            for h in range(1, q):
                for s in range(LANES):
                    TL[i, j, s] += zz[i, h, s] * Lam[h, j]
    for j in range(q):
        for i in range(j, q):
            one = 1.0 if i == j else 0.0
            for s in range(LANES):
                root[i, j, s] = one + Lam[0, i] * TL[0, j, s]
            for h in range(1, q):
                for s in range(LANES):
                    root[i, j, s] += Lam[h, i] * TL[h, j, s]
            for h in range(j):
                for s in range(LANES):
                    root[i, j, s] -= root[i, h, s] * root[j, h, s]
            if i == j:
                for s in range(LANES):
                    root[j, j, s] = np.sqrt(root[j, j, s])
            else:
                for s in range(LANES):
                    root[i, j, s] /= root[j, j, s]
    for s in range(n):
        for i in range(q):
            if not root[i, i, s] > 0.0:
                return s
    return -1


@compiled
def _add_log(x: Array, total: Array) -> None:
    """Total += log x in every lane, x changed.

    log x = k log 2 + 2 artanh((m - 1) / (m + 1)) with m from the root of 1/2 to that of 2.
    """
    bits = x.view(np.int64)
    for s in range(LANES):
        k = (bits[s] - ROOT_HALF) >> 52
        bits[s] -= k << 52
        total[s] += k * LN2
    for s in range(LANES):
        f = x[s] - 1.0
        t = f / (2.0 + f)
        w = t * t
        series = 1.0 / 21.0
        series = series * w + 1.0 / 19.0
        series = series * w + 1.0 / 17.0
        series = series * w + 1.0 / 15.0
        series = series * w + 1.0 / 13.0
        series = series * w + 1.0 / 11.0
        series = series * w + 1.0 / 9.0
        series = series * w + 1.0 / 7.0
        series = series * w + 1.0 / 5.0
        series = series * w + 1.0 / 3.0
        # f - t f = 2 t, and f is exact
        total[s] += f - t * (f - 2.0 * w * series)


@compiled
def _rows(M: Array, X: Array, start: int, n: int, first: int, out: Array) -> None:
    """out[g] = M X[g, :, first:] for n groups, M in lanes."""
    q, r = M.shape[0], out.shape[2]
    if q == 1:
        for s in range(n):
            g = start + s
            a = M[0, 0, s]
            for c in range(r):
                out[g, 0, c] = a * X[g, 0, first + c]
    elif q == 2:
        for s in range(n):
            g = start + s
            a, b, d, e = M[0, 0, s], M[0, 1, s], M[1, 0, s], M[1, 1, s]
            for c in range(r):
                x, y = X[g, 0, first + c], X[g, 1, first + c]
                out[g, 0, c] = a * x + b * y
                out[g, 1, c] = d * x + e * y
    else:
        for s in range(n):
            g = start + s
            for i in range(q):
                for c in range(r):
                    t = 0.0
                    for h in range(q):
                        t += M[i, h, s] * X[g, h, first + c]
                    out[g, i, c] = t


@compiled
def _rest(TL: Array, C: Array, start: int, n: int, U: Array, E: Array) -> None:
    """E = C_zr - TL U for n groups, TL in lanes."""
    q, r = TL.shape[0], U.shape[2]
    if q == 1:
        for s in range(n):
            g = start + s
            a = TL[0, 0, s]
            for c in range(r):
                E[g, 0, c] = C[g, 0, 1 + c] - a * U[g, 0, c]
    elif q == 2:
        for s in range(n):
            g = start + s
            a, b, d, e = TL[0, 0, s], TL[0, 1, s], TL[1, 0, s], TL[1, 1, s]
            for c in range(r):
                x, y = U[g, 0, c], U[g, 1, c]
                E[g, 0, c] = C[g, 0, 2 + c] - a * x - b * y
                E[g, 1, c] = C[g, 1, 2 + c] - d * x - e * y
    else:
        for s in range(n):
            g = start + s
            for i in range(q):
                for c in range(r):
                    t = C[g, i, q + c]
                    for h in range(q):
                        t -= TL[i, h, s] * U[g, h, c]
                    E[g, i, c] = t


@compiled
def contract(T: Array, V: Array, C: Array) -> None:
    """C = [T without the fixed part; its products with V]."""
    G, q, m = T.shape
    k, c = V.shape
    keep = m - k
    for g in range(G):
        for i in range(q):
            for b in range(keep):
                C[g, i, b] = T[g, i, b]
            for j in range(c):
                s = 0.0
                for b in range(k):
                    s += T[g, i, keep + b] * V[b, j]
                C[g, i, keep + j] = s


@compiled
def eliminate(
    T: Array, Lam: Array, psi: Array, n_fold: int, F: Array, B: Array, log_det: Array
) -> int:
    """B, log det A of every group; F -= sum psi B'B over the last columns where n_fold > 0."""
    G, q, m = T.shape
    first = m - q - n_fold
    zz, TL, root = np.zeros((q, q, LANES)), np.empty((q, q, LANES)), np.empty((q, q, LANES))
    M, x, total = np.empty((q, q, LANES)), np.empty(LANES), np.empty(LANES)
    part = np.zeros((n_fold, n_fold))
    for start in range(0, G, LANES):
        n = min(LANES, G - start)
        failed = _roots(T, start, n, Lam, zz, TL, root)
        if failed >= 0:
            return start + failed
        for s in range(LANES):
            total[s] = 0.0
        for i in range(q):  # M = R^-T Lambda'
            for s in range(LANES):
                x[s] = root[i, i, s]
                root[i, i, s] = 1.0 / x[s]
            _add_log(x, total)
            for j in range(q):
                for s in range(LANES):
                    M[i, j, s] = Lam[j, i]
                for h in range(i):
                    for s in range(LANES):
                        M[i, j, s] -= root[i, h, s] * M[h, j, s]
                for s in range(LANES):
                    M[i, j, s] *= root[i, i, s]
        for s in range(n):
            log_det[start + s] = 2.0 * total[s]
            for i in range(q):
                if root[i, i, s] == 0.0:  # one over it: A has overflowed
                    log_det[start + s] = np.inf
        _rows(M, T, start, n, q, B)
        if n_fold > 0:
            for g in range(start, start + n):
                for a in range(n_fold):
                    for i in range(q):
                        w = psi[g] * B[g, i, first + a]
                        for b in range(a, n_fold):
                            part[a, b] += w * B[g, i, first + b]
                if (g + 1) % BLOCK == 0 or g + 1 == G:
                    for a in range(n_fold):
                        for b in range(a, n_fold):
                            F[a, b] -= part[a, b]
                            part[a, b] = 0.0
    for a in range(n_fold):
        for b in range(a):
            F[a, b] = F[b, a]
    return -1


@compiled
def subtract(B: Array, first: int, weights: Array, ancestor: Ints, T: Array, low: Array) -> None:
    """T[ancestor] -= weight B_z'B over the columns from `first`, z the first of them.

    Four rows of B below one ancestor are summed first; what rounding takes off T goes to low.
    """
    G, q, _ = B.shape
    _, q_up, size = T.shape
    begin = 0
    while begin < G:
        k, end = ancestor[begin], begin + 1
        while end < G and ancestor[end] == k:
            end += 1
        g, i = begin, 0
        while g < end:
            # the next four rows; there may be less, and the weights of the others are zero
            g0, i0, w0 = g, i, weights[g]
            g, i = (g, i + 1) if i + 1 < q else (g + 1, 0)
            g1, i1, w1 = (g, i, weights[g]) if g < end else (g0, i0, 0.0)
            g, i = (g, i + 1) if i + 1 < q else (g + 1, 0)
            g2, i2, w2 = (g, i, weights[g]) if g < end else (g0, i0, 0.0)
            g, i = (g, i + 1) if i + 1 < q else (g + 1, 0)
            g3, i3, w3 = (g, i, weights[g]) if g < end else (g0, i0, 0.0)
            g, i = (g, i + 1) if i + 1 < q else (g + 1, 0)
            for a in range(q_up):
                v0, v1 = w0 * B[g0, i0, first + a], w1 * B[g1, i1, first + a]
                v2, v3 = w2 * B[g2, i2, first + a], w3 * B[g3, i3, first + a]
                for b in range(a, size):
                    off = (v0 * B[g0, i0, first + b] + v1 * B[g1, i1, first + b]) + (
                        v2 * B[g2, i2, first + b] + v3 * B[g3, i3, first + b]
                    )
                    before = T[k, a, b]
                    after = before - off
                    part = after - before
                    low[k, a, b] += (before - (after - part)) - (off + part)
                    T[k, a, b] = after
                for b in range(a):
                    T[k, a, b] = T[k, b, a]
                    low[k, a, b] = low[k, b, a]
        begin = end


@compiled
def solve(C: Array, Lam: Array, TL: Array, A_inv: Array, U: Array, E: Array) -> int:
    """TL, A^-1, U = A^-1 Lambda' C_zr and E = C_zr - TL U of every group."""
    G, q, _ = C.shape
    zz, here, root = np.zeros((q, q, LANES)), np.empty((q, q, LANES)), np.empty((q, q, LANES))
    half, inverse, N = np.zeros((q, q, LANES)), np.empty((q, q, LANES)), np.empty((q, q, LANES))
    for start in range(0, G, LANES):
        n = min(LANES, G - start)
        failed = _roots(C, start, n, Lam, zz, here, root)
        if failed >= 0:
            return start + failed
        for i in range(q):  # the inverse of the root, lower triangular
            for s in range(LANES):
                root[i, i, s] = 1.0 / root[i, i, s]
                half[i, i, s] = root[i, i, s]
            for j in range(i):
                for s in range(LANES):
                    half[i, j, s] = -root[i, j, s] * half[j, j, s]
                for h in range(j + 1, i):
                    for s in range(LANES):
                        half[i, j, s] -= root[i, h, s] * half[h, j, s]
                for s in range(LANES):
                    half[i, j, s] *= root[i, i, s]
        for i in range(q):
            for j in range(i + 1):
                for s in range(LANES):
                    inverse[i, j, s] = half[i, i, s] * half[i, j, s]
                for h in range(i + 1, q):
                    for s in range(LANES):
                        inverse[i, j, s] += half[h, i, s] * half[h, j, s]
                for s in range(LANES):
                    inverse[j, i, s] = inverse[i, j, s]
        for i in range(q):
            for j in range(q):
                for s in range(LANES):
                    N[i, j, s] = inverse[i, 0, s] * Lam[j, 0]
                for h in range(1, q):
                    for s in range(LANES):
                        N[i, j, s] += inverse[i, h, s] * Lam[j, h]
        for s in range(n):
            g = start + s
            for i in range(q):
                for j in range(q):
                    TL[g, i, j] = here[i, j, s]
                    A_inv[g, i, j] = inverse[i, j, s]
        _rows(N, C, start, n, q, U)
        _rest(here, C, start, n, U, E)
    return -1
