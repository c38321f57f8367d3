"""Formula and data to numbers: the rows kept, the variables on them, and the columns of X."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from wemix_ref.columns import (
    Column,
    FactorColumn,
    NumericColumn,
    group_ids,
    group_numbers,
    take,
)
from wemix_ref.errors import DataError, shown
from wemix_ref.expressions import evaluate
from wemix_ref.formula import Bar, Call, Expr, Formula, Name, TermSet, label_of, names_in
from wemix_ref.kernels_rows import nesting, number
from wemix_ref.matrix_columns import ModelMatrix, matrices
from wemix_ref.memory import Memory
from wemix_ref.table import Mask, Table, all_of, plainly_finite

__all__ = ["ModelFrame", "ModelMatrix", "complete_rows", "model_frame", "model_matrix"]


Ints = NDArray[np.intp]


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
        codes, members = parts[0][0], [np.arange(len(parts[0][1]))]
        for own, ids in parts[1:]:
            # Combining two at a time keeps the products small; the order is lexicographic.
            codes, before, here = _combined(codes, members[0].size, own, len(ids))
            members = [*(part[before] for part in members), here]
        return codes, _labels([ids for _, ids in parts], members)


def _combined(first: Ints, n_first: int, second: Ints, n_second: int) -> tuple[Ints, Ints, Ints]:
    """Number the pairs of groups that occur, by the first and then by the second.

    Returns codes (n,), and for each pair its group of either factor, (G,).
    """
    # where one factor lies within the other the pairs are its groups
    if n_first >= n_second and (above := nesting(first, second, n_first)) is not None:
        return first, np.arange(n_first), above
    if n_second > n_first and (above := nesting(second, first, n_second)) is not None:
        order = np.argsort(above, kind="stable")
        rank = np.empty(n_second, dtype=np.intp)
        rank[order] = np.arange(n_second)
        return rank[second], above[order], order
    codes, pairs = number(first * n_second + second)
    return codes, pairs // n_second, pairs % n_second


def _labels(ids: Sequence[Any], members: Sequence[Any]) -> pd.MultiIndex:
    """Labels of combinations from those of each factor and their places among them."""
    names = [one.name for one in ids]
    if all(one.is_monotonic_increasing for one in ids):
        return pd.MultiIndex(levels=ids, codes=members, names=names, verify_integrity=False)
    return pd.MultiIndex.from_arrays(
        [one[places] for one, places in zip(ids, members, strict=True)], names=names
    )


def complete_rows(names: Iterable[str], data: pd.DataFrame) -> NDArray[np.bool_]:
    """Rows with no missing value in any of the named columns.

    Raises
    ------
    DataError
        Columns that the data do not have, or have twice.
    """
    wanted = tuple(names)
    return all_of(Table.of(data, wanted).complete(wanted), len(data))


def model_frame(
    formula: Formula, data: pd.DataFrame | Table, *, keep: Mask | None = None
) -> ModelFrame:
    """Evaluate the variables of a formula.

    A variable is evaluated over all rows where its own columns are present, as R does, so that
    ``scale(x)`` and ``poly(x, 2)`` do not depend on what is missing elsewhere; then the rows are
    taken.

    Parameters
    ----------
    formula : Formula
        What to evaluate.
    data : pandas.DataFrame or Table
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
    table = data if isinstance(data, Table) else Table.of(data, formula.variables())
    kept = table.complete(formula.variables())
    if keep is not None and not keep.all():
        kept = keep if kept is None else kept & keep
    if table.n_rows == 0 or (kept is not None and not kept.any()):
        raise DataError(
            f"at least one row must be complete in the columns {', '.join(formula.variables())}; "
            f"none of {table.n_rows} is"
        )
    index = table.index if kept is None else table.index[kept]
    memory = Memory()
    columns: dict[str, Column] = {}
    for terms in (formula.fixed, *(bar.terms for bar in formula.bars)):
        # Those of removed terms too: R evaluates them, and refuses or drops rows for them.
        for variable in terms.variables:
            key = label_of(variable)
            if key not in columns:
                columns[key] = _variable(variable, table, kept, index, memory)
    response = _vector(formula.response, table, kept, index, memory, "the response")
    offset = np.zeros(len(index))
    for expr in formula.fixed.offsets:
        offset = offset + _vector(expr, table, kept, index, memory, "an offset")
    groups = {
        label_of(factor): _group(factor, table, kept, index, memory)
        for factor in {label_of(f): f for bar in formula.bars for f in bar.group}.values()
    }
    return ModelFrame(response, offset, columns, all_of(kept, table.n_rows), index, memory, groups)


def _variable(
    expr: Expr, table: Table, kept: Mask | None, index: pd.Index, memory: Memory
) -> Column:
    if isinstance(expr, Name) and table.finite(expr.name):
        values = table.numbers(expr.name)
        if values is not None and values.dtype == np.float64:
            memory.column(expr.name, values)
            return NumericColumn((values if kept is None else values[kept])[:, None])
    names = names_in(expr)
    present = table.complete(names)
    if _is_orthogonal_poly(expr) and present is not None:
        raise DataError(
            f"`{label_of(expr)}` must have no missing values, as in R, because its columns depend "
            f"on all rows; `{names[0]}` lacks {int((~present).sum())}. Drop these rows first, or "
            "use raw = TRUE"
        )
    column = evaluate(expr, table, memory)
    rows = kept if present is None or kept is None else kept[present]
    column = take(column, rows)
    if isinstance(expr, Name) and table.finite(expr.name):
        return column
    return checked(column, expr, index)


def checked(column: Column, expr: Expr, index: pd.Index) -> Column:
    """Return a variable that has a value on every row.

    Raises
    ------
    DataError
        It is not finite, or no level, or neither true nor false, on some row.
    """
    if isinstance(column, NumericColumn):
        if plainly_finite(column.values):
            return column
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
    table: Table,
    kept: Mask | None,
    index: pd.Index,
    memory: Memory,
    what: str,
) -> NDArray[np.float64]:
    return numeric_vector(_variable(expr, table, kept, index, memory), expr, what)


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
    factor: Expr, table: Table, kept: Mask | None, index: pd.Index, memory: Memory
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
        numbers = table.numbers(plain.name)
        if numbers is not None:
            codes, ids = group_numbers(plain.name, numbers if kept is None else numbers[kept])
        else:
            series = table[plain.name]
            codes, ids = group_ids(plain.name, series if kept is None else series[kept])
    else:
        column = _variable(factor, table, kept, index, memory)
        assert isinstance(column, FactorColumn)
        codes, ids = column.codes, column.ids
    name = factor.name if isinstance(factor, Name) else label_of(factor)
    return codes, ids if ids.name == name else ids.rename(name)


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
    [matrix] = matrices([[terms]], frame.columns, len(frame.response))
    return ModelMatrix(matrix.array(), matrix.names[0], matrix.assign)
