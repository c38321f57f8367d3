"""Reference distributions of the t values of fixed effects: normal, or t with stated df."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from wemix_ref.components import Component
from wemix_ref.errors import OptionError
from wemix_ref.lazily import Lazy

if TYPE_CHECKING:
    from scipy import special
else:
    special = Lazy("scipy.special")

__all__ = ["Reference", "check_level", "component_intervals", "reference"]

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Reference:
    """What estimates over standard errors are compared with.

    Attributes
    ----------
    df : degrees of freedom of t; None for the normal distribution.
    """

    df: float | None

    def __str__(self) -> str:
        return "normal" if self.df is None else f"t with {self.df:g} degrees of freedom"

    def quantile(self, level: float) -> float:
        """Half-width, in standard errors, of a two-sided interval."""
        tail = (1.0 - level) / 2.0
        return float(-special.ndtri(tail) if self.df is None else -special.stdtrit(self.df, tail))

    def p_values(self, t: Array) -> Array:
        """Two-sided p values, of the shape of t."""
        size = np.abs(t)
        return np.asarray(
            2.0 * (special.ndtr(-size) if self.df is None else special.stdtr(self.df, -size))
        )


def reference(method: str, df: str | float | None, n_top: int) -> Reference:
    """Choose a reference distribution.

    Parameters
    ----------
    method : "normal" or "t".
    df : of t only: "groups" or None for ``n_top`` - 1, or a positive number.
    n_top : number of top groups.

    Raises
    ------
    OptionError
        Another method, degrees of freedom with "normal", or ones that are not positive.
    """
    if method not in ("normal", "t"):
        raise OptionError(f'method must be "normal" or "t"; found {method!r}.')
    if method == "normal":
        if df is not None:
            raise OptionError(
                f'degrees of freedom belong to method="t"; found df={df!r} with "normal".'
            )
        return Reference(None)
    if df is None or (isinstance(df, str) and df == "groups"):
        return Reference(float(n_top - 1))
    number = isinstance(df, (int, float, np.integer, np.floating)) and not isinstance(df, bool)
    if number and 0 < float(df) < np.inf:
        return Reference(float(df))
    raise OptionError(f'df must be None, "groups" or a positive number; found {df!r}.')


def check_level(level: float) -> float:
    """Refuse a confidence level that is not between 0 and 1.

    Raises
    ------
    OptionError
    """
    number = isinstance(level, (int, float, np.integer, np.floating))
    if not number or isinstance(level, bool) or not 0.0 < float(level) < 1.0:
        raise OptionError(f"a confidence level must lie between 0 and 1; found {level!r}.")
    return float(level)


def component_intervals(
    parts: Sequence[Component], errors: Sequence[float], width: float
) -> pd.DataFrame:
    """Intervals of variance components, columns low and high, indexed by their names.

    Parameters
    ----------
    parts, errors : the components and the standard errors of their vcov.
    width : half-width in standard errors. A variance v has v exp(+- width se / v), which is
        symmetric for log v and never negative; a covariance has c +- width se.
    """
    rows = []
    for part, se in zip(parts, errors, strict=True):
        if part.var2 is None and part.vcov > 0:
            factor = float(np.exp(width * se / part.vcov))
            rows.append((part.vcov / factor, part.vcov * factor))
        elif part.var2 is None:
            rows.append((np.nan, np.nan))
        else:
            rows.append((part.vcov - width * se, part.vcov + width * se))
    return pd.DataFrame(rows, columns=["low", "high"], index=[part.name for part in parts])
