"""Recorded answers: for the same model and the same bytes only."""

from __future__ import annotations

import dataclasses
import hashlib
import json

import pandas as pd
import pytest

from wemix_ref.engines import get_engine, validate_record
from wemix_ref.engines.protocol import Problem
from wemix_ref.engines.record import record_text
from wemix_ref.engines.recorded import RecordedEngine, read_recorded
from wemix_ref.engines.recording import recorded_answers
from wemix_ref.errors import EngineError

REFERENCE = {
    "case": "tiny",
    "formula": "y ~ x + (x|a/b)",
    "wemix_formula": "y ~ x + (x|a) + (1|b)",
    "weights": ["w1", "w2", "w3"],
    "conditional_weights": True,
    "center_group": {},
    "center_grand": {},
    "nobs": 9,
    "versions": {"R": "R version 4.2.2", "WeMix": "4.0.4", "lme4": "1.1.31"},
    "wemix": {
        "lnl": -10.5,
        "beta": {"(Intercept)": 1.0, "x": 2.0},
        "se_beta": {"(Intercept)": 0.1, "x": 0.2},
        "theta": {"b.(Intercept)": 0.5, "a.(Intercept)": 0.25, "a.x.(Intercept)": 0.1, "a.x": 0.2},
        "sigma": 1.5,
        "cov_beta": [[0.01, 0.0], [0.0, 0.04]],
        "variance_components": [
            {"grp": "b", "var1": "(Intercept)", "var2": None, "level": 2, "vcov": 1.0, "SEvcov": 2}
        ],
    },
    "lme4_unweighted_ml": {
        "lnl": -9.0,
        "beta": {"(Intercept)": 1.5, "x": 2.5},
        "se_beta": {"(Intercept)": 0.1, "x": 0.2},
        "theta": {"b:a.(Intercept)": 0.5, "a.(Intercept)": 0.3, "a.x.(Intercept)": 0.1, "a.x": 0.2},
        "sigma": 1.4,
    },
}


@pytest.fixture
def answers():
    return recorded_answers(REFERENCE, data_file="tiny.csv", sha256="1" * 64)


@pytest.fixture
def directory(answers, tmp_path):
    for name, answer in answers.items():
        (tmp_path / f"{name}.json").write_text(record_text(answer))
    return tmp_path


@pytest.fixture
def problem():
    return Problem(
        "tiny", "y ~ x+(x | a/b)", pd.DataFrame(), ["w1", "w2", "w3"], True, False, None, None,
        "1" * 64,
    )  # fmt: skip


def test_an_answer_is_found_by_its_model_and_its_bytes(directory, problem):
    record = RecordedEngine(directory).fit(problem, {}, timeout=1).record
    validate_record(record)
    assert record["status"] == "ok"
    assert record["optimum"]["deviance"] == 21.0
    assert record["optimum"]["theta"]["names"][0] == "b:a.(Intercept)"
    assert record["optimum"]["variance_components"][0]["group"] == "b:a"
    assert record["computed_by"]["software"] == "WeMix"
    assert record["computed_by"]["data"]["sha256"] == "1" * 64


def test_without_weights_it_is_lme4s_answer(directory, problem):
    plain = dataclasses.replace(problem, weights=None, conditional_weights=False)
    record = RecordedEngine(directory).fit(plain, {}, timeout=1).record
    assert record["computed_by"]["software"] == "lme4"
    assert record["optimum"]["beta"] == {"(Intercept)": 1.5, "x": 2.5}


def test_other_bytes_are_refused(directory, problem):
    other = dataclasses.replace(problem, data_sha256="2" * 64)
    record = RecordedEngine(directory).fit(other, {}, timeout=1).record
    validate_record(record)
    assert record["status"] == "refused"
    assert record["optimum"] is None
    assert "tiny.csv (111111111111)" in record["message"]
    assert "222222222222" in record["message"]


@pytest.mark.parametrize(
    "change",
    [
        {"formula": "y ~ x + (1|a/b)"},
        {"weights": ["w1", "w3", "w2"]},
        {"conditional_weights": False},
        {"center_grand": "~x"},
        {"center_group": {"a": "~x"}},
        {"precision_weights": "w1"},
        {"weights": None, "conditional_weights": False, "reml": True},
    ],
)
def test_another_model_has_no_answer(directory, problem, change):
    other = dataclasses.replace(problem, **change)
    record = RecordedEngine(directory).fit(other, {}, timeout=1).record
    assert record["status"] == "unavailable"


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda _: "{", "must be JSON"),
        (lambda a: json.dumps({**a, "schema": "other"}), "must say"),
        (lambda a: json.dumps({k: v for k, v in a.items() if k != "data"}), "first: data"),
        (lambda a: json.dumps({**a, "model": {}}), "first: model.formula"),
    ],
)
def test_a_spoiled_file_is_an_error(answers, tmp_path, spoil, message):
    path = tmp_path / "tiny.json"
    path.write_text(spoil(answers["tiny"]))
    with pytest.raises(EngineError, match=message):
        read_recorded(path)


def test_no_files_no_engine(tmp_path):
    assert not RecordedEngine(tmp_path).availability().available


def test_every_shipped_answer_belongs_to_a_shipped_file(project_root):
    paths = sorted((project_root / "resources" / "recorded").glob("*.json"))
    assert len(paths) == 20
    for path in paths:
        answer = read_recorded(path)
        data = project_root / "resources" / "data" / answer["data"]["file"]
        assert answer["name"] == path.stem
        assert hashlib.sha256(data.read_bytes()).hexdigest() == answer["data"]["sha256"]
        problem = Problem(
            case=path.stem,
            data=pd.DataFrame(),
            data_sha256=answer["data"]["sha256"],
            **answer["model"],
        )
        result = get_engine("recorded").fit(problem, {}, timeout=1)
        validate_record(result.record)
        assert result.record["status"] == "ok"
        assert result.record["computed_by"]["software"] == answer["computed_by"]["software"]
