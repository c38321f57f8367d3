"""Checking R against recorded answers, with an engine that passes for lme4 of two versions."""

from __future__ import annotations

import dataclasses
import json

import pytest

from tests.unit.fake_engine import SESSION, FakeEngine, drop, scale
from wemix_ref.cases import load_cases
from wemix_ref.errors import EngineError
from wemix_ref.references import check_answers, record_answers
from wemix_ref.references.answers import load_references
from wemix_ref.references.verdicts import VERDICTS
from wemix_ref.tolerances import load_tolerances

TOLERANCES = load_tolerances()
NAMES = ("sleepstudy-slope", "dyestuff-reml")


@pytest.fixture(scope="module")
def cases():
    everything = load_cases()
    return [everything[name] for name in NAMES]


def record(cases, directory, *engines, replace=False):
    for engine in engines:
        record_answers(
            cases, {engine.name: engine}, directory, TOLERANCES, session=lambda: SESSION,
            replace=replace,
        )  # fmt: skip
    return load_references(directory)


def check(cases, engine, references):
    told = check_answers(
        cases, {engine.name: engine}, references, TOLERANCES, session=lambda: SESSION
    )
    json.dumps(told, allow_nan=False)
    return told


def verdicts(told, case=None):
    """Verdicts that are not `same`, by tier, quantity and name."""
    return {
        (row["tier"], row["quantity"], row["name"]): row["verdict"]
        for row in told["numbers"]
        if row["verdict"] != "same" and case in (None, row["case"])
    }


def test_the_same_answers_are_the_same(cases, tmp_path):
    references = record(cases, tmp_path, FakeEngine("1.0"))
    told = check(cases, FakeEngine("1.0"), references)
    assert verdicts(told) == {}
    assert not told["worsened"]
    (group,) = told["by_version"]
    assert group == {
        "engine": "lme4",
        "recorded": "1.0",
        "live": "1.0",
        "cases": 2,
        "counts": {**dict.fromkeys(VERDICTS, 0), "same": len(told["numbers"])},
        "differ": 0,
    }
    assert {row["tier"] for row in told["numbers"]} == {
        "same-theta",
        "own-optimum",
        "standard-errors",
    }
    assert all(row["agreed"] and row["agrees"] for row in told["numbers"])
    assert told["session"] == SESSION
    assert told["unused"] == []
    assert told["ours"].startswith("wemix_ref ")


def test_an_engine_is_asked_for_the_recorded_theta(cases, tmp_path):
    references = record(cases, tmp_path, FakeEngine("1.0"))
    engine = FakeEngine("2.0")
    check(cases, engine, references)
    by_name = {one.name: one.answer["point"]["theta"]["values"] for one in references}
    assert engine.asked == [{f"{name}.lme4-1.0": by_name[f"{name}.lme4-1.0"]} for name in NAMES]


def test_a_number_that_no_longer_agrees_is_worsened(cases, tmp_path):
    references = record(cases, tmp_path, FakeEngine("1.0"))
    told = check(cases, FakeEngine("2.0", scale("sigma", 1 + 1e-6)), references)
    assert verdicts(told) == {("same-theta", "sigma", ""): "worsened"}
    assert told["worsened"]
    (group,) = told["by_version"]
    assert (group["recorded"], group["live"]) == ("1.0", "2.0")
    assert group["counts"]["worsened"] == group["differ"] == 2
    row = next(row for row in told["numbers"] if row["verdict"] == "worsened")
    assert row["live"] == pytest.approx(row["recorded"] * (1 + 1e-6), rel=1e-12)
    assert row["ours"] == pytest.approx(row["recorded"], rel=1e-12)
    assert (row["agreed"], row["agrees"]) == (True, False)
    assert 5.9 < row["digits"] < 6.1
    assert row["why"] == TOLERANCES.find("same-theta", "sigma").why


def test_the_same_theta_is_the_recorded_one(cases, tmp_path):
    """What an engine gives there counts, whatever it gives at its own optimum."""
    references = record(cases[:1], tmp_path, FakeEngine("1.0"))

    def change(point):
        if "label" in point:
            point["sigma"] *= 1.5

    told = check(cases[:1], FakeEngine("2.0", change), references)
    assert verdicts(told) == {("same-theta", "sigma", ""): "worsened"}

    def other(point):
        if "label" not in point:
            point["sigma"] *= 1.5

    assert verdicts(check(cases[:1], FakeEngine("2.0", other), references)) == {}


