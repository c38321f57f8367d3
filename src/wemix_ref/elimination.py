"""One level's random effects integrated out of its groups, and the derivatives of that step.

Integrating a group's random effects out of the nested pseudo-likelihood (paper, eqs. 82-102) is one
block elimination. With T the group's cross-products of its own z with z and with the rest r (the
effects of the levels above, and the fixed part [X, y]),

    A = Lambda' T_zz Lambda + I = R'R,   B = R^-T Lambda' T_zr,

the group adds psi log det A to the deviance (psi unconditional), and psi B'B is taken off the
cross-products of the rest: psi/psi_k times its part off those of each group k above that it lies
in, psi times off F, those of [X, y] in sum.

Derivatives need no more of the fixed part than its products with a few vectors V = [.., (-b, 1)].
With C = [T_zz, T_z,above, T_z,fixed V] and U = A^-1 Lambda' C_zr, E = C_zr - C_zz Lambda U they run
from the top down on matrices G, the adjoints of what is left of C, over psi:

    dD/dLambda = sum 2 psi (C_zz Lambda A^-1 - E G U'),
    G of a group below = [-Lambda U; I] G [-Lambda U; I]' + Lambda A^-1 Lambda' on zz.

The last column of G holds the conditional modes: minus sigma^2 times it are the effects of the
groups above. Every step is there twice, as loops over groups (`elimination_loops.py`) and as matrix
products (`elimination_arrays.py`); the loops are taken where they can be compiled.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wemix_ref import elimination_arrays, elimination_loops
from wemix_ref.compiled import HAVE_NUMBA

__all__ = ["LevelState", "Moved", "contract", "eliminate", "subtract"]

Array = NDArray[np.float64]
Ints = NDArray[np.intp]

#: From so many columns of [X, y] on, a product of matrices (BLAS) beats a loop over groups.
MANY_COLUMNS = 24


def _steps() -> Any:  # noqa: ANN401
    return elimination_loops if HAVE_NUMBA() else elimination_arrays


def _checked(failed: int) -> None:
    if failed >= 0:
        raise np.linalg.LinAlgError(f"A of group {failed} is not positive definite")


def eliminate(T: Array, Lam: Array, psi: Array, F: Array | None) -> tuple[Array, Array]:
    """Integrate one level's random effects out of its groups.

    Parameters
    ----------
    T : (G, q, q + r) cross-products of z with [z, rest]; the fixed part stands last in the rest.
    Lam : (q, q). psi : (G,) unconditional weights.
    F : (p + 1, p + 1) of the fixed part, changed: psi B'B is taken off; None to leave it.

    Returns
    -------
    B, shape (G, q, r), and log det A, shape (G,).
    """
    G, q, m = T.shape
    B, log_det = np.empty((G, q, m - q)), np.empty(G)
    fold = np.empty((0, 0)) if F is None else F
    k = fold.shape[0]
    many = k >= MANY_COLUMNS
    _checked(_steps().eliminate(T, Lam, psi, 0 if many else k, fold, B, log_det))
    if F is not None and many:
        last = B[:, :, -k:].reshape(-1, k)
        F -= last.T @ (np.repeat(psi, q)[:, None] * last)
    return B, log_det


def subtract(B: Array, first: int, weights: Array, ancestor: Ints, T: Array, low: Array) -> None:
    """Take what a level explains off the cross-products of a level above: T -= weight B_z'B.

    Parameters
    ----------
    B : (G, q, r). first : where the upper level's z begin in the rest, or the fixed part.
    weights : (G,) unconditional psi. ancestor : (G,) the group above.
    T : (K, q_up, r - first) by unconditional weights, changed. low : the same shape, what rounding
        takes off T is added: much is taken off that is large, and little stays.
    """
    _steps().subtract(B, first, weights, ancestor, T, low)


@dataclass(frozen=True)
class LevelState:
    """One level at theta, as derivatives need it.

    Attributes
    ----------
    Lam : (q, q) Lambda in the working coordinates of Z.
    C : (G, q, q + r). TL, A_inv : (G, q, q), C_zz Lambda and A^-1. U, E : (G, q, r).
    psi : (G,) unconditional weights.
    above : (K, r, r) adjoints G of the parents, one of them at the top.
    parent : (G,) zeros at the top.
    """

    Lam: Array
    C: Array
    TL: Array
    A_inv: Array
    U: Array
    E: Array
    psi: Array
    above: Array
    parent: Ints

    @classmethod
    def of(cls, C: Array, Lam: Array, psi: Array, above: Array, parent: Ints) -> LevelState:
        """Solve a level, given what lies above."""
        G, q, M = C.shape
        TL, A_inv = np.empty((G, q, q)), np.empty((G, q, q))
        U, E = np.empty((G, q, M - q)), np.empty((G, q, M - q))
        _checked(_steps().solve(C, Lam, TL, A_inv, U, E))
        return cls(Lam, C, TL, A_inv, U, E, psi, above, parent)

    def gradient(self, bins: Ints, n_bins: int) -> Array:
        """dD/dLambda summed over the groups of each bin, (n_bins, q, q)."""
        out = np.zeros((n_bins, *self.Lam.shape))
        _steps().pull_back(
            self.TL, self.A_inv, self.U, self.E, self.above, self.parent, self.psi, bins, out
        )
        return out

    def curvature(self) -> Array:
        """DD / d(Lambda Lambda'), (q, q): sum of psi (C_zz - TL A^-1 TL' - E G E')."""
        out = np.zeros(self.Lam.shape)
        q = self.Lam.shape[0]
        T_zz = np.ascontiguousarray(self.C[:, :, :q])
        _steps().curvature(
            T_zz, self.TL, self.A_inv, self.E, self.above, self.parent, self.psi, out
        )
        return out

    def below(self) -> Array:
        """Adjoints G for the groups below, (G, q + r, q + r)."""
        G, _, M = self.C.shape
        out = np.empty((G, M, M))
        _steps().pull_down(self.Lam, self.A_inv, self.U, self.above, self.parent, out)
        return out


@dataclass(frozen=True)
class Moved:
    """Derivatives of a :class:`LevelState` in several directions of theta.

    The first directions are those of the levels below: they move C, by dT. After them come the
    level's own, which move Lambda, by dLam.
    """

    state: LevelState
    dT: Array
    dLam: Array

    @classmethod
    def of(
        cls, state: LevelState, dT: Array, dLam: Array, to: Ints, weights: Array, size: int
    ) -> tuple[Moved, Array]:
        """Move a level.

        Parameters
        ----------
        dT : (D0, G, q + r, q + r). dLam : (D1, q, q).
        to, weights : (G,) where the derivatives of what is left go, and how often; size : of them.

        Returns
        -------
        The derivatives, and the sums of those of what is left, (D0 + D1, size, r, r).
        """
        r = state.U.shape[2]
        up = np.zeros((dT.shape[0] + dLam.shape[0], size, r, r))
        _steps().tangents(state.Lam, state.U, state.E, dT, dLam, to, weights, up)
        return cls(state, dT, dLam), up

    def back(
        self,
        d_above: Array,
        d_last: Array,
        T_fixed: Array,
        times: Array,
        sigma2: float,
        rows: Array,
    ) -> tuple[Array, Array, Array]:
        """Derivatives of the level's gradient, and of the adjoints for the groups below.

        The Hessian is symmetric: what the directions of the levels above do here is there already,
        as what this level's do there. Of those only the last column goes on down.

        Parameters
        ----------
        d_above : (D0 + D1, K, r, r) derivatives of `above` in the directions that move this level.
        d_last : (D, K, r) those of its last column, in all directions.
        T_fixed : (G, q, ..) cross-products of the data with the fixed part last; times : (G,) what
            makes them those by unconditional weights.
        rows : (D, p + 1), changed: minus how the level's modes move times T_fixed.

        Returns
        -------
        (D0 + D1, q, q); for the groups below (D0, G, q + r, q + r) and (D, G, q + r), both empty
        where no direction comes from below.
        """
        at = self.state
        G, q, r = at.U.shape
        own = self.dT.shape[0]
        out = np.zeros((d_above.shape[0], q, q))
        down = np.empty((own, G, q + r, q + r))
        down_last = np.empty((d_last.shape[0] if own else 0, G, q + r))
        over = (d_above, d_last, at.parent, at.psi)
        fixed = (T_fixed, times, sigma2)
        _steps().through_above(at.Lam, at.U, at.E, *over, *fixed, out, rows)
        _steps().tangents_back(
            *(at.C, at.Lam, at.TL, at.A_inv, at.U, at.E),
            *(self.dT, self.dLam),
            *(at.above, *over, *fixed),
            *(out, rows, down, down_last),
        )
        return out, down, down_last


def contract(T: Array, V: Array) -> Array:
    """C = [T without the fixed part; its products with V], (G, q, q + r).

    Parameters
    ----------
    T : (G, q, m), the fixed part in the last k columns. V : (k, c).
    """
    G, q, m = T.shape
    k, c = V.shape
    C = np.empty((G, q, m - k + c))
    steps = elimination_arrays if k >= MANY_COLUMNS else _steps()
    steps.contract(T, V, C)
    return C
