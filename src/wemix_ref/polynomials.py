"""Orthogonal polynomials over given points, as ``poly()`` and polynomial contrasts use them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["orthogonal_polynomials"]


def orthogonal_polynomials(x: NDArray[np.float64], degree: int) -> NDArray[np.float64]:
    """Orthonormal polynomials of degree 1 to `degree` over the points `x`.

    Stieltjes' recurrence: with monic p_0 = 1, p_{k+1}(x) = (x - a_k) p_k(x) - b_k p_{k-1}(x),
    a_k = <x p_k, p_k> / <p_k, p_k>, b_k = <p_k, p_k> / <p_{k-1}, p_{k-1}>.  Each column has
    length one and a positive leading coefficient, which fixes its sign.

    Parameters
    ----------
    x : (n,) array
        Points, more than `degree` of them distinct.
    degree : int
        Highest degree, at least 1.

    Returns
    -------
    (n, degree) array
        Columns orthonormal to one another and to the constant.

    Examples
    --------
    >>> orthogonal_polynomials(np.array([1.0, 2.0, 3.0]), 1).ravel().round(4).tolist()
    [-0.7071, 0.0, 0.7071]
    """
    centred = x - x.mean()
    centred = centred - centred.mean()
    centred = centred / np.abs(centred).max()
    basis = np.empty((len(x), degree + 1))
    basis[:, 0] = 1.0 / np.sqrt(len(x))
    for k in range(degree):
        column = centred * basis[:, k]
        # Twice is enough: one projection alone loses orthogonality to rounding.
        for _ in range(2):
            column = column - basis[:, : k + 1] @ (basis[:, : k + 1].T @ column)
        basis[:, k + 1] = column / np.linalg.norm(column)
    return basis[:, 1:]
