"""What the ways up and down the levels (`recursion_loops.py`) do at one level, to be compiled.

Loops where an array operation would do: numba takes seconds to compile one that may fail, such as
an assignment to a slice. Functions write into their last arguments, but for the two that return
derivatives.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from wemix_ref.compiled import compiled
from wemix_ref.elimination_loops import tangents, tangents_back, through_above

__all__ = ["add_up", "by_weight", "fill", "fold", "moved_above", "moved_below", "weighted_sum"]

Array = NDArray[np.float64]
Ints = NDArray[np.intp]

#: Log-determinants that are summed before they are added to the others.
BLOCK = 128


@compiled(types="void(f8[:,:,::1], f8[::1], i8, f8[:,::1])")
def fold(B: Array, psi: Array, k: int, F: Array) -> None:
    """F -= sum psi B'B over the last k columns, by a product of matrices."""
    G, q, r = B.shape
    last, weighted = np.empty((G * q, k)), np.empty((G * q, k))
    for g in range(G):
        for i in range(q):
            for c in range(k):
                last[g * q + i, c] = B[g, i, r - k + c]
                weighted[g * q + i, c] = B[g, i, r - k + c] * psi[g]
    product = np.dot(last.T, weighted)
    for a in range(k):
        for b in range(k):
            F[a, b] -= product[a, b]


@compiled(types="void(f8[:,:,::1], f8[:,:,::1])")
def fill(out: Array, values: Array) -> None:
    """Out = values."""
    for g in range(out.shape[0]):
        for i in range(out.shape[1]):
            for j in range(out.shape[2]):
                out[g, i, j] = values[g, i, j]


@compiled(types="void(f8[:,:,::1], f8[:,:,::1], f8[::1])")
def by_weight(T: Array, low: Array, psi: Array) -> None:
    """T = (T + low) / psi."""
    G, q, m = T.shape
    for g in range(G):
        for i in range(q):
            for b in range(m):
                T[g, i, b] = (T[g, i, b] + low[g, i, b]) / psi[g]


@compiled(types="void(f8[:,:,::1], f8[:,:,::1], f8[:,::1])")
def add_up(parts: Array, low: Array, F: Array) -> None:
    """Parts += low, F their sum."""
    G, k, _ = parts.shape
    for a in range(k):
        for b in range(k):
            F[a, b] = 0.0
    for g in range(G):
        for a in range(k):
            for b in range(k):
                parts[g, a, b] += low[g, a, b]
                F[a, b] += parts[g, a, b]


@compiled(types="f8(f8[::1], f8[::1])")
def weighted_sum(psi: Array, log_det: Array) -> float:
    """Return sum psi log det A; some are summed before they are added to the others."""
    total, part = 0.0, 0.0
    for g in range(psi.size):
        part += psi[g] * log_det[g]
        if (g + 1) % BLOCK == 0:
            total += part
            part = 0.0
    return total + part


@compiled(
    types=(
        "f8[:,:,:,::1](f8[:,::1], f8[:,:,::1], f8[:,:,::1], f8[:,:,:,::1], f8[:,:,::1], "
        "intp[::1], f8[::1], intp, intp, intp)"
    )
)
def moved_above(
    Lam: Array,
    U: Array,
    E: Array,
    dT: Array,
    dLam: Array,
    parent: Ints,
    shares: Array,
    a: int,
    b: int,
    size: int,
) -> Array:
    """One level of `second` on the way up, its groups from a to b; size: parents."""
    r = U.shape[2]
    up = np.zeros((dT.shape[0] + dLam.shape[0], size, r, r))
    tangents(Lam, U[a:b], E[a:b], dT, dLam, parent[a:b], shares[a:b], up)
    return up


@compiled(
    types=(
        "Tuple((f8[:,:,:,::1], f8[:,:,::1]))(f8[:,:,::1], f8[:,::1], f8[:,:,::1], f8[:,:,::1], "
        "f8[:,:,::1], f8[:,:,::1], f8[:,:,:,::1], f8[:,:,::1], f8[:,:,::1], f8[:,:,:,::1], "
        "f8[:,:,::1], intp[::1], f8[::1], f8[:,:,::1], f8[:,:,::1], b1, intp, intp, intp, intp, "
        "f8, f8[:,:,::1], f8[:,::1])"
    )
)
def moved_below(
    C: Array,
    Lam: Array,
    TL: Array,
    A_inv: Array,
    U: Array,
    E: Array,
    below: Array,
    dLam: Array,
    adjoint: Array,
    d_above: Array,
    d_last: Array,
    parent: Ints,
    psi: Array,
    T: Array,
    low: Array,
    inner: bool,
    a: int,
    b: int,
    above: int,
    end: int,
    variance: float,
    slopes: Array,
    dFv: Array,
) -> tuple[Array, Array]:
    """One level of `second` on the way down: its groups from a to b, parents from above to end."""
    n, k = dFv.shape
    u, e, groups, mine, fixed = U[a:b], E[a:b], parent[a:b], psi[a:b], T[a:b]
    times = mine
    G, q, r = u.shape
    if inner:
        fixed, times = np.empty((G, q, k)), np.ones(G)
        first = T.shape[2] - k
        for g in range(G):
            for i in range(q):
                for c in range(k):
                    fixed[g, i, c] = T[a + g, i, first + c] + low[a + g, i, first + c]
    own = below.shape[0]
    out = slopes[: own + dLam.shape[0]]
    down = np.empty((own, G, q + r, q + r))
    last = np.empty((n if own else 0, G, q + r))
    through_above(Lam, u, e, d_above, d_last, groups, mine, fixed, times, variance, out, dFv)
    tangents_back(
        C[a:b],
        Lam,
        TL[a:b],
        A_inv[a:b],
        u,
        e,
        below,
        dLam,
        adjoint[above:end],
        d_above,
        d_last,
        groups,
        mine,
        fixed,
        times,
        variance,
        out,
        dFv,
        down,
        last,
    )
    return down, last
