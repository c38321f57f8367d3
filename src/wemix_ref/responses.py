"""Draw responses from the law that a model says the data follow."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from wemix_ref.design import Design

__all__ = ["draw_responses"]

Array = NDArray[np.float64]


def draw_responses(
    design: Design, beta: Array, theta: Array, sigma: float, n: int, rng: np.random.Generator
) -> Array:
    """Draw y = X beta + offset + sum_l Z_l Lambda_l v_l + e, v and e independent N(0, sigma^2).

    Every group and every row is drawn once, whatever its weight.

    Parameters
    ----------
    design : the model.
    beta : (p,). theta : (n_theta,). sigma : residual standard deviation.
    n : number of draws.
    rng : source of randomness; the first draws are the same whatever n.

    Returns
    -------
    (n_obs, n) on the scale of the formula's response.
    """
    mean = design.X @ beta + design.offset
    ZL = [
        level.Z @ Lambda
        for level, Lambda in zip(design.levels, design.covariance.Lambdas(theta), strict=True)
    ]
    out = np.empty((design.n, n))
    for draw in range(n):
        noise = np.zeros(design.n)
        for level, columns in zip(design.levels, ZL, strict=True):
            v = rng.standard_normal((level.n_groups, columns.shape[1]))
            noise += np.einsum("nq,nq->n", columns, v[level.codes])
        noise += rng.standard_normal(design.n)
        out[:, draw] = mean + sigma * noise
    return out
