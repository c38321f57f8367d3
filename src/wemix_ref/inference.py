"""Scores, Hessian and standard errors.

With F_k = psi_Lk S_k a top group's share of F and v = (-beta, 1), its log pseudo-likelihood at
fixed (beta, theta, sigma) is (eq. 111, which the paper prints with its own beta per group)

    l_k = - 1/2 sum psi log det A - W_k / 2 log(2 pi sigma^2) - v' F_k v / (2 sigma^2).

Its derivatives are the scores; S holds one row per top group, B = S'S and H is minus the joint
Hessian of the sum. The recipes that packages print are read off these (H and B are those of beta,
theta and sigma together; "level l" means the elements theta_l and sigma):

* "wemix" (block): beta: H_bb^-1 B_bb H_bb^-1 K/(K-1); per level l: H_ll^-1 B_ll H_ll^-1 K/(K-1),
  and
  sigma's from level 2 (eqs. 108, 109, 113, where the paper prints J without the outer product and
  leaves out the factor's square);
* "model": sigma^2 F_xx^-1 for beta, the block of H^-1 for (theta, sigma).

On the boundary the scores of a zero column of Lambda vanish in every group. A variance of zero has
no standard error; the other parameters are taken given the boundary.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from wemix_ref.covariance import SINGULAR_TOLERANCE, CovarianceMap
from wemix_ref.deviance import Criterion, Evaluation
from wemix_ref.errors import ModelError, OptionError

__all__ = ["RECIPES", "Component", "Inference", "JointInformation", "components", "infer"]

Array = NDArray[np.float64]

RECIPES = ("wemix", "model")

#: Eigenvalues of a scaled Hessian below this share of the largest one count as zero: the analytic
#: Hessian is good to about 1e-12, and a direction that flat carries no information.
FLAT = 1e-9

AT_BOUNDARY = "the variance is at its boundary, zero, where a standard error is not defined"
NOT_IDENTIFIED = "the data do not identify it: the log-likelihood is flat in its direction"
NOT_CONCAVE = "the log-likelihood is not concave at this theta"
UNDER_REML = (
    "under REML only the fixed effects have a standard error here; fit by ML for those of variances"
)


@dataclass(frozen=True)
class Component:
    """One element of the covariance of the random effects, or the residual variance.

    Attributes
    ----------
    group, var1, var2 : grouping factor and coefficient names; var2 is None for a variance, and both
        are None for the residual.
    level : 1 for the residual.
    vcov : variance or covariance on the data's scale.
    sdcor : standard deviation or correlation.
    gradient : (n_theta + 1,) derivative of vcov with respect to (theta, sigma).
    on_boundary : whether it is, or belongs to, a variance that counts as zero.
    """

    group: str
    var1: str | None
    var2: str | None
    level: int
    vcov: float
    sdcor: float
    gradient: Array
    on_boundary: bool


def components(covariance: CovarianceMap, theta: Array, sigma: float) -> list[Component]:
    """Variance components, ordered as lme4's ``as.data.frame(VarCorr(fit))``.

    Per term its variances, then its covariances; lowest level first, the residual last. Covariances
    that the formula fixes at zero are left out.
    """
    out: list[Component] = []
    n_theta = covariance.n_theta
    for level in covariance.levels:
        for block in level.blocks:
            L = block.Lambda(theta)
            Sigma = sigma**2 * L @ L.T
            sd = np.sqrt(np.diag(Sigma))
            zero = sd / sigma * np.asarray(block.scale) < SINGULAR_TOLERANCE
            q = block.size
            pairs = [(i, i) for i in range(q)]
            pairs += [(i, j) for j in range(q) for i in range(j + 1, q)]
            for i, j in pairs:
                gradient = np.zeros(n_theta + 1)
                for k, (row, column) in enumerate(zip(*block.triangle, strict=True)):
                    # d(L L')_ij = dL_i L_j' + L_i dL_j'
                    slope = (row == i) * L[j, column] + (row == j) * L[i, column]
                    gradient[block.start + k] = sigma**2 * slope
                gradient[n_theta] = 2.0 * Sigma[i, j] / sigma
                if i == j:
                    sdcor = float(sd[i])
                else:
                    product = float(sd[i] * sd[j])
                    sdcor = float(Sigma[i, j]) / product if product > 0 else float("nan")
                out.append(
                    Component(
                        level.name,
                        block.names[j],
                        None if i == j else block.names[i],
                        level.number,
                        float(Sigma[i, j]),
                        sdcor,
                        gradient,
                        bool(zero[i] or zero[j]),
                    )
                )
    gradient = np.zeros(n_theta + 1)
    gradient[n_theta] = 2.0 * sigma
    out.append(Component("Residual", None, None, 1, sigma**2, sigma, gradient, False))
    return out


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


@dataclass(frozen=True)
class Inference:
    """Standard errors by one recipe.

    Attributes
    ----------
    recipe : "wemix" or "model".
    cov_beta : (p, p).
    se_components : standard error of each component's vcov, NaN where it is not defined.
    reasons : per component, why it is NaN; None where it is not.
    information : None under REML.
    """

    recipe: str
    cov_beta: Array
    se_components: tuple[float, ...]
    reasons: tuple[str | None, ...]
    information: JointInformation | None


@dataclass(frozen=True)
class _Bread:
    """Inverse of a block of H on the directions that carry information."""

    inverse: Array
    flat: Array  # (size, k) orthonormal basis of the flat directions, in scaled coordinates
    scale: Array
    concave: bool

    def estimable(self, gradient: Array) -> bool:
        scaled = gradient / self.scale
        size = float(np.linalg.norm(scaled))
        return size > 0 and float(np.linalg.norm(self.flat.T @ scaled)) <= 1e-6 * size


def _bread(H: Array) -> _Bread:
    scale = np.sqrt(np.abs(np.diag(H)))
    scale[scale == 0] = 1.0
    values, vectors = np.linalg.eigh(H / np.outer(scale, scale))
    largest = float(np.abs(values).max(initial=0.0))
    flat = np.abs(values) <= FLAT * largest
    kept = vectors[:, ~flat]
    inverse = (kept / values[~flat]) @ kept.T / np.outer(scale, scale)
    return _Bread(inverse, vectors[:, flat], scale, bool(np.all(values[~flat] > 0)))


def infer(
    criterion: Criterion, at: Evaluation, parts: Sequence[Component], recipe: str
) -> Inference:
    """Standard errors of the fixed effects and of the variance components.

    Parameters
    ----------
    criterion, at : the model and the point; theta's zero columns are whole.
    parts : components at that point.
    recipe : "wemix" or "model".

    Raises
    ------
    OptionError
        Unknown recipe.
    ModelError
        A sandwich under REML.
    """
    if recipe not in RECIPES:
        raise OptionError(
            f"se must be one of {', '.join(repr(name) for name in RECIPES)}, or None; "
            f"found {recipe!r}."
        )
    root = criterion.data.coordinates.covariance_root
    model_cov = at.profile.sigma2 * root @ at.profile.F_xx_inv @ root.T
    if criterion.reml:
        if recipe != "model":
            raise ModelError(
                f'under REML the only standard errors are the model\'s; found se="{recipe}". '
                'Pass se="model", or reml=False for a sandwich.'
            )
        nan = tuple(float("nan") for _ in parts)
        return Inference(recipe, model_cov, nan, tuple(UNDER_REML for _ in parts), None)
    information = JointInformation.at(criterion, at)
    active = ~criterion.covariance.zero_columns(at.theta)
    if recipe == "model":
        se, reasons = _component_errors_model(information, active, parts)
        return Inference(recipe, model_cov, se, reasons, information)
    scores = information.scores[:, : information.p]
    half = scores @ model_cov
    cov_beta = information.kappa * half.T @ half
    se, reasons = _component_errors_block(information, criterion.covariance, active, parts)
    return Inference(recipe, cov_beta, se, reasons, information)


def _component_errors_model(
    information: JointInformation,
    active: NDArray[np.bool_],
    parts: Sequence[Component],
) -> tuple[tuple[float, ...], tuple[str | None, ...]]:
    p = information.p
    free = np.flatnonzero(np.concatenate([np.ones(p, dtype=bool), active, [True]]))
    bread = _bread(information.H[np.ix_(free, free)])
    errors, reasons = [], []
    for part in parts:
        gradient = np.concatenate([np.zeros(p), part.gradient])[free]
        variance = float(gradient @ bread.inverse @ gradient)
        value, reason = _judge(part, variance, gradient, bread)
        errors.append(value)
        reasons.append(reason)
    return tuple(errors), tuple(reasons)


def _component_errors_block(
    information: JointInformation,
    covariance: CovarianceMap,
    active: NDArray[np.bool_],
    parts: Sequence[Component],
) -> tuple[tuple[float, ...], tuple[str | None, ...]]:
    p, n_theta = information.p, covariance.n_theta
    breads: dict[int, tuple[_Bread, Array, NDArray[np.intp]]] = {}
    for level in covariance.levels:
        mine = np.arange(level.slice.start, level.slice.stop)
        local = np.append(mine[active[mine]], n_theta)
        block = _bread(information.H[np.ix_(p + local, p + local)])
        scores = information.scores[:, p + local] @ block.inverse
        breads[level.number] = (block, information.kappa * scores.T @ scores, local)
    errors, reasons = [], []
    for part in parts:
        bread, cov, local = breads[max(part.level, 2)]  # the residual's is level 2's
        gradient = part.gradient[local]
        value, reason = _judge(part, float(gradient @ cov @ gradient), gradient, bread)
        errors.append(value)
        reasons.append(reason)
    return tuple(errors), tuple(reasons)


def _judge(
    part: Component, variance: float, gradient: Array, bread: _Bread
) -> tuple[float, str | None]:
    """Standard error, or NaN with the reason."""
    if part.on_boundary:
        return float("nan"), AT_BOUNDARY
    if not bread.estimable(gradient):
        return float("nan"), NOT_IDENTIFIED
    if not bread.concave or variance < 0:
        return float("nan"), NOT_CONCAVE
    return float(np.sqrt(variance)), None
