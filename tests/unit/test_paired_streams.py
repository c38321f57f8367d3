"""Which streams populations and samples are drawn from: keys as documented, shared where said."""

from __future__ import annotations

from copy import deepcopy

import numpy as np
import pandas as pd
import pytest
import yaml

from wemix_ref.simulate.draws import Draws
from wemix_ref.simulate.populations import draw_population
from wemix_ref.simulate.sampling import draw_sample
from wemix_ref.simulate.streams import RStream, stream_of
from wemix_ref.simulate.study import load_study

SCENARIOS = ("informative-false", "informative-true")
FOR_R = {"student": {"method": "srs", "size": "where(informative, 4, 3)"}}


@pytest.fixture
def study(project_root, tmp_path):
    tiny = yaml.safe_load((project_root / "tests" / "workflow" / "tiny-study.yaml").read_text())

    def make(kind="superpopulation", schools=12, **changes):
        content = {**deepcopy(tiny), **changes}
        content["population"]["kind"] = kind
        content["population"]["levels"]["school"]["size"] = schools
        path = tmp_path / "tiny.yaml"
        path.write_text(yaml.safe_dump(content, sort_keys=False))
        return load_study(path)

    return make


def by_hand(study, name, of_population, of_sample):
    """A population and a sample from streams that are given."""
    scenario = study.scenario(name)
    population = draw_population(scenario.population, scenario.parameters, of_population)
    sample = draw_sample(scenario.sampling, population, scenario.parameters, of_sample)
    return population.frame(), population.frame(sample.rows)


def drawn(study, name, replicate):
    one = Draws(study, study.scenario(name)).draw(replicate)
    return one.population.frame(), one.frame


def assert_same(one, other):
    for mine, theirs in zip(one, other, strict=True):
        pd.testing.assert_frame_equal(mine, theirs, check_exact=True)


@pytest.mark.parametrize("name", SCENARIOS)
@pytest.mark.parametrize("replicate", [0, 7])
def test_keys_are_the_scenario_the_replicate_and_0_or_1(study, name, replicate):
    read = study(seed=5)
    streams = (stream_of(5, name, replicate, last) for last in (0, 1))
    assert_same(drawn(read, name, replicate), by_hand(read, name, *streams))


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_finite_population_has_a_key_without_scenario_and_replicate(study, name):
    read = study(kind="finite", seed=5)
    key = read.scenario(name).population_key
    for replicate in (0, 7):
        streams = (stream_of(5, "population", key), stream_of(5, name, replicate, 1))
        assert_same(drawn(read, name, replicate), by_hand(read, name, *streams))


def test_finite_populations_differ_where_seed_or_description_do(study):
    whole = [
        drawn(study(kind="finite", **changes), SCENARIOS[0], 0)[0]
        for changes in ({}, {"seed": 12}, {"schools": 13})
    ]
    first = [tuple(frame["e"].iloc[:3]) for frame in whole]
    assert len(set(first)) == 3


@pytest.mark.parametrize("name", SCENARIOS)
def test_rs_stream_is_one_and_begins_anew_in_each_replicate(study, name):
    read = study(generator={"R": 40}, sampling=FOR_R)
    for replicate in (0, 7):
        one = RStream(40 + replicate)
        assert_same(drawn(read, name, replicate), by_hand(read, name, one, one))


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_finite_population_takes_rs_first_seed_for_itself(study, name):
    read = study(kind="finite", generator={"R": 40}, sampling=FOR_R)
    for replicate in (0, 7):
        streams = (RStream(40), RStream(40 + replicate + 1))
        assert_same(drawn(read, name, replicate), by_hand(read, name, *streams))


def test_studies_that_differ_in_the_sampling_have_the_same_populations(study):
    one, other = study(), study(sampling=FOR_R)
    for name in SCENARIOS:
        populations = [drawn(read, name, 2) for read in (one, other)]
        pd.testing.assert_frame_equal(populations[0][0], populations[1][0], check_exact=True)
        assert len(populations[0][1]) != len(populations[1][1])


def test_replicates_do_not_depend_on_those_drawn_before(study):
    read = study()
    draws = Draws(read, read.scenario(SCENARIOS[1]))
    before = [draws.draw(replicate) for replicate in (0, 1, 2)]
    again = Draws(read, read.scenario(SCENARIOS[1])).draw(2)
    pd.testing.assert_frame_equal(before[2].frame, again.frame, check_exact=True)
    for name, weights in again.weights.items():
        np.testing.assert_array_equal(before[2].weights[name], weights)
