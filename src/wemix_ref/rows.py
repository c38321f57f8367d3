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
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from wemix_ref import rows_loops
from wemix_ref.compiled import HAVE_NUMBA
from wemix_ref.kernels_rows import group_order, plain
from wemix_ref.lazily import Lazy
from wemix_ref.linalg import add_by_group, solve_triangle, triangular_factor

if TYPE_CHECKING:
    from scipy.linalg import blas, lapack
else:
    blas = Lazy("scipy.linalg.blas")
    lapack = Lazy("scipy.linalg.lapack")

__all__ = ["BLOCK_ROWS", "Coordinates", "Rows", "accumulate", "working_rows"]

Array = NDArray[np.float64]
Ints = NDArray[np.intp]

#: Rows that are put into working coordinates at a time: a block stays in the cache.
BLOCK_ROWS = 4096

#: Rows drawn at random that constants are chosen from; any constant of the right size serves.
SAMPLE = 1024

#: From so many columns on, LAPACK beats loops.
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
        beta = solve_triangle(self.R, self.b0 + b)
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
        root = solve_triangle(self.R, np.eye(self.R.shape[0]))
        if self.constant is not None:
            root[self.constant] -= (self.shift @ root) / self.value
        return np.asarray(root)


@dataclass(frozen=True)
class Rows:
    """The rows m_i = [z~_2 .. z~_L, x~, e], made from the user's a block at a time.

    Attributes
    ----------
    columns : of [Z_2 .. Z_L, X, y].
    omega, codes : (n,) weight and level-2 group of each row.
    order : (n,) the order in which rows are taken, by group; None for the data's.
    coordinates : of the fixed part.
    factors : per level, (q, q) R with Z = Z~ R.
    """

    columns: Columns
    omega: Array
    codes: Ints
    order: Ints | None
    coordinates: Coordinates
    factors: tuple[Array, ...]

    @property
    def n(self) -> int:
        """Rows."""
        return int(self.codes.size)

    def blocks(self) -> Iterator[tuple[Array, Array, Ints]]:
        """Blocks of at most BLOCK_ROWS rows.

        Each is C of shape (k, n), whose column i is m_i, weights (n,) and level-2 groups (n,). C
        lies in memory that the next block overwrites.
        """
        to, begins = self.coordinates, self.columns.begins
        k = begins.size
        shift, R = np.zeros(k), np.eye(k)
        first = 0
        for own in self.factors:
            stop = first + own.shape[0]
            R[first:stop, first:stop] = own
            first = stop
        shift[first:-1], shift[-1] = to.shift, to.y_shift
        R[first:-1, first:-1], R[first:-1, -1] = to.R, to.b0
        for C, where in self.columns.blocks(self.order):
            _substitute(C, begins, shift, R)
            yield C, _weights(self.omega, where, C.shape[1]), self.codes[where]

    def weights_by_group(self, n_groups: int) -> Array:
        """Sum of omega over the rows of each level-2 group, (G,)."""
        if self.omega.strides[0]:
            return np.bincount(self.codes, self.omega, n_groups).astype(np.float64, copy=False)
        return float(self.omega[0]) * np.bincount(self.codes, minlength=n_groups).astype(np.float64)


