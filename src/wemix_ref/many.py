"""Many fits in one call: a model and many data frames, or many responses on one design."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from wemix_ref.design import Design, build_design
from wemix_ref.errors import (
    ConvergenceWarning,
    DataError,
    ModelError,
    SingularFitWarning,
    WemixRefError,
)
from wemix_ref.fit import check_options, try_designs
from wemix_ref.formula.syntax import Name
from wemix_ref.results import FittedModel

__all__ = ["mix_many", "refitted"]

Array = NDArray[np.float64]


def mix_many(
    formula: str,
    frames: Iterable[pd.DataFrame],
    weights: Sequence[str | None] | None = None,
    *,
    conditional_weights: bool = False,
    scale: str | Sequence[str] = "none",
    use: Sequence[bool] | None = None,
    reml: bool = False,
    se: str | None = None,
    center_group: Mapping[str, str] | None = None,
    center_grand: str | None = None,
) -> list[FittedModel]:
    """Fit one model to each of many data frames, such as samples or bootstrap replicates.

    What a data frame gives does not depend, to the bit, on those beside it, and is what
    :func:`wemix_ref.mix` gives but for the last digits: small fits are started together, which
    takes a fraction of the time.

    Parameters
    ----------
    frames : the data, one fit each.
    formula, weights and all others : as :func:`wemix_ref.mix` has them, for all.

    Returns
    -------
    One fit each, in order. How many are singular, and how many did not converge, is one warning.

    Raises
    ------
    FormulaError, DataError, WeightsError, NestingError, RankError, ModelError, OptionError
        Of the first data frame that is refused; its place, from 0, stands before the message.
    """
    how: dict[str, Any] = {
        "conditional_weights": conditional_weights,
        "scale": scale,
        "use": use,
    }
    check_options(formula, weights, reml=reml, se=se, **how)
    how |= {"center_group": center_group, "center_grand": center_grand}
    given: object = frames
    if isinstance(given, pd.DataFrame):
        raise DataError(
            "frames must be several data frames, such as a list; found one. Use mix() for it."
        )
    designs = []
    for place, frame in enumerate(frames):
        try:
            designs.append(build_design(formula, frame, weights, **how))
        except WemixRefError as error:
            raise type(error)(f"data frame {place}: {error}") from error
    return _told(designs, reml, se, "data frame")


def refitted(design: Design, responses: object, reml: bool, se: str) -> Any:  # noqa: ANN401
    """Fit a design to other responses; see `FittedModel.refit`."""
    given = responses if isinstance(responses, (pd.Series, pd.DataFrame)) else np.asarray(responses)
    kinds = {given.dtype} if isinstance(given, (pd.Series, np.ndarray)) else set(given.dtypes)
    if not all(pd.api.types.is_numeric_dtype(kind) and _real(kind) for kind in kinds):
        raise DataError(
            "responses must be real numbers; found values of type "
            f"{', '.join(sorted(str(kind) for kind in kinds))}."
        )
    if isinstance(given, (pd.Series, pd.DataFrame)) and not given.index.equals(design.index):
        raise DataError(
            f"responses must have the index of the {design.n} rows that were used, in their order; "
            f"found {len(given)} rows with another one. Take fit.resid.index, or pass an array."
        )
    values = np.asarray(given, dtype=float)
    if values.ndim not in (1, 2) or values.shape[0] != design.n:
        raise DataError(
            f"responses must have a value for each of the {design.n} rows that were used: an array "
            f"of shape ({design.n},), or ({design.n}, R) for R fits; found shape {values.shape}."
        )
    columns = values[:, None] if values.ndim == 1 else values
    bad = np.argwhere(~np.isfinite(columns))
    if bad.size:
        row, column = bad[0]
        raise DataError(
            f"responses must be finite numbers; {len(bad)} are not, the first in row {row}, column "
            f"{column}: {columns[row, column]}."
        )
    designs = [_with_response(design, column) for column in columns.T]
    fits = _told(designs, reml, se, "response")
    return fits[0] if values.ndim == 1 else fits


def _real(kind: Any) -> bool:  # noqa: ANN401
    return not (pd.api.types.is_bool_dtype(kind) or pd.api.types.is_complex_dtype(kind))


def _with_response(design: Design, response: Array) -> Design:
    """Give a design another response, in the data it was built from too, where it has a column.

    Where the formula's left-hand side is no plain column, or one that is a weight or centred, the
    design no longer holds its data.
    """
    source, left = design.source, design.formula.response
    y = np.ascontiguousarray(response) - design.offset
    others = {*design.weight_names, *(name for name, _ in design.centring)}
    if source is None or not isinstance(left, Name) or left.name in others:
        return replace(design, y=y, source=None)
    old = source.table[left.name]
    kept = source.table.complete(design.formula.variables())
    values = old.to_numpy(dtype=float, na_value=np.nan).copy()
    values[slice(None) if kept is None else kept] = response
    column = pd.Series(values, index=old.index, name=left.name)
    return replace(
        design, y=y, source=replace(source, table=source.table.replaced({left.name: column}))
    )


def _told(designs: Sequence[Design], reml: bool, se: str | None, what: str) -> list[FittedModel]:
    out: list[FittedModel] = []
    for place, fit in enumerate(try_designs(designs, reml=reml, se=se)):
        if isinstance(fit, WemixRefError):
            raise type(fit)(f"{what} {place}: {fit}") from fit
        if isinstance(fit, Exception):
            raise ModelError(
                f"{what} {place}: the likelihood must have a value near its maximum; a matrix is "
                f"not positive definite there ({fit}). Check the scale of the variables."
            ) from fit
        out.append(fit)
    singular = sum(fit.singular for fit in out)
    failed = [place for place, fit in enumerate(out) if not fit.converged]
    if singular:
        warnings.warn(
            f"{singular} of {len(out)} fits are singular: a variance is zero or a correlation is "
            "one in size. See each one's `singular`.",
            SingularFitWarning,
            stacklevel=3,
        )
    if failed:
        warnings.warn(
            f"the optimiser did not converge in {len(failed)} of {len(out)} fits, the first of "
            f"{what} {failed[0]}. See each one's `converged` and `optimizer`.",
            ConvergenceWarning,
            stacklevel=3,
        )
    return out
