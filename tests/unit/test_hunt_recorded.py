"""Recorded hunts: that they are whole, what they found, and what the estimator says of it."""

from __future__ import annotations

import io
import json
import math
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from wemix_ref import mix
from wemix_ref.divergences.specs import load_divergences
from wemix_ref.hunt.filing import SCHEMA
from wemix_ref.hunt.identities import IDENTITIES
from wemix_ref.results import FittedModel

HUNTS = Path(__file__).resolve().parents[2] / "resources" / "hunts"
RUNS = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in HUNTS.glob("*.json")}
CASES = [
    pytest.param(case, id=f"{run}: {name}")
    for run, content in sorted(RUNS.items())
    for name, case in content["cases"].items()
]
#: Rows that a shrunk case has at most; the models of a hunt have 12 to 100.
SMALL = 20


def runs_of(engine: str) -> list[dict[str, Any]]:
    return [run for run in RUNS.values() if run["engine"] == engine]


def test_runs_are_whole() -> None:
    assert {run["engine"] for run in RUNS.values()} >= {"python", "wemix"}
    for name, run in RUNS.items():
        assert run["schema"] == SCHEMA
        assert name == f"{run['engine']}-seed-{run['seed']}"
        assert set(run["counts"]) == set(IDENTITIES)
        put = sum(sum(counts.values()) for counts in run["counts"].values())
        assert put >= run["n"]
        assert run["versions"]["wemix_ref"]


def test_nothing_was_found_against_the_estimator_in_ten_thousand() -> None:
    (run,) = runs_of("python")
    assert run["n"] >= 10_000
    assert run["cases"] == {}
    kinds = {kind for counts in run["counts"].values() for kind in counts}
    assert kinds == {"same"}
    assert all(counts["same"] >= 100 for counts in run["counts"].values())


def test_one_run_found_two_known_faults_of_wemix_and_made_them_small() -> None:
    wanted = {"slash-numeric-ids", "group-name-prefix"}
    (run,) = runs_of("wemix")
    assert run["versions"]["WeMix"]
    found = {case["known_as"]: case for case in run["cases"].values() if case["known_as"]}
    assert wanted <= set(found) <= set(load_divergences())
    for name in wanted:
        assert found[name]["first"]["n_rows"] <= SMALL
        assert found[name]["second"]["n_rows"] <= SMALL
        assert found[name]["needs"]
    slash = found["slash-numeric-ids"]
    assert slash["kind"] == "another model"
    assert any("/" in slash[way]["formula"] for way in ("first", "second"))


def way_of(way: dict[str, Any]) -> tuple[FittedModel, float]:
    """Our fit of one way of writing a case, and its total weight."""
    data = pd.read_csv(io.StringIO(way["data"]))
    cells = way["data"].splitlines()[1].split(",")
    texts = [name for name, cell in zip(data, cells, strict=True) if cell.startswith('"')]
    data = data.astype(dict.fromkeys(texts, str))
    weights, conditional = way["weights"], way["conditional_weights"]
    fit = mix(way["formula"], data, weights, conditional_weights=conditional)
    total = float(len(data))
    if weights is not None:
        total = float(data[weights if conditional else weights[:1]].prod(axis=1).sum())
    return fit, total


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("case", CASES)
def test_the_estimator_keeps_the_identity_of_each_case(case: dict[str, Any]) -> None:
    (first, total), (second, _) = way_of(case["first"]), way_of(case["second"])
    expected = case["expected_of_the_second"]
    b, c = abs(expected["y_scale"]), expected["factor"]
    wanted = c * (first.deviance_at(case["first"]["theta"]) + 2.0 * total * math.log(b))
    got = second.deviance_at(case["second"]["theta"])
    assert got == pytest.approx(wanted, rel=1e-10, abs=1e-10 * c * total)
    told = [d for d in case["differences"] if (d["quantity"], d["name"]) == ("deviance", "")]
    for difference in told:  # what was found is none of rounding, and it is the program's
        size = abs(difference["expected"]) + c * total
        assert abs(difference["got"] - difference["expected"]) > 1e-9 * size
        assert difference["expected"] == pytest.approx(wanted, rel=1e-8, abs=1e-8 * c * total) or (
            difference["got"] == pytest.approx(wanted, rel=1e-8, abs=1e-8 * c * total)
        )
