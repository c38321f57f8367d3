"""The steps of `elimination.py` as loops over groups, to be compiled.

One group's matrices are a few numbers: an array operation costs more than its arithmetic, a loop
does not. Names are those of `elimination_arrays.py`, which says the same in matrices. Functions
write into their last arguments; a number returned is the first group that failed, or -1.
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

#: Groups whose contributions to F are summed before they are added to it.
BLOCK = 256

#: Groups of one ancestor that are summed before they are taken off it.
RUN = 2


@compiled
def _triangle(T: Array, g: int, Lam: Array, TL: Array, root: Array) -> bool:
    """TL = T_zz Lambda, and the Cholesky factor of Lambda' TL + I; False where there is none."""
    q = Lam.shape[0]
    for i in range(q):
        for j in range(q):
            s = 0.0
            for h in range(q):
                s += T[g, i, h] * Lam[h, j]
            TL[i, j] = s
    for j in range(q):
        for i in range(j, q):
            s = 1.0 if i == j else 0.0
            for h in range(q):
                s += Lam[h, i] * TL[h, j]
            for h in range(j):
                s -= root[i, h] * root[j, h]
            if i == j:
                if not s > 0.0:
                    return False
                root[j, j] = np.sqrt(s)
            else:
                root[i, j] = s / root[j, j]
    return True


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
    r = m - q
    first = r - n_fold
    TL, root = np.empty((q, q)), np.empty((q, q))
    part = np.zeros((n_fold, n_fold))
    for g in range(G):
        if not _triangle(T, g, Lam, TL, root):
            return g
        total = 0.0
        for i in range(q):
            total += np.log(root[i, i])
            for c in range(r):
                s = 0.0
                for h in range(q):
                    s += Lam[h, i] * T[g, h, q + c]
                for h in range(i):
                    s -= root[i, h] * B[g, h, c]
                B[g, i, c] = s / root[i, i]
        log_det[g] = 2.0 * total
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

    A few groups of one ancestor in a row are summed first; what rounding takes off T goes to low.
    """
    G, q, _ = B.shape
    _, q_up, size = T.shape
    run = np.zeros((q_up, size))
    count = 0
    for g in range(G):
        k = ancestor[g]
        for i in range(q):
            for a in range(q_up):
                w = weights[g] * B[g, i, first + a]
                for b in range(size):
                    run[a, b] -= w * B[g, i, first + b]
        count += 1
        if g + 1 == G or count == RUN or ancestor[g + 1] != k:
            count = 0
            for a in range(q_up):
                for b in range(size):
                    before = T[k, a, b]
                    after = before + run[a, b]
                    part = after - before
                    low[k, a, b] += (before - (after - part)) + (run[a, b] - part)
                    T[k, a, b] = after
                    run[a, b] = 0.0


@compiled
def solve(C: Array, Lam: Array, TL: Array, A_inv: Array, U: Array, E: Array) -> int:
    """TL, A^-1, U = A^-1 Lambda' C_zr and E = C_zr - TL U of every group."""
    G, q, M = C.shape
    r = M - q
    here, root, inverse = np.empty((q, q)), np.empty((q, q)), np.empty((q, q))
    half = np.empty(q)
    for g in range(G):
        if not _triangle(C, g, Lam, here, root):
            return g
        for j in range(q):  # the inverse of the root, lower triangular
            for i in range(q):
                s = 1.0 if i == j else 0.0
                for h in range(j, i):
                    s -= root[i, h] * inverse[h, j]
                inverse[i, j] = s / root[i, i] if i >= j else 0.0
        for i in range(q):
            for j in range(q):
                TL[g, i, j] = here[i, j]
                s = 0.0
                for h in range(max(i, j), q):
                    s += inverse[h, i] * inverse[h, j]
                A_inv[g, i, j] = s
        for c in range(r):
            for i in range(q):
                s = 0.0
                for h in range(q):
                    s += Lam[h, i] * C[g, h, q + c]
                half[i] = s
            for i in range(q):
                s = 0.0
                for h in range(q):
                    s += A_inv[g, i, h] * half[h]
                U[g, i, c] = s
            for i in range(q):
                s = C[g, i, q + c]
                for h in range(q):
                    s -= here[i, h] * U[g, h, c]
                E[g, i, c] = s
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
    for g in range(G):
        k = parent[g]
        into = bins[g]
        for i in range(q):
            for j in range(q):
                s = 0.0
                for h in range(q):
                    s += TL[g, i, h] * A_inv[g, h, j]
                for a in range(r):
                    t = 0.0
                    for b in range(r):
                        t += above[k, a, b] * U[g, j, b]
                    s -= E[g, i, a] * t
                out[into, i, j] += 2.0 * psi[g] * s


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
    for g in range(G):
        k = parent[g]
        for i in range(q):
            for j in range(i + 1):
                s = T_zz[g, i, j]
                for h in range(q):
                    t = 0.0
                    for f in range(q):
                        t += A_inv[g, h, f] * TL[g, j, f]
                    s -= TL[g, i, h] * t
                for a in range(r):
                    t = 0.0
                    for b in range(r):
                        t += above[k, a, b] * E[g, j, b]
                    s -= E[g, i, a] * t
                out[i, j] += psi[g] * s
    for i in range(q):
        for j in range(i):
            out[j, i] = out[i, j]


