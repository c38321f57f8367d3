"""docs/reliability.md, from the records of the runs."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from wemix_ref.reliability.record import DIRECTORY, PARTS, Cell, Record, Table, read_record

__all__ = ["PAGE", "page", "recorded"]

PAGE = Path("docs/reliability.md")

_HEAD = """# Reliability

What was done to break this package, and what came of it. Each section is the record of one run,
written by the command that stands in it. The page is made from the records in
`resources/reliability` by `wemix-ref reliability page`, and a test holds the two together. Short
forms of the runs are among the tests.
"""


def recorded(directory: Path = DIRECTORY) -> list[Record]:
    """Records that are there, in the order of the page."""
    paths = [directory / f"{part}.json" for part in PARTS]
    return [read_record(path) for path in paths if path.is_file()]


def page(records: Iterable[Record]) -> str:
    """Return the page as Markdown."""
    records = list(records)
    summary = Table(
        "",
        ("part", "tried", "not as it must be", "seconds"),
        tuple((PARTS[one.part], one.tried, one.failed, round(one.seconds)) for one in records),
    )
    return "\n".join([_HEAD, _markdown(summary), *(_section(one) for one in records)])


def _section(record: Record) -> str:
    versions = ", ".join(f"{name} {version}" for name, version in record.versions.items())
    parts = [
        f"## {PARTS[record.part]}\n",
        f"`{record.command}`, with {versions}.\n",
        f"{record.told}\n",
    ]
    for table in record.tables:
        parts += [f"**{table.title}**\n", _markdown(table)]
    return "\n".join(parts)


def _markdown(table: Table) -> str:
    head = " | ".join(_cell(name) for name in table.columns)
    rule = " | ".join("---" for _ in table.columns)
    lines = [f"| {head} |", f"| {rule} |"]
    lines += [f"| {' | '.join(_cell(cell) for cell in row)} |" for row in table.rows]
    return "\n".join(lines) + "\n"


def _cell(value: Cell) -> str:
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.3g}"
    return str(value).replace("|", "\\|").replace("\n", " ")
