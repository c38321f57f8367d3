"""New rows as the model sees them: the columns of X and Z that the fit's own rows would have."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from wemix_ref.columns import FactorColumn, group_ids
from wemix_ref.design import Design, Level
from wemix_ref.errors import DataError, ModelError, shown
from wemix_ref.expressions import evaluate
from wemix_ref.formula import Bar, Call, Expr, Name, TermSet, label_of, names_in
from wemix_ref.grouping import lme4_order
from wemix_ref.model_matrix import (
    ModelFrame,
    checked,
    complete_rows,
    model_matrix,
    numeric_vector,
)
from wemix_ref.training import Training

__all__ = ["NewRows", "evaluate_rows", "random_columns", "random_variables"]

Array = NDArray[np.float64]
Ints = NDArray[np.intp]


@dataclass(frozen=True)
class NewRows:
    """Columns of the rows that are complete.

    Attributes
    ----------
    complete : (N,) which rows these are.
    X : (n, p). offset : (n,).
    Z : per level asked for, by name, (n, q).
    codes : likewise (n,) group of each row, -1 for a group that the fit does not have.
    """

    complete: NDArray[np.bool_]
    X: Array
    offset: Array
    Z: dict[str, Array]
    codes: dict[str, Ints]


def evaluate_rows(
    design: Design, data: pd.DataFrame, levels: Collection[str], *, allow_new_levels: bool
) -> NewRows:
    """Evaluate new rows as the rows of the fit were.

    Means and polynomials inside ``scale()`` and ``poly()``, levels of factors, contrasts and the
    means of centred columns are those of the fit.

    Parameters
    ----------
    design : the model.
    data : N rows.
    levels : names of the grouping factors whose random effects are wanted.
    allow_new_levels : whether a group that the fit does not have is given code -1.

    Returns
    -------
    NewRows
        On the rows without a missing value in any column that is needed.

    Raises
    ------
    DataError
        A column is missing or of another type, a factor has a level or a grouping factor a group
        that the fit does not have, or an expression has no finite value.
    ModelError
        The design does not know the data it was made from.
    """
    training = _training(design)
    bars = {level.name: _bars(design, level.name) for level in design.levels}
    fixed = design.formula.fixed
    wanted = [level for level in design.levels if level.name in levels]
    used = [name for expr in (*_variables(fixed), *fixed.offsets) for name in names_in(expr)]
    used += [n for level in wanted for v in _bar_variables(bars[level.name]) for n in names_in(v)]
    centred = [(name, within) for name, within in design.centring if name in used]
    for name in (*(level.name for level in wanted), *(within for _, within in centred if within)):
        used += [n for factor in bars[name][0].group for n in names_in(factor)]
    _check_columns(data, used)
    complete = complete_rows(used, data)
    names = {level.name for level in wanted}
    if not complete.any():
        nothing = np.zeros((0, 0))
        empty = np.zeros(0, dtype=np.intp)
        return NewRows(
            complete,
            np.zeros((0, design.X.shape[1])),
            np.zeros(0),
            dict.fromkeys(names, nothing),
            dict.fromkeys(names, empty),
        )
    rows = data.loc[complete]
    codes = {
        level.name: _group_codes(level, bars[level.name][0], rows, training)
        for level in design.levels
        if level.name in names or level.name in {within for _, within in centred}
    }
    if not allow_new_levels:
        for level in wanted:
            _refuse_new_groups(level, bars[level.name][0], codes[level.name], rows)
    rows = _centred(training, centred, codes, rows)
    frame = _frame(training, (fixed, *(b.terms for n in names for b in bars[n])), rows)
    offset = np.zeros(len(rows))
    memory = training.memory.recalling()
    for expr in fixed.offsets:
        column = checked(evaluate(expr, _series(expr, rows), memory), expr, rows.index)
        offset = offset + numeric_vector(column, expr, "an offset")
    X = model_matrix(fixed, frame)
    assert X.names == design.x_names
    Z = {name: _Z(bars[name], frame) for name in names}
    return NewRows(complete, X.values, offset, Z, {name: codes[name] for name in names})


def random_columns(design: Design, data: pd.DataFrame) -> list[Array]:
    """Columns of Z of every level for complete rows whose groups do not matter, (n, q) per level.

    Columns that the fit centred are taken as they are.
    """
    training = _training(design)
    bars = [_bars(design, level.name) for level in design.levels]
    frame = _frame(training, [bar.terms for group in bars for bar in group], data)
    return [_Z(group, frame) for group in bars]


def random_variables(design: Design) -> tuple[str, ...]:
    """Data columns that the random effects' coefficients use."""
    names = [
        name
        for level in design.levels
        for variable in _bar_variables(_bars(design, level.name))
        for name in names_in(variable)
    ]
    return tuple(dict.fromkeys(names))


def _training(design: Design) -> Training:
    if design.training is None:
        raise ModelError(
            "new rows can be evaluated only where the data of the fit are remembered; this model "
            "does not. Fit it anew with mix()"
        )
    return design.training


def _bars(design: Design, name: str) -> list[Bar]:
    """Random terms of a level in the order of its columns."""
    counts = {level.name: level.n_groups for level in design.levels}
    bars = design.formula.bars
    order = lme4_order([counts[bar.group_name] for bar in bars])
    return [bars[i] for i in order if bars[i].group_name == name]


