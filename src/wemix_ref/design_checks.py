"""What must hold of data, response and columns before a design is built, and what is warned of."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from wemix_ref.errors import DataError, DesignWarning, ModelError, RankError
from wemix_ref.formula import Formula
from wemix_ref.rank import dependent_columns

if TYPE_CHECKING:
    from wemix_ref.design import Design

__all__ = [
    "check_columns_differ",
    "check_data",
    "check_rank",
    "check_response",
    "check_sizes",
    "warn_of_levels",
]

Array = NDArray[np.float64]

#: Variances and their standard errors, of order y^2 / x^2, are doubles between these, and so are
#: sums of squares that are weighted by up to 1e60.
SMALLEST, LARGEST = 1e-70, 1e70


def check_data(data: pd.DataFrame, columns: Sequence[str]) -> None:
    """Refuse data without rows, and names that are no column, or several.

    Raises
    ------
    DataError
        Names, how many, and what the data have.
    """
    missing = [name for name in dict.fromkeys(columns) if name not in data.columns]
    if missing:
        raise DataError(
            f"every name in the formula and in weights must be a column of the data; "
            f"{len(missing)} {'is' if len(missing) == 1 else 'are'} not: "
            f"{', '.join(repr(name) for name in missing)}. The data have: "
            f"{', '.join(repr(str(name)) for name in data.columns[:20])}"
            f"{', ...' if len(data.columns) > 20 else ''}."
        )
    doubled = [
        name
        for name in dict.fromkeys(columns)
        if not data.columns.is_unique and (data.columns == name).sum() > 1
    ]
    if doubled:
        raise DataError(
            f"a column that is used must be there once; {', '.join(map(repr, doubled))} "
            "occurs more than once. Rename or drop the copies."
        )
    if len(data) == 0:
        raise DataError("the data must have at least one row; found none.")


def check_response(formula: Formula, y: Array) -> None:
    """Refuse a response, (n,), all of whose values are one.

    Raises
    ------
    DataError
        The value.
    """
    if y.min() == y.max():
        raise DataError(
            f"the response must vary; every one of its {y.size} values"
            f"{' (minus the offset)' if formula.fixed.offsets else ''} is {y[0]:g}."
        )


def check_columns_differ(names: Sequence[str], part: str) -> None:
    """Refuse columns of one name: an estimate could not be told from another by it.

    Parameters
    ----------
    names : of the columns of a part of the model, in order.
    part : what they are of, for the message.

    Raises
    ------
    ModelError
        The name, and which columns have it.
    """
    if len(set(names)) == len(names):
        return
    name = next(name for name in names if names.count(name) > 1)
    places = [str(place + 1) for place, other in enumerate(names) if other == name]
    raise ModelError(
        f"the columns of {part} must have names of their own; {name!r} is that of columns "
        f"{', '.join(places[:-1])} and {places[-1]} of {', '.join(map(repr, names[:20]))}"
        f"{', ...' if len(names) > 20 else ''}. A factor's column has the factor's name and the "
        "level's put together: rename the factor, its level or the other variable; or leave out "
        "a term that is there twice."
    )


def check_sizes(columns: Mapping[str, Array]) -> None:
    """Refuse columns, (n,) each, by name, whose powers overflow or vanish.

    Raises
    ------
    DataError
        Names, and the largest value.
    """
    offending: dict[str, float] = {}
    for name, column in columns.items():
        if column.strides == (0,):  # one number stands for all rows
            continue
        with np.errstate(all="ignore"):
            length2 = float(column @ column)
        if SMALLEST**2 <= length2 <= LARGEST**2:
            continue
        largest = float(np.abs(column).max())
        if largest != 0 and not SMALLEST <= largest <= LARGEST:
            offending.setdefault(name, largest)
    if offending:
        each = ", ".join(f"{name!r} ({largest:.1e})" for name, largest in offending.items())
        raise DataError(
            f"the largest value of the response, and of a column, must lie between {SMALLEST:.0e} "
            f"and {LARGEST:.0e} in size, or variances and their standard errors are no doubles; "
            f"{len(offending)} "
            f"{'does' if len(offending) == 1 else 'do'} not: {each}. Take another unit."
        )


def check_rank(X: Sequence[Array], names: Sequence[str], omega: Array) -> None:
    """Refuse columns of X, (n,) each, that depend linearly on those before them.

    Raises
    ------
    ModelError
        No more rows than columns.
    RankError
        The names of the columns that depend on others.
    """
    n, p = omega.size, len(X)
    if n <= p:
        raise ModelError(
            f"there must be more rows than columns of X; found {n} rows and {p} columns."
        )
    short = dependent_columns(X, omega)
    dependent = [name for name, bad in zip(names, short, strict=True) if bad]
    if dependent:
        raise RankError(
            f"the columns of X must be linearly independent; {len(dependent)} of {p} "
            f"{'depends' if len(dependent) == 1 else 'depend'} on the columns before: "
            f"{', '.join(repr(name) for name in dependent)}. Leave them out of the formula."
        )


def warn_of_levels(design: Design) -> None:
    """Warn of variances that the data cannot tell apart."""
    lowest = design.levels[0]
    if lowest.n_groups == design.n:
        warnings.warn(
            f"every group of `{lowest.name}` has a single row, so its variance cannot be told "
            "from the residual's; the fit goes on, and standard errors that are not identified "
            "are NaN.",
            DesignWarning,
            stacklevel=4,
        )
    for lower, upper in zip(design.levels, design.levels[1:], strict=False):
        if lower.n_groups == upper.n_groups:
            warnings.warn(
                f"`{lower.name}` and `{upper.name}` group the rows alike ({upper.n_groups} groups "
                "each), so their variances cannot be told apart unless they have different terms; "
                "standard errors that are not identified are NaN.",
                DesignWarning,
                stacklevel=4,
            )
