"""What variables took from the data of the fit, so that new rows are evaluated in the same way."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from wemix_ref.columns import FactorColumn
from wemix_ref.errors import DataError, shown
from wemix_ref.functions import Standardisation
from wemix_ref.polynomials import OrthogonalBasis

__all__ = ["Levels", "Memory"]

_KINDS = {"numeric": "numbers", "logical": "booleans", "factor": "texts or categories"}


@dataclass(frozen=True)
class Levels:
    """Levels of a factor.

    Attributes
    ----------
    labels : as R spells them, in order.
    ids : the same as values of the data.
    ordered : whether contrasts are polynomial.
    """

    labels: tuple[str, ...]
    ids: pd.Index
    ordered: bool

    @classmethod
    def of(cls, column: FactorColumn) -> Levels:
        """Levels of a variable."""
        return cls(column.levels, column.ids, column.ordered)

    def align(self, column: FactorColumn, label: str, *, extend: bool = False) -> FactorColumn:
        """Give a factor these levels, matching by label.

        Parameters
        ----------
        column : n rows, levels of its own.
        label : R's name of the variable, for messages.
        extend : whether other levels are put behind these; otherwise they are refused.

        Raises
        ------
        DataError
            A row has a level that is not among these.
        """
        place = {name: i for i, name in enumerate(self.labels)}
        codes = np.array([place.get(name, -2) for name in column.levels] + [-1], dtype=np.intp)[
            column.codes
        ]
        unknown = codes == -2
        if not unknown.any():
            return FactorColumn(codes, self.labels, self.ids, self.ordered)
        others = np.unique(column.codes[unknown])
        if not extend:
            raise DataError(
                f"`{label}` must have levels that it had in the data of the fit "
                f"({', '.join(map(repr, self.labels[:20]))}"
                f"{', ...' if len(self.labels) > 20 else ''}); {int(unknown.sum())} rows have "
                f"{'another' if others.size == 1 else 'others'}: "
                f"{', '.join(repr(column.levels[i]) for i in others[:10])}. Leave these rows out, "
                "or set the column to missing there"
            )
        behind = {int(i): len(self.labels) + k for k, i in enumerate(others)}
        codes[unknown] = [behind[int(i)] for i in column.codes[unknown]]
        labels = (*self.labels, *(column.levels[i] for i in others))
        ids = pd.Index([*self.ids, *column.ids[others]])
        return FactorColumn(codes, labels, ids, self.ordered)


@dataclass
class Memory:
    """Learned while the data of the fit are evaluated, recalled for new rows.

    Columns stand under their name, calls under R's label.

    Attributes
    ----------
    kinds : type of each data column: numeric, logical or factor.
    categories : levels of each column of categories.
    factors : levels of ``factor()`` calls.
    scalings : of ``scale()`` calls.
    bases : of ``poly()`` calls.
    learning : whether the rows at hand are those of the fit.
    extend : when recalling, whether a level that is not known is put behind the others.
    """

    kinds: dict[str, str] = field(default_factory=dict)
    categories: dict[str, Levels] = field(default_factory=dict)
    factors: dict[str, Levels] = field(default_factory=dict)
    scalings: dict[str, Standardisation] = field(default_factory=dict)
    bases: dict[str, OrthogonalBasis] = field(default_factory=dict)
    learning: bool = True
    extend: bool = False

    def recalling(self, *, extend: bool = False) -> Memory:
        """The same memory for new rows."""
        return replace(self, learning=False, extend=extend)

    def column(self, name: str, value: NDArray[Any] | FactorColumn) -> NDArray[Any] | FactorColumn:
        """Hold a data column to the type, and categories to the levels, that it had.

        Raises
        ------
        DataError
            The column is of another type than in the data of the fit, or has a new category.
        """
        kind = (
            "factor"
            if isinstance(value, FactorColumn)
            else "logical"
            if value.dtype == bool
            else "numeric"
        )
        if self.learning:
            self.kinds[name] = kind
        known = self.kinds.get(name, kind)
        if kind != known:
            raise DataError(
                f"column {shown(name)} must hold {_KINDS[known]}, as in the data of the fit; "
                f"found {_KINDS[kind]}. Convert it first"
            )
        if not isinstance(value, FactorColumn):
            return value
        if self.learning and not value.is_text:
            self.categories[name] = Levels.of(value)
        # Texts are compared as texts, whatever other texts there are.
        if self.learning or name not in self.categories:
            return value
        return self.categories[name].align(value, name, extend=self.extend)

    def factor(self, label: str, column: FactorColumn) -> FactorColumn:
        """Levels of a ``factor()`` call: learned, or those learned."""
        if self.learning:
            self.factors[label] = Levels.of(column)
            return column
        return self.factors[label].align(column, label, extend=self.extend)

    def standardise(
        self,
        label: str,
        x: NDArray[np.float64],
        center: float | bool | str | None,
        scale: float | bool | str | None,
    ) -> NDArray[np.float64]:
        """``scale()`` with the mean and the scale of the data of the fit."""
        if self.learning:
            self.scalings[label] = Standardisation.of(x, center, scale)
        return self.scalings[label](x)

    def polynomials(self, label: str, x: NDArray[np.float64], degree: int) -> NDArray[np.float64]:
        """``poly()`` with the polynomials that are orthogonal over the data of the fit."""
        if self.learning:
            self.bases[label], values = OrthogonalBasis.over(x, degree)
            return values
        return self.bases[label](x)
