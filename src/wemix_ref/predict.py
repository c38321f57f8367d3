"""Predictions: X beta + offset, with the random effects of the levels asked for."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from wemix_ref.design import Design
from wemix_ref.new_rows import evaluate_rows

__all__ = ["fitted_rows", "predict_rows"]

Array = NDArray[np.float64]


def fitted_rows(
    design: Design, beta: Array, modes: Sequence[Array], levels: Collection[str]
) -> Array:
    """Predict the rows of the fit, (n,).

    Parameters
    ----------
    design : the model.
    beta : (p,) fixed effects.
    modes : per level, (G, q) conditional modes on the data's scale.
    levels : names of the grouping factors whose effects are included.
    """
    values = design.X @ beta + design.offset
    for level, u in zip(design.levels, modes, strict=True):
        if level.name in levels:
            values = values + np.einsum("nq,nq->n", level.Z, u[level.codes])
    return np.asarray(values)


def predict_rows(
    design: Design,
    beta: Array,
    modes: Sequence[Array],
    data: pd.DataFrame,
    levels: Collection[str],
    *,
    allow_new_levels: bool,
) -> Array:
    """Predict new rows, (N,): NaN where a column that is needed is missing.

    Parameters
    ----------
    design, beta, modes, levels : as for `fitted_rows`.
    data : N rows.
    allow_new_levels : whether groups that the fit does not have are given the effect zero.

    Raises
    ------
    DataError, ModelError
        As `new_rows.evaluate_rows`.
    """
    rows = evaluate_rows(design, data, levels, allow_new_levels=allow_new_levels)
    out = np.full(len(data), np.nan)
    values = rows.X @ beta + rows.offset
    for level, u in zip(design.levels, modes, strict=True):
        if level.name in levels and rows.complete.any():
            codes = rows.codes[level.name]
            effects = np.where((codes >= 0)[:, None], u[codes], 0.0)
            values = values + np.einsum("nq,nq->n", rows.Z[level.name], effects)
    out[rows.complete] = values
    return out
