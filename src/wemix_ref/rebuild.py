"""Data sets made again from their sources, and compared with the files that ship."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np

from wemix_ref.datasets import RESOURCES, ColumnOrigin, Dataset, load_dataset
from wemix_ref.errors import DataError
from wemix_ref.recipes import Made, NotMadeError, Table, ways_of

__all__ = ["Check", "Difference", "RebuildReport", "check_printed_rows", "rebuild"]

# Files were written with 15 to 17 digits and normal draws are R's to one unit in the last place,
# so half a unit of the 15th digit (5e-15) and that unit stay below this.
RELATIVE_TOLERANCE = 1e-14


@dataclass(frozen=True)
class Difference:
    """The first place where a file and its source differ.

    Attributes
    ----------
    row : int
        Row below the header, counted from 1 (in sorted order where rows are matched by key).
    file, source : str
        Both values, numbers with 17 digits.
    """

    row: int
    file: str
    source: str


@dataclass(frozen=True)
class Check:
    """One column held against one source.

    Attributes
    ----------
    column : str
        The column.
    source : str
        The recipe, ``printed rows``, or ``hash`` for a column that is given.
    way : str
        ``python`` or ``R``; empty where there is no recipe.
    status : str
        ``same``, ``differs``, ``given``, or ``not rebuilt``.
    n_rows, n_different : int
        Rows compared, and rows that differ.
    max_relative : float or None
        Largest relative difference of the numbers; None for text.
    first : Difference or None
        Where they first differ.
    message : str
        Why a column was not rebuilt.
    """

    column: str
    source: str
    way: str
    status: str
    n_rows: int = 0
    n_different: int = 0
    max_relative: float | None = None
    first: Difference | None = None
    message: str = ""


@dataclass(frozen=True)
class RebuildReport:
    """What making a data set again showed.

    Attributes
    ----------
    dataset : str
        Its name.
    sha256 : str
        The hash of the file, which was checked.
    tolerance : float
        The largest relative difference that passes.
    checks : tuple of Check
        Column by column and way by way.
    versions : Mapping of str to Mapping
        By way, the software that made the columns.
    """

    dataset: str
    sha256: str
    tolerance: float
    checks: tuple[Check, ...]
    versions: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    @property
    def differs(self) -> bool:
        """Whether any column differs from its source."""
        return any(check.status == "differs" for check in self.checks)

    def raise_if_different(self) -> None:
        """Fail where the file is not what its sources give.

        Raises
        ------
        DataError
            If a column differs; the message has the file, column, row and both values.
        """
        wrong = [(check, check.first) for check in self.checks if check.first is not None]
        if not wrong:
            return
        check, first = wrong[0]
        way = f" (by {check.way})" if check.way else ""
        more = f" {len(wrong) - 1} more comparisons fail." if len(wrong) > 1 else ""
        raise DataError(
            f"{self.dataset}.csv: column `{check.column}` must be what its source, "
            f"{check.source}{way}, gives, within {self.tolerance:g} relative; {check.n_different} "
            f"of {check.n_rows} rows differ (first: row {first.row}, file "
            f"{first.file}, source {first.source}).{more} Restore the file, or find "
            f"out what changed at the source."
        )

    def as_dict(self) -> dict[str, Any]:
        """Give the report as plain data, in the order in which it is written."""
        return {"schema": "wemix-ref/rebuild/1", **asdict(self)}

    def write(self, directory: Path) -> Path:
        """Write the report as JSON.

        Parameters
        ----------
        directory : Path
            Gets ``<dataset>.json``; made where absent.

        Returns
        -------
        Path
            The file written.
        """
        directory = Path(directory)
        directory.mkdir(parents=True, exist_ok=True)
        path = directory / f"{self.dataset}.json"
        path.write_text(json.dumps(self.as_dict(), indent=2) + "\n", encoding="utf-8")
        return path


def rebuild(dataset: str | Dataset, *, resources: Path = RESOURCES) -> RebuildReport:
    """Make every column again whose source is known, and compare.

    Parameters
    ----------
    dataset : str or Dataset
        The data set, or the name of its file.
    resources : Path
        Directory that holds ``data/provenance.yaml``.

    Returns
    -------
    RebuildReport
        Columns of an R package are "not rebuilt" where R is not here; columns that are given by
        hash are so listed. Call `raise_if_different` to fail on a difference.

    Raises
    ------
    DataError
        If the file's bytes are not those of the provenance, or do not have the declared types.
    EngineError
        If R is here but fails or does not answer in time.
    """
    if isinstance(dataset, str):
        dataset = load_dataset(dataset, resources)
    frame = dataset.read()
    # As text first, so that a category's codes never matter.
    data: dict[str, Sequence[object]] = {
        column.name: list(frame[column.name].astype(object)) for column in dataset.columns
    }
    checks = [
        Check(column.name, "hash", "", "given", n_rows=dataset.n_rows)
        for column in dataset.columns
        if column.recipe is None
    ]
    versions: dict[str, dict[str, str]] = {}
    for recipe in dict.fromkeys(c.recipe for c in dataset.columns if c.recipe is not None):
        columns = [column for column in dataset.columns if column.recipe == recipe]
        for way, make in ways_of(recipe).items():
            try:
                made = make(data.get("Subject", ()))
            except NotMadeError as why:
                checks += [
                    Check(column.name, recipe, way, "not rebuilt", message=f"not rebuilt: {why}")
                    for column in columns
                ]
                continue
            versions.setdefault(way, {}).update(made.versions)
            checks += _compare(dataset, columns, data, made, recipe, way)
    header, rows = dataset.printed_rows()
    checks += check_printed_rows(header, rows, data)
    return RebuildReport(dataset.name, dataset.sha256, RELATIVE_TOLERANCE, tuple(checks), versions)


def check_printed_rows(
    header: Sequence[str], rows: Sequence[Sequence[str]], data: Table
) -> list[Check]:
    """Hold rows that a source prints against the data's first rows.

    Parameters
    ----------
    header : sequence of str
        The printed columns, by the data's names.
    rows : sequence of sequences of str
        The printed fields with their digits.
    data : Mapping of str to sequence
        The data.

    Returns
    -------
    list of Check
        One for each printed column: a number agrees when it gives the printed text after rounding
        to as many decimals; text must be the same.
    """
    checks = []
    for position, name in enumerate(header):
        printed = [row[position] for row in rows]
        values = list(data[name])[: len(printed)]
        wrong = [
            number
            for number in range(len(printed))
            if number >= len(values) or not _rounds_to(values[number], printed[number])
        ]
        first = None
        if wrong:
            value = values[wrong[0]] if wrong[0] < len(values) else None
            first = Difference(wrong[0] + 1, _show(value), printed[wrong[0]])
        checks.append(
            Check(
                name,
                "printed rows",
                "",
                "differs" if wrong else "same",
                n_rows=len(printed),
                n_different=len(wrong),
                first=first,
            )
        )
    return checks


def _rounds_to(value: object, printed: str) -> bool:
    if isinstance(value, float):
        if not math.isfinite(value):
            return False
        wanted = Decimal(printed)
        return Decimal(repr(value)).quantize(wanted) == wanted
    return str(value) == printed


def _compare(
    dataset: Dataset,
    columns: Sequence[ColumnOrigin],
    data: Table,
    made: Made,
    recipe: str,
    way: str,
) -> list[Check]:
    ours, theirs = _orders(dataset, data, made.table)
    checks = []
    for column in columns:
        file, source = data[column.name], made.table[column.source_column]
        if len(file) == len(source):
            in_order = [file[row] for row in ours], [source[row] for row in theirs]
            checks.append(_compare_column(column, *in_order, recipe, way))
        else:
            checks.append(_compare_lengths(column, len(file), len(source), recipe, way))
    return checks


def _compare_lengths(
    column: ColumnOrigin, n_file: int, n_source: int, recipe: str, way: str
) -> Check:
    return Check(
        column.name,
        recipe,
        way,
        "differs",
        n_rows=max(n_file, n_source),
        n_different=abs(n_file - n_source),
        first=Difference(min(n_file, n_source) + 1, f"{n_file} rows", f"{n_source} rows"),
    )


def _orders(dataset: Dataset, data: Table, made: Table) -> tuple[np.ndarray, np.ndarray]:
    first = dataset.columns[0].name
    if not dataset.match_by:
        some = next(iter(made.values()))
        return np.arange(len(data[first])), np.arange(len(some))
    names = {column.name: column.source_column for column in dataset.columns}
    # np.lexsort takes its last key first.
    file = [_numbers(data[name]) for name in reversed(dataset.match_by)]
    source = [_numbers(made[names[name]]) for name in reversed(dataset.match_by)]
    return np.lexsort(file), np.lexsort(source)


def _compare_column(
    column: ColumnOrigin, file: list[object], source: list[object], recipe: str, way: str
) -> Check:
    largest: float | None = None
    if column.type in ("number", "integer"):
        ours, theirs = _numbers(file), _numbers(source)
        scale = np.maximum(np.abs(ours), np.abs(theirs))
        gap = np.abs(ours - theirs)
        relative = np.divide(gap, scale, out=np.zeros_like(gap), where=gap != 0.0)
        relative[np.isnan(ours) != np.isnan(theirs)] = np.inf
        relative[np.isnan(ours) & np.isnan(theirs)] = 0.0
        different = relative > RELATIVE_TOLERANCE
        finite = relative[np.isfinite(relative)]
        largest = float(finite.max()) if finite.size else 0.0
        show_source: Sequence[object] = theirs.tolist()
    else:
        texts = ["" if value is None or value != value else str(value) for value in file]
        different = np.array(
            [text != str(other) for text, other in zip(texts, source, strict=True)], dtype=bool
        )
        show_source = source
    places = np.flatnonzero(different)
    first = None
    if places.size:
        row = int(places[0])
        first = Difference(row + 1, _show(file[row]), _show(show_source[row]))
    return Check(
        column.name,
        recipe,
        way,
        "differs" if places.size else "same",
        n_rows=len(file),
        n_different=int(places.size),
        max_relative=largest,
        first=first,
    )


def _numbers(values: Sequence[object]) -> np.ndarray:
    return np.array([math.nan if value in ("", None) else float(str(value)) for value in values])


def _show(value: object) -> str:
    return f"{value:.17g}" if isinstance(value, float) else str(value)
