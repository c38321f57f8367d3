"""Faults of whole runs of the workflow: killed, one job of it killed, two at once in one folder."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import tempfile
import time
from contextlib import suppress
from pathlib import Path

from wemix_ref.reliability.fault_study import STUDY, Outcome
from wemix_ref.reliability.r_faults import why_not
from wemix_ref.reliability.whole_runs import Project

__all__ = ["WORKFLOW_KINDS", "WorkflowBench", "lacking", "processes"]

_LIMIT = 600.0
_FAKETIME = next(iter(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1")), None)
#: What R is asked for in a job: a fit, an audit of a study by R, a divergence.
_FIT = "results/fits/dyestuff/lme4.json"
_DIVERGENCE = "results/divergences/lme4-colon-ids.json"
_GOAL = "results/studies/faults/performance.csv"
#: Folders of the study that hold no results of the goal: timings, and what only R is asked for.
_NOT_OF_THE_GOAL = {"timing", "audits"}
_WITH_R = {"WEMIX_REF_NO_R": ""}


class WorkflowBench(Project):
    """A copy of the project with one study, and its bytes when nothing goes wrong."""

    def __init__(self, place: Path) -> None:
        # two jobs a scenario: most of a job's time is its start
        study = STUDY.replace("chunk: 2", "chunk: 4") + "audit: {replicates: 2}\n"
        # faults are about files: without compiled loops a job starts sooner
        own = {"WEMIX_REF_NUMBA": "0", "WEMIX_REF_NO_R": "1"}
        super().__init__(place / "bench", ["dyestuff"], {"faults": study}, own)
        self.finish(self.start(_GOAL))
        self.expected = self.bytes()
        self.others: dict[str, bytes] = {}

    def forget(self, name: str) -> None:
        """Remove one result."""
        (self.place / name).unlink(missing_ok=True)

    def made_by_r(self, name: str) -> bytes:
        """Make a result that R is asked for, and return its bytes."""
        self.finish(self.start(name, environment=_WITH_R))
        return (self.place / name).read_bytes()

    def audit(self) -> str:
        """The audit of the study's first scenario."""
        chunk = next(name for name in self.expected if name.startswith("chunks/"))
        return f"results/studies/faults/audits/{chunk.split('/')[1]}.csv"

    def bytes(self) -> dict[str, bytes]:
        """The study's files that the goal makes, but timings."""
        out = self.place / "results" / "studies" / "faults"
        return {
            path.relative_to(out).as_posix(): path.read_bytes()
            for path in sorted(out.rglob("*"))
            if path.is_file()
            and path.relative_to(out).parts[0] not in _NOT_OF_THE_GOAL
            and not path.name.startswith(".")
        }

    def wait(self, child: subprocess.Popen[str], rng: random.Random) -> None:
        """Wait until a random number of chunks is there, and a moment more."""
        chunks = [name for name in self.expected if name.startswith("chunks/")]
        wanted = rng.randrange(len(chunks))
        place = self.place / "results" / "studies" / "faults" / "chunks"
        while child.poll() is None and len(list(place.glob("*/[!.]*.parquet"))) < wanted:
            time.sleep(0.02)
        time.sleep(rng.uniform(0.0, 1.0))

    def again(self, *, unlock: bool) -> str:
        """Run to the end what was cut short; say what is not as it must be."""
        try:
            if unlock:
                self.finish(self.start("--unlock"))
            self.finish(self.start(_GOAL))
        except RuntimeError as error:
            return f"the re-run failed: {str(error)[-300:]}"
        return "" if self.bytes() == self.expected else "other bytes after the re-run"


def workflow_killed(bench: WorkflowBench, rng: random.Random) -> Outcome:
    """SIGKILL to a run and all its jobs at a random moment; unlocked, it runs to the end."""
    bench.clear()
    child = bench.start(_GOAL)
    bench.wait(child, rng)
    struck = child.poll() is None
    if struck:
        os.killpg(child.pid, signal.SIGKILL)
    child.communicate()
    return Outcome(struck, bench.again(unlock=True))


def processes(word: bytes, ancestor: int) -> list[int]:
    """Processes below another with a word in their command."""
    parents: dict[int, int] = {}
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        with suppress(OSError):
            words = (entry / "cmdline").read_bytes()
            stat = (entry / "stat").read_text()
            parents[int(entry.name)] = int(stat.rpartition(")")[2].split()[1])
            if word in words:
                found.append(int(entry.name))

    def below(pid: int) -> bool:
        while pid in parents and pid != ancestor:
            pid = parents[pid]
        return pid == ancestor

    return [pid for pid in found if below(pid)]


