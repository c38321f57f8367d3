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


def test_samples_are_those_r_draws():
    """R 4.2.2: set.seed(42), then one after another the calls named here."""
    stream = RRandom(42)
    recorded = {
        "sample.int(10)": (stream.sample(10, 10), [1, 5, 10, 8, 2, 4, 6, 9, 7, 3]),
        "sample.int(10, 4)": (stream.sample(10, 4), [8, 7, 4, 1]),
        "sample.int(65536, 5)": (
            stream.sample(65536, 5),
            [64110, 31130, 59247, 64809, 5403],
        ),
        "sample.int(65537, 5)": (stream.sample(65537, 5), [29293, 48340, 25436, 259, 481]),
        "sample.int(1, 1)": (stream.sample(1, 1), [1]),
        "sample.int(20000000, 6)": (
            stream.sample(20_000_000, 6),
            [1547422, 19558287, 8910116, 9543277, 248034, 14058417],
        ),
    }
    for call, (found, expected) in recorded.items():
        assert (found + 1).tolist() == expected, call
    # print(runif(1), digits = 17): as many words were used as R uses
    assert stream.uniform(1)[0] == 0.6756072745192796


def test_bernoulli_draws_are_those_r_draws():
    """R 4.2.2, after the calls above: rbinom(12, 1, c(0, .3, 1, .5, .7, .95)); runif(1)."""
    stream = RRandom(42)
    for N, n in ((10, 10), (10, 4), (65536, 5), (65537, 5), (1, 1), (20_000_000, 6)):
        stream.sample(N, n)
    stream.uniform(1)
    draws = stream.bernoulli(np.tile([0, 0.3, 1, 0.5, 0.7, 0.95], 2))
    assert draws.astype(int).tolist() == [0, 1, 1, 1, 1, 1, 0, 0, 1, 0, 0, 1]
    assert stream.uniform(1)[0] == 0.24054473964497447


def test_a_large_sample_of_very_many_has_no_item_twice():
    """R 4.2.2: set.seed(3); y <- sample.int(10000001, 30000).

    cat(sum(as.numeric(y) * seq_along(y)), runif(1)) gives what is expected here. Some 45 of the
    draws meet an item that was drawn before.
    """
    stream = RRandom(3)
    drawn = stream.sample(10_000_001, 30_000) + 1
    assert len(set(drawn.tolist())) == 30_000
    assert (drawn * np.arange(1, 30_001)).sum() == 2235647324805545
    assert stream.uniform(1)[0] == 0.40063624386675656


def test_samples_are_subsets_and_all_alike():
    counts = np.zeros((6, 3))
    stream = RRandom(1)
    draws = 4000
    for _ in range(draws):
        drawn = stream.sample(6, 3)
        assert len(set(drawn.tolist())) == 3
        counts[drawn, np.arange(3)] += 1
    # each item is at each place with probability 1/6
    limit = 4.5 * np.sqrt(draws * (1 / 6) * (5 / 6))
    assert np.abs(counts - draws / 6).max() < limit
    assert stream.sample(5, 0).size == 0


@pytest.mark.parametrize(("N", "n"), [(3, 4), (3, -1)])
def test_impossible_samples_are_refused(N, n):
    with pytest.raises(ValueError, match="N = 3 items"):
        RRandom(1).sample(N, n)
