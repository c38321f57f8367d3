"""JSON files read strictly: one object, no name twice, no NaN, nothing nested without end."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

from wemix_ref.errors import WemixRefError

__all__ = ["MAX_DEPTH", "depth_of", "finite", "no_constant", "read_json_object"]

#: Deepest nesting of what is read; far below where recursion over it would fail.
MAX_DEPTH = 100


def read_json_object(
    path: Path, what: str, todo: str, error: type[WemixRefError]
) -> dict[str, Any]:
    """Read a file that must hold one JSON object.

    Parameters
    ----------
    path : the file, UTF-8.
    what : what it must be, for messages, such as ``a fit record``.
    todo : what to do where it is not.
    error : what is raised.

    Raises
    ------
    WemixRefError
        Of the class given: the file cannot be read, is no JSON, holds something other than an
        object, has a name twice in one object, or is nested too deeply.
    """
    try:
        content = json.loads(
            Path(path).read_text(encoding="utf-8"),
            object_pairs_hook=_each_once,
            parse_constant=no_constant,
            parse_float=finite,
        )
        deep = depth_of(content) > MAX_DEPTH
    except OSError as problem:
        told = problem.strerror or str(problem)
        raise error(
            f"{path}: the file must be readable JSON, as {what} is: {told}. {todo}"
        ) from problem
    except RecursionError:
        deep = True
    except ValueError as problem:
        raise error(f"{path} must be JSON, as {what} is; {problem}. {todo}") from problem
    if deep:
        raise error(f"{path} must be {what}; it is nested more than {MAX_DEPTH} deep. {todo}")
    if not isinstance(content, dict):
        found = type(content).__name__
        raise error(f"{path} must be a JSON object, as {what} is; found {found}. {todo}")
    return content


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the name {twice!r} stands twice in one object")
    return content


def no_constant(name: str) -> float:
    """Refuse NaN and infinities, for the standard reader of JSON."""
    raise ValueError(f"{name} is not JSON")


def finite(text: str) -> float:
    """A number that a double can hold, for the standard reader of JSON."""
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text[:40]} is beyond what a double can hold")
    return value


def depth_of(content: object) -> int:
    """How deep lists and mappings lie in one another; 0 for a plain value."""
    depth, layer = 0, [content]
    while layer := [one for one in layer if isinstance(one, dict | list)]:
        depth += 1
        if depth > MAX_DEPTH:
            break
        layer = [
            inner for one in layer for inner in (one.values() if isinstance(one, dict) else one)
        ]
    return depth
