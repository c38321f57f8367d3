"""Orthogonal polynomials over given points, as ``poly()`` and polynomial contrasts use them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["OrthogonalBasis", "orthogonal_polynomials"]


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
    return OrthogonalBasis.over(x, degree)[1]


@dataclass(frozen=True)
class OrthogonalBasis:
    """Polynomials that are orthonormal over the points they were made for, at any points.

    With t = (x - mean - correction) / scale, p_0 = start and
    steps[k] = (c_0 .. c_k, norm):  p_{k+1} = (t p_k - sum_j c_j p_j) / norm.

    Attributes
    ----------
    mean, correction, scale : of the points; the correction is the mean that rounding leaves.
    start : 1 / sqrt(number of points).
    steps : per degree, coefficients and norm of the recurrence.
    """

    mean: float
    correction: float
    scale: float
    start: float
    steps: tuple[tuple[tuple[float, ...], float], ...]

    @classmethod
    def over(
        cls, x: NDArray[np.float64], degree: int
    ) -> tuple[OrthogonalBasis, NDArray[np.float64]]:
        """Make the polynomials of degree 1 to `degree` for the points `x`, (n,).

        Returns them and their values at the points, (n, degree), which are orthonormal to
        rounding at any degree; those of the recurrence, at any point, lose digits as the degree
        grows (degree 19 over 20 points: 5e-12).
        """
        mean = float(x.mean())
        correction = float((x - mean).mean())
        centred = x - mean - correction
        scale = float(np.abs(centred).max())
        centred = centred / scale
        basis = np.empty((len(x), degree + 1))
        basis[:, 0] = 1.0 / np.sqrt(len(x))
        steps = []
        for k in range(degree):
            column = centred * basis[:, k]
            coefficients = np.zeros(k + 1)
            # Twice is enough: one projection alone loses orthogonality to rounding.
            for _ in range(2):
                part = basis[:, : k + 1].T @ column
                column = column - basis[:, : k + 1] @ part
                coefficients += part
            norm = float(np.linalg.norm(column))
            basis[:, k + 1] = column / norm
            steps.append((tuple(coefficients.tolist()), norm))
        return cls(mean, correction, scale, float(basis[0, 0]), tuple(steps)), basis[:, 1:]

    def __call__(self, x: NDArray[np.float64]) -> NDArray[np.float64]:
        """Evaluate at points `x`, (n,): (n, degree)."""
        centred = (x - self.mean - self.correction) / self.scale
        basis = np.empty((len(x), len(self.steps) + 1))
        basis[:, 0] = self.start
        for k, (coefficients, norm) in enumerate(self.steps):
            column = centred * basis[:, k] - basis[:, : k + 1] @ np.asarray(coefficients)
            basis[:, k + 1] = column / norm
        return basis[:, 1:]
