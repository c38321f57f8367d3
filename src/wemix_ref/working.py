"""The criterion over phi: triangles in a basis where each term's columns of Z are orthonormal.

phi fills triangles as theta does, with Lambda = basis L(phi). The bases are lower triangular, so L
is one where Lambda is, and theta is linear in phi, by a block of the jacobian for each column.
Neither the unit nor the origin of a slope plays a part in phi.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from wemix_ref.deviance import Criterion, Evaluation
from wemix_ref.linalg import block_diag, solve_triangle, triangular_factor

__all__ = ["WorkingCriterion", "working_criterion"]

Array = NDArray[np.float64]

#: Columns of Z whose condition number, once scaled, is above this keep their own directions.
MAX_CONDITION = 1e9


class WorkingCriterion(Criterion):
    """A criterion as a function of phi; an evaluation's theta is phi here.

    Values are the criterion's own at theta = jacobian phi, to the bit. Derivatives are taken in phi
    itself: those in theta have no digits to spare for a change of basis where a slope's origin is
    far away.

    Parameters
    ----------
    criterion : over theta.
    bases : per level and term, (q, q) lower triangular.
    """

    chart = "phi"

    def __init__(self, criterion: Criterion, bases: list[list[Array]]) -> None:
        self.data, self.reml = criterion.data, criterion.reml
        self.recursion, self.counts = criterion.recursion, criterion.counts
        self.criterion, self.of_terms = criterion, bases
        self.covariance = criterion.covariance.in_bases(bases)
        self.jacobian = self.covariance.jacobian
        self.triangles = criterion.covariance
        self.bases = tuple(
            R @ block_diag(*mine) for R, mine in zip(criterion.bases, bases, strict=True)
        )

    def over(self, criterion: Criterion) -> WorkingCriterion:
        """The same phi for other data."""
        return WorkingCriterion(criterion, self.of_terms)

    def evaluate(self, theta: Array) -> Evaluation:
        """Run the recursion at phi."""
        return replace(self.criterion.evaluate(self.jacobian @ theta), theta=np.array(theta))

    def restated(self, at: Evaluation) -> Evaluation:
        """The same evaluation over theta."""
        return replace(at, theta=self.jacobian @ at.theta)

    def stated(self, at: Evaluation) -> Evaluation:
        """An evaluation over theta, over phi."""
        return replace(at, theta=solve_triangle(self.jacobian, at.theta, lower=True))


def working_criterion(criterion: Criterion) -> WorkingCriterion:
    """The same criterion over phi."""
    bases: list[list[Array]] = []
    for level, groups in zip(criterion.covariance.levels, criterion.data.levels, strict=True):
        mine: list[Array] = []
        for block in level.blocks:
            if block.size == 1:
                column = groups.R[:, block.offset]
                mine.append(np.array([[1.0 / np.sqrt(column @ column)]]))
                continue
            # Z_block = Z~ R[:, block] with Z~ orthonormal, so its own factor is that of the columns
            R = triangular_factor(groups.R[:, block.rows][:, ::-1])[::-1, ::-1]
            R = R * np.where(np.diag(R) < 0, -1.0, 1.0)[:, None]
            scale = np.asarray(block.scale)
            usable = np.linalg.cond(R / scale) < MAX_CONDITION
            inverse = np.tril(np.linalg.inv(R)) if usable else np.diag(1.0 / scale)
            mine.append(np.asarray(inverse, dtype=np.float64))
        bases.append(mine)
    return WorkingCriterion(criterion, bases)
