"""Recording answers: what a file holds, where it comes from, and that none is lost."""

from __future__ import annotations

import dataclasses
import json
import math
import re

import pytest

import wemix_ref
from tests.unit.fake_engine import SESSION, FakeEngine, drop, scale
from wemix_ref import files
from wemix_ref.cases import load_cases
from wemix_ref.engines import get_engine, validate_record
from wemix_ref.engines.recorded import read_recorded
from wemix_ref.errors import EngineError, OptionError
from wemix_ref.references import record_answers
from wemix_ref.references.answers import PROGRAMS, load_references
from wemix_ref.references.judge import ROOM, digits_expected, expectations
from wemix_ref.tiers.ours import Ours
from wemix_ref.tolerances import load_tolerances

TOLERANCES = load_tolerances()
DATE = "2026-01-02T03:04:05+00:00"


@pytest.fixture(scope="module")
def cases():
    return load_cases()


def record(cases, directory, *engines, **others):
    return record_answers(
        cases,
        {engine.name: engine for engine in engines},
        directory,
        TOLERANCES,
        session=lambda: SESSION,
        now=lambda: DATE,
        **others,
    )


def test_a_file_says_what_was_computed_by_whom_from_what(cases, tmp_path):
    case = cases["sleepstudy-slope"]
    told = record([case], tmp_path / "new" / "place", FakeEngine("1.2.3"))
    path = tmp_path / "new" / "place" / "sleepstudy-slope.lme4-1.2.3.json"
    assert told == {
        "written": [
            {
                "file": path.name,
                "case": "sleepstudy-slope",
                "engine": "lme4",
                "version": "1.2.3",
                "seconds": 1.235,
                "n_differing": 0,
            }
        ],
        "skipped": [],
        "failed": [],
    }
    answer = read_recorded(path)
    assert answer["name"] == path.stem
    assert answer["data"] == {"file": "sleepstudy.csv", "sha256": case.dataset.sha256}
    assert answer["model"] == {
        "formula": case.formula,
        "weights": None,
        "conditional_weights": False,
        "reml": False,
        "center_group": None,
        "center_grand": None,
    }
    assert answer["computed_by"] == {
        "software": "lme4",
        "version": "1.2.3",
        "versions": {"R": "9.9.9", "lme4": "1.2.3"},
        "control": "default",
        "formula_given": "Reaction ~ Days + (Days | Subject)",
    }
    recording = answer["recording"]
    expected = recording.pop("expected")
    assert recording == {
        "case": "sleepstudy-slope",
        "engine": "lme4",
        "date": DATE,
        "seconds": 1.235,
        "session": SESSION,
        "messages": [],
        "ours": f"wemix_ref {wemix_ref.__version__}",
        "differing": [],
    }
    digits = {(one["tier"], one["quantity"]): min(one["digits"].values()) for one in expected}
    assert digits["same-theta", "deviance"] == 12.0
    assert digits["own-optimum", "deviance"] == pytest.approx(8.24)
    assert digits["standard-errors", "se_beta"] == 11.0
    assert 0 < digits["own-optimum", "beta"] < 12
    assert ("own-optimum", "theta") not in digits
    assert all(len(one["why"]) > 20 for one in expected)


def test_the_engine_recorded_reads_what_is_written(cases, tmp_path):
    problem = cases["dyestuff-reml"].problem()
    record([cases["dyestuff-reml"]], tmp_path, FakeEngine("1.2.3"))
    engine = get_engine("recorded", recorded_dir=tmp_path)
    found = engine.fit(problem, {}, timeout=1.0).record
    validate_record(found)
    assert found["status"] == "ok"
    assert found["message"] == "recorded answer of lme4 1.2.3"
    theirs = FakeEngine().fit(problem, {}, timeout=1.0).record["optimum"]
    assert found["optimum"] == json.loads(json.dumps(theirs))


def test_what_differs_from_ours_is_named(cases, tmp_path):
    told = record([cases["dyestuff-reml"]], tmp_path, FakeEngine("1", scale("sigma", 1.5)))
    assert told["written"][0]["n_differing"] == 1
    (differing,) = load_references(tmp_path)[0].answer["recording"]["differing"]
    theirs, ours = differing.pop("theirs"), differing.pop("ours")
    assert differing == {"tier": "same-theta", "quantity": "sigma", "name": ""}
    assert theirs == pytest.approx(1.5 * ours)


