"""Conditional modes of the random effects and their variances, by the recursion run downwards.

Given the data, beta, theta and sigma, a group's spherical effects depend on those of the groups
above it alone. With U of `elimination.LevelState`, w = (minus the effects Lambda v of the groups
above, 1) and C the covariance of those effects over sigma^2,

    v = U w,      Var(v) / sigma^2 = A^-1 + U C U',

from the top, where C is empty. A holds conditional weights: it is that of the data in which every
unit is written out as often as its conditional weight says, and a group stands for one of its
copies. So nothing is divided by the group's own psi.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from wemix_ref.deviance import Criterion, Evaluation

__all__ = ["conditional_variances", "spherical_modes", "working_modes"]

Array = NDArray[np.float64]


def spherical_modes(criterion: Criterion, at: Evaluation) -> list[Array]:
    """Conditional modes v, per level, lowest first, (G, q): eq. 60 at beta."""
    out: list[Array] = []
    right = np.ones((1, 1))
    for state in reversed(criterion.states(at, "likelihood" if criterion.reml else "criterion")):
        w = right[state.parent]
        v = np.einsum("gqm,gm->gq", state.U, w)
        out.insert(0, v)
        # what is left of the response once this level's effects are taken off
        right = np.hstack([-(v @ state.Lam.T), w])
    return out


def working_modes(criterion: Criterion, at: Evaluation) -> list[Array]:
    """Conditional modes Lambda v in the working coordinates of Z, per level (G, q)."""
    return [v @ Lam[0].T for v, Lam in zip(spherical_modes(criterion, at), at.Lams, strict=True)]


def conditional_variances(criterion: Criterion, at: Evaluation) -> list[Array]:
    """Covariance of each group's random effects u given the data, at fixed beta, theta, sigma.

    Parameters
    ----------
    criterion : the model's cross-products and where theta stands.
    at : the criterion at theta; sigma is the profiled one.

    Returns
    -------
    Per level, lowest first, (G, q, q) on the data's scale: variances, between the terms of a level
    too.
    """
    Lambdas = criterion.covariance.Lambdas(at.theta)
    out = []
    for state, Lambda in zip(criterion.states(at, "none"), Lambdas, strict=True):
        U = state.U[:, :, :-1]
        C = state.above[state.parent][:, :-1, :-1]
        u = at.profile.sigma2 * (Lambda @ (state.A_inv + U @ C @ U.transpose(0, 2, 1)) @ Lambda.T)
        out.append((u + u.transpose(0, 2, 1)) / 2.0)
    return out
