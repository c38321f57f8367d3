"""Some faults of each kind, put into jobs, records, R and a run; the long run has hundreds."""

from __future__ import annotations

import random
import shutil
import subprocess
import sys

import pytest

from wemix_ref.reliability import faults, r_faults
from wemix_ref.reliability.fault_study import STUDY
from wemix_ref.reliability.faults import KINDS, Bench
from wemix_ref.running import job


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


def test_the_study_of_the_faults_is_small():
    assert STUDY.count("replicates: 8") == 1
