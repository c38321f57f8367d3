"""Whole runs of the workflow in a copy of the project, and the same bits in each of them."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from wemix_ref.errors import DataError
from wemix_ref.reliability.record import RECORDED
from wemix_ref.stamps import read_stamp
from wemix_ref.strict_yaml import PROJECT

__all__ = ["RUNS", "MadeAgain", "Project", "Row", "WholeRun", "differing", "same_in_whole_runs"]

_LIMIT = 1800.0
#: Title, files, made again and equal, with a stamp, seconds, what is not as it must be.
Row = tuple[str, int, int, int, float, str]
#: What a run of the workflow needs of the project.
_PARTS = (
    *("src", "workflow", "profiles", "resources", "config", "Snakefile", "environment.yml"),
    *("requirements.lock", "requirements-cluster.lock"),
)


@dataclass(frozen=True)
class MadeAgain:
    """What came of making the derived files of a run again.

    Attributes
    ----------
    equal : how many were made again and are equal.
    stamped : how many files carry a stamp.
    wrong : what is not as it must be; empty: nothing.
    """

    equal: int
    stamped: int
    wrong: str

    @classmethod
    def of(cls, told: str, errors: str, results: Path) -> MadeAgain:
        """Read what ``wemix-ref verify --json`` said of results."""
        try:
            content = json.loads(told)
        except ValueError:
            last = (errors.strip().splitlines() or ["it said nothing"])[-1]
            return cls(0, 0, f"it could not be verified: {last}")
        differ = sorted({one["file"] for one in content["differences"]})
        equal = set(content["files"]).difference(differ)
        stamped = sum(_has_stamp(results / name) for name in content["files"])
        if differ:
            wrong = f"{len(differ)} files differ from what is made again (first: {differ[0]})"
        elif not equal:
            wrong = "nothing was made again"
        else:
            wrong = ""
        return cls(len(equal), stamped, wrong)


def _has_stamp(path: Path) -> bool:
    try:
        read_stamp(path)
    except DataError:
        return False
    return True


class Project:
    """A copy of the project, or a clone of it, with some of its cases and studies.

    Parameters
    ----------
    place : where it is made.
    cases : names of the cases that it keeps.
    studies : files of studies, by name: their text.
    environment : variables that its runs see besides.
    clone : whether git clones it; the files are as of the last commit then.
    """

    def __init__(
        self,
        place: Path,
        cases: Sequence[str],
        studies: Mapping[str, str],
        environment: Mapping[str, str],
        clone: bool = False,
    ) -> None:
        self.place = place
        self.environment = environment
        if clone:
            words = ["git", "clone", "--quiet", "--no-hardlinks", str(PROJECT), str(place)]
            subprocess.run(words, check=True, timeout=_LIMIT)
        else:
            ignored = shutil.ignore_patterns("__pycache__")
            for name in _PARTS:
                if (PROJECT / name).is_dir():
                    shutil.copytree(PROJECT / name, place / name, ignore=ignored)
                else:
                    shutil.copy(PROJECT / name, place / name)
        for path in (place / "config" / "cases").glob("*.yaml"):
            if path.stem not in cases:
                path.unlink()
        shutil.rmtree(place / "config" / "studies")
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
        command = [sys.executable, "-m", "snakemake", "--cores", str(cores)]
        command += ["--workflow-profile", "none", "--rerun-incomplete", "--scheduler", "greedy"]
        return subprocess.Popen(
            [*command, *words], cwd=self.place, env=self._variables(environment or {}),
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True,
        )  # fmt: skip

    def _variables(self, more: Mapping[str, str]) -> dict[str, str]:
        own = {"PYTHONPATH": str(self.place / "src"), **self.environment}
        return {**os.environ, **own, **more}

    def verify(self) -> MadeAgain:
        """Make again what can be, by the command and with the variables that the run had."""
        done = subprocess.run(
            [sys.executable, "-m", "wemix_ref", "verify", "results", "--json"],
            cwd=self.place, env=self._variables({}), capture_output=True, text=True, timeout=_LIMIT,
        )  # fmt: skip
        return MadeAgain.of(done.stdout, done.stderr, self.place / "results")

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
    clone : whether in a fresh clone, in another directory, with nothing compiled before.
    """

    title: str
    cores: int = 1
    chunk: int | None = None
    first: tuple[str, ...] = ()
    clone: bool = False


_STUDY = "three-level-informative"
_SMALL = f"{_STUDY}-small"
_CASES = ("sleepstudy-l2-slope", "dyestuff", "three-level-school")
_LAST = ("results/fits/sleepstudy-l2-slope/python.json", "results/prepared/dyestuff/data.csv")
#: The first has the report, the tables and the small study among what it is made from; the verdicts
#: are there besides when all is as it must be.
_GOALS = (
    "results/provenance.json",
    *("results/verdict.txt", "results/printed.txt", "results/divergences.txt"),
    f"results/studies/{_SMALL}/verdict.txt",
    f"results/studies/{_SMALL}/report.html",
    "results/studies/small.html",
)

