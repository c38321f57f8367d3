"""Some faults of each kind, put into jobs, records, R and a run; the long run has hundreds."""

from __future__ import annotations

import copy
import os
import random
import shutil
import signal
import subprocess
import sys
import time

import pytest

from wemix_ref.cases import load_cases
from wemix_ref.engines.r_answer import _not_finite, result_of
from wemix_ref.engines.r_process import RReply, _ended
from wemix_ref.engines.record import raise_if_killed, validate_record
from wemix_ref.errors import EngineError
from wemix_ref.reliability import faults, r_faults, workflow_faults
from wemix_ref.reliability.fault_study import STUDY
from wemix_ref.reliability.faults import KINDS, Bench
from wemix_ref.reliability.wemix_faults import WEMIX_KINDS
from wemix_ref.running import job
from wemix_ref.times import set_to_now


@pytest.fixture(scope="module")
def bench(tmp_path_factory):
    return Bench(tmp_path_factory.mktemp("faults"))


@pytest.mark.parametrize("kind", ["killed at a random moment", "disk full", "folder read-only"])
def test_a_fault_is_told_once_and_the_next_run_has_the_same_bytes(bench, kind):
    outcome = KINDS[kind](bench, random.Random(1))
    assert outcome.wrong == ""
    assert outcome.struck


@pytest.mark.parametrize("seed", range(20))
def test_what_is_no_number_is_never_written(bench, seed):
    outcome = KINDS["NaN or infinity from an engine"](bench, random.Random(seed))
    assert outcome.wrong == ""


@pytest.mark.live_r
@pytest.mark.parametrize("kind", list(r_faults.R_KINDS))
def test_faults_of_r_are_statuses_with_reasons(kind):
    outcome = r_faults.R_KINDS[kind](random.Random(1))
    assert outcome.wrong == ""


@pytest.mark.live_r
@pytest.mark.parametrize("kind", list(WEMIX_KINDS))
def test_faults_of_wemix_are_statuses_with_reasons(kind):
    outcome = WEMIX_KINDS[kind](random.Random(1))
    assert outcome.wrong == ""
    assert outcome.struck


def test_what_a_run_tells_of_a_failed_job_is_judged():
    good = "\nError in rule x:\n log: results/logs/x.log\nits cause\n"
    assert workflow_faults._told(good, "its cause") == ""
    assert "told of it 2 times" in workflow_faults._told(good + "its cause", "its cause")
    assert "cause is not told" in workflow_faults._told(good, "another")
    assert workflow_faults._told(good.replace("log", ""), "its cause") == "the log is not named"
    ours = good + "Traceback\n src/wemix_ref/x.py\n"
    assert workflow_faults._told(ours, "its cause") == "a traceback of ours"
    refused = good + "OSError: [Errno 28] No space left on device\n"
    assert "cause is not told" in workflow_faults._told(refused, "R ended without an answer")


@pytest.mark.parametrize("number", [28, 30])
def test_what_a_run_tells_of_a_disk_that_refused_it_is_judged(number):
    told = workflow_faults._told_by_the_disk
    job = "\nError in rule x:\n log: results/logs/x.log\n"
    cause = f"must have room and write its files; it said: [Errno {number}] no\n"
    assert told(job + cause, number) == ""
    assert "cause is not told" in told(job, number)
    snakemakes = f"OSError: [Errno {number}] no\n"
    assert told(job + snakemakes, number) == ""
    assert told("snakemake/scheduling\n" + snakemakes, number) == ""
    assert told(snakemakes, number) == "the log is not named"
    assert "cause is not told" in told(job + "OSError: [Errno 5] no\n", number)


class Runs(workflow_faults.WorkflowBench):
    """A bench whose runs write at once what the goal makes, and are counted."""

    def __init__(self, place):
        self.place, self.runs = place, 0
        study = place / "config" / "studies" / "faults.yaml"
        study.parent.mkdir(parents=True)
        study.write_text(STUDY)
        self.finish(self.start())
        self.expected = self.bytes()

    def start(self, *_words, **_options):
        self.runs += 1
        for name in ("performance.csv", "chunks/a/0000000-0000004.parquet", "timing/a/1.json"):
            path = self.place / "results" / "studies" / "faults" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("1")

    def finish(self, _child):
        return ""


