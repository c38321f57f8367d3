"""The profiled criterion, its gradient and its Hessian, by one recursion over the levels.

At the top of the recursion (`elimination.py`) is what is left, F = sum psi S over [X, y]:

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
from wemix_ref.elimination import (
    LevelState,
    Tangent,
    eliminate,
    pull_back,
    pull_down,
    tangent_of,
    tangent_pull_back,
    tangent_pull_down,
    to_parent,
)

__all__ = ["Criterion", "Evaluation", "Profile"]

Array = NDArray[np.float64]


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
            out.append((level, state, pull_back(state, G, level.psi), G))
            if position > 0:
                child = self.data.levels[position - 1]
                assert child.parent is not None
                T_bar = pull_down(state, G, level.psi)
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
            assert tangents[-1] is not None
            dF = np.tensordot(self.data.levels[-1].psi, tangents[-1].dS, axes=1)
            dFs[index] = dF
            dF_bar = self._adjoint_tangent(at.profile, dF) if profiled else np.zeros_like(F_bar)
            dG = self.data.levels[-1].psi[:, None, None] * dF_bar
            parts: list[Array] = []
            for position in reversed(range(len(at.states))):
                level, state, _, G = down[position]
                moved = (state, tangents[position], G, dG, level.psi)
                parts.insert(0, level.R.T @ tangent_pull_back(*moved))
                if position > 0:
                    child = self.data.levels[position - 1]
                    assert child.parent is not None
                    dT_bar = tangent_pull_down(*moved)
                    dG = child.psi_cond[:, None, None] * dT_bar[child.parent]
            H[index] = self.covariance.gather(parts)
        return (H + H.T) / 2.0, dFs

    def _tangents(self, at: Evaluation, start: int, unit: Array) -> list[Tangent | None]:
        """Tangents of every level for one direction of theta, which lives at level `start`.

        Nothing moves at the levels below: None.
        """
        out: list[Tangent | None] = [None] * start
        dT: Array | None = None
        for position in range(start, len(at.states)):
            level, state = self.data.levels[position], at.states[position]
            dLam = level.R @ unit if position == start else np.zeros_like(state.Lam)
            tangent = tangent_of(state, dT, dLam)
            out.append(tangent)
            if level.to_parent is not None:
                dT = to_parent(level, tangent.dS)
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
