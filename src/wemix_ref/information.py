"""Scores and the joint Hessian of (beta, theta, sigma).

With F_k = psi_Lk S_k a top group's share of F and v = (-beta, 1), its log pseudo-likelihood at
fixed (beta, theta, sigma) is (eq. 111, which the paper prints with its own beta per group)

    l_k = - 1/2 sum psi log det A - W_k / 2 log(2 pi sigma^2) - v' F_k v / (2 sigma^2).

Its derivatives are the scores, one row of S per top group; B = S'S, and H is minus the Hessian of
the sum.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from wemix_ref.deviance import Criterion, Evaluation

__all__ = ["JointInformation"]

Array = NDArray[np.float64]


@dataclass(frozen=True)
class JointInformation:
    """Scores and joint Hessian over (beta, theta, sigma).

    Attributes
    ----------
    scores : (K, p + n_theta + 1) one row per top group.
    H : (p + n_theta + 1, p + n_theta + 1) minus the Hessian of the log pseudo-likelihood.
    log_likelihoods : (K,) by top group; their sum is the fit's (eq. 112).
    p : number of fixed effects.
    """

    scores: Array
    H: Array
    log_likelihoods: Array
    p: int

    @property
    def K(self) -> int:
        """Number of top groups."""
        return int(self.scores.shape[0])

    @property
    def kappa(self) -> float:
        """K / (K - 1)."""
        return self.K / (self.K - 1)

    @cached_property
    def B(self) -> Array:
        """S'S."""
        return np.asarray(self.scores.T @ self.scores)

    @classmethod
    def at(cls, criterion: Criterion, at: Evaluation) -> JointInformation:
        """Evaluate at a theta with (beta, sigma) profiled (ML)."""
        data, covariance = criterion.data, criterion.covariance
        profile, p, n_theta = at.profile, data.p, covariance.n_theta
        sigma2, v = profile.sigma2, profile.v
        sigma = float(np.sqrt(sigma2))
        J = data.coordinates.jacobian

        top = data.levels[-1]
        F_k = top.psi[:, None, None] * at.states[-1].S
        F_kv = F_k @ v
        quadratic = F_kv @ v
        K = top.psi.size
        scores = np.empty((K, p + n_theta + 1))
        scores[:, :p] = F_kv[:, :p] @ J / sigma2
        by_group = criterion.gradients_by_group(at, np.outer(v, v) / sigma2)
        by_top = []
        for level, gradient in zip(data.levels, by_group, strict=True):
            sums = np.zeros((K, *gradient.shape[1:]))
            np.add.at(sums, level.top, gradient)
            by_top.append(sums)
        scores[:, p : p + n_theta] = -0.5 * covariance.gather(by_top)
        scores[:, -1] = -data.W_top / sigma + quadratic / sigma**3

        H = np.zeros((p + n_theta + 1, p + n_theta + 1))
        H_tt, dF = criterion.hessian(at, profiled=False)
        t = slice(p, p + n_theta)
        dFv = dF @ v
        H[:p, :p] = J.T @ profile.F[:p, :p] @ J / sigma2
        H[t, t] = H_tt / 2.0
        H[t, :p] = -dFv[:, :p] @ J / sigma2
        H[:p, t] = H[t, :p].T
        H[t, -1] = -(dFv @ v) / sigma**3
        H[-1, t] = H[t, -1]
        H[-1, -1] = 2.0 * data.W / sigma2

        log_det = np.zeros(K)
        for level, state in zip(data.levels, at.states, strict=True):
            np.add.at(log_det, level.top, level.psi * state.log_det)
        log_likelihoods = -0.5 * (
            log_det + data.W_top * np.log(2.0 * np.pi * sigma2) + quadratic / sigma2
        )
        return cls(scores, H, log_likelihoods, p)
