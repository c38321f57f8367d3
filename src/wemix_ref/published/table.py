"""Every printed number a row: counted, listed, and written as CSV and JSON."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from wemix_ref.errors import CaseError
from wemix_ref.files import write_json
from wemix_ref.published.classes import CLASSES, DIFFERS, UNEXPLAINED
from wemix_ref.stamps import Stamper, write_stamped
from wemix_ref.strict_json import read_json_object

__all__ = [
    "COLUMNS",
    "SCHEMA_NAME",
    "counts",
    "failures",
    "label_of",
    "read_judged",
    "tell",
    "write_judged",
]

SCHEMA_NAME = "wemix-ref/printed/1"
#: Of `results/tables/printed.csv`.
COLUMNS = (
    "case",
    "package",
    "quantity",
    "printed",
    "ours",
    "at_printed_theta",
    "class",
    "gap_units",
)


def counts(cases: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Count classes by case and package.

    Parameters
    ----------
    cases : what `wemix_ref.published.records.records` or `read_judged` gives.

    Returns
    -------
    list of dict
        ``case``, ``package``, ``numbers``, and one key for each of `CLASSES`.
    """
    out = []
    for case in cases:
        for column in case["columns"]:
            by_class = Counter(number["class"] for number in column["numbers"])
            row: dict[str, Any] = {"case": case["case"], "package": column["package"]}
            row["numbers"] = len(column["numbers"])
            out.append(row | {name: by_class[name] for name in CLASSES})
    return out


def failures(cases: Iterable[Mapping[str, Any]]) -> list[str]:
    """One line for each number that differs."""
    return [_line(*place) for place in _numbers(cases) if place[2]["class"] == DIFFERS]


def tell(cases: Sequence[Mapping[str, Any]]) -> str:
    """Counts by class, what is left unexplained, and what was skipped, for a terminal."""
    counted = counts(cases)
    shown = ["numbers", *(name for name in CLASSES if any(row[name] for row in counted))]
    table = [("case", "package", *shown)]
    table += [
        (row["case"], row["package"], *(str(row[name] or "-") for name in shown)) for row in counted
    ]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    lines = ["  ".join(map(str.ljust, row, widths)).rstrip() for row in table]
    lines.insert(1, "-" * len(lines[0]))
    left = [_line(*place) for place in _numbers(cases) if place[2]["cause"] == UNEXPLAINED]
    lines += ["", f"within, unexplained: {len(left)}", *(f"  {line}" for line in left)]
    lines += [f"skipped: {case['case']}: {case['skipped']}" for case in cases if case["skipped"]]
    return "\n".join(lines) + "\n"


def _numbers(
    cases: Iterable[Mapping[str, Any]],
) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    """Case, package and number of every row."""
    for case in cases:
        for column in case["columns"]:
            for number in column["numbers"]:
                yield case["case"], column["package"], number


def label_of(number: Mapping[str, Any]) -> str:
    """Quantity and key of a number, as tables show them."""
    return f"{number['quantity']} {number['key']}".rstrip()


def _line(case: str, package: str, number: Mapping[str, Any]) -> str:
    gap = "no number" if number["gap_units"] is None else f"{number['gap_units']:+.2f} units"
    return (
        f"{case}, {package}: `{label_of(number)}` printed {number['printed']}, ours "
        f"{number['ours']!r}, {gap}"
    )


def write_judged(
    cases: Sequence[Mapping[str, Any]],
    table: Path,
    record: Path,
    stamper: Stamper | None = None,
    stamp: Mapping[str, Any] | None = None,
) -> None:
    """Write one row a number, and the same with recipes, causes and reasons for the report.

    Parameters
    ----------
    cases : what `wemix_ref.published.records.records` gives.
    table : CSV with the columns `COLUMNS`; numbers have all their digits.
    record : JSON.
    stamper : stamps the table, which is made from the record.
    stamp : of the record, as JSON has it.
    """
    content = {"schema": SCHEMA_NAME, "cases": list(cases)}
    write_json(record, content if stamp is None else {**content, "stamp": dict(stamp)})
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(COLUMNS)
    for case, package, number in _numbers(cases):
        values = [_text(number[name]) for name in ("ours", "at_printed_theta")]
        row = [case, package, label_of(number), number["printed"], *values, number["class"]]
        writer.writerow([*row, _text(number["gap_units"])])
    write_stamped(table, stream.getvalue(), stamper(table, [record]) if stamper else None)


def _text(value: float | None) -> str:
    return "" if value is None else repr(value)


def read_judged(path: Path) -> list[dict[str, Any]]:
    """Read the JSON that `write_judged` wrote: its cases.

    Raises
    ------
    CaseError
        If the file is no such JSON.
    """
    todo = "Judge the printed numbers again."
    content = read_json_object(path, "a file of judged numbers", todo, CaseError)
    if content.get("schema") != SCHEMA_NAME:
        raise CaseError(
            f"{path} must say `schema: {SCHEMA_NAME}`. Judge the printed numbers again."
        )
    return list(content["cases"])
