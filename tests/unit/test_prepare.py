"""A prepared problem is the case, and a hash of sources changes with what it depends on."""

import json
import shutil

import pandas as pd
import pytest

from wemix_ref.cases import load_cases
from wemix_ref.errors import CaseError, DataError
from wemix_ref.files import write_json, write_text
from wemix_ref.fingerprint import PACKAGE, fingerprint, sources_of
from wemix_ref.prepare import problem_of, read_problem, thetas_of, write_problem

CASES = load_cases()


@pytest.mark.parametrize("name", sorted(CASES))
@pytest.mark.parametrize("engine", ["python", "lme4"])
def test_a_problem_comes_back_as_the_case_gives_it(name, engine, tmp_path):
    case = CASES[name]
    write_problem(problem_of(case), case.dataset.path, tmp_path)
    read, given = read_problem(tmp_path, engine), case.problem(engine)
    pd.testing.assert_frame_equal(read.data, given.data)
    assert {k: v for k, v in vars(read).items() if k != "data"} == {
        k: v for k, v in vars(given).items() if k != "data"
    }
    assert (tmp_path / "data.csv").read_bytes() == case.dataset.path.read_bytes()


def test_thetas_are_our_optimum_and_the_printed_one(tmp_path):
    case = CASES["sleepstudy-slope-reml"]
    write_problem(problem_of(case), case.dataset.path, tmp_path)
    printed = [float(text) for text in case.printed_theta.values()]
    assert thetas_of(tmp_path) == {"printed": printed}
    record = {"optimum": {"theta": {"values": [1.0, 0.0, 0.5]}}}
    assert thetas_of(tmp_path, record) == {"python-optimum": [1.0, 0.0, 0.5], "printed": printed}
    assert thetas_of(tmp_path, {"optimum": None}) == {"printed": printed}


def test_other_bytes_are_refused_and_nothing_is_written(tmp_path):
    case = CASES["three-level-school"]
    (tmp_path / "other.csv").write_bytes(case.dataset.path.read_bytes() + b"\n")
    with pytest.raises(DataError, match="must have the sha256"):
        write_problem(problem_of(case), tmp_path / "other.csv", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_file_of_another_schema_is_refused(tmp_path):
    (tmp_path / "problem.json").write_text(json.dumps({"schema": "other"}))
    with pytest.raises(CaseError, match="wemix-ref/problem/1"):
        read_problem(tmp_path)


def test_a_file_is_written_whole_or_not_at_all(tmp_path):
    write_text(tmp_path / "a" / "b.txt", "first")
    with pytest.raises(ValueError, match="JSON"):
        write_json(tmp_path / "a" / "b.txt", {"x": float("nan")})
    assert (tmp_path / "a" / "b.txt").read_text() == "first"
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["b.txt"]


@pytest.fixture
def package(tmp_path):
    copy = tmp_path / "wemix_ref"
    shutil.copytree(PACKAGE, copy, ignore=shutil.ignore_patterns("__pycache__"))
    return copy


ENTRIES = {
    "prepare": ("prepare",),
    "python": ("engines.python",),
    "lme4": ("engines.lme4",),
    "recorded": ("engines.recorded",),
    "compare": ("compare",),
    "report": ("report",),
}


@pytest.mark.parametrize(
    ("file", "changed"),
    [
        ("deviance.py", {"python", "compare"}),
        ("formula/parser.py", {"python", "lme4", "compare"}),
        ("engines/r/lme4.R", {"lme4"}),
        ("engines/r/wemix.R", set()),
        ("engines/recorded.py", {"recorded"}),
        ("tiers/printed.py", {"compare"}),
        ("published/judge.py", set()),
        ("published/classes.py", {"report"}),
        ("divergences/oracles.py", set()),
        ("divergences/states.py", {"report"}),
        ("cli.py", set()),
        ("errors.py", set(ENTRIES)),
    ],
)
def test_a_changed_file_changes_the_hash_of_what_depends_on_it(package, file, changed):
    before = {name: fingerprint(*modules, package=package) for name, modules in ENTRIES.items()}
    assert before == {name: fingerprint(*modules) for name, modules in ENTRIES.items()}
    with (package / file).open("a") as stream:
        stream.write("\n# changed\n")
    after = {name: fingerprint(*modules, package=package) for name, modules in ENTRIES.items()}
    assert {name for name in ENTRIES if before[name] != after[name]} == changed


def test_what_python_is_writing_beside_the_sources_changes_no_hash(package):
    before = {name: fingerprint(*modules, package=package) for name, modules in ENTRIES.items()}
    for home in (package, package / "report", package / "formula"):
        (home / "__pycache__").mkdir()
        (home / "__pycache__" / "page.cpython-311.pyc.140023").write_bytes(b"half of it")
    after = {name: fingerprint(*modules, package=package) for name, modules in ENTRIES.items()}
    assert after == before


def test_templates_belong_to_the_report():
    assert any(path.suffix == ".j2" for path in sources_of("report"))
    assert not any(path.suffix == ".j2" for path in sources_of("compare"))


def test_an_unknown_module_is_an_error():
    with pytest.raises(ValueError, match="'nothing' must be a module"):
        fingerprint("nothing")
