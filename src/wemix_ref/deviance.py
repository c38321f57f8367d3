"""The profiled criterion, its gradient and its Hessian, by one recursion over the levels.

At the top of the recursion (`elimination.py`) is what is left of the fixed part, F over [X, y]:

    D(theta) = sum psi log det A + W (1 + log(2 pi r^2 / W)),       r^2 = F_yy - F_yx F_xx^-1 F_xy

(eqs. 103-106; the paper prints + 2 log alpha). Derivatives run down the same levels with the fixed
part contracted: with v = (-b, 1) only T v is needed, not T.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.linalg.lapack import dpotrf, dpotrs, dtrtrs

from wemix_ref.covariance import CovarianceMap
from wemix_ref.crossproducts import CrossProducts
from wemix_ref.elimination import LevelState, Moved, contract, eliminate, subtract

__all__ = ["Criterion", "Evaluation", "Profile"]

Array = NDArray[np.float64]
Ints = NDArray[np.intp]


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
    Lams : per level, (q, q) Lambda in the working coordinates of Z.
    Ts : per level, (G, q, q + r) cross-products once the levels below are integrated out.
    log_dets : per level, (G,) log det A.
    F_top : (K, p + 1, p + 1) each top group's share of F; None where the data have none.
    profile : the fixed part. log_det : sum psi log det A. deviance : D.
    """

    theta: Array
    Lams: tuple[Array, ...]
    Ts: tuple[Array, ...]
    log_dets: tuple[Array, ...]
    F_top: Array | None
    profile: Profile
    log_det: float
    deviance: float
    _solved: dict[str, list[LevelState]] = field(default_factory=dict, repr=False, compare=False)
    _second: list[_Second] = field(default_factory=list, repr=False, compare=False)


