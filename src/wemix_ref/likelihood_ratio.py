"""Likelihood-ratio tests of nested unweighted models."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from wemix_ref.errors import ModelError
from wemix_ref.lazily import Lazy

if TYPE_CHECKING:
    from wemix_ref.design import Level
    from wemix_ref.fitted import Fitted

Array = NDArray[np.float64]

if TYPE_CHECKING:
    from scipy import special
else:
    special = Lazy("scipy.special")

__all__ = ["LikelihoodRatioTest", "likelihood_ratio"]

#: Part of a column of the smaller X that may lie outside the span of the larger one.
IN_SPAN = 1e-8


@dataclass(frozen=True)
class LikelihoodRatioTest:
    """Result of a likelihood-ratio test.

    Attributes
    ----------
    statistic : difference of the deviances. df : difference of the numbers of parameters.
    pvalue : upper tail of chi-squared with df degrees of freedom.
    variances_tested : how many of the parameters are variances or covariances. Where one of them
        is zero under the smaller model the statistic follows a mixture, and the p value is too
        large (conservative).
    """

    statistic: float
    df: int
    pvalue: float
    variances_tested: int

    def __str__(self) -> str:
        note = (
            "\nA variance of zero lies on the boundary: the p value is conservative."
            if self.variances_tested
            else ""
        )
        return (
            f"Likelihood-ratio test\nchi2({self.df}) = {self.statistic:.6g}, "
            f"p = {self.pvalue:.4g}{note}"
        )


def likelihood_ratio(one: Fitted, other: Fitted) -> LikelihoodRatioTest:
    """Test the smaller of two nested models against the larger.

    Raises
    ------
    ModelError
        Weighted fits: twice a difference of log pseudo-likelihoods is no chi-squared variable.
        Models of other data, not nested, or REML fits whose fixed parts differ.
    """
    if one.weighted or other.weighted:
        raise ModelError(
            "a likelihood-ratio test needs likelihoods; with sampling weights the criterion is a "
            "pseudo-likelihood, whose ratio does not follow a chi-squared distribution. Use "
            "wald_test() with a sandwich covariance."
        )
    if one.reml != other.reml:
        raise ModelError(
            "both models must be fitted by the same criterion; found one by REML and one by ML. "
            "Fit both with reml=False."
        )
    size = [model.design.X.shape[1] + model.theta.size for model in (one, other)]
    small, large = (one, other) if size[0] <= size[1] else (other, one)
    _check_nested(small, large)
    df = abs(size[0] - size[1])
    statistic = small.deviance - large.deviance
    if df == 0:
        raise ModelError("the models must differ in size; both have as many parameters.")
    if statistic < -1e-8 * abs(large.deviance):
        raise ModelError(
            f"the larger model must fit at least as well as the smaller; its deviance is "
            f"{-statistic:.6g} higher. Check that the models are nested and have converged."
        )
    statistic = max(statistic, 0.0)
    return LikelihoodRatioTest(
        float(statistic),
        df,
        float(special.chdtrc(df, statistic)),
        large.theta.size - small.theta.size,
    )


def _check_nested(small: Fitted, large: Fitted) -> None:
    a, b = small.design, large.design
    if a.n != b.n or not np.array_equal(a.y + a.offset, b.y + b.offset):
        raise ModelError(
            f"both models must be fitted to the same responses; found {a.n} and {b.n} rows"
            f"{', with other values' if a.n == b.n else ''}. Missing values may have dropped "
            "other rows: fit both to the complete ones."
        )
    if not np.array_equal(a.offset, b.offset):
        raise ModelError("both models must have the same offset; they differ.")
    beyond = _outside(a.X, b.X)
    if beyond.any():
        raise ModelError(
            f"the fixed part of the smaller model must be part of the larger one; "
            f"{a.x_names[int(np.argmax(beyond))]!r} is not."
        )
    if small.reml and a.X.shape[1] != b.X.shape[1]:
        raise ModelError(
            "REML criteria can be compared only where the fixed parts are the same; found "
            f"{a.X.shape[1]} and {b.X.shape[1]} columns. Fit both with reml=False."
        )
    for level in a.levels:
        twins = [other for other in b.levels if _same_groups(level, other)]
        if not twins:
            raise ModelError(
                "the random part of the smaller model must be part of the larger one; the larger "
                f"has no grouping factor with the groups of `{level.name}`."
            )
        for columns, names in _terms(level):
            if all(_outside(columns, Z).any() for other in twins for Z, _ in _terms(other)):
                raise ModelError(
                    "the random part of the smaller model must be part of the larger one; its "
                    f"term ({', '.join(names)}|{level.name}) is not."
                )


def _outside(columns: Array, others: Array) -> NDArray[np.bool_]:
    """Which columns do not lie in the span of the others."""
    root, *_ = np.linalg.qr(others)
    rest = columns - root @ (root.T @ columns)
    lengths = np.linalg.norm(columns, axis=0)
    return np.asarray(np.linalg.norm(rest, axis=0) > IN_SPAN * lengths)


def _same_groups(one: Level, other: Level) -> bool:
    """Whether two factors group the rows alike, whatever the groups are called."""
    if one.n_groups != other.n_groups:
        return False
    pairs = np.unique(one.codes.astype(np.int64) * other.n_groups + other.codes)
    return bool(pairs.size == one.n_groups)


def _terms(level: Level) -> list[tuple[Array, tuple[str, ...]]]:
    """Columns of Z and coefficient names of each term of a level."""
    out, offset = [], 0
    for term in level.terms:
        out.append((level.Z[:, offset : offset + len(term.names)], term.names))
        offset += len(term.names)
    return out
