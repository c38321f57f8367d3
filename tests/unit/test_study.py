"""Studies read from YAML: scenarios, small versions, fingerprints, and what is refused."""

from pathlib import Path

import pytest
import yaml

from wemix_ref.errors import EngineError, StudyError
from wemix_ref.simulate.elsewhere import fit_elsewhere
from wemix_ref.simulate.replicates import run_replicates
from wemix_ref.simulate.study import load_studies, load_study

ROOT = Path(__file__).resolve().parents[2]
TINY = yaml.safe_load((ROOT / "tests" / "workflow" / "tiny-study.yaml").read_text())

EXACT = {"adjust": "exact"}


@pytest.fixture
def study(tmp_path):
    def make(name="tiny", **changes):
        content = {**TINY, **changes}
        path = tmp_path / f"{name}.yaml"
        path.write_text(
            yaml.safe_dump({k: v for k, v in content.items() if v is not None}, sort_keys=False)
        )
        return path

    return make


def test_factors_make_a_full_factorial(study):
    read = load_study(
        study(
            factors={"informative": [False, True], "take": [1, 2.5, "x-y"]},
            nonresponse={"school": {"probability": "where(take == 1, 0.5, 1)", "adjust": "none"}},
        )
    )
    assert list(read.settings) == [
        f"informative-{informative}_take-{take}"
        for informative in ("false", "true")
        for take in ("1", "2.5", "x-y")
    ]
    assert read.settings["informative-true_take-2.5"] == {"informative": True, "take": 2.5}


def test_scenarios_have_names_and_constants_go_to_all(study):
    read = load_study(
        study(
            factors=None,
            parameters={"strength": 0.5},
            noise={"school": {"cv": "strength"}},
            scenarios={"A": {"informative": True}, "B": {"informative": False, "strength": 0.1}},
        )
    )
    assert dict(read.settings) == {
        "A": {"strength": 0.5, "informative": True},
        "B": {"strength": 0.1, "informative": False},
    }


def test_without_either_there_is_one_scenario(study):
    sampling = {"school": {"method": "srs", "size": 8}}
    assert list(load_study(study(factors=None, sampling=sampling)).settings) == ["main"]


def test_a_name_with_a_dollar_stands_for_a_parameter_anywhere(study):
    sampling = {"school": {"method": "$how", "size": 8, "measure": "exp(u_school)"}}
    read = load_study(study(factors={"how": ["sampford", "pivotal"]}, sampling=sampling))
    stages = [scenario.sampling.stages[0].method for scenario in read.scenarios]
    assert stages == ["sampford", "pivotal"]
    path = study(factors={"other": [1]}, sampling=sampling)
    with pytest.raises(
        StudyError, match=r"tiny.yaml, scenario 'other-1': sampling.school.method: `\$how`.*other"
    ):
        load_study(path)


def test_chunks_cover_the_replicates_once(study):
    read = load_study(study(replicates=7, chunk=3))
    assert read.chunks() == [(0, 3), (3, 6), (6, 7)]
    assert load_study(study(replicates=7, chunk=3), chunk=7).chunks() == [(0, 7)]


def test_the_fingerprint_holds_what_replicates_depend_on_and_no_more(study):
    first = load_study(study()).scenario("informative-true").fingerprint
    same = [
        {"title": "another"},
        {"aims": "another"},
        {"replicates": 9},
        {"chunk": 2},
        {"interval": {"level": 0.9}},
        {"audit": {"replicates": 1}},
        {"factors": {"informative": [True]}},
        {"compare_with": "unweighted"},
    ]
    for changes in same:
        assert load_study(study(**changes)).scenario("informative-true").fingerprint == first
    other = [
        {"seed": 12},
        {"generator": {"R": 1}},
        {"model": "y ~ x + (1 | school)"},
        {"sampling": {"school": {"method": "srs", "size": "8 - informative"}}},
        {"noise": {"school": {"cv": 0.1}}},
        {"target": {"kind": "population"}},
        {"analyses": {"unweighted": {}}},
        {"parameters": {"other": 1}, "noise": {"school": {"cv": "other"}}},
        {"parameters": {"other": 2}, "noise": {"school": {"cv": "other"}}},
    ]
    found = [load_study(study(**c)).scenario("informative-true").fingerprint for c in other]
    assert len({first, *found}) == len(other) + 1


def test_the_order_in_the_file_is_part_of_the_fingerprint(study):
    def fingerprint(**changes):
        return load_study(study(**changes)).scenario("informative-true").fingerprint

    two = {"x": {"level": "student", "distribution": "normal"}}
    other = {"z": {"level": "student", "distribution": "normal"}}
    population = TINY["population"]
    there = fingerprint(population={**population, "covariates": {**two, **other}})
    assert there != fingerprint(population={**population, "covariates": {**other, **two}})
    turned = dict(reversed(TINY["analyses"].items()))
    assert fingerprint() != fingerprint(analyses=turned)


