"""Where searches start, over phi.

Where rows are few for the variances asked of them the deviance has several minima, most of all with
variances at zero, and which one a search ends at is a matter of its start. There more starts are
tried, and the lowest end is taken.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from wemix_ref.covariance import CovarianceMap

__all__ = ["are_scarce", "other_starts", "usual_start"]

Array = NDArray[np.float64]

#: Every diagonal element of the triangles in the working basis at the start (lme4 starts at 1).
START = 0.7
#: Rows are few below so many for each element of theta: more than any small design has, so that the
#: same data written out several times, or with weights for copies, get the same starts.
FEW_ROWS = 100
#: Below the diagonal of starts with correlations: those of 0.8 where a term has two columns.
LEANING = 2.6 * START
#: Starts that are drawn, and the range of their diagonals' logarithms about the usual start.
DRAWN, LEAST, MOST = 2, -3.5, 1.8


def usual_start(covariance: CovarianceMap) -> Array:
    """Phi of triangles that are START times the identity, (n_theta,)."""
    phi = np.zeros(covariance.n_theta)
    for level in covariance.levels:
        for block in level.blocks:
            rows, columns = block.triangle
            phi[block.part][rows == columns] = START
    return phi


def are_scarce(n: int, n_theta: int) -> bool:
    """Whether n rows are few for so many elements of theta."""
    return n < FEW_ROWS * n_theta


def other_starts(covariance: CovarianceMap, found: Array) -> list[Array]:
    """Starts far from one another, given the minimum that the usual one has led to.

    Parameters
    ----------
    found : (n_theta,) phi there.

    Returns
    -------
    (n_theta,) each: smaller, larger and tiny variances; what was found as zero large and the rest
    small; some that are drawn, the same for every design of that n_theta; and, where terms have
    correlations, larger variances with positive and with negative ones.
    """
    usual = usual_start(covariance)
    zero = covariance.zero_columns(found)
    rng = np.random.default_rng(0)
    below = LEANING * (usual == 0.0)
    return [
        usual / 4.0,
        usual * 4.0,
        usual / 30.0,
        np.where(zero, usual * 2.0, usual / 30.0),
        np.where(zero, usual, usual / 50.0),
        *(usual * np.exp(rng.uniform(LEAST, MOST, usual.size)) for _ in range(DRAWN)),
        *((usual * 2.0 + below, usual * 2.0 - below) if below.any() else ()),
    ]
