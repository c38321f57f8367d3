"""Whole weights written out: every row and every group as often as it counts."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pandas as pd

from wemix_ref.divergences.specs import Model
from wemix_ref.errors import WeightsError, shown
from wemix_ref.formula import names_in, parse_formula

__all__ = ["grouping_columns", "replicated"]


def grouping_columns(formula: str, data: pd.DataFrame) -> list[list[str]]:
    """Return the id columns of each level of groups, lowest level (most groups) first."""
    keys: list[list[str]] = []
    for bar in parse_formula(formula).bars:
        columns = sorted({name for part in bar.group for name in names_in(part)})
        if columns not in keys:
            keys.append(columns)
    return sorted(keys, key=lambda columns: -len(data[columns].drop_duplicates()))


def replicated(model: Model, data: pd.DataFrame) -> pd.DataFrame:
    """Return the data in which nothing has a weight: the fit without weights is the weighted one.

    A group with conditional weight 3 stands there as three groups with the same members. Copies of
    a row have a new label each; ids become text.

    Parameters
    ----------
    model : formula and weights; without weights the data are given back.
    data : the rows.

    Raises
    ------
    WeightsError
        If a conditional weight is no whole number from 1 up, or a group's weight varies in it: then
        there are no such data.
    """
    if model.weights is None:
        return data
    groups = grouping_columns(model.formula, data)
    _check_constant(data, groups, model.weights)
    counts = _counts(data, model)
    # The column of an id is renamed at the highest level that it tells apart.
    level_of = {name: level for level, names in enumerate(groups, start=1) for name in names}
    rows: list[dict[Any, Any]] = data.to_dict("records")
    copies = []
    for row, own in zip(rows, counts, strict=True):
        for copy in product(*(range(count) for count in own)):
            marks = {name: "-".join(map(str, copy[level:])) for name, level in level_of.items()}
            copies.append({**row, **{name: f"{row[name]}-{mark}" for name, mark in marks.items()}})
    return pd.DataFrame(copies).drop(columns=list(model.weights))


def _check_constant(data: pd.DataFrame, groups: list[list[str]], weights: tuple[str, ...]) -> None:
    for columns, weight in zip(groups, weights[1:], strict=True):
        found = data.groupby(columns, sort=False)[weight].nunique()
        if (found > 1).any():
            first = found.index[int(np.argmax(found.to_numpy() > 1))]
            raise WeightsError(
                f"weight `{weight}` must be constant within {':'.join(columns)}; it varies in "
                f"{int((found > 1).sum())} groups (first: {shown(first)}). A group cannot be "
                "written out several numbers of times."
            )


def _counts(data: pd.DataFrame, model: Model) -> list[list[int]]:
    """Return how often each row stands in its group, its group in the one above, and so on."""
    assert model.weights is not None
    weights = np.array(data[list(model.weights)], dtype=float)
    if not model.conditional_weights:
        weights[:, :-1] /= weights[:, 1:]
    whole = np.rint(weights)
    # a quotient of two whole numbers is right to the last bit or so
    wrong = (np.abs(weights - whole) > 1e-9 * np.abs(weights)) | (whole < 1)
    if wrong.any():
        row, level = np.argwhere(wrong)[0]
        raise WeightsError(
            "conditional weights must be whole numbers from 1 up to be written out; found "
            f"{int(wrong.sum())} others (first: {weights[row, level]:g}, from "
            f"`{model.weights[level]}`, in row {shown(data.index[row])})."
        )
    return [[int(count) for count in row] for row in whole]
