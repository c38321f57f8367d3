"""The steps of `elimination.py` as loops over groups, to be compiled.

One group's matrices are a few numbers: an array operation costs more than its arithmetic, a loop
does not. Names are those of `elimination_arrays.py`, which says the same in matrices. Functions
write into their last arguments; a number returned is the first group that failed, or -1.

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

from wemix_ref.compiled import compiled

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
            if not 0.0 < root[i, i, s] < np.inf:
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
    G, q, M = C.shape
    r = M - q
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
        for s in range(n):
            g = start + s
            for i in range(q):
                for c in range(r):
                    t = C[g, i, q + c]
                    for h in range(q):
                        t -= here[i, h, s] * U[g, h, c]
                    E[g, i, c] = t
    return -1


@compiled
def pull_back(
    TL: Array,
    A_inv: Array,
    U: Array,
    E: Array,
    above: Array,
    parent: Ints,
    psi: Array,
    bins: Ints,
    out: Array,
) -> None:
    """out[bin] += 2 psi (TL A^-1 - E G U')."""
    G, q, r = U.shape
    GU = np.empty(r)
    for g in range(G):
        k, into = parent[g], bins[g]
        w = 2.0 * psi[g]
        for j in range(q):
            for a in range(r):
                t = 0.0
                for b in range(r):
                    t += above[k, a, b] * U[g, j, b]
                GU[a] = t
            for i in range(q):
                t = 0.0
                for h in range(q):
                    t += TL[g, i, h] * A_inv[g, h, j]
                for a in range(r):
                    t -= E[g, i, a] * GU[a]
                out[into, i, j] += w * t


@compiled
def curvature(
    T_zz: Array,
    TL: Array,
    A_inv: Array,
    E: Array,
    above: Array,
    parent: Ints,
    psi: Array,
    out: Array,
) -> None:
    """Out += psi (T_zz - TL A^-1 TL' - E G E')."""
    G, q, r = E.shape
    GE, AL = np.empty(r), np.empty(q)
    for g in range(G):
        k = parent[g]
        for j in range(q):
            for a in range(r):
                t = 0.0
                for b in range(r):
                    t += above[k, a, b] * E[g, j, b]
                GE[a] = t
            for h in range(q):
                t = 0.0
                for f in range(q):
                    t += A_inv[g, h, f] * TL[g, j, f]
                AL[h] = t
            for i in range(j, q):
                t = T_zz[g, i, j]
                for h in range(q):
                    t -= TL[g, i, h] * AL[h]
                for a in range(r):
                    t -= E[g, i, a] * GE[a]
                out[i, j] += psi[g] * t
    for i in range(q):
        for j in range(i):
            out[j, i] = out[i, j]


@compiled
def pull_down(Lam: Array, A_inv: Array, U: Array, above: Array, parent: Ints, out: Array) -> None:
    """Out = [-B; I] G [-B; I]' + Lambda A^-1 Lambda' on zz, with B = Lambda U."""
    G, q, r = U.shape
    B, BG, half = np.empty((q, r)), np.empty((q, r)), np.empty((q, q))
    for g in range(G):
        k = parent[g]
        for i in range(q):
            for c in range(r):
                t = 0.0
                for h in range(q):
                    t += Lam[i, h] * U[g, h, c]
                B[i, c] = t
            for j in range(q):
                t = 0.0
                for h in range(q):
                    t += Lam[i, h] * A_inv[g, h, j]
                half[i, j] = t
        for i in range(q):
            for c in range(r):
                t = 0.0
                for b in range(r):
                    t += B[i, b] * above[k, b, c]
                BG[i, c] = t
                out[g, i, q + c] = -t
                out[g, q + c, i] = -t
            for j in range(i + 1):
                t = 0.0
                for a in range(r):
                    t += BG[i, a] * B[j, a]
                for h in range(q):
                    t += half[i, h] * Lam[j, h]
                out[g, i, j] = t
                out[g, j, i] = t
        for a in range(r):
            for b in range(r):
                out[g, q + a, q + b] = above[k, a, b]


@compiled
def _together(E: Array, U: Array, weights: Array, parent: Ints, S: Array) -> None:
    """S[parent] += weight E (x) U, the rows of both one after the other."""
    G, q, r = U.shape
    size = q * r
    E, U = E.reshape(G, size), U.reshape(G, size)
    g = 0
    while g < G:
        k, w = parent[g], weights[g]
        if g + 1 < G and parent[g + 1] == k:
            v = weights[g + 1]
            for a in range(size):
                x, y = w * E[g, a], v * E[g + 1, a]
                for b in range(size):
                    S[k, a, b] += x * U[g, b] + y * U[g + 1, b]
            g += 2
        else:
            for a in range(size):
                x = w * E[g, a]
                for b in range(size):
                    S[k, a, b] += x * U[g, b]
            g += 1


@compiled
def tangents(
    Lam: Array,
    U: Array,
    E: Array,
    dT: Array,
    dLam: Array,
    parent: Ints,
    weights: Array,
    up: Array,
) -> None:
    """Derivatives of what one level leaves, in every direction that moves it.

    The first directions move what the levels below leave, dT; those after them are the level's own
    and move Lambda, by dLam. dS goes to up[direction, parent] times the weight: it is
    [-B; I]' dT [-B; I], or minus E' dLambda U and its transpose, which is linear in E (x) U.
    """
    G, q, r = U.shape
    K = up.shape[1]
    own = dT.shape[0]
    B, P = np.empty((q, r)), np.empty((q, r))
    if own > 0:
        for g in range(G):
            k = parent[g]
            for i in range(q):
                for c in range(r):
                    t = 0.0
                    for h in range(q):
                        t += Lam[i, h] * U[g, h, c]
                    B[i, c] = t
            for d in range(own):
                for i in range(q):
                    for c in range(r):
                        t = dT[d, g, i, q + c]
                        for h in range(q):
                            t -= dT[d, g, i, h] * B[h, c]
                        P[i, c] = t
                for a in range(r):
                    for b in range(a + 1):
                        t = dT[d, g, q + a, q + b]
                        for h in range(q):
                            t -= B[h, a] * dT[d, g, h, q + b] + P[h, a] * B[h, b]
                        up[d, k, a, b] += weights[g] * t
        for d in range(own):
            for k in range(K):
                for a in range(r):
                    for b in range(a):
                        up[d, k, b, a] = up[d, k, a, b]
    S = np.zeros((K, q * r, q * r))
    _together(E, U, weights, parent, S)
    for d in range(dLam.shape[0]):
        for k in range(K):
            for i in range(q):
                for j in range(q):
                    w = dLam[d, i, j]
                    if w != 0.0:
                        for a in range(r):
                            for b in range(r):
                                t = w * S[k, i * r + a, j * r + b]
                                up[own + d, k, a, b] -= t
                                up[own + d, k, b, a] -= t


@compiled
def _through_above(
    Lam: Array,
    U: Array,
    E: Array,
    d_above: Array,
    d_last: Array,
    parent: Ints,
    psi: Array,
    T_rows: Array,
    times: Array,
    scale: float,
    out: Array,
    rows: Array,
) -> None:
    """What `tangents_back` has of d_above: its products with sums over each parent's groups."""
    K, r = d_last.shape[1:]
    G, q, _ = U.shape
    n = rows.shape[1]
    first = T_rows.shape[2] - n
    S, fixed = np.zeros((K, q * r, q * r)), np.zeros((K, r, n))
    _together(E, U, psi, parent, S)
    for g in range(G):
        k = parent[g]
        for i in range(q):
            for b in range(r):
                w = 0.0
                for h in range(q):
                    w += Lam[i, h] * U[g, h, b]
                w *= times[g]
                for c in range(n):
                    fixed[k, b, c] += w * T_rows[g, i, first + c]
    for d in range(d_above.shape[0]):
        for k in range(K):
            for i in range(q):
                for j in range(q):
                    t = 0.0
                    for a in range(r):
                        u = 0.0
                        for b in range(r):
                            u += d_above[d, k, a, b] * S[k, i * r + a, j * r + b]
                        t += u
                    out[d, i, j] -= 2.0 * t
    for d in range(d_last.shape[0]):
        for k in range(K):
            for b in range(r):
                w = scale * d_last[d, k, b]
                for c in range(n):
                    rows[d, c] -= w * fixed[k, b, c]


@compiled(inline="always")
def _times(X: Array, Y: Array, out: Array) -> None:
    """Out = X Y for small matrices."""
    n, inner = X.shape
    for i in range(n):
        for j in range(Y.shape[1]):
            t = 0.0
            for h in range(inner):
                t += X[i, h] * Y[h, j]
            out[i, j] = t


@compiled
def _with_below(
    Lam: Array,
    U: Array,
    E: Array,
    N: Array,
    Q: Array,
    last: Array,
    dT: Array,
    above: Array,
    d_above: Array,
    d_last: Array,
    parent: Ints,
    psi: Array,
    T_rows: Array,
    times: Array,
    scale: float,
    start: int,
    n: int,
    out: Array,
    rows: Array,
    down: Array,
    down_last: Array,
) -> None:
    """What n groups of `tangents_back` have more where there are levels below.

    In a direction of theirs, with P = dT_zr - dT_zz B,

        dB = Lambda N P,   d(J - E G U') = Q (dT_zz N' - P G U') - E G P' N'      at G held;

    and `down` is the derivative of [-B; I] G [-B; I]' + Lambda N on zz. `last` has the last column
    of dB G in the level's own directions.
    """
    own, n_own = dT.shape[0], last.shape[0]
    q, r = U.shape[1:]
    n_rows = rows.shape[1]
    first = T_rows.shape[2] - n_rows
    B, P, PG, moved = np.empty((q, r)), np.empty((q, r)), np.empty((q, r)), np.empty((q, r))
    here_N, here_Q, LN = np.empty((q, q)), np.empty((q, q)), np.empty((q, q))
    one, two = np.empty((q, q)), np.empty((q, q))
    for s in range(n):
        g = start + s
        k = parent[g]
        for i in range(q):
            for j in range(q):
                here_N[i, j] = N[i, j, s]
                here_Q[i, j] = Q[i, j, s]
        _times(Lam, U[g], B)
        _times(Lam, here_N, LN)
        for d in range(d_last.shape[0]):
            for i in range(q):
                t = last[d - own, i, s] if own <= d < own + n_own else 0.0
                for b in range(r):
                    t += B[i, b] * d_last[d, k, b]
                down_last[d, g, i] = -t
            for b in range(r):
                down_last[d, g, q + b] = d_last[d, k, b]
        for d in range(own):
            zz = dT[d, g]
            for i in range(q):
                for c in range(r):
                    t = zz[i, q + c]
                    for h in range(q):
                        t -= zz[i, h] * B[h, c]
                    P[i, c] = t
            _times(P, above[k], PG)
            _times(LN, PG, moved)  # dB G
            for i in range(q):
                for j in range(q):
                    t, u = 0.0, 0.0
                    for h in range(q):
                        t += zz[i, h] * here_N[j, h]
                    for c in range(r):
                        t -= PG[i, c] * U[g, j, c]
                        u += E[g, i, c] * PG[j, c]
                    one[i, j] = t
                    two[i, j] = u
            for i in range(q):
                for j in range(q):
                    t = 0.0
                    for h in range(q):
                        t += here_Q[i, h] * one[h, j] - two[i, h] * here_N[j, h]
                    out[d, i, j] += 2.0 * psi[g] * t
                w = scale * times[g] * moved[i, r - 1]
                down_last[d, g, i] -= moved[i, r - 1]
                for c in range(n_rows):
                    rows[d, c] -= w * T_rows[g, i, first + c]
            _times(LN, zz[:q, :q], one)
            for i in range(q):
                for c in range(r):
                    t = 0.0
                    for b in range(r):
                        t += B[i, b] * d_above[d, k, b, c]
                    PG[i, c] = t + moved[i, c]
                    down[d, g, i, q + c] = -PG[i, c]
                    down[d, g, q + c, i] = -PG[i, c]
            for i in range(q):
                for j in range(q):
                    t = 0.0
                    for h in range(q):
                        t -= one[i, h] * LN[h, j]
                    for c in range(r):
                        t += PG[i, c] * B[j, c] + B[i, c] * moved[j, c]
                    down[d, g, i, j] = t
            for a in range(r):
                for b in range(r):
                    down[d, g, q + a, q + b] = d_above[d, k, a, b]


@compiled
def _lanes_times(X: Array, Y: Array, out: Array) -> None:
    """Out = X Y in every lane."""
    q = X.shape[0]
    for i in range(q):
        for j in range(q):
            for s in range(LANES):
                out[i, j, s] = X[i, 0, s] * Y[0, j, s]
            for h in range(1, q):
                for s in range(LANES):
                    out[i, j, s] += X[i, h, s] * Y[h, j, s]


@compiled
def tangents_back(
    C: Array,
    Lam: Array,
    TL: Array,
    A_inv: Array,
    U: Array,
    E: Array,
    dT: Array,
    dLam: Array,
    above: Array,
    d_above: Array,
    d_last: Array,
    parent: Ints,
    psi: Array,
    T_rows: Array,
    times: Array,
    scale: float,
    out: Array,
    rows: Array,
    down: Array,
    down_last: Array,
) -> None:
    """Derivatives of `pull_back` and `pull_down` in the directions that move a level.

    In every direction rows -= times T_fixed' du, with du = scale dB G's last column, how the
    conditional modes move. What goes down is all of `down` in the directions of the levels below,
    and its last column in all directions.

    With N = A^-1 Lambda', J = TL A^-1, Q = I - TL N, X = Q C_zz and the group's E G E', E G U',
    U G U' what a level's own direction does is linear in dLambda, and the coefficients are summed:

        d(J - E G U') = X dLambda (A^-1 + U G U') - E G E' dLambda A^-1
                        + E G U' dLambda' J + J dLambda' (E G U' - J)      at G held,
        dB = N' dLambda' E + Q' dLambda U.
    """
    over = (d_above, d_last, parent, psi)
    _through_above(Lam, U, E, *over, T_rows, times, scale, out, rows)
    G, q, r = U.shape
    n_own, own, n_rows = dLam.shape[0], dT.shape[0], rows.shape[1]
    first = T_rows.shape[2] - n_rows
    EG, UG = np.empty((LANES, q, r)), np.empty((LANES, q, r))
    last_E, last_U = np.zeros((q, LANES)), np.zeros((q, LANES))
    lanes = np.zeros((10, q, q, LANES))
    zz, here, inv, EGE, EGU, UGU = lanes[0], lanes[1], lanes[2], lanes[3], lanes[4], lanes[5]
    N, J, Q, X = lanes[6], lanes[7], lanes[8], lanes[9]
    t, last = np.empty(LANES), np.empty((n_own, q, LANES))
    sums = np.zeros((q, q, q, q))
    for start in range(0, G, LANES):
        n = min(LANES, G - start)
        for s in range(n):
            g = start + s
            k = parent[g]
            for i in range(q):
                for c in range(r):
                    e, u = 0.0, 0.0
                    for b in range(r):
                        e += E[g, i, b] * above[k, b, c]
                        u += U[g, i, b] * above[k, b, c]
                    EG[s, i, c] = e
                    UG[s, i, c] = u
                last_E[i, s], last_U[i, s] = EG[s, i, r - 1], UG[s, i, r - 1]
            for i in range(q):
                for j in range(q):
                    ee, eu, uu = 0.0, 0.0, 0.0
                    for c in range(r):
                        ee += EG[s, i, c] * E[g, j, c]
                        eu += EG[s, i, c] * U[g, j, c]
                        uu += UG[s, i, c] * U[g, j, c]
                    EGE[i, j, s] = ee
                    EGU[i, j, s] = eu
                    UGU[i, j, s] = uu
                    zz[i, j, s] = C[g, i, j]
                    here[i, j, s] = TL[g, i, j]
                    inv[i, j, s] = A_inv[g, i, j]
        for i in range(q):
            for j in range(q):
                for s in range(LANES):
                    N[i, j, s] = inv[i, 0, s] * Lam[j, 0]
                for h in range(1, q):
                    for s in range(LANES):
                        N[i, j, s] += inv[i, h, s] * Lam[j, h]
        _lanes_times(here, inv, J)
        _lanes_times(here, N, Q)
        for i in range(q):
            for j in range(q):
                one = 1.0 if i == j else 0.0
                for s in range(LANES):
                    Q[i, j, s] = one - Q[i, j, s]
        _lanes_times(Q, zz, X)
        for i in range(q):
            for j in range(q):
                for e in range(q):
                    for f in range(q):
                        for s in range(LANES):
                            t[s] = (
                                X[i, e, s] * (inv[f, j, s] + UGU[f, j, s])
                                - EGE[i, e, s] * inv[f, j, s]
                                + EGU[i, f, s] * J[e, j, s]
                                + J[i, f, s] * (EGU[e, j, s] - J[e, j, s])
                            )
                        for s in range(n):
                            sums[i, j, e, f] += psi[start + s] * t[s]
        # how the modes move, by dB of the level's own directions
        for d in range(n_own):
            for h in range(q):
                for s in range(LANES):
                    last[d, h, s] = 0.0
                for e in range(q):
                    for f in range(q):
                        w = dLam[d, e, f]
                        if w != 0.0:
                            for s in range(LANES):
                                last[d, h, s] += w * (
                                    N[f, h, s] * last_E[e, s] + Q[e, h, s] * last_U[f, s]
                                )
            for s in range(n):
                g = start + s
                for h in range(q):
                    w = scale * times[g] * last[d, h, s]
                    for c in range(n_rows):
                        rows[own + d, c] -= w * T_rows[g, h, first + c]
        if own > 0:
            of = (Lam, U, E, N, Q, last, dT, above, d_above, d_last, parent, psi)
            _with_below(*of, T_rows, times, scale, start, n, out, rows, down, down_last)
    for d in range(n_own):
        for i in range(q):
            for j in range(q):
                t0 = 0.0
                for e in range(q):
                    for f in range(q):
                        t0 += sums[i, j, e, f] * dLam[d, e, f]
                out[own + d, i, j] += 2.0 * t0
