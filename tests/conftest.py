"""Which tests run where: those marked live_r need a running R with lme4."""

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
    """Counts the live_r tests whose body ran, whatever came out."""

    def __init__(self) -> None:
        self.n_ran = 0

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Iterator[None]:
        if item.get_closest_marker("live_r") is not None:
            self.n_ran += 1
        return (yield)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        reason = why_no_live_r()
        state = f"R is not used: {reason}" if reason else "R with lme4 is there"
        terminalreporter.write_line(f"live_r tests that ran: {self.n_ran} ({state})")

    def pytest_sessionfinish(self) -> None:
        if path := os.environ.get(COUNT_FILE_VARIABLE):
            Path(path).write_text(f"{self.n_ran}\n", encoding="ascii")


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(LiveRCounter(), "wemix-ref-live-r-counter")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    live = [item for item in items if item.get_closest_marker("live_r") is not None]
    if live and (reason := why_no_live_r()):
        for item in live:
            item.add_marker(pytest.mark.skip(reason=reason))


@pytest.fixture(scope="session")
def project_root() -> Path:
    """The checkout's top directory."""
    return ROOT