def test_a_standard_error_that_no_longer_agrees_is_worsened(cases, tmp_path):
    references = record(cases, tmp_path, FakeEngine("1.0"))
    told = check(cases, FakeEngine("2.0", scale("se_beta", 1 + 1e-6)), references)
    assert verdicts(told) == {("standard-errors", "se_beta", "(Intercept)"): "worsened"}


def test_a_number_that_is_no_longer_given_is_worsened(cases, tmp_path):
    references = record(cases, tmp_path, FakeEngine("1.0"))
    told = check(cases, FakeEngine("2.0", drop("se_beta")), references)
    assert set(verdicts(told).values()) == {"worsened"}
    assert {key[1] for key in verdicts(told)} == {"se_beta"}
    assert all(row["live"] is None for row in told["numbers"] if row["verdict"] == "worsened")
    assert told["by_version"][0]["differ"] == 0


def test_a_deviance_below_ours_is_worsened(cases, tmp_path):
    references = record(cases, tmp_path, FakeEngine("1.0"))
    told = check(cases, FakeEngine("2.0", scale("deviance", 1 - 1e-6)), references)
    assert verdicts(told)["own-optimum", "deviance", ""] == "worsened"
    assert verdicts(told)["same-theta", "deviance", ""] == "worsened"


@pytest.mark.parametrize("status", ["failed", "timeout"])
def test_an_engine_that_fails_where_it_answered_is_worsened(cases, tmp_path, status):
    references = record(cases[:1], tmp_path, FakeEngine("1.0"))
    told = check(cases, FakeEngine("2.0", status=status), references)
    assert told["worsened"]
    rows = {row["case"]: row for row in told["numbers"]}
    assert rows["sleepstudy-slope"]["verdict"] == "worsened"
    assert rows["sleepstudy-slope"]["tier"] == "answer"
    assert rows["sleepstudy-slope"]["why"] == f"made to be {status}"
    assert rows["dyestuff-reml"]["verdict"] == "new"


def test_a_refusal_is_no_number(cases, tmp_path):
    references = record(cases, tmp_path, FakeEngine("1.0"))
    told = check(cases, FakeEngine("2.0", status="refused"), references)
    assert told["numbers"] == []
    assert [one["reason"] for one in told["skipped"]] == ["made to be refused"] * 2


def test_a_known_divergence_that_agrees_now_is_fixed(cases, tmp_path):
    references = record(cases, tmp_path, FakeEngine("1.0", scale("beta", 1.01)))
    told = check(cases, FakeEngine("2.0"), references)
    assert verdicts(told) == {
        ("same-theta", "beta", "(Intercept)"): "fixed",
        ("own-optimum", "beta", "(Intercept)"): "fixed",
    }
    assert not told["worsened"]
    assert told["by_version"][0]["differ"] == 0


def test_a_known_divergence_that_stays_is_the_same(cases, tmp_path):
    references = record(cases, tmp_path, FakeEngine("1.0", scale("beta", 1.01)))
    told = check(cases, FakeEngine("2.0", scale("beta", 1.01)), references)
    assert verdicts(told) == {}
    assert told["by_version"][0]["differ"] == 4
    assert not told["worsened"]


def test_a_known_divergence_that_moves_is_changed(cases, tmp_path):
    references = record(cases, tmp_path, FakeEngine("1.0", scale("beta", 1.01)))
    told = check(cases, FakeEngine("2.0", scale("beta", 1.02)), references)
    assert set(verdicts(told).values()) == {"changed"}
    assert {key[1] for key in verdicts(told)} == {"beta"}
    assert not told["worsened"]


def test_what_was_not_recorded_is_new(cases, tmp_path):
    references = record(cases[:1], tmp_path, FakeEngine("1.0", drop("se_beta")))
    told = check(cases, FakeEngine("2.0", scale("sigma", 1.5)), references)
    own = verdicts(told, "dyestuff-reml")
    assert set(own.values()) == {"new"}
    assert verdicts(told, "sleepstudy-slope")["standard-errors", "se_beta", "Days"] == "new"
    rows = [row for row in told["numbers"] if row["case"] == "dyestuff-reml"]
    assert all(row["reference"] is row["recorded_version"] is row["agreed"] is None for row in rows)
    assert {row["agrees"] for row in rows} == {True, False}
    assert [group["recorded"] for group in told["by_version"]] == ["1.0", None]


