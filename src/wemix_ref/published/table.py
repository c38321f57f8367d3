"""Every printed number a row: counted, listed, and written as CSV and JSON."""

from __future__ import annotations

import csv
import io
import json
import math
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from wemix_ref.errors import CaseError
from wemix_ref.files import write_json, write_text
from wemix_ref.published.judge import CLASSES, DIFFERS, UNEXPLAINED
from wemix_ref.published.judged import JudgedCase

__all__ = [
    "COLUMNS",
    "SCHEMA_NAME",
    "counts",
    "failures",
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


def counts(cases: Iterable[JudgedCase]) -> list[dict[str, Any]]:
    """Count classes by case and package.

    Returns
    -------
    list of dict
        ``case``, ``package``, ``numbers``, and one key for each of `CLASSES`.
    """
    out = []
    for case in cases:
        for column in case.columns:
            by_class = Counter(number.verdict for number in column.numbers)
            row: dict[str, Any] = {"case": case.published.case, "package": column.package}
            row["numbers"] = len(column.numbers)
            out.append(row | {name: by_class[name] for name in CLASSES})
    return out


def failures(cases: Iterable[JudgedCase]) -> list[str]:
    """One line for each number that differs."""
    return [
        f"{case.published.case}, {column.package}: `{judged.number.label}` differs: printed "
        f"{judged.number.text}, ours {judged.ours!r}, at the printed theta "
        f"{judged.at_printed_theta!r}"
        for case in cases
        for column in case.columns
        for judged in column.numbers
        if judged.verdict == DIFFERS
    ]


def tell(cases: Sequence[JudgedCase]) -> str:
    """Counts by class, what is left unexplained, and what was skipped, for a terminal."""
    shown = [name for name in CLASSES if any(row[name] for row in counts(cases))]
    table = [("case", "package", "numbers", *shown)]
    table += [
        (row["case"], row["package"], *(str(row[name] or "-") for name in ("numbers", *shown)))
        for row in counts(cases)
    ]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    lines = ["  ".join(map(str.ljust, row, widths)).rstrip() for row in table]
    lines.insert(1, "-" * len(lines[0]))
    left = [
        f"{case.published.case}, {column.package}: {judged.number.label} {judged.number.text}, "
        f"ours {judged.ours!r}, {judged.gap_units:+.2f} units"
        for case in cases
        for column in case.columns
        for judged in column.numbers
        if judged.cause == UNEXPLAINED
    ]
    lines += ["", f"within, unexplained: {len(left)}", *(f"  {line}" for line in left)]
    lines += [f"skipped: {c.published.case}: {c.skipped}" for c in cases if c.skipped]
    return "\n".join(lines) + "\n"


def write_judged(cases: Sequence[JudgedCase], table: Path, record: Path) -> None:
    """Write one row a number, and the same with recipes, causes and reasons for the report.

    Parameters
    ----------
    table : CSV with the columns `COLUMNS`; numbers have all their digits.
    record : JSON.
    """
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(COLUMNS)
    for case in cases:
        for column in case.columns:
            for judged in column.numbers:
                writer.writerow(
                    [
                        case.published.case,
                        column.package,
                        judged.number.label,
                        judged.number.text,
                        *map(_text, (judged.ours, judged.at_printed_theta)),
                        judged.verdict,
                        _text(judged.gap_units),
                    ]
                )
    write_text(table, stream.getvalue())
    write_json(record, {"schema": SCHEMA_NAME, "cases": [_plain(case) for case in cases]})


def _text(value: float | None) -> str:
    return "" if value is None or not math.isfinite(value) else repr(value)


def _plain(case: JudgedCase) -> dict[str, Any]:
    published = case.published
    return {
        "case": published.case,
        "title": published.title,
        "source": published.source,
        "formula": published.formula,
        "weights": list(published.weights),
        "scale": published.scale,
        "what": published.what,
        "skipped": case.skipped,
        "theta": case.theta,
        "columns": [
            {
                "package": column.package,
                "recipe": column.recipe,
                "implied_theta": column.implied_theta,
                "deviance_above": column.deviance_above,
                "numbers": [
                    {
                        "quantity": judged.number.quantity,
                        "key": judged.number.key,
                        "recalled": judged.number.recalled,
                        "printed": judged.number.text,
                        "ours": judged.ours,
                        "at_printed_theta": judged.at_printed_theta,
                        "class": judged.verdict,
                        "gap_units": judged.gap_units,
                        "cause": judged.cause,
                        "why": judged.why,
                    }
                    for judged in column.numbers
                ],
            }
            for column in case.columns
        ],
    }


def read_judged(path: Path) -> list[dict[str, Any]]:
    """Read the JSON that `write_judged` wrote: its cases.

    Raises
    ------
    CaseError
        If the file is no such JSON.
    """
    try:
        content = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as problem:
        raise CaseError(f"{path}: the file must be readable JSON: {problem}") from problem
    if not isinstance(content, dict) or content.get("schema") != SCHEMA_NAME:
        raise CaseError(
            f"{path} must say `schema: {SCHEMA_NAME}`. Judge the printed numbers again."
        )
    return list(content["cases"])