def test_a_finite_population_is_shared_by_scenarios_that_do_not_change_it(study):
    read = load_study(study())
    keys = {scenario.population_key for scenario in read.scenarios}
    assert len(keys) == 1
    population = {**TINY["population"], "levels": {**TINY["population"]["levels"]}}
    population["levels"]["school"] = {"size": "where(informative, 12, 13)"}
    read = load_study(study(population=population))
    assert len({scenario.population_key for scenario in read.scenarios}) == 2


def test_a_small_version_is_a_study_of_its_own(study):
    path = study(
        small={"replicates": 5, "chunk": 2, "factors": {"informative": [True]}, "audit": 1},
        audit={"replicates": 4, "engines": ["lme4"]},
    )
    both = load_studies(path.parent)
    assert list(both) == ["tiny", "tiny-small"]
    small, whole = both["tiny-small"], both["tiny"]
    assert (small.small, whole.small) == (True, False)
    assert (small.replicates, small.chunk, list(small.settings)) == (5, 2, ["informative-true"])
    assert (small.audit.replicates, small.audit.engines) == (1, ("lme4",))
    # its replicates are the first of the whole study's
    assert (
        small.scenario("informative-true").fingerprint
        == whole.scenario("informative-true").fingerprint
    )
    study(name="tiny-small")
    with pytest.raises(StudyError, match="tiny-small"):
        load_studies(path.parent)


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"scenarios": {"A": {}}}, "not both"),
        ({"factors": None, "scenarios": {"A": {"a": 1}, "B": {}}}, "'a' is not in all"),
        ({"factors": {"informative": ["a b"]}}, "names files"),
        (
            {"parameters": {"informative": True}},
            "not both; 1 do .first: 'informative'.*Take it out",
        ),
        ({"parameters": {"a": 1, "b": 2}}, r"2 are not \(first: 'a', under parameters\)"),
        *(
            ({"parameters": {name: 1}}, rf"1 are not \(first: '{name}', under parameters\)")
            for name in ("normal", "school", "size", "exp", "srs", "sampford", "count", "numpy")
        ),
        (
            {
                "parameters": {"far": 1},
                "nonresponse": {"student": {"probability": "where('far' == 'a', 1, 0.9)", **EXACT}},
            },
            r"1 are not \(first: 'far'",
        ),
        ({"sampling": {}}, r"1 are not \(first: 'informative', under factors\).*`\$informative`"),
        ({"factors": None, "scenarios": {"A": {"informative": 1, "a": 1}}}, "'a', under scenarios"),
        ({"factors": {"informative": [1, "1"]}}, "there twice"),
        ({"compare_with": "nobody"}, "compare_with.*'nobody'"),
        ({"audit": {"replicates": 1, "analyses": ["nobody"]}}, "audit.analyses.*'nobody'"),
        ({"replicates": 0}, "replicates"),
        ({"model": "y ~ x + (1 | school"}, "school"),
        ({"model": "y ~ z + (1 | school)"}, "found 'z' in"),
        ({"target": {"kind": "population", "model": "y ~ (1 | class)"}}, "found 'class' in"),
        ({"target": {"kind": "parameter", "values": {"y": 1}}}, "target.values.*found 'y'"),
        ({"generator": {"R": 2**31 - 20}}, "smaller seed"),
        (
            {"sampling": {"school": {"method": "srs", "size": "n"}}},
            r"sampling\.school\.size: `n` must",
        ),
        ({"noise": {"school": {"cv": "n"}}}, r"noise\.school\.cv: `n` must be a number or use"),
        (
            {"parameters": {"how": "most"}, "analyses": {"a": {"weights": "all", "scale": "$how"}}},
            "scale must be one of none, size, effective, gk; found 'most'",
        ),
        ({"parameters": {"how": "most"}, "analyses": {"a": {"se": "$how"}}}, "se must be one of"),
        ({"unknown": 1}, "unknown"),
        ({"analyses": {"a": {"weights": "some"}}}, "weights"),
        ({"small": {"replicates": 2, "factors": {"other": [1]}}}, "'other' is none"),
        ({"target": {"kind": "parameter", "values": {"x": "exp("}}}, r"exp\("),
    ],
)
def test_what_makes_no_sense_is_refused_with_the_files_name(study, changes, match):
    path = study(**changes)
    with pytest.raises(ValueError, match=match) as caught:
        load_study(path, small="small" in changes)
    assert "tiny.yaml" in str(caught.value)