def test_every_recorded_version_is_checked(cases, tmp_path):
    right, wrong = FakeEngine("1.0"), FakeEngine("1.1", scale("sigma", 1.5))
    references = record(cases[:1], tmp_path, right, wrong)
    told = check(cases[:1], FakeEngine("2.0"), references)
    found = {
        (row["recorded_version"], row["verdict"])
        for row in told["numbers"]
        if (row["tier"], row["quantity"]) == ("same-theta", "sigma")
    }
    assert found == {("1.0", "same"), ("1.1", "fixed")}
    assert [(g["recorded"], g["live"]) for g in told["by_version"]] == [
        ("1.0", "2.0"),
        ("1.1", "2.0"),
    ]


def test_an_answer_for_other_bytes_or_another_model_is_not_used(cases, tmp_path):
    references = record(cases[:1], tmp_path, FakeEngine("1.0"))
    path = tmp_path / "sleepstudy-slope.lme4-1.0.json"
    answer = json.loads(path.read_text())
    answer["data"]["sha256"] = "1" * 64
    path.write_text(json.dumps(answer))
    told = check(cases[:1], FakeEngine("1.0"), load_references(tmp_path))
    assert {row["verdict"] for row in told["numbers"]} == {"new"}
    assert told["unused"] == ["sleepstudy-slope.lme4-1.0"]
    reml = dataclasses.replace(cases[0], reml=True)
    told = check([reml], FakeEngine("1.0"), references)
    assert {row["verdict"] for row in told["numbers"]} == {"new"}


def test_an_engine_is_held_to_its_own_answers(tmp_path):
    """WeMix and lme4's pieces fit one model; where one is wrong, the other's record is not."""
    weighted = [load_cases()["row-weights"]]
    pieces = FakeEngine("1.0", name="lme4-weighted")
    wemix = FakeEngine("4.0", scale("sigma", 1.5), name="wemix")
    references = record(weighted, tmp_path, pieces, wemix)
    told = check(weighted, pieces, references)
    assert {row["reference"] for row in told["numbers"]} == {"row-weights.lme4-weighted-1.0"}
    assert told["unused"] == ["row-weights.wemix-4.0"]
    told = check(weighted, wemix, references)
    assert {row["recorded_version"] for row in told["numbers"]} == {"4.0"}
    assert verdicts(told) == {}


def test_digits_come_from_the_record_where_it_has_them(cases, tmp_path):
    record(cases[:1], tmp_path, FakeEngine("1.0", scale("sigma", 1.5)))
    path = tmp_path / "sleepstudy-slope.lme4-1.0.json"
    answer = json.loads(path.read_text())
    engine = FakeEngine("2.0", scale("sigma", 1.5 + 1e-6))
    told = check(cases[:1], engine, load_references(tmp_path))
    assert verdicts(told) == {("same-theta", "sigma", ""): "changed"}
    for entry in answer["recording"]["expected"]:
        if entry["quantity"] == "sigma":
            entry["digits"][""] = 5.0
    path.write_text(json.dumps(answer))
    assert verdicts(check(cases[:1], engine, load_references(tmp_path))) == {}
    del answer["recording"]
    path.write_text(json.dumps(answer))
    told = check(cases[:1], engine, load_references(tmp_path))
    assert verdicts(told) == {("same-theta", "sigma", ""): "changed"}
    # twelve by the tolerance, where the record does not say
    engine = FakeEngine("2.0", scale("sigma", 1.5 * (1 + 1e-13)))
    assert verdicts(check(cases[:1], engine, load_references(tmp_path))) == {}


def at_the_optimum(rise, ses=0.0):
    """An engine's optimum that lies higher, its slope off by so many standard errors of 1.502."""

    def change(point):
        if "label" not in point:
            point["deviance"] += rise
            point["beta"]["Days"] += ses * 1.502

    return change


def at_own(told):
    """Verdicts at the own optimum. A record moved off it is wrong at its theta, which is fixed."""
    return {key: verdict for key, verdict in verdicts(told).items() if key[0] == "own-optimum"}


SLOPE = ("own-optimum", "beta", "Days")
OPTIMUM = ("own-optimum", "deviance", "")


