"""Models, groups and names that no replicate could do anything with are refused on loading."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.unit.study_files import TINY, written
from wemix_ref.errors import StudyError
from wemix_ref.simulate.replicates import run_replicates
from wemix_ref.simulate.study import load_study

KLASS = {
    **TINY["population"],
    "covariates": {
        **TINY["population"]["covariates"],
        "klass": {"level": "school", "distribution": "integers", "low": 1, "high": 3},
    },
}
GROUPS = r"levels of the population above level 1 \(school, teacher\).*found "


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"model": "y ~ x"}, r"a random term.*found none in 'y ~ x'\. Add one, such as \(1 \| sch"),
        ({"analyses": {"a": {}, "b": {"model": "y ~ 1"}}}, "a random term.*in 'y ~ 1'"),
        ({"target": {"kind": "population", "model": "y ~ x"}}, "a random term.*in 'y ~ x'"),
        ({"analyses": {"a": {"model": "y ~ x + (1 | klass)"}}}, GROUPS + "'klass'"),
        ({"analyses": {"a": {"model": "y ~ (1 | klass)", "weights": "all"}}}, GROUPS + "'klass'"),
        ({"analyses": {"a": {"model": "y ~ (1 | school/klass)"}}}, GROUPS + "'klass'"),
        ({"analyses": {"a": {"model": "y ~ (1 | student)"}}}, GROUPS + "'student'"),
        ({"analyses": {"a": {"model": "y ~ (1 | nothing)"}}}, GROUPS + "'nothing'"),
        ({"target": {"kind": "population", "model": "y ~ (1 | klass)"}}, GROUPS + "'klass'"),
        (
            {"analyses": {"a": {"model": "y ~ (1 | school)", "weights": ["teacher"]}}},
            r"analysis 'a': weights.*\(school, student\); found 'teacher'",
        ),
    ],
)
def test_a_model_that_fits_no_sample_is_refused(
    tmp_path: Path, changes: dict[str, Any], match: str
) -> None:
    path = written(tmp_path, population=KLASS, **changes)
    with pytest.raises(StudyError, match=match) as caught:
        load_study(path)
    assert "tiny.yaml" in str(caught.value)


@pytest.mark.parametrize("group", ["school", "teacher", "teacher:school", "school/teacher"])
def test_any_level_above_level_1_may_be_a_group(tmp_path: Path, group: str) -> None:
    path = written(tmp_path, analyses={"a": {"model": f"y ~ x + (1 | {group})"}})
    assert load_study(path).scenarios[0].analyses[0].fit.model.endswith(f"{group})")


def test_every_scenario_is_checked_when_the_file_is_read(tmp_path: Path) -> None:
    models = {"good": {"m": "y ~ x + (1 | school)"}, "bad": {"m": "y ~ x + (1 | klass)"}}
    sampling = {"school": {"method": "srs", "size": 4}}
    path = written(tmp_path, factors=None, scenarios=models, model="$m", sampling=sampling)
    with pytest.raises(StudyError, match=r"scenario 'bad': .*'klass'"):
        load_study(path)
    path = written(
        tmp_path, factors=None, scenarios={"good": models["good"]}, model="$m", sampling=sampling
    )
    assert load_study(path).scenarios[0].models == ("y ~ x + (1 | school)",)


BY_SCENARIO: dict[str, Any] = {
    "factors": None,
    "model": "$m",
    "scenarios": {
        "two": {"m": "y ~ x + (1 | school)"},
        "three": {"m": "y ~ x + (1 | school) + (1 | teacher)"},
    },
    "sampling": {"school": {"method": "srs", "size": 8}},
}
OF_TWO = {"(Intercept)", "x", "var school (Intercept)", "sigma2"}


def test_a_parameter_has_one_name_in_all_scenarios(tmp_path: Path) -> None:
    values = {"var school (Intercept)": 1.5, "var teacher (Intercept)": 0.25}
    target = {"kind": "parameter", "values": values}
    study = load_study(written(tmp_path, **BY_SCENARIO, target=target))
    rows = {one.name: run_replicates(study, one, [0]) for one in study.scenarios}
    assert set(rows["two"]["parameter"]) == OF_TWO
    assert set(rows["three"]["parameter"]) == OF_TWO | {"var teacher (Intercept)"}
    for name, own in rows.items():
        stated = own[own["parameter"].isin(values)]
        assert set(stated["target"]) == ({1.5} if name == "two" else {1.5, 0.25})
    # without the other scenario names leave the group out
    changes = {**BY_SCENARIO, "scenarios": {"two": BY_SCENARIO["scenarios"]["two"]}}
    alone = load_study(written(tmp_path, "alone", **changes))
    own = run_replicates(alone, alone.scenarios[0], [0])
    assert set(own["parameter"]) == {"(Intercept)", "x", "var (Intercept)", "sigma2"}


def test_scenarios_of_one_group_each_but_not_the_same_name_it(tmp_path: Path) -> None:
    models = {name: {"m": f"y ~ x + (1 | {name})"} for name in ("school", "teacher")}
    study = load_study(written(tmp_path, **{**BY_SCENARIO, "scenarios": models}))
    for one in study.scenarios:
        found = set(run_replicates(study, one, [0])["parameter"])
        assert f"var {one.name} (Intercept)" in found
        assert "var (Intercept)" not in found


@pytest.mark.parametrize("name", ["var (Intercept)", "var class (Intercept)"])
def test_a_target_by_hand_has_the_studys_name(tmp_path: Path, name: str) -> None:
    target = {"kind": "parameter", "values": {name: 1}}
    with pytest.raises(StudyError, match=r"target\.values must name parameters .*var teacher"):
        load_study(written(tmp_path, **BY_SCENARIO, target=target))


def test_rows_of_other_names_are_made_anew(tmp_path: Path) -> None:
    scenarios = BY_SCENARIO["scenarios"]
    both = load_study(written(tmp_path, **BY_SCENARIO))
    alone = {
        name: load_study(written(tmp_path, **{**BY_SCENARIO, "scenarios": {name: one}}))
        for name, one in scenarios.items()
    }
    # `three` has long names with and without the other
    same = {
        name: one.scenario(name).fingerprint == both.scenario(name).fingerprint
        for name, one in alone.items()
    }
    assert same == {"two": False, "three": True}
