"""Multistage samples: who is in them, with which probability."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from tests.unit.sampling_units import (
    DESIGNS,
    DRAWS,
    LEVELS,
    SCHOOLS,
    assert_means,
    draw,
    eight_schools,
    nested,
    spec_of,
)
from wemix_ref.errors import StudyError
from wemix_ref.simulate.hierarchy import Population
from wemix_ref.simulate.sampling import EmptySample, draw_sample, sampling_spec
from wemix_ref.simulate.streams import RStream


@pytest.fixture(scope="module")
def population():
    return eight_schools()


@pytest.mark.parametrize("name", DESIGNS)
def test_designs_have_their_probabilities_and_unbiased_totals(name, population):
    """Every unit of every level, given its parent, and totals of y and of ones at each level."""
    hierarchy = population.hierarchy
    spec = spec_of(DESIGNS[name])
    y = population.variables["y"].values
    in_sample, chance = [], None
    totals = []
    parents = hierarchy.parents[2]
    for replicate in range(DRAWS):
        try:
            sample = draw(spec, population, replicate, strength=0.7)
        except EmptySample:
            in_sample.append(np.zeros(y.size))
            totals.append([0.0, 0.0])
            continue
        weight = sample.unconditional(2)
        totals.append([weight @ y[sample.rows], weight.sum()])
        found = np.zeros(y.size)
        found[sample.rows] = 1.0
        in_sample.append(found)
        # probabilities are those of the population: they never change from draw to draw
        known = sample.probabilities[2]
        chance = known if chance is None else np.where(np.isnan(chance), known, chance)
        both = ~np.isnan(known)
        np.testing.assert_array_equal(known[both], chance[both])
        expected = 1.0 / sample.probabilities[2][sample.rows]
        np.testing.assert_allclose(sample.conditional(2), expected, rtol=1e-15)
    assert_means(totals, [y.sum(), y.size])
    # unconditional probability of each student: the product along the tree
    schools, teachers = probabilities_above(spec, population)
    expected = chance * hierarchy.expand(teachers * schools[hierarchy.parents[1]], 1, 2)
    assert parents.size == expected.size
    error = np.sqrt(expected * (1.0 - expected) / DRAWS)
    assert np.all(np.abs(np.mean(in_sample, axis=0) - expected) <= 5.0 * error + 1e-12)


def probabilities_above(spec, population):
    """Conditional probabilities of schools and teachers, gathered from several draws."""
    gathered = [np.full(population.hierarchy.size(level), np.nan) for level in (0, 1)]
    for replicate in range(200):
        try:
            sample = draw(spec, population, replicate, strength=0.7)
        except EmptySample:
            continue
        for level in (0, 1):
            known = sample.probabilities[level]
            gathered[level] = np.where(np.isnan(known), gathered[level], known)
    return gathered


def test_probabilities_are_those_of_the_formula(population):
    sample = draw(spec_of(DESIGNS["sampford"]), population, strength=0.3)
    measure = np.exp(0.3 * population.variables["u"].values)
    np.testing.assert_allclose(sample.probabilities[0], 4 * measure / measure.sum(), rtol=1e-14)
    hierarchy = population.hierarchy
    counts = hierarchy.counts(1)
    # half of the teachers, rounded half up
    expected = np.floor(counts / 2 + 0.5) / counts
    known = ~np.isnan(sample.probabilities[1])
    np.testing.assert_allclose(
        sample.probabilities[1][known], expected[hierarchy.parents[1]][known], rtol=1e-15
    )
    chosen = ~np.isnan(sample.weights[0])
    assert chosen.sum() == 4
    np.testing.assert_array_equal(known, chosen[hierarchy.parents[1]])


def test_unconditional_weights_are_products(population):
    sample = draw(spec_of(DESIGNS["pivotal"]), population)
    conditional = [sample.conditional(level) for level in range(3)]
    assert all(np.all(w >= 1.0) for w in conditional)
    np.testing.assert_array_equal(sample.unconditional(0), conditional[0])
    np.testing.assert_allclose(sample.unconditional(2), np.prod(conditional, axis=0), rtol=1e-15)
    school = population.hierarchy.ancestor(2, 0)[sample.rows]
    np.testing.assert_array_equal(conditional[0], sample.weights[0][school])


def test_a_level_not_named_is_a_census(population):
    sample = draw(spec_of(), population)
    assert sample.rows.tolist() == list(range(population.hierarchy.size(2)))
    assert all(np.all(weights == 1.0) for weights in sample.weights)


def test_strata_have_their_own_rates(population):
    """3 schools in region 0, 5 in region 1: 0.34 * 3 rounds to 1, 0.6 * 5 is 3."""
    region = population.variables["region"].values
    for replicate in range(20):
        sample = draw(spec_of(DESIGNS["strata"]), population, replicate)
        chosen = ~np.isnan(sample.weights[0])
        assert [np.sum(chosen & (region == value)) for value in (0, 1)] == [1, 3]
        np.testing.assert_allclose(
            sample.weights[0][chosen], np.where(region == 0, 3, 5 / 3)[chosen]
        )


def test_take_depends_on_the_cluster(population):
    sample = draw(spec_of(DESIGNS["srs"]), population)
    hierarchy = population.hierarchy
    teacher = hierarchy.parents[2][sample.rows]
    found = np.bincount(teacher, minlength=hierarchy.size(1))
    schools = ~np.isnan(sample.weights[0])[hierarchy.parents[1]]
    low = population.variables["low"].values
    np.testing.assert_array_equal(found, np.where(schools, np.where(low, 2, 4), 0))
    counts = hierarchy.counts(2)
    np.testing.assert_allclose(sample.conditional(2), (counts / np.where(low, 2, 4))[teacher])


def test_count_is_the_number_of_units_in_the_cell(population):
    spec = spec_of({"student": {"method": "srs", "size": "min(4, count)", "strata": "girl"}})
    sample = draw(spec, population)
    girl = population.variables["girl"].values
    cell = 2 * population.hierarchy.parents[2] + girl
    counts = np.bincount(cell)
    assert counts.max() > 4
    np.testing.assert_array_equal(
        np.bincount(cell[sample.rows], minlength=counts.size), np.minimum(counts, 4)
    )


@pytest.mark.parametrize(("rate", "size"), [(0.25, 3), (0.24, 2), (0.01, 1), (0.285, 3), (1, 10)])
def test_rates_are_rounded_half_up_and_take_at_least_one(rate, size):
    population = Population(nested(2, [10, 10]), {}, {})
    spec = sampling_spec({"sampling": {"student": {"method": "srs", "rate": rate}}}, LEVELS[1:])
    sample = draw(spec, population)
    assert sample.rows.size == 2 * size


def test_a_rate_just_below_half_by_rounding_alone_goes_up():
    """0.285 * 100 is 28.499999999999996 in binary."""
    population = Population(nested(1, [100]), {}, {})
    spec = sampling_spec({"sampling": {"student": {"method": "srs", "rate": 0.285}}}, LEVELS[1:])
    assert draw(spec, population).rows.size == 29


def test_groups_left_empty_are_not_in_the_sample():
    """Students at random with probability 0.2: teachers, then schools, fall out."""
    population = Population(nested(30, [2] * 30, [2] * 60), {}, {})
    spec = spec_of({"student": {"method": "poisson", "probability": 0.2}})
    sample = draw(spec, population)
    hierarchy = population.hierarchy
    for level in (0, 1):
        seen = np.unique(hierarchy.ancestor(2, level)[sample.rows])
        assert 0 < seen.size < hierarchy.size(level)
        assert np.flatnonzero(~np.isnan(sample.weights[level])).tolist() == seen.tolist()
    assert np.flatnonzero(~np.isnan(sample.weights[2])).tolist() == sample.rows.tolist()


def test_an_empty_sample_has_its_own_error():
    population = Population(nested(1, [2], [2, 2]), {}, {})
    spec = spec_of({"student": {"method": "poisson", "probability": 1e-9}})
    with pytest.raises(EmptySample, match="at least one `student`"):
        draw(spec, population)
    spec = spec_of({"school": {"method": "poisson", "probability": 1e-9}, **{
        "teacher": {"method": "sampford", "size": 1, "measure": "1 + index"},
        "student": {"method": "pivotal", "size": 1, "measure": "1 + index"},
    }})  # fmt: skip
    with pytest.raises(EmptySample):
        draw(spec, population)
    assert issubclass(EmptySample, StudyError)


def test_r_draws_are_one_call_of_sample_for_each_cluster(population):
    spec = spec_of({
        "school": {"method": "srs", "size": 3},
        "student": {"method": "srs", "size": "where(low, 2, 4)"},
    })  # fmt: skip
    sample = draw_sample(spec, population, {}, RStream(42))
    hierarchy, stream = population.hierarchy, RStream(42)
    schools = set(stream.sample(SCHOOLS, 3).tolist())
    rows, first = [], 0
    for teacher, count in enumerate(hierarchy.counts(2)):
        if hierarchy.parents[1][teacher] in schools:
            size = 2 if population.variables["low"].values[teacher] else 4
            rows += (first + stream.sample(int(count), size)).tolist()
        first += count
    assert sample.rows.tolist() == sorted(rows)


def test_r_poisson_draws_are_those_of_rbinom(population):
    spec = spec_of({"student": {"method": "poisson", "probability": "expit(e)"}})
    sample = draw_sample(spec, population, {}, RStream(7))
    p = 1.0 / (1.0 + np.exp(-population.variables["e"].values))
    assert sample.rows.tolist() == np.flatnonzero(RStream(7).bernoulli(p)).tolist()


def test_the_same_stream_gives_the_same_sample(population):
    spec = spec_of(
        DESIGNS["pivotal"],
        nonresponse={"student": {"probability": 0.8, "adjust": "exact"}},
        noise={"school": {"cv": 0.1}, "student": {"cv": 0.2}},
    )
    one, same = draw(spec, population, 3), draw(pickle.loads(pickle.dumps(spec)), population, 3)  # noqa: S301
    other = draw(spec, population, 4)
    for a, b in zip(one.weights, same.weights, strict=True):
        np.testing.assert_array_equal(a, b)
    assert one.rows.tolist() == same.rows.tolist() != other.rows.tolist()
