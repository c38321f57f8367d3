"""The steps of `elimination.py` in matrices, all groups at once along the first axis.

This is what runs without compiled loops, and what `elimination_loops.py` is tested against.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from wemix_ref.linalg import add_by_group

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


def _t(M: Array) -> Array:
    return M.swapaxes(-1, -2)


def _add_at(out: Array, where: Ints, values: Array, weights: Array) -> None:
    """out[where[g]] += weights[g] values[g]."""
    import scipy.sparse as sp  # not needed where loops are compiled

    G = where.size
    into = sp.csr_array((weights, (where, np.arange(G))), shape=(out.shape[0], G))
    out += np.asarray(into @ values.reshape(G, -1)).reshape(out.shape)


def _roots(A: Array) -> tuple[Array, int]:
    """Cholesky factors, NaN where there is none, and the first group without one, or -1."""
    try:
        root = _factor(A)
    except np.linalg.LinAlgError:  # in one matrix of a stack; it does not say which
        root = np.stack([_factor_or_nan(one) for one in A])
    without = np.isnan(root).any(axis=(1, 2))  # LAPACK may take what is no number
    return root, int(without.argmax()) if without.any() else -1


def _factor(A: Array) -> Array:
    return np.asarray(np.linalg.cholesky(A), dtype=np.float64)


def _factor_or_nan(A: Array) -> Array:
    try:
        return _factor(A)
    except np.linalg.LinAlgError:
        return np.full(A.shape, np.nan)


def contract(T: Array, V: Array, C: Array) -> None:
    """C = [T without the fixed part; its products with V]."""
    G, q, m = T.shape
    k, c = V.shape
    C[:, :, : m - k] = T[:, :, : m - k]
    C[:, :, m - k :] = (T[:, :, m - k :].reshape(G * q, k) @ V).reshape(G, q, c)


def eliminate(
    T: Array, Lam: Array, psi: Array, n_fold: int, F: Array, B: Array, log_det: Array
) -> int:
    """B, log det A of every group; F -= sum psi B'B over the last columns where n_fold > 0."""
    q = Lam.shape[0]
    root, failed = _roots(Lam.T @ T[:, :, :q] @ Lam + np.eye(q))
    if failed >= 0:
        return failed
    log_det[:] = 2.0 * np.log(np.diagonal(root, axis1=1, axis2=2)).sum(axis=1)
    B[:] = np.linalg.inv(root) @ (Lam.T @ T[:, :, q:])
    if n_fold:
        last = B[:, :, -n_fold:].reshape(-1, n_fold)
        F -= last.T @ (np.repeat(psi, q)[:, None] * last)
    return -1


def subtract(B: Array, first: int, weights: Array, ancestor: Ints, T: Array, low: Array) -> None:
    """T[ancestor] -= weight B_z'B over the columns from `first`, z the first of them."""
    q_up = T.shape[1]
    products = _t(B[:, :, first : first + q_up]) @ B[:, :, first:]
    add_by_group(-weights[:, None, None] * products, ancestor, T, low)


def solve(C: Array, Lam: Array, TL: Array, A_inv: Array, U: Array, E: Array) -> int:
    """TL, A^-1, U = A^-1 Lambda' C_zr and E = C_zr - TL U of every group."""
    q = Lam.shape[0]
    TL[:] = C[:, :, :q] @ Lam
    root, failed = _roots(Lam.T @ TL + np.eye(q))
    if failed >= 0:
        return failed
    root_inv = np.asarray(np.linalg.inv(root), dtype=np.float64)
    A_inv[:] = _t(root_inv) @ root_inv
    U[:] = A_inv @ (Lam.T @ C[:, :, q:])
    E[:] = C[:, :, q:] - TL @ U
    return -1


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
    _add_at(out, bins, TL @ A_inv - E @ (above[parent] @ _t(U)), 2.0 * psi)


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
    M = T_zz - TL @ A_inv @ _t(TL) - E @ above[parent] @ _t(E)
    out += np.tensordot(psi, M, axes=1)


def pull_down(Lam: Array, A_inv: Array, U: Array, above: Array, parent: Ints, out: Array) -> None:
    """Out = [-B; I] G [-B; I]' + Lambda A^-1 Lambda' on zz, with B = Lambda U."""
    q = Lam.shape[0]
    G, B = above[parent], Lam @ U
    BG = B @ G
    out[:, :q, :q] = BG @ _t(B) + Lam @ A_inv @ Lam.T
    out[:, :q, q:] = -BG
    out[:, q:, :q] = -_t(BG)
    out[:, q:, q:] = G


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
    [-B; I]' dT [-B; I], or minus E' dLambda U and its transpose.
    """
    q, own = Lam.shape[0], dT.shape[0]
    B = Lam @ U
    for d in range(up.shape[0]):
        if d < own:
            half = _t(B) @ dT[d, :, :q, q:]
            dS = dT[d, :, q:, q:] - half - _t(half) + _t(B) @ dT[d, :, :q, :q] @ B
        else:
            half = _t(E) @ (dLam[d - own] @ U)
            dS = -half - _t(half)
        _add_at(up[d], parent, dS, weights)


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

    By the directions in d_above, and all in d_last, which is its last column.
    """
    for d in range(d_above.shape[0]):
        out[d] -= 2.0 * np.tensordot(psi, E @ (d_above[d][parent] @ _t(U)), axes=1)
    BT = times[:, None, None] * (_t(Lam @ U) @ T_rows[:, :, -rows.shape[1] :])
    for d in range(d_last.shape[0]):
        rows[d] -= scale * np.tensordot(d_last[d][parent], BT, axes=2)


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
    """
    q, own = Lam.shape[0], dT.shape[0]
    G, B, N = above[parent], Lam @ U, A_inv @ Lam.T
    GU, C_zz = G @ _t(U), C[:, :, :q]
    k = rows.shape[1]
    for d in range(d_last.shape[0]):
        modes = np.zeros((parent.size, q))
        if d < d_above.shape[0]:
            if d < own:
                dT_zz = dT[d, :, :q, :q]
                P = dT[d, :, :q, q:] - dT_zz @ B
                dU = N @ P
                dE = P - TL @ dU
                dB, inner = Lam @ dU, -_t(N) @ (Lam.T @ dT_zz @ Lam) @ A_inv
            else:
                move = dLam[d - own]
                cross = move.T @ TL
                dU = A_inv @ (move.T @ E - _t(TL) @ (move @ U))
                dB = Lam @ dU + move @ U
                dE = -C_zz @ dB
                inner = move @ A_inv - _t(N) @ (cross + _t(cross)) @ A_inv
            slope = C_zz @ inner - E @ (G @ _t(dU)) - dE @ GU
            if d < own:
                slope = slope + dT_zz @ _t(N)
            out[d] += 2.0 * np.tensordot(psi, slope, axes=1)
            moved = dB @ G
            modes = moved[:, :, -1]
            rows[d] -= np.tensordot(times[:, None] * (scale * modes), T_rows[:, :, -k:], axes=2)
        if own:
            last = d_last[d][parent]
            down_last[d, :, :q] = -modes - (B @ last[:, :, None])[:, :, 0]
            down_last[d, :, q:] = last
        if d < own:
            dG = d_above[d][parent]
            dBG = B @ dG + moved
            down[d, :, :q, :q] = dBG @ _t(B) + B @ _t(moved) + inner @ Lam.T
            down[d, :, :q, q:] = -dBG
            down[d, :, q:, :q] = -_t(dBG)
            down[d, :, q:, q:] = dG
