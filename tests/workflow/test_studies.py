"""A study's results depend on its file alone: not on cores, chunks, interruptions or history."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest

from tests.workflow.conftest import PASSING
from wemix_ref.simulate.replicates import run_replicates
from wemix_ref.simulate.storage import read_rows
from wemix_ref.simulate.study import load_study

ROOT = Path(__file__).resolve().parents[2]
TINY = Path(__file__).with_name("tiny-study.yaml")
SCENARIOS = ("informative-false", "informative-true")


class Studies:
    """A copy of the project with one study."""

    def __init__(self, place: Path) -> None:
        self.place = place
        for name in ("src", "workflow", "profiles", "config", "resources"):
            ignored = shutil.ignore_patterns(*PASSING, "cases", "studies")
            shutil.copytree(ROOT / name, place / name, ignore=ignored)
        # a package's own directories of that name are code
        shutil.copytree(
            ROOT / "src" / "wemix_ref" / "report" / "studies",
            place / "src" / "wemix_ref" / "report" / "studies",
            ignore=shutil.ignore_patterns(*PASSING),
        )
        shutil.copy(ROOT / "environment.yml", place / "environment.yml")
        (place / "config" / "cases").mkdir()
        case = "config/cases/three-level-school.yaml"
        shutil.copy(ROOT / case, place / case)
        (place / "config" / "studies").mkdir()
        shutil.copy(TINY, place / "config" / "studies" / "tiny.yaml")
        self.environment = {
            **os.environ,
            "WEMIX_REF_NO_R": "1",
            "PYTHONPATH": str(place / "src"),
        }

    def command(self, *words: str, cores: int = 2) -> list[str]:
        return [
            *(sys.executable, "-m", "snakemake", "--cores", str(cores)),
            *("--workflow-profile", "none", "--rerun-incomplete", "--scheduler", "greedy"),
            *(words or ("results/studies/tiny/performance.csv",)),
        ]

    def run(self, *words: str, cores: int = 2) -> str:
        done = subprocess.run(
            self.command(*words, cores=cores),
            cwd=self.place,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr

    def edit(self, old: str, new: str) -> None:
        path = self.place / "config" / "studies" / "tiny.yaml"
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new))

    @property
    def results(self) -> Path:
        return self.place / "results" / "studies" / "tiny"

    def chunks(self) -> list[Path]:
        """The jobs' rows that are there whole."""
        found = (self.results / "chunks").glob("*/[!.]*.parquet")
        return [path for path in found if path.is_file()]

    def bytes(self) -> dict[str, bytes]:
        """What does not depend on how the work was cut: tables of replicates and measures."""
        names = [
            "performance.csv",
            "paired.csv",
            *(f"replicates/{scenario}.parquet" for scenario in SCENARIOS),
        ]
        found = sorted(path.name for path in (self.results / "replicates").iterdir())
        assert [name for name in found if name.endswith(".parquet")] == [
            f"{scenario}.parquet" for scenario in SCENARIOS
        ]
        return {name: (self.results / name).read_bytes() for name in names}


@pytest.fixture(scope="module")
def reference(tmp_path_factory):
    """The study, run once on one core and left alone."""
    studies = Studies(tmp_path_factory.mktemp("tiny"))
    told = studies.run(cores=1)
    return studies, told, studies.bytes()


def copy_of(reference, tmp_path: Path) -> Studies:
    studies = Studies(tmp_path / "copy")
    shutil.copytree(
        reference[0].place / "results", studies.place / "results", copy_function=shutil.copy2
    )
    shutil.copytree(reference[0].place / ".snakemake", studies.place / ".snakemake")
    return studies


def test_a_run_tells_its_progress_and_the_time_left(reference):
    told = reference[1]
    assert "tiny: 6 of 48 replicates (12 %), about " in told
    assert " left" in told
    assert "tiny: 48 of 48 replicates (100 %)" in told


def test_every_replicate_analysis_and_parameter_is_a_row(reference):
    for scenario in SCENARIOS:
        rows = read_rows(reference[0].results / "replicates" / f"{scenario}.parquet")
        assert set(rows["status"]) == {"ok"}
        assert (rows["scenario"] == scenario).all()
        counts = rows.groupby(["replicate", "analysis"]).size()
        assert counts.shape == (24 * 3,)
        assert set(counts) == {5}
        assert not rows.duplicated(["replicate", "analysis", "parameter"]).any()


def test_rows_are_those_of_a_replicate_run_alone(reference):
    study = load_study(TINY)
    rows = read_rows(reference[0].results / "replicates" / "informative-true.parquet")
    alone = run_replicates(study, study.scenario("informative-true"), [17])
    own = rows[rows["replicate"] == 17].reset_index(drop=True)
    numbers = ["deviance", "estimate", "se", "target"]
    pd.testing.assert_frame_equal(own[numbers], alone[numbers], check_exact=True)
    assert list(own["parameter"]) == list(alone["parameter"])


