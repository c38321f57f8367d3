"""Where R is not there, or a problem is none of an engine's, the record says so."""

from __future__ import annotations

import dataclasses
import importlib.util
import subprocess
import sys

import pandas as pd
import pytest

from wemix_ref.engines import ENGINE_NAMES, get_engine, validate_record
from wemix_ref.engines.protocol import Problem
from wemix_ref.engines.r_process import call_r, r_availability
from wemix_ref.errors import EngineError

R_ENGINES = ("lme4", "lme4-weighted", "wemix")


@pytest.fixture
def problem():
    data = pd.DataFrame(
        {"y": [1.0, 2.0, 4.0, 3.0], "g": list("aabb"), "w1": 1.0, "w2": 2.0, "x": [1, 2, 3, 5]}
    )
    return Problem("made-up", "y ~ x + (1|g)", data, None, False, False, None, None, "0" * 64)


def turned_off(monkeypatch):
    monkeypatch.setenv("WEMIX_REF_NO_R", "1")
    return "turned off by WEMIX_REF_NO_R"


def without_rpy2(monkeypatch):
    monkeypatch.delenv("WEMIX_REF_NO_R", raising=False)
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *a: None if name == "rpy2" else find(name, *a)
    )
    return "rpy2 is not installed"


def without_r(monkeypatch):
    monkeypatch.delenv("WEMIX_REF_NO_R", raising=False)
    situation = pytest.importorskip("rpy2.situation", reason="rpy2 is not installed here")
    monkeypatch.setattr(situation, "get_r_home", lambda: None)
    return "R is not installed"


@pytest.mark.parametrize("cause", [turned_off, without_rpy2, without_r])
@pytest.mark.parametrize("name", R_ENGINES)
def test_no_r_is_a_record(monkeypatch, problem, name, cause):
    reason = cause(monkeypatch)
    engine = get_engine(name)
    assert not engine.availability().available
    assert reason in engine.availability().reason
    result = engine.fit(problem, {}, timeout=1)
    validate_record(result.record)
    assert result.record["status"] == "unavailable"
    assert reason in result.record["message"]


def test_no_child_is_started_without_r(monkeypatch, tmp_path):
    turned_off(monkeypatch)
    monkeypatch.setattr(subprocess, "Popen", lambda *_a, **_k: pytest.fail("a child was started"))
    assert call_r([tmp_path / "none.R"], "f", {}, timeout=1).status == "unavailable"
    assert not r_availability().available


def test_the_package_needs_no_rpy2_to_be_imported():
    program = (
        "import sys; sys.modules['rpy2'] = None\n"
        "import wemix_ref, wemix_ref.engines as e\n"
        "print([e.get_engine(n).name for n in e.ENGINE_NAMES])\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout.strip() == str(list(ENGINE_NAMES)), done.stderr


@pytest.mark.parametrize(
    ("name", "change", "reason"),
    [
        ("lme4", {"weights": ["w1", "w2"]}, "precision weights"),
        ("lme4-weighted", {"reml": True}, "REML"),
        ("lme4-weighted", {"precision_weights": "w1"}, "precision weights"),
        ("wemix", {"reml": True}, "REML"),
        ("wemix", {"precision_weights": "w1"}, "precision weights"),
        ("python", {"precision_weights": "w1"}, "precision weights"),
    ],
)
def test_a_problem_of_another_kind_is_refused(problem, name, change, reason):
    record = get_engine(name).fit(dataclasses.replace(problem, **change), {}, timeout=1).record
    validate_record(record)
    assert record["status"] == "refused"
    assert reason in record["message"]


@pytest.mark.parametrize("name", ["python", *R_ENGINES])
@pytest.mark.parametrize("formula", ["y ~ x + (1|", "y ~ nowhere + (1|g)"])
def test_a_problem_that_cannot_be_posed_is_a_failed_record(problem, name, formula):
    record = get_engine(name).fit(
        dataclasses.replace(problem, formula=formula), {}, timeout=1
    ).record  # fmt: skip
    validate_record(record)
    assert record["status"] == "failed"
    assert record["message"]


def test_an_unknown_engine_is_an_error():
    with pytest.raises(EngineError, match=r"must be one of python, lme4.*got 'stata'"):
        get_engine("stata")
