"""What the command line prints: JSON, columns, and messages on one line."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import Any

__all__ = ["columns", "json_text", "one_line"]


def json_text(content: Any) -> str:  # noqa: ANN401
    """Content as JSON; what is not finite, which JSON does not have, becomes null."""
    return json.dumps(_plain(content), indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def _plain(value: Any) -> Any:  # noqa: ANN401
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if hasattr(value, "item"):
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value


def columns(rows: Sequence[Sequence[str]]) -> str:
    """Rows of cells in columns set to the left, as wide as they must be."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]) - 1)]
    lines = [
        "  ".join([*(cell.ljust(w) for cell, w in zip(row, widths, strict=False)), row[-1]])
        for row in rows
    ]
    return "".join(f"{line.rstrip()}\n" for line in lines)


def one_line(message: object) -> str:
    """A message without its line breaks; a caret under a text becomes words."""
    lines = str(message).splitlines()
    if len(lines) > 2 and lines[-1].strip() == "^":
        shown, rest = lines[-2].strip(), lines[-2][lines[-1].index("^") :].strip()
        lines[-3] = f"{lines[-3].rstrip('.')}:"
        lines[-2:] = [f"in {shown!r} at {repr(rest) if rest else 'its end'}."]
    return " ".join(line.strip() for line in lines if line.strip())
