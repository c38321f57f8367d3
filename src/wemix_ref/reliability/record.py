"""The record of a long run: what was tried, how often, and what came of it."""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import wemix_ref
from wemix_ref.errors import DataError
from wemix_ref.files import write_json
from wemix_ref.git_state import git_state
from wemix_ref.installed import library_versions
from wemix_ref.places import PROJECT
from wemix_ref.strict_json import read_json_object

__all__ = [
    "DIRECTORY",
    "PARTS",
    "RECORDED",
    "SCHEMA",
    "Record",
    "Table",
    "read_record",
    "versions_here",
]

SCHEMA = "wemix-ref/reliability/1"

#: Where recorded runs lie, from the root of a checkout.
DIRECTORY = Path("resources/reliability")

#: What recording a part writes, from the root: no part is made from it, so that it changes none.
RECORDED = (DIRECTORY.as_posix(), "docs/reliability.md")
#: Where a new file changes what runs, though git does not have it yet.
_MATTERS = (
    *("src", "workflow", "profiles", "resources", "config", "tests", "tools", "docs"),
    *("Snakefile", "environment.yml", "pyproject.toml", "workbench", "conftest.py"),
)

#: Parts of the page, in order, with their titles.
PARTS = {
    "identities": "Identities over random models",
    "numbers": "Numbers under stress",
    "input": "Bad input",
    "faults": "Faults",
    "bits": "The same bits",
    "packaging": "Packaging",
    "mutants": "Mutants",
}

Cell = str | int | float | bool | None


@dataclass(frozen=True)
class Table:
    """A table of the page; every cell is a figure of the run or the name of what was tried."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]


@dataclass(frozen=True)
class Record:
    """One run.

    Attributes
    ----------
    part : a name of `PARTS`.
    command : what runs it again.
    tried, failed : in all: models, inputs, faults or mutants; failed are those that did not go as
        they must.
    seconds : how long it took.
    told : sentences about the run, with the run's own figures.
    tables : its figures.
    versions : of what ran, by name.
    """

    part: str
    command: str
    tried: int
    failed: int
    seconds: float
    told: str
    tables: tuple[Table, ...]
    versions: Mapping[str, str] = field(default_factory=lambda: versions_here())

    def __post_init__(self) -> None:
        if self.part not in PARTS:
            raise DataError(f"a part must be one of {', '.join(PARTS)}; found {self.part!r}.")
        for table in self.tables:
            if any(len(row) != len(table.columns) for row in table.rows):
                raise DataError(f"each row of {table.title!r} must have a cell for each column.")

    def write(self, directory: Path) -> Path:
        """Write it as ``PART.json``."""
        path = directory / f"{self.part}.json"
        content = {name: getattr(self, name) for name in _PLAIN}
        tables = [
            {"title": one.title, "columns": list(one.columns), "rows": [list(r) for r in one.rows]}
            for one in self.tables
        ]
        write_json(path, {"schema": SCHEMA, **content, "tables": tables})
        return path


_PLAIN = ("part", "command", "tried", "failed", "seconds", "told", "versions")


def versions_here() -> dict[str, str]:
    """Versions of Python, this package and the libraries that it calculates with; the commit."""
    own = {"wemix_ref": wemix_ref.__version__, "Python": platform.python_version()}
    git = git_state(PROJECT, _MATTERS, RECORDED)
    if git is not None:
        own["commit"] = git["commit"][:10] + ("" if git["clean"] else " with changes")
    return own | library_versions()


def read_record(path: Path) -> Record:
    """Read a record.

    Raises
    ------
    DataError
        It is no record of this version.
    """
    try:
        content = read_json_object(path, "the record of a run", "Run it again.", DataError)
        if content["schema"] != SCHEMA:
            raise DataError(f"{path}: schema must be {SCHEMA!r}; found {content['schema']!r}.")
        tables = tuple(
            Table(one["title"], tuple(one["columns"]), tuple(_row(row) for row in one["rows"]))
            for one in content["tables"]
        )
        return Record(tables=tables, **{name: content[name] for name in _PLAIN})
    except (KeyError, TypeError, ValueError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(f"{path} must be the record of a run; {error!r} was found.") from error


def _row(cells: Sequence[Cell]) -> tuple[Cell, ...]:
    return tuple(cells)
