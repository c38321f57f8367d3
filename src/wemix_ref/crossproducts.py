"""Everything of the data that the criterion needs, computed once: no theta in it.

The recursion (deviance.py) works on cross-products, and cross-products square the condition number.
So the data are put into good coordinates first, in this order:

1. a constant is subtracted from y and from near-constant columns of X, when X has an intercept;
2. X is orthogonalised once by a QR weighted by omega, and y is replaced by its weighted
   least-squares residual, refined once;
3. the columns of each level's Z are orthogonalised likewise: Z = Z~ R, and Z Lambda = Z~ (R
Lambda).

Coefficients are mapped back exactly; the log-determinants depend on Z Lambda alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy.linalg
import scipy.sparse as sp
from numpy.typing import NDArray

from wemix_ref.linalg import triangular_factor

__all__ = ["Coordinates", "CrossProducts", "LevelGroups", "cross_products", "group_sums"]

Array = NDArray[np.float64]
Ints = NDArray[np.intp]

#: Rows of M that are expanded at a time when products of all pairs of columns are formed.
CHUNK_ELEMENTS = 4_000_000

#: Above this condition number a level's Z is scaled only: its columns are (nearly) dependent.
MAX_Z_CONDITION = 1e10


@dataclass(frozen=True)
class LevelGroups:
    """Groups of one level as the recursion needs them.

    Attributes
    ----------
    psi, psi_cond : (G,) unconditional and conditional weights.
    to_parent : (K, G) sparse 0/1 matrix that sums groups into their parents; None at the top.
    parent : (G,) parent of each group; None at the top.
    top : (G,) top group of each group.
    R : (q, q) triangular factor with Z = Z~ R.
    """

    psi: Array
    psi_cond: Array
    to_parent: sp.csr_array | None
    parent: Ints | None
    top: Ints
    R: Array

    @property
    def q(self) -> int:
        """Random effects per group."""
        return int(self.R.shape[0])


@dataclass(frozen=True)
class Coordinates:
    """How the working coordinates of the fixed part map back to the user's.

    X_shifted = X - 1 shift', y_shifted = y - y_shift, X_shifted = X~ R,
    y_shifted = X~ b0 + e. The intercept column, if any, is ``constant`` with value ``value``.
    """

    R: Array
    b0: Array
    y_shift: float
    shift: Array
    constant: int | None
    value: float

    def beta(self, b: Array) -> Array:
        """Coefficients of X, shape (p,), from coefficients b of X~ for the residual e."""
        beta = scipy.linalg.solve_triangular(self.R, self.b0 + b)
        if self.constant is not None:
            beta[self.constant] += (self.y_shift - self.shift @ beta) / self.value
        return np.asarray(beta)

    def working(self, beta: Array) -> Array:
        """Coefficients b of X~ for the residual e, from coefficients of X: inverse of `beta`."""
        shifted = beta.copy()
        if self.constant is not None:
            others = self.shift.copy()
            shifted[self.constant] -= (self.y_shift - others @ beta) / self.value
        return np.asarray(self.R @ shifted - self.b0)

    @property
    def jacobian(self) -> Array:
        """D b / d beta, shape (p, p): R times the shift."""
        J = np.eye(self.R.shape[0])
        if self.constant is not None:
            J[self.constant] += self.shift / self.value
        return np.asarray(self.R @ J)

    @property
    def covariance_root(self) -> Array:
        """D beta / d b, shape (p, p): the inverse of `jacobian`."""
        root = scipy.linalg.solve_triangular(self.R, np.eye(self.R.shape[0]))
        if self.constant is not None:
            root[self.constant] -= (self.shift @ root) / self.value
        return np.asarray(root)


@dataclass(frozen=True)
class CrossProducts:
    """Sufficient statistics of a design.

    Attributes
    ----------
    T : (G2, m, m) per level-2 group, sum of omega_i|g m_i m_i', m = [z~_2 .. z~_L, x~, e].
    levels : the groups of each level, level 2 first.
    p : columns of X.
    n : rows.
    W : sum of omega; W_top: (K,) by top group.
    coordinates : the way back.
    """

    T: Array
    levels: tuple[LevelGroups, ...]
    p: int
    n: int
    W: float
    W_top: Array
    coordinates: Coordinates


def group_sums(M: Array, weights: Array, codes: Ints, n_groups: int) -> Array:
    """Sum of w_i m_i m_i' over the rows of each group, shape (n_groups, m, m).

    Parameters
    ----------
    M : (n, m) rows m_i.
    weights : (n,) weights w_i.
    codes : (n,) group of each row, every group present.
    """
    n, m = M.shape
    if np.any(codes[1:] < codes[:-1]):
        order = np.argsort(codes, kind="stable")
        M, weights, codes = M[order], weights[order], codes[order]
    starts = np.searchsorted(codes, np.arange(n_groups))
    out = np.empty((n_groups, m, m))
    if n >= 4 * m * n_groups:  # large groups: one BLAS product each
        ends = np.append(starts[1:], n)
        for g, (a, b) in enumerate(zip(starts, ends, strict=True)):
            part = M[a:b]
            out[g] = part.T @ (weights[a:b, None] * part)
        return (out + out.transpose(0, 2, 1)) / 2
    rows, columns = np.triu_indices(m)
    step = max(1, CHUNK_ELEMENTS // max(n, 1))
    for first in range(0, rows.size, step):
        r, c = rows[first : first + step], columns[first : first + step]
        sums = np.add.reduceat(M[:, r] * M[:, c] * weights[:, None], starts, axis=0)
        out[:, r, c] = sums
        out[:, c, r] = sums
    return out


def _shift(
    X: Array, y: Array, omega: Array
) -> tuple[Array, Array, Array, float, int | None, float]:
    """Subtract constants from y and from near-constant columns, where X has an intercept."""
    p = X.shape[1]
    shift, y_shift = np.zeros(p), 0.0
    constants = np.flatnonzero((X[:1] == X).all(axis=0) & (X[0] != 0))
    if constants.size == 0:
        return X, y, shift, y_shift, None, 1.0
    j0 = int(constants[0])
    total = omega.sum()
    y_shift = float(omega @ y / total)
    means = omega @ X / total
    spread = np.sqrt(omega @ (X - means) ** 2 / total)
    near = (np.abs(means) > 2.0 * spread) & (spread > 0)
    near[j0] = False
    shift[near] = means[near]
    return X - shift, y - y_shift, shift, y_shift, j0, float(X[0, j0])


def _orthogonalise(X: Array, omega: Array) -> tuple[Array, Array]:
    """X = X~ R with sum omega x~ x~' = I (to rounding), R upper triangular with diagonal > 0."""
    R = triangular_factor(np.sqrt(omega)[:, None] * X)
    R *= np.where(np.diag(R) < 0, -1.0, 1.0)[:, None]
    X1 = scipy.linalg.solve_triangular(R, X.T, trans="T").T
    # once more: the first factor leaves a loss of orthogonality of order eps * cond(X)
    R1 = scipy.linalg.cholesky(X1.T @ (omega[:, None] * X1))
    X2 = scipy.linalg.solve_triangular(R1, X1.T, trans="T").T
    return np.ascontiguousarray(X2), R1 @ R


