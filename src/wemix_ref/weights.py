"""Sampling weights: checks, and the step between conditional and unconditional ones.

omega_i is the unconditional weight of row i, psi_lg that of group g of level l. Conditional ones
are given the parent's selection: omega_i|g = omega_i / psi_2g, psi_lg|k = psi_lg / psi_(l+1)k;
those of the top level are its unconditional ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from wemix_ref.errors import WeightsError, shown

__all__ = ["CONSTANT_TOLERANCE", "LevelWeights", "check_columns", "group_weights"]

Array = NDArray[np.float64]
Ints = NDArray[np.intp]

#: Weights of one group are called constant within this relative range: products and quotients of
#: weights that were printed with 15 digits differ by a few units of the last one.
CONSTANT_TOLERANCE = 1e-10


@dataclass(frozen=True)
class LevelWeights:
    """Weights of a design.

    Attributes
    ----------
    omega : (n,) unconditional weights of the rows.
    psi, psi_cond : per level of groups, lowest first, (G_l,).
    """

    omega: Array
    psi: tuple[Array, ...]
    psi_cond: tuple[Array, ...]


def check_columns(data: pd.DataFrame, weights: Sequence[str], complete: NDArray[np.bool_]) -> Array:
    """Weights as a (n, L) array over the complete rows.

    Parameters
    ----------
    data : the user's data, every row.
    weights : column names, level 1 first; they exist.
    complete : (rows,) rows without missing values in the columns that the formula uses.

    Raises
    ------
    WeightsError
        A weight is not a number, is missing in an otherwise complete row, is not finite, or is not
        positive.
    """
    out = np.empty((int(complete.sum()), len(weights)))
    for j, name in enumerate(weights):
        column = data[name]
        if pd.api.types.is_bool_dtype(column.dtype) or not pd.api.types.is_numeric_dtype(
            column.dtype
        ):
            raise WeightsError(
                f"level-{j + 1} weight `{name}` must be numeric; its type is {column.dtype}. "
                "Convert it, for example with pandas.to_numeric."
            )
        kept = column[complete]
        values = kept.to_numpy(dtype=float, na_value=np.nan)
        for wrong, what, advice in (
            (np.isnan(values), "is missing", "Give a weight, or leave these rows out yourself"),
            (np.isinf(values), "is infinite", "Give a finite weight"),
            (values < 0, "is negative", "Weights are inverse selection probabilities"),
            (
                values == 0,
                "is zero",
                "Leave out the rows that do not belong to the sample yourself",
            ),
        ):
            if wrong.any():
                first = kept.index[int(np.argmax(wrong))]
                raise WeightsError(
                    f"level-{j + 1} weight `{name}` must be a positive finite number in every "
                    f"row that is used; it {what} in {int(wrong.sum())} of {values.size} rows "
                    f"(first: row {shown(first)}). {advice}."
                )
        out[:, j] = values
    return out


def group_weights(
    values: Array,
    names: Sequence[str],
    codes: Sequence[Ints],
    labels: Sequence[pd.Index],
    groups: Sequence[str],
    parents: Sequence[Ints | None],
    conditional: bool,
) -> LevelWeights:
    """Unconditional and conditional weights of rows and groups.

    Parameters
    ----------
    values : (n, L) weights as given, level 1 first.
    names : (L,) their columns.
    codes : per level of groups, lowest first, (n,) group of each row.
    labels, groups : per level, the groups' ids and the grouping factor's name, for messages.
    parents : per level, (G_l,) parent of each group, None at the top.
    conditional : how `values` are to be read.

    Raises
    ------
    WeightsError
        A level's weights vary within one of its groups (relatively, beyond 1e-10).
    """
    given: list[Array] = []
    for position, group in enumerate(groups):
        column, code = values[:, position + 1], codes[position]
        n_groups = len(labels[position])
        low, high = np.full(n_groups, np.inf), np.zeros(n_groups)
        np.minimum.at(low, code, column)
        np.maximum.at(high, code, column)
        varies = np.flatnonzero(high - low > CONSTANT_TOLERANCE * high)
        if varies.size:
            hint = (
                "Give the weight of the group itself"
                if conditional
                else "Give the group's own unconditional weight in each of its rows, or pass "
                "conditional_weights=True if the weights are conditional"
            )
            raise WeightsError(
                f"level-{position + 2} weight `{names[position + 1]}` must be constant within "
                f"`{group}`; it varies in {varies.size} of {n_groups} groups "
                f"(first: {shown(labels[position][varies[0]])}, from {low[varies[0]]:.15g} to "
                f"{high[varies[0]]:.15g}). {hint}."
            )
        # one row of the group speaks for it: what differs is below the tolerance
        first = np.empty(n_groups)
        first[code[::-1]] = column[::-1]
        given.append(first)

    n_levels = len(groups)
    if conditional:
        psi_cond = given
        psi: list[Array] = [np.empty(0)] * n_levels
        for position in reversed(range(n_levels)):
            parent = parents[position]
            psi[position] = (
                psi_cond[position]
                if parent is None
                else psi_cond[position] * psi[position + 1][parent]
            )
        omega = values[:, 0] * psi[0][codes[0]]
    else:
        psi = given
        psi_cond = [
            own if parent is None else own / psi[position + 1][parent]
            for position, (own, parent) in enumerate(zip(given, parents, strict=True))
        ]
        omega = values[:, 0].copy()
    return LevelWeights(omega, tuple(psi), tuple(psi_cond))
