"""Data sets that ship with the project: their provenance, and how a CSV becomes a frame."""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from wemix_ref.errors import CaseError, DataError
from wemix_ref.strict_yaml import PROJECT, read_valid_yaml

__all__ = ["RESOURCES", "ColumnOrigin", "Dataset", "load_dataset", "load_datasets", "read_table"]

RESOURCES = PROJECT / "resources"


@dataclass(frozen=True)
class ColumnOrigin:
    """A column's type and where it comes from.

    Attributes
    ----------
    name : str
        The column.
    type : str
        ``number``, ``integer``, ``text`` or ``category``.
    levels : tuple of str, or "as-numbers", or None
        A category's levels in R's order; ``as-numbers``: those present, sorted as numbers.
    recipe : str or None
        The recipe that rebuilds the column; None for a column given by hash alone.
    source_column : str
        The column's name in the recipe.
    """

    name: str
    type: str
    levels: tuple[str, ...] | str | None
    recipe: str | None
    source_column: str


@dataclass(frozen=True)
class Dataset:
    """A data file and its provenance.

    Attributes
    ----------
    name : str
        The file's name without its suffix.
    path : Path
        The CSV.
    sha256 : str
        The hash its bytes must have.
    n_rows : int
        Rows below the header.
    what, licence : str
        What the data are, and under which licence they may be passed on.
    source : Mapping
        Package, version and dataset, or the recipe.
    match_by : tuple of str
        Columns that both sides are sorted by before they are compared; empty: row by row.
    printed_rows_path : Path or None
        CSV of the rows that the source prints, digits kept; the first rows of the data.
    columns : tuple of ColumnOrigin
        In the file's order.
    """

    name: str
    path: Path
    sha256: str
    n_rows: int
    what: str
    licence: str
    source: Mapping[str, Any]
    match_by: tuple[str, ...]
    printed_rows_path: Path | None
    columns: tuple[ColumnOrigin, ...]

    def printed_rows(self) -> tuple[tuple[str, ...], list[list[str]]]:
        """Read the rows that the source prints, as text.

        Returns
        -------
        header : tuple of str
        rows : list of list of str
            Empty, like the header, where the source prints none.
        """
        return read_table(self.printed_rows_path) if self.printed_rows_path else ((), [])

    def check_bytes(self) -> None:
        """Check that the file has the bytes that the provenance records.

        Raises
        ------
        DataError
            If the file is absent or its hash is another.
        """
        if not self.path.is_file():
            raise DataError(f"data file {self.path} must exist; it was not found")
        found = hashlib.sha256(self.path.read_bytes()).hexdigest()
        if found != self.sha256:
            raise DataError(
                f"data file {self.path.name} must have the sha256 {self.sha256} of "
                f"provenance.yaml; its bytes have {found}. Restore the file, or record the new "
                f"hash with the reason for the change."
            )

    def read(self) -> pd.DataFrame:
        """Read the data with the declared types; nothing about a column is guessed.

        Returns
        -------
        DataFrame, shape (n_rows, columns)
            float64 for numbers (NaN where missing), int64 for integers, object for text (None
            where missing, "0001" stays so), categorical with all declared levels.

        Raises
        ------
        DataError
            If the bytes are not the recorded ones, or a value does not have its column's type.
        """
        self.check_bytes()
        header, rows = read_table(self.path)
        names = tuple(column.name for column in self.columns)
        if header != names or len(rows) != self.n_rows:
            raise DataError(
                f"{self.path.name} must have the columns {list(names)} and {self.n_rows} rows of "
                f"provenance.yaml; found {list(header)} and {len(rows)} rows"
            )
        texts = zip(*rows, strict=True)
        return pd.DataFrame(
            {
                column.name: _convert(column, values, self.path.name)
                for column, values in zip(self.columns, texts, strict=True)
            }
        )


def load_datasets(resources: Path = RESOURCES) -> dict[str, Dataset]:
    """Load the provenance of every data file.

    Parameters
    ----------
    resources : Path
        Directory that holds ``data/provenance.yaml``.

    Returns
    -------
    dict of str to Dataset
        By name, in the file's order.

    Raises
    ------
    CaseError
        If provenance.yaml does not follow its schema.
    """
    directory = Path(resources) / "data"
    files = read_valid_yaml(directory / "provenance.yaml", "provenance.schema.yaml")["files"]
    return {Path(file).stem: _dataset(directory / file, entry) for file, entry in files.items()}