def _level_coordinates(Z: Array, omega: Array) -> tuple[Array, Array]:
    """Z = Z~ R for one level: orthogonal columns, or scaled ones where Z is rank-deficient."""
    total = omega.sum()
    rms = np.sqrt(omega @ Z**2 / total)
    scale = np.where(rms > 0, rms, 1.0)
    if Z.shape[1] == 1 or Z.shape[0] < Z.shape[1]:
        return Z / scale, np.diag(scale)
    scaled = Z / scale
    R = triangular_factor(np.sqrt(omega / total)[:, None] * scaled)
    if np.linalg.cond(R) > MAX_Z_CONDITION:
        return scaled, np.diag(scale)
    return scipy.linalg.solve_triangular(R, scaled.T, trans="T").T, R * scale


def cross_products(
    X: Array,
    y: Array,
    Zs: Sequence[Array],
    codes: Ints,
    parents: Sequence[Ints | None],
    omega: Array,
    psi: Sequence[Array],
    psi_cond: Sequence[Array],
) -> CrossProducts:
    """One pass over the data.

    Parameters
    ----------
    X : (n, p) fixed-effects matrix of full column rank.
    y : (n,) response.
    Zs : per level, lowest first, (n, q_l).
    codes : (n,) level-2 group of each row.
    parents : per level, (G_l,) parent of each group, None at the top.
    omega : (n,) unconditional level-1 weights.
    psi, psi_cond : per level, (G_l,) unconditional and conditional group weights.
    """
    n, p = X.shape
    X_s, y_s, shift, y_shift, constant, value = _shift(X, y, omega)
    X_t, R = _orthogonalise(X_s, omega)
    b0 = X_t.T @ (omega * y_s)
    e = y_s - X_t @ b0
    extra = X_t.T @ (omega * e)  # refined once
    e = e - X_t @ extra
    coordinates = Coordinates(R, b0 + extra, y_shift, shift, constant, value)

    columns, factors = [], []
    for Z in Zs:
        Z_t, R_l = _level_coordinates(Z, omega)
        columns.append(Z_t)
        factors.append(R_l)
    M = np.column_stack([*columns, X_t, e])
    T = group_sums(M, omega / psi[0][codes], codes, psi[0].size)

    levels: list[LevelGroups] = []
    top: Ints = np.arange(psi[-1].size)
    for position in reversed(range(len(Zs))):
        parent = parents[position]
        to_parent = None
        if parent is not None:
            G, K = parent.size, psi[position + 1].size
            to_parent = sp.csr_array((np.ones(G), (parent, np.arange(G))), shape=(K, G))
            top = top[parent]
        levels.insert(
            0,
            LevelGroups(
                psi[position], psi_cond[position], to_parent, parent, top, factors[position]
            ),
        )
    W_top = np.zeros(psi[-1].size)
    np.add.at(W_top, levels[0].top[codes], omega)
    return CrossProducts(T, tuple(levels), p, n, float(omega.sum()), W_top, coordinates)
