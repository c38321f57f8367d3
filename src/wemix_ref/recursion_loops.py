"""The ways up and down the levels, for many fits one after the other, to be compiled.

Here is only the order of things; the steps are those of `elimination_loops.py`, one level of one
fit at a time. What belongs to a level is a tuple over levels, lowest first. In its arrays the
groups of all fits stand one fit after the other, `starts` says where, and group numbers (parent,
top, above) count from the fit's first. So a fit gives the same bits whatever stands beside it.

Functions write into their last arguments. `failed` has a fit's first level where A was not positive
definite; -1 where all went well.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from wemix_ref.compiled import compiled
from wemix_ref.elimination_loops import (
    contract,
    eliminate,
    pull_back,
    pull_down,
    solve,
    subtract,
    tangents,
    tangents_back,
    through_above,
)

__all__ = ["downward", "second", "upward"]

Array = NDArray[np.float64]
Ints = NDArray[np.intp]
Arrays = tuple[Array, ...]
Indices = tuple[Ints, ...]

#: Groups of a level that are eliminated before what they explain is taken off those above.
CHUNK = 2048

#: Log-determinants that are summed before they are added to the others.
BLOCK = 128


@compiled
def fold(B: Array, psi: Array, k: int, F: Array) -> None:
    """F -= sum psi B'B over the last k columns, by a product of matrices."""
    G, q, r = B.shape
    last = np.ascontiguousarray(B[:, :, r - k :]).reshape(G * q, k)
    weighted = last * np.repeat(psi, q).reshape(G * q, 1)
    F -= np.dot(last.T, weighted)


@compiled
def weighted_sum(psi: Array, log_det: Array) -> float:
    total, part = 0.0, 0.0
    for g in range(psi.size):
        part += psi[g] * log_det[g]
        if (g + 1) % BLOCK == 0:
            total += part
            part = 0.0
    return total + part


@compiled
def upward(
    fits: Ints,
    starts: Indices,
    T: Arrays,
    low: Arrays,
    psi: Arrays,
    above: Indices,
    top: Indices,
    Lam: Arrays,
    n_fold: int,
    n_outside: int,
    F_start: Array,
    F_top_start: Array,
    F_low: Array,
    left: Arrays,
    log_det: Arrays,
    F: Array,
    F_top: Array,
    total: Array,
    failed: Ints,
) -> None:
    """Integrate the random effects out, level by level.

    Parameters
    ----------
    fits : which. above : per level, (levels above, G). top : (G,) top group.
    n_fold, n_outside : how many columns of [X, y] are folded into F in the loop over groups, or,
        where there are many, by products of matrices; both 0 where F is by top group.
    left : per level, T once the levels below are integrated out, by conditional weights; at level 2
        not used.
    total : (fits,) sum of psi log det A.
    """
    L = len(T)
    for f in fits:
        total[f] = 0.0
        failed[f] = -1
        F[f] = F_start[f]
        first_top, end_top = starts[L - 1][f], starts[L - 1][f + 1]
        by_top = F_top.shape[0] > 0
        rounded = [low[level][starts[level][f] : starts[level][f + 1]].copy() for level in range(L)]
        fixed, F_rounded = F_top[first_top:end_top], F_low[first_top:end_top].copy()
        if by_top:
            fixed[:] = F_top_start[first_top:end_top]
        for level in range(1, L):
            a, b = starts[level][f], starts[level][f + 1]
            left[level][a:b] = T[level][a:b]
        for level in range(L):
            a, b = starts[level][f], starts[level][f + 1]
            mine = psi[level][a:b]
            here = T[level][a:b]
            if level > 0:
                here = left[level][a:b]
                here[:] = (here + rounded[level]) / mine.reshape(b - a, 1, 1)
            own, lam = log_det[level][a:b], Lam[level][f]
            q, r = here.shape[1], here.shape[2] - here.shape[1]
            # what some groups explain goes up before the next are looked at, and stays in the cache
            scratch = np.empty((min(CHUNK, b - a), q, r))
            for c in range(0, b - a, CHUNK):
                d = min(c + CHUNK, b - a)
                explained, weights = scratch[: d - c], mine[c:d]
                if eliminate(here[c:d], lam, weights, n_fold, F[f], explained, own[c:d]) >= 0:
                    failed[f] = level
                    break
                first = 0
                for step in range(level + 1, L):
                    upper = left[step][starts[step][f] : starts[step][f + 1]]
                    groups = above[level][step - level - 1, a + c : a + d]
                    subtract(explained, first, weights, groups, upper, rounded[step])
                    first += Lam[step].shape[1]
                if by_top:
                    subtract(explained, first, weights, top[level][a + c : a + d], fixed, F_rounded)
                if n_outside > 0:
                    fold(explained, weights, n_outside, F[f])
            if failed[f] >= 0:
                break
            total[f] += weighted_sum(mine, own)
        if by_top and failed[f] < 0:
            fixed += F_rounded
            F[f] = fixed.sum(axis=0)


