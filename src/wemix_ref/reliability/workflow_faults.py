"""Faults of whole runs of the workflow: killed, one job of it killed, two at once in one folder."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

from wemix_ref.reliability.fault_study import STUDY, Outcome
from wemix_ref.strict_yaml import PROJECT

__all__ = ["WORKFLOW_KINDS", "WorkflowBench", "job_killed", "two_at_once", "workflow_killed"]

_LIMIT = 600.0
_CASE = "config/cases/dyestuff.yaml"
_GOAL = "results/studies/faults/performance.csv"


class WorkflowBench:
    """A copy of the project with one study, and its bytes when nothing goes wrong."""

    def __init__(self, place: Path) -> None:
        self.place = place / "bench"
        for name in ("src", "workflow", "profiles", "resources"):
            shutil.copytree(
                PROJECT / name, self.place / name, ignore=shutil.ignore_patterns("__pycache__")
            )
        kept = shutil.ignore_patterns("cases", "studies")
        shutil.copytree(PROJECT / "config", self.place / "config", ignore=kept)
        for name in ("environment.yml", _CASE):
            (self.place / name).parent.mkdir(exist_ok=True)
            shutil.copy(PROJECT / name, self.place / name)
        (self.place / "config" / "studies").mkdir()
        (self.place / "config" / "studies" / "faults.yaml").write_text(STUDY, encoding="utf-8")
        self.finish(self.start())
        self.expected = self.bytes()

    def start(self, *words: str) -> subprocess.Popen[str]:
        """Begin a run; it leads a process group of its own."""
        environment = {**os.environ, "WEMIX_REF_NO_R": "1"}
        environment["PYTHONPATH"] = str(self.place / "src")
        command = [sys.executable, "-m", "snakemake", "--cores", "2", "--workflow-profile", "none"]
        command += ["--rerun-incomplete", "--scheduler", "greedy", *(words or (_GOAL,))]
        return subprocess.Popen(
            command, cwd=self.place, env=environment, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, start_new_session=True,
        )  # fmt: skip

    def finish(self, child: subprocess.Popen[str]) -> None:
        """Wait for a good end."""
        told = child.communicate(timeout=_LIMIT)[0]
        if child.returncode != 0:
            raise RuntimeError(told[-2000:])

    def bytes(self) -> dict[str, bytes]:
        """The study's files but timings."""
        out = self.place / "results" / "studies" / "faults"
        return {
            path.relative_to(out).as_posix(): path.read_bytes()
            for path in sorted(out.rglob("*"))
            if path.is_file() and "timing" not in path.parts and not path.name.startswith(".")
        }

    def wait(self, child: subprocess.Popen[str], rng: random.Random) -> None:
        """Wait until a random number of chunks is there, and a moment more."""
        chunks = [name for name in self.expected if name.startswith("chunks/")]
        wanted = rng.randrange(len(chunks))
        place = self.place / "results" / "studies" / "faults" / "chunks"
        while child.poll() is None and len(list(place.glob("*/[!.]*.parquet"))) < wanted:
            time.sleep(0.02)
        time.sleep(rng.uniform(0.0, 1.0))

    def clear(self) -> None:
        """Forget every run."""
        for name in ("results", ".snakemake"):
            shutil.rmtree(self.place / name, ignore_errors=True)

    def again(self, *, unlock: bool) -> str:
        """Run to the end what was cut short; say what is not as it must be."""
        try:
            if unlock:
                self.finish(self.start("--unlock"))
            self.finish(self.start())
        except RuntimeError as error:
            return f"the re-run failed: {str(error)[-300:]}"
        return "" if self.bytes() == self.expected else "other bytes after the re-run"


def workflow_killed(bench: WorkflowBench, rng: random.Random) -> Outcome:
    """SIGKILL to a run and all its jobs at a random moment; unlocked, it runs to the end."""
    bench.clear()
    child = bench.start()
    bench.wait(child, rng)
    struck = child.poll() is None
    if struck:
        os.killpg(child.pid, signal.SIGKILL)
    child.communicate()
    return Outcome(struck, bench.again(unlock=True))


def _job_of(group: int) -> int | None:
    """Process of a job's script within a process group."""
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            words = (entry / "cmdline").read_bytes()
            if b".snakemake/scripts/" in words and os.getpgid(int(entry.name)) == group:
                return int(entry.name)
        except OSError:
            continue
    return None


def job_killed(bench: WorkflowBench, rng: random.Random) -> Outcome:
    """SIGKILL to one job: the run tells which and where its log is, and goes on next time."""
    bench.clear()
    child = bench.start()
    pid = None
    bench.wait(child, rng)
    while child.poll() is None and pid is None:
        pid = _job_of(child.pid)
        time.sleep(0.02)
    if pid is not None and child.poll() is None:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pid = None
    told = child.communicate(timeout=_LIMIT)[0]
    struck = pid is not None and child.returncode != 0
    wrong = ""
    if struck and told.count("\nError in rule ") != 1:
        wrong = f"told {told.count('Error in rule ')} times"
    elif struck and "log: results/logs/" not in told:
        wrong = "the log is not named"
    return Outcome(struck, wrong or bench.again(unlock=False))


def two_at_once(bench: WorkflowBench, _rng: random.Random) -> Outcome:
    """A second run in the folder of one that goes on is refused and changes nothing."""
    bench.clear()
    first = bench.start()
    locks = bench.place / ".snakemake" / "locks"
    while not any(locks.glob("*")) and first.poll() is None:
        time.sleep(0.02)
    second = bench.start()
    told = second.communicate(timeout=_LIMIT)[0]
    struck = second.returncode != 0
    wrong = "" if "cannot be locked" in told else f"it was not refused: {told[-200:]}"
    try:
        bench.finish(first)
    except RuntimeError as error:
        return Outcome(struck, f"the first failed: {str(error)[-200:]}")
    return Outcome(struck, wrong or bench.again(unlock=False))


#: Kinds of faults of whole runs.
WORKFLOW_KINDS = {
    "a run killed with its jobs": workflow_killed,
    "one job of a run killed": job_killed,
    "two runs in one folder": two_at_once,
}