def test_what_one_kind_leaves_is_no_other_bytes_for_the_next(tmp_path):
    bench = Runs(tmp_path)
    assert set(bench.expected) == {"performance.csv", "chunks/a/0000000-0000004.parquet"}
    audit = tmp_path / "results" / "studies" / "faults" / "audits" / "a.csv"
    audit.parent.mkdir()
    audit.write_text("made by R")
    assert bench.again(unlock=False) == ""
    (tmp_path / "results" / "studies" / "faults" / "other.csv").write_text("1")
    assert bench.again(unlock=False) == "other bytes after the re-run"
    before = bench.runs
    outcome = workflow_faults.inputs_of_the_future(bench, random.Random(1))
    assert outcome.wrong == ""
    assert bench.runs == before + 2
    assert not audit.exists()


def test_files_of_the_future_are_set_to_now_and_told(tmp_path):
    old, new, folder = tmp_path / "old", tmp_path / "new", tmp_path / "folder"
    folder.mkdir()
    for path in (old, new, folder / "x"):
        path.write_text("x")
    now = time.time()
    for path in (new, folder / "x"):
        os.utime(path, (now + 10**6, now + 10**6))
    os.utime(old, (now - 10**6, now - 10**6))
    told = set_to_now([tmp_path, tmp_path / "nowhere"])
    assert told.startswith(f"2 files are of the future (first: {new})")
    assert abs(new.stat().st_mtime - now) < 60
    assert old.stat().st_mtime == pytest.approx(now - 10**6, abs=1)
    assert set_to_now([tmp_path]) == ""


def test_a_file_that_goes_while_times_are_read_is_none_of_the_future(tmp_path, monkeypatch):
    (tmp_path / "gone").write_text("x")
    monkeypatch.setattr("wemix_ref.times.os.walk", lambda _: [(tmp_path, [], ["gone", "never"])])
    assert set_to_now([tmp_path]) == ""


@pytest.mark.parametrize(
    ("signal_name", "killed"), [("SIGKILL", True), ("SIGTERM", True), ("SIGSEGV", False)]
)
def test_a_fit_that_was_killed_is_not_kept_and_one_that_crashed_is(signal_name, killed):
    reply = _ended(-getattr(signal, signal_name), 0.1)
    assert signal_name in reply.message
    problem = load_cases()["dyestuff"].problem("lme4")
    result = result_of(reply, problem, "lme4", [], "model")
    assert result.record["status"] == "failed"
    if not killed:
        raise_if_killed(result)
        return
    with pytest.raises(EngineError, match=f"lme4 must come to its end.*dyestuff.*{signal_name}"):
        raise_if_killed(result)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
@pytest.mark.parametrize("name", ["theta", "deviance", "beta", "sigma"])
def test_an_answer_that_is_no_number_is_a_failed_fit(name, value):
    named = {"names": ["a"], "values": [1.0]}
    point = {"theta": dict(named), "deviance": [1.0], "beta": dict(named), "sigma": [1.0],
             "se_beta": [float("nan")]}  # fmt: skip
    answer = {"optimum": point, "at": [copy.deepcopy(point)]}
    assert _not_finite(answer, ["here"]) == []
    at = answer["at"][0]
    at[name] = {"names": ["a"], "values": [value]} if isinstance(at[name], dict) else [value]
    assert _not_finite(answer, ["here"]) == [f"at here: {name}, {value}"]
    problem = load_cases()["dyestuff"].problem("lme4")
    record = result_of(RReply("ok", "", answer, 0.1), problem, "lme4", ["here"], "model").record
    assert record["status"] == "failed"
    assert f"must be finite; R gave 1 that are not (first: at here: {name}" in record["message"]
    validate_record(record)


