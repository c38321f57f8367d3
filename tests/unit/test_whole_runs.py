"""Whole runs are held against each other file by file."""

from __future__ import annotations

import json
import shutil
import subprocess

import pytest

from wemix_ref.reliability import whole_runs
from wemix_ref.reliability.whole_runs import (
    RUNS,
    MadeAgain,
    WholeRun,
    _hashes,
    _run_in,
    differing,
    same_in_whole_runs,
)
from wemix_ref.stamps import Stamp, write_stamped


def test_a_file_that_differs_or_is_not_there_is_named(tmp_path):
    for run in ("one", "other"):
        for name in ("tables/numbers.csv", "logs/a.log", "studies/s/timing/x/1.json", "fits/a.csv"):
            path = tmp_path / run / name
            path.parent.mkdir(parents=True)
            path.write_text("1")
    one, other = (_hashes(tmp_path / run) for run in ("one", "other"))
    assert set(one) == {"tables/numbers.csv", "fits/a.csv"}
    assert differing(one, other) == []
    (tmp_path / "other" / "tables" / "numbers.csv").write_text("1.0000000000000002")
    (tmp_path / "other" / "fits" / "a.csv").unlink()
    (tmp_path / "other" / "logs" / "a.log").write_text("2")
    assert differing(one, _hashes(tmp_path / "other")) == ["fits/a.csv", "tables/numbers.csv"]


def test_runs_are_on_one_two_and_eight_cores_with_jobs_of_several_sizes():
    assert {run.cores for run in RUNS} == {1, 2, 8}
    assert len({run.chunk for run in RUNS}) == 3
    assert any(run.first for run in RUNS)


def test_one_run_is_in_a_fresh_clone_and_none_is_what_it_is_held_against():
    assert [run.clone for run in RUNS].count(True) == 1
    assert not RUNS[0].clone


def provenance(folder, git="aaa", version="1.0", chunk="1", content="1"):
    """Hashes of results with nothing but a provenance."""
    folder.mkdir()
    step = {"made": "tables", "from": {f"chunks/{chunk}": chunk}, "files": {"a.csv": content}}
    made_with = {"git": git, "versions": {"numpy": version}}
    told = {"config": {"chunk": chunk}, "made_with": made_with, "steps": [step]}
    (folder / "provenance.json").write_text(json.dumps(told))
    return _hashes(folder)