@dataclass(frozen=True)
class _Second:
    """Second derivatives at fixed (beta, sigma): (n, n), of F v (n, p + 1), of F (n, c, c)."""

    H: Array
    dFv: Array
    dF: Array


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
        self.hessians = 0
        R = data.coordinates.R
        # log det F_xx of the user's X: the shift has determinant one
        self._log_det_X = 2.0 * float(np.log(np.abs(np.diag(R))).sum())
        self._units = [
            np.stack([level.R @ covariance.direction(i)[1] for i in range(place.start, place.stop)])
            for level, place in zip(
                data.levels, (one.slice for one in covariance.levels), strict=True
            )
        ]

    # -- value ---------------------------------------------------------------------------------

    def evaluate(self, theta: Array) -> Evaluation:
        """Run the recursion upward at theta, shape (n_theta,)."""
        self.evaluations += 1
        theta = np.asarray(theta, dtype=float)
        levels = self.data.levels
        Lambdas = self.covariance.Lambdas(theta)
        Lams = tuple(level.R @ L for level, L in zip(levels, Lambdas, strict=True))
        Ts = (levels[0].T, *(level.T.copy() for level in levels[1:]))
        lows = [level.T_low.copy() for level in levels]
        # by top group sums stay small; where there is no room for them they are taken at once
        F_top = None if self.data.F_top is None else self.data.F_top.copy()
        F_low = None if self.data.F_low is None else self.data.F_low.copy()
        F, log_det, log_dets = self.data.F.copy(), 0.0, []
        for position, (level, Lam) in enumerate(zip(levels, Lams, strict=True)):
            if position > 0:
                Ts[position][:] += lows[position]
                Ts[position][:] /= level.psi[:, None, None]
            B, log_det_A = eliminate(Ts[position], Lam, level.psi, F if F_top is None else None)
            for step, (first, group) in enumerate(level.above, start=position + 1):
                subtract(B, first, level.psi, group, Ts[step], lows[step])
            if F_top is not None and F_low is not None:
                subtract(B, B.shape[2] - F.shape[0], level.psi, level.top, F_top, F_low)
            log_det += float(level.psi @ log_det_A)
            log_dets.append(log_det_A)
        if F_top is not None and F_low is not None:
            F_top += F_low
            F = F_top.sum(axis=0)
        profile = self._profile((F + F.T) / 2.0)
        deviance = log_det + profile.dof * (1.0 + np.log(2.0 * np.pi * profile.sigma2))
        if self.reml:
            deviance += profile.log_det_xx + self._log_det_X
        return Evaluation(
            theta, Lams, Ts, tuple(log_dets), F_top, profile, log_det, float(deviance)
        )

    def _profile(self, F: Array) -> Profile:
        p = self.data.p
        dof = float(self.data.n - p) if self.reml else self.data.W
        if p == 0:
            none = np.empty((0, 0))
            return Profile(F, none, none, np.ones(1), float(F[0, 0]), dof, 0.0)
        root, failed = dpotrf(F[:p, :p], lower=1)
        if failed:
            raise np.linalg.LinAlgError("F_xx is not positive definite")
        F_xx_inv, _ = dpotrs(root, np.eye(p), lower=1)
        half, _ = dtrtrs(root, F[:p, p], lower=1)
        b, _ = dtrtrs(root, half, lower=1, trans=1)
        v = np.append(-b, 1.0)
        r2 = float(F[p, p] - half @ half)
        log_det = 2.0 * float(np.log(np.diag(root)).sum())
        return Profile(F, F_xx_inv, root, v, r2, dof, log_det)

    # -- gradient ------------------------------------------------------------------------------

    def states(self, at: Evaluation, adjoint: str = "criterion") -> list[LevelState]:
        """Every level solved, with the adjoints of what lies above; level 2 first.

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
            root, _ = dtrtrs(profile.root, np.eye(p), lower=1, trans=1)
            V = np.hstack([np.vstack([root, np.zeros((1, p))]), V])
            weights = np.append(np.ones(p), weights)
        above, out = np.diag(weights)[None], list[LevelState]()
        for position in reversed(range(len(at.Ts))):
            level = self.data.levels[position]
            parent: Ints = (
                np.zeros(level.psi.size, dtype=np.intp) if level.parent is None else level.parent
            )
            C = contract(at.Ts[position], V)
            state = LevelState.of(C, at.Lams[position], level.psi, above, parent)
            out.insert(0, state)
            if position > 0:
                above = state.below()
        at._solved[adjoint] = out
        return out

    def gradient(self, at: Evaluation) -> Array:
        """dD/dtheta, shape (n_theta,)."""
        sums = []
        for level, state in zip(self.data.levels, self.states(at), strict=True):
            one = np.zeros(level.psi.size, dtype=np.intp)
            sums.append(level.R.T @ state.gradient(one, 1)[0])
        return self.covariance.gather(sums)

    def gradient_by_top(self, at: Evaluation) -> Array:
        """Each top group's share of dD/dtheta at fixed (beta, sigma), shape (K, n_theta); ML."""
        K = self.data.W_top.size
        states = self.states(at, "criterion" if not self.reml else "likelihood")
        sums = [
            level.R.T @ state.gradient(level.top, K)
            for level, state in zip(self.data.levels, states, strict=True)
        ]
        return self.covariance.gather(sums)

    def psd_gradient(self, at: Evaluation) -> list[Array]:
        """DD / d(Lambda Lambda') of every level, (q, q) symmetric, for D as a function of Sigma.

        A minimum has it positive semidefinite on every term's block, and zero times Lambda. Its
        negative eigenvalues show a descent that the gradient in theta cannot see: in theta a zero
        column of Lambda is always stationary.
        """
        return [
            level.R.T @ state.curvature() @ level.R
            for level, state in zip(self.data.levels, self.states(at), strict=True)
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
        if not at._second:
            at._second.append(self._second_derivatives(at))
        second = at._second[0]
        H, dFv, dF = second.H, second.dFv, second.dF
        if profiled:
            # b and sigma follow theta: a Schur complement of the joint Hessian
            profile = at.profile
            along = dFv @ profile.v
            H = H - 2.0 * dFv[:, :p] @ profile.F_xx_inv @ dFv[:, :p].T / sigma2
            H -= np.outer(along, along) / (profile.dof * sigma2**2)
            if self.reml:
                H -= np.einsum("iab,jab->ij", dF[:, :p, :p], dF[:, :p, :p])
        return (H + H.T) / 2.0, dFv

    def _second_derivatives(self, at: Evaluation) -> _Second:
        self.hessians += 1
        n, p, sigma2 = self.covariance.n_theta, self.data.p, at.profile.sigma2
        states = self.states(at)
        moved: list[Moved] = []
        dT = np.empty((0, *states[0].C.shape[:1], *[states[0].C.shape[2]] * 2))
        for position, (level, state) in enumerate(zip(self.data.levels, states, strict=True)):
            top = level.parent is None
            size = 1 if level.parent is None else self.data.levels[position + 1].psi.size
            shares = level.psi if top else level.psi_cond
            one, dT = Moved.of(state, dT, self._units[position], state.parent, shares, size)
            moved.append(one)
        dF = dT[:, 0]  # in the coordinates of V

        d_above, d_last = np.zeros((n, 1, *dF.shape[1:])), np.zeros((n, 1, dF.shape[1]))
        dFv, parts = np.zeros((n, p + 1)), list[Array]()
        for position in reversed(range(len(states))):
            level = self.data.levels[position]
            T, times = (
                (level.T, level.psi)
                if position == 0
                else (
                    level.T[:, :, -p - 1 :] + level.T_low[:, :, -p - 1 :],
                    np.ones(level.psi.size),
                )
            )
            slope, d_above, d_last = moved[position].back(d_above, d_last, T, times, sigma2, dFv)
            part = np.zeros((n, level.q, level.q))
            part[: slope.shape[0]] = level.R.T @ slope
            parts.insert(0, part)
        H = self.covariance.gather(parts)
        for place in (one.slice for one in self.covariance.levels):
            # by the levels above, and by symmetry theirs by this one
            H[place.stop :, place] = H[place, place.stop :].T
        return _Second(H, dFv, dF)
