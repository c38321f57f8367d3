"""What a name in a study's expression stands for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wemix_ref.errors import StudyError
from wemix_ref.simulate.hierarchy import Hierarchy, Variable

__all__ = ["RESERVED", "Scope", "Value"]

# A number or truth value for all units alike, a text, or one per unit.
Value = float | bool | str | NDArray

# Names that every level has.
RESERVED = ("index", "position")


@dataclass(frozen=True)
class Scope:
    """The units, the variables they carry and the scenario's parameters.

    Attributes
    ----------
    hierarchy : Hierarchy
    variables : mapping of str to Variable
    parameters : mapping of str to float, bool or str
    """

    hierarchy: Hierarchy
    variables: Mapping[str, Variable]
    parameters: Mapping[str, float | bool | str]

    def level(self, name: str) -> int | None:
        """Level of a variable; None where the name is a parameter's or unknown."""
        if name in self.parameters:
            return None
        variable = self.variables.get(name)
        return None if variable is None else variable.level

    def place(self, name: str) -> int:
        """Place of a level by its name, 0 the top.

        Raises
        ------
        StudyError
            If there is no such level.
        """
        if name not in self.hierarchy.names:
            raise StudyError(
                f"`{name}` must be a level; there are {', '.join(self.hierarchy.names)}"
            )
        return self.hierarchy.position(name)

    def value(self, name: str, level: int) -> Value:
        """Give what a name stands for at a level.

        Parameters
        ----------
        name : str
            A parameter, a variable of the level or one above it, ``index`` or ``position``.
        level : int

        Returns
        -------
        float, bool, str, or ndarray of shape (N_level,)
            Parameters come as they are, numbers as float64; truth values stay truth values.

        Raises
        ------
        StudyError
            If the name is unknown, or a variable of a lower level.
        """
        if name in self.parameters:
            parameter = self.parameters[name]
            return parameter if isinstance(parameter, (bool, str)) else float(parameter)
        variable = self.variables.get(name)
        if variable is not None:
            return self._expanded(name, variable, level)
        if name == "index":
            return np.arange(self.hierarchy.size(level), dtype=np.float64)
        if name == "position":
            counts = self.hierarchy.counts(level)
            first = np.cumsum(counts) - counts
            parent = self.hierarchy.parents[level]
            return (np.arange(parent.size) - first[parent]).astype(np.float64)
        known = ", ".join(sorted({*self.parameters, *self.variables, *RESERVED}))
        raise StudyError(
            f"`{name}` is not known here; known are {known}. Levels, covariates and effects are "
            "known once they are drawn"
        )

    def _expanded(self, name: str, variable: Variable, level: int) -> NDArray:
        if variable.level > level:
            names = self.hierarchy.names
            raise StudyError(
                f"`{name}` belongs to `{names[variable.level]}`, which is below "
                f"`{names[level]}`, where the expression stands; take one number for each "
                f"`{names[level]}`, such as mean({name})"
            )
        values = variable.values
        if values.dtype.kind not in "biuf":
            raise StudyError(f"`{name}` must be numbers or truth values; it is {values.dtype}")
        if values.dtype.kind != "b":
            values = values.astype(np.float64, copy=False)
        return self.hierarchy.expand(values, variable.level, level)
