"""Whether weights can be used: their columns' names, the levels that use them, their values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from wemix_ref.errors import OptionError, WeightsError, shown
from wemix_ref.table import Table

__all__ = ["check_columns", "check_names", "check_use"]

Array = NDArray[np.float64]

#: Beyond these products of weights leave the range of double precision.
LIMITS = (1e-60, 1e60)


def check_names(weights: Sequence[str | None], conditional: bool) -> tuple[str | None, ...]:
    """Names of the weight columns, None for a level without weights.

    Raises
    ------
    WeightsError
        Not a list of names; no names; or an unconditional weight below a level without weights, so
        that no conditional weight can be derived from it.
    """
    if not isinstance(weights, (list, tuple)) or not all(
        name is None or isinstance(name, str) for name in weights
    ):
        raise WeightsError(
            "weights must be a list of column names, level 1 first, such as "
            f'["w1", "w2"]; found {_kind(weights)}.'
        )
    names = tuple(weights)
    if not any(name is not None for name in names):
        raise WeightsError(
            f"weights must name at least one column; found {list(names)!r}. For an unweighted fit "
            "pass weights=None."
        )
    if not conditional:
        for position, (own, above) in enumerate(pairwise(names)):
            if own is not None and above is None:
                level = position + 1
                use = ", ".join(str(i != level) for i in range(len(names)))
                raise WeightsError(
                    f"an unconditional weight needs the weight of the level above, since the "
                    f"conditional one is their quotient; level {level} has `{own}` and level "
                    f"{level + 1} has None. Give the column of level {level + 1}, with "
                    f"use=[{use}] if it is not to be used; or give conditional weights and "
                    "conditional_weights=True."
                )
    return names


def check_use(use: Sequence[bool] | None, names: Sequence[str | None]) -> tuple[bool, ...]:
    """Whether the weights of each level are used, level 1 first.

    Raises
    ------
    OptionError
        Not a list of one True or False for each level; none used; or a level without weights used.
    """
    if use is None:
        return tuple(name is not None for name in names)
    if not isinstance(use, (list, tuple)) or not all(
        isinstance(item, (bool, np.bool_)) for item in use
    ):
        raise OptionError(
            "use must be a list of True or False, one for each of weights, level 1 first; "
            f"found {use!r}."
        )
    if len(use) != len(names):
        raise OptionError(
            f"use must have one True or False for each of the {len(names)} weights; "
            f"found {len(use)}: {list(use)!r}."
        )
    without = [i + 1 for i, name in enumerate(names) if name is None and use[i]]
    if without:
        raise OptionError(
            f"a level whose weights are used must have a column; use is True and weights is None "
            f"at level {without[0]}. Name its column, or set it to False."
        )
    if not any(use):
        raise OptionError(
            "use must be True for at least one level. For an unweighted fit pass weights=None."
        )
    return tuple(bool(item) for item in use)


def _kind(weights: object) -> str:
    if isinstance(weights, str):
        return f"the text {weights!r}"
    if isinstance(weights, (list, tuple)):
        return "a list of " + ", ".join(dict.fromkeys(type(item).__name__ for item in weights))
    return f"a {type(weights).__name__}"


def check_columns(
    data: Mapping[str, pd.Series] | pd.DataFrame,
    weights: Sequence[str | None],
    complete: NDArray[np.bool_] | None,
) -> list[Array]:
    """Weights as they are used: per level (n,), over the complete rows; NaN for a level without.

    Parameters
    ----------
    data : the user's data, every row.
    weights : column names, level 1 first; they exist.
    complete : (rows,) rows without missing values in the columns that the formula uses; None for
        all.

    Raises
    ------
    WeightsError
        A weight is not a number, is missing in an otherwise complete row, is not finite, or is not
        positive.
    """
    out = []
    for j, name in enumerate(weights):
        if name is None:
            out.append(np.full(1, np.nan))
            continue
        numbers = data.numbers(name) if isinstance(data, Table) else None
        if numbers is not None and numbers.dtype == np.float64:
            values = numbers if complete is None else numbers[complete]
            if _proper(values):
                out.append(values)
                continue
        column = data[name]
        if (
            pd.api.types.is_bool_dtype(column.dtype)
            or pd.api.types.is_complex_dtype(column.dtype)
            or not pd.api.types.is_numeric_dtype(column.dtype)
        ):
            raise WeightsError(
                f"level-{j + 1} weight `{name}` must be numeric; its type is {column.dtype}. "
                "Convert it, for example with pandas.to_numeric."
            )
        kept = column if complete is None else column[complete]
        values = kept.to_numpy(dtype=float, na_value=np.nan)
        if not _proper(values):
            raise _improper(values, f"level-{j + 1} weight `{name}`", kept.index)
        out.append(values)
    return out


def _proper(values: Array) -> bool:
    # both are false where a value is NaN
    return bool(np.minimum.reduce(values) >= LIMITS[0] and np.maximum.reduce(values) <= LIMITS[1])


def _improper(values: Array, what: str, index: pd.Index) -> WeightsError:
    """Say what is wrong with the first kind of improper weights, and where."""
    kinds = (
        (np.isnan(values), "is missing", "Give a weight, or leave these rows out yourself"),
        (np.isinf(values), "is infinite", "Give a finite weight"),
        (values < 0, "is negative", "Weights are inverse selection probabilities"),
        (values == 0, "is zero", "Leave out the rows that do not belong to the sample yourself"),
        (
            (values < LIMITS[0]) | (values > LIMITS[1]),
            f"is not between {LIMITS[0]:g} and {LIMITS[1]:g}",
            "Rescale the weights: a common factor changes no estimate",
        ),
    )
    wrong, found, advice = next(kind for kind in kinds if kind[0].any())
    first = index[int(np.argmax(wrong))]
    return WeightsError(
        f"{what} must be a positive finite number in every row that is used; it {found} in "
        f"{int(wrong.sum())} of {values.size} rows (first: row {shown(first)}). {advice}."
    )
