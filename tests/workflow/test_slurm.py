"""A study run through a queue has the bytes of one run here: Slurm, and any queue by its commands.

Both need Snakemake's plugins for clusters, which `./workbench setup --cluster` installs. The tests
marked slurm start a Slurm of one node, where its programs are and the caller is root.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml

from tests.workflow.conftest import PASSING

ROOT = Path(__file__).resolve().parents[2]
PLUGINS = ROOT / ".cluster-plugins"
SINGLE_NODE = Path(__file__).with_name("slurm_single_node.sh")
QUEUE = Path(__file__).with_name("background_queue.sh")
CONFIGURATION = Path("/etc/slurm/slurm.conf")

STUDY = """
title: A small study
aims: Try the ways of running one.
seed: 7
replicates: 20
chunk: 5
factors:
  informative: [true, false]
population:
  levels:
    group: {size: 30}
    unit: {size: 20}
  covariates:
    x: {level: unit, distribution: normal, mean: 0, sd: 1}
  model:
    response: y
    fixed: {"(Intercept)": 1, x: 0.5}
    random:
      group: {sd: 0.8}
    residual: {sd: 1}
sampling:
  unit: {method: srs, size: "where(informative, where(u_group > 0, 4, 8), 6)"}
model: y ~ x + (1 | group)
analyses:
  unweighted: {weights: none}
  weighted: {weights: all}
"""
N_CHUNKS = 8
GOAL = "results/studies/tiny/verdict.txt"  # without R: all but what R would check
PATIENCE = 600  # seconds; a run takes a tenth of it on a machine that is not busy
CORES = str(min(2, os.cpu_count() or 1))


class Run:
    """A run of Snakemake that goes on."""

    def __init__(self, process: subprocess.Popen[bytes], log: Path) -> None:
        self.process = process
        self.log = log

    def wait_until(self, true: Callable[[], bool]) -> None:
        """Wait for something that must come before the run's end."""
        deadline = time.monotonic() + PATIENCE
        while not true():
            assert self.process.poll() is None, f"the run ended early:\n{self.log.read_text()}"
            assert time.monotonic() < deadline, f"nothing came of:\n{self.log.read_text()}"
            time.sleep(0.2)

    def ended(self) -> str:
        """Wait for the run's end, which must be a good one; return what it said."""
        try:
            code = self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            code = self.process.wait()
        told = self.log.read_text()
        assert code == 0, told
        return told


class Bench:
    """A copy of the project with one small study and one case."""

    def __init__(self, template: Path, place: Path) -> None:
        self.place = shutil.copytree(template, place)

    def start(self, profile: str, *words: str) -> Run:
        """Begin a run of the study, as `./workbench cluster` does."""
        path = f"{self.place / 'src'}{os.pathsep}{PLUGINS}"
        log = self.place / "told.txt"
        with log.open("w") as told:
            process = subprocess.Popen(
                [sys.executable, "-m", "snakemake", "--workflow-profile", profile,
                 "--cores", CORES, *words, "--quiet", "reason", "--", GOAL],
                cwd=self.place, env={**os.environ, "WEMIX_REF_NO_R": "1", "PYTHONPATH": path},
                stdin=subprocess.DEVNULL, stdout=told, stderr=subprocess.STDOUT,
            )  # fmt: skip
        return Run(process, log)

    def results(self) -> dict[str, str]:
        """Hash of each file of the study, but for logs and what tells when it ran."""
        study = self.place / "results" / "studies" / "tiny"
        return {
            str(path.relative_to(study)): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in sorted(study.rglob("*"))
            if path.is_file() and "timing" not in path.parts and path.name[0] != "."
        }


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What each run starts from: the same for all, since files of replicates name their code."""
    place = tmp_path_factory.mktemp("template")
    for name in ("src", "workflow", "profiles", "config", "resources"):
        left_out = (*PASSING, *(("cases", "studies") if name == "config" else ()))
        shutil.copytree(ROOT / name, place / name, ignore=shutil.ignore_patterns(*left_out))
    shutil.copy(ROOT / "environment.yml", place / "environment.yml")
    (place / "config" / "studies").mkdir()
    (place / "config" / "studies" / "tiny.yaml").write_text(STUDY, "utf-8")
    case = Path("config", "cases", "sleepstudy-l2-slope.yaml")
    (place / case).parent.mkdir()
    shutil.copy(ROOT / case, place / case)
    return place


@pytest.fixture(scope="module")
def local(template: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The study's files, made on this machine."""
    bench = Bench(template, tmp_path_factory.mktemp("local") / "here")
    bench.start("none").ended()
    results = bench.results()
    chunks = [name for name in results if name.startswith("chunks/")]
    assert len(chunks) == N_CHUNKS
    assert {"performance.csv", "paired.csv", "audit.csv", "verdict.txt"} <= set(results)
    assert sum(name.startswith("replicates/") for name in results) == 2
    return results


@pytest.fixture
def bench(template: Path, tmp_path: Path) -> Bench:
    return Bench(template, tmp_path / "work bench")


@pytest.fixture(scope="module")
def plugins() -> None:
    if not (PLUGINS / ".workbench").is_file():
        pytest.skip("Snakemake's plugins for clusters are not here: ./workbench setup --cluster")


# --- Slurm ----------------------------------------------------------------------------------