@pytest.mark.slow
@pytest.mark.parametrize(("cores", "chunk"), [(2, 6), (2, 5), (1, 24)])
def test_cores_and_chunks_change_no_bit(reference, tmp_path, cores, chunk):
    studies = Studies(tmp_path / "copy")
    target = "results/studies/tiny/performance.csv"
    config = Path(studies.place / "config" / "config.yaml")
    text = config.read_text()
    assert "chunk: null" in text
    config.write_text(text.replace("chunk: null", f"chunk: {chunk}"))
    studies.run(target, cores=cores)
    chunks = sorted((studies.results / "chunks" / SCENARIOS[0]).iterdir())
    assert len(chunks) == -(-24 // chunk)
    assert studies.bytes() == reference[2]


@pytest.mark.slow
def test_a_run_killed_at_ten_random_moments_ends_with_the_same_bytes(reference, tmp_path):
    studies = Studies(tmp_path / "copy")
    rng = random.Random(3)
    total = 2 * 4
    halted = []
    for waited in rng.choices(range(1, total), k=10):
        # a run begins where the last was cut, or anew where that left less than is waited for
        if len(studies.chunks()) >= waited:
            shutil.rmtree(studies.place / "results")
        child = subprocess.Popen(
            studies.command(),
            cwd=studies.place,
            env=studies.environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        deadline = time.monotonic() + 120
        while len(studies.chunks()) < waited and child.poll() is None:
            assert time.monotonic() < deadline, f"{waited} chunks did not appear"
            time.sleep(0.02)
        # within a job, or between two
        time.sleep(rng.uniform(0, 0.5))
        if child.poll() is None:
            os.killpg(child.pid, signal.SIGKILL)
        child.wait()
        halted.append((child.returncode == -signal.SIGKILL, len(studies.chunks())))
        for path in (studies.place / "results").rglob("*.parquet"):
            if not path.name.startswith("."):
                read_rows(path)  # whole, or not there
        studies.run("--unlock")
    # a quick machine may finish within the last half second, but not each time
    assert sum(killed and 0 < chunks < total for killed, chunks in halted) >= 5, halted
    studies.run()
    assert studies.bytes() == reference[2]


@pytest.mark.slow
def test_more_replicates_do_not_redo_the_old(reference, tmp_path):
    studies = copy_of(reference, tmp_path)
    studies.edit("replicates: 24", "replicates: 33")
    studies.run()
    timings = sorted((studies.results / "timing").rglob("*.json"))
    told = {path.stem: json.loads(path.read_text()) for path in timings}
    old = reference[0].results / "timing" / SCENARIOS[0] / "0000000-0000006.json"
    new = studies.results / "timing" / SCENARIOS[0] / "0000000-0000006.json"
    assert new.read_bytes() == old.read_bytes()  # not run again
    assert told["0000030-0000033"]["computed"] == 3
    # a last chunk that was not full is filled up, what it had is kept
    studies.edit("replicates: 33", "replicates: 36")
    studies.run()
    filled = studies.results / "timing" / SCENARIOS[0] / "0000030-0000036.json"
    assert json.loads(filled.read_text())["computed"] == 3
    rows = read_rows(studies.results / "replicates" / f"{SCENARIOS[0]}.parquet")
    assert sorted(set(rows["replicate"])) == list(range(36))
    first = read_rows(reference[0].results / "replicates" / f"{SCENARIOS[0]}.parquet")
    pd.testing.assert_frame_equal(rows[rows["replicate"] < 24], first, check_exact=True)


def test_prose_redoes_no_replicate(reference, tmp_path):
    studies = copy_of(reference, tmp_path)
    studies.edit("aims: To be over soon.", "aims: To be over sooner.")
    told = studies.run("--dry-run", "results/studies/tiny/performance.csv")
    assert "Replicates " not in told


def test_a_changed_population_redoes_all(reference, tmp_path):
    studies = copy_of(reference, tmp_path)
    studies.edit("x: 0.5", "x: 0.6")
    told = studies.run("--dry-run", "results/studies/tiny/performance.csv")
    assert told.count("Job ") >= 8
    assert "Replicates 0000000 to 0000006 of tiny, informative-true" in told


@pytest.mark.slow
def test_a_study_ends_with_its_report_and_its_verdict_without_r(reference, tmp_path):
    studies = copy_of(reference, tmp_path)
    studies.edit("title: A tiny study", "title: A tiny <study>\naudit: {replicates: 1}")
    told = studies.run("studies")
    assert "lme4: nothing compared" in told
    page = (studies.results / "report.html").read_text()
    assert "A tiny &lt;study&gt;" in page
    index = (studies.place / "results" / "studies" / "index.html").read_text()
    assert "tiny/report.html" in index
    audit = pd.read_csv(studies.results / "audit.csv")
    assert audit["ok"].isna().all()
    assert audit["message"].str.contains("turned off").any()