def load_dataset(name: str, resources: Path = RESOURCES) -> Dataset:
    """Load the provenance of one data file.

    Parameters
    ----------
    name : str
        The file's name, with or without ``.csv``.
    resources : Path
        Directory that holds ``data/provenance.yaml``.

    Returns
    -------
    Dataset

    Raises
    ------
    CaseError
        If provenance.yaml does not know the name.
    """
    datasets = load_datasets(resources)
    stem = name.removesuffix(".csv")
    if stem not in datasets:
        raise CaseError(
            f"a data file must have an entry in {Path(resources).name}/data/provenance.yaml; "
            f"{stem}.csv has none. Known: {', '.join(datasets)}"
        )
    return datasets[stem]


def read_table(path: Path) -> tuple[tuple[str, ...], list[list[str]]]:
    """Read a CSV as text.

    Parameters
    ----------
    path : Path
        The file, UTF-8, comma separated, with a header.

    Returns
    -------
    header : tuple of str
    rows : list of list of str

    Raises
    ------
    DataError
        If the file is empty or rows differ in length.
    """
    with Path(path).open(encoding="utf-8", newline="") as stream:
        lines = list(csv.reader(stream))
    if not lines:
        raise DataError(f"{path} must have a header line; the file is empty")
    header, rows = tuple(lines[0]), lines[1:]
    ragged = [number for number, row in enumerate(rows, 1) if len(row) != len(header)]
    if ragged:
        raise DataError(
            f"{path}: every row must have {len(header)} fields; {len(ragged)} rows have another "
            f"number (first: row {ragged[0]})"
        )
    return header, rows


def _dataset(path: Path, entry: Mapping[str, Any]) -> Dataset:
    columns = tuple(_origin(name, column) for name, column in entry["columns"].items())
    match_by = tuple(entry.get("match_by", ()))
    unknown = [name for name in match_by if name not in entry["columns"]]
    if unknown:
        raise CaseError(f"provenance of {path.name}: match_by names no column: {unknown[0]!r}")
    return Dataset(
        name=path.stem,
        path=path,
        sha256=entry["sha256"],
        n_rows=entry["rows"],
        what=entry["what"],
        licence=entry["licence"],
        source=dict(entry["source"]),
        match_by=match_by,
        printed_rows_path=(
            path.parents[1] / "published" / entry["printed_rows"]
            if "printed_rows" in entry
            else None
        ),
        columns=columns,
    )


def _origin(name: str, entry: Mapping[str, Any]) -> ColumnOrigin:
    levels = entry.get("levels")
    return ColumnOrigin(
        name=name,
        type=entry["type"],
        levels=tuple(levels) if isinstance(levels, list) else levels,
        recipe=entry.get("recipe"),
        source_column=entry.get("from", name),
    )


def _convert(column: ColumnOrigin, texts: Sequence[str], file: str) -> pd.Series:
    if column.type == "text":
        return pd.Series([text or None for text in texts], dtype=object)
    if column.type == "category":
        return _category(column, texts, file)
    parse = int if column.type == "integer" else _number
    values, wrong = [], []
    for row, text in enumerate(texts, 1):
        try:
            values.append(parse(text))
        except ValueError:
            wrong.append((row, text))
    if wrong:
        raise DataError(
            f"{file}: column `{column.name}` must hold {column.type}s; {len(wrong)} values are "
            f"not (first: row {wrong[0][0]}, {wrong[0][1]!r})"
        )
    return pd.Series(values, dtype=np.int64 if column.type == "integer" else np.float64)


def _number(text: str) -> float:
    return float(text) if text else float("nan")


def _category(column: ColumnOrigin, texts: Sequence[str], file: str) -> pd.Series:
    present = {text for text in texts if text}
    if isinstance(column.levels, tuple):
        levels = list(column.levels)
        unknown = [(row, text) for row, text in enumerate(texts, 1) if text and text not in levels]
        if unknown:
            raise DataError(
                f"{file}: column `{column.name}` must hold one of {levels}; {len(unknown)} values "
                f"do not (first: row {unknown[0][0]}, {unknown[0][1]!r})"
            )
    else:
        try:
            levels = sorted(present, key=lambda text: (float(text), text))
        except ValueError as problem:
            raise DataError(
                f"{file}: the levels of `{column.name}` must write numbers: {problem}"
            ) from problem
    values = pd.Categorical([text or None for text in texts], categories=levels)
    return pd.Series(values)
