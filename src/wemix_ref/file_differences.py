"""Where two versions of a file differ: row and column, name within JSON, or line."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any

__all__ = ["MOST", "Difference", "file_differences", "json_differences"]

#: So many differences of one file are named; all are counted.
MOST = 5
_WIDTH = 60
_ABSENT = "nothing"


@dataclass(frozen=True)
class Difference:
    """One difference.

    Attributes
    ----------
    file : path within the results.
    where : the place in it; empty: the file as a whole.
    found, expected : what is there and what was derived, as short text.
    """

    file: str
    where: str
    found: str
    expected: str

    def __str__(self) -> str:
        place = f"{self.file}: {self.where}" if self.where else self.file
        return f"{place}: found {self.found}, expected {self.expected}"


def file_differences(name: str, found: Path, expected: Path) -> list[Difference]:
    """Say where a file differs from the one that it should be; nothing where bytes are equal.

    Parameters
    ----------
    name : of the file, for messages.
    found, expected : the two files.

    Returns
    -------
    list of Difference
        At most `MOST`, then one that counts the others. Tables in parquet are equal when their
        columns, values to the bit, and metadata are, whichever library wrote them.
    """
    old, new = found.read_bytes(), expected.read_bytes()
    if old == new:
        return []
    kind = expected.suffix
    try:
        if kind == ".parquet":
            places = _parquet(found, expected)
        elif kind == ".csv":
            places = _table(_csv(old), _csv(new))
        elif kind == ".json":
            places = json_differences(json.loads(old), json.loads(new))
        else:
            places = _lines(old.decode(), new.decode())
        listed = list(places)
    except (ValueError, OSError, csv.Error) as error:
        return [Difference(name, "", f"what cannot be read ({error})", "a readable file")]
    if not listed and kind != ".parquet":
        return [Difference(name, "", "other bytes for the same content", "the same bytes")]
    told = [Difference(name, *place) for place in listed[:MOST]]
    if len(listed) > MOST:
        told.append(Difference(name, "in all", f"{len(listed)} differences", "none"))
    return told


def _csv(content: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(content.decode(), newline="")))


def _table(found: list[list[str]], expected: list[list[str]]) -> Iterator[tuple[str, str, str]]:
    if len(found) != len(expected):
        yield "rows", str(len(found) - 1), str(len(expected) - 1)
    head = expected[0] if expected else []
    for number, (old, new) in enumerate(zip_longest(found, expected)):
        row = f"row {number}" if number else "header"
        if old is None or new is None:
            yield row, _short(_text(old)), _short(_text(new))
            continue
        for at, (one, other) in enumerate(zip_longest(old, new)):
            if one != other:
                column = head[at] if at < len(head) else str(at + 1)
                yield f"{row}, column {column}", _shown(one), _shown(other)


def _text(row: list[str] | None) -> str:
    return _ABSENT if row is None else ",".join(row)


def _shown(cell: str | None) -> str:
    return _ABSENT if cell is None else _short(repr(cell))


def _short(text: str) -> str:
    return text if len(text) <= _WIDTH else f"{text[: _WIDTH - 1]}…"


def json_differences(
    found: Any,  # noqa: ANN401
    expected: Any,  # noqa: ANN401
    place: str = "",
) -> Iterator[tuple[str, str, str]]:
    """Yield place, found and expected for every leaf that differs."""
    if isinstance(found, dict) and isinstance(expected, dict):
        for key in sorted({*found, *expected}):
            below = f"{place} > {key}" if place else key
            if key not in found or key not in expected:
                old = _leaf(found[key]) if key in found else _ABSENT
                yield below, old, _leaf(expected[key]) if key in expected else _ABSENT
            else:
                yield from json_differences(found[key], expected[key], below)
    elif isinstance(found, list) and isinstance(expected, list):
        if len(found) != len(expected):
            yield f"{place}, length", str(len(found)), str(len(expected))
        for at, (old, new) in enumerate(zip(found, expected, strict=False), 1):
            yield from json_differences(old, new, f"{place} > {at}" if place else str(at))
    elif type(found) is not type(expected) or found != expected:
        yield place, _leaf(found), _leaf(expected)


def _leaf(value: Any) -> str:  # noqa: ANN401
    return _short(json.dumps(value, ensure_ascii=False))


def _lines(found: str, expected: str) -> Iterator[tuple[str, str, str]]:
    lines = zip_longest(found.split("\n"), expected.split("\n"))
    for number, (old, new) in enumerate(lines, 1):
        if old == new:
            continue
        if old is None or new is None:
            yield f"line {number}", _shown(old), _shown(new)
            continue
        at = next((i for i, (a, b) in enumerate(zip(old, new, strict=False)) if a != b), None)
        start = max(0, (min(len(old), len(new)) if at is None else at) - _WIDTH // 3)
        yield f"line {number}", _shown(old[start:]), _shown(new[start:])


def _parquet(found: Path, expected: Path) -> Iterator[tuple[str, str, str]]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        old, new = pq.read_table(found), pq.read_table(expected)
    except pa.ArrowInvalid as error:
        raise ValueError(str(error)) from error
    if not old.schema.equals(new.schema):
        yield "columns", _short(", ".join(old.column_names)), _short(", ".join(new.column_names))
        return
    metas = (one.schema.metadata or {} for one in (old, new))
    stated = [{key.decode(): value.decode() for key, value in one.items()} for one in metas]
    yield from json_differences(stated[0], stated[1], "metadata")
    if old.num_rows != new.num_rows:
        yield "rows", str(old.num_rows), str(new.num_rows)
    for name in new.column_names:
        # repr tells every bit of a double, and NaN from null
        pair = zip(old[name].to_pylist(), new[name].to_pylist(), strict=False)
        for number, (one, other) in enumerate(pair, 1):
            if repr(one) != repr(other):
                yield f"row {number}, column {name}", _short(repr(one)), _short(repr(other))
