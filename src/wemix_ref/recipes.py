"""Recipes that make a data set's columns again: by R from its packages, or by Python."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from wemix_ref.datasets import read_table
from wemix_ref.errors import EngineError
from wemix_ref.r_random import RRandom

__all__ = ["Made", "NotMadeError", "Table", "ways_of"]

Table = Mapping[str, Sequence[object]]

_SCRIPT = Path(__file__).parent / "engines" / "r" / "rebuild.R"
_TIMEOUT_SECONDS = 120.0
_PACKAGE_MISSING = 3  # the script's exit status for it


class NotMadeError(EngineError):
    """A recipe cannot be followed here; the text says why."""


@dataclass(frozen=True)
class Made:
    """What a recipe gives.

    Attributes
    ----------
    table : Mapping of str to sequence
        Columns by the recipe's names; numbers, or text with "" where missing.
    versions : Mapping of str to str
        The software it came from.
    """

    table: Table
    versions: Mapping[str, str] = field(default_factory=dict)


def ways_of(recipe: str) -> dict[str, Callable[[Sequence[object]], Made]]:
    """Give the ways in which a recipe can be followed.

    Parameters
    ----------
    recipe : str
        A name that provenance.yaml uses.

    Returns
    -------
    dict of str to callable
        ``python``, ``R`` or both. Each takes the data's ``Subject`` column (empty where it has
        none), which the rules for stated weights need, and gives a `Made`; it raises `NotMadeError`
        where R or a package is absent.

    Raises
    ------
    ValueError
        If there is no such recipe.
    """
    ways: dict[str, Callable[[Sequence[object]], Made]] = {}
    if recipe in _STATED_WEIGHTS:
        row, subject = _STATED_WEIGHTS[recipe]
        ways["python"] = lambda subjects: _stated_weights(subjects, row, subject)
    if recipe == "three-level":
        ways["python"] = lambda _subjects: _three_level()
    if recipe in _BY_R:
        ways["R"] = lambda _subjects: _by_r(recipe)
    if not ways:
        known = ", ".join(sorted({*_STATED_WEIGHTS, *_BY_R}))
        raise ValueError(f"a recipe must be one of {known}; found {recipe!r}")
    return ways


_BY_R = (
    "apiclus2",
    "dyestuff",
    "dyestuff2",
    "egsingle",
    "exam",
    "mathachieve",
    "pastes",
    "sleepstudy",
    "star",
    "three-level",
)

# The weights W1 and W2 of subjects 308, 309 and 310; all others have 1.
_STATED_WEIGHTS = {"unit-weights": (1, 1), "row-weights": (2, 1), "subject-weights": (2, 2)}
_HEAVY = ("308", "309", "310")


def _stated_weights(subjects: Sequence[object], row: int, subject: int) -> Made:
    heavy = [str(name) in _HEAVY for name in subjects]
    return Made(
        {
            "W1": [float(row if is_heavy else 1) for is_heavy in heavy],
            "W2": [float(subject if is_heavy else 1) for is_heavy in heavy],
        }
    )


def _three_level() -> Made:
    """Follow the three-level recipe; the draws are taken in the order e3, e2, x1, e1.

    Five school effects and fifteen teacher effects are drawn, spread over 75 rows, and recycled
    over the 150, as the printed recipe does.
    """
    stream = RRandom(123)
    n = 150
    e3 = np.tile(np.repeat(stream.normal(5), 15), 2)
    e2 = np.tile(np.repeat(stream.normal(15), 5), 2)
    x1 = stream.normal(n)
    e1 = stream.normal(n)
    school = np.repeat(np.arange(1, 11), 15)
    table: dict[str, Sequence[object]] = {
        "y": (e3 + e2 + 0.5 * x1 + e1).tolist(),
        "sch": ["abcdefghij"[number - 1] for number in school],
        "tch": np.repeat(np.arange(1, 31), 5).tolist(),
        "e3": e3.tolist(),
        "e2": e2.tolist(),
        "x1": x1.tolist(),
        "e1": e1.tolist(),
        "school_number": school.tolist(),
    }
    return Made(table, {"numpy": np.__version__})


def _by_r(recipe: str) -> Made:
    if os.environ.get("WEMIX_REF_NO_R"):
        raise NotMadeError("R is turned off by WEMIX_REF_NO_R")
    rscript = shutil.which("Rscript")
    if rscript is None:
        raise NotMadeError("R is not here")
    with tempfile.TemporaryDirectory() as directory:
        table_path, versions_path = Path(directory) / "table.csv", Path(directory) / "versions.txt"
        command: list[str | Path] = [
            rscript,
            "--vanilla",
            _SCRIPT,
            recipe,
            table_path,
            versions_path,
        ]
        try:
            run = subprocess.run(
                command,
                capture_output=True,
                text=True,
                timeout=_TIMEOUT_SECONDS,
                stdin=subprocess.DEVNULL,
                check=False,
            )
        except subprocess.TimeoutExpired as problem:
            raise EngineError(
                f"R must make the data set {recipe!r} within {_TIMEOUT_SECONDS:g} s; it did not"
            ) from problem
        if run.returncode == _PACKAGE_MISSING:
            raise NotMadeError(run.stderr.strip())
        if run.returncode != 0:
            raise EngineError(
                f"R must make the data set {recipe!r}; it ended with status {run.returncode}: "
                f"{run.stderr.strip()[-500:]}"
            )
        header, rows = read_table(table_path)
        lines = versions_path.read_text(encoding="utf-8").splitlines()
    columns: list[Sequence[object]] = [list(column) for column in zip(*rows, strict=True)]
    versions = dict(line.split("\t", 1) for line in lines)
    return Made(dict(zip(header, columns, strict=True)), versions)
