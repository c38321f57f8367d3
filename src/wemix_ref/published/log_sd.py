"""Standard errors of variances in log standard deviations, which matter short of the optimum.

At a maximum the delta method gives one answer in any parametrisation. Elsewhere the second
derivatives of the transformation meet a gradient that is not zero: with theta_j = exp(a_j - s) and
sigma = exp(s), a_j the log standard deviation of term j,

    H_phi = J' H J - sum_j g_j d2 theta_j - g_sigma d2 sigma,      phi = (beta, a, s),

with g the gradient of the log pseudo-likelihood and H minus its Hessian. `mixed` of Stata works in
phi, so its standard errors at its own stopping point are those of the profile recipe in phi.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from wemix_ref.errors import ModelError
from wemix_ref.inference import Bread
from wemix_ref.information import JointInformation

__all__ = ["log_sd_errors"]

Array = NDArray[np.float64]


def log_sd_errors(information: JointInformation, theta: Array, sigma: float) -> Array:
    """Standard errors of the variances by the profile recipe, taken in log standard deviations.

    Parameters
    ----------
    information : scores and Hessian over (beta, theta, sigma).
    theta : (m,) positive; every random term has one effect, so that theta_j is its standard
        deviation over sigma.
    sigma : residual standard deviation.

    Returns
    -------
    array, shape (m + 1,)
        Of the m variances theta_j^2 sigma^2 and of sigma^2, on the data's scale; NaN where the
        log-likelihood is not concave or flat in phi.

    Raises
    ------
    ModelError
        If a theta is not positive: its logarithm does not exist.
    """
    theta = np.asarray(theta, dtype=float)
    if not np.all(theta > 0):
        raise ModelError(
            f"log standard deviations need every variance above zero; found theta "
            f"{theta.tolist()}. Take the standard errors in theta."
        )
    p, m = information.p, theta.size
    gradient = information.scores.sum(axis=0)
    J = np.eye(p + m + 1)
    t = np.arange(p, p + m)
    J[t, t] = theta
    J[t, -1] = -theta
    J[-1, -1] = sigma
    H = J.T @ information.H @ J
    bent = gradient[t] * theta  # d theta_j / d a_j = theta_j, and so on
    H[t, t] -= bent
    H[t, -1] += bent
    H[-1, t] += bent
    H[-1, -1] -= bent.sum() + gradient[-1] * sigma
    bread = Bread.of(H, np.arange(p + m + 1))
    if not bread.concave or bread.flat.size:
        return np.full(m + 1, np.nan)
    half = (information.scores @ J)[:, p:] @ bread.inverse[p:, p:]
    errors = np.sqrt(information.kappa * np.einsum("ki,ki->i", half, half))
    return np.asarray(2.0 * np.append(theta**2, 1.0) * sigma**2 * errors)
