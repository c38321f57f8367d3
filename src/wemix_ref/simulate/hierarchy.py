"""Nested units, the variables they carry, and a population made of both."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

__all__ = ["Hierarchy", "Population", "Variable"]

Index = NDArray[np.int64]


@dataclass(frozen=True)
class Hierarchy:
    """Strictly nested units, the top level first; units of one parent stand together.

    Attributes
    ----------
    names : tuple of str
        Names of the levels; the last is level 1.
    parents : tuple of ndarray
        Per level the unit of the level above that each unit belongs to, shape (N_level,), never
        falling; zeros at the top.
    """

    names: tuple[str, ...]
    parents: tuple[Index, ...]

    @property
    def depth(self) -> int:
        """Number of levels."""
        return len(self.names)

    def size(self, level: int) -> int:
        """Units of a level."""
        return self.parents[level].size

    def position(self, name: str) -> int:
        """Place of a level by its name; 0 is the top.

        Raises
        ------
        ValueError
            If no level has that name.
        """
        return self.names.index(name)

    def ancestor(self, level: int, above: int) -> Index:
        """Per unit of a level, the unit of the level `above` (or of the level itself) it is in."""
        index = np.arange(self.size(level))
        for step in range(level, above, -1):
            index = self.parents[step][index]
        return index

    def expand(self, values: NDArray, above: int, level: int) -> NDArray:
        """Give each unit of a level its ancestor's value: (N_above,) -> (N_level,)."""
        return values if above == level else values[self.ancestor(level, above)]

    def counts(self, level: int) -> Index:
        """Per unit of the level above, how many units of this level it has; top: the total."""
        above = 1 if level == 0 else self.size(level - 1)
        return np.bincount(self.parents[level], minlength=above)


@dataclass(frozen=True)
class Variable:
    """Values that the units of one level carry.

    Attributes
    ----------
    level : int
        The level, 0 the top.
    values : ndarray, shape (N_level,)
    """

    level: int
    values: NDArray


@dataclass(frozen=True)
class Population:
    """All units with their variables, and the parameters they were drawn with.

    Attributes
    ----------
    hierarchy : Hierarchy
    variables : mapping of str to Variable
        Covariates, random effects, residuals, the response and what is derived from them.
    truth : mapping of str to float
        Parameters of the generating model by name: beta by R's coefficient names;
        ``var <group> <term>``, ``cov <group> <a>,<b>`` and ``sigma2``.
    """

    hierarchy: Hierarchy
    variables: Mapping[str, Variable]
    truth: Mapping[str, float]

    def frame(self, rows: NDArray | None = None) -> pd.DataFrame:
        """Return level-1 units as a table: ids of all levels above, and every variable.

        Parameters
        ----------
        rows : ndarray of int, shape (n,), or None
            Level-1 units, None for all.

        Returns
        -------
        DataFrame, n rows
            A column per level above level 1 with whole-number ids from 0, unique over the whole
            population, and a column per variable, expanded to level 1.
        """
        bottom = self.hierarchy.depth - 1
        if rows is None:
            rows = np.arange(self.hierarchy.size(bottom))
        ancestors = {bottom: rows}
        for level in range(bottom, 0, -1):
            ancestors[level - 1] = self.hierarchy.parents[level][ancestors[level]]
        columns: dict[str, NDArray] = {
            self.hierarchy.names[level]: ancestors[level] for level in range(bottom)
        }
        for name, variable in self.variables.items():
            columns[name] = variable.values[ancestors[variable.level]]
        return pd.DataFrame(columns)
