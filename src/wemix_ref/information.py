"""Scores and the joint Hessian of (beta, theta, sigma).

With F_k a top group's share of F and v = (-beta, 1), its log pseudo-likelihood at
fixed (beta, theta, sigma) is (eq. 111, which the paper prints with its own beta per group)

    l_k = - 1/2 sum psi log det A - W_k / 2 log(2 pi sigma^2) - v' F_k v / (2 sigma^2).

Its derivatives are the scores, one row of S per top group; B = S'S, and H is minus the Hessian of
the sum.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from wemix_ref.conditional_modes import working_modes
from wemix_ref.deviance import Criterion, Evaluation
from wemix_ref.linalg import block_diag

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
        """Over the user's beta, at a theta with (beta, sigma) profiled (ML)."""
        inner = cls.inner(criterion, at)
        J = criterion.data.coordinates.jacobian
        return inner.over(block_diag(J, np.eye(len(inner.H) - inner.p)))

    def over(self, J: Array) -> JointInformation:
        """The same over other parameters, J the derivatives of these in those."""
        return replace(self, scores=self.scores @ J, H=J.T @ self.H @ J)

    @classmethod
    def inner(cls, criterion: Criterion, at: Evaluation) -> JointInformation:
        """Over b, the working coefficients of X, in place of beta."""
        data = criterion.data
        profile, p, n_theta = at.profile, data.p, criterion.covariance.n_theta
        sigma2, v = profile.sigma2, profile.v
        sigma = float(np.sqrt(sigma2))

        F_top = at.F_top
        F_kv = data.scores(v, working_modes(criterion, at)) if F_top is None else F_top @ v
        quadratic = F_kv @ v
        K = data.W_top.size
        scores = np.empty((K, p + n_theta + 1))
        scores[:, :p] = F_kv[:, :p] / sigma2
        scores[:, p : p + n_theta] = -0.5 * criterion.gradient_by_top(at)
        scores[:, -1] = -data.W_top / sigma + quadratic / sigma**3

        H = np.zeros((p + n_theta + 1, p + n_theta + 1))
        H_tt, dFv = criterion.hessian(at, profiled=False)
        t = slice(p, p + n_theta)
        H[:p, :p] = profile.F[:p, :p] / sigma2
        H[t, t] = H_tt / 2.0
        H[t, :p] = -dFv[:, :p] / sigma2
        H[:p, t] = H[t, :p].T
        H[t, -1] = -(dFv @ v) / sigma**3
        H[-1, t] = H[t, -1]
        H[-1, -1] = 2.0 * data.W / sigma2

        log_det = np.zeros(K)
        for level, log_det_A in zip(data.levels, at.up.log_det, strict=True):
            log_det += np.bincount(level.top, level.psi * log_det_A, K)
        log_likelihoods = -0.5 * (
            log_det + data.W_top * np.log(2.0 * np.pi * sigma2) + quadratic / sigma2
        )
        return cls(scores, H, log_likelihoods, p)
