"""The gradient's steps of `elimination.py` as loops over groups, to be compiled.

Names are those of `elimination_arrays.py`. Functions write into their last arguments. Groups with
one or two random effects have loops of their own: nearly all data have no others.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from wemix_ref.compiled import compiled

__all__ = ["curvature", "pull_back", "pull_down"]

Array = NDArray[np.float64]
Ints = NDArray[np.intp]


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
    GU = np.empty((q, r))
    for g in range(G):
        k, into = parent[g], bins[g]
        w = 2.0 * psi[g]
        if q == 1:
            t = TL[g, 0, 0] * A_inv[g, 0, 0]
            for a in range(r):
                x = 0.0
                for b in range(r):
                    x += above[k, a, b] * U[g, 0, b]
                t -= E[g, 0, a] * x
            out[into, 0, 0] += w * t
        elif q == 2:
            t00 = TL[g, 0, 0] * A_inv[g, 0, 0] + TL[g, 0, 1] * A_inv[g, 1, 0]
            t01 = TL[g, 0, 0] * A_inv[g, 0, 1] + TL[g, 0, 1] * A_inv[g, 1, 1]
            t10 = TL[g, 1, 0] * A_inv[g, 0, 0] + TL[g, 1, 1] * A_inv[g, 1, 0]
            t11 = TL[g, 1, 0] * A_inv[g, 0, 1] + TL[g, 1, 1] * A_inv[g, 1, 1]
            for a in range(r):
                x, y = 0.0, 0.0
                for b in range(r):
                    x += above[k, a, b] * U[g, 0, b]
                    y += above[k, a, b] * U[g, 1, b]
                d, e = E[g, 0, a], E[g, 1, a]
                t00 -= d * x
                t01 -= d * y
                t10 -= e * x
                t11 -= e * y
            out[into, 0, 0] += w * t00
            out[into, 0, 1] += w * t01
            out[into, 1, 0] += w * t10
            out[into, 1, 1] += w * t11
        else:
            for j in range(q):
                for a in range(r):
                    t = 0.0
                    for b in range(r):
                        t += above[k, a, b] * U[g, j, b]
                    GU[j, a] = t
            for i in range(q):
                for j in range(q):
                    t = 0.0
                    for h in range(q):
                        t += TL[g, i, h] * A_inv[g, h, j]
                    for a in range(r):
                        t -= E[g, i, a] * GU[j, a]
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