def single_node(action: str, *words: str) -> str:
    done = subprocess.run(
        [str(SINGLE_NODE), action, *words], capture_output=True, text=True, timeout=90
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.strip()


@pytest.fixture(scope="module")
def slurm(plugins: None) -> Iterator[None]:
    """A Slurm of one node, and nothing left of it afterwards."""
    if reason := single_node("why-not"):
        pytest.skip(reason)
    # Not pytest's own directory: the path of a socket must be short.
    state = Path(tempfile.mkdtemp(prefix="slurm-"))
    try:
        single_node("start", str(state))
        yield
        pids = [int(file.read_text()) for file in state.glob("*.pid")]
    finally:
        single_node("stop", str(state))
    assert not CONFIGURATION.exists()
    assert len(pids) == 3
    assert [pid for pid in pids if Path(f"/proc/{pid}/exe").exists()] == []
    shutil.rmtree(state)


def slurm_jobs(state: str) -> list[str]:
    """Ids of Slurm's jobs in a state."""
    command = ["squeue", "--noheader", "--format=%i", "--states", state]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()


@pytest.mark.slurm
@pytest.mark.slow
def test_on_slurm_jobs_are_grouped_a_cancelled_one_is_run_again_and_the_bytes_are_the_same(
    local: dict[str, str], slurm: None, bench: Bench
) -> None:
    run = bench.start(
        "profiles/slurm", "--slurm-init-seconds-before-status-checks", "1",
        "--latency-wait", "5", "--default-resources", "mem_mb=300", "runtime=5",
        "--group-components", "replicates=4", "audits=2", "reports=1",
    )  # fmt: skip
    logs = bench.place / ".snakemake" / "slurm_logs"

    def half_done() -> list[str]:
        """Slurm jobs that have some of their replicates."""
        return [
            job
            for job in slurm_jobs("RUNNING")
            for log in logs.glob(f"group_replicates_*/{job}.log")
            if "(Rule: replicates)" in log.read_text(encoding="utf-8")
        ]

    run.wait_until(lambda: bool(half_done()))
    (victim, *_) = half_done()
    subprocess.run(["scancel", victim], check=True)
    told = run.ended()
    assert victim in slurm_jobs("CANCELLED")
    assert told.count("Trying to restart") == 1
    jobs = re.findall(r"submitted with SLURM jobid (\d+)", told)
    assert victim in jobs
    # two halves of the replicates, one of them again; what R would check; what comes after
    assert len(set(jobs)) == len(jobs) == 5
    assert set(jobs) - {victim} <= set(slurm_jobs("COMPLETED"))
    assert bench.results() == local


# --- Any other queue ------------------------------------------------------------------------


class Queue:
    """Background processes as a queue."""

    def __init__(self, place: Path) -> None:
        self.place = place

    def command(self, action: str) -> str:
        return f"'{QUEUE}' {action} '{self.place}'"

    def cancel(self, *jobs: str) -> None:
        subprocess.run([str(QUEUE), "cancel", str(self.place), *jobs], check=True)

    def code(self, job: str) -> str:
        return (self.place / f"{job}.code").read_text().strip()

    def half_done(self) -> list[str]:
        """Jobs that have some of their replicates."""
        told = {file.stem: file.read_text("utf-8") for file in self.place.glob("*.out")}
        return [j for j, text in told.items() if re.search(r"Finished.*\(Rule: replicates\)", text)]


@pytest.fixture
def queue(plugins: None, tmp_path: Path) -> Iterator[Queue]:
    queue = Queue(tmp_path / "a queue")
    queue.place.mkdir()
    yield queue
    left = {file.stem for file in queue.place.glob("*.out")}
    queue.cancel(*(left - {file.stem for file in queue.place.glob("*.code")}))


@pytest.mark.slow
def test_a_submit_command_is_enough_for_the_same_bytes(
    local: dict[str, str], queue: Queue, bench: Bench
) -> None:
    told = bench.start(
        "profiles/generic", "--cluster-generic-submit-cmd", queue.command("submit"),
        "--seconds-between-status-checks", "1",
    ).ended()  # fmt: skip
    jobs = re.findall(r"external jobid '(\d+)'", told)
    assert len(jobs) == 3  # by the profile one of replicates, of checks by R, of what comes after
    assert [queue.code(job) for job in jobs] == ["0"] * 3
    assert bench.results() == local


@pytest.mark.slow
def test_with_a_status_command_a_cancelled_job_is_run_again(
    local: dict[str, str], queue: Queue, bench: Bench
) -> None:
    run = bench.start(
        "profiles/generic", "--cluster-generic-submit-cmd", queue.command("submit"),
        "--cluster-generic-status-cmd", queue.command("status"),
        "--seconds-between-status-checks", "1",
    )  # fmt: skip
    run.wait_until(lambda: bool(queue.half_done()))
    (victim,) = queue.half_done()
    queue.cancel(victim)
    told = run.ended()
    jobs = re.findall(r"external jobid '(\d+)'", told)
    assert told.count("Trying to restart") == 1
    assert len(set(jobs)) == len(jobs) == 4
    assert {job: queue.code(job) for job in jobs} == dict.fromkeys(jobs, "0") | {victim: "143"}
    assert bench.results() == local


# --- The profiles ---------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["slurm", "generic"])
def test_profiles_group_rules_that_exist(name: str) -> None:
    profile = yaml.safe_load((ROOT / "profiles" / name / "config.yaml").read_text("utf-8"))
    rules = {
        rule
        for file in (ROOT / "workflow" / "rules").glob("*.smk")
        for rule in re.findall(r"^rule (\w+):", file.read_text("utf-8"), re.MULTILINE)
    }
    assert "replicates" in profile["groups"]
    assert set(profile["groups"]) - rules == set()
    assert set(profile["group-components"]) == set(profile["groups"].values())
