"""The profiled criterion, its gradient and its Hessian, by one recursion over the levels.

Integrating a group's random effects out of the nested pseudo-likelihood (paper, eqs. 82-102) is one
block elimination. With T the group's cross-products, split into the block zz of the level's own
effects and the rest r,

    A = Lambda' T_zz Lambda + I,   U = A^-1 Lambda' T_zr,   S = T_rr - (Lambda' T_zr)' U,

the group adds psi log det A to the deviance (psi unconditional), and S, times the conditional psi,
to its parent's T. At the top, F = sum psi S over the columns [X, y] holds all that is left:

    D(theta) = sum psi log det A + W (1 + log(2 pi r^2 / W)),       r^2 = F_yy - F_yx F_xx^-1 F_xy

(eqs. 103-106; the paper prints + 2 log alpha). Derivatives run the same recursion: adjoints
downward for the gradient, tangents upward and downward for the Hessian.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy.linalg
from numpy.typing import NDArray

from wemix_ref.covariance import CovarianceMap
from wemix_ref.crossproducts import CrossProducts, LevelGroups

__all__ = ["Criterion", "Evaluation", "LevelState", "Profile", "eliminate", "pull_back"]

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


@dataclass(frozen=True)
class Profile:
    """The fixed part profiled out of F, in working coordinates.

    Attributes
    ----------
    F : (p + 1, p + 1) over [x~, e]; F_xx_inv : (p, p).
    v : (p + 1,) the vector (-b, 1).
    r2 : penalised weighted residual sum of squares.
    dof : W under ML, n - p under REML.
    log_det_xx : log det F_xx in working coordinates.
    """

    F: Array
    F_xx_inv: Array
    v: Array
    r2: float
    dof: float
    log_det_xx: float

    @property
    def sigma2(self) -> float:
        """r^2 / W (eq. 105), under REML r^2 / (n - p)."""
        return self.r2 / self.dof

    @property
    def b(self) -> Array:
        """Working coefficients."""
        return -self.v[:-1]


@dataclass(frozen=True)
class Evaluation:
    """Everything at one theta."""

    theta: Array
    states: tuple[LevelState, ...]
    profile: Profile
    log_det: float
    deviance: float


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


def pull_back(state: LevelState, G: Array, psi: Array) -> tuple[Array, Array]:
    """Adjoints of Lambda and of T for one level.

    Parameters
    ----------
    G : (G, m, m) adjoint of each group's S.
    psi : (G,) unconditional weights, the adjoint of each group's log det A.

    Returns
    -------
    (G, r, q) derivative with respect to Lambda, a group at a time, and (G, r + m, r + m) the
    adjoint of T.
    """
    Lam, r = state.Lam, state.Lam.shape[0]
    by_group = 2.0 * (
        psi[:, None, None] * (state.T_zz @ Lam @ state.A_inv)
        - state.E @ G @ state.U.transpose(0, 2, 1)
    )
    B = Lam @ state.U
    BG = B @ G
    T_bar = np.empty((G.shape[0], r + G.shape[1], r + G.shape[1]))
    T_bar[:, :r, :r] = BG @ B.transpose(0, 2, 1) + psi[:, None, None] * (Lam @ state.A_inv @ Lam.T)
    T_bar[:, :r, r:] = -BG
    T_bar[:, r:, :r] = -BG.transpose(0, 2, 1)
    T_bar[:, r:, r:] = G
    return by_group, T_bar


def to_parent(level: LevelGroups, S: Array) -> Array:
    """Sum of psi_cond S over the groups of each parent, (K, m, m)."""
    assert level.to_parent is not None
    flat = (level.psi_cond[:, None, None] * S).reshape(S.shape[0], -1)
    return np.asarray(level.to_parent @ flat).reshape(-1, *S.shape[1:])


@dataclass(frozen=True)
class _Tangent:
    """Directional derivative of a :class:`LevelState`."""

    dLam: Array
    dT_zz: Array
    dA_inv: Array
    dU: Array
    dE: Array
    dS: Array


def _tangent(state: LevelState, dT: Array | None, dLam: Array) -> _Tangent:
    """Derivative of `eliminate` in the direction (dT, dLam); dT is None for zero."""
    Lam, r = state.Lam, state.Lam.shape[0]
    cross = dLam.T @ state.T_zz @ Lam
    dA = cross + cross.transpose(0, 2, 1)
    dC = dLam.T @ state.T_zr
    dT_zz = np.zeros_like(state.T_zz)
    dT_zr = np.zeros_like(state.T_zr)
    dT_rr: Array | float = 0.0
    if dT is not None:
        dT_zz, dT_zr, dT_rr = dT[:, :r, :r], dT[:, :r, r:], dT[:, r:, r:]
        dA = dA + Lam.T @ dT_zz @ Lam
        dC = dC + Lam.T @ dT_zr
    dU = state.A_inv @ (dC - dA @ state.U)
    dA_inv = -state.A_inv @ dA @ state.A_inv
    UdC = state.U.transpose(0, 2, 1) @ dC
    dS = dT_rr - UdC - UdC.transpose(0, 2, 1) + state.U.transpose(0, 2, 1) @ dA @ state.U
    dE = dT_zr - dT_zz @ (Lam @ state.U) - state.T_zz @ (dLam @ state.U + Lam @ dU)
    return _Tangent(dLam, dT_zz, dA_inv, dU, dE, dS)


def _tangent_pull_back(
    state: LevelState, t: _Tangent, G: Array, dG: Array, psi: Array
) -> tuple[Array, Array]:
    """Derivative of `pull_back`: of the sum over groups, (r, q), and of the adjoint of T."""
    Lam, r = state.Lam, state.Lam.shape[0]
    w = psi[:, None, None]
    Ut, dUt = state.U.transpose(0, 2, 1), t.dU.transpose(0, 2, 1)
    d_gradient = 2.0 * (
        w * (t.dT_zz @ Lam @ state.A_inv + state.T_zz @ t.dLam @ state.A_inv)
        + w * (state.T_zz @ Lam @ t.dA_inv)
        - t.dE @ G @ Ut
        - state.E @ dG @ Ut
        - state.E @ G @ dUt
    ).sum(axis=0)
    B, dB = Lam @ state.U, t.dLam @ state.U + Lam @ t.dU
    BG, dBG = B @ G, dB @ G + B @ dG
    half = t.dLam @ state.A_inv @ Lam.T
    dT_bar = np.empty((G.shape[0], r + G.shape[1], r + G.shape[1]))
    dT_bar[:, :r, :r] = (
        dBG @ B.transpose(0, 2, 1)
        + BG @ dB.transpose(0, 2, 1)
        + w * (half + half.transpose(0, 2, 1) + Lam @ t.dA_inv @ Lam.T)
    )
    dT_bar[:, :r, r:] = -dBG
    dT_bar[:, r:, :r] = -dBG.transpose(0, 2, 1)
    dT_bar[:, r:, r:] = dG
    return d_gradient, dT_bar


class Criterion:
    """D(theta): minus twice the profiled log pseudo-likelihood, or the REML criterion.

    Parameters
    ----------
    data : cross-products of the design.
    covariance : where theta stands.
    reml : unweighted designs only; the caller checks.
    """

    def __init__(self, data: CrossProducts, covariance: CovarianceMap, reml: bool = False) -> None:
        self.data = data
        self.covariance = covariance
        self.reml = reml
        self.evaluations = 0
        R = data.coordinates.R
        # log det F_xx of the user's X: the shift has determinant one
        self._log_det_X = 2.0 * float(np.log(np.abs(np.diag(R))).sum())

    # -- value ---------------------------------------------------------------------------------

    def evaluate(self, theta: Array) -> Evaluation:
        """Run the recursion upward at theta, shape (n_theta,)."""
        self.evaluations += 1
        theta = np.asarray(theta, dtype=float)
        T, states, log_det = self.data.T, [], 0.0
        for level, Lambda in zip(self.data.levels, self.covariance.Lambdas(theta), strict=True):
            state = eliminate(T, level.R @ Lambda)
            states.append(state)
            log_det += float(level.psi @ state.log_det)
            if level.to_parent is not None:
                T = to_parent(level, state.S)
        F = np.tensordot(self.data.levels[-1].psi, states[-1].S, axes=1)
        profile = self._profile(F)
        deviance = log_det + profile.dof * (1.0 + np.log(2.0 * np.pi * profile.sigma2))
        if self.reml:
            deviance += profile.log_det_xx + self._log_det_X
        return Evaluation(theta, tuple(states), profile, log_det, float(deviance))

    def _profile(self, F: Array) -> Profile:
        p = self.data.p
        dof = float(self.data.n - p) if self.reml else self.data.W
        if p == 0:
            return Profile(F, np.empty((0, 0)), np.ones(1), float(F[0, 0]), dof, 0.0)
        root = scipy.linalg.cholesky(F[:p, :p], lower=True)
        F_xx_inv = scipy.linalg.cho_solve((root, True), np.eye(p))
        half = scipy.linalg.solve_triangular(root, F[:p, p], lower=True)
        b = scipy.linalg.solve_triangular(root, half, lower=True, trans="T")
        v = np.append(-b, 1.0)
        r2 = float(F[p, p] - half @ half)
        return Profile(F, F_xx_inv, v, r2, dof, 2.0 * float(np.log(np.diag(root)).sum()))

    # -- gradient ------------------------------------------------------------------------------

    def adjoint_of_F(self, profile: Profile) -> Array:
        """dD/dF at fixed log-determinants (envelope theorem: b's own dependence drops out)."""
        out = np.outer(profile.v, profile.v) / profile.sigma2
        if self.reml:
            p = self.data.p
            out[:p, :p] += profile.F_xx_inv
        return out

    def gradient(self, at: Evaluation) -> Array:
        """dD/dtheta, shape (n_theta,)."""
        sums = [g.sum(axis=0) for g in self.gradients_by_group(at, self.adjoint_of_F(at.profile))]
        return self.covariance.gather(sums)

    def gradients_by_group(self, at: Evaluation, F_bar: Array) -> list[Array]:
        """dD/dLambda_l a group at a time, one (G_l, q, q) array per level.

        Parameters
        ----------
        F_bar : (p + 1, p + 1) adjoint of F.
        """
        out: list[Array] = []
        for level, _, by_group, _ in self._downward(at, F_bar):
            out.insert(0, level.R.T @ by_group)
        return out

    def _downward(
        self, at: Evaluation, F_bar: Array
    ) -> Sequence[tuple[LevelGroups, LevelState, Array, Array]]:
        """From the top: level, its state, dD/dLambda by group, and the adjoint G of its S."""
        top = self.data.levels[-1]
        G = top.psi[:, None, None] * F_bar
        out = []
        for position in reversed(range(len(at.states))):
            level, state = self.data.levels[position], at.states[position]
            by_group, T_bar = pull_back(state, G, level.psi)
            out.append((level, state, by_group, G))
            if position > 0:
                child = self.data.levels[position - 1]
                assert child.parent is not None
                G = child.psi_cond[:, None, None] * T_bar[child.parent]
        return out

    def psd_gradient(self, at: Evaluation) -> list[Array]:
        """DD / d(Lambda Lambda') of every level, (q, q) symmetric, for D as a function of Sigma.

        A minimum has it positive semidefinite on every term's block, and zero times Lambda. Its
        negative eigenvalues show a descent that the gradient in theta cannot see: in theta a zero
        column of Lambda is always stationary.
        """
        out: list[Array] = []
        for level, state, _, G in self._downward(at, self.adjoint_of_F(at.profile)):
            TL = state.T_zz @ state.Lam
            M = level.psi[:, None, None] * (
                state.T_zz - TL @ state.A_inv @ TL.transpose(0, 2, 1)
            ) - state.E @ G @ state.E.transpose(0, 2, 1)
            out.insert(0, level.R.T @ M.sum(axis=0) @ level.R)
        return out

    # -- Hessian -------------------------------------------------------------------------------

    def hessian(self, at: Evaluation, profiled: bool = True) -> tuple[Array, Array]:
        """Second derivatives in theta, and the derivatives of F.

        Parameters
        ----------
        profiled : True for D(theta); False holds (beta, sigma) at their profiled values and gives
            the Hessian of -2 times the joint log pseudo-likelihood (ML).

        Returns
        -------
        (n_theta, n_theta) Hessian and (n_theta, p + 1, p + 1) dF/dtheta.
        """
        n_theta, p = self.covariance.n_theta, self.data.p
        F_bar = self.adjoint_of_F(at.profile)
        if not profiled:
            F_bar = np.outer(at.profile.v, at.profile.v) / at.profile.sigma2
        down = list(reversed(self._downward(at, F_bar)))
        H = np.empty((n_theta, n_theta))
        dFs = np.empty((n_theta, p + 1, p + 1))
        for index in range(n_theta):
            start, unit = self.covariance.direction(index)
            tangents = self._tangents(at, start, unit)
            dF = np.tensordot(self.data.levels[-1].psi, tangents[-1].dS, axes=1)
            dFs[index] = dF
            dF_bar = self._adjoint_tangent(at.profile, dF) if profiled else np.zeros_like(F_bar)
            dG = self.data.levels[-1].psi[:, None, None] * dF_bar
            parts: list[Array] = []
            for position in reversed(range(len(at.states))):
                level, state, _, G = down[position]
                d_gradient, dT_bar = _tangent_pull_back(state, tangents[position], G, dG, level.psi)
                parts.insert(0, level.R.T @ d_gradient)
                if position > 0:
                    child = self.data.levels[position - 1]
                    assert child.parent is not None
                    dG = child.psi_cond[:, None, None] * dT_bar[child.parent]
            H[index] = self.covariance.gather(parts)
        return (H + H.T) / 2.0, dFs

    def _tangents(self, at: Evaluation, start: int, unit: Array) -> list[_Tangent]:
        """Tangents of every level for one direction of theta, which lives at level `start`."""
        out: list[_Tangent] = []
        dT: Array | None = None
        for position, (level, state) in enumerate(zip(self.data.levels, at.states, strict=True)):
            dLam = level.R @ unit if position == start else np.zeros_like(state.Lam)
            out.append(_tangent(state, dT, dLam))
            if level.to_parent is not None:
                dT = to_parent(level, out[-1].dS) if position >= start else None
        return out

    def _adjoint_tangent(self, profile: Profile, dF: Array) -> Array:
        """Derivative of `adjoint_of_F` when F moves by dF and (b, r^2) follow."""
        p = self.data.p
        v = profile.v
        dr2 = float(v @ dF @ v)
        dv = np.append(-profile.F_xx_inv @ (dF @ v)[:p], 0.0)
        out = (np.outer(dv, v) + np.outer(v, dv)) / profile.sigma2 - (
            profile.dof * dr2 / profile.r2**2
        ) * np.outer(v, v)
        if self.reml:
            out[:p, :p] -= profile.F_xx_inv @ dF[:p, :p] @ profile.F_xx_inv
        return np.asarray(out)
