"""Cells of a sampling stage, and inclusion probabilities proportional to a measure within them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

__all__ = ["Cells", "inclusion_probabilities"]

Float = NDArray[np.float64]
Index = NDArray[np.int64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Cells:
    """Units that lie one cell after another: a cell is sampled by itself, apart from all others.

    Attributes
    ----------
    sizes : ndarray of int, shape (C,)
        Units of each cell, at least one.
    """

    sizes: Index

    @cached_property
    def starts(self) -> Index:
        """First unit of each cell, shape (C,)."""
        return np.cumsum(self.sizes) - self.sizes

    @cached_property
    def owner(self) -> Index:
        """The cell of each unit, shape (N,)."""
        return np.repeat(np.arange(self.sizes.size), self.sizes)

    def total(self, values: NDArray) -> NDArray:
        """Sum over the units of each cell: (N,) -> (C,)."""
        return np.add.reduceat(values, self.starts)

    def least(self, values: NDArray) -> NDArray:
        """Smallest value in each cell: (N,) -> (C,)."""
        return np.minimum.reduceat(values, self.starts)

    def greatest(self, values: NDArray) -> NDArray:
        """Largest value in each cell: (N,) -> (C,)."""
        return np.maximum.reduceat(values, self.starts)

    def restrict(self, kept: Mask) -> tuple[Cells, Index]:
        """Leave out units: the cells that still have some, and which of the old ones they are."""
        sizes = np.bincount(self.owner[kept], minlength=self.sizes.size)
        remaining = np.flatnonzero(sizes)
        return Cells(sizes[remaining]), remaining

    def blocks(self) -> Iterator[tuple[Index, Index, Mask]]:
        """Give the cells as rectangles, those of similar size together (within a factor of two).

        Yields
        ------
        which : ndarray of int, shape (c,)
            The cells of the block.
        index : ndarray of int, shape (c, m)
            Units of each of them, filled up with zeros.
        inside : ndarray of bool, shape (c, m)
            False where filled up.
        """
        magnitude = np.frexp(self.sizes)[1]
        for exponent in np.unique(magnitude):
            which = np.flatnonzero(magnitude == exponent)
            sizes = self.sizes[which, None]
            place = np.arange(sizes.max())
            inside = place < sizes
            yield which, np.where(inside, self.starts[which, None] + place, 0), inside


def inclusion_probabilities(measure: Float, take: Float, cells: Cells) -> Float:
    """Give pi_i = n x_i / sum x in each cell, with certainty units.

    A unit whose pi would be one or more is taken for certain; the others share what is left of
    the sample size in proportion to their measures, until no pi reaches one (Särndal, Swensson
    and Wretman 1992, chapter 3).

    Parameters
    ----------
    measure : ndarray, shape (N,)
        Measure of size x, positive; only its ratios within a cell matter.
    take : ndarray, shape (C,)
        Sample size n of each cell, at most the cell's units. Need not be whole.
    cells : Cells

    Returns
    -------
    ndarray, shape (N,)
        First-order inclusion probabilities; they add up to `take` in every cell.
    """
    owner = cells.owner
    share = measure / cells.greatest(measure)[owner]
    certain = np.zeros(measure.size, dtype=bool)
    while True:
        rest = np.where(certain, 0.0, share)
        number = cells.total(certain.astype(np.int64))
        left = take - number
        total = cells.total(rest)
        scale = np.divide(left, total, out=np.zeros_like(total), where=total > 0.0)
        probability = np.where(certain, 1.0, rest * scale[owner])
        everyone = (left >= cells.sizes - number)[owner]
        further = ~certain & ((probability >= 1.0) | everyone)
        if not further.any():
            return probability
        certain |= further
