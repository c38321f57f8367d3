"""The rows of a design in good coordinates, a block at a time.

Cross-products square the condition number. So the rows are put into good coordinates first, in this
order:

1. a constant is subtracted from y and from near-constant columns of X, when X has an intercept;
2. X is made orthonormal, weighted by omega: X = X~ R; y is replaced by its residual e on X~;
3. so are the columns of each level's Z: Z = Z~ R, and Z Lambda = Z~ (R Lambda).

Coefficients are mapped back exactly; the log-determinants depend on Z Lambda alone. Blocks of rows
are put into these coordinates when they are needed, and nothing as large as the data is kept.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import scipy.linalg
from numpy.typing import NDArray
from scipy.linalg.blas import dtrsm

from wemix_ref import rows_loops
from wemix_ref.compiled import HAVE_NUMBA
from wemix_ref.linalg import add_by_group, triangular_factor

__all__ = ["BLOCK_ROWS", "Coordinates", "Rows", "accumulate", "working_rows"]

Array = NDArray[np.float64]
Ints = NDArray[np.intp]

#: Rows that are put into working coordinates at a time: a block stays in the cache.
BLOCK_ROWS = 4096

#: Rows drawn at random that constants are chosen from; any constant of the right size serves.
SAMPLE = 1024

#: From so many columns of X on, LAPACK beats a loop over rows.
MANY_COLUMNS = 24

#: Above this condition number a level's Z is scaled only: its columns are (nearly) dependent.
MAX_Z_CONDITION = 1e10

#: The triangle comes from the Cholesky factor of X'Omega X where every column keeps at least this
#: share of its square apart from those before it, which leaves X~ orthonormal to 1e-6 or better;
#: else from QR of all rows, which does not square the condition number.
SAFE_PIVOT = 1e-10


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
class Rows:
    """The rows m_i = [z~_2 .. z~_L, x~, e], made from the user's a block at a time.

    Attributes
    ----------
    X, y, Zs, omega : of the design; (n, p), (n,), per level (n, q), (n,).
    codes : (n,) level-2 group of each row.
    coordinates : of the fixed part.
    factors : per level, (q, q) R with Z = Z~ R.
    """

    X: Array
    y: Array
    Zs: tuple[Array, ...]
    omega: Array
    codes: Ints
    coordinates: Coordinates
    factors: tuple[Array, ...]

    @property
    def n(self) -> int:
        """Rows."""
        return int(self.y.size)

    def blocks(self) -> Iterator[tuple[slice, Array]]:
        """Give the rows of the data in order: where, and M of shape (rows, m).

        M is overwritten by the next block.
        """
        widths = [R.shape[0] for R in self.factors]
        q, p = sum(widths), self.X.shape[1]
        to = self.coordinates
        zeros = np.zeros(max(widths))
        whole = np.empty((min(self.n, BLOCK_ROWS), q + p + 1))
        for start in range(0, self.n, BLOCK_ROWS):
            where = slice(start, min(start + BLOCK_ROWS, self.n))
            M = whole[: where.stop - start]
            first = 0
            for Z, R in zip(self.Zs, self.factors, strict=True):
                _substitute(Z[where], zeros, R, M, first)
                first += R.shape[0]
            if p:
                _substitute(self.X[where], to.shift, to.R, M, q)
            np.subtract(self.y[where], to.y_shift, out=M[:, -1])
            M[:, -1] -= M[:, q : q + p] @ to.b0
            yield where, M


def _substitute(X: Array, shift: Array, R: Array, M: Array, first: int) -> None:
    """M[:, first:] = (X - 1 shift') R^-1 by substitution."""
    p = R.shape[0]
    if p < MANY_COLUMNS and HAVE_NUMBA():
        rows_loops.substitute(X, shift, R, M, first)
        return
    # X' R^-T from the left: the transpose of a row-major array is column-major, as LAPACK has it
    M[:, first : first + p] = dtrsm(1.0, R, np.asfortranarray((X - shift[:p]).T), trans_a=1).T


def accumulate(
    M: Array, first: int, q: int, weights: Array, codes: Ints, of: Ints, T: Array, low: Array
) -> None:
    """Add rows to their groups' cross-products: T[of[code]] += sum of w m_z m'.

    Parameters
    ----------
    M : (n, k) rows; z are the q columns from `first`, m all columns from it.
    weights : (n,). codes : (n,) a group of each row, of : the group of T it lies in.
    T : (G, q, k - first), changed. low : the same shape, what rounding takes off T is added to it.
    """
    if HAVE_NUMBA():
        rows_loops.accumulate(M, first, q, weights, codes, of, T, low)
        return
    products = weights[:, None, None] * M[:, first : first + q, None] * M[:, None, first:]
    add_by_group(products, of[codes], T, low)


def working_rows(X: Array, y: Array, Zs: Sequence[Array], codes: Ints, omega: Array) -> Rows:
    """Choose the coordinates, by one pass over the rows.

    Some of the rows would not do: what they lack of a column of Z, its scale or its directions, the
    search and the judgement of what is zero would lack too.

    Parameters
    ----------
    X : (n, p) fixed-effects matrix of full column rank. y : (n,). Zs : per level, (n, q).
    codes : (n,) level-2 group of each row. omega : (n,).
    """
    shift, y_shift, constant, value = _shift(X, y, omega)
    p = X.shape[1]
    XX, Xy, W = np.zeros((p, p)), np.zeros(p), 0.0
    ZZ = [np.zeros((Z.shape[1], Z.shape[1])) for Z in Zs]
    for start in range(0, y.size, BLOCK_ROWS):
        where = slice(start, start + BLOCK_ROWS)
        w = omega[where]
        W += float(w.sum())
        if p:
            x = X[where] - shift
            wx = w[:, None] * x
            XX += wx.T @ x
            Xy += wx.T @ (y[where] - y_shift)
        for gram, Z in zip(ZZ, Zs, strict=True):
            z = Z[where]
            gram += z.T @ (w[:, None] * z)
    R = _triangle(XX, X, shift, omega)
    b0 = scipy.linalg.solve_triangular(R, Xy, trans="T") if p else Xy
    factors = [_level_factor(gram, Z, omega, W) for gram, Z in zip(ZZ, Zs, strict=True)]
    coordinates = Coordinates(R, b0, y_shift, shift, constant, value)
    return Rows(X, y, tuple(Zs), omega, codes, coordinates, tuple(factors))


def _shift(X: Array, y: Array, omega: Array) -> tuple[Array, float, int | None, float]:
    """Constants to subtract from y and from near-constant columns, where X has an intercept."""
    n, p = X.shape
    shift = np.zeros(p)
    # at random, not evenly spread: rows may repeat in a pattern. The draw is always the same
    some = np.arange(n) if n <= SAMPLE else np.random.default_rng(1).integers(0, n, SAMPLE)
    x, w = X[some], omega[some]
    alike = np.flatnonzero((x[:1] == x).all(axis=0) & (x[0] != 0))
    constants = [j for j in alike if n <= SAMPLE or (X[:, j] == x[0, j]).all()]
    if not constants:
        return shift, 0.0, None, 1.0
    j0 = int(constants[0])
    total = w.sum()
    means = w @ x / total
    spread = np.sqrt(w @ (x - means) ** 2 / total)
    near = (np.abs(means) > 2.0 * spread) & (spread > 0)
    near[j0] = False
    shift[near] = means[near]
    return shift, float(w @ y[some] / total), j0, float(x[0, j0])


def _cholesky(gram: Array) -> Array | None:
    """Upper triangle of a Gram matrix, None where its columns are too nearly dependent."""
    scale = np.sqrt(np.diag(gram))
    if not np.all(scale > 0):
        return None
    try:
        R = scipy.linalg.cholesky(gram / np.outer(scale, scale))
    except np.linalg.LinAlgError:
        return None
    return R * scale if np.diag(R).min() ** 2 > SAFE_PIVOT else None


def _triangle(gram: Array, X: Array, shift: Array, omega: Array) -> Array:
    """R, upper triangular with a positive diagonal, with X - shift = X~ R."""
    if gram.shape[0] == 0:
        return gram
    R = _cholesky(gram)
    if R is None:
        R = np.empty((0, X.shape[1]))
        for start in range(0, X.shape[0], BLOCK_ROWS):
            where = slice(start, start + BLOCK_ROWS)
            block = np.sqrt(omega[where])[:, None] * (X[where] - shift)
            R = triangular_factor(np.vstack([R, block]))
        R = R * np.where(np.diag(R) < 0, -1.0, 1.0)[:, None]
    return R


def _level_factor(gram: Array, Z: Array, omega: Array, W: float) -> Array:
    """R with Z = Z~ R for one level: mean square one, orthogonal columns unless rank-deficient."""
    q = gram.shape[0]
    rms = np.sqrt(np.diag(gram) / W)
    scale = np.where(rms > 0, rms, 1.0)
    if q == 1 or Z.shape[0] < q:
        return np.diag(scale)
    R = _cholesky(gram / W)
    if R is None:
        R = np.empty((0, q))
        for start in range(0, Z.shape[0], BLOCK_ROWS):
            where = slice(start, start + BLOCK_ROWS)
            block = np.sqrt(omega[where] / W)[:, None] * (Z[where] / scale)
            R = triangular_factor(np.vstack([R, block]))
        if R.shape[0] < q or np.linalg.cond(R) > MAX_Z_CONDITION:
            return np.diag(scale)
        R = R * scale
    return R
