"""The search: a broken engine is found and its fault made small; the same run is the same bytes."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from tests.unit.hunt_engines import (
    Wrong,
    kinds,
    numeric_slash,
    pairs,
    prefixed,
    refuses_prefixes,
    text_order_engine,
    weights_in_text_order,
)
from wemix_ref.cli import main
from wemix_ref.engines.protocol import Availability, Problem
from wemix_ref.engines.python import PythonEngine
from wemix_ref.errors import OptionError
from wemix_ref.hunt import Hunt, hunt
from wemix_ref.hunt.answers import verdicts
from wemix_ref.hunt.filing import file_hunt, run_content
from wemix_ref.hunt.identities import IDENTITIES, apply
from wemix_ref.hunt.known import known_divergence
from wemix_ref.hunt.model import group_codes
from wemix_ref.hunt.models import random_model
from wemix_ref.hunt.plainer import FEATURES, reductions
from wemix_ref.hunt.r_script import r_script
from wemix_ref.hunt.search import by_cause
from wemix_ref.hunt.shrink import explained, needed, shrunk

SEED, N = 4, 10


@pytest.fixture(scope="module")
def broken_run() -> Hunt:
    return hunt(text_order_engine(), seed=SEED, n=N, each=2)


def test_the_search_finds_the_fault_and_its_cause(broken_run: Hunt) -> None:
    assert broken_run.cases
    for case in broken_run.cases:
        assert case.verdict.kind == "another model"
        assert "the slash" in case.needs
        assert any(name.startswith("ids of level") for name in case.needs)
        # the trigger of the divergence of WeMix that has the same fault
        engine = Wrong(weights_in_text_order, name="wemix")
        assert known_divergence(engine, case.pair, case.verdict) == "slash-numeric-ids"


def test_what_is_found_is_small_and_still_wrong(broken_run: Hunt) -> None:
    for case in broken_run.cases:
        original = random_model(SEED, case.pair.first.number)
        small = case.pair.first
        assert len(small.data) < len(original.data)
        assert len(small.data) <= 40
        assert small.levels == 3
        assert small.slopes == (None, None)
        assert small.covariates == ()
        assert kinds(text_order_engine(), [case.pair]) == {"another model"}
        assert kinds(PythonEngine(), [case.pair]) == {"same"}


def test_nothing_smaller_is_wrong_in_the_same_way(broken_run: Hunt) -> None:
    pair = broken_run.cases[0].pair
    smaller = [apply_again(pair.identity, model) for model in reductions(pair.first)]
    found = kinds(text_order_engine(), [one for one in smaller if one is not None])
    assert "another model" not in found


def apply_again(identity, model):
    one = IDENTITIES[identity]
    return apply(one, model) if one.applies(model) else None


def test_the_right_engine_is_found_nothing_against() -> None:
    run = hunt(PythonEngine(), seed=SEED, n=N, each=2)
    assert run.cases == []
    assert sum(sum(counts.values()) for counts in run.counts.values()) == 2 * N
    assert all(set(counts) <= {"same"} for counts in run.counts.values())


def test_what_is_found_depends_neither_on_processes_nor_on_the_run(broken_run: Hunt) -> None:
    one = hunt(PythonEngine(), seed=2, n=45, jobs=2)
    other = hunt(PythonEngine(), seed=2, n=45)
    assert run_content(one, {}) == run_content(other, {})
    again = hunt(text_order_engine(), seed=SEED, n=N, each=2)
    assert run_content(again, {}) == run_content(broken_run, {})


def test_two_faults_are_two_cases() -> None:
    def both(problem: Problem) -> Problem:
        return weights_in_text_order(refuses_prefixes(problem))

    engine = Wrong(both)
    plain = [p for p in pairs("relabel", numeric_slash, 8) if not prefixed(p.first)]
    asked = [*pairs("rename", prefixed, 2), *plain[:3]]
    found = [one for one in zip(asked, verdicts(engine, asked), strict=True) if one[1].found]
    assert {verdict.kind for _, verdict in found} == {"another model", "fails"}
    cases = {case.verdict.kind: case for case in by_cause(engine, found)}
    assert set(cases) == {"another model", "fails"}
    assert cases["fails"].needs == ("names of groups",)
    assert "the slash" in cases["another model"].needs
    assert [len(case.numbers) for case in cases.values()] == [
        len({pair.first.number for pair, verdict in found if verdict.kind == kind})
        for kind in cases
    ]


def test_a_model_without_an_answer_is_given_plain_names_as_well() -> None:
    number = next(k for k in range(50) if prefixed(random_model(7, k)))
    run = hunt(Wrong(refuses_prefixes), seed=7, n=number + 1)
    assert number in {k for case in run.cases for k in case.numbers}
    assert run.counts["rename"]["fails"] >= 1
    assert {case.needs for case in run.cases} == {("names of groups",)}


def test_reductions_are_smaller_models_of_the_same_kind() -> None:
    for number in range(12):
        model = random_model(9, number)
        for smaller in reductions(model):
            before = (model.levels, len(model.data), len(model.covariates))
            after = (smaller.levels, len(smaller.data), len(smaller.covariates))
            assert all(a <= b for a, b in zip(after, before, strict=True))
            counts = [len(smaller.data), *(np.unique(c).size for c in group_codes(smaller).T)]
            assert len(set(counts)) == len(counts)
            assert set(smaller.data.columns) == {
                smaller.response,
                *smaller.covariates,
                *smaller.groups,
                *(smaller.weights or ()),
            }
            assert smaller.spelling == "slash" or smaller.is_unique()


def test_features_are_plain_once_they_are_made_plain() -> None:
    for number in range(20):
        model = random_model(9, number)
        for name, without in FEATURES.items():
            plain = without(model)
            if plain is None:
                continue
            again = without(plain)
            assert again is None or again.formula == plain.formula, name
            if again is not None:
                pd.testing.assert_frame_equal(again.data, plain.data)


def test_what_a_difference_does_not_need_is_not_named(broken_run: Hunt) -> None:
    engine = text_order_engine()
    case = broken_run.cases[0]
    found = [(case.pair, case.verdict)]
    assert needed(engine, found) == [case.needs]
    assert explained(engine, case.needs, "another model", found) == [True]
    assert explained(engine, case.needs, "fails", found) == [False]
    assert explained(engine, ("the order of the rows",), "another model", found) == [False]
    pair, verdict, needs = shrunk(engine, case.pair, case.verdict)
    assert (pair.first.formula, len(pair.first.data)) == (
        case.pair.first.formula,
        len(case.pair.first.data),
    )
    assert (verdict.kind, needs) == (case.verdict.kind, case.needs)


def test_a_case_is_filed_whole(broken_run: Hunt, tmp_path: Path) -> None:
    as_r = replace(broken_run, engine="wemix")
    places = file_hunt(as_r, tmp_path / "out", {"R": "4"})
    assert len(places) == len(broken_run.cases)
    case, place = broken_run.cases[0], places[0]
    content = yaml.safe_load((place / "case.yaml").read_text())
    assert content["identity"] == case.pair.identity
    assert content["kind"] == "another model"
    assert content["differences"][0]["expected"] != content["differences"][0]["got"]
    for file, model in (("first.csv", case.pair.first), ("second.csv", case.pair.second)):
        texts = {k: str for k in model.groups if model.data[k].dtype == object}
        read = pd.read_csv(place / file, dtype=texts)
        pd.testing.assert_frame_equal(read, model.data, check_dtype=False, rtol=0, atol=0)
    script = (place / "show.R").read_text()
    assert 'read.csv("first.csv"' in script
    assert "colClasses" in script
    run = json.loads((tmp_path / "out" / "hunt.json").read_text())
    assert run["seed"] == SEED
    rows = list(csv.reader(io.StringIO(next(iter(run["cases"].values()))["first"]["data"])))
    assert len(rows) == len(case.pair.first.data) + 1


def test_there_is_no_script_for_engines_that_are_not_in_r(broken_run: Hunt) -> None:
    assert r_script("python", broken_run.cases[0].pair, ("a.csv", "b.csv")) is None


@pytest.mark.parametrize(
    "wrong", [{"seed": -1, "n": 3}, {"seed": 1, "n": 0}, {"seed": 1, "n": 3, "each": 0}]
)
def test_a_hunt_for_nothing_is_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(OptionError, match="a hunt needs"):
        hunt(PythonEngine(), **wrong)


def test_the_command_ends_with_what_was_found(monkeypatch, capsys, tmp_path) -> None:
    words = ["hunt", "--engine", "python", "--n", str(N), "--seed", str(SEED), "--each", "2"]
    assert main([*words[:3], "--n", "5", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["cases"] == {}
    assert main([*words[:3], "--n", "0"]) == 2
    assert "a hunt needs" in capsys.readouterr().err
    monkeypatch.setattr("wemix_ref.engines.get_engine", lambda _: text_order_engine())
    assert main([*words, "--out", str(tmp_path)]) == 1
    told = capsys.readouterr()
    assert "not known: another model" in told.out
    assert f"{N} of {N} models" in told.err
    assert (tmp_path / "hunt.json").is_file()


def test_cases_can_be_left_as_they_were_found(monkeypatch, capsys, tmp_path) -> None:
    monkeypatch.setattr("wemix_ref.engines.get_engine", lambda _: text_order_engine())
    words = ["hunt", "--engine", "python", "--n", str(N), "--seed", str(SEED), "--each", "2"]
    assert main([*words, "--as-found", "--out", str(tmp_path)]) == 1
    assert "shrinking" not in capsys.readouterr().err
    run = json.loads((tmp_path / "hunt.json").read_text())
    differing = sum(c.get("another model", 0) for c in run["counts"].values())
    assert len(run["cases"]) == differing >= 1
    for name, case in run["cases"].items():
        (number,) = case["models"]
        whole = random_model(SEED, number)
        assert case["needs"] == []
        assert case["first"]["formula"] == whole.formula
        assert case["first"]["n_rows"] == len(whole.data)
        assert (tmp_path / name / "case.yaml").is_file()


def test_an_engine_that_is_not_there_is_an_error(monkeypatch, capsys) -> None:
    class Absent(PythonEngine):
        def availability(self):
            return Availability(False, "R is not installed")

    monkeypatch.setattr("wemix_ref.engines.get_engine", lambda _: Absent())
    assert main(["hunt", "--engine", "wemix", "--n", "2"]) == 2
    assert "R is not installed" in capsys.readouterr().err
