"""All comparisons of a run at once: tables of every number and verdict, and the last word."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from wemix_ref.compare import SCHEMA_NAME
from wemix_ref.engines.registry import ENGINE_NAMES
from wemix_ref.errors import CaseError
from wemix_ref.stamps import Stamp, write_stamped
from wemix_ref.strict_json import read_json_object
from wemix_ref.verdicts import TIERS

__all__ = ["failures", "read_comparisons", "verdict_table", "write_tables"]

_NUMBER_COLUMNS = (
    "tier",
    "engine",
    "quantity",
    "name",
    "at",
    "ours",
    "theirs",
    "source",
    "digits",
    "required",
    "verdict",
    "ok",
    "why",
)


def read_comparisons(paths: Iterable[Path | str]) -> list[dict[str, Any]]:
    """Read comparisons, sorted by case.

    Raises
    ------
    CaseError
        If a file is no comparison.
    """
    found = []
    for path in paths:
        content = read_json_object(Path(path), "a comparison", "Compare the case again.", CaseError)
        if content.get("schema") != SCHEMA_NAME:
            raise CaseError(f"{path} must say `schema: {SCHEMA_NAME}`. Compare the case again.")
        found.append(content)
    return sorted(found, key=lambda comparison: comparison["case"])


def write_tables(
    comparisons: Sequence[Mapping[str, Any]],
    numbers: Path,
    verdicts: Path,
    stamp: Stamp | None = None,
) -> None:
    """Write two CSV tables: one row a number, and one row a case and engine; with a stamp."""
    rows = [
        [comparison["case"], *(_text(number[column]) for column in _NUMBER_COLUMNS)]
        for comparison in comparisons
        for number in comparison["numbers"]
    ]
    write_stamped(numbers, _csv(["case", *_NUMBER_COLUMNS], rows), stamp)
    rows = []
    for comparison in comparisons:
        for engine, verdict in _by_engine(comparison):
            counts = [_count(verdict, tier) for tier in TIERS]
            about = comparison["engines"][engine]
            told = [about["status"], _text(verdict["ok"]), verdict["text"], about["message"]]
            rows.append([comparison["case"], engine, *told, *counts])
    header = ["case", "engine", "status", "ok", "verdict", "message", *TIERS]
    write_stamped(verdicts, _csv(header, rows), stamp)


def _by_engine(comparison: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
    """Verdicts in the engines' usual order."""
    return sorted(comparison["verdicts"].items(), key=lambda item: ENGINE_NAMES.index(item[0]))


def _text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return repr(value) if isinstance(value, float) else str(value)


def _count(verdict: Mapping[str, Any], tier: str) -> str:
    return " of ".join(map(str, verdict["counts"][tier])) if tier in verdict["counts"] else ""


def _csv(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    stream = io.StringIO()
    csv.writer(stream, lineterminator="\n").writerows([header, *rows])
    return stream.getvalue()


def verdict_table(comparisons: Sequence[Mapping[str, Any]]) -> str:
    """Return a table for a terminal: cases by engines, with verdicts and counts."""
    rows = [("case", "engine", "verdict", "numbers")]
    for comparison in comparisons:
        for engine, verdict in _by_engine(comparison):
            n_ok = sum(count[0] for count in verdict["counts"].values())
            n = sum(count[1] for count in verdict["counts"].values())
            mark = "" if verdict["ok"] is not False else "  <--"
            rows.append(
                (comparison["case"], engine, verdict["text"], f"{n_ok} of {n}{mark}" if n else mark)
            )
    widths = [max(len(row[i]) for row in rows) for i in range(3)]
    lines = [
        "  ".join([*(cell.ljust(w) for cell, w in zip(row, widths, strict=False)), row[3]]).rstrip()
        for row in rows
    ]
    return "\n".join([*lines[:1], "-" * len(lines[0]), *lines[1:]]) + "\n"


def failures(comparisons: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return a line for every engine that failed and every number that is not as it must be."""
    lines = []
    for comparison in comparisons:
        case = comparison["case"]
        for engine, verdict in _by_engine(comparison):
            about = comparison["engines"][engine]
            if about["status"] not in ("ok", "unavailable"):
                lines.append(f"{case}, {engine}: {about['status']}: {about['message']}")
            elif verdict["ok"] is False and not verdict["counts"]:
                lines.append(f"{case}, {engine}: {verdict['text']}")
        for number in comparison["numbers"]:
            if number["ok"] is False:
                lines.append(_failure(case, number))
    return lines


def _failure(case: str, number: Mapping[str, Any]) -> str:
    what = " ".join(part for part in (number["quantity"], number["name"]) if part)
    line = (
        f"{case}, {number['engine']}, {number['tier']}: {what} {number['verdict']}: "
        f"{number['ours']!r} against {number['theirs']!r} ({number['source']})"
    )
    if number["digits"] is not None and number["required"] is not None:
        line += f"; {number['digits']:.1f} digits, {number['required']:g} required"
    return line
