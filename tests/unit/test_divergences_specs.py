"""Divergences as files: read strictly, data made again, records of these very scripts."""

from __future__ import annotations

import io
import json
import re
import shutil
from dataclasses import replace

import pandas as pd
import pytest
import yaml

from wemix_ref.datasets import RESOURCES
from wemix_ref.divergences.live import PACKAGES, LiveAnswer
from wemix_ref.divergences.records import recorded_answer, write_record
from wemix_ref.divergences.samples import SAMPLES
from wemix_ref.divergences.specs import DIVERGENCES, load_divergence, load_divergences
from wemix_ref.divergences.states import PROGRAMS
from wemix_ref.errors import CaseError, EngineError
from wemix_ref.strict_yaml import PROJECT

SPECS = load_divergences()


@pytest.fixture
def place(tmp_path):
    """A copy of one divergence's files."""
    shutil.copytree(RESOURCES / "divergences", tmp_path / "resources" / "divergences")
    shutil.copy(DIVERGENCES / "offset.yaml", tmp_path / "offset.yaml")
    return tmp_path


def changed(place, change):
    """Write the copy's file after a change of its content, and read it."""
    path = place / "offset.yaml"
    content = yaml.safe_load(path.read_text())
    change(content)
    path.write_text(yaml.safe_dump(content))
    return load_divergence(path, resources=place / "resources")


def test_the_known_divergences_are_there():
    of_wemix = {
        "slash-numeric-ids",
        "group-name-prefix",
        "wald-lambda",
        "offset",
        "dots",
        "residual-names",
        "four-level-relabel",
        "grand-centring",
        "tiny-weights",
        "negative-weights",
        "singular-fit",
        "icc-slopes",
        "four-level-slash",
        "group-name-dots",
        "variance-se-unit",
    }
    assert {name for name, spec in SPECS.items() if spec.program == "WeMix"} == of_wemix
    others = {"lme4-colon-ids", "lme4-unit-of-a-slope", "lme4-precision-weights"}
    assert set(SPECS) == of_wemix | others | {"lavaan-sampling-weights"}
    assert {spec.program for spec in SPECS.values()} == set(PACKAGES) == set(PROGRAMS)


def test_the_documentation_has_each_divergence_once_with_the_recorded_version():
    text = (PROJECT / "docs" / "divergences.md").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if line.startswith("| ")]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    first = [re.match(r"\[?`?([a-z0-9-]+)", row[0]) for row in rows]
    ids = [found[1] for found in first if found is not None]
    assert all(ids.count(name) == 1 for name in SPECS)
    for row in rows:
        if (name := row[0].strip("`")) in SPECS:
            spec = SPECS[name]
            recorded = recorded_answer(spec)
            assert recorded is not None
            assert row[1].startswith(f"{spec.program} {recorded['versions'][spec.program]}"), name
            assert row[2] == spec.title
    assert not {name for name in ids if f"lme4-{name}" in SPECS}


@pytest.mark.parametrize("name", SAMPLES)
def test_data_are_what_their_recipe_makes(name):
    stored = (RESOURCES / "divergences" / name).read_text()
    made = io.StringIO()
    SAMPLES[name]().to_csv(made, index=False, lineterminator="\n")
    assert stored == made.getvalue()


def test_every_data_file_is_used_and_has_a_recipe():
    stored = {path.name for path in (RESOURCES / "divergences").glob("*.csv")}
    assert stored == set(SAMPLES) == {spec.data_file for spec in SPECS.values()}


def test_rows_are_labelled_as_r_does():
    data = SPECS["residual-names"].data
    assert list(data.index[:3]) == [1, 2, 3]
    assert not data["g"].is_monotonic_increasing


@pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS)
def test_every_divergence_has_a_record_with_versions_and_date(spec):
    record = recorded_answer(spec)
    assert record is not None
    assert spec.program in record["versions"]
    pd.Timestamp(record["date"])
    judged = {number.name for number in spec.numbers}
    assert record["error"] or judged <= set(record["values"])
    asked = {
        other
        for oracle in spec.oracles
        if oracle.by == "program"
        for other in oracle.gives.values()
    }
    assert asked <= set(record["values"])


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda c: c.update(colour="red"), "unknown key, 'colour'"),
        (lambda c: c.pop("right"), "the key 'right', which is missing"),
        (lambda c: c.update(program="SPSS"), "found 'SPSS'"),
        (lambda c: c["numbers"][0].update(quantity="anything"), "a text that matches"),
        (lambda c: c["numbers"][0].update(tolerance=0.1), "'why' is a dependency"),
        (lambda c: c["oracles"][0]["edits"].append({"delete": "y"}), "delete"),
        (lambda c: c["numbers"].append(dict(c["numbers"][0])), "stands twice"),
        (lambda c: c["oracles"][0]["gives"].update(colour="llf"), "'colour' is none of"),
        (lambda c: c.update(divergence="other"), "must be named as its divergence"),
        (lambda c: c.update(data="none-such.csv"), "none-such.csv"),
    ],
)
def test_a_file_that_makes_no_sense_is_refused(place, change, told):
    with pytest.raises(CaseError, match=told):
        changed(place, change)


def test_the_program_alone_is_no_oracle(place):
    def only_the_program(content):
        content["oracles"] = [one for one in content["oracles"] if one["by"] == "program"]

    with pytest.raises(CaseError, match="needs an oracle other than the program"):
        changed(place, only_the_program)


def test_a_directory_without_files_is_refused(tmp_path):
    with pytest.raises(CaseError, match="found none"):
        load_divergences(tmp_path)


@pytest.mark.parametrize("file", ["offset.R", "two-level.csv"])
def test_a_record_of_something_else_is_refused(place, file):
    path = place / "resources" / "divergences" / file
    path.write_text(path.read_text() + "\n")
    spec = load_divergence(place / "offset.yaml", resources=place / "resources")
    with pytest.raises(CaseError, match="Record again"):
        recorded_answer(spec)


@pytest.mark.parametrize("content", ["[", "[]", '{"schema": "other"}'])
def test_a_file_that_is_no_record_is_refused(place, content):
    spec = load_divergence(place / "offset.yaml", resources=place / "resources")
    spec.record_path.write_text(content)
    with pytest.raises(CaseError, match="record"):
        recorded_answer(spec)


def test_an_answer_is_recorded_and_read_again(place):
    spec = load_divergence(place / "offset.yaml", resources=place / "resources")
    answer = LiveAnswer(True, "", {"R": "4", "WeMix": "9"}, "C", {"slope": None}, "out", ["w"], "")
    write_record(spec, answer, "2030-01-31")
    assert recorded_answer(spec) == {**answer.plain(), "date": "2030-01-31"}
    assert json.loads(spec.record_path.read_text())["divergence"] == "offset"


def test_no_answer_is_not_recorded(place):
    spec = load_divergence(place / "offset.yaml", resources=place / "resources")
    before = spec.record_path.read_text()
    with pytest.raises(EngineError, match="R did not run: no R"):
        write_record(spec, LiveAnswer(False, "no R"), "2030-01-31")
    assert spec.record_path.read_text() == before


def test_without_a_record_there_is_none(place):
    spec = load_divergence(place / "offset.yaml", resources=place / "resources")
    spec.record_path.unlink()
    assert recorded_answer(spec) is None
    assert replace(spec, id="x").script_path.name == "x.R"
