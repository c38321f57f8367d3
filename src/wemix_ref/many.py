"""Many fits in one call: a model and many data frames, or many responses on one design."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from wemix_ref.design import Design, build_design
from wemix_ref.errors import ConvergenceWarning, DataError, SingularFitWarning, WemixRefError
from wemix_ref.fit import check_options, try_designs
from wemix_ref.results import FittedModel

__all__ = ["mix_many", "refitted"]


def mix_many(
    formula: str,
    frames: Iterable[pd.DataFrame],
    weights: Sequence[str | None] | None = None,
    *,
    reml: bool = False,
    se: str | None = None,
    **options: Any,  # noqa: ANN401
) -> list[FittedModel]:
    """Fit one model to each of many data frames, such as samples or bootstrap replicates.

    What a data frame gives does not depend, to the bit, on those beside it, and is what
    :func:`wemix_ref.mix` gives but for the last digits: small fits are started together, which
    takes a fraction of the time.

    Parameters
    ----------
    formula, weights, reml, se : as :func:`wemix_ref.mix` has them, for all.
    frames : the data, one fit each.
    options : conditional_weights, scale, use, center_group, center_grand, as for mix.

    Returns
    -------
    One fit each, in order. How many are singular, and how many did not converge, is one warning.

    Raises
    ------
    FormulaError, DataError, WeightsError, NestingError, RankError, ModelError, OptionError
        Of the first data frame that is refused; its place, from 0, stands before the message.
    """
    check_options(formula, weights, reml=reml, se=se, **options)
    given: object = frames
    if isinstance(given, pd.DataFrame):
        raise DataError(
            "frames must be several data frames, such as a list; found one. Use mix() for it."
        )
    designs = []
    for place, frame in enumerate(frames):
        try:
            designs.append(build_design(formula, frame, weights, **options))
        except WemixRefError as error:
            raise type(error)(f"data frame {place}: {error}") from error
    return _told(designs, reml, se, "data frame")


def refitted(design: Design, responses: ArrayLike | pd.DataFrame, reml: bool, se: str) -> Any:  # noqa: ANN401
    """Fit a design to other responses; see `FittedModel.refit`."""
    try:
        values = np.asarray(responses, dtype=float)
    except (TypeError, ValueError) as error:
        raise DataError(f"responses must be numbers; {error}.") from error
    if values.ndim not in (1, 2) or values.shape[0] != design.n:
        raise DataError(
            f"responses must have a value for each of the {design.n} rows that were used: an array "
            f"of shape ({design.n},), or ({design.n}, R) for R fits; found shape {values.shape}."
        )
    index = getattr(responses, "index", None)
    if index is not None and not index.equals(design.index):
        raise DataError(
            "responses must have the index of the rows that were used, in their order; it is "
            "another one. Take fit.resid.index, or pass an array."
        )
    columns = values[:, None] if values.ndim == 1 else values
    bad = np.argwhere(~np.isfinite(columns))
    if bad.size:
        row, column = bad[0]
        raise DataError(
            f"responses must be finite numbers; {len(bad)} are not, the first in row {row}, column "
            f"{column}: {columns[row, column]}."
        )
    designs = [
        replace(design, y=np.ascontiguousarray(column) - design.offset) for column in columns.T
    ]
    fits = _told(designs, reml, se, "response")
    return fits[0] if values.ndim == 1 else fits


def _told(designs: Sequence[Design], reml: bool, se: str | None, what: str) -> list[FittedModel]:
    out: list[FittedModel] = []
    for place, fit in enumerate(try_designs(designs, reml=reml, se=se)):
        if isinstance(fit, WemixRefError):
            raise type(fit)(f"{what} {place}: {fit}") from fit
        if isinstance(fit, Exception):
            raise fit
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
