"""Numbers that sources print, flattened to one list that a comparison walks through."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from wemix_ref.errors import CaseError
from wemix_ref.labels import coefficient_name

__all__ = ["OffOptimum", "PrintedNumber", "printed_numbers"]

_SCALARS = ("deviance", "llf", "nobs")
_BY_NAME = ("beta", "se_beta", "t", "gls_beta")
_BY_GROUP = ("variance", "sd")
_BY_KEY = ("ngroups", "scaled_residuals")


@dataclass(frozen=True)
class OffOptimum:
    """A printed number known to stem from a stopping point short of the optimum.

    Attributes
    ----------
    optimum : str
        The number at the optimum, as many digits as printed.
    why : str
        The reason.
    """

    optimum: str
    why: str


@dataclass(frozen=True)
class PrintedNumber:
    """One number as a source prints it.

    Attributes
    ----------
    quantity : str
        ``deviance`` (the REML criterion under REML), ``llf``, ``nobs``, ``ngroups``, ``beta``,
        ``se_beta``, ``t``, ``gls_beta``, ``variance`` and ``sd`` of random effects and residual,
        ``correlation`` (of random effects), ``cor_fixed``, ``G`` (covariances),
        ``scaled_residuals``, ``Z_shape``.
    key : tuple of str
        What the number belongs to, by R's names: ``(coefficient,)`` for the fixed effects;
        ``(group, coefficient)`` or ``("Residual",)`` for variances; ``(group, coefficient,
        coefficient)`` for ``G`` and ``correlation``; ``(coefficient, coefficient)`` for
        ``cor_fixed``; ``(group,)``; ``("min",)`` to ``("max",)``; ``("rows",)``, ``("columns",)``.
        Empty for a number of the whole fit.
    text : str
        The number with its printed digits.
    where, software : str
        The place in the source, and the software whose output stands there.
    note : str
        What a reader must know about the place; may be empty.
    off_optimum : OffOptimum or None
        Set where the printed number is known to be off the optimum.
    """

    quantity: str
    key: tuple[str, ...]
    text: str
    where: str
    software: str
    note: str = ""
    off_optimum: OffOptimum | None = None

    @property
    def value(self) -> float:
        """The number."""
        return float(self.text)

    @property
    def decimals(self) -> int:
        """Digits printed after the decimal point; negative where an exponent makes it so."""
        mantissa, _, exponent = self.text.lower().partition("e")
        return len(mantissa.partition(".")[2]) - int(exponent or 0)


def printed_numbers(blocks: list[Mapping[str, Any]]) -> tuple[PrintedNumber, ...]:
    """Flatten the ``printed`` list of a case file.

    Parameters
    ----------
    blocks : list of mappings
        As the case schema has them: one for each place of a source.

    Returns
    -------
    tuple of PrintedNumber
        In the file's order.

    Raises
    ------
    CaseError
        If a covariance block is not square, or ``off_optimum`` names a number not printed.
    """
    return tuple(number for block in blocks for number in _of_block(block))


def _of_block(block: Mapping[str, Any]) -> list[PrintedNumber]:
    marks = {
        (mark["quantity"], tuple(coefficient_name(label) for label in mark["key"])): OffOptimum(
            mark["optimum"], mark["why"]
        )
        for mark in block.get("off_optimum", ())
    }
    numbers = [
        PrintedNumber(
            quantity,
            key,
            text,
            block["where"],
            block["software"],
            block.get("note", ""),
            marks.pop((quantity, key), None),
        )
        for quantity, key, text in _entries(block)
    ]
    if marks:
        quantity, key = next(iter(marks))
        raise CaseError(
            f"off_optimum must name a printed number; `{block['where']}` prints no {quantity} of "
            f"{' '.join(key)}"
        )
    return numbers


_Entry = tuple[str, tuple[str, ...], str]


def _entries(block: Mapping[str, Any]) -> Iterator[_Entry]:
    for quantity in _SCALARS:
        if quantity in block:
            yield quantity, (), block[quantity]
    for quantity in _BY_NAME:
        for label, text in block.get(quantity, {}).items():
            yield quantity, (coefficient_name(label),), text
    yield from _variances(block)
    yield from _correlations(block)
    yield from _covariances(block)
    for quantity in _BY_KEY:
        for key, text in block.get(quantity, {}).items():
            yield quantity, (key,), text
    if "Z_shape" in block:
        rows, columns = block["Z_shape"]
        yield "Z_shape", ("rows",), rows
        yield "Z_shape", ("columns",), columns


def _variances(block: Mapping[str, Any]) -> Iterator[_Entry]:
    for quantity in _BY_GROUP:
        for group, entry in block.get(quantity, {}).items():
            if isinstance(entry, str):
                yield quantity, (group,), entry
            else:
                for label, text in entry.items():
                    yield quantity, (group, coefficient_name(label)), text


def _correlations(block: Mapping[str, Any]) -> Iterator[_Entry]:
    for quantity in ("correlation", "cor_fixed"):
        for pair in block.get(quantity, ()):
            group = (pair["group"],) if "group" in pair else ()
            yield quantity, (*group, *map(coefficient_name, pair["names"])), pair["value"]


def _covariances(block: Mapping[str, Any]) -> Iterator[_Entry]:
    for group, matrix in block.get("G", {}).items():
        names = [coefficient_name(label) for label in matrix["names"]]
        rows = matrix["values"]
        if len(rows) != len(names) or any(len(row) != len(names) for row in rows):
            raise CaseError(
                f"the block of G for `{group}` in `{block['where']}` must be {len(names)} by "
                f"{len(names)}, one row and column for each of {names}"
            )
        for first, row in zip(names, rows, strict=True):
            for second, text in zip(names, row, strict=True):
                yield "G", (group, first, second), text