def job_killed(bench: WorkflowBench, rng: random.Random) -> Outcome:
    """SIGKILL to one job: the run tells which and where its log is, and goes on next time."""
    bench.clear()
    child = bench.start(_GOAL)
    pid = None
    bench.wait(child, rng)
    while child.poll() is None and pid is None:
        pid = next(iter(processes(b".snakemake/scripts/", child.pid)), None)
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


def r_killed_in_a_fit(bench: WorkflowBench, rng: random.Random) -> Outcome:
    """SIGKILL to R in a fit of a run: no record is kept of it, and the next run has the bytes."""
    return _r_killed(bench, rng, _FIT)


def r_killed_in_an_audit(bench: WorkflowBench, rng: random.Random) -> Outcome:
    """SIGKILL to R while it fits a study's replicates again: no table says that it could not."""
    return _r_killed(bench, rng, bench.audit())


def r_killed_in_a_divergence(bench: WorkflowBench, rng: random.Random) -> Outcome:
    """SIGKILL to R while it shows a divergence: nothing says that it does not show it."""
    return _r_killed(bench, rng, _DIVERGENCE)


def _r_killed(bench: WorkflowBench, rng: random.Random, goal: str) -> Outcome:
    if goal not in bench.others:
        bench.others[goal] = bench.made_by_r(goal)
    bench.forget(goal)
    child = bench.start(goal, environment=_WITH_R)
    pids: list[int] = []
    while child.poll() is None and not pids:
        time.sleep(0.02)
        pids = processes(b"r_worker.py", child.pid)
    time.sleep(rng.uniform(0.0, 1.0))
    for pid in processes(b"r_worker.py", child.pid):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    told = child.communicate(timeout=_LIMIT)[0]
    struck, wrong = child.returncode != 0, ""
    if struck:
        wrong = _told(told, "R ended without an answer (signal 9, SIGKILL)")
        if (bench.place / goal).exists():
            wrong = wrong or "what R did not answer was kept"
    if wrong:
        return Outcome(struck, wrong)
    same = bench.made_by_r(goal) == bench.others[goal]
    return Outcome(struck, "" if same else "other bytes after the re-run")


def disk_full(bench: WorkflowBench, rng: random.Random) -> Outcome:
    """The disk of the results is full from a random moment on; then there is space."""
    return _on_a_disk(bench, rng, "size=64k")


def made_read_only(bench: WorkflowBench, rng: random.Random) -> Outcome:
    """The disk of the results is made read-only while a run goes on; then it is not."""
    return _on_a_disk(bench, rng, "")


def _on_a_disk(bench: WorkflowBench, rng: random.Random, size: str) -> Outcome:
    """Results on a disk of their own, that refuses what is written from some moment on."""
    bench.clear()
    results = bench.place / "results"
    results.mkdir()
    _mount("-t", "tmpfs", *(["-o", size] if size else []), "tmpfs", str(results))
    try:
        ballast = results / "ballast"
        if size:
            ballast.write_bytes(bytes(rng.randrange(8, 60) * 1024))
        child = bench.start(_GOAL)
        if not size:
            bench.wait(child, rng)
            # a file that is being written holds the disk open
            while child.poll() is None and not _mounted("-o", "remount,ro", str(results)):
                time.sleep(0.01)
        told = child.communicate(timeout=_LIMIT)[0]
        struck, wrong = child.returncode != 0, ""
        if struck:
            wrong = _told_by_the_disk(told, 28 if size else 30)
        if size:
            ballast.unlink()
            _mount("-o", "remount,size=64m", str(results))
        else:
            _mount("-o", "remount,rw", str(results))
        left = [path.name for path in results.rglob(".*.*") if path.is_file()]
        if size and left and not wrong:
            wrong = f"half a file was left: {left[0]}"
        return Outcome(struck, wrong or bench.again(unlock=not size))
    finally:
        subprocess.run(["umount", str(results)], check=True)


def _mounted(*words: str) -> bool:
    return subprocess.run(["mount", *words], capture_output=True).returncode == 0


def _mount(*words: str) -> None:
    if not _mounted(*words):
        raise RuntimeError(f"a disk must be mounted: mount {' '.join(words)} was refused")