class Columns:
    """Columns of [Z_2 .. Z_L, X, y] as they are given, (n,) each.

    Parameters
    ----------
    X, Zs : (n, p) and per level (n, q), or their columns. y : (n,).

    Attributes
    ----------
    X : the columns of X.
    levels : where those of each level's Z stand.
    begins : (k,) for each column where its block begins: Z_2, ..., Z_L or [X, y].
    """

    def __init__(
        self, X: Array | Sequence[Array], y: Array, Zs: Sequence[Array | Sequence[Array]]
    ) -> None:
        parts = [list(part.T) if isinstance(part, np.ndarray) else part for part in (*Zs, X)]
        self.X = parts[-1]
        self._columns = [column for part in parts for column in part]
        self._columns.append(y)
        self.levels: list[slice] = []
        begins: list[int] = []
        for part in parts[:-1]:
            first = len(begins)
            begins += [first] * len(part)
            self.levels.append(slice(first, len(begins)))
        begins += [len(begins)] * (len(self.X) + 1)
        self.begins: Ints = np.array(begins)
        # Z and X share memory where they have a column in common
        self._earlier: list[int | None] = [None] * len(begins)
        if y.size > BLOCK_ROWS:
            places = [(column.ctypes.data, column.strides) for column in self._columns]
            for j, place in enumerate(places):
                first = places.index(place)
                self._earlier[j] = first if first < j else None

    def blocks(self, order: Ints | None = None) -> Iterator[tuple[Array, slice | Ints]]:
        """Blocks of at most BLOCK_ROWS rows, (k, n), and which rows they are.

        A block lies in memory that the next one overwrites.
        """
        n, k = self._columns[-1].size, len(self._columns)
        memory = np.empty(k * min(n, BLOCK_ROWS))
        for start in range(0, n, BLOCK_ROWS):
            size = min(n - start, BLOCK_ROWS)
            where: slice | Ints = slice(start, start + size)
            if order is not None:
                where = order[where]
            C = memory[: k * size].reshape(k, size)
            for j, (column, same) in enumerate(zip(self._columns, self._earlier, strict=True)):
                C[j] = _taken(column, where) if same is None else C[same]
            yield C, where


def _taken(values: Array, where: slice | Ints) -> Array | float:
    """Values of some rows; one number where all have the same by the layout of the memory."""
    return values[where] if values.strides[0] else float(values[0])


def _weights(omega: Array, where: slice | Ints, n: int) -> Array:
    """Weights of some rows, (n,), contiguous in memory."""
    return np.asarray(omega[where]) if omega.strides[0] else np.full(n, omega[0])


def _substitute(C: Array, begins: Ints, shift: Array, R: Array) -> None:
    """C' = (C - shift)' R^-1 in place, R upper triangular in blocks."""
    k, n = C.shape
    if k < MANY_COLUMNS and HAVE_NUMBA():
        rows_loops.substitute(C, n, begins, shift, R)
        return
    C -= shift[:, None]
    for first, width in zip(*np.unique(begins, return_counts=True), strict=True):
        own = slice(first, first + width)
        # the transpose of a row-major array is column-major, as LAPACK has it
        C[own] = blas.dtrsm(1.0, R[own, own], np.asfortranarray(C[own].T), side=1).T


def accumulate(
    C: Array, first: int, q: int, weights: Array, codes: Ints, of: Ints, T: Array, low: Array
) -> None:
    """Add rows to their groups' cross-products: T[of[code]] += sum of w c_z c'.

    Parameters
    ----------
    C : (k, n) rows by column; z are the q columns from `first`, c all columns from it.
    weights : (n,). codes : (n,) a group of each row, of : the group of T it lies in.
    T : (G, q, k - first), changed. low : the same shape, what rounding takes off T is added to it.
    """
    # a loop would read beyond the memory
    assert C.shape[1] == weights.size == codes.size
    if HAVE_NUMBA():
        rows_loops.accumulate(C, first, q, weights, codes, of, T, low)
        return
    z = (weights * C[first : first + q]).T
    add_by_group(z[:, :, None] * C[first:].T[:, None, :], of[codes], T, low)


def working_rows(
    X: Array | Sequence[Array],
    y: Array,
    Zs: Sequence[Array | Sequence[Array]],
    codes: Ints,
    omega: Array,
) -> Rows:
    """Choose the coordinates, by one pass over the rows.

    Some of the rows would not do: what they lack of a column of Z, its scale or its directions, the
    search and the judgement of what is zero would lack too.

    Parameters
    ----------
    X : (n, p) fixed-effects matrix of full column rank, or its columns. y : (n,).
    Zs : per level, (n, q), or its columns.
    codes : (n,) level-2 group of each row. omega : (n,).
    """
    omega = plain(omega) if omega.strides[0] else omega
    columns = Columns(X, y, Zs)
    shift, y_shift, constant, value = _shift(columns.X, y, omega)
    begins = columns.begins
    constants = np.zeros((begins.size, 1))
    constants[begins[-1] : -1, 0], constants[-1] = shift, y_shift
    moved = slice(begins[-1], None) if constants.any() else slice(0)
    gram = np.zeros((begins.size, begins.size))
    for C, where in columns.blocks():
        C[moved] -= constants[moved]
        _add_gram(C, _weights(omega, where, C.shape[1]), begins, gram)
    own = slice(begins[-1], -1)
    W = float(omega.sum())
    R = _triangle(gram[own, own], columns, shift, omega)
    Xy = gram[own, -1]
    b0 = solve_triangle(R, Xy, transposed=True)
    factors = [
        _level_factor(gram[level, level], columns, level, omega, W) for level in columns.levels
    ]
    coordinates = Coordinates(R, b0, y_shift, shift, constant, value)
    order = group_order(codes)
    return Rows(columns, omega, codes, order, coordinates, tuple(factors))


