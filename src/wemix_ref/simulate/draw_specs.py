"""How a variable comes about: drawn from a distribution, or computed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wemix_ref.errors import StudyError
from wemix_ref.simulate.arithmetic import Expression, Scope, parse_expression
from wemix_ref.simulate.distributions import COVARIATES, STANDARDISED, Distribution
from wemix_ref.simulate.places import at
from wemix_ref.simulate.streams import Stream

__all__ = ["DrawSpec", "VariableSpec", "parsed", "read_draw", "read_variable", "recycled_size"]

Numbers = NDArray[np.float64]


def parsed(content: str | float | bool, where: str) -> Expression:
    """Parse an expression; an error says where it stands in the file.

    Raises
    ------
    StudyError
        If it cannot be read.
    """
    with at(where):
        return parse_expression(content)


@dataclass(frozen=True)
class DrawSpec:
    """A distribution with its options.

    Attributes
    ----------
    where : str
        Place in the file, for messages.
    name : str
        Distribution.
    standard : bool
        Whether it is scaled to mean 0 and standard deviation 1.
    options : mapping of str to Expression
    recycle : Expression or None
        How many values are drawn and repeated in turn over the units, as R recycles.
    """

    where: str
    name: str
    standard: bool
    options: Mapping[str, Expression]
    recycle: Expression | None = None

    @property
    def distribution(self) -> Distribution:
        """The distribution, from the table that is meant."""
        return (STANDARDISED if self.standard else COVARIATES)[self.name]

    def values(self, scope: Scope, level: int, stream: Stream) -> Numbers:
        """Draw for each unit of a level, shape (N_level,).

        Raises
        ------
        StudyError
            If an option is out of range or unknown, or the stream lacks the distribution.
        """
        size = scope.hierarchy.size(level)
        with at(self.where):
            n = size
            if self.recycle is not None:
                n = recycled_size(self.recycle, scope, size)
            options = {
                key: one.evaluate(scope, level).astype(np.float64)
                if self.recycle is None and one.uses_units(scope.parameters)
                else one.number(scope.parameters)
                for key, one in self.options.items()
            }
            values = self.distribution.draw(options, stream, n)
        return values if n == size else np.resize(values, size)

    def sizes(self, scope: Scope, level: int, stream: Stream) -> Numbers:
        """Draw a number for each unit of a level, one alone where the level is -1.

        Raises
        ------
        StudyError
            As :meth:`values`.
        """
        if level >= 0:
            return self.values(scope, level, stream)
        with at(self.where):
            options = {key: one.number(scope.parameters) for key, one in self.options.items()}
            return self.distribution.draw(options, stream, 1)


def recycled_size(recycle: Expression, scope: Scope, size: int) -> int:
    """Return how many values are drawn to be repeated over `size` units.

    Raises
    ------
    StudyError
        If it is no whole number from 1 to `size`.
    """
    n = recycle.number(scope.parameters)
    if n != round(n) or not 1 <= n <= size:
        raise StudyError(
            f"recycle must be a whole number from 1 to the number of units, {size}; it is {n:g}"
        )
    return int(n)


@dataclass(frozen=True)
class VariableSpec:
    """A covariate or derived variable.

    Attributes
    ----------
    name : str
    level : int
    source : DrawSpec or Expression
    where : str
        Place in the file, for messages.
    """

    name: str
    level: int
    source: DrawSpec | Expression
    where: str

    def values(self, scope: Scope, stream: Stream) -> NDArray:
        """Draw or compute, one for each unit of the level, shape (N_level,).

        Raises
        ------
        StudyError
            If that is not possible.
        """
        if isinstance(self.source, DrawSpec):
            return self.source.values(scope, self.level, stream)
        with at(self.where):
            values = self.source.evaluate(scope, self.level)
        return values.astype(np.float64, copy=False)


def read_draw(
    content: Mapping[str, Any], where: str, *, standard: bool, recycles: bool
) -> DrawSpec:
    """Read a distribution with its options.

    Parameters
    ----------
    content : mapping
        ``distribution`` (normal where it is left out) and its options, and ``recycle``.
    where : str
    standard : bool
        Whether it is one of STANDARDISED, for effects and residuals, or of COVARIATES.
    recycles : bool
        Whether ``recycle`` may stand here.

    Raises
    ------
    StudyError
        If there is no such distribution, or an option is missing or unknown.
    """
    name = content.get("distribution", "normal")
    table = STANDARDISED if standard else COVARIATES
    if name not in table:
        raise StudyError(
            f"{where}: the distribution must be one of {', '.join(sorted(table))}; found {name!r}"
        )
    known = table[name].options
    extra = {"distribution", "recycle"} if recycles else {"distribution"}
    unknown = [key for key in content if key not in known and key not in extra]
    if unknown:
        raise StudyError(
            f"{where}: {name} has the options {', '.join(known) or 'none'}"
            f"{', and recycle' if recycles else ''}; found {', '.join(unknown)}"
        )
    missing = [key for key, value in known.items() if value is None and key not in content]
    if missing:
        raise StudyError(f"{where}: {name} needs {', '.join(missing)}; give a number or expression")
    options = {key: parsed(content[key], f"{where}.{key}") for key in known if key in content}
    recycle = parsed(content["recycle"], f"{where}.recycle") if "recycle" in content else None
    return DrawSpec(where, name, standard, options, recycle)


def read_variable(
    name: str, content: Mapping[str, Any], level_names: tuple[str, ...], where: str
) -> VariableSpec:
    """Read a covariate or derived variable.

    Raises
    ------
    StudyError
        If its level is unknown, or it has neither or both of an expression and a distribution.
    """
    level = content.get("level")
    if level not in level_names:
        raise StudyError(
            f"{where}: the level must be one of {', '.join(level_names)}; found {level!r}"
        )
    rest = {key: value for key, value in content.items() if key != "level"}
    if ("expression" in rest) == ("distribution" in rest):
        raise StudyError(
            f"{where}: needs a distribution or an expression, and not both; found "
            f"{', '.join(rest) or 'neither'}"
        )
    if "expression" in rest:
        if len(rest) > 1:
            raise StudyError(f"{where}: beside an expression only level may stand; found {rest}")
        source: DrawSpec | Expression = parsed(rest["expression"], f"{where}.expression")
    else:
        source = read_draw(rest, where, standard=False, recycles=True)
    return VariableSpec(name, level_names.index(level), source, where)