def test_other_bytes_and_other_words_would_be_noticed(bench):
    out = bench.fresh()
    shutil.copytree(bench.place / "run-1", out)
    assert bench.bytes(out) == bench.expected
    path = out / "performance.csv"
    path.write_text(path.read_text() + "\n")
    expected = bench.expected
    found = bench.bytes(out)
    assert sorted(n for n in expected if found[n] != expected[n]) == ["performance.csv"]
    log = bench.log(out)
    assert faults._told_once(f"ready\nOSError: no space. Log: {log}\n", log) == ""
    assert faults._told_once(f"a\nb {log}\n", log) == "told in 2 lines"
    assert "log is not named" in faults._told_once("OSError: no space\n", log)
    assert faults._told_once(f"Traceback\n{log}\n", log) == "a traceback on stderr"


def test_a_refusal_of_the_system_is_one_message_with_the_log(tmp_path, capsys):
    log = tmp_path / "logs" / "one.log"
    with pytest.raises(SystemExit) as ended, job(log):
        raise OSError(28, "No space left on device", "results/x.parquet")
    assert ended.value.code == 1
    told = capsys.readouterr().err
    assert told.count("\n") == 1
    assert "No space left on device: 'results/x.parquet'" in told
    assert str(log) in told
    assert "Traceback" in log.read_text()


def test_a_log_that_cannot_be_made_is_one_message(tmp_path, capsys):
    (tmp_path / "logs").write_text("a file, not a folder")
    with pytest.raises(SystemExit), job(tmp_path / "logs" / "one.log"):
        raise AssertionError("the work must not begin")
    told = capsys.readouterr().err
    assert told.count("\n") == 1
    assert "cannot be written" in told


def test_two_runs_in_one_folder_the_second_is_refused(tmp_path):
    (tmp_path / "Snakefile").write_text(
        'rule all:\n    output: "done"\n    shell: "touch begun; sleep 20; touch done"\n'
    )
    command = [sys.executable, "-m", "snakemake", "--cores", "1"]
    first = subprocess.Popen(
        command, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        start_new_session=True,
    )  # fmt: skip
    try:
        while not (tmp_path / "begun").exists():
            assert first.poll() is None
        second = subprocess.run(
            [*command, "--forceall"], cwd=tmp_path, capture_output=True, text=True, timeout=120
        )
    finally:
        first.terminate()
        first.wait(60)
    assert second.returncode != 0
    assert "cannot be locked" in second.stdout + second.stderr


def strikes(*struck, wrong=""):
    outcomes = iter(struck)
    return lambda _: faults.Outcome(next(outcomes), wrong)


def test_a_kind_of_which_nothing_struck_is_not_as_it_must_be():
    assert faults.row_of("kind", 2, 1, strikes(True, False)) == ("kind", 2, 1, 0, "")
    assert faults.row_of("kind", 2, 1, strikes(False, True, False)) == ("kind", 2, 1, 0, "")
    late = strikes(False, False, False, True, False)
    assert faults.row_of("kind", 2, 1, late) == ("kind", 4, 1, 0, "")
    never = ("kind", 7, 0, 1, "none struck: nothing was tried")
    assert faults.row_of("kind", 2, 1, strikes(*[False] * 7)) == never
    row = faults.row_of("kind", 1, 1, strikes(*[False] * 6, wrong="it was not refused"))
    assert row == ("kind", 6, 0, 6, "none struck: nothing was tried; it was not refused")


def test_what_is_put_in_depends_on_seed_kind_and_number_alone():
    drawn = []

    def strike(rng):
        drawn.append(rng.random())
        return faults.Outcome(len(drawn) % 3 == 0, "")

    faults.row_of("kind", 2, 1, strike)
    assert drawn == [random.Random(f"1 kind {number}").random() for number in range(3)]


def test_the_study_of_the_faults_is_small():
    assert STUDY.count("replicates: 8") == 1
