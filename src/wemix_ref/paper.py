"""The paper's equations, written out: slow, plain, and independent of the recursion.

Equation numbers are those of Bailey (2018), *Weighted Linear Mixed-Effects Models*. Where the
printed equation has a slip the statement follows the right one and says so. Everything is a QR
decomposition of stacked rows; no cross-products are formed. Lambda stands where the paper has
Delta^-1, so that a variance may be zero.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wemix_ref.design import Design
from wemix_ref.linalg import triangular_factor

__all__ = ["PaperFit", "evaluate"]

Array = NDArray[np.float64]


@dataclass(frozen=True)
class PaperFit:
    """The criterion of one design at one theta.

    Attributes
    ----------
    deviance : profiled over beta and sigma (eq. 106; eq. 58 unweighted; REML as in lme4).
    beta : (p,). sigma : standard deviation. r2 : eq. 60 at its minimum.
    log_alpha : log of the constant alpha (eq. 80).
    v : spherical random effects per level, each (G, q). R22 : (p, p) of eq. 60's matrix.
    """

    deviance: float
    beta: Array
    sigma: float
    r2: float
    log_alpha: float
    v: tuple[Array, ...]
    R22: Array


def evaluate(design: Design, theta: Array, reml: bool = False) -> PaperFit:
    """Evaluate the paper's criterion.

    Parameters
    ----------
    design : the model's arrays.
    theta : (n_theta,) in lme4's order.
    reml : the REML criterion of lme4, for unweighted designs.
    """
    Lambdas = design.covariance.Lambdas(np.asarray(theta, dtype=float))
    beta, v, r2, R22 = _least_squares(design, Lambdas)
    log_alpha = _log_alpha(design, Lambdas)
    W = float(design.omega.sum())
    if reml:
        dof = design.n - design.X.shape[1]
        sigma2 = r2 / dof
        deviance = (
            -2.0 * log_alpha
            + 2.0 * np.log(np.abs(np.diag(R22))).sum()
            + dof * (np.log(2.0 * np.pi * sigma2) + 1.0)
        )
    else:
        sigma2 = r2 / W  # eqs. 57, 105
        # eqs. 58, 106; 106 is printed with + 2 log alpha
        deviance = -2.0 * log_alpha + W * (np.log(2.0 * np.pi * sigma2) + 1.0)
    return PaperFit(float(deviance), beta, float(np.sqrt(sigma2)), r2, log_alpha, v, R22)


def _least_squares(
    design: Design, Lambdas: list[Array]
) -> tuple[Array, tuple[Array, ...], float, Array]:
    """Solve eq. 60: all random effects and beta from one QR of the whole stacked matrix."""
    root_omega = np.sqrt(design.omega)
    columns, penalties = [], []
    for level, Lambda in zip(design.levels, Lambdas, strict=True):
        q = level.Z.shape[1]
        block = np.zeros((design.n, level.n_groups * q))
        for j in range(q):
            block[np.arange(design.n), level.codes * q + j] = (level.Z @ Lambda)[:, j]
        columns.append(block)
        penalties.append(np.repeat(np.sqrt(level.psi), q))  # Psi^(1/2), unconditional
    ZLambda = np.column_stack(columns)
    n_z, p = ZLambda.shape[1], design.X.shape[1]
    top = np.column_stack([ZLambda, design.X, design.y]) * root_omega[:, None]
    bottom = np.column_stack([np.diag(np.concatenate(penalties)), np.zeros((n_z, p + 1))])
    R = triangular_factor(np.vstack([top, bottom]))  # eqs. 25-28, 60
    R11, R12, R1y = R[:n_z, :n_z], R[:n_z, n_z : n_z + p], R[:n_z, -1]
    R22, R2y = R[n_z : n_z + p, n_z : n_z + p], R[n_z : n_z + p, -1]
    r2 = float(R[n_z + p :, -1] @ R[n_z + p :, -1])  # eq. 41
    beta = np.asarray(np.linalg.solve(R22, R2y), dtype=np.float64)
    v_all = np.asarray(np.linalg.solve(R11, R1y - R12 @ beta), dtype=np.float64)
    v, start = [], 0
    for level in design.levels:
        q = level.Z.shape[1]
        stop = start + level.n_groups * q
        v.append(v_all[start:stop].reshape(level.n_groups, q))
        start = stop
    return beta, tuple(v), r2, R22


def _log_alpha(design: Design, Lambdas: list[Array]) -> float:
    """Log of alpha (eqs. 81-102), group by group from level 2 up.

    The paper adds determinants in eqs. 84, 96, 97 and 102; alpha is the product of
    |det R|^-psi, so logarithms are added, with the unconditional psi as the exponent. Inside a
    group the rows carry conditional weights (85-92 print unconditional ones).
    """
    root = np.sqrt(design.omega_cond)[:, None]
    columns = np.hstack([level.Z for level in design.levels]) * root
    lowest = design.levels[0]
    rows = [columns[lowest.codes == g] for g in range(lowest.n_groups)]
    log_alpha = 0.0
    for position, (level, Lambda) in enumerate(zip(design.levels, Lambdas, strict=True)):
        q = level.Z.shape[1]
        left = []
        for g in range(level.n_groups):
            own, rest = rows[g][:, :q], rows[g][:, q:]
            stacked = np.vstack(
                [
                    np.hstack([own @ Lambda, rest]),  # eqs. 85, 87, 98, 100
                    np.hstack([np.eye(q), np.zeros((q, rest.shape[1]))]),
                ]
            )
            R = triangular_factor(stacked)  # eqs. 88, 99, 101
            log_det = np.log(np.abs(np.diag(R[:q, :q]))).sum()
            log_alpha -= level.psi[g] * log_det  # eqs. 96, 97, 102, as logs
            left.append(R[q:, q:])  # R_23 of eq. 90: what the level above still needs
        if level.parent is not None:
            above = design.levels[position + 1]
            rows = [
                np.vstack(
                    [
                        np.sqrt(level.psi_cond[g]) * left[g]  # eq. 100
                        for g in np.flatnonzero(level.parent == k)
                    ]
                )
                for k in range(above.n_groups)
            ]
    return float(log_alpha)
