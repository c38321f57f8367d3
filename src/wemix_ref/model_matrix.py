"""Formula and data to numbers: the rows kept, the variables on them, and the columns of X."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from wemix_ref.columns import Column, FactorColumn, NumericColumn, group_ids, take
from wemix_ref.contrasts import code_variable
from wemix_ref.errors import DataError, shown
from wemix_ref.expressions import evaluate
from wemix_ref.formula import Bar, Call, Expr, Formula, Name, TermSet, label_of, names_in
from wemix_ref.memory import Memory

__all__ = ["ModelFrame", "ModelMatrix", "complete_rows", "model_frame", "model_matrix"]


@dataclass(frozen=True)
class ModelFrame:
    """Variables of a formula on the rows kept.

    Attributes
    ----------
    response : (n,) array
        As evaluated; the offset is not taken off.
    offset : (n,) array
        Sum of the offsets; zeros if there are none.
    columns : dict of str to Column
        Variables by R's name; levels without rows are dropped.
    kept : (N,) bool array
        Which rows of the data these are.
    index : pandas.Index
        Their labels, (n,).
    memory : Memory
        What the variables took from all rows.
    """

    response: NDArray[np.float64]
    offset: NDArray[np.float64]
    columns: dict[str, Column]
    kept: NDArray[np.bool_]
    index: pd.Index
    memory: Memory
    _groups: dict[str, tuple[NDArray[np.intp], pd.Index]]

    def group_codes(self, bar: Bar) -> tuple[NDArray[np.intp], pd.Index]:
        """Number the groups of a random term.

        Parameters
        ----------
        bar : Bar
            A random term of the formula this frame was made for.

        Returns
        -------
        codes : (n,) int array
            Group of each row, 0 to G-1, in lme4's order.
        labels : (G,) pandas.Index or MultiIndex
            Ids as they are in the data; for combinations of several columns the first named
            varies slowest, and only those present are there.
        """
        parts = [self._groups[label_of(factor)] for factor in bar.group]
        if len(parts) == 1:
            return parts[0]
        combined = parts[0][0].astype(np.int64)
        for codes, ids in parts[1:]:
            # Compressing at each step keeps the products small; the order is lexicographic.
            _, combined = np.unique(combined * len(ids) + codes, return_inverse=True)
        _, first = np.unique(combined, return_index=True)
        labels = pd.MultiIndex.from_arrays(
            [ids[codes[first]] for codes, ids in parts], names=[ids.name for _, ids in parts]
        )
        return combined.astype(np.intp), labels


@dataclass(frozen=True)
class ModelMatrix:
    """A model matrix.

    Attributes
    ----------
    values : (n, p) float array
    names : tuple of str
        R's names of the p columns.
    assign : tuple of int
        For each column the number of its term, from 1; 0 for the intercept.
    """

    values: NDArray[np.float64]
    names: tuple[str, ...]
    assign: tuple[int, ...]


def complete_rows(names: Iterable[str], data: pd.DataFrame) -> NDArray[np.bool_]:
    """Rows with no missing value in any of the named columns.

    Raises
    ------
    DataError
        Columns that the data do not have, or have twice.
    """
    wanted = list(dict.fromkeys(names))
    unknown = [name for name in wanted if name not in data.columns]
    if unknown:
        raise DataError(
            f"every name in the formula must be a column of the data; {len(unknown)} not found "
            f"(first: `{unknown[0]}`). The data have: {_listed(data.columns)}"
        )
    doubled = [name for name in wanted if isinstance(data[name], pd.DataFrame)]
    if doubled:
        raise DataError(
            f"column names must be unique; {len(doubled)} used by the formula occur more than "
            f"once (first: `{doubled[0]}`). Rename or drop the copies"
        )
    complete = np.ones(len(data), dtype=bool)
    for name in wanted:
        complete &= data[name].notna().to_numpy(dtype=bool)
    return complete


def _listed(columns: pd.Index) -> str:
    shown = ", ".join(str(name) for name in columns[:30])
    return shown if len(columns) <= 30 else f"{shown}, ... ({len(columns)} in all)"


def model_frame(
    formula: Formula, data: pd.DataFrame, *, keep: NDArray[np.bool_] | None = None
) -> ModelFrame:
    """Evaluate the variables of a formula.

    A variable is evaluated over all rows where its own columns are present, as R does, so that
    ``scale(x)`` and ``poly(x, 2)`` do not depend on what is missing elsewhere; then the rows are
    taken.

    Parameters
    ----------
    formula : Formula
        What to evaluate.
    data : pandas.DataFrame
        N rows.
    keep : (N,) bool array, optional
        Keep at most these rows.  Rows with a missing value in a column of the formula are never
        kept.

    Returns
    -------
    ModelFrame
        n rows, in the data's order.

    Raises
    ------
    DataError
        Unknown columns, no rows left, a response that is not numeric, an expression without a
        finite value on a row that is kept, or a type that cannot be used.
    """
    kept = complete_rows(formula.variables(), data)
    if keep is not None:
        kept = kept & np.asarray(keep, dtype=bool)
    if not kept.any():
        raise DataError(
            f"at least one row must be complete in the columns {', '.join(formula.variables())}; "
            f"none of {len(data)} is"
        )
    index = data.index[kept]
    memory = Memory()
    columns: dict[str, Column] = {}
    for terms in (formula.fixed, *(bar.terms for bar in formula.bars)):
        # Those of removed terms too: R evaluates them, and refuses or drops rows for them.
        for variable in terms.variables:
            key = label_of(variable)
            if key not in columns:
                columns[key] = _variable(variable, data, kept, index, memory)
    response = _vector(formula.response, data, kept, index, memory, "the response")
    offset = np.zeros(len(index))
    for expr in formula.fixed.offsets:
        offset = offset + _vector(expr, data, kept, index, memory, "an offset")
    groups = {
        label_of(factor): _group(factor, data, kept, index, memory)
        for factor in {label_of(f): f for bar in formula.bars for f in bar.group}.values()
    }
    return ModelFrame(response, offset, columns, kept, index, memory, groups)


def _variable(
    expr: Expr, data: pd.DataFrame, kept: NDArray[np.bool_], index: pd.Index, memory: Memory
) -> Column:
    names = names_in(expr)
    present = complete_rows(names, data)
    if _is_orthogonal_poly(expr) and not present.all():
        raise DataError(
            f"`{label_of(expr)}` must have no missing values, as in R, because its columns depend "
            f"on all rows; `{names[0]}` lacks {int((~present).sum())}. Drop these rows first, or "
            "use raw = TRUE"
        )
    column = evaluate(expr, {name: data[name] for name in names}, memory)
    return checked(take(column, kept[present]), expr, index)


def checked(column: Column, expr: Expr, index: pd.Index) -> Column:
    """Return a variable that has a value on every row.

    Raises
    ------
    DataError
        It is not finite, or no level, or neither true nor false, on some row.
    """
    if isinstance(column, NumericColumn):
        bad = ~np.isfinite(column.values).all(axis=1)
        wrong = "is not finite"
    elif isinstance(column, FactorColumn):
        bad, wrong = column.codes < 0, "is none of the factor's levels"
    elif column.missing is not None:
        bad, wrong = column.missing, "is neither true nor false"
    else:
        return column
    if bad.any():
        first = index[int(np.flatnonzero(bad)[0])]
        raise DataError(
            f"`{label_of(expr)}` must have a value on every row kept; it {wrong} on "
            f"{int(bad.sum())} (first: row {shown(first)}). Mend the column, or set it to "
            "missing to drop these rows"
        )
    return column


def _is_orthogonal_poly(expr: Expr) -> bool:
    if not (isinstance(expr, Call) and expr.function == "poly"):
        return False
    return not any(a.name == "raw" and getattr(a.value, "value", False) for a in expr.args)


def _vector(
    expr: Expr,
    data: pd.DataFrame,
    kept: NDArray[np.bool_],
    index: pd.Index,
    memory: Memory,
    what: str,
) -> NDArray[np.float64]:
    return numeric_vector(_variable(expr, data, kept, index, memory), expr, what)


def numeric_vector(column: Column, expr: Expr, what: str) -> NDArray[np.float64]:
    """Values of a response or an offset, (n,).

    Raises
    ------
    DataError
        The variable is not numeric.
    """
    if not isinstance(column, NumericColumn):
        found = "logical" if not isinstance(column, FactorColumn) else "a factor or texts"
        raise DataError(
            f"{what} must be numeric; `{label_of(expr)}` is {found}. Make a numeric column of it"
        )
    return column.values[:, 0]


def _group(
    factor: Expr, data: pd.DataFrame, kept: NDArray[np.bool_], index: pd.Index, memory: Memory
) -> tuple[NDArray[np.intp], pd.Index]:
    plain = factor
    if (
        isinstance(factor, Call)
        and len(factor.args) == 1
        and isinstance(factor.args[0].value, Name)
    ):
        # factor() of a column has the groups of the column itself.
        plain = factor.args[0].value
    if isinstance(plain, Name):
        codes, ids = group_ids(plain.name, data.loc[kept, plain.name])
    else:
        column = _variable(factor, data, kept, index, memory)
        assert isinstance(column, FactorColumn)
        codes, ids = column.codes, column.ids
    name = factor.name if isinstance(factor, Name) else label_of(factor)
    return codes, ids.rename(name)


def model_matrix(terms: TermSet, frame: ModelFrame) -> ModelMatrix:
    """Build the columns of X, or of a random term, as R's ``model.matrix`` does.

    Parameters
    ----------
    terms : TermSet
        Fixed part or left-hand side of a bar, of the formula that `frame` was made for.
    frame : ModelFrame
        The variables.

    Returns
    -------
    ModelMatrix
        (n, p); in an interaction the levels of its first variable vary fastest.

    Raises
    ------
    DataError
        A factor with one level only.
    """
    n = len(frame.response)
    blocks: list[NDArray[np.float64]] = []
    names: list[str] = []
    assign: list[int] = []
    if terms.intercept:
        blocks.append(np.ones((n, 1)))
        names.append("(Intercept)")
        assign.append(0)
    codings = _codings(terms, frame)
    for number, (term, full) in enumerate(zip(terms.terms, codings, strict=True), start=1):
        values = np.ones((n, 1))
        labels: tuple[str, ...] = ("",)
        for position, variable in enumerate(term):
            key = label_of(variable)
            part, part_names = code_variable(frame.columns[key], key, full=full[position])
            values = (part[:, :, None] * values[:, None, :]).reshape(n, -1)
            labels = tuple(
                f"{before}:{name}" if before else name for name in part_names for before in labels
            )
        blocks.append(values)
        names += labels
        assign += [number] * len(labels)
    values = np.concatenate(blocks, axis=1) if blocks else np.zeros((n, 0))
    return ModelMatrix(values, tuple(names), tuple(assign))


def _codings(terms: TermSet, frame: ModelFrame) -> list[list[bool]]:
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
                if not isinstance(frame.columns[label_of(variable)], NumericColumn):
                    coding[i] = True
                    return codings
    return codings
