"""Recorded runs of the benchmark: whole, of what is measured now, and judged rightly."""

from __future__ import annotations

import json
import re
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from wemix_ref.bench.judge import judge, judge_growth
from wemix_ref.bench.specs import load_bench
from wemix_ref.bench.table import read_run
from wemix_ref.report.bench_view import speed_view

ROOT = Path(__file__).resolve().parents[2]
RUNS = sorted((ROOT / "resources" / "bench").glob("*.json"))


def test_there_is_a_recorded_run() -> None:
    assert RUNS


@pytest.fixture(params=RUNS, ids=lambda path: path.stem)
def run(request: pytest.FixtureRequest) -> dict[str, Any]:
    return read_run(request.param)


def test_it_is_of_what_the_file_of_measurements_says(run: dict[str, Any]) -> None:
    bench = load_bench(mode=run["mode"])
    assert [record["name"] for record in run["records"]] == list(bench.measurements)
    for record in run["records"]:
        assert record["fingerprint"] == bench.measurements[record["name"]].fingerprint


def test_every_verdict_follows_from_the_turns(run: dict[str, Any]) -> None:
    bench = load_bench(mode=run["mode"])
    judged = [
        one
        for record in run["records"]
        for one in judge(bench.measurements[record["name"]], record)
    ]
    judged += [judge_growth(growth, run["records"]) for growth in bench.growth]
    assert [asdict(one) for one in judged] == run["judged"]
    assert any(one.ratio is not None for one in judged)


def test_our_programs_all_ran_and_told_their_deviance(run: dict[str, Any]) -> None:
    for record in run["records"]:
        for label, engine in record["engines"].items():
            if label.startswith(("frame", "arrays", "study")):
                assert engine["status"] == "ok", (record["name"], label)
                assert all(turn["deviance"] is not None for turn in engine["turns"])
            if label in ("frame", "arrays"):
                assert engine["versions"]["wemix_ref"]


def test_it_tells_nothing_of_the_machine_but_its_processor(run: dict[str, Any]) -> None:
    assert all(set(record["machine"]) == {"cpu", "cores"} for record in run["records"])
    assert not re.search(r"""(?:^|[\s"'(])/\w|site-packages""", json.dumps(run))


def test_the_report_can_show_it(run: dict[str, Any]) -> None:
    view = speed_view(run)
    assert len(view.timed) == sum(len(record["engines"]) for record in run["records"])
    assert view.figures
    assert view.bars
