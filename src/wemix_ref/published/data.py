"""The data behind published tables: shipped, from a folder, or from the R package with them."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from wemix_ref.csv_numbers import read_csv
from wemix_ref.datasets import RESOURCES
from wemix_ref.errors import CaseError, WemixRefError
from wemix_ref.published.printed_tables import Published

__all__ = [
    "FOLDER",
    "DataAbsentError",
    "PublishedData",
    "data_files",
    "how_to_get",
    "read_published_data",
]

#: Environment variable that names the folder of data that may not be shipped.
FOLDER = "WEMIX_REF_DATA"

_SCRIPT = Path(__file__).parent / "carried.R"
_TIMEOUT_SECONDS = 120.0
_PACKAGE_MISSING = 3  # the script's exit status for it


class DataAbsentError(WemixRefError):
    """The data of a published table are not here; the text says how to get them."""


@dataclass(frozen=True)
class PublishedData:
    """Data of one published table.

    Attributes
    ----------
    frame : one row per unit, factors with their reference level first.
    origin : where the data are from: "shipped", "folder", or the R package's name.
    """

    frame: pd.DataFrame
    origin: str


def how_to_get(published: Published) -> str:
    """Say how a user gets the data, in one or two sentences."""
    if published.carried_by is None:
        return f"{published.data} is part of the project: restore resources/data."
    package, dataset = published.carried_by
    return (
        f"{published.data} may not be shipped ({published.what}). Install the R package "
        f'{package}, or write the file once, data({dataset}, package = "{package}"); '
        f'write.csv({dataset}, "{published.data}", row.names = FALSE), and name its folder in '
        f"{FOLDER}."
    )


def read_published_data(published: Published, resources: Path = RESOURCES) -> PublishedData:
    """Read the data of a published table and check that they are those that it is of.

    Looked for in ``resources/data`` where they are shipped; else in the folder that the environment
    variable WEMIX_REF_DATA names; else in the R package that carries them, unless WEMIX_REF_NO_R
    turns R off.

    Raises
    ------
    DataAbsentError
        If they are in none of these places.
    CaseError
        If WEMIX_REF_DATA names no folder, or rows, columns or groups are not those of the table.
    """
    if published.shipped:
        path = Path(resources) / "data" / published.data
        return PublishedData(_frame(published, path), "shipped")
    folder = _folder()
    if folder is not None and (folder / published.data).is_file():
        return PublishedData(_frame(published, folder / published.data), "folder")
    return _from_r(published)


def data_files(cases: Iterable[Published], resources: Path = RESOURCES) -> list[Path]:
    """Files among the data of published tables that are here, each once, sorted."""
    found = set()
    for published in cases:
        folder = Path(resources) / "data" if published.shipped else _folder()
        if folder is not None and (folder / published.data).is_file():
            found.add(folder / published.data)
    return sorted(found)


def _folder() -> Path | None:
    """The folder that WEMIX_REF_DATA names; None where it is not set."""
    name = os.environ.get(FOLDER, "")
    if name and not Path(name).is_dir():
        raise CaseError(f"{FOLDER} must name a folder; found {name!r}, which is none.")
    return Path(name) if name else None


def _from_r(published: Published) -> PublishedData:
    rscript = None if os.environ.get("WEMIX_REF_NO_R") else shutil.which("Rscript")
    if rscript is None or published.carried_by is None:
        raise DataAbsentError(how_to_get(published))
    package, dataset = published.carried_by
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / published.data
        command: list[str | Path] = [rscript, "--vanilla", _SCRIPT, package, dataset, path]
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
            raise CaseError(
                f"R must write {dataset} of {package} within {_TIMEOUT_SECONDS:g} s; it did not."
            ) from problem
        if run.returncode == _PACKAGE_MISSING:
            raise DataAbsentError(how_to_get(published))
        if run.returncode != 0:
            raise CaseError(
                f"R must write {dataset} of {package}; it ended with status {run.returncode}: "
                f"{run.stderr.strip()[-500:]}"
            )
        return PublishedData(_frame(published, path), package)


def _frame(published: Published, path: Path) -> pd.DataFrame:
    text = dict.fromkeys((*published.text, *published.reference_levels), str)
    try:
        frame = read_csv(path, dtype=text)
    except (OSError, ValueError) as problem:
        raise CaseError(f"{path}: the file must be a readable CSV: {problem}") from problem
    needed = (*published.groups, *published.reference_levels, *published.weights)
    if missing := [name for name in needed if name not in frame]:
        raise CaseError(
            f"{published.data} must have the column `{missing[0]}`; it has "
            f"{', '.join(map(str, frame.columns))}. {how_to_get(published)}"
        )
    found = {name: int(frame[name].nunique()) for name in published.groups}
    if len(frame) != published.rows or found != dict(published.groups):
        raise CaseError(
            f"{published.data} must have {published.rows} rows and "
            f"{_told(dict(published.groups))}, as the data of {published.case} have; found "
            f"{len(frame)} rows and {_told(found)}. {how_to_get(published)}"
        )
    for name, first in published.reference_levels.items():
        levels = sorted(set(frame[name].dropna()))
        if first not in levels:
            raise CaseError(
                f"{published.data}: `{name}` must have the level {first!r}; found "
                f"{', '.join(map(repr, levels))}."
            )
        order = [first, *(level for level in levels if level != first)]
        frame[name] = pd.Categorical(frame[name], categories=order)
    return frame


def _told(groups: dict[str, int]) -> str:
    return ", ".join(f"{count} groups of `{name}`" for name, count in groups.items())
