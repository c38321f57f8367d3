"""The nouns of published tables: numbers as text, who printed them, and the model they are of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from wemix_ref.errors import CaseError
from wemix_ref.labels import coefficient_name

__all__ = ["Column", "Misprint", "Printed", "Published"]


@dataclass(frozen=True)
class Printed:
    """One printed number.

    Attributes
    ----------
    quantity : ``log_likelihood``, ``wald_chi2_<q>`` (all q coefficients but the intercept are
        zero), ``beta``, ``se_beta``, ``variance`` or ``se_variance``.
    key : what it belongs to, as printed; empty for a number of the whole fit.
    text : the number, its digits kept.
    recalled : whether the number was noted down and not seen again on the source's page.
    """

    quantity: str
    key: str
    text: str
    recalled: bool = False

    @property
    def label(self) -> str:
        """Quantity and key, as tables show them: ``se_beta escs``."""
        return f"{self.quantity} {self.key}".rstrip()

    @property
    def name(self) -> str:
        """The key by R's name where it is a coefficient."""
        return coefficient_name(self.key) if self.quantity in ("beta", "se_beta") else self.key


@dataclass(frozen=True)
class Column:
    """What one package prints of a fit.

    Attributes
    ----------
    package : one of the values of `PACKAGES`.
    recipe : our name of its recipe of standard errors; None where there is none.
    not_judged : why its numbers are shown alone; empty where they are judged.
    numbers : in the source's order.
    """

    package: str
    recipe: str | None
    not_judged: str
    numbers: tuple[Printed, ...]

    def text_of(self, label: str) -> str | None:
        """The printed text of one number; None where it prints none."""
        return next((n.text for n in self.numbers if n.label == label), None)


@dataclass(frozen=True)
class Misprint:
    """A number that the source misprints, as declared; see `wemix_ref.published.judge`."""

    case: str
    package: str
    quantity: str
    should_read: str
    compared_with: str
    why: str


@dataclass(frozen=True)
class Published:
    """One published fit and what each package prints of it.

    Attributes
    ----------
    case, title, source : its name, a line for the reader, whom the numbers are from.
    formula, weights, conditional_weights, scale, center_group : the model, as `mix` takes it.
    reference_levels : by factor, the level that comes first; the others are sorted.
    file : name of the file of numbers in ``resources/published``.
    data : name of the data file. rows, groups : what it must have.
    text : its columns that are text. shipped : whether the file is part of the project.
    carried_by : R package and data set where it is not; None where it is.
    columns : by package, in the source's order.
    misprints : those of this case.
    """

    case: str
    title: str
    source: str
    formula: str
    weights: tuple[str, ...]
    conditional_weights: bool
    scale: str
    center_group: Mapping[str, str] | None
    reference_levels: Mapping[str, str]
    file: str
    data: str
    what: str
    rows: int
    groups: Mapping[str, int]
    text: tuple[str, ...]
    shipped: bool
    carried_by: tuple[str, str] | None
    columns: tuple[Column, ...]
    misprints: tuple[Misprint, ...]

    def column(self, package: str) -> Column:
        """What one package prints.

        Raises
        ------
        CaseError
            If it prints nothing here.
        """
        for column in self.columns:
            if column.package == package:
                return column
        found = ", ".join(column.package for column in self.columns)
        raise CaseError(f"{self.case}: there must be a column of {package}; found {found}.")
