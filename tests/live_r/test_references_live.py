"""Recording live R, and checking R against what was recorded."""

from __future__ import annotations

import json

import pytest

from wemix_ref.cli import main
from wemix_ref.engines.recorded import read_recorded
from wemix_ref.installed import r_versions
from wemix_ref.references.session import r_session

pytestmark = pytest.mark.live_r

CASES = ["--case", "dyestuff-reml", "sleepstudy-l1-weights"]
ENGINES = ["--engine", "lme4", "lme4-weighted"]


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    directory = tmp_path_factory.mktemp("recorded")
    assert main(["references", "record", str(directory), *CASES, *ENGINES]) == 0
    return directory


def check(directory, capsys, *arguments):
    code = main(["references", "check", str(directory), *arguments, *ENGINES, "--json"])
    return code, json.loads(capsys.readouterr().out)


def changed(directory, where, factor):
    """A copy of the recorded answers in which every sigma is another number."""
    where.mkdir()
    for path in directory.glob("*.json"):
        answer = json.loads(path.read_text("utf-8"))
        answer["point"]["sigma"] *= factor
        (where / path.name).write_text(json.dumps(answer), encoding="utf-8")
    return where


def test_r_tells_of_its_session():
    session = r_session()
    assert session["R"].startswith("R version ")
    assert session["collation"] == "C"
    assert {session[name] for name in ("lme4", "Matrix")} == {
        r_versions()[name] for name in ("lme4", "Matrix")
    }
    assert all(value and "/" not in value for name, value in session.items() if "LA" in name)


def test_a_file_for_each_engine_with_its_session(recorded):
    version = r_versions()["lme4"]
    names = {path.name for path in recorded.iterdir()}
    assert names == {
        f"dyestuff-reml.lme4-{version}.json",
        f"sleepstudy-l1-weights.lme4-weighted-{version}.json",
    }
    for name in names:
        recording = read_recorded(recorded / name)["recording"]
        assert recording["session"] == r_session()
        assert recording["seconds"] > 0
        assert recording["differing"] == []


def test_r_gives_the_recorded_answers_again(recorded, capsys):
    code, told = check(recorded, capsys, *CASES)
    assert code == 0
    assert {row["engine"] for row in told["numbers"]} == {"lme4", "lme4-weighted"}
    same = [row for row in told["numbers"] if row["verdict"] == "same"]
    assert len(same) == len(told["numbers"])
    assert {row["digits"] for row in same if row["tier"] == "own-optimum"} == {16.0}
    # evaluated again, not as the end of a search: the last bit may be another
    assert min(row["digits"] for row in same) > 15


def test_a_wrong_recorded_number_is_fixed_by_the_live_one(recorded, tmp_path, capsys):
    code, told = check(changed(recorded, tmp_path / "changed", 1.001), capsys, *CASES)
    assert code == 0
    found = {(row["engine"], row["quantity"], row["tier"]) for row in told["numbers"]
             if row["verdict"] == "fixed"}  # fmt: skip
    assert found >= {(engine, "sigma", "same-theta") for engine in ("lme4", "lme4-weighted")}


def test_a_live_number_that_is_wrong_is_worsened(recorded, tmp_path, capsys, monkeypatch):
    """R's answer with its sigma changed on its way: what a broken release would give."""
    from wemix_ref.engines import r_answer

    make = r_answer.make_point
    monkeypatch.setattr(
        r_answer, "make_point", lambda **a: make(**{**a, "sigma": a["sigma"] * 1.001})
    )
    code, told = check(recorded, capsys, *CASES)
    assert code == 1
    found = {row["engine"] for row in told["numbers"] if row["verdict"] == "worsened"}
    assert found == {"lme4", "lme4-weighted"}


def test_more_digits_than_r_has_are_missed(recorded, tmp_path, capsys):
    """A record that expects 12 digits of variances where an optimiser stops."""
    (tmp_path / "tampered").mkdir()
    for path in recorded.glob("sleepstudy*.json"):
        answer = json.loads(path.read_text("utf-8"))
        for entry in answer["recording"]["expected"]:
            if (entry["tier"], entry["quantity"]) == ("own-optimum", "variance"):
                entry["digits"] = dict.fromkeys(entry["digits"], 12.0)
        (tmp_path / "tampered" / path.name).write_text(json.dumps(answer), encoding="utf-8")
    code, told = check(tmp_path / "tampered", capsys, "--case", "sleepstudy-l1-weights")
    assert code == 1
    worsened = [row for row in told["numbers"] if row["verdict"] == "worsened"]
    assert {(row["tier"], row["quantity"]) for row in worsened} == {("own-optimum", "variance")}
    assert all(row["agrees"] and row["why"].startswith("12 digits are exp") for row in worsened)


def test_lme4_gives_its_shipped_answers(project_root, capsys):
    """Whichever version is here, against those of another."""
    case = ["--case", "sleepstudy-slope-reml", "pastes", "row-weights"]
    code, told = check(project_root / "resources" / "references", capsys, *case)
    assert code == 0
    assert {row["verdict"] for row in told["numbers"]} == {"same"}
    assert {row["recorded_version"] for row in told["numbers"]} == {"1.1.31"}


def test_lme4_still_gives_its_older_shipped_answer(project_root, capsys):
    case = ["--case", "sleepstudy-l2-slope-unweighted"]
    code, told = check(project_root / "resources" / "recorded", capsys, *case)
    assert code == 0
    assert {row["verdict"] for row in told["numbers"]} == {"same", "new"}
