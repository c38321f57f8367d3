"""Columns of model matrices, as R's ``model.matrix`` has them; those that recur are stored once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import pairwise, product

import numpy as np
from numpy.typing import NDArray

from wemix_ref.columns import Column, NumericColumn
from wemix_ref.contrasts import Coded, code_variable
from wemix_ref.formula import TermSet, label_of

__all__ = ["Matrix", "ModelMatrix", "Store", "matrices"]

Array = NDArray[np.float64]


@dataclass(frozen=True)
class ModelMatrix:
    """A model matrix.

    Attributes
    ----------
    values : (n, p) float array
        Column by column in memory (Fortran's order), or a view of such an array.
    names : tuple of str
        R's names of the p columns.
    assign : tuple of int
        For each column the number of its term, from 1; 0 for the intercept.
    """

    values: NDArray[np.float64]
    names: tuple[str, ...]
    assign: tuple[int, ...]


class Store:
    """Columns that several matrices draw on, (n,) each; put side by side when one is asked for.

    Attributes
    ----------
    columns : as they are in the data, where they are, not to be changed; those of the array once
        there is one.
    """

    def __init__(self, columns: Sequence[Array], n: int) -> None:
        self.columns = columns
        self.n = n

    @cached_property
    def array(self) -> Array:
        """(n, k), column by column in memory."""
        out = np.empty((self.n, len(self.columns)), order="F")
        for j, column in enumerate(self.columns):
            out[:, j] = column
        self.columns = list(out.T)
        return out


@dataclass(frozen=True)
class Matrix:
    """Some columns of a store.

    Attributes
    ----------
    places : which.
    names : R's names of each part's columns; the parts stand side by side.
    assign : for each column the number of its term, from 1; 0 for the intercept.
    """

    store: Store
    places: tuple[int, ...]
    names: tuple[tuple[str, ...], ...]
    assign: tuple[int, ...]

    @property
    def columns(self) -> list[Array]:
        """(n,) each, not to be changed."""
        return [self.store.columns[place] for place in self.places]

    def array(self) -> Array:
        """(n, q), column by column in memory.

        Matrices share memory where columns of one are evenly spaced among the columns of all:
        change none of them in place.
        """
        return _columns(self.store.array, self.places)


@dataclass(frozen=True)
class _Planned:
    """A column before it has numbers: the product of one column of each variable of its term.

    Attributes
    ----------
    key : per variable of the term its label, whether it is coded in full, and the column of its
        coding; nothing for the intercept. It tells the column from others, whatever their names.
    name : R's name.
    term : number of its term, 0 for the intercept.
    """

    key: tuple[tuple[str, bool, int], ...]
    name: str
    term: int

    def values(self, n: int, variables: _Variables) -> Array:
        """Its values, (n,): those of the data where it can be."""
        if not self.key:
            return np.broadcast_to(1.0, n)
        (label, full, j), *others = self.key
        values = variables.coded(label, full).column(j)
        for label, full, j in others:
            values = variables.coded(label, full).column(j) * values
        return values


class _Variables:
    """Variables by R's name, each coded once in either way."""

    def __init__(self, columns: Mapping[str, Column]) -> None:
        self.columns = columns
        self._coded: dict[tuple[str, bool], Coded] = {}

    def coded(self, label: str, full: bool) -> Coded:
        if (label, full) not in self._coded:
            self._coded[label, full] = code_variable(self.columns[label], label, full=full)
        return self._coded[label, full]


def matrices(
    groups: Sequence[Sequence[TermSet]], columns: Mapping[str, Column], n: int
) -> list[Matrix]:
    """Build several matrices, each of several parts side by side.

    Parameters
    ----------
    groups : per matrix its parts: the fixed part alone, or the left-hand sides of a level's bars.
    columns : variables by R's name, (n,) each.
    n : rows.

    Raises
    ------
    DataError
        A factor with one level only.
    """
    variables = _Variables(columns)
    plans = [[_plan(terms, variables) for terms in group] for group in groups]
    place: dict[tuple[tuple[str, bool, int], ...], int] = {}
    distinct: list[_Planned] = []
    for column in (one for group in plans for part in group for one in part):
        if column.key not in place:
            place[column.key] = len(distinct)
            distinct.append(column)
    store = Store([column.values(n, variables) for column in distinct], n)
    return [
        Matrix(
            store,
            tuple(place[one.key] for part in group for one in part),
            tuple(tuple(one.name for one in part) for part in group),
            tuple(one.term for part in group for one in part),
        )
        for group in plans
    ]


def _columns(store: Array, at: Sequence[int]) -> Array:
    """Some columns of a matrix: a view where they are evenly spaced, a copy otherwise."""
    step = at[1] - at[0] if len(at) > 1 else 1
    if step > 0 and all(b - a == step for a, b in pairwise(at)):
        start = at[0] if at else 0
        return store[:, start : start + step * len(at) : step]
    copy = np.empty((store.shape[0], len(at)), order="F")
    for j, i in enumerate(at):
        copy[:, j] = store[:, i]
    return copy


def _plan(terms: TermSet, variables: _Variables) -> Sequence[_Planned]:
    """Columns of one set of terms; in an interaction its first variable's vary fastest."""
    if all(
        isinstance(column := variables.columns[label], NumericColumn) and len(column.suffixes) == 1
        for term in terms.labels_of_terms
        for label in term
    ):
        return _plan_of_numbers(terms)
    out = _start_of_plan(terms)
    codings = _codings(terms, variables.columns)
    for number, (labels, full) in enumerate(
        zip(terms.labels_of_terms, codings, strict=True), start=1
    ):
        coded = [variables.coded(label, whole) for label, whole in zip(labels, full, strict=True)]
        for places in product(*(range(len(one.names)) for one in reversed(coded))):
            at = places[::-1]
            out.append(
                _Planned(
                    tuple(zip(labels, full, at, strict=True)),
                    ":".join(one.names[j] for one, j in zip(coded, at, strict=True)),
                    number,
                )
            )
    return out


@lru_cache(maxsize=256)
def _plan_of_numbers(terms: TermSet) -> Sequence[_Planned]:
    """The same where each variable is one column of numbers: whatever their values."""
    out = _start_of_plan(terms)
    for number, labels in enumerate(terms.labels_of_terms, start=1):
        key = tuple((label, True, 0) for label in labels)
        out.append(_Planned(key, ":".join(labels), number))
    return tuple(out)


def _start_of_plan(terms: TermSet) -> list[_Planned]:
    return [_Planned((), "(Intercept)", 0)] if terms.intercept else []


def _codings(terms: TermSet, columns: Mapping[str, Column]) -> list[list[bool]]:
    """Whether each variable of each term gets an indicator for every level.

    A factor in a term is contrasted if an earlier term contains all other variables of that term
    (a main effect always is); without an intercept the first factor of the first term that has
    one is not.
    """
    position = {label_of(v): i for i, v in enumerate(terms.variables)}
    bits = [[1 << position[label_of(v)] for v in term] for term in terms.terms]
    earlier: list[int] = []
    codings: list[list[bool]] = []
    for term in bits:
        whole = sum(term)
        rests = [whole & ~bit for bit in term]
        codings.append(
            [bool(rest) and not any(rest & ~other == 0 for other in earlier) for rest in rests]
        )
        earlier.append(whole)
    if not terms.intercept:
        for variables, coding in zip(terms.terms, codings, strict=True):
            for i, variable in enumerate(variables):
                if not isinstance(columns[label_of(variable)], NumericColumn):
                    coding[i] = True
                    return codings
    return codings