@compiled
def _times(Lam: Array, X: Array, out: Array) -> None:
    """Out = Lam X for small matrices."""
    n, inner = Lam.shape
    for i in range(n):
        for j in range(X.shape[1]):
            s = 0.0
            for h in range(inner):
                s += Lam[i, h] * X[h, j]
            out[i, j] = s


@compiled
def pull_down(Lam: Array, A_inv: Array, U: Array, above: Array, parent: Ints, out: Array) -> None:
    """Out = [-B; I] G [-B; I]' + Lambda A^-1 Lambda' on zz, with B = Lambda U."""
    G, q, r = U.shape
    B, BG = np.empty((q, r)), np.empty((q, r))
    for g in range(G):
        over = above[parent[g]]
        _times(Lam, U[g], B)
        _times(B, over, BG)
        for i in range(q):
            for j in range(q):
                s = 0.0
                for a in range(r):
                    s += BG[i, a] * B[j, a]
                for h in range(q):
                    for f in range(q):
                        s += Lam[i, h] * A_inv[g, h, f] * Lam[j, f]
                out[g, i, j] = s
            for a in range(r):
                out[g, i, q + a] = -BG[i, a]
                out[g, q + a, i] = -BG[i, a]
        for a in range(r):
            for b in range(r):
                out[g, q + a, q + b] = over[a, b]


@compiled
def tangents(
    C: Array,
    Lam: Array,
    TL: Array,
    A_inv: Array,
    U: Array,
    dT: Array,
    dLam: Array,
    dA_inv: Array,
    dU: Array,
    dE: Array,
    parent: Ints,
    weights: Array,
    up: Array,
) -> None:
    """Derivatives of one level in every direction that moves it.

    The first directions move what the levels below leave, dT; those after them are the level's own
    and move Lambda, by dLam. dS goes to up[direction, parent] times the weight.
    """
    D, G, q, r = dU.shape
    own = dT.shape[0]
    dA, dAU, dC, LU = np.empty((q, q)), np.empty((q, r)), np.empty((q, r)), np.empty((q, r))
    moved, work, dS = np.empty((q, r)), np.empty((q, q)), np.empty((r, r))
    for g in range(G):
        _times(Lam, U[g], LU)
        for d in range(D):
            for i in range(q):
                for j in range(q):
                    dA[i, j] = 0.0
                for c in range(r):
                    dC[i, c] = 0.0
            if d >= own:
                for i in range(q):
                    for j in range(q):
                        s = 0.0
                        for h in range(q):
                            s += (
                                dLam[d - own, h, i] * TL[g, h, j]
                                + TL[g, h, i] * dLam[d - own, h, j]
                            )
                        dA[i, j] += s
                    for c in range(r):
                        s = 0.0
                        for h in range(q):
                            s += dLam[d - own, h, i] * C[g, h, q + c]
                        dC[i, c] += s
            if d < own:
                for h in range(q):
                    for j in range(q):
                        s = 0.0
                        for f in range(q):
                            s += dT[d, g, h, f] * Lam[f, j]
                        work[h, j] = s
                for i in range(q):
                    for j in range(q):
                        s = 0.0
                        for h in range(q):
                            s += Lam[h, i] * work[h, j]
                        dA[i, j] += s
                    for c in range(r):
                        s = 0.0
                        for h in range(q):
                            s += Lam[h, i] * dT[d, g, h, q + c]
                        dC[i, c] += s
            _times(dA, U[g], dAU)
            for i in range(q):
                for c in range(r):
                    s = 0.0
                    for h in range(q):
                        s += A_inv[g, i, h] * (dC[h, c] - dAU[h, c])
                    dU[d, g, i, c] = s
            for i in range(q):
                for j in range(q):
                    s = 0.0
                    for h in range(q):
                        s += A_inv[g, i, h] * dA[h, j]
                    work[i, j] = s
            for i in range(q):
                for j in range(q):
                    s = 0.0
                    for h in range(q):
                        s -= work[i, h] * A_inv[g, h, j]
                    dA_inv[d, g, i, j] = s
            # how Lambda U moves, and with it E
            for i in range(q):
                for c in range(r):
                    s = 0.0
                    for h in range(q):
                        s += Lam[i, h] * dU[d, g, h, c]
                        if d >= own:
                            s += dLam[d - own, i, h] * U[g, h, c]
                    moved[i, c] = s
            for i in range(q):
                for c in range(r):
                    s = 0.0
                    for h in range(q):
                        s -= C[g, i, h] * moved[h, c]
                    if d < own:
                        s += dT[d, g, i, q + c]
                        for h in range(q):
                            s -= dT[d, g, i, h] * LU[h, c]
                    dE[d, g, i, c] = s
            for a in range(r):
                for b in range(a + 1):
                    s = 0.0
                    for h in range(q):
                        s += U[g, h, a] * (dAU[h, b] - dC[h, b]) - dC[h, a] * U[g, h, b]
                    if d < own:
                        s += dT[d, g, q + a, q + b]
                    dS[a, b] = s
                    dS[b, a] = s
            k = parent[g]
            for a in range(r):
                for b in range(r):
                    up[d, k, a, b] += weights[g] * dS[a, b]


