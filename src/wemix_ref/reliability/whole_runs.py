"""Whole runs of the workflow in a copy of the project, and the same bits in each of them."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from wemix_ref.strict_yaml import PROJECT

__all__ = ["RUNS", "Project", "WholeRun", "differing", "same_in_whole_runs"]

_LIMIT = 900.0


class Project:
    """A copy of the project with some of its cases and studies.

    Parameters
    ----------
    place : where it is made.
    cases : names of the cases that it keeps.
    studies : files of studies, by name: their text.
    environment : variables that its runs see besides.
    """

    def __init__(
        self,
        place: Path,
        cases: Sequence[str],
        studies: Mapping[str, str],
        environment: Mapping[str, str],
    ) -> None:
        self.place = place
        self.environment = environment
        for name in ("src", "workflow", "profiles", "resources"):
            shutil.copytree(
                PROJECT / name, place / name, ignore=shutil.ignore_patterns("__pycache__")
            )
        kept = shutil.ignore_patterns("cases", "studies")
        shutil.copytree(PROJECT / "config", place / "config", ignore=kept)
        for name in (
            "Snakefile",
            "environment.yml",
            *(f"config/cases/{one}.yaml" for one in cases),
        ):
            (place / name).parent.mkdir(exist_ok=True)
            shutil.copy(PROJECT / name, place / name)
        (place / "config" / "studies").mkdir()
        for name, text in studies.items():
            (place / "config" / "studies" / f"{name}.yaml").write_text(text, encoding="utf-8")

    def start(
        self, *words: str, cores: int = 2, environment: Mapping[str, str] | None = None
    ) -> subprocess.Popen[str]:
        """Begin a run of snakemake; it leads a process group of its own.

        Parameters
        ----------
        *words : goals and options.
        cores : how many jobs may run at once.
        environment : variables of this run.
        """
        own = {"PYTHONPATH": str(self.place / "src"), **self.environment, **(environment or {})}
        command = [sys.executable, "-m", "snakemake", "--cores", str(cores)]
        command += ["--workflow-profile", "none", "--rerun-incomplete", "--scheduler", "greedy"]
        return subprocess.Popen(
            [*command, *words], cwd=self.place, env={**os.environ, **own},
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True,
        )  # fmt: skip

    def finish(self, child: subprocess.Popen[str]) -> str:
        """Wait for a good end; return what was said."""
        told = child.communicate(timeout=_LIMIT)[0]
        if child.returncode != 0:
            raise RuntimeError(told[-2000:])
        return told

    def clear(self) -> None:
        """Forget every run."""
        for name in ("results", ".snakemake"):
            if (self.place / name).exists():
                shutil.rmtree(self.place / name)


@dataclass(frozen=True)
class WholeRun:
    """One way to run the workflow.

    Attributes
    ----------
    title : for the page.
    cores : of snakemake.
    chunk : replicates of a job; None: the study's own.
    first : goals that a run of its own comes to before the others.
    """

    title: str
    cores: int = 1
    chunk: int | None = None
    first: tuple[str, ...] = ()


_STUDY = "three-level-informative"
_SMALL = f"{_STUDY}-small"
_CASES = ("sleepstudy-l2-slope", "dyestuff", "three-level-school")
_LAST = ("results/fits/sleepstudy-l2-slope/python.json", "results/prepared/dyestuff/data.csv")
_GOALS = (
    "results/tables/numbers.csv",
    f"results/studies/{_SMALL}/report.html",
    "results/studies/small.html",
)

#: The first is what the others are held against.
RUNS = (
    WholeRun("snakemake, 1 core"),
    WholeRun("snakemake, 2 cores; jobs of 20", cores=2, chunk=20),
    WholeRun("snakemake, 8 cores; jobs of 7", cores=8, chunk=7),
    WholeRun("snakemake, 2 cores; some goals before the others", cores=2, first=_LAST),
)


def differing(one: Mapping[str, str], other: Mapping[str, str]) -> list[str]:
    """Names of the files that two runs do not have the same, sorted."""
    return sorted(name for name in {*one, *other} if one.get(name) != other.get(name))


def _hashes(results: Path) -> dict[str, str]:
    """Hash of each result that is neither a timing, nor a log, nor how work was cut into jobs."""
    left_out = {"logs", "timing", "chunks"}
    return {
        path.relative_to(results).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(results.rglob("[!.]*"))
        if path.is_file()
        and not left_out.intersection(path.relative_to(results).parts)
        and not path.name.endswith(".timing.json")
    }


def same_in_whole_runs(
    scratch: Path, tell: Callable[[str], None], runs: Sequence[WholeRun] = RUNS
) -> list[tuple[str, int, float, str]]:
    """Run the workflow in each way; return for each its title, files, seconds, what differs.

    Parameters
    ----------
    scratch : a directory for the copy of the project.
    tell : told of each run.
    runs : ways; the first is what the others are held against.
    """
    cache = scratch / "compiled"
    own = {"WEMIX_REF_NO_R": "1", "NUMBA_CACHE_DIR": str(cache)}
    text = (PROJECT / "config" / "studies" / f"{_STUDY}.yaml").read_text(encoding="utf-8")
    project = Project(scratch / "project", _CASES, {_STUDY: text}, own)
    config = project.place / "config" / "config.yaml"
    usual = config.read_text(encoding="utf-8")
    if "chunk: null" not in usual:
        raise RuntimeError("config/config.yaml must have `chunk: null`")
    rows: list[tuple[str, int, float, str]] = []
    base: dict[str, str] = {}
    for run in runs:
        project.clear()
        chunk = "null" if run.chunk is None else str(run.chunk)
        config.write_text(usual.replace("chunk: null", f"chunk: {chunk}"), encoding="utf-8")
        started = time.monotonic()
        if run.first:
            project.finish(project.start(*run.first, cores=run.cores))
        project.finish(project.start(*_GOALS, cores=run.cores))
        seconds = time.monotonic() - started
        found = _hashes(project.place / "results")
        base = base or found
        wrong = differing(base, found)
        what = f"{len(wrong)} files differ (first: {wrong[0]})" if wrong else ""
        tell(f"{run.title}: {len(found)} files, {what or 'the same'}")
        rows.append((run.title, len(found), seconds, what))
    return rows
