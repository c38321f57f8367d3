"""All divergences in one table, a row for each judged number, and what failed on our side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

__all__ = ["COLUMNS", "failures", "table"]

COLUMNS = (
    "divergence",
    "program",
    "kind",
    "state",
    "reason",
    "version",
    "recorded_version",
    "recorded_date",
    "number",
    "right",
    "right_by",
    "ours",
    "live",
    "live_agrees",
    "recorded",
    "recorded_agrees",
    "tolerance",
)


def table(results: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """Return a row for each judged number of each divergence, columns `COLUMNS`."""
    rows = []
    for result in results:
        live, recorded = result["live"] or {}, result["recorded"] or {}
        program = result["program"]
        for number in result["numbers"]:
            rows.append(
                {
                    **{name: result[name] for name in COLUMNS[:5]},
                    "version": live.get("versions", {}).get(program),
                    "recorded_version": recorded.get("versions", {}).get(program),
                    "recorded_date": recorded.get("date"),
                    "number": number["name"],
                    **{name: number[name] for name in COLUMNS[9:]},
                }
            )
    return pd.DataFrame(rows, columns=list(COLUMNS))


def failures(results: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return what failed on our side, a line for each; what R gets wrong is none of it."""
    return [f"{result['divergence']}: {line}" for result in results for line in result["wrong"]]