def _variables(terms: TermSet) -> list[Expr]:
    return [variable for term in terms.terms for variable in term]


def _bar_variables(bars: Sequence[Bar]) -> list[Expr]:
    return [variable for bar in bars for variable in _variables(bar.terms)]


def _check_columns(data: pd.DataFrame, used: Sequence[str]) -> None:
    unknown = [name for name in dict.fromkeys(used) if name not in data.columns]
    if unknown:
        raise DataError(
            f"newdata must have every column that the prediction uses "
            f"({', '.join(map(repr, dict.fromkeys(used)))}); {len(unknown)} not found: "
            f"{', '.join(map(repr, unknown))}. Add them, set to missing where they are not known"
        )


def _series(expr: Expr, rows: pd.DataFrame) -> dict[str, pd.Series]:
    return {name: rows[name] for name in names_in(expr)}


def _frame(training: Training, parts: Sequence[TermSet], rows: pd.DataFrame) -> ModelFrame:
    """Variables of the terms, with the levels and the memory of the fit."""
    memory = training.memory.recalling()
    columns = {}
    for variable in (v for terms in parts for v in _variables(terms)):
        label = label_of(variable)
        if label in columns:
            continue
        column = evaluate(variable, _series(variable, rows), memory)
        if isinstance(column, FactorColumn):
            column = training.factors[label].align(column, label)
        columns[label] = checked(column, variable, rows.index)
    n = len(rows)
    return ModelFrame(
        np.full(n, np.nan), np.zeros(n), columns, np.ones(n, dtype=bool), rows.index, memory, {}
    )


def _Z(bars: Sequence[Bar], frame: ModelFrame) -> Array:
    return np.column_stack([model_matrix(bar.terms, frame).values for bar in bars])


def _group_codes(level: Level, bar: Bar, rows: pd.DataFrame, training: Training) -> Ints:
    """Group of each row among the level's labels, -1 where it is not there; ids match by value."""
    known, sought = np.zeros(level.n_groups, np.int64), np.zeros(len(rows), np.int64)
    missing = np.zeros(len(rows), dtype=bool)
    for position, factor in enumerate(bar.group):
        labels = level.labels.get_level_values(position)
        ids = labels.unique()
        codes, own_ids = _ids(factor, rows, training)
        place = np.asarray(ids.get_indexer(own_ids))[codes]
        missing |= place < 0
        known = known * len(ids) + ids.get_indexer(labels)
        sought = sought * len(ids) + place
        # numbering anew keeps the products small
        distinct, known = np.unique(known, return_inverse=True)
        found = np.searchsorted(distinct, sought).clip(max=distinct.size - 1)
        missing |= distinct[found] != sought
        sought = found.astype(np.int64)
    place_of = np.empty(level.n_groups, dtype=np.intp)
    place_of[known] = np.arange(level.n_groups)
    return np.where(missing, -1, place_of[sought])


def _ids(factor: Expr, rows: pd.DataFrame, training: Training) -> tuple[Ints, pd.Index]:
    plain = factor
    if isinstance(factor, Call) and len(factor.args) == 1:
        plain = factor.args[0].value
    if isinstance(plain, Name):
        return group_ids(plain.name, rows[plain.name])
    memory = training.memory.recalling(extend=True)
    column = checked(evaluate(factor, _series(factor, rows), memory), factor, rows.index)
    assert isinstance(column, FactorColumn)
    return column.codes, column.ids


def _refuse_new_groups(level: Level, bar: Bar, codes: Ints, rows: pd.DataFrame) -> None:
    new = codes < 0
    if not new.any():
        return
    names = list(dict.fromkeys(n for factor in bar.group for n in names_in(factor)))
    groups = list(dict.fromkeys(rows.loc[new, names].itertuples(index=False, name=None)))
    first = groups[0] if len(names) > 1 else groups[0][0]
    raise DataError(
        f"every group of `{level.name}` in newdata must be one of the fit's {level.n_groups} "
        f"(such as {shown(level.labels[0])}); {len(groups)} in {int(new.sum())} rows "
        f"{'is' if len(groups) == 1 else 'are'} not (first: {shown(first)}). Pass "
        "allow_new_levels=True to take their random effects as zero, or leave the level out of "
        "`random`"
    )


def _centred(
    training: Training,
    centred: Sequence[tuple[str, str | None]],
    codes: dict[str, Ints],
    rows: pd.DataFrame,
) -> pd.DataFrame:
    """Subtract the means of the fit from the columns that it centred."""
    out = rows.copy(deep=False)
    for name, within in centred:
        if pd.api.types.is_bool_dtype(rows[name].dtype) or not pd.api.types.is_numeric_dtype(
            rows[name].dtype
        ):
            raise DataError(
                f"a column that is centred must be numeric; {name!r} is {rows[name].dtype}"
            )
        x = rows[name].to_numpy(dtype=float)
        if within is None:
            out[name] = x - training.means[name][0]
            continue
        new = codes[within] < 0
        if new.any():
            raise DataError(
                f"column {name!r} is centred within `{within}`, so every group must be one of the "
                f"fit's, whose means are known; {int(new.sum())} rows are in other groups (first: "
                f"row {shown(rows.index[int(np.flatnonzero(new)[0])])}). Leave them out, or centre "
                "the column yourself before fitting"
            )
        out[name] = x - training.means[name][codes[within]]
    return out
