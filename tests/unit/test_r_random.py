"""R's generator without R: numbers that R prints, and quantiles of known accuracy."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import ndtri

from wemix_ref.r_random import RRandom, normal_quantile


def test_uniform_draws_are_those_r_prints():
    """R 4.2.2: set.seed(123); print(runif(5), digits = 17)."""
    expected = [
        0.28757752012461424,
        0.78830513544380665,
        0.40897692181169987,
        0.88301740400493145,
        0.94046728429384530,
    ]
    assert RRandom(123).uniform(5).tolist() == expected


def test_normal_draws_are_those_the_blog_prints():
    """First school effects and teacher effects of the three-level example."""
    draws = RRandom(123).normal(20)
    assert [f"{x:.7f}" for x in draws[[0, 1, 5, 6]]] == [
        "-0.5604756", "-0.2301775", "1.7150650", "0.4609162",
    ]  # fmt: skip


def test_draws_go_on_where_they_stopped():
    stream, whole = RRandom(7), RRandom(7).normal(9)
    parts = np.concatenate([stream.normal(4), stream.normal(5)])
    np.testing.assert_array_equal(parts, whole)


def test_seeds_of_more_than_32_bits_are_refused():
    with pytest.raises(ValueError, match="32 bits"):
        RRandom(2**31)


def test_quantiles_agree_with_another_algorithm():
    """All three branches, both sides; both algorithms claim about 16 digits."""
    p = np.concatenate([np.logspace(-300, -1, 400), np.linspace(0.1, 0.9, 401)])
    upper = 1.0 - np.logspace(-15, -1, 100)
    for probabilities in (p, upper):
        ours, theirs = normal_quantile(probabilities), ndtri(probabilities)
        np.testing.assert_allclose(ours, theirs, rtol=4e-15, atol=1e-17)


def test_quantiles_outside_the_interval_are_refused():
    with pytest.raises(ValueError, match=r"2 do not \(first: 0"):
        normal_quantile(np.array([0.5, 0.0, np.nan]))
