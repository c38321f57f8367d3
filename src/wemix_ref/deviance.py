"""The profiled criterion, its gradient and its Hessian, by one recursion over the levels.

At the top of the recursion (`elimination.py`) is what is left of the fixed part, F over [X, y]:

    D(theta) = sum psi log det A + W (1 + log(2 pi r^2 / W)),       r^2 = F_yy - F_yx F_xx^-1 F_xy

(eqs. 103-106; the paper prints + 2 log alpha). Derivatives run down the same levels with the fixed
part contracted: with v = (-b, 1) only T v is needed, not T.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from wemix_ref.covariance import CovarianceMap
from wemix_ref.crossproducts import CrossProducts
from wemix_ref.elimination import LevelState
from wemix_ref.lazily import Lazy
from wemix_ref.linalg import solve_triangle
from wemix_ref.recursion import Down, Recursion, Up

if TYPE_CHECKING:
    from scipy.linalg import lapack
else:
    lapack = Lazy("scipy.linalg.lapack")

__all__ = ["Criterion", "Evaluation", "Profile", "profiled_hessian"]

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Profile:
    """The fixed part profiled out of F, in working coordinates.

    Attributes
    ----------
    F : (p + 1, p + 1) over [x~, e]; F_xx_inv : (p, p).
    root : (p, p) lower triangular, F_xx = root root'.
    v : (p + 1,) the vector (-b, 1).
    r2 : penalised weighted residual sum of squares.
    dof : W under ML, n - p under REML.
    log_det_xx : log det F_xx in working coordinates.
    """

    F: Array
    F_xx_inv: Array
    root: Array
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
    """Everything at one theta.

    Attributes
    ----------
    theta : (n_theta,).
    Lams : per level, (1, q, q) Lambda in the working coordinates of Z.
    up : what the way up has left.
    profile : the fixed part. log_det : sum psi log det A. deviance : D.
    """

    theta: Array
    Lams: tuple[Array, ...]
    up: Up
    profile: Profile
    log_det: float
    deviance: float
    _solved: dict[str, Down] = field(default_factory=dict, repr=False, compare=False)
    _second: dict[str, _Second] = field(default_factory=dict, repr=False, compare=False)

    @property
    def F_top(self) -> Array | None:
        """Each top group's share of F, (K, p + 1, p + 1); None where the data have none."""
        return self.up.F_top if self.up.F_top.size else None


@dataclass(frozen=True)
class _Second:
    """Second derivatives at fixed (beta, sigma): (n, n), of F v (n, p + 1), of F (n, c, c)."""

    H: Array
    dFv: Array
    dF: Array


