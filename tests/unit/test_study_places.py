"""Messages say where in a study's file the mistake is, also where only a replicate shows it."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest

from tests.unit.study_files import TINY, written
from wemix_ref.cli import main
from wemix_ref.errors import StudyError
from wemix_ref.simulate.audit_study import audit_problems
from wemix_ref.simulate.replicates import run_replicates
from wemix_ref.simulate.study import load_study

SRS = {"method": "srs", "size": 2}
HALF = {"probability": 0.5, "adjust": "none"}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            {"nonresponse": {"student": {**HALF, "adjust": "xx"}}},
            r"nonresponse\.student\.adjust: `xx` must name a variable of the population \(e, u_",
        ),
        (
            {"nonresponse": {"student": {**HALF, "adjust": "informative"}}},
            r"nonresponse\.student\.adjust: `informative` must name a variable",
        ),
        (
            {"nonresponse": {"student": {**HALF, "probability": "1 / count"}}},
            r"nonresponse\.student\.probability: `1 / count` must name variables",
        ),
        (
            {"sampling": {"school": {**SRS, "strata": "u_schol"}}},
            r"sampling\.school\.strata: `u_schol` must.*'u_schol' \(did you mean 'u_school'\?",
        ),
        ({"sampling": {"school": {**SRS, "size": "1 +"}}}, r"sampling\.school\.size: `1 \+` must"),
        (
            {"nonresponse": {"student": {**HALF, "probability": "exp("}}},
            r"nonresponse\.student\.probability: `exp\(`",
        ),
        (
            {"trimming": {"school": {"quantile": "x"}}},
            r"trimming\.school\.quantile: `x` must be a n",
        ),
        (
            {"trimming": {"school": {"times_median": "3 3"}}},
            r"trimming\.school\.times_median: `3 3`",
        ),
        (
            {"noise": {"teacher": {"cv": "x"}}},
            r"noise\.teacher\.cv: `x` must be a number or use par",
        ),
        (
            {"sampling": {"school": {"method": "srs", "size": "$n"}}},
            r"sampling\.school\.size: `\$n` must name a parameter \(informative\)",
        ),
        (
            {"analyses": {"a": {"weights": "all", "se": "$n"}}},
            r"analyses\.a\.se: `\$n` must name a parameter",
        ),
        (
            {"target": {"kind": "parameter", "values": {"x": "y"}}},
            r"target\.values\.x: `y` must name parameters \(informative\); found 'y'",
        ),
        (
            {"parameters": {"x": 1}, "noise": {"school": {"cv": "x"}}},
            r"different names; 1 are both \(first: 'x'\)",
        ),
    ],
)
def test_a_mistake_in_the_design_is_told_with_its_place_on_loading(
    tmp_path: Path, changes: dict[str, Any], said: str
) -> None:
    with pytest.raises(StudyError, match=rf"tiny\.yaml, scenario 'informative-false': .*{said}"):
        load_study(written(tmp_path, **changes))


def test_a_coefficient_of_variables_is_refused_on_loading(tmp_path: Path) -> None:
    changed = copy.deepcopy(TINY["population"])
    changed["model"]["fixed"]["x"] = "u_school"
    with pytest.raises(StudyError, match=r"population\.model\.fixed\.x: `u_school` must be a num"):
        load_study(written(tmp_path, population=changed))


@pytest.mark.parametrize("name", [3, "two words"])
@pytest.mark.parametrize("section", ["sampling.student.strata", "nonresponse.student.adjust"])
def test_a_parameter_for_a_variable_must_hold_a_name(
    tmp_path: Path, name: object, section: str
) -> None:
    part, level, key = section.split(".")
    options = {**(SRS if part == "sampling" else HALF), key: "$which"}
    design = {"sampling": {}, part: {level: options}}
    path = written(tmp_path, factors=None, scenarios={"A": {"which": name}}, **design)
    with pytest.raises(StudyError, match=rf"scenario 'A': {section}: must be .*name of a variable"):
        load_study(path)


def with_negative_variance(tmp_path: Path, **changes: Any) -> Path:
    """Residuals whose standard deviation is below zero in the one or other replicate."""
    changed = copy.deepcopy(TINY["population"])
    changed["model"]["residual"] = {"sd": "3.2 + x"}
    return written(tmp_path, population=changed, **changes)


def test_a_mistake_that_a_replicate_shows_is_told_with_all_that_leads_to_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = with_negative_variance(tmp_path, audit={"replicates": 24})
    study = load_study(path)
    scenario = study.scenario("informative-true")
    first = None
    for replicate in range(24):
        try:
            run_replicates(study, scenario, [replicate])
        except StudyError as error:
            first, told = replicate, str(error)
            break
    assert first is not None
    assert first > 0
    place = (
        f"{path}, scenario 'informative-true', replicate {first}: population.model.residual.sd: "
    )
    assert told.startswith(f"{place}`3.2 + x` must be 0 or above for every `student`; ")
    with pytest.raises(StudyError) as audited:
        audit_problems(study, scenario)
    assert str(audited.value) == told
    words = ["study", "sample", str(path), "--scenario", scenario.name, "--replicate", str(first)]
    assert main(words) == 2
    assert capsys.readouterr().err == f"wemix-ref: {told}\n"


def test_a_target_that_a_population_does_not_have_is_told_with_its_replicate(
    tmp_path: Path,
) -> None:
    changed = copy.deepcopy(TINY["population"])
    changed["covariates"]["z"] = {"level": "student", "expression": "2 * x"}
    path = written(
        tmp_path,
        population=changed,
        target={"kind": "population", "model": "y ~ x + z + (1|school)"},
    )
    study = load_study(path)
    with pytest.raises(StudyError, match=r"scenario 'informative-true', replicate 3: the target's"):
        run_replicates(study, study.scenario("informative-true"), [3])
    target = {"kind": "parameter", "values": {"x": "1 / informative"}}
    study = load_study(written(tmp_path, target=target))
    with pytest.raises(StudyError, match=r"replicate 3: target\.values\.x: `1 / informative` must"):
        run_replicates(study, study.scenario("informative-false"), [3])
