"""Variances of the conditional modes, by the recursion run downwards.

Given the data, beta, theta and sigma, a group's spherical effects depend on those of the groups
above it alone. With C the covariance of the effects Lambda v of all groups above, and U the blocks
of `elimination.LevelState` that belong to them,

    Var(v) = sigma^2 A^-1 + U C U',      Cov(Lambda v, above) = -Lambda U C,

from the top, where C is empty. A holds conditional weights: it is that of the data in which every
unit is written out as often as its conditional weight says, and a group stands for one of its
copies. So nothing is divided by the group's own psi.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from wemix_ref.deviance import Criterion, Evaluation

__all__ = ["conditional_variances"]

Array = NDArray[np.float64]


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
    data, sigma2 = criterion.data, at.profile.sigma2
    Lambdas = criterion.covariance.Lambdas(at.theta)
    out: list[Array] = []
    above = np.zeros((data.levels[-1].psi.size, 0, 0))
    for position in reversed(range(len(at.states))):
        state, Lambda = at.states[position], Lambdas[position]
        U = state.U[:, :, : above.shape[1]]
        UC = U @ above
        variance = sigma2 * state.A_inv + UC @ U.transpose(0, 2, 1)
        u = Lambda @ variance @ Lambda.T
        out.insert(0, (u + u.transpose(0, 2, 1)) / 2.0)
        if position > 0:
            parent = data.levels[position - 1].parent
            assert parent is not None
            cross = -(state.Lam @ UC)
            own = np.concatenate([state.Lam @ variance @ state.Lam.T, cross], axis=2)
            rest = np.concatenate([cross.transpose(0, 2, 1), above], axis=2)
            above = np.concatenate([own, rest], axis=1)[parent]
    return out
