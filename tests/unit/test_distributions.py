"""Distributions: the whole distribution against SciPy's, moments within Monte Carlo limits."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from wemix_ref.errors import StudyError
from wemix_ref.simulate.distributions import COVARIATES, STANDARDISED
from wemix_ref.simulate.streams import RStream, stream_of

N = 100_000


def standardised(name, options, stream, size):
    return STANDARDISED[name].draw(options, stream, size)


def draw(name, options, stream, size):
    return COVARIATES[name].draw(options, stream, size)


EFFECTS = [
    ("normal", {}, stats.norm()),
    ("t", {"df": 12.0}, stats.t(12)),
    ("gamma", {"shape": 2.0}, stats.gamma(2)),
    ("gamma", {"shape": 0.5}, stats.gamma(0.5)),
    ("lognormal", {"sdlog": 0.4}, stats.lognorm(0.4)),
    ("uniform", {}, stats.uniform()),
    ("laplace", {}, stats.laplace()),
]
OTHERS = [
    ("normal", {"mean": 2.0, "sd": 3.0}, stats.norm(2, 3)),
    ("normal", {}, stats.norm()),
    ("t", {"df": 3.0, "mean": 1.0, "scale": 2.0}, stats.t(3, 1, 2)),
    ("laplace", {"mean": 1.0, "sd": 2.0}, stats.laplace(1, np.sqrt(2))),
    ("gamma", {"shape": 2.0, "scale": 0.5}, stats.gamma(2, scale=0.5)),
    ("lognormal", {"meanlog": 1.0, "sdlog": 0.5}, stats.lognorm(0.5, scale=np.e)),
    ("uniform", {"low": -1.0, "high": 4.0}, stats.uniform(-1, 5)),
]
DISCRETE = [
    ("bernoulli", {"p": 0.3}, stats.bernoulli(0.3)),
    ("poisson", {"mean": 4.0}, stats.poisson(4)),
    ("integers", {"low": 3.0, "high": 7.0}, stats.randint(3, 8)),
]


@pytest.mark.parametrize(("name", "options", "law"), EFFECTS)
def test_standardised_draws(name, options, law):
    x = standardised(name, options, stream_of(1, name), N)
    mean, sd = law.mean(), law.std()
    # Kolmogorov and Smirnov's statistic, level one in a million
    assert stats.kstest(x, lambda z: law.cdf(mean + sd * z)).pvalue > 1e-6
    moments = [law.expect(lambda v, k=k: ((v - mean) / sd) ** k) for k in range(7)]
    assert moments[1:3] == pytest.approx([0.0, 1.0], abs=1e-8)
    for k in (1, 2, 3):
        error = np.sqrt((moments[2 * k] - moments[k] ** 2) / N)
        assert abs((x**k).mean() - moments[k]) < 4.5 * error, k
    if name == "gamma":
        assert moments[3] == pytest.approx(2 / np.sqrt(options["shape"]), rel=1e-6)


@pytest.mark.parametrize(("name", "options", "law"), OTHERS)
def test_continuous_covariates(name, options, law):
    x = draw(name, options, stream_of(2, name), N)
    assert stats.kstest(x, law.cdf).pvalue > 1e-6


@pytest.mark.parametrize(("name", "options", "law"), DISCRETE)
def test_discrete_covariates(name, options, law):
    x = draw(name, options, stream_of(3, name), N)
    values, counts = np.unique(x, return_counts=True)
    p = law.pmf(values)
    assert p.sum() > 1 - 50 / N
    assert (np.abs(counts - N * p) < 4.5 * np.sqrt(N * p * (1 - p)) + 1).all()


def test_every_distribution_is_tested():
    assert {name for name, *_ in EFFECTS} == set(STANDARDISED)
    assert {name for name, *_ in OTHERS + DISCRETE} == set(COVARIATES)


def test_counts_below_the_minimum_are_raised_to_it():
    plain = draw("poisson", {"mean": 2.0}, stream_of(4), 1000)
    raised = draw("poisson", {"mean": 2.0, "minimum": 2.0}, stream_of(4), 1000)
    assert plain.min() == 0.0
    np.testing.assert_array_equal(raised, np.maximum(plain, 2.0))


def test_options_may_differ_between_draws():
    mean, sd = np.repeat([0.0, 100.0], 500), np.repeat([0.0, 1.0], 500)
    x = draw("normal", {"mean": mean, "sd": sd}, stream_of(5), 1000)
    assert (x[:500] == 0.0).all()
    assert 95 < x[500:].min() < x[500:].max() < 105
    p = np.repeat([0.0, 1.0], 5)
    np.testing.assert_array_equal(draw("bernoulli", {"p": p}, stream_of(5), 10), p)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("normal", {"mean": 1.0, "sd": 2.0}),
        ("lognormal", {}),
        ("uniform", {}),
        ("bernoulli", {"p": 0.4}),
    ],
)
def test_what_rs_generator_has(name, options):
    twin = RStream(3)
    expected = {
        "normal": lambda: 1.0 + 2.0 * twin.normal(6),
        "lognormal": lambda: np.exp(twin.normal(6)),
        "uniform": lambda: twin.uniform(6),
        "bernoulli": lambda: twin.bernoulli(np.full(6, 0.4)),
    }[name]()
    np.testing.assert_array_equal(draw(name, options, RStream(3), 6), expected)


@pytest.mark.parametrize(
    ("make", "name", "options", "message"),
    [
        (standardised, "t", {"df": 2.0}, "df must be above 2, or there is no variance; it is 2"),
        (standardised, "lognormal", {"sdlog": 0.0}, "sdlog must be above 0"),
        (standardised, "gamma", {"shape": -1.0}, r"shape must be above 0.*1 of 1 \(first: -1\)"),
        (draw, "normal", {"sd": np.array([1.0, -2.0])}, r"not for 1 of 2 \(first: -2\)"),
        (draw, "bernoulli", {"p": 1.5}, "p must be from 0 to 1"),
        (draw, "gamma", {"shape": 1.0, "scale": 0.0}, "scale must be above 0"),
        (draw, "t", {"df": 0.0}, "df must be above 0"),
        (draw, "uniform", {"low": 2.0, "high": 1.0}, "low must not be above high"),
        (draw, "integers", {"low": 0.5, "high": 1.0}, "whole numbers"),
        (draw, "poisson", {"mean": -1.0}, "mean must be 0 or above; it is -1"),
    ],
)
def test_options_out_of_range_are_refused(make, name, options, message):
    with pytest.raises(StudyError, match=message):
        make(name, options, stream_of(1), 2)
