"""Models, groups and names that no replicate could do anything with are refused on loading."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.unit.study_files import TINY, written
from wemix_ref.errors import StudyError
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
