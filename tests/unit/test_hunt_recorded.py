"""Recorded hunts: that they are whole, and what they found."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from wemix_ref.hunt.filing import SCHEMA
from wemix_ref.hunt.identities import IDENTITIES

HUNTS = Path(__file__).resolve().parents[2] / "resources" / "hunts"
RUNS = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in HUNTS.glob("*.json")}


def run_of(engine: str) -> dict[str, Any]:
    return next(run for run in RUNS.values() if run["engine"] == engine)


def test_runs_are_whole() -> None:
    assert "python" in {run["engine"] for run in RUNS.values()}
    for run in RUNS.values():
        assert run["schema"] == SCHEMA
        assert set(run["counts"]) == set(IDENTITIES)
        put = sum(sum(counts.values()) for counts in run["counts"].values())
        assert put >= run["n"] * run["each"]
        assert run["versions"]["wemix_ref"]


def test_nothing_was_found_against_the_estimator_in_ten_thousand() -> None:
    run = run_of("python")
    assert run["n"] >= 10_000
    assert run["cases"] == {}
    kinds = {kind for counts in run["counts"].values() for kind in counts}
    assert kinds == {"same"}
    assert all(counts["same"] >= 100 for counts in run["counts"].values())