@pytest.mark.parametrize(
    ("changed", "counts"),
    [
        ({"git": None}, False),
        ({"chunk": "7"}, False),
        ({"version": "1.1"}, True),
        ({"content": "2"}, True),
    ],
)
def test_a_provenance_is_compared_but_for_the_commit_and_the_chunks(tmp_path, changed, counts):
    one = provenance(tmp_path / "one")
    other = provenance(tmp_path / "other", **changed)
    assert differing(one, other) == (["provenance.json"] if counts else [])


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    if not shutil.which("git"):
        pytest.skip("git is not here")
    for name in ("src/a.py", "Snakefile", "README.md", "resources/reliability/bits.json"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("1\n")
    own = ("-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false")
    for words in (["init", "--quiet"], ["add", "."], [*own, "commit", "--quiet", "-m", "One."]):
        subprocess.run(["git", "-C", str(tmp_path), *words], check=True)
    monkeypatch.setattr(whole_runs, "PROJECT", tmp_path)
    return tmp_path


def test_a_clone_is_what_runs_here_where_all_is_committed(checkout):
    assert whole_runs._uncommitted() == ""


@pytest.mark.parametrize(
    ("name", "counts"),
    [
        ("src/a.py", True),
        ("Snakefile", True),
        ("src/new.py", True),
        ("resources/new.json", True),
        ("README.md", False),
        ("resources/reliability/bits.json", False),
        ("resources/reliability/input.json", False),
    ],
)
def test_what_no_clone_would_have_is_noticed(checkout, name, counts):
    (checkout / name).write_text("2\n")
    told = "there are changes that are not committed" if counts else ""
    assert whole_runs._uncommitted() == told


def test_without_git_there_is_no_clone(tmp_path, monkeypatch):
    monkeypatch.setattr(whole_runs, "PROJECT", tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    if shutil.which("git"):
        assert whole_runs._uncommitted() == "the project is no checkout of git"
    monkeypatch.setenv("PATH", str(tmp_path))
    assert whole_runs._uncommitted() == "git is not here"


class Stands:
    """Stands for a project whose runs end at once, and notes the configuration that each saw."""

    def __init__(self, place, good=True):
        self.place, self.good, self.seen = place, good, []
        self.config = place / "config" / "config.yaml"
        self.config.parent.mkdir(parents=True)
        self.config.write_text("a: 1\nchunk: null\n")

    def clear(self):
        shutil.rmtree(self.place / "results", ignore_errors=True)

    def start(self, *goals, cores):
        self.seen.append((self.config.read_text(), goals, cores))

    def finish(self, _child):
        if not self.good:
            raise RuntimeError("it failed")
        (self.place / "results").mkdir(exist_ok=True)
        (self.place / "results" / "a.csv").write_text("1")

    def verify(self):
        self.seen.append((self.config.read_text(), ("verify",), 1))
        return MadeAgain(1, 1, "")


def test_a_run_sees_its_chunk_and_the_configuration_is_put_back(tmp_path):
    project = Stands(tmp_path)
    _run_in(project, WholeRun("one", cores=8, chunk=7, first=("results/a.csv",)))
    assert [seen[0] for seen in project.seen] == ["a: 1\nchunk: 7\n"] * 3
    goals = [seen[1] for seen in project.seen]
    assert goals == [("results/a.csv",), whole_runs._GOALS, ("verify",)]
    assert [seen[2] for seen in project.seen] == [8, 8, 1]
    assert project.config.read_text() == "a: 1\nchunk: null\n"


def test_the_configuration_is_put_back_where_a_run_fails(tmp_path):
    project = Stands(tmp_path, good=False)
    with pytest.raises(RuntimeError, match="it failed"):
        _run_in(project, WholeRun("one", chunk=7))
    assert project.seen[0][0] == "a: 1\nchunk: 7\n"
    assert project.config.read_text() == "a: 1\nchunk: null\n"


def test_a_configuration_without_a_chunk_is_refused(tmp_path):
    project = Stands(tmp_path)
    project.config.write_text("chunk: 5\n")
    with pytest.raises(RuntimeError, match="must have `chunk: null`"):
        _run_in(project, WholeRun("one"))


def said(files, *differ):
    differences = [{"file": name, "where": "", "found": "1", "expected": "2"} for name in differ]
    return json.dumps({"equal": not differ, "files": files, "differences": differences})


def test_files_that_were_made_again_and_stamps_are_counted(tmp_path):
    stamp = Stamp({"a": "0"}, {"wemix_ref": "1"})
    write_stamped(tmp_path / "a.csv", "x\n1\n", stamp)
    write_stamped(tmp_path / "b.html", "<title>b</title><main></main>", stamp)
    (tmp_path / "c.json").write_text("{}")
    files = ["a.csv", "a.csv.stamp.json", "b.html", "c.json"]
    assert MadeAgain.of(said(files), "", tmp_path) == MadeAgain(4, 2, "")
    found = MadeAgain.of(said(files, "b.html", "b.html", "surplus.csv"), "", tmp_path)
    assert (found.equal, found.stamped) == (3, 2)
    assert found.wrong == "2 files differ from what is made again (first: b.html)"
    assert MadeAgain.of(said([]), "", tmp_path).wrong == "nothing was made again"
    found = MadeAgain.of("", "Traceback\nno results\n", tmp_path)
    assert found == MadeAgain(0, 0, "it could not be verified: no results")


def test_a_run_whose_files_cannot_be_made_again_is_not_as_it_must_be(tmp_path, monkeypatch):
    answers = iter(
        [
            ({"a.csv": "1"}, MadeAgain(3, 2, "")),
            ({"a.csv": "1"}, MadeAgain(2, 2, "1 files differ from what is made again")),
            ({"a.csv": "2"}, MadeAgain(3, 2, "")),
        ]
    )
    monkeypatch.setattr(whole_runs, "Project", lambda *_: None)
    monkeypatch.setattr(whole_runs, "_run_in", lambda *_: next(answers))
    rows = same_in_whole_runs(tmp_path, lambda _: None, [WholeRun(name) for name in "abc"])
    assert [row[:4] for row in rows] == [("a", 1, 3, 2), ("b", 1, 2, 2), ("c", 1, 3, 2)]
    assert [row[-1] for row in rows] == [
        "",
        "1 files differ from what is made again",
        "1 files differ (first: a.csv)",
    ]


def test_a_clone_that_is_not_what_runs_here_is_not_run_and_not_as_it_must_be(tmp_path, monkeypatch):
    monkeypatch.setattr(whole_runs, "Project", lambda *_: None)
    monkeypatch.setattr(whole_runs, "_uncommitted", lambda: "there are changes")
    (row,) = same_in_whole_runs(tmp_path, lambda _: None, [WholeRun("a", clone=True)])
    assert row == ("a", 0, 0, 0, 0.0, "not run: there are changes")
