"""Expressions of a study's file: read once over a whitelist, evaluated at a level's units.

The syntax is Python's, and Python's own parser reads it; the tree is then walked here and only
what is named below is allowed. Nothing is compiled or run as code.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from wemix_ref.errors import StudyError
from wemix_ref.simulate.hierarchy import Hierarchy
from wemix_ref.simulate.parts import Part
from wemix_ref.simulate.reader import Reader, parse_tree
from wemix_ref.simulate.scope import RESERVED, Scope

__all__ = ["RESERVED", "Expression", "Scope", "parse_expression"]


@dataclass(frozen=True)
class Expression:
    """An expression of a study's file, ready to be evaluated.

    Attributes
    ----------
    text : str
        As written.
    names : frozenset of str
        The parameters and variables it uses, those inside of aggregates too; not ``index`` and
        ``position``, nor the levels named by ``by=`` and ``count()``.
    """

    text: str
    names: frozenset[str]
    _part: Part = field(repr=False, compare=False)

    def __reduce__(self) -> tuple[Callable[[str], Expression], tuple[str]]:
        return parse_expression, (self.text,)

    def evaluate(self, scope: Scope, level: int) -> NDArray:
        """Evaluate at each unit of a level.

        Parameters
        ----------
        scope : Scope
        level : int
            0 is the top.

        Returns
        -------
        ndarray, shape (N_level,)
            float64 or bool; not to be written to.

        Raises
        ------
        StudyError
            If a name is unknown or belongs to a lower level, if a value has the wrong type, or if
            a result is not finite.
        """
        with np.errstate(all="ignore"):
            value = self._part.run(scope, level)
        if isinstance(value, str):
            raise StudyError(f"`{self.text}` must give a number; it gives the text {value!r}")
        values = np.asarray(value)
        if values.dtype.kind == "f":
            finite = np.isfinite(values)
            if not finite.all():
                self._refuse(values, finite, scope.hierarchy.names[level])
        if values.ndim == 0:
            return np.full(scope.hierarchy.size(level), values[()])
        return values

    def uses_units(self, parameters: Collection[str]) -> bool:
        """Whether the value depends on more than parameters: on variables, counts, positions."""
        part = self._part
        return part.here or bool(part.groups) or not self.names <= set(parameters)

    def number(self, parameters: Mapping[str, float | bool | str]) -> float:
        """Evaluate where only parameters are known.

        Parameters
        ----------
        parameters : mapping of str to float, bool or str

        Returns
        -------
        float

        Raises
        ------
        StudyError
            If the expression uses anything but parameters, or is no finite number.
        """
        if self.uses_units(parameters):
            known = ", ".join(sorted(parameters)) or "none"
            raise StudyError(
                f"`{self.text}` must be a number or use parameters alone (parameters: {known}); it "
                f"uses {', '.join(sorted(self.names - set(parameters))) or 'units'}"
            )
        return float(self.evaluate(Scope(_ONE, {}, parameters), 0)[0])

    def _refuse(self, values: NDArray, finite: NDArray[np.bool_], name: str) -> None:
        if values.ndim == 0:
            raise StudyError(f"`{self.text}` must be finite; it is {float(values)}")
        bad = np.flatnonzero(~finite)
        raise StudyError(
            f"`{self.text}` must be finite for every `{name}`; it is not for {bad.size} of "
            f"{values.size} (first: unit {int(bad[0])}, {float(values[bad[0]])}). Mind logarithms "
            "and roots of what is not positive, divisions by zero, and groups too small for a mean "
            "(no unit) or a variance (one unit)"
        )


_ONE = Hierarchy(("all",), (np.zeros(1, dtype=np.int64),))


def parse_expression(text: str | int | float | bool) -> Expression:
    """Read an expression.

    Numbers, names, ``+ - * / // % **``, comparisons, ``and``, ``or``, ``not``; texts beside ``==``,
    ``!=`` and ``in`` only; the functions exp, log, sqrt, abs, expit, logit, sin, cos, floor, ceil,
    round, ``where(condition, a, b)``, ``min`` and ``max`` of two or more.

    A variable of the level where the expression stands, or above, has one value a unit. Those of
    a lower level stand inside of an aggregate: mean, sum, var and sd (over n - 1), median,
    ``quantile(x, p)``. An aggregate of a lower level's variable is over the units below each unit;
    of another, over all units of the variable's level; with ``by=school``, over the units of the
    variable's level within each school. An aggregate's result belongs to the level where it stands
    (with ``by=``, to that level), so that ``median(var(e))`` is the median over the units of that
    level of the variance within each. ``rank(x)`` and ``standardise(x)`` give each unit one
    value among all of its level, or within ``by=``. ``count()`` is the number of units just below,
    ``count(student)`` of that level, ``count(by=school)`` of the same level within the school.
    ``index`` counts a level's units from 0, ``position`` those of one parent.

    Parameters
    ----------
    text : str, int, float or bool

    Returns
    -------
    Expression

    Raises
    ------
    StudyError
        With the text and the column, if it cannot be read.

    Examples
    --------
    >>> parse_expression("exp(2 * a)").number({"a": 0.0})
    1.0
    """
    written = text if isinstance(text, str) else repr(text)
    if not isinstance(text, (str, int, float)) or (
        isinstance(text, float) and not np.isfinite(text)
    ):
        raise StudyError(f"an expression must be a text or a finite number; found {text!r}")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        tree = parse_tree(written)
    reader = Reader(written.strip())
    part = reader.read(tree)
    return Expression(written, frozenset(reader.names), part)
