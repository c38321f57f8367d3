"""Which columns of X depend linearly on those before them.

With unit columns x_j, weighted by omega, R of X = Q R has in R_jj the distance of column j from the
span of those before. Cholesky's R of the Gram matrix X' Omega X is the same up to rounding, which
costs R_jj^2 an error of order eps |z|^2 where z are the coefficients of column j on those before,
and itself. So the Gram matrix decides where every distance is well above that; else R is made from
the rows, block by block.

Distances only grow with rows, so that the Gram matrix of some of the rows may do: its distances,
over the lengths of the whole columns, are bounds from below.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from wemix_ref.compiled import HAVE_NUMBA, compiled
from wemix_ref.lazily import Lazy
from wemix_ref.linalg import triangular_factor

if TYPE_CHECKING:
    from scipy.linalg import lapack
else:
    lapack = Lazy("scipy.linalg.lapack")

__all__ = ["RANK_TOLERANCE", "dependent_columns"]

Array = NDArray[np.float64]

#: A column of X, scaled to length one, whose part orthogonal to the columns before it is shorter
#: than this counts as linearly dependent. R takes 1e-7 and drops the column; orthogonalised columns
#: (crossproducts.py) keep their digits well below that, and rounding alone leaves about 1e-15.
RANK_TOLERANCE = 1e-10

#: Distances above this are taken from the Gram matrix, where rounding allows it.
PLAIN_DISTANCE = 1e-4
#: Rounding of an element of the Gram matrix of unit columns: sums over a million rows keep more.
GRAM_ROUNDING = 1e-12
#: From so many columns on, LAPACK beats loops.
MANY_COLUMNS = 24
#: Elements of X in a block of rows.
BLOCK_ELEMENTS = 50_000
#: From twice as many rows on about so many, evenly spread, are tried first.
SOME_ROWS = 8192


def dependent_columns(columns: Sequence[Array], omega: Array) -> NDArray[np.bool_]:
    """Columns that are zero, or nearer to the span of those before than RANK_TOLERANCE.

    Parameters
    ----------
    columns : p of (n,) each, n > p.
    omega : (n,) positive weights of the rows.

    Returns
    -------
    (p,) bool array
    """
    n, p = omega.size, len(columns)
    if p == 0:
        return np.zeros(0, dtype=bool)
    with np.errstate(all="ignore"):
        every = n // SOME_ROWS
        if every > 1 and 8 * p < SOME_ROWS:
            gram = _gram([x[::every] for x in columns], omega[::every])
            largest = np.array([max(x.max(), -x.min()) for x in columns])
            if _plainly_independent(gram, largest * np.sqrt(omega.sum())):
                return np.zeros(p, dtype=bool)
        gram = _gram(columns, omega)
        lengths = np.sqrt(np.diag(gram))
        if _plainly_independent(gram, lengths):
            return np.zeros(p, dtype=bool)
    scale = np.where(lengths > 0, lengths, 1.0)
    R = np.zeros((0, p))
    for rows in _blocks(n, p):
        part = np.sqrt(omega[rows, None]) * np.column_stack([x[rows] for x in columns]) / scale
        R = triangular_factor(np.vstack([R, part]))
    return np.asarray((np.abs(np.diag(R)) < RANK_TOLERANCE) | (lengths == 0))


def _blocks(n: int, p: int) -> list[slice]:
    step = max(BLOCK_ELEMENTS // p, 4 * p, 256)
    return [slice(start, min(start + step, n)) for start in range(0, n, step)]


def _gram(columns: Sequence[Array], omega: Array) -> Array:
    """X' Omega X, (p, p)."""
    n, p = omega.size, len(columns)
    gram = np.zeros((p, p))
    for rows in _blocks(n, p):
        part = np.array([x[rows] for x in columns])
        gram += (part * omega[rows]) @ part.T
    return gram


def _plainly_independent(gram: Array, whole: Array) -> bool:
    """Whether a Gram matrix shows, rounding included, that no column depends on others.

    Parameters
    ----------
    gram : (p, p) of all rows or some.
    whole : (p,) lengths of the whole columns, or more.
    """
    lengths = np.sqrt(gram.diagonal())
    # their sum is not finite where one of them is not
    if not (np.minimum.reduce(lengths) > 0 and math.isfinite(np.add.reduce(gram, axis=None))):
        return False
    unit = gram / (lengths * lengths[:, None])
    if lengths.size < MANY_COLUMNS and HAVE_NUMBA():
        return bool(_independent(unit, lengths / whole, PLAIN_DISTANCE, GRAM_ROUNDING))
    try:
        R = np.linalg.cholesky(unit).T
    except np.linalg.LinAlgError:
        return False
    distance = np.diag(R)
    if not np.min(distance * lengths / whole) > PLAIN_DISTANCE:
        return False
    # column j of R^-1, times R_jj, holds the coefficients z of column j
    inverse = np.asarray(lapack.dtrtri(R)[0])
    size = np.abs(inverse).sum(axis=0) * distance
    return bool(np.all(GRAM_ROUNDING * size**2 < distance**2 / 4))


@compiled
def _independent(L: Array, share: Array, plain: float, rounding: float) -> bool:
    """The same of a Gram matrix of unit columns, by loops; L's lower triangle is overwritten."""
    p = share.size
    for j in range(p):
        square = L[j, j]
        for h in range(j):
            square -= L[j, h] * L[j, h]
        if not square > 0.0:
            return False
        L[j, j] = np.sqrt(square)
        if not L[j, j] * share[j] > plain:
            return False
        for i in range(j + 1, p):
            s = L[i, j]
            for h in range(j):
                s -= L[i, h] * L[j, h]
            L[i, j] = s / L[j, j]
    row = np.empty(p)
    for j in range(p):
        # row j of L^-1, times L_jj
        row[j] = 1.0
        size = 1.0
        for h in range(j - 1, -1, -1):
            s = 0.0
            for i in range(h + 1, j + 1):
                s -= row[i] * L[i, h]
            row[h] = s / L[h, h]
            size += abs(row[h])
        if not rounding * size * size < L[j, j] * L[j, j] / 4.0:
            return False
    return True
