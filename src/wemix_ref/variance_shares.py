"""Shares of variance: intraclass correlations, and R2 of the fixed and of all effects."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wemix_ref.design import Design

__all__ = ["Shares", "intraclass", "shares"]

Array = NDArray[np.float64]


def intraclass(z: Sequence[Array], Sigmas: Sequence[Array], sigma2: float) -> Array:
    """Variance of a response at given covariates, by level: z_l' Sigma_l z_l, and sigma^2.

    Parameters
    ----------
    z : per level, lowest first, (q,) row of Z.
    Sigmas : per level, (q, q) covariance of the random effects.
    sigma2 : residual variance.

    Returns
    -------
    (L,): the levels of groups, lowest first, then the residual.
    """
    parts = [float(row @ Sigma @ row) for row, Sigma in zip(z, Sigmas, strict=True)]
    return np.array([*parts, sigma2])


@dataclass(frozen=True)
class Shares:
    """Parts of the variance of the response.

    Attributes
    ----------
    fixed : variance of X beta over the rows.
    levels : (L - 1,) mean over the rows of z' Sigma_l z, lowest level first.
    residual : sigma^2.
    """

    fixed: float
    levels: Array
    residual: float

    @property
    def total(self) -> float:
        """Sum of all parts."""
        return float(self.fixed + self.levels.sum() + self.residual)

    @property
    def marginal(self) -> float:
        """Share of the fixed effects."""
        return self.fixed / self.total

    @property
    def conditional(self) -> float:
        """Share of the fixed and the random effects."""
        return float(self.fixed + self.levels.sum()) / self.total


def shares(design: Design, beta: Array, Sigmas: Sequence[Array], sigma2: float) -> Shares:
    """Split the variance of the response (Nakagawa & Schielzeth 2013; Johnson 2014 for slopes).

    Means and variances over rows are weighted by the unconditional omega and divided by its sum.

    Parameters
    ----------
    design : the model.
    beta : (p,) fixed effects.
    Sigmas : per level, (q, q) covariance of the random effects.
    sigma2 : residual variance.
    """
    share = design.omega / design.omega.sum()
    fixed = design.X @ beta
    fixed = fixed - share @ fixed
    levels = [
        float(share @ np.einsum("ni,ij,nj->n", level.Z, Sigma, level.Z))
        for level, Sigma in zip(design.levels, Sigmas, strict=True)
    ]
    return Shares(float(share @ fixed**2), np.array(levels), sigma2)
