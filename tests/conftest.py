"""Which tests run where: those marked live_r need a running R with lme4; what one worker keeps."""

from __future__ import annotations

import os
import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[1]

# Where this variable names a file, the number of live_r tests that ran is written there.
COUNT_FILE_VARIABLE = "WEMIX_REF_LIVE_R_COUNT"

# Files whose tests share a fixture that takes long to make.
TOGETHER = {
    "workflow/test_workflow.py": "the workflow",
    "workflow/test_bench.py": "the workflow",
}
# Units of work that take longest.
LONGEST = (
    "workflow/test_studies.py",
    "workflow/test_slurm.py",
    "the workflow",
    "workflow/test_faults.py",
    "unit/test_docs.py",
    "unit/test_bench_measure.py",
    "unit/test_compiled.py",
    "unit/test_hunt_search.py",
    "unit/test_study_report.py",
)

_ASK_R = 'cat(as.character(getRversion()), if (nzchar(system.file(package = "lme4"))) "lme4")'


@cache
def why_no_live_r() -> str:
    """Return why tests cannot use R with lme4; the empty string where they can."""
    if os.environ.get("WEMIX_REF_NO_R"):
        return "WEMIX_REF_NO_R is set"
    r = shutil.which("R")
    if r is None:
        return "R is not on PATH"
    command = [r, "--no-echo", "--no-save", "--no-restore", "-e", _ASK_R]
    try:
        answer = subprocess.run(
            command, capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"R does not run: {error}"
    if answer.returncode != 0:
        return f"R does not run: {answer.stderr.strip()[-200:]}"
    if "lme4" not in answer.stdout.split():
        return f"R {answer.stdout.strip()} has no lme4"
    return ""


class LiveRCounter:
    """Counts the live_r tests whose body ran, whatever came out, on this or on any worker."""

    def __init__(self) -> None:
        self.n_ran = 0

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Iterator[None]:
        report = yield
        # an attribute goes with the report from a worker to who counts
        report.ran_live_r = call.when == "call" and item.get_closest_marker("live_r") is not None
        return report

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self.n_ran += getattr(report, "ran_live_r", False)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        reason = why_no_live_r()
        state = f"R is not used: {reason}" if reason else "R with lme4 is there"
        terminalreporter.write_line(f"live_r tests that ran: {self.n_ran} ({state})")

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if (path := os.environ.get(COUNT_FILE_VARIABLE)) and not is_worker(session.config):
            Path(path).write_text(f"{self.n_ran}\n", encoding="ascii")


def is_worker(config: pytest.Config) -> bool:
    """Whether this process runs tests for another (pytest -n)."""
    return hasattr(config, "workerinput")


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(LiveRCounter(), "wemix-ref-live-r-counter")


def unit_of_work(nodeid: str) -> str:
    """Name what stays on one worker, in order: a file, or several that share a fixture."""
    path = nodeid.partition("::")[0].removeprefix("tests/")
    return TOGETHER.get(path, path)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> object:
    """Hand out units of work in the order of collection, unless --dist asks for another way."""
    if config.getoption("dist") != "load":
        return None
    from xdist.scheduler import LoadScopeScheduling

    class Units(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return unit_of_work(nodeid)

    config.option.loadscopereorder = False
    return Units(config, log)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if is_worker(config):
        # the longest first: what begins last should not be what the others wait for
        rank = {unit: number for number, unit in enumerate(LONGEST)}
        items.sort(key=lambda item: rank.get(unit_of_work(item.nodeid), len(rank)))
    live = [item for item in items if item.get_closest_marker("live_r") is not None]
    if live and (reason := why_no_live_r()):
        for item in live:
            item.add_marker(pytest.mark.skip(reason=reason))


@pytest.fixture(scope="session")
def project_root() -> Path:
    """The checkout's top directory."""
    return ROOT
