"""Streams: a key fixes the bits, another key gives others; R's stream says what it lacks."""

from __future__ import annotations

import hashlib
from itertools import combinations

import numpy as np
import pytest

from wemix_ref.errors import StudyError
from wemix_ref.r_random import RRandom
from wemix_ref.simulate.distributions import COVARIATES, STANDARDISED
from wemix_ref.simulate.streams import RStream, Stream, stream_of

DRAWS = {
    "normal": lambda s: s.normal(4),
    "uniform": lambda s: s.uniform(4),
    "laplace": lambda s: s.laplace(4),
    "gamma": lambda s: s.gamma(2.5, 4),
    "t": lambda s: s.t(5.0, 4),
    "poisson": lambda s: s.poisson(np.full(4, 1e6)),
    "bernoulli": lambda s: s.bernoulli(np.full(64, 0.5)),
    "sample": lambda s: s.sample(10**6, 4),
    "permutation": lambda s: s.permutation(40),
}


@pytest.mark.parametrize("name", DRAWS)
def test_the_key_alone_fixes_the_bits(name):
    draw = DRAWS[name]
    np.random.default_rng().normal(3)
    first = draw(stream_of(7, "scenario", 12))
    np.testing.assert_array_equal(first, draw(stream_of(7, "scenario", 12)))
    for other in (
        stream_of(8, "scenario", 12),
        stream_of(7, "scenario", 13),
        stream_of(7, "scenarios", 12),
        stream_of(7, 12, "scenario"),
        stream_of(7, "scenario", 12, 0),
        stream_of(7, "scenario"),
        stream_of(7),
    ):
        assert (draw(other) != first).any()


def test_the_generator_and_the_words_of_the_key_are_those_documented():
    digest = hashlib.sha256(b"a").hexdigest()
    words = (int(digest[:8], 16), int(digest[8:16], 16), 3)
    expected = np.random.Generator(
        np.random.PCG64DXSM(np.random.SeedSequence(11, spawn_key=words))
    ).standard_normal(5)
    np.testing.assert_array_equal(stream_of(11, "a", 3).normal(5), expected)


@pytest.mark.parametrize(("seed", "key"), [(-1, ()), (1, (-1,)), (1, (2**32,))])
def test_keys_out_of_range_are_refused(seed, key):
    with pytest.raises(StudyError, match=f"found {key[0] if key else seed}"):
        stream_of(seed, *key)


def test_samples_of_all_subsets_are_alike():
    stream, counts, draws = stream_of(5), {}, 6000
    for _ in range(draws):
        drawn = tuple(sorted(stream.sample(5, 2).tolist()))
        counts[drawn] = counts.get(drawn, 0) + 1
    assert set(counts) == set(combinations(range(5), 2))
    limit = 4.5 * np.sqrt(draws * 0.1 * 0.9)
    assert max(abs(n - draws / 10) for n in counts.values()) < limit


@pytest.mark.parametrize("stream", [stream_of(1), RStream(1)])
def test_impossible_samples_are_refused(stream: Stream):
    with pytest.raises(StudyError, match="all of the 3 units; 4 are asked for"):
        stream.sample(3, 4)
    with pytest.raises(StudyError, match="-1 are asked for"):
        stream.sample(3, -1)
    assert sorted(stream.sample(3, 3).tolist()) == [0, 1, 2]


def test_bernoulli_draws_have_their_probabilities():
    p = np.repeat([0.0, 0.1, 0.8, 1.0], 20_000)
    for stream in (stream_of(2), RStream(2)):
        share = stream.bernoulli(p).reshape(4, -1).mean(axis=1)
        assert share[0] == 0.0
        assert share[3] == 1.0
        assert abs(share[1] - 0.1) < 4.5 * np.sqrt(0.09 / 20_000)
        assert abs(share[2] - 0.8) < 4.5 * np.sqrt(0.16 / 20_000)


def test_the_r_stream_is_rs():
    stream, twin = RStream(9), RRandom(9)
    np.testing.assert_array_equal(stream.normal(3), twin.normal(3))
    np.testing.assert_array_equal(stream.uniform(3), twin.uniform(3))
    np.testing.assert_array_equal(stream.sample(9, 4), twin.sample(9, 4))
    np.testing.assert_array_equal(stream.permutation(9), twin.sample(9, 9))
    p = np.linspace(0, 1, 9)
    np.testing.assert_array_equal(stream.bernoulli(p), twin.bernoulli(p))


OPTIONS = {"df": 5.0, "shape": 2.0, "low": 1.0, "high": 3.0, "p": 0.5, "mean": 1.0, "sdlog": 1.0}
GIVEN = "normal, lognormal, uniform, integers and bernoulli"


@pytest.mark.parametrize("table", [STANDARDISED, COVARIATES], ids=["standardised", "covariates"])
def test_the_r_stream_says_which_distributions_it_has(table):
    given = GIVEN.replace(" and", ",").split(", ")
    said = rf"R's generator gives draws of {GIVEN}, and samples without.*`generator: numpy`$"
    for name, distribution in table.items():
        needed = [key for key, usual in distribution.options.items() if usual is None]
        options = {key: OPTIONS[key] for key in needed}
        if name in given:
            assert distribution.draw(options, RStream(1), 3).shape == (3,)
        else:
            with pytest.raises(StudyError, match=said):
                distribution.draw(options, RStream(1), 3)


def test_seeds_that_r_does_not_take_are_refused():
    with pytest.raises(StudyError, match="32 bits"):
        RStream(2**31)
