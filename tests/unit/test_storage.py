"""Tables of replicates: the same rows are the same bytes; earlier files serve where they fit."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from wemix_ref.errors import StudyError
from wemix_ref.simulate.chunks import Progress, gather, progress_of, run_chunk
from wemix_ref.simulate.storage import (
    COLUMNS,
    chunk_name,
    known_replicates,
    read_rows,
    write_rows,
)
from wemix_ref.simulate.study import load_study

ROOT = Path(__file__).resolve().parents[2]
MADE = {"scenario": "s", "code": "c"}


def table(replicates, parameters=("a", "b")):
    rows = [
        ("A", r, "w", "ok", "", True, False, 1.5, 10, 3, name, 0.1 * r, np.nan, np.nan)
        for r in replicates
        for name in parameters
    ]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def test_rows_come_back_as_they_went(tmp_path):
    failed = ("A", 7, "w", "failed", "why", None, None, np.nan, None, None, None)
    failed = pd.DataFrame([(*failed, np.nan, np.nan, np.nan)], columns=list(COLUMNS))
    rows = pd.concat([table([5]), failed.astype(object)], ignore_index=True)
    write_rows(tmp_path / "x.parquet", rows, MADE)
    back = read_rows(tmp_path / "x.parquet")
    assert list(back["replicate"]) == [5, 5, 7]
    assert back["estimate"].iloc[0] == 0.5
    assert list(back["converged"].isna()) == [False, False, True]
    assert list(back["parameter"].isna()) == [False, False, True]
    assert np.isnan(back["se"].iloc[0])
    write_rows(tmp_path / "y.parquet", rows, MADE)
    assert (tmp_path / "x.parquet").read_bytes() == (tmp_path / "y.parquet").read_bytes()


def test_what_is_no_table_of_replicates_is_refused(tmp_path):
    pd.DataFrame({"a": [1]}).to_parquet(tmp_path / "x.parquet")
    with pytest.raises(StudyError, match="columns"):
        read_rows(tmp_path / "x.parquet")
    (tmp_path / "y.parquet").write_bytes(b"PAR1")
    with pytest.raises(StudyError, match="must be a table"):
        read_rows(tmp_path / "y.parquet")


def test_known_replicates_are_taken_once_and_only_from_what_fits(tmp_path):
    place = tmp_path / "A"
    write_rows(place / f"{chunk_name(0, 4)}.parquet", table(range(4)), MADE)
    write_rows(place / f"{chunk_name(2, 6)}.parquet", table(range(2, 6)), MADE)
    other = {**MADE, "code": "d"}
    write_rows(place / f"{chunk_name(6, 9)}.parquet", table(range(6, 9)), other)
    (place / f"{chunk_name(9, 12)}.parquet").write_bytes(b"cut off")
    found = pd.concat(known_replicates(tmp_path, "A", MADE, range(1, 12)))
    assert sorted(found["replicate"]) == sorted([1, 2, 3, 4, 5] * 2)
    assert list(known_replicates(tmp_path, "B", MADE, [1])) == []


def test_a_replicate_in_two_chunks_is_refused(tmp_path):
    write_rows(tmp_path / "a.parquet", table(range(3)), MADE)
    write_rows(tmp_path / "b.parquet", table(range(2, 5)), MADE)
    with pytest.raises(StudyError, match="replicate 2"):
        gather([tmp_path / "a.parquet", tmp_path / "b.parquet"])


def test_progress_tells_what_is_left(tmp_path):
    study = load_study(ROOT / "tests" / "workflow" / "tiny-study.yaml")
    scenario = study.scenario("informative-true")
    timings = tmp_path / "timing"
    assert progress_of(study, timings) == Progress(0, 48, None)
    for first in (0, 6):
        name = chunk_name(first, first + 6)
        rows = tmp_path / "chunks" / scenario.name / f"{name}.parquet"
        timing = timings / scenario.name / f"{name}.json"
        run_chunk(study, scenario, first, first + 6, {"code": "a"}, rows, timing)
    made_from = json.loads(pq.read_schema(rows).metadata[b"wemix-ref"])
    assert made_from == {"scenario": scenario.fingerprint, "code": "a"}
    told = progress_of(study, timings)
    assert (told.done, told.total) == (12, 48)
    assert told.seconds_left > 0
    assert str(told).startswith("12 of 48 replicates (25 %), about ")
    assert str(Progress(48, 48, 0.0)) == "48 of 48 replicates (100 %)"
    assert "2 min left" in str(Progress(1, 2, 130.0))
    assert "2.0 h left" in str(Progress(1, 2, 7200.0))