def _told_by_the_disk(told: str, number: int) -> str:
    """What is wrong with how a run told that its disk refused it, by the system's error number.

    Where Snakemake itself was refused, it ends by a traceback of its own, and no job need tell.
    """
    snakemakes = f"OSError: [Errno {number}]" in told
    if snakemakes and "\nError in rule " not in told and "snakemake/scheduling" in told:
        return ""
    return _told(told, f"and write its files; it said: [Errno {number}]", needed=not snakemakes)


def _told(told: str, words: str, needed: bool = True) -> str:
    """What is wrong with how a run told that jobs failed; empty: nothing.

    Parameters
    ----------
    told : what it said.
    words : the cause, which each failed job tells at most once.
    needed : whether one must.
    """
    if needed and words not in told:
        return f"the cause is not told: {told[-300:]}"
    jobs = told.count("\nError in rule ")
    if told.count(words) > jobs:
        return f"{jobs} failed jobs told of it {told.count(words)} times"
    if "log: results/logs/" not in told:
        return "the log is not named"
    return "a traceback of ours" if "src/wemix_ref" in told else ""


def clock_changed(bench: WorkflowBench, rng: random.Random) -> Outcome:
    """A run under a clock set back or forward, killed, and taken up by the right time."""
    bench.clear()
    days = rng.choice([-4000, -400, -1, 1, 400, 4000])
    child = bench.start(
        _GOAL, environment={"LD_PRELOAD": str(_FAKETIME), "FAKETIME": f"{days:+d}d"}
    )
    bench.wait(child, rng)
    struck = child.poll() is None
    if struck:
        os.killpg(child.pid, signal.SIGKILL)
    child.communicate()
    wrong = bench.again(unlock=True)
    if not wrong:
        told = bench.finish(bench.start("--dry-run", _GOAL))
        wrong = "" if "Nothing to be done" in told else "work is done again and again"
    return Outcome(struck, wrong)


def inputs_of_the_future(bench: WorkflowBench, rng: random.Random) -> Outcome:
    """Inputs and half of the results are of the future or of long ago; a run has the bytes."""
    bench.clear()
    bench.finish(bench.start(_GOAL))
    moment = time.time() + rng.choice([-1, 1]) * rng.uniform(3600, 10**8)
    study = bench.place / "config" / "studies" / "faults.yaml"
    os.utime(study, (moment, moment))
    for path in sorted((bench.place / "results").rglob("*")):
        if path.is_file() and rng.random() < 0.5:
            os.utime(path, (moment, moment))
    return Outcome(True, bench.again(unlock=False))


def two_at_once(bench: WorkflowBench, _rng: random.Random) -> Outcome:
    """A second run in the folder of one that goes on is refused and changes nothing."""
    bench.clear()
    first = bench.start(_GOAL)
    locks = bench.place / ".snakemake" / "locks"
    while not any(locks.glob("*")) and first.poll() is None:
        time.sleep(0.02)
    second = bench.start(_GOAL)
    told = second.communicate(timeout=_LIMIT)[0]
    struck = second.returncode != 0
    wrong = "" if "cannot be locked" in told else f"it was not refused: {told[-200:]}"
    try:
        bench.finish(first)
    except RuntimeError as error:
        return Outcome(struck, f"the first failed: {str(error)[-200:]}")
    return Outcome(struck, wrong or bench.again(unlock=False))


#: Kinds of faults of whole runs, with what each needs of the machine.
WORKFLOW_KINDS = {
    "a run killed with its jobs": (workflow_killed, ""),
    "one job of a run killed": (job_killed, ""),
    "R killed in a fit of a run": (r_killed_in_a_fit, "r"),
    "R killed in an audit of a study": (r_killed_in_an_audit, "r"),
    "R killed in a divergence": (r_killed_in_a_divergence, "r"),
    "the disk of a run full": (disk_full, "disk"),
    "the disk of a run made read-only": (made_read_only, "disk"),
    "a run under another clock": (clock_changed, "clock"),
    "inputs and results of another time": (inputs_of_the_future, ""),
    "two runs in one folder": (two_at_once, ""),
}


def lacking(need: str) -> str:
    """Why this machine cannot do a kind; empty where it can.

    Parameters
    ----------
    need : of `WORKFLOW_KINDS`.
    """
    if need == "r":
        return why_not()
    if need == "disk":
        with tempfile.TemporaryDirectory() as place:
            if not _mounted("-t", "tmpfs", "-o", "size=64k", "tmpfs", place):
                return "a disk may not be mounted here"
            subprocess.run(["umount", place], check=True)
    if need == "clock" and not _FAKETIME:
        return "faketime is not installed"
    return ""
