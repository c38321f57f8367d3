"""What a design remembers of its data, so that new rows get the same columns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wemix_ref.columns import FactorColumn
from wemix_ref.memory import Levels, Memory
from wemix_ref.model_matrix import ModelFrame

__all__ = ["Training"]


@dataclass(frozen=True)
class Training:
    """What new rows need in order to be evaluated as the rows of the fit were.

    Attributes
    ----------
    memory : means, polynomials and levels inside expressions.
    factors : levels of each factor variable, those that had rows, by R's name.
    means : of each centred column, one a group in the order of the level's labels, or one in all.
    """

    memory: Memory
    factors: dict[str, Levels]
    means: dict[str, NDArray[np.float64]]

    @classmethod
    def of(cls, frame: ModelFrame, means: Mapping[str, NDArray[np.float64]]) -> Training:
        """Take it from the frame of the fit and the means that were subtracted."""
        factors = {
            label: Levels.of(column)
            for label, column in frame.columns.items()
            if isinstance(column, FactorColumn)
        }
        return cls(frame.memory, factors, dict(means))