@compiled
def tangents_back(
    C: Array,
    Lam: Array,
    A_inv: Array,
    U: Array,
    E: Array,
    dT: Array,
    dLam: Array,
    dA_inv: Array,
    dU: Array,
    dE: Array,
    above: Array,
    d_above: Array,
    parent: Ints,
    psi: Array,
    T_rows: Array,
    times: Array,
    scale: float,
    out: Array,
    rows: Array,
    down: Array,
) -> None:
    """Derivatives of `pull_back` and `pull_down` in every direction.

    rows[direction] -= times T_fixed' du, with du = scale dB G's last column, how the conditional
    modes move; `down` of size zero where nothing is below.
    """
    D_all = d_above.shape[0]
    D, own = dU.shape[0], dT.shape[0]
    G, q, r = U.shape
    k = rows.shape[1]
    m = T_rows.shape[2]
    B, dB, dBG = np.empty((q, r)), np.empty((q, r)), np.empty((q, r))
    GU, move = np.empty((r, q)), np.empty((r, q))
    inner, half = np.empty((q, q)), np.empty((q, q))
    keep = down.shape[1] > 0
    for g in range(G):
        over = above[parent[g]]
        _times(Lam, U[g], B)
        for a in range(r):
            for j in range(q):
                s = 0.0
                for b in range(r):
                    s += over[a, b] * U[g, j, b]
                GU[a, j] = s
        for d in range(D_all):
            d_over = d_above[d, parent[g]]
            active = d < D
            # G U' moves by this
            for a in range(r):
                for j in range(q):
                    s = 0.0
                    for b in range(r):
                        s += d_over[a, b] * U[g, j, b]
                        if active:
                            s += over[a, b] * dU[d, g, j, b]
                    move[a, j] = s
            if active:
                # d(Lambda A^-1)
                for i in range(q):
                    for j in range(q):
                        s = 0.0
                        for h in range(q):
                            s += Lam[i, h] * dA_inv[d, g, h, j]
                            if d >= own:
                                s += dLam[d - own, i, h] * A_inv[g, h, j]
                        inner[i, j] = s
            for i in range(q):
                for j in range(q):
                    s = 0.0
                    for a in range(r):
                        s -= E[g, i, a] * move[a, j]
                        if active:
                            s -= dE[d, g, i, a] * GU[a, j]
                    if active:
                        for h in range(q):
                            s += C[g, i, h] * inner[h, j]
                            if d < own:
                                t = 0.0
                                for f in range(q):
                                    t += Lam[h, f] * A_inv[g, f, j]
                                s += dT[d, g, i, h] * t
                    out[d, i, j] += 2.0 * psi[g] * s
            if active:
                for i in range(q):
                    for c in range(r):
                        s = 0.0
                        for h in range(q):
                            s += Lam[i, h] * dU[d, g, h, c]
                            if d >= own:
                                s += dLam[d - own, i, h] * U[g, h, c]
                        dB[i, c] = s
            for i in range(q):
                for c in range(r):
                    s = 0.0
                    for b in range(r):
                        s += B[i, b] * d_over[b, c]
                        if active:
                            s += dB[i, b] * over[b, c]
                    dBG[i, c] = s
            for h in range(q):
                w = times[g] * scale * dBG[h, r - 1]
                for c in range(k):
                    rows[d, c] -= w * T_rows[g, h, m - k + c]
            if keep:
                for i in range(q):
                    for c in range(r):
                        down[d, g, i, q + c] = -dBG[i, c]
                        down[d, g, q + c, i] = -dBG[i, c]
                for a in range(r):
                    for b in range(r):
                        down[d, g, q + a, q + b] = d_over[a, b]
                for i in range(q):
                    for j in range(q):
                        s = 0.0
                        for a in range(r):
                            s += dBG[i, a] * B[j, a]
                            if active:
                                t = 0.0
                                for b in range(r):
                                    t += B[i, b] * over[b, a]
                                s += t * dB[j, a]
                        half[i, j] = s
                if active:
                    # d(Lambda A^-1 Lambda') = inner Lambda' + Lambda A^-1 dLambda'
                    for i in range(q):
                        for j in range(q):
                            s = 0.0
                            for h in range(q):
                                s += inner[i, h] * Lam[j, h]
                                if d >= own:
                                    t = 0.0
                                    for f in range(q):
                                        t += Lam[i, f] * A_inv[g, f, h]
                                    s += t * dLam[d - own, j, h]
                            half[i, j] += s
                for i in range(q):
                    for j in range(q):
                        down[d, g, i, j] = half[i, j]