def test_a_risen_optimum_does_not_excuse_its_estimates(cases, tmp_path):
    """One deviance above the minimum an estimate may be a standard error off, and is worse."""
    references = record(cases[:1], tmp_path, FakeEngine("1.0"))
    told = check(cases[:1], FakeEngine("2.0", at_the_optimum(1.0, 0.5)), references)
    assert verdicts(told) == {OPTIMUM: "worsened", SLOPE: "worsened"}
    row = next(row for row in told["numbers"] if row["name"] == "Days" and not row["agrees"])
    assert (row["agreed"], row["agrees"]) == (True, False)
    assert told["by_version"][0]["differ"] == 1
    # as a new answer the comparison takes it: it knows of no better one of the engine's
    (tmp_path / "other").mkdir()
    (other,) = record(cases[:1], tmp_path / "other", FakeEngine("2.0", at_the_optimum(1.0, 0.5)))
    differing = other.answer["recording"]["differing"]
    assert {number["tier"] for number in differing} == {"same-theta"}


def test_an_optimum_may_rise_within_the_room_and_its_estimates_with_it(cases, tmp_path):
    references = record(cases[:1], tmp_path, FakeEngine("1.0"))
    engine = FakeEngine("2.0", at_the_optimum(0.9e-5, 0.9 * (0.9e-5**0.5)))
    assert verdicts(check(cases[:1], engine, references)) == {}
    # above the room the estimates have no more than it
    engine = FakeEngine("2.0", at_the_optimum(2e-5, 0.9 * (0.9e-5**0.5)))
    assert verdicts(check(cases[:1], engine, references)) == {OPTIMUM: "worsened"}
    engine = FakeEngine("2.0", at_the_optimum(2e-5, 1.2 * (1e-5**0.5)))
    told = check(cases[:1], engine, references)
    assert verdicts(told) == {OPTIMUM: "worsened", SLOPE: "worsened"}


def test_a_risen_optimum_fixes_no_estimate(cases, tmp_path):
    """What was wrong at the minimum is not right because the optimiser stops earlier now."""
    references = record(cases[:1], tmp_path, FakeEngine("1.0", at_the_optimum(0.0, 0.5)))
    told = check(cases[:1], FakeEngine("2.0", at_the_optimum(1.0, 0.4)), references)
    assert at_own(told) == {OPTIMUM: "worsened", SLOPE: "changed"}


def test_an_optimum_that_falls_to_ours_is_the_same(cases, tmp_path):
    references = record(cases[:1], tmp_path, FakeEngine("1.0", at_the_optimum(0.5, 0.3)))
    assert at_own(check(cases[:1], FakeEngine("2.0"), references)) == {}


def test_fewer_digits_than_the_record_expects_are_worsened(cases, tmp_path):
    record(cases[:1], tmp_path, FakeEngine("1.0"))
    path = tmp_path / "sleepstudy-slope.lme4-1.0.json"
    answer = json.loads(path.read_text())
    for entry in answer["recording"]["expected"]:
        if (entry["tier"], entry["quantity"]) == ("standard-errors", "se_beta"):
            entry["digits"]["Days"] = 13.0
            entry["why"] = "Made to be so."
    path.write_text(json.dumps(answer))

    def change(point):
        point["se_beta"]["Days"] *= 1 + 5e-12

    told = check(cases[:1], FakeEngine("2.0", change), load_references(tmp_path))
    assert verdicts(told) == {("standard-errors", "se_beta", "Days"): "worsened"}
    assert told["worsened"]
    row = next(row for row in told["numbers"] if row["verdict"] == "worsened")
    assert row["agrees"]
    assert (row["expected"], row["why"]) == (13.0, "13 digits are expected. Made to be so.")
    assert 11 < row["digits_ours"] < 12


def test_an_engine_that_leaves_the_recorded_theta_out_is_an_error(cases, tmp_path):
    references = record(cases[:1], tmp_path, FakeEngine("1.0"))

    class Forgetful(FakeEngine):
        def fit(self, problem, thetas, *, timeout):  # noqa: ARG002
            return super().fit(problem, {}, timeout=timeout)

    with pytest.raises(EngineError, match=r"must evaluate at the recorded theta; lme4 did not"):
        check(cases[:1], Forgetful("1.0"), references)


def test_shipped_answers_serve_as_references(project_root):
    references = load_references(project_root / "resources" / "recorded")
    assert {one.engine for one in references} == {"lme4", "wemix"}
    by_name = {one.name: one for one in references}
    case = load_cases()["sleepstudy-l2-slope-unweighted"]
    told = check([case], FakeEngine("2.0"), references)
    assert set(verdicts(told, case.name).values()) <= {"new"}
    assert sum(row["verdict"] == "same" for row in told["numbers"]) > 8
    assert {row["reference"] for row in told["numbers"]} == {case.name}
    assert by_name[case.name].version == "1.1.31"
    assert len(told["unused"]) == len(references) - 1