@pytest.mark.parametrize(
    "changes",
    [
        {"noise": {"school": {"cv": "n / 10"}}},
        {"trimming": {"school": {"times_median": "2 + n"}}},
        {"nonresponse": {"student": {"probability": "where(x > n, 1, 0.5)", **EXACT}}},
        {"sampling": {"school": {"size": "where(informative, 8, 7 + n)"}}},
        {"target": {"kind": "parameter", "values": {"x": "0.5 * n"}}},
        {"population": {"levels": {"school": {"size": "12 * n"}}}},
        {"population": {"levels": {"school": {"size": {"distribution": "poisson", "mean": "n"}}}}},
        {"population": {"covariates": {"z": {"level": "school", "expression": "n * mean(x)"}}}},
        {"population": {"derived": {"z": {"level": "school", "expression": "n * mean(x)"}}}},
        {"population": {"model": {"fixed": {"x": "n"}}}},
        {"population": {"model": {"random": {"school": {"sd": ["n"]}}}}},
        {"population": {"model": {"residual": {"sd": 1, "distribution": "t", "df": "3 * n"}}}},
    ],
    ids=repr,
)
def test_a_parameter_may_be_used_in_any_expression(study, changes):
    def merged(old, new):
        if not (isinstance(old, dict) and isinstance(new, dict)):
            return new
        return old | {key: merged(old.get(key), one) for key, one in new.items()}

    use = {"sampling": {"student": {"method": "srs", "size": "where(informative, 3, 4)"}}}
    content = {**use, "parameters": {"n": 1}}
    content |= {key: merged(TINY.get(key, {}), one) for key, one in changes.items()}
    assert load_study(study(**content)).settings["informative-true"]["n"] == 1
    for section, one in use.items():
        content[section] = one
    others = {key: one for key, one in content.items() if key not in changes}
    with pytest.raises(StudyError, match="first: 'n', under parameters"):
        load_study(study(**others))


def test_what_only_one_scenario_uses_is_used(study):
    scenarios = {"A": {"size": "n", "n": 8}, "B": {"size": 7, "n": 8}}
    sampling = {"school": {"method": "srs", "size": "$size"}}
    read = load_study(study(factors=None, scenarios=scenarios, sampling=sampling))
    assert [len(one.sampling.stages[0].size.names) for one in read.scenarios] == [1, 0]


def test_an_engine_that_is_not_there_is_an_engines_error(study, monkeypatch):
    monkeypatch.setenv("WEMIX_REF_NO_R", "1")
    read = load_study(study(analyses={"a": {"engine": "lme4"}}))
    with pytest.raises(EngineError, match=r"lme4, which cannot run here: .*turned off"):
        run_replicates(read, read.scenarios[0], [0], fit_elsewhere)


def test_a_generator_is_no_parameter(study):
    with pytest.raises(StudyError, match=r"key `generator\.R` must be a whole number"):
        load_study(study(generator={"R": "$informative"}))


@pytest.mark.parametrize("small", [False, True])
@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"factors": {"q": [1]}}, r"small\.factors must name factors; 'q' is none"),
        ({"scenarios": ["A"]}, r"small\.scenarios must name scenarios; 'A' is none"),
        (
            {"factors": {"informative": [True, 1, "both"]}},
            r"factors\.informative must be values .*has \(False, True\); 2 are not.*: 1\)",
        ),
        ({"factors": {"informative": [1.0]}}, r"1 are not \(first: 1\.0\)"),
        ({"factors": {"informative": [True, True]}}, "'informative-true' is there twice"),
        ({"factors": {"informative": [{"a": 1}]}}, r"1 are not \(first: \{'a': 1\}\)"),
    ],
)
def test_a_small_version_that_is_no_part_of_the_whole_is_refused_on_loading(
    study, changes, match, small
):
    path = study(small={"replicates": 2, **changes})
    with pytest.raises(StudyError, match=match) as caught:
        load_study(path, small=small)
    assert str(caught.value).count("tiny.yaml") == 1


def test_seeds_of_a_small_version_are_checked_on_loading(study):
    path = study(generator={"R": 2**31 - 100}, small={"replicates": 200})
    with pytest.raises(StudyError, match="with 200 replicates goes beyond"):
        load_study(path)


def test_a_name_that_is_no_directory_is_refused(study):
    with pytest.raises(StudyError, match="Rename"):
        load_study(study(name="my.study"))


def test_an_unknown_scenario_is_refused(study):
    with pytest.raises(StudyError, match="informative-false, informative-true; found 'main'"):
        load_study(study()).scenario("main")


def test_studies_shipped_can_be_read():
    shipped = load_studies()
    assert set(shipped) >= {
        "school-teacher",
        "school-teacher-small",
        "two-level-informative",
        "three-level-informative",
        "three-level-informative-small",
        "published-informative",
    }
    for one in shipped.values():
        assert len(one.scenarios) == len(one.settings)
        assert len(one.chunks()) * len(one.settings) <= 500
    assert list(shipped["published-informative"].settings) == ["A", "B", "C"]
    names = [a.name for a in shipped["published-informative"].scenario("A").analyses]
    assert names == ["unweighted", "gk", "size", "total"]
