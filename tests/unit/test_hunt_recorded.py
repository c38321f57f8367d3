"""Recorded hunts: what they found, and that the estimator keeps each identity on their cases."""

from __future__ import annotations

import io
import json
import math
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from wemix_ref import mix
from wemix_ref.hunt.filing import SCHEMA
from wemix_ref.hunt.identities import IDENTITIES

HUNTS = Path(__file__).resolve().parents[2] / "resources" / "hunts"
RUNS = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in HUNTS.glob("*.json")}
CASES = [
    pytest.param(case, id=f"{run}: {name}")
    for run, content in sorted(RUNS.items())
    for name, case in content["cases"].items()
]


def run_of(engine: str) -> dict[str, Any]:
    return next(run for run in RUNS.values() if run["engine"] == engine)


def test_runs_are_whole() -> None:
    assert {run["engine"] for run in RUNS.values()} >= {"python", "wemix"}
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


def test_the_faults_of_wemix_were_found() -> None:
    run = run_of("wemix")
    known = {case["known_as"] for case in run["cases"].values()}
    assert known >= {"slash-numeric-ids", "group-name-prefix"}
    assert run["versions"]["WeMix"]


def deviance(way: dict[str, Any]) -> tuple[float, float]:
    """Ours at the stored theta, and the total weight."""
    data = pd.read_csv(io.StringIO(way["data"]))
    quoted = way["data"].splitlines()[1].split(",")
    texts = [name for name, cell in zip(data, quoted, strict=True) if cell.startswith('"')]
    data = data.astype(dict.fromkeys(texts, str))
    weights = way["weights"]
    fit = mix(way["formula"], data, weights, conditional_weights=way["conditional_weights"])
    total = float(len(data))
    if weights is not None:
        columns = weights if way["conditional_weights"] else weights[:1]
        total = float(data[columns].prod(axis=1).sum())
    return fit.deviance_at(way["theta"]), total


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("case", CASES)
def test_the_estimator_keeps_the_identity_of_each_case(case: dict[str, Any]) -> None:
    first, total = deviance(case["first"])
    second, _ = deviance(case["second"])
    expected = case["expected_of_the_second"]
    b, c = abs(expected["y_scale"]), expected["factor"]
    wanted = c * (first + 2.0 * total * math.log(b))
    assert second == pytest.approx(wanted, rel=1e-10, abs=1e-10 * c * total)
    told = [d for d in case["differences"] if (d["quantity"], d["name"]) == ("deviance", "")]
    for difference in told:  # and what was found is none of rounding
        size = abs(difference["expected"]) + total
        assert abs(difference["got"] - difference["expected"]) > 1e-9 * c * size
