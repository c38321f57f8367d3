"""Group and grand centring, as WeMix defines it, with unconditional weights.

The variable itself is replaced by x minus its mean, in the fixed and in the random part alike and
before any transformation. The mean is weighted by the unconditional omega over the rows kept,
within the named group or over all rows.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from wemix_ref.errors import DataError, OptionError
from wemix_ref.formula import names_in, parse_one_sided
from wemix_ref.table import Mask, Table

__all__ = ["centre", "centred_columns", "centring_plan"]


def centred_columns(text: str) -> tuple[str, ...]:
    """Column names in a one-sided centring formula such as ``~x + z``."""
    if not isinstance(text, str):
        raise OptionError(f"centring takes a one-sided formula such as '~x + z'; found {text!r}.")
    return tuple(name for term in parse_one_sided(text).terms for name in names_in(term[0]))


def centring_plan(
    center_group: Mapping[str, str] | None, center_grand: str | None
) -> tuple[tuple[str, str | None], ...]:
    """Column and grouping factor (None for all rows) of every column to be centred."""
    plan: list[tuple[str, str | None]] = []
    for factor, text in (center_group or {}).items():
        plan.extend((name, factor) for name in centred_columns(text))
    if center_grand is not None:
        plan.extend((name, None) for name in centred_columns(center_grand))
    return tuple(plan)


def centre(
    data: Table,
    kept: Mask | None,
    omega: NDArray[np.float64],
    groups: Mapping[str, tuple[NDArray[np.intp], int]],
    center_group: Mapping[str, str] | None,
    center_grand: str | None,
    used: Collection[str],
) -> tuple[Table, dict[str, NDArray[np.float64]]]:
    """Return the data with the named columns centred, and the means by column.

    Parameters
    ----------
    data : every row of the user's data.
    kept : (rows,) rows that enter the fit; None for all.
    omega : (n,) unconditional level-1 weights of the rows kept.
    groups : factor name -> (group of each row kept, number of groups).
    center_group : factor name -> one-sided formula.
    center_grand : one-sided formula.
    used : the columns that the model's formula uses.

    Returns
    -------
    The data, and per column its means: one a group, (G,), or one over all rows, (1,).

    Raises
    ------
    OptionError
        A factor that the model does not have, a column that its formula does not use, or one that
        is centred twice.
    DataError
        A column that is not numeric.
    """
    if center_group is not None and not isinstance(center_group, Mapping):
        raise OptionError(
            "center_group must map a grouping factor to a one-sided formula, such as "
            f'{{"school": "~x"}}; found {center_group!r}.'
        )
    for factor in center_group or {}:
        if factor not in groups:
            raise OptionError(
                f"center_group must name grouping factors of the model "
                f"({', '.join(repr(name) for name in groups)}); found {factor!r}."
            )
    plan = centring_plan(center_group, center_grand)
    names = [name for name, _ in plan]
    doubled = [name for name in dict.fromkeys(names) if names.count(name) > 1]
    if doubled:
        raise OptionError(
            f"a column can be centred in one way only; {', '.join(map(repr, doubled))} is named "
            "more than once in center_group and center_grand."
        )
    out: dict[str, pd.Series] = {}
    means: dict[str, NDArray[np.float64]] = {}
    for name, within in plan:
        if name not in used:
            raise OptionError(
                f"a column that is centred must be one that the formula uses "
                f"({', '.join(map(repr, used))}); found {name!r}."
            )
        column = data[name]
        if pd.api.types.is_bool_dtype(column.dtype) or not pd.api.types.is_numeric_dtype(
            column.dtype
        ):
            raise DataError(
                f"a column that is centred must be numeric; {name!r} is {column.dtype}."
            )
        x = column.to_numpy(dtype=float, na_value=np.nan)
        if kept is not None:
            x = x.copy()
        codes, n_groups = (
            (np.zeros(omega.size, dtype=np.intp), 1) if within is None else groups[within]
        )
        inside = x if kept is None else x[kept]
        sums = np.bincount(codes, weights=omega * inside, minlength=n_groups)
        totals = np.bincount(codes, weights=omega, minlength=n_groups)
        means[name] = sums / totals
        centred = inside - means[name][codes]
        if kept is None:
            x = centred
        else:
            x[kept], x[~kept] = centred, np.nan
        out[name] = pd.Series(x, data.index, name=name, copy=False)
    return data.replaced(out), means
