"""Variance components: Sigma = sigma^2 Lambda Lambda' and sigma^2, with their derivatives."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wemix_ref.covariance import SINGULAR_TOLERANCE, CovarianceMap

__all__ = ["Component", "components"]

Array = NDArray[np.float64]


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
    correlation_is_one : for a covariance, whether the correlation is one in size.
    """

    group: str
    var1: str | None
    var2: str | None
    level: int
    vcov: float
    sdcor: float
    gradient: Array
    on_boundary: bool
    correlation_is_one: bool = False

    @property
    def name(self) -> str:
        """Name in hypotheses and intervals: ``g.x``, ``g.x.z``, ``Residual``."""
        return ".".join(part for part in (self.group, self.var1, self.var2) if part is not None)


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
                        i != j and abs(sdcor) > 1.0 - SINGULAR_TOLERANCE**2,
                    )
                )
    gradient = np.zeros(n_theta + 1)
    gradient[n_theta] = 2.0 * sigma
    out.append(Component("Residual", None, None, 1, sigma**2, sigma, gradient, False))
    return out
