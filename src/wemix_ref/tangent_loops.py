"""Steps of the Hessian (`elimination.py`) that are sums over each parent's groups, as loops.

Names are those of `elimination_arrays.py`. Functions write into their last arguments. What a
direction does is linear in dLambda, or in how a parent's adjoints move: E (x) U and the like are
summed over the groups of each parent first, and multiplied by directions after.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from wemix_ref.compiled import compiled

__all__ = ["tangents", "through_above"]

Array = NDArray[np.float64]
Ints = NDArray[np.intp]


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
def through_above(
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
    """Derivatives of `pull_back` by how the adjoints of the parents move; rows as `tangents_back`.

    They are linear in d_above: its products are taken with sums over each parent's groups.
    """
    K, r = d_last.shape[1:]
    G, q, _ = U.shape
    n = rows.shape[1]
    first = T_rows.shape[2] - n
    S, fixed = np.zeros((K, q * r, q * r)), np.zeros((K, r, n))
    _together(E, U, psi, parent, S)
    g, i = 0, 0
    while g < G:
        k = parent[g]
        # two rows below one parent, or one and another that weighs nothing
        g0, i0, w0 = g, i, times[g]
        g, i = (g, i + 1) if i + 1 < q else (g + 1, 0)
        g1, i1, w1 = g0, i0, 0.0
        if g < G and parent[g] == k:
            g1, i1, w1 = g, i, times[g]
            g, i = (g, i + 1) if i + 1 < q else (g + 1, 0)
        for b in range(r):
            x, y = 0.0, 0.0
            for h in range(q):
                x += Lam[i0, h] * U[g0, h, b]
                y += Lam[i1, h] * U[g1, h, b]
            x *= w0
            y *= w1
            for c in range(n):
                fixed[k, b, c] += x * T_rows[g0, i0, first + c] + y * T_rows[g1, i1, first + c]
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
