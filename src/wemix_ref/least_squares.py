"""Generalised least squares with a given covariance of y: whole and sparse, or a block at a time.

beta = (X' V^-1 X)^-1 X' V^-1 y. With the working covariance of a weighted fit this is the weighted
estimate of beta, and (X' V^-1 X)^-1 its model covariance.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, TypeAlias, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from wemix_ref.errors import DataError, RankError, shown
from wemix_ref.lazily import Lazy
from wemix_ref.linalg import solve_triangle, triangular_factor

if TYPE_CHECKING:
    import scipy.linalg as linalg
    import scipy.sparse as sp
    from scipy.sparse import linalg as sparse_linalg
else:
    linalg = Lazy("scipy.linalg")
    sp = Lazy("scipy.sparse")
    sparse_linalg = Lazy("scipy.sparse.linalg")

__all__ = ["gls"]

Array = NDArray[np.float64]
Ints = NDArray[np.intp]
#: Dense or sparse; any class of scipy.sparse will do.
Matrix: TypeAlias = "Array | sp.csr_array"
Blocks: TypeAlias = Iterable[tuple[object, ArrayLike, Matrix]]

#: A column of X, scaled to length one, whose part orthogonal to the columns before it is shorter
#: than this counts as linearly dependent: rounding alone leaves about 1e-15.
RANK_TOLERANCE = 1e-12
#: A covariance that was computed is symmetric but for rounding, relative to its largest element.
SYMMETRY_TOLERANCE = 1e-10


def gls(X: ArrayLike | sp.csr_array, V: Matrix | Blocks, y: ArrayLike) -> tuple[Array, Array]:
    """Generalised least squares: (X' V^-1 X)^-1 X' V^-1 y and (X' V^-1 X)^-1.

    Parameters
    ----------
    X : (n, p), dense or sparse, full column rank.
    V : (n, n) symmetric positive definite, sparse or dense; or an iterable of ``(label, rows,
        block)`` as ``fit.V_by_group`` gives them, where V is block-diagonal once rows are sorted:
        ``rows`` are positions in y, ``block`` is V of these rows. Blocks are read once, one at a
        time, and no (n, n) array is made.
    y : (n,) in the order of X's rows.

    Returns
    -------
    beta : (p,). covariance : (p, p).

    Raises
    ------
    DataError
        Shapes that do not fit, values that are not finite, blocks that do not hold every row once,
        a V that is not symmetric positive definite.
    RankError
        Columns of X are linearly dependent.

    Examples
    --------
    >>> import numpy as np
    >>> from wemix_ref import gls
    >>> X, y = np.ones((3, 1)), np.array([1.0, 2.0, 6.0])
    >>> beta, covariance = gls(X, np.diag([1.0, 1.0, 2.0]), y)
    >>> beta, covariance
    (array([2.4]), array([[0.4]]))
    >>> blocks = [("b", [2], np.array([[2.0]])), ("a", [0, 1], np.eye(2))]
    >>> gls(X, blocks, y)[0]
    array([2.4])
    """
    dense = _dense(X)
    response = np.asarray(y, dtype=float)
    if response.ndim != 1 or dense.ndim != 2 or dense.shape[0] != response.size:
        raise DataError(
            f"X (n, p) and y (n,) must share n; found X {dense.shape} and y {response.shape}."
        )
    for name, values in (("X", dense), ("y", response)):
        if not np.all(np.isfinite(values)):
            count = int(np.sum(~np.isfinite(values)))
            raise DataError(f"{name} must be finite; {count} of its values are not.")
    if sp.issparse(V) or isinstance(V, np.ndarray):
        return _whole(dense, sp.csc_array(cast("Matrix", V), dtype=float), response)
    return _by_block(dense, cast("Blocks", V), response)


def _dense(M: object) -> Array:
    return np.asarray(cast("sp.csr_array", M).toarray() if sp.issparse(M) else M, dtype=float)


def _whole(X: Array, V: sp.csc_array, y: Array) -> tuple[Array, Array]:
    if V.shape != (y.size, y.size):
        raise DataError(
            f"V must be (n, n) with n = {y.size}, the length of y; found V {V.shape}. V of some "
            "groups alone goes with their rows of X and y."
        )
    _check_symmetric(V.data, np.asarray((V - V.T).data), "V")
    try:
        # no pivoting off the diagonal: the diagonal of U is positive if and only if V is definite
        solver = sparse_linalg.splu(
            V,
            permc_spec="MMD_AT_PLUS_A",
            diag_pivot_thresh=0.0,
            options={"SymmetricMode": True},
        )
    except RuntimeError as error:  # "Factor is exactly singular"
        raise DataError(_NOT_DEFINITE.format("V")) from error
    if y.size and not solver.U.diagonal().min() > 0:
        raise DataError(_NOT_DEFINITE.format("V"))
    _check_rank(triangular_factor(X))
    VX = solver.solve(X)
    bread = np.linalg.inv(X.T @ VX)
    bread = (bread + bread.T) / 2.0
    # X'V^-1(y - X b) = 0, refined once: the first solution carries the rounding of the products
    beta = bread @ (VX.T @ y)
    beta = beta + bread @ (VX.T @ (y - X @ beta))
    return np.asarray(beta), np.asarray(bread)


def _by_block(X: Array, blocks: Blocks, y: Array) -> tuple[Array, Array]:
    """Whiten a block's rows of [X, y] by its Cholesky factor and fold them into one triangle."""
    p = X.shape[1]
    times = np.zeros(y.size, dtype=np.intp)
    factor = np.zeros((0, p + 1))
    for label, positions, given in blocks:
        block = _dense(given)
        rows = _positions(label, positions, block, y.size)
        np.add.at(times, rows, 1)
        whitened = _whiten(label, block, np.column_stack([X[rows], y[rows]]))
        factor = triangular_factor(np.vstack([factor, whitened]))
    if np.any(times != 1):
        wrong = np.flatnonzero(times != 1)
        raise DataError(
            f"the blocks of V must hold every row of y once; {wrong.size} of {y.size} rows are in "
            f"none or in several (first: position {wrong[0]}, in {times[wrong[0]]} blocks). For "
            "some groups alone, pass their rows of X and y and positions counted within them."
        )
    R = factor[:p, :p]
    _check_rank(R)
    R_inv = solve_triangle(R, np.eye(p))
    return np.asarray(R_inv @ factor[:p, p]), np.asarray(R_inv @ R_inv.T)


def _positions(label: object, positions: ArrayLike, block: Array, n: int) -> Ints:
    rows = np.asarray(positions)
    if rows.ndim != 1 or rows.dtype.kind not in "iu" or block.shape != (rows.size, rows.size):
        raise DataError(
            f"a block of V must be square with a whole-number position for each row; block "
            f"{shown(label)} is {block.shape} with positions {rows.dtype} {rows.shape}."
        )
    if rows.size and (rows.min() < 0 or rows.max() >= n):
        raise DataError(
            f"positions must lie in 0..{n - 1}, the rows of y; block {shown(label)} has "
            f"{rows.min()}..{rows.max()}."
        )
    return rows.astype(np.intp)


def _whiten(label: object, block: Array, columns: Array) -> Array:
    """L^-1 columns, with block = L L'."""
    name = f"block {shown(label)} of V"
    _check_symmetric(block, block - block.T, name)
    try:
        root = linalg.cholesky(block, lower=True, check_finite=False)
    except np.linalg.LinAlgError as error:
        raise DataError(_NOT_DEFINITE.format(name)) from error
    return solve_triangle(root, columns, lower=True)


_NOT_DEFINITE = (
    "{} must be positive definite; it is not. A covariance with a residual variance above zero is."
)


def _check_symmetric(values: Array, differences: Array, name: str) -> None:
    if not np.all(np.isfinite(values)):
        count = int(np.sum(~np.isfinite(values)))
        raise DataError(f"{name} must be finite; {count} of its values are not.")
    largest = float(np.abs(differences).max()) if differences.size else 0.0
    if largest > 0 and largest > SYMMETRY_TOLERANCE * float(np.abs(values).max()):
        raise DataError(
            f"{name} must be symmetric; it differs from its transpose by up to {largest:.3g}."
        )


def _check_rank(R: Array) -> None:
    """Raise where a column of the triangular factor of X, or V^-1/2 X, is in the others' span."""
    if R.shape[0] < R.shape[1]:
        raise RankError(
            f"X must have at least as many rows as columns; found {R.shape[1]} columns."
        )
    length = np.sqrt(np.sum(R**2, axis=0))
    ratio = np.abs(np.diag(R)) / np.where(length > 0, length, 1.0)
    dependent = np.flatnonzero(ratio < RANK_TOLERANCE)
    if dependent.size:
        raise RankError(
            f"columns of X must be linearly independent; {dependent.size} depend on those before "
            f"(first: column {dependent[0]}, counted from 0). Leave them out."
        )
