"""All divergences in one table, a row for each judged number, and what failed on our side."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from wemix_ref.divergences.states import PROGRAMS
from wemix_ref.errors import CaseError
from wemix_ref.files import write_json
from wemix_ref.stamps import Stamper, stamped_json, write_stamped
from wemix_ref.strict_json import read_json_object

__all__ = ["COLUMNS", "SCHEMA", "failures", "read_all", "states", "table", "tell", "write_all"]

SCHEMA = "wemix-ref/divergences/1"

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


def write_all(
    paths: Sequence[Path], csv: Path, record: Path, stamper: Stamper | None = None
) -> None:
    """Write the table, and one JSON of all results, from the result of each divergence; stamped."""
    results = [
        read_json_object(path, "the result of a divergence", "Show it again.", CaseError)
        for path in paths
    ]
    results.sort(key=lambda result: (PROGRAMS.index(result["program"]), result["divergence"]))
    stamp = stamper(record, paths) if stamper else None
    write_json(record, stamped_json({"schema": SCHEMA, "divergences": results}, stamp))
    write_stamped(csv, table(results).to_csv(index=False, lineterminator="\n"), stamp)


def read_all(path: Path) -> list[dict[str, Any]]:
    """Read what `write_all` wrote.

    Raises
    ------
    CaseError
        If the file is something else.
    """
    content = read_json_object(path, "results of divergences", "Show them again.", CaseError)
    if content.get("schema") != SCHEMA:
        raise CaseError(f"{path}: the file must hold results of divergences, schema {SCHEMA}.")
    return list(content["divergences"])


def states(results: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    """Return how many divergences are in each state, those that occur, most first."""
    return dict(Counter(result["state"] for result in results).most_common())


def tell(results: Sequence[Mapping[str, Any]]) -> str:
    """Return a line for each state with the divergences in it."""
    lines = [
        f"{state}: {count} ({', '.join(r['divergence'] for r in results if r['state'] == state)})"
        for state, count in states(results).items()
    ]
    return "\n".join(lines) + "\n"


def failures(results: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return what failed on our side, a line for each; what R gets wrong is none of it."""
    return [f"{result['divergence']}: {line}" for result in results for line in result["wrong"]]
