"""The benchmark as a workflow: measured once, told, shown by the report, redone when changed."""

from __future__ import annotations

import csv
import json

import pytest

from tests.workflow.conftest import Workbench

TINY = """
schema: wemix-ref/bench/1
threads: 1
rounds: {quick: 1, full: 1}
agreement: 1.0e-6
measurements:
  - name: one
    title: One
    curve: tiny
    formula: y ~ {x} + (1|class)
    data: {rows: 200, sizes: [10], covariates: 1}
    engines: [{engine: frame}, {engine: cross-product}, {engine: lme4}]
    targets:
      - {engine: frame, what: within, than: cross-product, at_most: 1.0e+9}
      - {engine: frame, what: faster, than: lme4, at_least: 1}
  - name: two
    title: Two
    curve: tiny
    formula: y ~ {x} + (1|class)
    data: {rows: 300, sizes: [10], covariates: 1}
    engines: [{engine: frame}]
growth:
  - {curve: tiny, engine: frame, first: 200, last: 300, at_most: 1.0e+9}
"""


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> tuple[Workbench, str]:
    workbench = Workbench(tmp_path_factory.mktemp("bench"))
    workbench.write("config/bench.yaml", TINY)
    done = workbench.snakemake("bench", profile=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return workbench, done.stdout + done.stderr


def test_a_run_writes_table_record_and_page_and_tells(measured: tuple[Workbench, str]) -> None:
    workbench, told = measured
    results = workbench.place / "results"
    with (results / "tables" / "bench.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    found = {(row["measurement"], row["engine"], row["what"]): row["met"] for row in rows}
    assert found["one", "frame", "within"] == "yes"
    assert found["growth-tiny", "frame", "exponent"] == "yes"
    # R is turned off in these runs: that is said, and is no failure
    assert found["one", "frame", "faster"] == "not judged"
    assert [r["status"] for r in rows if r["engine"] == "lme4"] == ["unavailable"]
    assert json.loads((results / "bench.json").read_text())["mode"] == "quick"
    assert 'id="speed"' in (results / "report" / "speed.html").read_text(encoding="utf-8")
    assert "one: frame, turn 1:" in told
    assert "target <= 1e+09: met" in told


def planned(workbench: Workbench, *words: str) -> str:
    done = workbench.snakemake("--dry-run", *words)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_what_is_measured_is_not_measured_again(measured: tuple[Workbench, str]) -> None:
    workbench, _ = measured
    assert "Nothing to be done" in planned(workbench, "bench")
    workbench.replace("config/bench.yaml", "rows: 300", "rows: 400")
    told = planned(workbench, "bench")
    assert "Measure two" in told
    assert "Measure one" not in told
    workbench.write("config/bench.yaml", TINY)


def test_a_plain_run_measures_nothing_and_shows_the_last(measured: tuple[Workbench, str]) -> None:
    workbench, _ = measured
    workbench.replace("config/bench.yaml", "rows: 300", "rows: 400")
    told = planned(workbench, "results/report/index.html")
    assert "Write the report" in told
    assert "Measure" not in told
    workbench.write("config/bench.yaml", TINY)


def test_the_report_has_the_section_while_there_is_a_run(
    finished: tuple[Workbench, str], measured: tuple[Workbench, str]
) -> None:
    workbench, _ = finished
    page = workbench.place / "results" / "report" / "index.html"
    before = page.read_bytes()
    assert b'id="speed"' not in before
    run = workbench.place / "results" / "bench.json"
    source = measured[0].place / "results" / "bench.json"
    try:
        run.write_bytes(source.read_bytes())
        assert "Write the report" in workbench.planned()
        assert workbench.snakemake("results/report/index.html").returncode == 0
        text = page.read_text(encoding="utf-8")
        assert 'id="speed"' in text
        assert 'href="#speed"' in text
        assert "judged targets are met" in text
    finally:
        run.unlink()
    assert workbench.snakemake().returncode == 0
    assert page.read_bytes() == before
