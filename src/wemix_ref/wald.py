"""Wald tests: W = (R b - r)' (R V R')^-1 (R b - r), chi-squared with q = rows of R.

The paper prints chi-squared with p degrees of freedom; it is the number of hypotheses that counts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from wemix_ref.errors import OptionError
from wemix_ref.lazily import Lazy

if TYPE_CHECKING:
    from scipy import special
else:
    special = Lazy("scipy.special")

__all__ = ["WaldTest", "wald"]

Array = NDArray[np.float64]


@dataclass(frozen=True)
class WaldTest:
    """Result of a Wald test.

    Attributes
    ----------
    statistic : W; divided by its degrees of freedom for an F test.
    df : q, the number of hypotheses. df_denominator : None for chi-squared.
    pvalue : upper tail.
    distribution : "chi2" or "F".
    recipe : of the covariance used.
    R, r : (q, k), (q,) the hypotheses R b = r. estimate : (q,) R b.
    names : (k,) of the columns of R.
    """

    statistic: float
    df: int
    df_denominator: float | None
    pvalue: float
    distribution: str
    recipe: str
    R: Array
    r: Array
    estimate: Array
    names: tuple[str, ...]

    def __str__(self) -> str:
        df = f"{self.df}" if self.df_denominator is None else f"{self.df}, {self.df_denominator:g}"
        lines = [f"Wald test, {self.recipe!r} covariance"]
        for row, value, estimate in zip(self.R, self.r, self.estimate, strict=True):
            lines.append(f"  {_sum(row, self.names)} = {value:g}   (estimate {estimate:.6g})")
        lines.append(f"{self.distribution}({df}) = {self.statistic:.6g}, p = {self.pvalue:.4g}")
        return "\n".join(lines)


def _sum(row: Array, names: tuple[str, ...]) -> str:
    """Write a row of R as a sum of its parameters."""
    text = ""
    for coefficient, name in zip(row, names, strict=True):
        if coefficient == 0:
            continue
        size = "" if abs(coefficient) == 1 else f"{abs(coefficient):g}*"
        sign = "-" if coefficient < 0 else "+"
        text += f" {sign} {size}{name}" if text else f"{'-' * (sign == '-')}{size}{name}"
    return text


def wald(
    b: Array,
    V: Array,
    R: Array,
    r: Array,
    names: tuple[str, ...],
    recipe: str,
    df_denominator: float | None = None,
) -> WaldTest:
    """Test R b = r.

    Parameters
    ----------
    b, V : (k,), (k, k) estimates and their covariance.
    R, r : (q, k), (q,) hypotheses.
    names : (k,) of the parameters.
    recipe : of V, for the record.
    df_denominator : None for chi-squared; otherwise W/q is referred to F(q, df_denominator).

    Raises
    ------
    OptionError
        Shapes that do not fit, hypotheses that repeat one another, or a covariance that has no
        inverse on them: a sandwich has rank below the number of top groups.
    """
    R = np.atleast_2d(np.asarray(R, dtype=float))
    q = R.shape[0]
    r = np.asarray(r, dtype=float) + 0.0  # no negative zeros
    if (
        R.shape[1] != b.size
        or r.shape != (q,)
        or not (np.isfinite(R).all() and np.isfinite(r).all())
    ):
        raise OptionError(
            f"R must be finite with one column per parameter ({b.size}: {', '.join(names)}) and r "
            f"one number per row of R; found R {R.shape}, r {np.shape(r)}."
        )
    if np.linalg.matrix_rank(R) < q:
        raise OptionError(
            f"the hypotheses must be linearly independent; the {q} rows of R have rank "
            f"{np.linalg.matrix_rank(R)}. Leave out what follows from the others."
        )
    middle = R @ V @ R.T
    if not np.isfinite(middle).all():
        raise OptionError(
            "every parameter in the hypotheses must have a standard error; at least one has none. "
            "See se_reasons."
        )
    scale = np.sqrt(np.diag(middle))
    if np.any(scale == 0) or np.linalg.cond(middle / np.outer(scale, scale)) > 1e13:
        raise OptionError(
            f"the covariance of the {q} hypotheses must have an inverse; it has none to working "
            "precision. A sandwich has no higher rank than there are top groups: test fewer, or "
            'use se="model".'
        )
    gap = R @ b - r
    statistic = float((gap / scale) @ np.linalg.solve(middle / np.outer(scale, scale), gap / scale))
    if df_denominator is None:
        p = float(special.chdtrc(q, statistic))
        return WaldTest(statistic, q, None, p, "chi2", recipe, R, r, R @ b, names)
    statistic /= q
    p = float(special.fdtrc(q, df_denominator, statistic))
    return WaldTest(statistic, q, float(df_denominator), p, "F", recipe, R, r, R @ b, names)
