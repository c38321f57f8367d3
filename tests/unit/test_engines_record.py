"""Fit records: the schema, whole files, the same bytes each time."""

from __future__ import annotations

import copy
import json

import numpy as np
import pandas as pd
import pytest

from wemix_ref.engines.protocol import FitResult, Problem
from wemix_ref.engines.record import (
    make_point,
    matrices_table,
    new_record,
    read_record,
    record_text,
    validate_record,
    without_answer,
    write_result,
)
from wemix_ref.errors import EngineError


@pytest.fixture
def problem():
    data = pd.DataFrame({"y": [1.0, 2.0], "g": ["a", "b"]})
    return Problem("made-up", "y ~ 1 + (1|g)", data, None, False, False, None, None, "0" * 64)


@pytest.fixture
def result(problem):
    record = new_record(problem, "python", versions={"numpy": "2"})
    record["optimum"] = make_point(
        theta_names=["g.(Intercept)"],
        theta=np.array([1 / 3]),
        deviance=np.float64(0.1) + 0.2,
        beta={"(Intercept)": np.float64(1.5)},
        sigma=0.7,
        se_beta={"(Intercept)": np.nan},
        se_recipe="model",
    )
    matrices = matrices_table({"Z": {"row": [1, 0], "col": [1, 0], "value": [1.0, 1.0]}})
    return FitResult(record, matrices, {"seconds": 0.5})


def test_a_record_survives_writing_and_reading(result, tmp_path):
    path = write_result(result, tmp_path)
    record = read_record(path)
    assert record["optimum"]["theta"]["values"] == [1 / 3]
    assert record["optimum"]["deviance"] == 0.1 + 0.2
    assert record["optimum"]["llf"] == -0.5 * (0.1 + 0.2)
    assert record["optimum"]["se_beta"]["(Intercept)"] is None
    assert json.loads((tmp_path / "python.timing.json").read_text()) == {"seconds": 0.5}
    table = pd.read_parquet(tmp_path / "python.matrices.parquet")
    assert table.to_dict("list") == {
        "matrix": ["Z", "Z"],
        "row": [0, 1],
        "col": [0, 1],
        "value": [1.0, 1.0],
    }


def test_files_are_the_same_bytes_each_time_whatever_the_timing(result, tmp_path):
    first = write_result(result, tmp_path / "a").parent
    again = FitResult(dict(reversed(result.record.items())), result.matrices, {"seconds": 9.0})
    second = write_result(again, tmp_path / "b").parent
    for name in ("python.json", "python.matrices.parquet"):
        assert (first / name).read_bytes() == (second / name).read_bytes()


def test_an_engine_without_matrices_writes_a_table_without_rows(problem, tmp_path):
    write_result(without_answer(problem, "lme4", "unavailable", "no R"), tmp_path)
    table = pd.read_parquet(tmp_path / "lme4.matrices.parquet")
    assert list(table.columns) == ["matrix", "row", "col", "value"]
    assert len(table) == 0


@pytest.mark.parametrize(
    ("change", "where"),
    [
        (lambda r: r.update(status="fine"), "status"),
        (lambda r: r.update(surprise=1), "surprise"),
        (lambda r: r.pop("data_sha256"), "data_sha256"),
        (lambda r: r.update(optimum=None), "optimum"),
        (lambda r: r["optimum"].pop("sigma"), "sigma"),
        (lambda r: r["optimum"].update(sigma=-1.0), "sigma"),
        (lambda r: r["optimum"]["theta"].update(values=["1"]), "theta"),
        (lambda r: r.update(status="failed", optimum=None, message=""), "message"),
        (lambda r: r.update(engine="recorded"), "computed_by"),
        (lambda r: r.update(at=[r["optimum"]]), "label"),
    ],
)
def test_a_broken_record_is_refused_and_nothing_is_written(result, tmp_path, change, where):
    record = copy.deepcopy(result.record)
    change(record)
    with pytest.raises(EngineError, match=where):
        validate_record(record)
    with pytest.raises(EngineError):
        write_result(FitResult(record), tmp_path / "none")
    assert not (tmp_path / "none").exists()


def test_an_infinite_number_is_refused_before_anything_is_written(result, tmp_path):
    result.record["optimum"]["deviance"] = np.inf
    with pytest.raises(EngineError, match="finite"):
        record_text(result.record)
    with pytest.raises(EngineError):
        write_result(result, tmp_path / "none")
    assert not (tmp_path / "none").exists()


def test_a_failure_while_writing_leaves_the_old_record_and_no_scratch(
    result, tmp_path, monkeypatch
):
    path = write_result(result, tmp_path)
    before = path.read_bytes()
    changed = copy.deepcopy(result.record)
    changed["message"] = "another"

    def fail(*_args, **_kwargs):
        raise OSError("the disk is full")

    monkeypatch.setattr(pd.DataFrame, "to_parquet", fail)
    with pytest.raises(OSError, match="full"):
        write_result(FitResult(changed, result.matrices), tmp_path)
    assert path.read_bytes() == before
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        "python.json",
        "python.matrices.parquet",
        "python.timing.json",
    ]


def test_a_file_that_is_no_json_is_named(tmp_path):
    path = tmp_path / "lme4.json"
    path.write_text('{"schema": ')
    with pytest.raises(EngineError, match=r"lme4\.json must be JSON"):
        read_record(path)
