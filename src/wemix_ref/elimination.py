"""One level's random effects integrated out of its groups, and the derivatives of that step.

Integrating a group's random effects out of the nested pseudo-likelihood (paper, eqs. 82-102) is one
block elimination. With T the group's cross-products, split into the block zz of the level's own
effects and the rest r,

    A = Lambda' T_zz Lambda + I,   U = A^-1 Lambda' T_zr,   S = T_rr - (Lambda' T_zr)' U,

the group adds psi log det A to the deviance (psi unconditional), and S, times the conditional psi,
to its parent's T. All groups of a level are taken at once, along the first axis.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wemix_ref.crossproducts import LevelGroups

__all__ = [
    "LevelState",
    "Tangent",
    "eliminate",
    "pull_back",
    "pull_down",
    "tangent_of",
    "tangent_pull_back",
    "tangent_pull_down",
    "to_parent",
]

Array = NDArray[np.float64]


@dataclass(frozen=True)
class LevelState:
    """One level after its effects were integrated out.

    Attributes
    ----------
    Lam : (r, q) Lambda in the working coordinates of Z.
    T_zz, T_zr : (G, r, r), (G, r, m) blocks of the cross-products.
    A_inv : (G, q, q).
    U : (G, q, m), A^-1 Lambda' T_zr.
    E : (G, r, m), T_zr - T_zz Lambda U.
    log_det : (G,) log det A.
    S : (G, m, m) what is left for the parent.
    """

    Lam: Array
    T_zz: Array
    T_zr: Array
    A_inv: Array
    U: Array
    E: Array
    log_det: Array
    S: Array


def eliminate(T: Array, Lam: Array) -> LevelState:
    """Integrate one level's random effects out of its groups' cross-products T."""
    r = Lam.shape[0]
    T_zz, T_zr, T_rr = T[:, :r, :r], T[:, :r, r:], T[:, r:, r:]
    LT_zr = Lam.T @ T_zr
    A = Lam.T @ T_zz @ Lam + np.eye(Lam.shape[1])
    root = np.linalg.cholesky(A)
    log_det = 2.0 * np.log(np.diagonal(root, axis1=1, axis2=2)).sum(axis=1)
    root_inv = np.linalg.inv(root)
    B = root_inv @ LT_zr
    A_inv = root_inv.transpose(0, 2, 1) @ root_inv
    U = root_inv.transpose(0, 2, 1) @ B
    E = T_zr - T_zz @ (Lam @ U)
    return LevelState(Lam, T_zz, T_zr, A_inv, U, E, log_det, T_rr - B.transpose(0, 2, 1) @ B)


def pull_back(state: LevelState, G: Array, psi: Array) -> Array:
    """Adjoint of Lambda, (G, r, q), a group at a time.

    Parameters
    ----------
    G : (G, m, m) adjoint of each group's S.
    psi : (G,) unconditional weights, the adjoint of each group's log det A.
    """
    return 2.0 * (
        psi[:, None, None] * (state.T_zz @ (state.Lam @ state.A_inv))
        - state.E @ (G @ state.U.transpose(0, 2, 1))
    )


def pull_down(state: LevelState, G: Array, psi: Array) -> Array:
    """Adjoint of T, (G, r + m, r + m); arguments as for `pull_back`."""
    Lam, r = state.Lam, state.Lam.shape[0]
    B = Lam @ state.U
    BG = B @ G
    T_bar = np.empty((G.shape[0], r + G.shape[1], r + G.shape[1]))
    T_bar[:, :r, :r] = BG @ B.transpose(0, 2, 1) + psi[:, None, None] * (Lam @ state.A_inv @ Lam.T)
    T_bar[:, :r, r:] = -BG
    T_bar[:, r:, :r] = -BG.transpose(0, 2, 1)
    T_bar[:, r:, r:] = G
    return T_bar


def to_parent(level: LevelGroups, S: Array) -> Array:
    """Sum of psi_cond S over the groups of each parent, (K, m, m)."""
    assert level.to_parent is not None
    flat = (level.psi_cond[:, None, None] * S).reshape(S.shape[0], -1)
    return np.asarray(level.to_parent @ flat).reshape(-1, *S.shape[1:])


@dataclass(frozen=True)
class Tangent:
    """Directional derivative of a :class:`LevelState`; dT_zz is None for zero."""

    dLam: Array
    dT_zz: Array | None
    dA_inv: Array
    dU: Array
    dE: Array
    dS: Array


def tangent_of(state: LevelState, dT: Array | None, dLam: Array) -> Tangent:
    """Derivative of `eliminate` in the direction (dT, dLam); dT is None for zero."""
    Lam, r = state.Lam, state.Lam.shape[0]
    Ut = state.U.transpose(0, 2, 1)
    cross = dLam.T @ state.T_zz @ Lam
    dA = cross + cross.transpose(0, 2, 1)
    dC = dLam.T @ state.T_zr
    if dT is not None:
        dT_zz, dT_zr = dT[:, :r, :r], dT[:, :r, r:]
        dA = dA + Lam.T @ dT_zz @ Lam
        dC = dC + Lam.T @ dT_zr
    dAU = dA @ state.U
    dU = state.A_inv @ (dC - dAU)
    dA_inv = -state.A_inv @ dA @ state.A_inv
    UdC = Ut @ dC
    dS = Ut @ dAU - UdC - UdC.transpose(0, 2, 1)
    dE = -state.T_zz @ (dLam @ state.U + Lam @ dU)
    if dT is None:
        return Tangent(dLam, None, dA_inv, dU, dE, dS)
    dE += dT_zr - dT_zz @ (Lam @ state.U)
    return Tangent(dLam, dT_zz, dA_inv, dU, dE, dS + dT[:, r:, r:])


def tangent_pull_back(
    state: LevelState, t: Tangent | None, G: Array, dG: Array, psi: Array
) -> Array:
    """Derivative of the sum over groups of `pull_back`, (r, q); t is None for zero."""
    Ut = state.U.transpose(0, 2, 1)
    fit = state.E @ (dG @ Ut)
    if t is None:
        return np.asarray(-2.0 * fit.sum(axis=0))
    inner = t.dLam @ state.A_inv + state.Lam @ t.dA_inv
    volume = state.T_zz @ inner
    if t.dT_zz is not None:
        volume += t.dT_zz @ (state.Lam @ state.A_inv)
    fit += t.dE @ (G @ Ut) + state.E @ (G @ t.dU.transpose(0, 2, 1))
    return np.asarray(2.0 * (np.tensordot(psi, volume, axes=1) - fit.sum(axis=0)))


def tangent_pull_down(
    state: LevelState, t: Tangent | None, G: Array, dG: Array, psi: Array
) -> Array:
    """Derivative of `pull_down`; t is None for zero."""
    Lam, r = state.Lam, state.Lam.shape[0]
    B = Lam @ state.U
    Bt = B.transpose(0, 2, 1)
    dBG = B @ dG
    dT_bar = np.empty((G.shape[0], r + G.shape[1], r + G.shape[1]))
    if t is None:
        dT_bar[:, :r, :r] = dBG @ Bt
    else:
        dB = t.dLam @ state.U + Lam @ t.dU
        dBG = dBG + dB @ G
        half = t.dLam @ state.A_inv @ Lam.T
        dT_bar[:, :r, :r] = (
            dBG @ Bt
            + B @ (G @ dB.transpose(0, 2, 1))
            + psi[:, None, None] * (half + half.transpose(0, 2, 1) + Lam @ t.dA_inv @ Lam.T)
        )
    dT_bar[:, :r, r:] = -dBG
    dT_bar[:, r:, :r] = -dBG.transpose(0, 2, 1)
    dT_bar[:, r:, r:] = dG
    return dT_bar