@compiled
def downward(
    fits: Ints,
    starts: Indices,
    T: Arrays,
    psi: Arrays,
    parent: Indices,
    Lam: Arrays,
    V: Array,
    contracted: bool,
    C: Arrays,
    TL: Arrays,
    A_inv: Arrays,
    U: Arrays,
    E: Arrays,
    adjoint: Arrays,
    gradient: Arrays,
    failed: Ints,
) -> None:
    """Solve every level and bring the adjoints down, from the top.

    Parameters
    ----------
    T : what is left at each level, by conditional weights. V : (N, p + 1, c).
    contracted : whether C stands there already.
    adjoint : per level, of the parents; the top's, (N, c, c), is given.
    gradient : per level, (N, q, q) dD/dLambda.
    """
    L = len(T)
    for f in fits:
        failed[f] = -1
        for level in range(L - 1, -1, -1):
            a, b = starts[level][f], starts[level][f + 1]
            up, end = f, f + 1
            if level + 1 < L:
                up, end = starts[level + 1][f], starts[level + 1][f + 1]
            over, groups = adjoint[level][up:end], parent[level][a:b]
            own, tl, inverse = C[level][a:b], TL[level][a:b], A_inv[level][a:b]
            u, e = U[level][a:b], E[level][a:b]
            if not contracted:
                contract(T[level][a:b], V[f], own)
            if solve(own, Lam[level][f], tl, inverse, u, e) >= 0:
                failed[f] = level
                break
            everywhere = np.zeros(b - a, dtype=groups.dtype)
            gradient[level][f] = 0.0
            into = gradient[level][f : f + 1]
            pull_back(tl, inverse, u, e, over, groups, psi[level][a:b], everywhere, into)
            if level > 0:
                pull_down(Lam[level][f], inverse, u, over, groups, adjoint[level - 1][a:b])


@compiled
def second(
    fits: Ints,
    starts: Indices,
    T: Arrays,
    low: Arrays,
    psi: Arrays,
    shares: Arrays,
    parent: Indices,
    Lam: Arrays,
    dLam: Arrays,
    sigma2: Array,
    C: Arrays,
    TL: Arrays,
    A_inv: Arrays,
    U: Arrays,
    E: Arrays,
    adjoint: Arrays,
    slopes: Arrays,
    dFv: Array,
    dF: Array,
) -> None:
    """Second derivatives in all directions at once: up the levels, and down again.

    Parameters
    ----------
    T, low : of the data, before anything is integrated out.
    shares : per level, the conditional weights; the unconditional ones at the top.
    dLam : per level, (N, its directions, q, q).
    C, TL, A_inv, U, E, adjoint : of `downward`.
    slopes : per level, (N, n_theta, q, q) derivatives of dD/dLambda in the directions of the levels
        below and its own, zeros before; the others follow by symmetry.
    dFv : (N, n_theta, p + 1) of F v, zeros before. dF : (N, n_theta, c, c) of V'F V.
    """
    L = len(T)
    n, k = dFv.shape[1], dFv.shape[2]
    for f in fits:
        G, M = starts[0][f + 1] - starts[0][f], C[0].shape[2]
        dT = np.zeros((0, G, M, M))
        moved = [dT]
        for level in range(L):
            a, b = starts[level][f], starts[level][f + 1]
            u, e = U[level][a:b], E[level][a:b]
            size = 1
            if level + 1 < L:
                size = starts[level + 1][f + 1] - starts[level + 1][f]
            r = u.shape[2]
            up = np.zeros((dT.shape[0] + dLam[level].shape[1], size, r, r))
            groups, times = parent[level][a:b], shares[level][a:b]
            tangents(Lam[level][f], u, e, dT, dLam[level][f], groups, times, up)
            dT = up
            moved.append(dT)
        dF[f] = dT[:, 0]
        d_above, d_last = np.zeros((n, 1, dT.shape[2], dT.shape[3])), np.zeros((n, 1, dT.shape[2]))
        for level in range(L - 1, -1, -1):
            a, b = starts[level][f], starts[level][f + 1]
            up_to, end = f, f + 1
            if level + 1 < L:
                up_to, end = starts[level + 1][f], starts[level + 1][f + 1]
            u, e, lam = U[level][a:b], E[level][a:b], Lam[level][f]
            G, q, r = u.shape
            fixed, times = T[level][a:b], psi[level][a:b]
            if level > 0:
                fixed = fixed[:, :, -k:] + low[level][a:b][:, :, -k:]
                times = np.ones(G)
            below, groups, mine = moved[level], parent[level][a:b], psi[level][a:b]
            D = below.shape[0] + dLam[level].shape[1]
            out = slopes[level][f, :D]
            down = np.empty((below.shape[0], G, q + r, q + r))
            down_last = np.empty((n if below.shape[0] else 0, G, q + r))
            variance = sigma2[f]
            through_above(
                lam, u, e, d_above, d_last, groups, mine, fixed, times, variance, out, dFv[f]
            )
            tangents_back(
                C[level][a:b],
                lam,
                TL[level][a:b],
                A_inv[level][a:b],
                u,
                e,
                below,
                dLam[level][f],
                adjoint[level][up_to:end],
                d_above,
                d_last,
                groups,
                mine,
                fixed,
                times,
                variance,
                out,
                dFv[f],
                down,
                down_last,
            )
            d_above, d_last = down, down_last
