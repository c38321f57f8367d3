"""A sample of nested units and its weights."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wemix_ref.errors import StudyError
from wemix_ref.simulate.hierarchy import Hierarchy

__all__ = ["EmptySample", "Sample"]

Float = NDArray[np.float64]


class EmptySample(StudyError):  # noqa: N818 - not an error of the study, but a result
    """A draw left nothing to analyse: chance, not a mistake in the study's file."""


@dataclass(frozen=True)
class Sample:
    """Selected units, level by level.

    A group of which no level-1 unit was selected is not in the sample.

    Attributes
    ----------
    rows : ndarray of int, shape (n,)
        Level-1 units in the sample, rising.
    weights : tuple of ndarray, each shape (N_level,)
        Conditional weights, top first; NaN where the unit is not in the sample.
    probabilities : tuple of ndarray, each shape (N_level,)
        Exact conditional inclusion probabilities of the design, before nonresponse, for all units
        whose parent was selected; NaN for the others.
    hierarchy : Hierarchy
    """

    rows: NDArray[np.int64]
    weights: tuple[Float, ...]
    probabilities: tuple[Float, ...]
    hierarchy: Hierarchy

    def conditional(self, level: int) -> Float:
        """Conditional weights of the rows' units of a level, shape (n,); level 0 is the top."""
        bottom = self.hierarchy.depth - 1
        return self.hierarchy.expand(self.weights[level], level, bottom)[self.rows]

    def unconditional(self, level: int) -> Float:
        """Products of the conditional weights from the top to a level, shape (n,)."""
        weights = self.conditional(0)
        for below in range(1, level + 1):
            weights = weights * self.conditional(below)
        return weights