def test_digits_are_expected_of_each_number(cases, tmp_path):
    """At the own optimum they follow from the standard error and the room that a rise has."""
    record([cases["sleepstudy-slope"]], tmp_path, FakeEngine("1", drop("variance_components")))
    reference = load_references(tmp_path)[0]
    # room 1e-5 and the rounding 1.75e-7 of the deviance: sqrt(1.02e-5) = 3.2e-3 standard errors
    for name, value, se in (("(Intercept)", 251.405, 6.632), ("Days", 10.467, 1.502)):
        assert reference.expected("same-theta", "beta", name)[0] == 12.0
        digits, why = reference.expected("own-optimum", "beta", name)
        assert digits == pytest.approx(math.log10(value / (3.2e-3 * se)), abs=0.06)
        assert "quadratic" in why
    digits, why = reference.expected("own-optimum", "deviance", "")
    assert 1751.939 * 10**-digits == pytest.approx(ROOM, rel=0.02)
    assert why.startswith("The optimum must not rise by more than 1e-05 from one version to the n")
    assert reference.expected("own-optimum", "beta", "nobody") is None
    assert reference.expected("own-optimum", "nothing", "") is None


def test_an_optimum_of_a_large_deviance_may_rise_by_its_rounding(cases, tmp_path):
    record([cases["sleepstudy-slope"]], tmp_path, FakeEngine("1", scale("deviance", 1e6)))
    digits, _ = load_references(tmp_path)[0].expected("own-optimum", "deviance", "")
    assert digits == 10.0


@pytest.mark.parametrize(
    "entry",
    [
        {"tier": "same-theta", "quantity": "sigma", "digits": 12.0, "why": "a number, no names"},
        {"tier": "same-theta", "quantity": "sigma", "digits": {"": "many"}, "why": "no number"},
        {"tier": "same-theta", "quantity": "sigma", "digits": {"": 12.0}},
        "twelve",
    ],
)
def test_expected_digits_of_another_form_are_refused(cases, tmp_path, entry):
    record([cases["dyestuff"]], tmp_path, FakeEngine("1"))
    path = tmp_path / "dyestuff.lme4-1.json"
    answer = json.loads(path.read_text())
    answer["recording"]["expected"] = [entry]
    path.write_text(json.dumps(answer))
    with pytest.raises(EngineError, match=r"dyestuff.lme4-1.json: recording.expected must list"):
        load_references(tmp_path)


def test_answers_of_several_directories_are_one_list(cases, tmp_path):
    for version, place in (("1", tmp_path / "a"), ("2", tmp_path / "b")):
        record([cases["dyestuff"]], place, FakeEngine(version))
    found = load_references(tmp_path / "b", tmp_path / "a")
    assert [one.version for one in found] == ["2", "1"]


def test_wemix_is_given_its_own_formula(cases, tmp_path):
    case = next(case for case in cases.values() if case.wemix_formula and "wemix" in case.engines)
    record([case], tmp_path, FakeEngine("4.0.9", name="wemix"))
    answer = read_recorded(tmp_path / f"{case.name}.wemix-4.0.9.json")
    assert answer["computed_by"]["software"] == "WeMix"
    assert answer["computed_by"]["version"] == "4.0.9"
    given = "".join(answer["computed_by"]["formula_given"].split())
    assert given == "".join(case.wemix_formula.split())
    assert answer["model"]["formula"] == case.formula
    record([case], tmp_path, FakeEngine("1.0", name="lme4-weighted"))
    answer = read_recorded(tmp_path / f"{case.name}.lme4-weighted-1.0.json")
    assert "".join(answer["computed_by"]["formula_given"].split()) == "".join(case.formula.split())


def test_nothing_is_replaced_unless_asked(cases, tmp_path):
    two = [cases["dyestuff-reml"], cases["dyestuff"]]
    record(two[:1], tmp_path, FakeEngine("1"))
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(OptionError, match=r"1 of 2 are there \(first: .*dyestuff-reml.lme4-1"):
        record(two, tmp_path, FakeEngine("1", scale("sigma", 2.0)))
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
    record(two, tmp_path, FakeEngine("1", scale("sigma", 2.0)), replace=True)
    after = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert len(after) == 2
    assert after["dyestuff-reml.lme4-1.json"] != before["dyestuff-reml.lme4-1.json"]


def test_another_version_stands_beside(cases, tmp_path):
    for version in ("1", "2"):
        record([cases["dyestuff"]], tmp_path, FakeEngine(version))
    assert [one.version for one in load_references(tmp_path)] == ["1", "2"]


def test_a_file_is_whole_or_not_there(cases, tmp_path, monkeypatch):
    def stop(*_args):
        raise OSError("no space left")

    monkeypatch.setattr(files.os, "fdopen", stop)
    with pytest.raises(OSError, match="no space left"):
        record([cases["dyestuff"]], tmp_path, FakeEngine("1"))
    assert list(tmp_path.iterdir()) == []


def test_a_failed_fit_is_told_and_not_recorded(cases, tmp_path):
    told = record([cases["dyestuff"]], tmp_path, FakeEngine(status="timeout"))
    assert told["failed"] == [
        {"case": "dyestuff", "engine": "lme4", "reason": "timeout: made to be timeout"}
    ]
    assert told["written"] == []
    assert list(tmp_path.iterdir()) == []


