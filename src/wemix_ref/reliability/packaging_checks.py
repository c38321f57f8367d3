"""Checks one after the other: what each found, what is not as it must be, and how long it took."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from wemix_ref.errors import OptionError

__all__ = ["CheckError", "Checks", "Done", "Line", "call", "find_uv", "looked", "must"]

Tell = Callable[[str], None]
LIMIT = 1800.0


class CheckError(ValueError):
    """Something is not as it must be; the message says what."""


def must(good: bool, told: str) -> None:
    """Raise CheckError with what is told, unless it is good."""
    if not good:
        raise CheckError(told)


@dataclass(frozen=True)
class Line:
    """What one check found.

    Attributes
    ----------
    subject, check : what was looked at, and for what.
    figure : what was counted or measured.
    problem : what is not as it must be; empty where all is.
    seconds : how long it took.
    """

    subject: str
    check: str
    figure: str
    problem: str
    seconds: float


@dataclass
class Checks:
    """Runs checks and keeps a line for each."""

    tell: Tell
    lines: list[Line] = field(default_factory=list)

    def run(self, subject: str, check: str, look: Callable[[], str]) -> bool:
        """Run one check; a problem is kept and told, and the next one goes on.

        Parameters
        ----------
        subject, check : what is looked at, and for what.
        look : returns its figure, or raises CheckError, OSError or a time limit's error.
        """
        return self.keep(looked(subject, check, look))

    def keep(self, line: Line) -> bool:
        """Keep and tell a line; whether all is as it must be."""
        self.lines.append(line)
        wrong = f"NOT as it must be: {line.problem}" if line.problem else line.figure
        self.tell(f"{line.subject}: {line.check}: {wrong}")
        return not line.problem


def looked(subject: str, check: str, look: Callable[[], str]) -> Line:
    """Run one check; see `Checks.run`."""
    begun = time.monotonic()
    figure = problem = ""
    try:
        figure = look()
    except (CheckError, OSError, subprocess.SubprocessError) as error:
        problem = str(error) or type(error).__name__
    return Line(subject, check, figure, problem, time.monotonic() - begun)


@dataclass(frozen=True)
class Done:
    """A command that has ended: its exit code, and all that it printed."""

    code: int
    out: str
    error: str

    @property
    def last(self) -> str:
        """The last line that says something."""
        lines = [line for line in (self.out + "\n" + self.error).splitlines() if line.strip()]
        return lines[-1].strip() if lines else "nothing was printed"


def call(
    words: Sequence[str | Path],
    cwd: Path,
    environment: Mapping[str, str] | None = None,
    *,
    limit: float = LIMIT,
    fails: bool = False,
) -> Done:
    """Run a command to its end.

    Parameters
    ----------
    words : the command.
    cwd : where it runs.
    environment : all variables that it gets; None: those of this process.
    limit : seconds.
    fails : whether an exit code other than 0 is for the caller to judge.

    Raises
    ------
    CheckError
        It failed, and that is not for the caller to judge.
    """
    done = subprocess.run(
        [str(word) for word in words],
        cwd=cwd,
        env=None if environment is None else dict(environment),
        capture_output=True,
        text=True,
        timeout=limit,
        stdin=subprocess.DEVNULL,
    )
    ended = Done(done.returncode, done.stdout, done.stderr)
    if ended.code != 0 and not fails:
        command = " ".join(Path(str(word)).name for word in words[:4])
        raise CheckError(f"{command} ended with code {ended.code}: {ended.last}")
    return ended


def find_uv() -> str:
    """Return the uv of this environment, else the one on PATH.

    Raises
    ------
    OptionError
        There is none.
    """
    beside = Path(sys.executable).with_name("uv")
    found = beside if os.access(beside, os.X_OK) else shutil.which("uv")
    if found is None:
        raise OptionError(
            "environments are made by uv, which is not here. Call ./workbench setup and run this "
            "with .venv/bin/wemix-ref."
        )
    return str(found)
