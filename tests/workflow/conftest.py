"""A small copy of the project in which the workflow runs."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CASES = ("three-level-school", "sleepstudy-l2-slope")
# Files in __pycache__ that come and go; compiled loops are there too, and are copied.
PASSING = ("*.pyc*", "*.tmp.*")
DIVERGENCES = ("lme4-colon-ids", "slash-numeric-ids")


class Workbench:
    """A copy of the project with two cases, their engines those that need no R."""

    def __init__(self, place: Path) -> None:
        self.place = place
        for name in ("src", "workflow", "profiles", "config", "resources"):
            shutil.copytree(
                ROOT / name, place / name, ignore=shutil.ignore_patterns(*PASSING, "cases")
            )
        for path in (place / "config" / "divergences").iterdir():
            if path.stem not in DIVERGENCES:
                path.unlink()
        # studies have tests of their own
        shutil.rmtree(place / "config" / "studies")
        shutil.copy(ROOT / "environment.yml", place / "environment.yml")
        (place / "config" / "cases").mkdir()
        for case in CASES:
            text = (ROOT / "config" / "cases" / f"{case}.yaml").read_text()
            engines = "engines: [python, lme4-weighted, wemix, recorded]"
            assert engines in text
            self.write(
                f"config/cases/{case}.yaml", text.replace(engines, "engines: [python, recorded]")
            )

    def write(self, path: str, text: str) -> None:
        (self.place / path).write_text(text, encoding="utf-8")

    def read(self, path: str) -> str:
        return (self.place / path).read_text(encoding="utf-8")

    def replace(self, path: str, old: str, new: str) -> None:
        text = self.read(path)
        assert old in text, f"{path} has no {old!r}"
        self.write(path, text.replace(old, new))

    def snakemake(self, *words: str, profile: bool = False) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, "WEMIX_REF_NO_R": "1", "PYTHONPATH": str(self.place / "src")}
        command = [sys.executable, "-m", "snakemake", "--cores", "2", *words]
        if not profile:
            command += ["--workflow-profile", "none", "--keep-going"]
        return subprocess.run(
            command, cwd=self.place, env=environment, capture_output=True, text=True, timeout=300
        )

    def planned(self) -> set[str]:
        """What a run would do now: the jobs' messages."""
        done = self.snakemake("--dry-run")
        assert done.returncode == 0, done.stdout + done.stderr
        told = done.stdout + done.stderr
        jobs = set(re.findall(r"^Job \d+: (.*)$", told, flags=re.MULTILINE))
        assert jobs or "Nothing to be done" in told, told
        return jobs


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Workbench, str]:
    """A copy in which one run has ended, and what that run said."""
    workbench = Workbench(tmp_path_factory.mktemp("work bench"))
    # as ./workbench run calls it
    report = ("--report", "results/report.html", "--report-after-run")
    done = workbench.snakemake(*report, profile=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return workbench, done.stdout + done.stderr


@pytest.fixture
def workbench(finished: tuple[Workbench, str]) -> object:
    """The finished copy; files that a test changes are put back."""
    place = finished[0].place
    kept = {
        path: path.read_bytes()
        for name in ("src", "config", "resources")
        for path in (place / name).rglob("*")
        if path.is_file() and path.parent.name != "__pycache__"
    }
    times = {path: path.stat() for path in kept}
    yield finished[0]
    for path, content in kept.items():
        if path.read_bytes() != content:
            path.write_bytes(content)
        os.utime(path, ns=(times[path].st_atime_ns, times[path].st_mtime_ns))
