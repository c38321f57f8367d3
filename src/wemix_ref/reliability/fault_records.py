"""A fit's record as an engine writes it, of a model small enough to be changed at will."""

from __future__ import annotations

import copy
from functools import cache
from typing import Any

__all__ = ["record_of_one"]


def record_of_one() -> dict[str, Any]:
    """Return a record that is right, to be changed."""
    return copy.deepcopy(_record())


@cache
def _record() -> dict[str, Any]:
    from wemix_ref.cases import load_cases
    from wemix_ref.engines import get_engine

    case = load_cases()["dyestuff"]
    return dict(get_engine("python").fit(case.problem("python"), {}, timeout=60.0).record)
