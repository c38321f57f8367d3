"""Statistics over replicates, each with its Monte Carlo standard error.

Every measure but the median is a smooth function of means over replicates. Such a function has,
to first order, one influence value a replicate: how much that replicate moves the measure, times n
(van der Vaart, Asymptotic Statistics, 1998, chapters 3 and 20: the delta method). Their spread
gives the Monte Carlo standard error

    MCSE = sqrt(sum of influence^2 / (n (n - 1))),

with n in place of n - 1 for proportions. For means, proportions, the MSE and the average model SE
these are the formulas of Morris, White and Crowther (2019, Statistics in Medicine 38, 2074-2102,
table 6). For an empirical SE, and for what is made of it, theirs holds for normal estimates; this
one also holds for others. A difference or ratio of two analyses on the same replicates has the
difference of their influence values, which is where the pairing comes in.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "MEDIAN_DRAWS",
    "Floats",
    "Statistic",
    "difference",
    "mean",
    "median_mcse",
    "proportion",
    "ratio",
    "root",
    "shifted",
    "variance",
]

Floats = NDArray[np.float64]

# The bootstrap's own noise is 1 / sqrt(2 draws), under one per cent of the MCSE.
MEDIAN_DRAWS = 10_000


@dataclass(frozen=True)
class Statistic:
    """A statistic over n replicates and how each of them moves it.

    Attributes
    ----------
    value : float
    influence : ndarray, shape (n,)
        Influence values, with mean zero.
    lost : int
        Degrees of freedom taken from the spread of the influence values: 0 for proportions, else 1.
    """

    value: float
    influence: Floats
    lost: int = 1

    @property
    def n(self) -> int:
        """Number of replicates."""
        return self.influence.size

    @property
    def mcse(self) -> float:
        """Monte Carlo standard error; NaN where there are too few replicates."""
        n = self.n
        if n < 2:
            return float("nan")
        return float(np.sqrt(np.sum(self.influence**2) / (n * (n - self.lost))))


def mean(values: Floats) -> Statistic:
    """Mean; MCSE sd / sqrt(n) (Morris et al. 2019, table 6, bias).

    Parameters
    ----------
    values : ndarray, shape (n,), n >= 1
    """
    # Counted from the first value: equal values have a mean without round-off, and an MCSE of 0.
    origin = values[0]
    moved = values - origin
    centre = moved.mean()
    return Statistic(float(origin + centre), moved - centre)


def proportion(hits: NDArray[np.bool_]) -> Statistic:
    """Share p of replicates; MCSE sqrt(p (1 - p) / n) (Morris et al. 2019, table 6, coverage)."""
    share = hits.mean()
    return Statistic(float(share), hits - share, lost=0)


def variance(values: Floats) -> Statistic:
    """Variance s^2 with divisor n - 1; to first order the mean of n/(n-1) (x_i - xbar)^2.

    The MCSE rests on fourth moments, not on normal values: n Var(s^2) tends to mu_4 - sigma^4.
    """
    n = values.size
    if n < 2:
        return Statistic(float("nan"), np.zeros(n))
    return mean(n / (n - 1) * mean(values).influence ** 2)


def root(statistic: Statistic) -> Statistic:
    """Square root; the delta method divides influence by twice the root. Not defined at zero."""
    if not statistic.value > 0:
        return Statistic(float("nan"), statistic.influence)
    value = float(np.sqrt(statistic.value))
    return Statistic(value, statistic.influence / (2 * value))


def ratio(above: Statistic, below: Statistic) -> Statistic:
    """Ratio of two statistics over the same replicates, with their covariance."""
    if below.value == 0:
        return Statistic(float("nan"), above.influence)
    value = above.value / below.value
    return Statistic(value, (above.influence - value * below.influence) / below.value)


def difference(left: Statistic, right: Statistic) -> Statistic:
    """Difference of two statistics of one kind over the same replicates."""
    return Statistic(
        left.value - right.value, left.influence - right.influence, min(left.lost, right.lost)
    )


def shifted(statistic: Statistic, constant: float) -> Statistic:
    """Add a constant, which moves no influence."""
    return Statistic(statistic.value + constant, statistic.influence, statistic.lost)


def median_mcse(values: Floats, generator: np.random.Generator, draws: int = MEDIAN_DRAWS) -> float:
    """Bootstrap standard error of the median.

    The median of a resample of size n needs no resample. A resample takes the values at the
    ranks ceil(n U) of n uniform numbers, so its order statistics are the values at the ranks of
    the uniform order statistics, and of these the one or two in the middle are drawn directly:
    n = 2m + 1: U_(m+1) ~ Beta(m+1, m+1); n = 2m: U_(m) ~ Beta(m, m+1) and
    U_(m+1) = U_(m) + (1 - U_(m)) B with B ~ Beta(1, m).
    The draws have exactly the distribution of the bootstrap's medians (Efron 1979, Annals of
    Statistics 7, 1-26, section 3, gives it for odd n).

    Parameters
    ----------
    values : ndarray, shape (n,), n >= 2
    generator : numpy.random.Generator
    draws : int
        Number of bootstrap medians.
    """
    ordered = np.sort(values)
    n = ordered.size
    half = n // 2
    if n % 2:
        middle = generator.beta(half + 1, half + 1, draws)
        medians = ordered[_rank(middle, n)]
    else:
        lower = generator.beta(half, half + 1, draws)
        upper = lower + (1 - lower) * generator.beta(1, half, draws)
        medians = 0.5 * (ordered[_rank(lower, n)] + ordered[_rank(upper, n)])
    return float((medians - medians[0]).std(ddof=1))


def _rank(uniform: Floats, n: int) -> NDArray[np.int64]:
    return np.minimum((n * uniform).astype(np.int64), n - 1)
