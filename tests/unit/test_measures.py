"""The delta method against derivatives, and the bootstrap of medians against enumeration."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product

import numpy as np
import pytest
from scipy import stats

from wemix_ref.measures import (
    Statistic,
    _rank,
    difference,
    mean,
    median_mcse,
    proportion,
    ratio,
    root,
    shifted,
    variance,
)

RNG = np.random.default_rng(20190120)
X = RNG.gamma(2.0, size=41)
Y = 0.5 * X + RNG.normal(size=41) + 3.0


def weighted(values: np.ndarray, weights: np.ndarray) -> float:
    return float(np.average(values, weights=weights))


def weighted_variance(values: np.ndarray, weights: np.ndarray) -> float:
    n = values.size
    return weighted((values - weighted(values, weights)) ** 2, weights) * n / (n - 1)


CASES: list[tuple[str, Statistic, Callable[[np.ndarray], float]]] = [
    ("mean", mean(X), lambda w: weighted(X, w)),
    ("proportion", proportion(X > 2.0), lambda w: weighted((X > 2.0).astype(float), w)),
    ("variance", variance(X), lambda w: weighted_variance(X, w)),
    ("root", root(variance(X)), lambda w: np.sqrt(weighted_variance(X, w))),
    ("ratio", ratio(mean(X), mean(Y)), lambda w: weighted(X, w) / weighted(Y, w)),
    (
        "ratio of roots",
        ratio(root(variance(X)), root(mean(Y**2))),
        lambda w: np.sqrt(weighted_variance(X, w) / weighted(Y**2, w)),
    ),
    (
        "difference",
        difference(mean(X**2), mean(Y**2)),
        lambda w: weighted(X**2, w) - weighted(Y**2, w),
    ),
    (
        "shifted",
        shifted(ratio(mean(X), mean(Y)), -1.0),
        lambda w: weighted(X, w) / weighted(Y, w) - 1,
    ),
]


@pytest.mark.parametrize(("name", "statistic", "function"), CASES, ids=[c[0] for c in CASES])
def test_influence_is_the_derivative_by_a_replicates_weight(
    name: str, statistic: Statistic, function: Callable[[np.ndarray], float]
) -> None:
    n = X.size
    assert statistic.value == pytest.approx(function(np.ones(n)), rel=1e-12)
    step = 1e-5
    derivative = []
    for i in range(n):
        up, down = np.ones(n), np.ones(n)
        up[i] += step
        down[i] -= step
        derivative.append(n * (function(up) - function(down)) / (2 * step))
    np.testing.assert_allclose(statistic.influence, derivative, rtol=1e-6, atol=1e-7)
    assert statistic.influence.mean() == pytest.approx(0, abs=1e-12 * np.abs(derivative).max())


def test_the_error_of_a_mean_and_of_a_proportion_are_the_textbooks() -> None:
    assert mean(X).mcse == pytest.approx(X.std(ddof=1) / np.sqrt(41), rel=1e-13)
    p = (X > 2.0).mean()
    assert proportion(X > 2.0).mcse == pytest.approx(np.sqrt(p * (1 - p) / 41), rel=1e-13)
    lead = proportion(X > 2.0).influence - proportion(Y > 4.0).influence
    paired = difference(proportion(X > 2.0), proportion(Y > 4.0))
    assert paired.mcse == pytest.approx(np.sqrt((lead**2).sum()) / 41, rel=1e-13)


def test_the_error_of_an_sd_is_the_normal_theorys_on_normal_values_only() -> None:
    """s / sqrt(2 (n - 1)), and sqrt((kurtosis - 1) / (n - 1)) s / 2 in general."""
    n = 200_001
    uniform = (np.arange(n) + 0.5) / n
    for distribution, kurtosis in (
        (stats.norm(), 3.0),
        (stats.laplace(), 6.0),
        (stats.uniform(), 1.8),
    ):
        sd = root(variance(distribution.ppf(uniform)))
        expected = np.sqrt((kurtosis - 1) / (n - 1)) * distribution.std() / 2
        # The grid cuts the tails off; the fourth moment of Laplace's loses the most.
        assert sd.mcse == pytest.approx(expected, rel=3e-3)


def test_a_shift_moves_no_error() -> None:
    for one in (proportion(X > 2.0), mean(X), root(variance(X))):
        moved = shifted(one, -1.0)
        assert (moved.value, moved.mcse) == (one.value - 1.0, one.mcse)


def test_the_rank_of_a_uniform_number_is_within_the_sample() -> None:
    # rounding may bring an order statistic up to 1
    uniform = np.array([0.0, 0.33, 0.34, 0.999, 1.0])
    assert _rank(uniform, 3).tolist() == [0, 0, 1, 2, 2]


def test_equal_values_have_no_round_off() -> None:
    same = mean(np.full(7, 0.1))
    assert same.value == 0.1
    assert same.mcse == 0.0


def test_large_values_do_not_drown_their_spread() -> None:
    assert variance(1e9 + np.arange(5.0)).value == pytest.approx(2.5, rel=1e-12)


def test_what_is_not_defined_is_nan() -> None:
    assert np.isnan(root(mean(np.zeros(3))).value)
    assert np.isnan(ratio(mean(X), mean(np.zeros(41))).value)
    assert np.isnan(variance(np.ones(1)).value)
    assert np.isnan(mean(np.ones(1)).mcse)


@pytest.mark.parametrize("n", [2, 3, 4, 5, 6])
def test_the_medians_error_is_that_of_all_resamples(n: int) -> None:
    values = np.array([0.0, 1.0, 5.0, 5.5, 9.0, 30.0])[:n]
    resamples = np.array(list(product(values, repeat=n)))
    medians = np.median(resamples, axis=1)
    draws = 400_000
    squared = (medians - medians.mean()) ** 2
    limit = 4.5 * squared.std() / squared.mean() / (2 * np.sqrt(draws))
    found = median_mcse(values[::-1].copy(), np.random.default_rng(n), draws)
    assert found == pytest.approx(medians.std(), rel=limit)


def test_the_medians_error_is_that_of_maritz_and_jarrett() -> None:
    """J. Am. Stat. Assoc. 73 (1978) 194-196: for odd n the bootstrap's variance in closed form."""
    n = X.size
    edges = stats.beta.cdf(np.arange(n + 1) / n, (n + 1) / 2, (n + 1) / 2)
    chance, ordered = np.diff(edges), np.sort(X)
    exact = np.sqrt(chance @ ordered**2 - (chance @ ordered) ** 2)
    draws = 200_000
    found = median_mcse(X, np.random.default_rng(3), draws)
    kurtosis = chance @ (ordered - chance @ ordered) ** 4 / exact**4
    assert found == pytest.approx(exact, rel=4.5 * np.sqrt((kurtosis - 1) / (4 * draws)))


def test_an_even_number_of_replicates_takes_both_middle_ones() -> None:
    values = RNG.normal(size=40)
    resamples = values[RNG.integers(0, 40, (100_000, 40))]
    direct = np.median(resamples, axis=1).std()
    limit = 4.5 * np.sqrt(3.0 / (4 * 100_000)) * np.sqrt(2)
    assert median_mcse(values, np.random.default_rng(4), 100_000) == pytest.approx(
        direct, rel=limit
    )


def test_tied_medians_have_no_error() -> None:
    values = np.r_[np.full(90, 0.3), np.linspace(1, 2, 10)]
    assert median_mcse(values, np.random.default_rng(5)) == 0.0
