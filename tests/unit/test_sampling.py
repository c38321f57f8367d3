"""Multistage samples: who is in them, with which probability and weight."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from wemix_ref.errors import StudyError
from wemix_ref.simulate.hierarchy import Hierarchy, Population, Variable
from wemix_ref.simulate.sampling import (
    EmptySample,
    draw_sample,
    sampling_spec,
)
from wemix_ref.simulate.streams import RStream, stream_of

LEVELS = ("school", "teacher", "student")
SCHOOLS, DRAWS = 8, 2000


def nested(*counts):
    """Give a hierarchy from the number of units in each unit above."""
    parents = [np.zeros(counts[0], dtype=np.int64)]
    parents += [np.repeat(np.arange(len(inside)), inside) for inside in counts[1:]]
    return Hierarchy(LEVELS[-len(counts) :], tuple(parents))


@pytest.fixture(scope="module")
def population():
    """8 schools of 2 to 4 teachers of 4 to 9 students."""
    rng = np.random.default_rng(11)
    teachers = rng.integers(2, 5, SCHOOLS)
    students = rng.integers(4, 10, teachers.sum())
    total = int(students.sum())
    u, e = rng.standard_normal(SCHOOLS), rng.standard_normal(total)
    hierarchy = nested(SCHOOLS, teachers, students)
    variables = {
        "u": Variable(0, u),
        "region": Variable(0, np.array([0.0, 1, 0, 1, 0, 1, 1, 1])),
        "low": Variable(1, np.arange(teachers.sum()) % 2 == 0),
        "girl": Variable(2, rng.random(total) < 0.5),
        "e": Variable(2, e),
        "y": Variable(2, 3.0 + hierarchy.expand(u, 0, 2) + e),
    }
    return Population(hierarchy, variables, {})


def spec_of(sampling=None, **others):
    return sampling_spec({"sampling": sampling or {}, **others}, LEVELS)


def draw(spec, population, replicate=0, **parameters):
    return draw_sample(spec, population, parameters, stream_of(5, replicate))


def assert_means(draws, expected):
    """Means over replicates (rows), all columns at once, within 5 Monte Carlo SEs."""
    draws = np.asarray(draws)
    error = draws.std(axis=0, ddof=1) / np.sqrt(len(draws))
    assert np.all(np.abs(draws.mean(axis=0) - expected) <= 5.0 * error + 1e-12)


DESIGNS = {
    "srs": {
        "school": {"method": "srs", "size": 3},
        "student": {"method": "srs", "size": "where(low, 2, 4)"},
    },
    "sampford": {
        "school": {"method": "sampford", "size": 4, "measure": "exp(strength * u)"},
        "teacher": {"method": "srs", "rate": 0.5},
        "student": {"method": "sampford", "size": 3, "measure": "exp(strength * e)"},
    },
    "pivotal": {
        "school": {"method": "pivotal", "rate": 0.5, "measure": "expit(u)"},
        "teacher": {"method": "pivotal", "size": 1, "measure": "where(low, 1, 2)"},
        "student": {"method": "pivotal", "rate": 0.4, "measure": "exp(e / 2)"},
    },
    "systematic": {
        "school": {"method": "systematic", "size": 3},
        "student": {"method": "systematic", "size": 2, "measure": "exp(e / 2)"},
    },
    "poisson": {
        "school": {"method": "poisson", "probability": "expit(1 + u)"},
        "teacher": {"method": "poisson", "rate": 0.6},
        "student": {"method": "poisson", "size": 2.5, "measure": "exp(strength * e)"},
    },
    "strata": {
        "school": {"method": "srs", "rate": "where(region == 1, 0.6, 0.34)", "strata": "region"},
        "student": {"method": "sampford", "size": 1, "measure": "exp(e)", "strata": "girl"},
    },
}


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


def test_weights_as_coded_stand_in_for_one_over_the_probability(population):
    spec = spec_of(
        {
            "school": {"method": "census", "weight": 2},
            "student": {"method": "srs", "size": 2, "weight": "count / 3"},
        }
    )
    sample = draw(spec, population)
    assert np.all(sample.conditional(0) == 2.0)
    counts = population.hierarchy.counts(2)[population.hierarchy.parents[2][sample.rows]]
    np.testing.assert_allclose(sample.conditional(2), counts / 3)
    np.testing.assert_allclose(sample.probabilities[2][sample.rows], 2 / counts)


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


def test_exact_adjustment_gives_unbiased_totals_and_none_does_not(population):
    y = population.variables["y"].values
    totals = {}
    for adjust in ("exact", "none"):
        spec = spec_of(
            DESIGNS["srs"],
            nonresponse={
                "teacher": {"probability": 0.9, "adjust": adjust},
                "student": {"probability": "expit(1 - e)", "adjust": adjust},
            },
        )
        samples = [draw(spec, population, replicate) for replicate in range(DRAWS)]
        totals[adjust] = np.array([s.unconditional(2) @ y[s.rows] for s in samples])
    assert_means(totals["exact"][:, None], [y.sum()])
    mean, error = totals["none"].mean(), totals["none"].std() / np.sqrt(DRAWS)
    assert mean + 20.0 * error < y.sum()
    counts = population.hierarchy.counts(2)[population.hierarchy.parents[2][samples[0].rows]]
    low = population.variables["low"].values[population.hierarchy.parents[2][samples[0].rows]]
    np.testing.assert_allclose(samples[0].conditional(2), counts / np.where(low, 2, 4))


def test_classes_give_respondents_the_weight_of_all_selected(population):
    """Nonresponse comes after the selection: the same draws without it show who was selected."""
    sampling = {
        "school": {"method": "sampford", "size": 6, "measure": "exp(u)"},
        "student": {"method": "srs", "size": 4},
    }
    nonresponse = {"student": {"probability": "expit(1 - e)", "adjust": "girl"}}
    all_selected = draw(spec_of(sampling), population)
    sample = draw(spec_of(sampling, nonresponse=nonresponse), population)
    assert 0 < sample.rows.size < all_selected.rows.size
    assert set(sample.rows) < set(all_selected.rows)
    girl = population.variables["girl"].values
    for value in (True, False):
        ours = sample.unconditional(2)[girl[sample.rows] == value].sum()
        theirs = all_selected.unconditional(2)[girl[all_selected.rows] == value].sum()
        np.testing.assert_allclose(ours, theirs, rtol=1e-13)
    np.testing.assert_array_equal(
        sample.probabilities[2], all_selected.probabilities[2]
    )  # of the design alone


def test_trimming_with_redistribution_keeps_the_levels_weighted_total(population):
    sampling = DESIGNS["sampford"]
    plain = draw(spec_of(sampling), population, strength=1.0)
    trimming = {"student": {"times_median": "factor", "redistribute": True}}
    parameters = {"strength": 1.0, "factor": 1.3}
    trimmed = draw(spec_of(sampling, trimming=trimming), population, **parameters)
    np.testing.assert_array_equal(plain.rows, trimmed.rows)
    bound = 1.3 * np.median(plain.conditional(2))
    cut = plain.conditional(2) > bound
    assert 0 < cut.sum() < cut.size / 2
    assert np.all(trimmed.conditional(2)[cut] == bound)
    np.testing.assert_array_equal(plain.conditional(0), trimmed.conditional(0))
    np.testing.assert_allclose(
        trimmed.unconditional(2).sum(), plain.unconditional(2).sum(), rtol=1e-13
    )


def test_trimming_is_over_the_units_of_the_level_not_over_rows(population):
    """Schools of the sample count once each, however many rows they have."""
    sampling = {"school": {"method": "sampford", "size": 5, "measure": "exp(u)"}}
    plain = draw(spec_of(sampling), population)
    trimmed = draw(spec_of(sampling, trimming={"school": {"quantile": 0.6}}), population)
    weights = plain.weights[0]
    bound = np.quantile(weights[~np.isnan(weights)], 0.6)
    assert np.nansum(weights > bound) == 2
    np.testing.assert_array_equal(trimmed.weights[0], np.minimum(weights, bound))


def test_noise_multiplies_the_weights_of_its_level_alone(population):
    sampling = DESIGNS["srs"]
    plain = draw(spec_of(sampling), population)
    noisy = draw(spec_of(sampling, noise={"school": {"cv": "0.5 * k"}}), population, k=1.0)
    np.testing.assert_array_equal(noisy.rows, plain.rows)
    np.testing.assert_array_equal(noisy.conditional(2), plain.conditional(2))
    chosen = ~np.isnan(plain.weights[0])
    factor = (noisy.weights[0] / plain.weights[0])[chosen]
    assert np.unique(factor).size == 3
    assert np.isnan(noisy.weights[0][~chosen]).all()
    draws = [
        draw(spec_of(sampling, noise={"school": {"cv": 0.5}}), population, r) for r in range(1000)
    ]
    base = SCHOOLS / 3
    assert_means([[np.nanmean(s.weights[0]) / base] for s in draws], [1.0])


BAD = [
    ({"sampling": {"class": {"method": "srs"}}}, r"`sampling` must name levels.*first: `class`"),
    ({"noise": {"pupil": {"cv": 1}}}, "`noise` must name levels"),
    ({"sampling": {"student": {"method": "sample"}}}, "must be one of census, srs.*'sample'"),
    ({"sampling": {"student": {"size": 2}}}, "`method` is missing"),
    ({"sampling": {"student": {"method": "srs", "n": 2}}}, "found `n`"),
    ({"sampling": {"student": {"method": "srs"}}}, "one of `size` and `rate`; found neither"),
    ({"sampling": {"student": {"method": "srs", "size": 1, "rate": 1}}}, "found both"),
    ({"sampling": {"student": {"method": "poisson"}}}, "or `probability`; found neither"),
    ({"sampling": {"student": {"method": "srs", "size": 1, "measure": 1}}}, "take out `measure`"),
    ({"sampling": {"student": {"method": "census", "size": 1}}}, "takes every unit; take out"),
    ({"sampling": {"student": {"method": "sampford", "size": 1}}}, "needs `measure`.*use srs"),
    (
        {"sampling": {"student": {"method": "pivotal", "probability": 0.5}}},
        "has a fixed size.*Poisson sampling takes",
    ),
    (
        {"sampling": {"student": {"method": "poisson", "probability": 0.5, "size": 2}}},
        "has its `probability` already; take out `size`",
    ),
    ({"nonresponse": {"student": {"probability": 1}}}, "`adjust` is missing"),
    ({"trimming": {"student": {"redistribute": True}}}, "one of `quantile` and.*found 0"),
    ({"trimming": {"student": {"quantile": 0.5, "times_median": 2}}}, "found 2"),
    ({"trimming": {"student": {"quantile": 0.5, "redistribute": 1}}}, "true or false; found 1"),
]  # fmt: skip


@pytest.mark.parametrize(("mapping", "message"), BAD)
def test_designs_that_say_nothing_or_too_much_are_refused(mapping, message):
    with pytest.raises(StudyError, match=message):
        sampling_spec(mapping, LEVELS)


IMPOSSIBLE = [
    ({"method": "srs", "size": 20}, r"above the units of a `teacher`.*Write min\(20, count\)"),
    ({"method": "srs", "size": 2.5}, r"size must be a whole number.*number 0, 2\.5"),
    ({"method": "srs", "size": 0}, "size must be a whole number from 1 on"),
    ({"method": "srs", "size": "1 + girl"}, "must be constant within a `teacher`; it varies in"),
    ({"method": "srs", "rate": 1.5}, r"rate must lie in \(0, 1\]"),
    ({"method": "poisson", "size": 0, "measure": 1}, "size must be positive"),
    ({"method": "poisson", "probability": "e"}, r"probability must lie in \(0, 1\].*Try expit"),
    ({"method": "poisson", "probability": 0}, "probability must lie in"),
    ({"method": "sampford", "size": 2, "measure": "e"}, r"measure `e`: must be positive.*try exp"),
    (
        {"method": "sampford", "size": 1, "measure": "exp(100 * e)"},
        "must give every unit a probability above zero",
    ),
    ({"method": "srs", "size": 2, "weight": "e"}, "weight `e`: must be positive"),
    ({"method": "srs", "size": 2, "measure": None}, "an expression must be"),
    ({"method": "srs", "size": "nobody"}, "`nobody` is not known"),
]  # fmt: skip


@pytest.mark.parametrize(("stage", "message"), IMPOSSIBLE)
def test_what_no_design_can_do_is_refused_before_anything_is_drawn(stage, message, population):
    """Also where the offending units might not have been reached: one school of eight."""
    if stage.get("measure", 1) is None:
        stage = {"method": "sampford", "size": 2, "measure": None}
    with pytest.raises(StudyError, match=message):
        draw(spec_of({"school": {"method": "srs", "size": 1}, "student": stage}), population)


def test_count_may_not_be_a_variable_too(population):
    spec = spec_of({"student": {"method": "srs", "size": "min(2, count)"}})
    with pytest.raises(StudyError, match="`count` is the number of units in a cell"):
        draw(spec, population, count=3.0)


def test_response_probabilities_are_checked(population):
    spec = spec_of(nonresponse={"student": {"probability": "e", "adjust": "none"}})
    with pytest.raises(StudyError, match=r"nonresponse of `student`.*must lie in"):
        draw(spec, population)