def _add_gram(C: Array, weights: Array, begins: Ints, gram: Array) -> None:
    """Add sum of w c_h c_j over the rows, of columns h <= j of one block."""
    if begins.size < MANY_COLUMNS and HAVE_NUMBA():
        rows_loops.gram(C, weights, begins, gram)
        return
    for first, width in zip(*np.unique(begins, return_counts=True), strict=True):
        own = slice(first, first + width)
        gram[own, own] += np.triu((weights * C[own]) @ C[own].T)


def _shift(X: Sequence[Array], y: Array, omega: Array) -> tuple[Array, float, int | None, float]:
    """Constants to subtract from y and from near-constant columns, where X has an intercept."""
    n, p = y.size, len(X)
    shift = np.zeros(p)
    # at random, not evenly spread: rows may repeat in a pattern. The draw is always the same
    some = slice(None) if n <= SAMPLE else np.random.default_rng(1).integers(0, n, SAMPLE)
    w = omega[some]
    x = np.array([column[some] for column in X]).reshape(p, w.size).T
    alike = np.flatnonzero(np.logical_and.reduce(x[:1] == x) & (x[0] != 0))
    constants = [j for j in alike if n <= SAMPLE or _all_equal(X[int(j)])]
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


def _all_equal(column: Array) -> bool:
    return column.strides[0] == 0 or bool((column == column[0]).all())


def _cholesky(gram: Array) -> Array | None:
    """R of a Gram matrix given by its upper triangle; None where columns are nearly dependent."""
    scale = np.sqrt(gram.diagonal())
    if not np.minimum.reduce(scale) > 0:
        return None
    # reads the upper triangle only, and leaves the lower one zero
    R, failed = lapack.dpotrf(gram / (scale * scale[:, None]), lower=0, clean=1)
    if failed or not np.minimum.reduce(R.diagonal()) ** 2 > SAFE_PIVOT:
        return None
    return np.asarray(R * scale)


def _triangle(gram: Array, columns: Columns, shift: Array, omega: Array) -> Array:
    """R, upper triangular with a positive diagonal, with X - shift = X~ R."""
    if gram.shape[0] == 0:
        return gram
    R = _cholesky(gram)
    if R is None:
        R = np.empty((0, shift.size))
        for C, where in columns.blocks():
            block = np.sqrt(omega[where])[:, None] * (C[-1 - shift.size : -1].T - shift)
            R = triangular_factor(np.vstack([R, block]))
        R = R * np.where(np.diag(R) < 0, -1.0, 1.0)[:, None]
    return R


def _level_factor(gram: Array, columns: Columns, own: slice, omega: Array, W: float) -> Array:
    """R with Z = Z~ R for one level: mean square one, orthogonal columns unless rank-deficient."""
    q = gram.shape[0]
    rms = np.sqrt(np.diag(gram) / W)
    scale = np.where(rms > 0, rms, 1.0)
    if q == 1 or omega.size < q:
        return np.diag(scale)
    R = _cholesky(gram / W)
    if R is None:
        R = np.empty((0, q))
        for C, where in columns.blocks():
            block = np.sqrt(omega[where] / W)[:, None] * (C[own].T / scale)
            R = triangular_factor(np.vstack([R, block]))
        if R.shape[0] < q or np.linalg.cond(R) > MAX_Z_CONDITION:
            return np.diag(scale)
        R = R * scale
    return R
