"""The Hessian's way down the levels (`elimination.py`) as loops over groups, to be compiled.

Names are those of `elimination_arrays.py`. Functions write into their last arguments. A level's own
directions cost no group more than one: their coefficients are summed, in lanes as in
`elimination_loops.py`. Directions of the levels below have a matrix for each group.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from wemix_ref.compiled import compiled

__all__ = ["tangents_back"]

Array = NDArray[np.float64]
Ints = NDArray[np.intp]

#: Groups side by side, as in `elimination_loops.py`.
LANES = 64


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


@compiled(inline="always")
def _set_product(x: Array, y: Array, out: Array) -> None:
    for s in range(LANES):
        out[s] = x[s] * y[s]


@compiled(inline="always")
def _add_product(w: float, x: Array, y: Array, out: Array) -> None:
    for s in range(LANES):
        out[s] += w * x[s] * y[s]


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
def _products(
    E: Array,
    U: Array,
    above: Array,
    parent: Ints,
    start: int,
    n: int,
    EGE: Array,
    EGU: Array,
    UGU: Array,
    last_E: Array,
    last_U: Array,
) -> None:
    """E G E', E G U', U G U' and the last columns of E G and U G of n groups, in lanes."""
    q, r = U.shape[1:]
    EG, UG = np.empty((q, r)), np.empty((q, r))
    for s in range(n):
        g = start + s
        k = parent[g]
        if q == 1:
            ee, eu, uu, e, u = 0.0, 0.0, 0.0, 0.0, 0.0
            for c in range(r):
                e, u = 0.0, 0.0
                for b in range(r):
                    e += E[g, 0, b] * above[k, b, c]
                    u += U[g, 0, b] * above[k, b, c]
                ee += e * E[g, 0, c]
                eu += e * U[g, 0, c]
                uu += u * U[g, 0, c]
            EGE[0, 0, s], EGU[0, 0, s], UGU[0, 0, s] = ee, eu, uu
            last_E[0, s], last_U[0, s] = e, u
            continue
        for c in range(r):
            for i in range(q):
                e, u = 0.0, 0.0
                for b in range(r):
                    e += E[g, i, b] * above[k, b, c]
                    u += U[g, i, b] * above[k, b, c]
                EG[i, c], UG[i, c] = e, u
        for i in range(q):
            for j in range(q):
                ee, eu, uu = 0.0, 0.0, 0.0
                for c in range(r):
                    ee += EG[i, c] * E[g, j, c]
                    eu += EG[i, c] * U[g, j, c]
                    uu += UG[i, c] * U[g, j, c]
                EGE[i, j, s], EGU[i, j, s], UGU[i, j, s] = ee, eu, uu
            last_E[i, s], last_U[i, s] = EG[i, r - 1], UG[i, r - 1]


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

    Of `pull_back` those at `above` held; `through_above` has the others. In every direction that
    moves the level rows -= times T_fixed' du, with du = scale dB G's last column, how the
    conditional modes move. What goes down is all of `down` in the directions of the levels below,
    and its last column in all directions.

    With N = A^-1 Lambda', J = TL A^-1, Q = I - TL N, X = Q C_zz and the group's E G E', E G U',
    U G U' what a level's own direction does is linear in dLambda, and the coefficients are summed:

        d(J - E G U') = X dLambda (A^-1 + U G U') - E G E' dLambda A^-1
                        + E G U' dLambda' J + J dLambda' (E G U' - J)      at G held,
        dB = N' dLambda' E + Q' dLambda U.
    """
    G, q, _ = U.shape
    n_own, own, n_rows = dLam.shape[0], dT.shape[0], rows.shape[1]
    first = T_rows.shape[2] - n_rows
    last_E, last_U = np.zeros((q, LANES)), np.zeros((q, LANES))
    lanes = np.zeros((12, q, q, LANES))
    zz, here, inv, EGE, EGU, UGU = lanes[0], lanes[1], lanes[2], lanes[3], lanes[4], lanes[5]
    N, J, Q, X, AK, MJ = lanes[6], lanes[7], lanes[8], lanes[9], lanes[10], lanes[11]
    t, last = np.empty(LANES), np.empty((n_own, q, LANES))
    sums = np.zeros((q, q, q, q))
    for start in range(0, G, LANES):
        n = min(LANES, G - start)
        for s in range(n):
            for i in range(q):
                for j in range(q):
                    zz[i, j, s] = C[start + s, i, j]
                    here[i, j, s] = TL[start + s, i, j]
                    inv[i, j, s] = A_inv[start + s, i, j]
        _products(E, U, above, parent, start, n, EGE, EGU, UGU, last_E, last_U)
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
                for s in range(LANES):
                    AK[i, j, s] = inv[i, j, s] + UGU[i, j, s]
                for s in range(LANES):
                    MJ[i, j, s] = EGU[i, j, s] - J[i, j, s]
        for i in range(q):
            for j in range(q):
                for e in range(q):
                    for f in range(q):
                        _set_product(X[i, e], AK[f, j], t)
                        _add_product(-1.0, EGE[i, e], inv[f, j], t)
                        _add_product(1.0, EGU[i, f], J[e, j], t)
                        _add_product(1.0, J[i, f], MJ[e, j], t)
                        total = sums[i, j, e, f]
                        for s in range(n):
                            total += psi[start + s] * t[s]
                        sums[i, j, e, f] = total
        # how the modes move, by dB of the level's own directions
        for d in range(n_own):
            for h in range(q):
                for s in range(LANES):
                    last[d, h, s] = 0.0
                for e in range(q):
                    for f in range(q):
                        w = dLam[d, e, f]
                        if w != 0.0:
                            _add_product(w, N[f, h], last_E[e], last[d, h])
                            _add_product(w, Q[e, h], last_U[f], last[d, h])
        for s in range(n):
            g = start + s
            for h in range(q):
                for d in range(n_own):
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
