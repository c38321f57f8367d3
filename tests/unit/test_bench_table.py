"""The table and the page: one row a program, what is not met is said."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.unit.bench_example import MEASUREMENT, engine, record
from wemix_ref.bench.specs import Bench, Growth
from wemix_ref.bench.table import COLUMNS, collate, lines, read_run, rows_of, write_run
from wemix_ref.errors import CaseError
from wemix_ref.files import write_json
from wemix_ref.report.bench_view import speed_view, write_page

BENCH = Bench("full", {"small": MEASUREMENT}, (Growth("small", "frame", 100, 10_000, 1.05),))


def run_of(tmp_path: Path, frame: dict[str, Any]) -> dict[str, Any]:
    found = record(
        frame=frame, arrays=engine(0.5, 0.6), cross_product=engine(0.1, 0.1, deviance=None)
    )
    write_json(tmp_path / "small.json", found)
    return collate(BENCH, [tmp_path / "small.json"])


def test_a_row_for_each_program_and_for_what_spans_several(tmp_path: Path) -> None:
    run = run_of(tmp_path, engine(0.4, 0.6, evaluations=1))
    rows = rows_of(run)
    assert [row["engine"] for row in rows] == ["frame", "arrays", "cross-product", "frame"]
    first, arrays, product, growth = rows
    assert (first["seconds_min"], first["seconds_median"], first["repeats"]) == ("0.4", "0.5", 2)
    assert (first["ratio"], first["target"], first["met"]) == ("5", "<= 5", "yes")
    assert (arrays["ratio"], arrays["target"], arrays["met"]) == ("5.5", "", "")
    assert (product.get("ratio", ""), product["deviance"]) == ("", "")
    assert (growth["measurement"], growth["met"]) == ("growth-small", "not judged")
    write_run(run, tmp_path / "bench.csv", tmp_path / "bench.json")
    with (tmp_path / "bench.csv").open(encoding="utf-8", newline="") as file:
        read = list(csv.DictReader(file))
    assert tuple(read[0]) == COLUMNS
    assert len(read) == 4
    assert read_run(tmp_path / "bench.json") == json.loads(json.dumps(run))


def test_records_of_something_else_are_refused(tmp_path: Path) -> None:
    write_json(tmp_path / "small.json", {**record(), "fingerprint": "of other data"})
    with pytest.raises(CaseError, match="there is one of something else"):
        collate(BENCH, [tmp_path / "small.json"])
    with pytest.raises(CaseError, match="there is none"):
        collate(BENCH, [])
    write_json(tmp_path / "other.json", {"schema": "another"})
    with pytest.raises(CaseError, match="a record of a run"):
        read_run(tmp_path / "other.json")


def test_the_page_says_what_is_met_and_what_is_not(tmp_path: Path) -> None:
    met = run_of(tmp_path, engine(0.4, 0.5))
    write_page(met, tmp_path / "met.html")
    text = (tmp_path / "met.html").read_text(encoding="utf-8")
    assert "All 1 judged targets are met" in text
    assert "A processor, 2 cores, 1 thread a program" in text
    unmet = run_of(tmp_path, engine(4.0, 5.0))
    write_page(unmet, tmp_path / "unmet.html")
    text = (tmp_path / "unmet.html").read_text(encoding="utf-8")
    assert "0 of 1 judged targets are met, 1 is not" in text
    assert any("NOT MET" in line for line in lines(unmet))
    failed = run_of(tmp_path, engine(status="failed", message="the process ended: <boom>"))
    write_page(failed, tmp_path / "failed.html")
    text = (tmp_path / "failed.html").read_text(encoding="utf-8")
    assert "the process ended: &lt;boom&gt;" in text
    assert "No target was judged" in text


def test_the_page_is_the_same_bytes_and_loads_nothing(tmp_path: Path) -> None:
    run = run_of(tmp_path, engine(0.4, 0.5))
    for name in ("one", "two"):
        write_page(run, tmp_path / f"{name}.html")
    text = (tmp_path / "one.html").read_text(encoding="utf-8")
    assert text == (tmp_path / "two.html").read_text(encoding="utf-8")
    assert not re.search(r"""(?:src|href)=["'](?!#)""", text)
    identities = re.findall(r'\bid="([^"]+)"', text)
    assert len(identities) == len(set(identities))
    assert set(re.findall(r'aria-labelledby="([^" ]+)"', text)) <= set(identities)


def test_the_figures_show_every_program_and_the_limit(tmp_path: Path) -> None:
    view = speed_view(run_of(tmp_path, engine(0.4, 0.5)))
    (time, wide, slim), *_ = view.figures
    assert time == "Time of a fit"
    for figure in (wide, slim):
        assert "one weighted cross-product by NumPy: 0.1 at 400 rows" in figure
        assert "wemix_ref, from a data frame: 0.45 at 400 rows" in figure
    assert "iterations 3 s" in view.bars[0]
    assert view.profiles[0].rows[0][0] == "fit.mix"