#: The first is what the others are held against.
RUNS = (
    WholeRun("snakemake, 1 core"),
    WholeRun("snakemake, 2 cores; jobs of 20", cores=2, chunk=20),
    WholeRun("snakemake, 8 cores; jobs of 7", cores=8, chunk=7),
    WholeRun("snakemake, 2 cores; some goals before the others", cores=2, first=_LAST),
    WholeRun("snakemake, 2 cores, in a fresh clone in another directory", cores=2, clone=True),
)


def differing(one: Mapping[str, str], other: Mapping[str, str]) -> list[str]:
    """Names of the files that two runs do not have the same, sorted."""
    return sorted(name for name in {*one, *other} if one.get(name) != other.get(name))


def _hashes(results: Path) -> dict[str, str]:
    """Hash of each result that is neither a timing, nor a log, nor how work was cut into jobs.

    The provenance is taken without the commit, the chunks, and what its files were made from.
    """
    left_out = {"logs", "timing", "chunks"}
    found = {
        path.relative_to(results).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(results.rglob("[!.]*"))
        if path.is_file()
        and not left_out.intersection(path.relative_to(results).parts)
        and not path.name.endswith(".timing.json")
    }
    told = results / "provenance.json"
    if told.is_file():
        content = json.loads(told.read_text(encoding="utf-8"))
        del content["made_with"]["git"]
        files = [(step["made"], step["files"]) for step in content["steps"]]
        plain = json.dumps([content["made_with"], files], sort_keys=True)
        found[told.name] = hashlib.sha256(plain.encode()).hexdigest()
    return found


def _uncommitted() -> str:
    """Why no clone is what runs here; empty where it is."""
    words = ["git", "-C", str(PROJECT), "status", "--porcelain", "--untracked-files=normal", "--"]
    words += [*_PARTS, *(f":(exclude){name}" for name in RECORDED)]
    try:
        done = subprocess.run(words, capture_output=True, text=True, timeout=60)
    except OSError:
        return "git is not here"
    if done.returncode != 0:
        return "the project is no checkout of git"
    return "there are changes that are not committed" if done.stdout.strip() else ""


def same_in_whole_runs(
    scratch: Path, tell: Callable[[str], None], runs: Sequence[WholeRun] = RUNS
) -> list[Row]:
    """Run the workflow in each way, and make again what can be of each run; return their rows.

    Parameters
    ----------
    scratch : a directory for the copy of the project.
    tell : told of each run.
    runs : ways; the first is what the others are held against.
    """
    text = (PROJECT / "config" / "studies" / f"{_STUDY}.yaml").read_text(encoding="utf-8")

    def project(place: Path, clone: bool) -> Project:
        # nothing of R's and no data from elsewhere: what git has is all there is
        cache = str(place.with_name(f"{place.name}-compiled"))
        own = {"WEMIX_REF_NO_R": "1", "WEMIX_REF_DATA": "", "NUMBA_CACHE_DIR": cache}
        return Project(place, _CASES, {_STUDY: text}, own, clone)

    usual = project(scratch / "project", clone=False)
    rows: list[Row] = []
    base: dict[str, str] = {}
    for run in runs:
        missing = _uncommitted() if run.clone else ""
        if missing:
            tell(f"left out: {run.title}: {missing}")
            rows.append((run.title, 0, 0, 0, 0.0, f"not run: {missing}"))
            continue
        here = project(scratch / "else where" / "clone", clone=True) if run.clone else usual
        started = time.monotonic()
        found, again = _run_in(here, run)
        seconds = time.monotonic() - started
        base = base or found
        names = differing(base, found)
        others = f"{len(names)} files differ (first: {names[0]})" if names else ""
        what = "; ".join(text for text in (others, again.wrong) if text)
        tell(
            f"{run.title}: {len(found)} files, {again.equal} made again and equal, "
            f"{again.stamped} with a stamp, {what or 'the same'}"
        )
        rows.append((run.title, len(found), again.equal, again.stamped, seconds, what))
    return rows


def _run_in(project: Project, run: WholeRun) -> tuple[dict[str, str], MadeAgain]:
    """Run the workflow in a way; hashes of what it gave, and what came of making it again."""
    config = project.place / "config" / "config.yaml"
    usual = config.read_text(encoding="utf-8")
    if "chunk: null" not in usual:
        raise RuntimeError("config/config.yaml must have `chunk: null`")
    project.clear()
    chunk = "null" if run.chunk is None else str(run.chunk)
    config.write_text(usual.replace("chunk: null", f"chunk: {chunk}"), encoding="utf-8")
    try:
        if run.first:
            project.finish(project.start(*run.first, cores=run.cores))
        project.finish(project.start(*_GOALS, cores=run.cores))
        hashes = _hashes(project.place / "results")
        return hashes, project.verify()
    finally:
        config.write_text(usual, encoding="utf-8")
