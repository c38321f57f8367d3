"""V: the covariance of y that a model implies, and generalised least squares with it.

Model-implied: V = Z G Z' + sigma^2 I with G = blockdiag(Sigma_l). Working, with unconditional
weights: V_w = sigma^2 (Z Lambda Psi^-1 Lambda' Z' + Omega^-1). Generalised least squares with V_w
returns the weighted estimate of beta exactly; with unit weights V_w = V.
"""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
import scipy.sparse.linalg
from numpy.typing import NDArray

from wemix_ref.design import Design
from wemix_ref.errors import DataError

__all__ = ["G_matrix", "Z_matrix", "gls", "marginal_V", "working_V"]

Array = NDArray[np.float64]


def Z_matrix(design: Design) -> sp.csr_array:
    """Z, shape (n, sum of G q), columns in lme4's order.

    Terms in lme4's order, lowest level first; within a term group by group, and within a group
    coefficient by coefficient.
    """
    n = design.n
    blocks = []
    for level in design.levels:
        offset = 0
        for term in level.terms:
            q = len(term.names)
            values = level.Z[:, offset : offset + q]
            rows = np.repeat(np.arange(n), q)
            columns = (level.codes[:, None] * q + np.arange(q)).ravel()
            block = sp.coo_array(
                (values.ravel(), (rows, columns)), shape=(n, level.n_groups * q)
            ).tocsr()
            block.eliminate_zeros()
            blocks.append(block)
            offset += q
    return sp.csr_array(sp.hstack(blocks, format="csr"))


def _block_diagonal(design: Design, theta: Array, inverse_psi: bool, root: bool) -> sp.csr_array:
    """Relative covariance of all effects, or Lambda, with 1/psi on each group if asked for."""
    blocks = []
    for level, level_map in zip(design.levels, design.covariance.levels, strict=True):
        for block in level_map.blocks:
            L = block.Lambda(theta)
            weight = 1.0 / level.psi if inverse_psi else np.ones(level.n_groups)
            blocks.append(sp.kron(sp.diags_array(weight), L if root else L @ L.T, format="csr"))
    return sp.csr_array(sp.block_diag(blocks, format="csr"))


def G_matrix(design: Design, theta: Array, sigma: float) -> sp.csr_array:
    """G = blockdiag(Sigma_l), one block per group, columns as in `Z_matrix`; variances."""
    return sp.csr_array(sigma**2 * _block_diagonal(design, theta, False, False))


def marginal_V(design: Design, theta: Array, sigma: float) -> sp.csr_array:
    """V = Z G Z' + sigma^2 I, shape (n, n), rows in the data's order."""
    ZL = Z_matrix(design) @ _block_diagonal(design, theta, False, True)
    return sp.csr_array(sigma**2 * (ZL @ ZL.T + sp.eye_array(design.n)))


def working_V(design: Design, theta: Array, sigma: float) -> sp.csr_array:
    """V_w = sigma^2 (Z Lambda Psi^-1 Lambda' Z' + Omega^-1), (n, n), unconditional weights."""
    Z = Z_matrix(design)
    inner = _block_diagonal(design, theta, True, False)
    return sp.csr_array(sigma**2 * (Z @ inner @ Z.T + sp.diags_array(1.0 / design.omega)))


def gls(X: Array | sp.csr_array, V: sp.csr_array, y: Array) -> tuple[Array, Array]:
    """Generalised least squares: (X' V^-1 X)^-1 X' V^-1 y and (X' V^-1 X)^-1.

    Parameters
    ----------
    X : (n, p), full column rank. V : (n, n) symmetric positive definite. y : (n,).

    Raises
    ------
    DataError
        The shapes do not fit.
    """
    dense = X.toarray() if isinstance(X, sp.sparray) else np.asarray(X, dtype=float)
    y = np.asarray(y, dtype=float)
    if V.shape != (y.size, y.size) or dense.shape[0] != y.size:
        raise DataError(
            f"X (n, p), V (n, n) and y (n,) must share n; found X {dense.shape}, V {V.shape}, "
            f"y {y.shape}."
        )
    solver = scipy.sparse.linalg.splu(
        sp.csc_array(V), permc_spec="MMD_AT_PLUS_A", options={"SymmetricMode": True}
    )
    VX = solver.solve(dense)
    bread = np.linalg.inv(dense.T @ VX)
    bread = (bread + bread.T) / 2.0
    # X'V^-1(y - X b) = 0, refined once: the first solution carries the rounding of the products
    beta = bread @ (VX.T @ y)
    beta = beta + bread @ (VX.T @ (y - dense @ beta))
    return np.asarray(beta), np.asarray(bread)