def test_who_is_not_here_is_skipped_with_the_reason(cases, tmp_path):
    two = [cases["dyestuff"], cases["unit-weights"]]
    told = record(two, tmp_path, FakeEngine("1"), FakeEngine(name="wemix", here=False))
    assert [one["case"] for one in told["written"]] == ["dyestuff"]
    assert told["skipped"] == [
        {"case": "unit-weights", "engine": "wemix", "reason": "made not to be here"}
    ]


def test_precision_weights_are_not_recorded(cases, tmp_path):
    two = [cases["dyestuff"], cases["row-weights-precision"]]
    told = record(two, tmp_path, FakeEngine("1"))
    (skipped,) = told["skipped"]
    assert (skipped["case"], skipped["engine"]) == ("row-weights-precision", "lme4")
    assert "another model" in skipped["reason"]


@pytest.mark.parametrize(
    ("engine", "message"),
    [
        (FakeEngine(here=False), r"none is \(lme4: made not to be here\)"),
        (FakeEngine(name="wemix"), r"some case must ask .* \(wemix\); none does"),
    ],
)
def test_without_anything_to_record_it_is_an_error(cases, tmp_path, engine, message):
    with pytest.raises(EngineError, match=message):
        record([cases["dyestuff"]], tmp_path, engine)


def test_the_estimator_must_answer(cases, tmp_path):
    class Other(FakeEngine):
        def fit(self, problem, thetas, *, timeout):
            good = dataclasses.replace(problem, formula=cases["dyestuff"].formula)
            return super().fit(good, thetas, timeout=timeout)

    broken = dataclasses.replace(cases["dyestuff"], formula="Yield ~ Nowhere + (1|Batch)")
    with pytest.raises(EngineError, match="the estimator must answer case dyestuff; it failed: "):
        record([broken], tmp_path, Other())


def test_a_record_that_breaks_the_schema_is_an_error(cases, tmp_path):
    def spoil(point):
        point["sigma"] = -1.0

    with pytest.raises(EngineError, match="optimum/sigma"):
        record([cases["dyestuff"]], tmp_path, FakeEngine("1", spoil))


def test_a_directory_without_answers_is_an_error(tmp_path):
    with pytest.raises(EngineError, match="must hold recorded answers of lme4, lme4-weighted, WeM"):
        load_references(tmp_path)


def test_answers_of_other_software_are_left_alone(cases, tmp_path):
    record([cases["dyestuff"]], tmp_path, FakeEngine("1"))
    answer = read_recorded(tmp_path / "dyestuff.lme4-1.json")
    answer["computed_by"]["software"] = "Stata"
    (tmp_path / "stata.json").write_text(json.dumps(answer))
    assert [one.name for one in load_references(tmp_path)] == ["dyestuff.lme4-1"]


def test_names_of_software_are_those_that_tolerances_know(project_root):
    assert {program.software.lower() for program in PROGRAMS.values()} == set(PROGRAMS)
    readme = (project_root / "resources" / "recorded" / "README.md").read_text("utf-8")
    members = set(re.findall(r"^\| `(\w+)`", readme, re.MULTILINE))
    assert members == {"data", "model", "computed_by", "point", "recording"}


def test_shipped_answers_are_as_record_writes_them(cases, project_root):
    """One for each case and engine in R, with the digits that are expected now."""
    references = load_references(project_root / "resources" / "references")
    by_place = {(one.answer["recording"]["case"], one.engine) for one in references}
    wanted = {
        (case.name, engine)
        for case in cases.values()
        for engine in PROGRAMS
        if engine in case.engines and case.problem(engine).precision_weights is None
    }
    assert by_place == wanted
    for one in references:
        recording = one.answer["recording"]
        case = cases[recording["case"]]
        assert one.name == f"{case.name}.{one.engine}-{one.version}"
        assert one.serves(case.problem(one.engine)), one.name
        assert one.is_of_these_data(case.problem(one.engine)), one.name
        assert {"date", "seconds", "session", "messages", "differing"} <= recording.keys()
        assert recording["differing"] == []
        assert recording["session"]["R"].startswith("R version ")


def test_shipped_digits_are_those_of_the_tolerances(cases, project_root):
    name = "sleepstudy-l1-weights"
    for one in load_references(project_root / "resources" / "references"):
        if one.answer["recording"]["case"] == name:
            problem = cases[name].problem(one.engine)
            fitted = get_engine("python").fit_many([(problem, {})], timeout=0.0)[0].record
            ours = Ours(problem, fitted["optimum"]["theta"]["values"])
            expected = digits_expected(ours, one.engine, one.answer["point"], TOLERANCES)
            assert one.answer["recording"]["expected"] == expectations(expected)
