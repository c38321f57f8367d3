"""The types that ship with the package: right uses pass a strict checker, wrong ones do not."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from wemix_ref.reliability.packaging_checks import CheckError, call, find_uv, must
from wemix_ref.reliability.packaging_programs import CONSUMER

__all__ = ["basedpyright_agrees", "checked_by", "mypy_agrees", "wrong_lines"]

_WRONG = "# wrong"
_FOUND = re.compile(r"consumer\.py:(\d+):(?:\d+:?)?.*?\berror\b:?\s*(.*)")


def wrong_lines(text: str = CONSUMER) -> set[int]:
    """Numbers of the lines that must be errors."""
    return {k for k, line in enumerate(text.splitlines(), 1) if line.endswith(_WRONG)}


def checked_by(
    words: Sequence[str | Path], place: Path, environment: Mapping[str, str] | None = None
) -> dict[int, str]:
    """Run a checker on the consumer's code; return its errors by line.

    Parameters
    ----------
    words : the checker and its options, the file left out.
    place : a directory to work in.
    environment : variables; None: those of this process.
    """
    (place / "consumer.py").write_text(CONSUMER, encoding="utf-8")
    done = call([*words, "consumer.py"], place, environment, limit=300, fails=True)
    found = {int(line): told for line, told in _FOUND.findall(done.out)}
    if done.code not in (0, 1) or (done.code and not found):
        raise CheckError(f"the checker ended with code {done.code}: {done.last}")
    return found


def _agreement(found: Mapping[int, str]) -> str:
    wanted = wrong_lines()
    missed = sorted(wanted - found.keys())
    lines = CONSUMER.splitlines()
    must(not missed, f"{len(missed)} wrong uses pass (first: {[lines[k - 1] for k in missed[:1]]})")
    extra = sorted(found.keys() - wanted)
    must(not extra, f"{len(extra)} right uses are errors (first: {[found[k] for k in extra[:1]]})")
    right = sum("fit" in line or "mix" in line for line in lines) - len(wanted)
    return f"{len(wanted)} wrong uses are errors, {right} right ones are not"


def mypy_agrees(place: Path, *, python: Path | None = None, site: Path | None = None) -> str:
    """Hold mypy's errors, strict, against the lines that are wrong.

    Parameters
    ----------
    place : a directory to work in; it is made.
    python : an interpreter whose environment has the package.
    site : a directory that has it, in place of that.
    """
    place.mkdir(parents=True)
    environment = dict(os.environ)
    environment.pop("PYTHONPATH", None)
    environment.pop("MYPYPATH", None)
    words: list[str | Path] = [sys.executable, "-m", "mypy", "--strict", "--config-file="]
    # a cache of its own, and none of the project's options
    words += ["--cache-dir", place / "cache", "--hide-error-context", "--no-error-summary"]
    if python is not None:
        words += ["--python-executable", python]
    if site is not None:
        environment["MYPYPATH"] = str(site)
        words += ["--follow-imports", "silent"]
    return _agreement(checked_by(words, place, environment))


def basedpyright_agrees(place: Path, python: Path) -> str:
    """Hold the errors of another checker, which uv fetches, against the lines that are wrong."""
    place.mkdir(parents=True)
    (place / "pyrightconfig.json").write_text('{"typeCheckingMode": "standard"}\n')
    words = [find_uv(), "tool", "run", "--no-config", "basedpyright", "--pythonpath", str(python)]
    return _agreement(checked_by(words, place))
