"""Scenarios from a file's content: whose value counts, and what a small version changes."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from wemix_ref.errors import StudyError
from wemix_ref.simulate.scenarios import settings_of, small_version
from wemix_ref.simulate.study import load_study

PATH = Path("a.yaml")
WHOLE = {
    "replicates": 400,
    "chunk": 50,
    "factors": {"size": [5, 10], "how": ["a", "b"]},
    "audit": {"replicates": 4, "engines": ["lme4"]},
    "published": {"file": "p.json"},
    "small": {"replicates": 8},
}


def test_a_scenarios_own_value_goes_before_the_constant():
    content = {"parameters": {"size": 7, "strength": 0.5}, "scenarios": {"A": {"size": 5}, "B": {}}}
    assert settings_of(content, PATH) == {
        "A": {"size": 5, "strength": 0.5},
        "B": {"size": 7, "strength": 0.5},
    }
    by_factor = settings_of({"parameters": {"strength": 0.5}, "factors": {"size": [5]}}, PATH)
    assert by_factor == {"size-5": {"strength": 0.5, "size": 5}}
    assert settings_of({"parameters": {"strength": 0.5}}, PATH) == {"main": {"strength": 0.5}}


def test_a_small_version_changes_what_it_says_and_no_more():
    small = small_version(WHOLE, PATH)
    # printed numbers are of the whole study's replicates
    assert small == {
        "replicates": 8,
        "chunk": 50,
        "factors": WHOLE["factors"],
        "audit": WHOLE["audit"],
    }
    assert WHOLE["published"] == {"file": "p.json"}
    changes = {"replicates": 8, "chunk": 4, "audit": 1, "factors": {"how": ["b"]}}
    assert small_version({**WHOLE, "small": changes}, PATH) == {
        "replicates": 8,
        "chunk": 4,
        "factors": {"size": [5, 10], "how": ["b"]},
        "audit": {"replicates": 1, "engines": ["lme4"]},
    }


def test_a_small_version_has_the_scenarios_that_it_names():
    content = {
        "replicates": 9,
        "scenarios": {"A": {"n": 1}, "B": {"n": 2}, "C": {"n": 3}},
        "small": {"replicates": 2, "scenarios": ["C", "A"], "audit": 1},
    }
    assert small_version(content, PATH) == {
        "replicates": 2,
        "scenarios": {"C": {"n": 3}, "A": {"n": 1}},
        "audit": {"replicates": 1},
    }
    with pytest.raises(StudyError, match="'D' is none"):
        small_version({**content, "small": {"replicates": 2, "scenarios": ["A", "D"]}}, PATH)
    with pytest.raises(StudyError, match="there is none"):
        small_version({"replicates": 9}, PATH)


@pytest.fixture
def study(project_root, tmp_path):
    tiny = yaml.safe_load((project_root / "tests" / "workflow" / "tiny-study.yaml").read_text())

    def make(**changes):
        path = tmp_path / "tiny.yaml"
        content = {key: value for key, value in {**tiny, **changes}.items() if value is not None}
        path.write_text(yaml.safe_dump(content, sort_keys=False))
        return load_study(path)

    return make


def test_a_job_has_a_hundred_replicates_where_the_file_does_not_say(study):
    assert study(chunk=None, replicates=250).chunks() == [(0, 100), (100, 200), (200, 250)]


def test_scenarios_of_the_same_parameters_are_made_from_something_else(study):
    # the name decides the streams
    same = {"A": {"informative": True}, "B": {"informative": True}}
    one, other = study(factors=None, scenarios=same).scenarios
    assert one.parameters == other.parameters
    assert one.fingerprint != other.fingerprint
    assert one.population_key == other.population_key


def test_finite_populations_of_other_seeds_have_other_keys(study):
    sampling = {"student": {"method": "srs", "size": "where(informative, 3, 4)"}}
    keys = [
        study(sampling=sampling, **changes).scenarios[0].population_key
        for changes in ({}, {"seed": 12}, {"generator": {"R": 1}}, {"generator": {"R": 2}})
    ]
    assert len(set(keys)) == 4