class Criterion:
    """D(theta): minus twice the profiled log pseudo-likelihood, or the REML criterion.

    Derivatives are taken in the triangles that theta fills, with Lambda of a level, in the working
    coordinates of Z, its basis times them.

    Parameters
    ----------
    data : cross-products of the design.
    covariance : where theta stands.
    reml : unweighted designs only; the caller checks.

    Attributes
    ----------
    triangles : where theta stands in the triangles.
    bases : per level, (q, q).
    counts : evaluations and Hessians so far.
    """

    #: Name of the parameters that derivatives are in.
    chart = "theta"

    def __init__(self, data: CrossProducts, covariance: CovarianceMap, reml: bool = False) -> None:
        self.data = data
        self.covariance = covariance
        self.reml = reml
        self.counts = Counter[str]()
        R = data.coordinates.R
        # log det F_xx of the user's X: the shift has determinant one
        self._log_det_X = 2.0 * float(np.log(np.abs(np.diag(R))).sum())
        self.recursion = Recursion.of([data])
        self.triangles, self.bases = covariance, tuple(level.R for level in data.levels)

    @cached_property
    def units(self) -> tuple[Array, ...]:
        """Per level, (1, n_l, q, q) derivatives of Lambda in the working coordinates of Z."""
        directions = self.triangles.directions()
        return tuple((basis @ one)[None] for basis, one in zip(self.bases, directions, strict=True))

    @property
    def evaluations(self) -> int:
        """How often the criterion was evaluated."""
        return self.counts["evaluations"]

    @property
    def hessians(self) -> int:
        """How often its Hessian was."""
        return self.counts["hessians"]

    # -- value ---------------------------------------------------------------------------------

    def evaluate(self, theta: Array) -> Evaluation:
        """Run the recursion upward at theta, shape (n_theta,)."""
        self.counts["evaluations"] += 1
        theta = np.asarray(theta, dtype=float)
        Lams = tuple(
            (level.R @ L)[None]
            for level, L in zip(self.data.levels, self.covariance.Lambdas(theta), strict=True)
        )
        up = self.recursion.up(Lams)
        if (failed := up.failed.item()) >= 0:
            raise np.linalg.LinAlgError(f"A is not positive definite at level {failed + 2}")
        F, log_det = up.F[0], up.total.item()
        profile = self._profile((F + F.T) / 2.0)
        deviance = log_det + profile.dof * (1.0 + np.log(2.0 * np.pi * profile.sigma2))
        if self.reml:
            deviance += profile.log_det_xx + self._log_det_X
        return Evaluation(theta, Lams, up, profile, log_det, float(deviance))

    def _profile(self, F: Array) -> Profile:
        p = self.data.p
        dof = float(self.data.n - p) if self.reml else self.data.W
        if p == 0:
            none = np.empty((0, 0))
            return Profile(F, none, none, np.ones(1), float(F[0, 0]), dof, 0.0)
        root, failed = lapack.dpotrf(F[:p, :p], lower=1)
        if failed:
            raise np.linalg.LinAlgError("F_xx is not positive definite")
        F_xx_inv, _ = lapack.dpotrs(root, np.eye(p), lower=1)
        half = solve_triangle(root, F[:p, p], lower=True)
        b = solve_triangle(root, half, lower=True, transposed=True)
        v = np.ones(p + 1)
        v[:p] = -b
        r2 = float(F[p, p] - half @ half)
        log_det = 2.0 * float(np.log(root.diagonal()).sum())
        return Profile(F, F_xx_inv, root, v, r2, dof, log_det)

    # -- gradient ------------------------------------------------------------------------------

    def down(self, at: Evaluation, adjoint: str = "criterion") -> Down:
        """Every level solved, with the adjoints of what lies above.

        Parameters
        ----------
        adjoint : "criterion", dD/dF at fixed log-determinants (by the envelope theorem b's own
            dependence drops out): v v'/sigma^2, under REML F_xx^-1 too. "likelihood" is without
            F_xx^-1, "none" without the fixed part: then what comes down are covariances.
        """
        if adjoint in at._solved:
            return at._solved[adjoint]
        profile, p = at.profile, self.data.p
        V = profile.v[:, None]
        weights = np.array([0.0 if adjoint == "none" else 1.0 / profile.sigma2])
        if self.reml and adjoint == "criterion" and p:
            root = solve_triangle(profile.root, np.eye(p), lower=True, transposed=True)
            V = np.hstack([np.vstack([root, np.zeros((1, p))]), V])
            weights = np.append(np.ones(p), weights)
        down = self.recursion.down(at.up, at.Lams, V[None], np.diag(weights)[None])
        if (failed := down.failed.item()) >= 0:
            raise np.linalg.LinAlgError(f"A is not positive definite at level {failed + 2}")
        at._solved[adjoint] = down
        return down

    def states(self, at: Evaluation, adjoint: str = "criterion") -> list[LevelState]:
        """Every level solved, with the adjoints of what lies above; level 2 first."""
        down, levels = self.down(at, adjoint), self.recursion
        return [
            LevelState(Lam, *of_level)
            for (Lam,), *of_level in zip(
                at.Lams,
                down.C,
                down.TL,
                down.A_inv,
                down.U,
                down.E,
                levels.psi,
                down.adjoint,
                levels.parent,
                strict=True,
            )
        ]

    def gradient(self, at: Evaluation) -> Array:
        """dD/dtheta, shape (n_theta,)."""
        down = self.down(at)
        return self.triangles.gather(
            [basis.T @ M[0] for basis, M in zip(self.bases, down.gradient, strict=True)]
        )

    def gradient_by_top(self, at: Evaluation) -> Array:
        """Each top group's share of dD/dtheta at fixed (beta, sigma), shape (K, n_theta); ML."""
        K = self.data.W_top.size
        states = self.states(at)
        sums = [
            basis.T @ state.gradient(level.top, K)
            for level, basis, state in zip(self.data.levels, self.bases, states, strict=True)
        ]
        return self.triangles.gather(sums)

    def psd_gradient(self, at: Evaluation) -> list[Array]:
        """DD / d(L L') of every level, (q, q) symmetric, L the triangles that theta fills.

        A minimum has it positive semidefinite on every term's block, and zero times L. Its negative
        eigenvalues show a descent that the gradient in theta cannot see: in theta a zero column of
        L is always stationary.
        """
        return [
            basis.T @ state.curvature() @ basis
            for basis, state in zip(self.bases, self.states(at), strict=True)
        ]

    # -- Hessian -------------------------------------------------------------------------------

    def hessian(self, at: Evaluation, profiled: bool = True) -> tuple[Array, Array]:
        """Second derivatives in theta, and the derivatives of F v at fixed v = (-b, 1).

        Parameters
        ----------
        profiled : True for D(theta); False holds (beta, sigma) at their profiled values and gives
            the Hessian of -2 times the joint log pseudo-likelihood (ML).

        Returns
        -------
        (n_theta, n_theta) Hessian and (n_theta, p + 1) derivatives of F v.
        """
        p, sigma2 = self.data.p, at.profile.sigma2
        if self.chart not in at._second:
            at._second[self.chart] = self._second_derivatives(at)
        second = at._second[self.chart]
        H, dFv, dF = second.H, second.dFv, second.dF
        if profiled:
            one = at.profile
            H = profiled_hessian(H, dFv, one.F_xx_inv, one.v, np.asarray(sigma2), one.dof)
            if self.reml:
                H = H - np.einsum("iab,jab->ij", dF[:, :p, :p], dF[:, :p, :p])
        return (H + H.T) / 2.0, dFv

    def _second_derivatives(self, at: Evaluation) -> _Second:
        self.counts["hessians"] += 1
        down = self.down(at)
        slopes, dFv, dF = self.recursion.second(
            down, at.Lams, self.units, np.array([at.profile.sigma2])
        )
        H = self.triangles.gather_second(
            [basis.T @ M[0] for basis, M in zip(self.bases, slopes, strict=True)]
        )
        return _Second(H, dFv[0], dF[0])


def profiled_hessian(
    H: Array, dFv: Array, F_xx_inv: Array, v: Array, sigma2: Array, dof: Array | float
) -> Array:
    """Hessian of D where b and sigma follow theta, from that where they are held.

    A Schur complement of the joint Hessian; of one fit, or of a stack of them.

    Parameters
    ----------
    H : (..., n, n). dFv : (..., n, p + 1) derivatives of F v. F_xx_inv : (..., p, p).
    v : (..., p + 1). sigma2, dof : (...).
    """
    dFb = dFv[..., :-1]
    along = (dFv @ v[..., None])[..., 0] / sigma2[..., None]
    outer = along[..., :, None] * along[..., None, :]
    return np.asarray(
        H
        - 2.0 * dFb @ F_xx_inv @ dFb.swapaxes(-1, -2) / sigma2[..., None, None]
        - outer / np.asarray(dof)[..., None, None]
    )
