"""Small pieces of linear algebra with plain types."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from wemix_ref.lazily import Lazy

if TYPE_CHECKING:
    from scipy.linalg import blas
else:
    blas = Lazy("scipy.linalg.blas")

__all__ = ["add_by_group", "block_diag", "solve_triangle", "triangular_factor"]

Array = NDArray[np.float64]
Ints = NDArray[np.intp]


def triangular_factor(M: Array) -> Array:
    """Upper-triangular R of M = Q R, shape (min(n, m), m) for M of shape (n, m)."""
    return np.asarray(np.linalg.qr(M, mode="r"), dtype=np.float64)


def solve_triangle(R: Array, B: Array, *, lower: bool = False, transposed: bool = False) -> Array:
    """R^-1 B, or R^-T B, for triangular R, (p, p), and B of shape (p,) or (p, m).

    By BLAS: LAPACK's function for this goes over several threads however small p is, which on a
    busy machine takes thousands of times as long.
    """
    if R.shape[0] == 0:
        return np.array(B)
    columns = B if B.ndim == 2 else B[:, None]
    solved = blas.dtrsm(1.0, R, columns, lower=lower, trans_a=transposed)
    return np.asarray(solved).reshape(B.shape)


def block_diag(*blocks: Array) -> Array:
    """The blocks, (q, q) each, along the diagonal of a matrix of zeros."""
    size = sum(block.shape[0] for block in blocks)
    out, at = np.zeros((size, size)), 0
    for block in blocks:
        here = slice(at, at + block.shape[0])
        out[here, here] = block
        at = here.stop
    return out


def add_by_group(values: Array, groups: Ints, T: Array, low: Array) -> None:
    """T[groups[i]] += values[i], what rounding takes off T added to low.

    Sums are formed in extended precision, where the machine has one.

    Parameters
    ----------
    values : (n, ...). groups : (n,). T, low : (G, ...), changed.
    """
    if groups.size == 0:
        return
    order = np.argsort(groups, kind="stable")
    ordered = groups[order]
    starts = np.flatnonzero(np.append(True, ordered[1:] != ordered[:-1]))
    sums = np.add.reduceat(values[order].astype(np.longdouble), starts, axis=0)
    where = ordered[starts]
    sums += T[where]
    sums += low[where]
    T[where] = sums.astype(np.float64)
    low[where] = (sums - T[where]).astype(np.float64)
