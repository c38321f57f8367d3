"""Reference distributions of the t values of fixed effects: normal, or t with stated df."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from wemix_ref.errors import OptionError

__all__ = ["Reference", "check_level", "reference"]

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
        return float(stats.norm.isf(tail) if self.df is None else stats.t.isf(tail, self.df))

    def p_values(self, t: Array) -> Array:
        """Two-sided p values, of the shape of t."""
        size = np.abs(t)
        return np.asarray(
            2.0 * (stats.norm.sf(size) if self.df is None else stats.t.sf(size, self.df))
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
