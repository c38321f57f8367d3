"""Sandwiches from lme4's pieces where there is little to make them of: a status, and no crash."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from wemix_ref.engines.lme4 import Lme4Engine
from wemix_ref.engines.lme4_weighted import Lme4WeightedEngine
from wemix_ref.engines.protocol import Problem
from wemix_ref.engines.record import record_text, validate_record
from wemix_ref.simulate import audit as audit_module
from wemix_ref.simulate.audit import AuditProblem, audit

pytestmark = pytest.mark.live_r
ENGINES = {"lme4": Lme4Engine, "lme4-weighted": Lme4WeightedEngine}


def problem(name, kind):
    """Kinds: plain; flat, no variance between groups; line, slopes follow intercepts exactly."""
    rng = np.random.default_rng(1)
    g = np.repeat(np.arange(12), 6)
    data = pd.DataFrame({"g": g, "t": np.arange(72) // 3, "x": rng.normal(size=72)})
    u, e = rng.normal(size=12)[g], rng.normal(size=72)
    y = {"plain": u + data["x"] + e, "flat": data["x"] + e, "line": u * (1 + data["x"] / 2) + e}
    data["y"] = y[kind]
    if kind == "flat":
        data["y"] += 1 - 0.9 * data.groupby("g")["y"].transform("mean")
    data["w1"] = data["w2"] = 1.5
    formula = "y ~ x + (x | g)" if kind == "line" else "y ~ x + (1 | g)"
    weights = ["w1", "w2"] if name == "lme4-weighted" else None
    return Problem("made-up", formula, data, weights, False, False, None, None, "")


def audited(monkeypatch, tmp_path, name, kind, script=""):
    """Audit one problem by an engine with a script of R read after its own; its record too."""
    path = tmp_path / "other.R"
    path.write_text(script)
    records = []

    class Other(ENGINES[name]):
        scripts = (*ENGINES[name].scripts, str(path))

        def fit_many(self, problems, **options):
            results = super().fit_many(problems, **options)
            records.extend(result.record for result in results)
            return results

    monkeypatch.setattr(audit_module, "get_engine", lambda _: Other())
    table = audit([AuditProblem("plain", 0, "a", problem(name, kind))], [name])
    for record in records:
        validate_record(record)
        record_text(record)  # no number is infinite
    return table, records


def differing(table):
    return table[table["ok"].eq(False).fillna(False)]


@pytest.mark.parametrize("name", ENGINES)
@pytest.mark.parametrize("kind", ["flat", "line"])
def test_a_singular_fit_keeps_its_other_numbers(monkeypatch, tmp_path, name, kind):
    table, (record,) = audited(monkeypatch, tmp_path, name, kind)
    assert record["singular"] is True
    assert differing(table).empty, differing(table).to_string()
    variances = table[table["quantity"] == "se_variance_sandwich"]
    assert len(variances) == (2 if kind == "flat" else 4)
    # sigma's sandwich is that of its level: no standard error of level 2 is defined
    assert variances["ok"].isna().all()
    assert variances["message"].str.contains("at its boundary").all()
    of_beta = table[table["quantity"] == "se_beta_sandwich"]
    assert of_beta["ok"].tolist() == [True, True]


@pytest.mark.parametrize("name", ENGINES)
def test_derivatives_without_an_inverse_are_told(monkeypatch, tmp_path, name):
    """A likelihood that does not depend on theta."""
    script = """
    true <- differences
    differences <- function(...) {
      found <- true(...)
      list(first = lapply(found$first, function(x) 0 * x), second = 0 * found$second)
    }
    """
    table, (record,) = audited(monkeypatch, tmp_path, name, "plain", script)
    assert record["status"] == "ok"
    recipe = record["at"][0]["recipes"]["wemix"]
    assert recipe["se_variance_components"] == [None, None]
    assert "singular" in recipe["message"]
    found = differing(table)
    assert set(found["quantity"]) == {"se_variance_sandwich"}
    assert len(found) == 2
    assert found["message"].str.contains("no sandwich of level 2").all()
    assert table[table["quantity"] == "se_beta_sandwich"]["ok"].tolist() == [True, True]


@pytest.mark.parametrize("name", ENGINES)
def test_one_cluster_has_no_sandwich(monkeypatch, tmp_path, name):
    script = """
    several <- clusters
    clusters <- function(...) {
      found <- several(...)
      list(rows = rep(1L, length(found$rows)), columns = rep(1L, length(found$columns)), K = 1L)
    }
    """
    table, (record,) = audited(monkeypatch, tmp_path, name, "plain", script)
    recipe = record["at"][0]["recipes"]["wemix"]
    assert list(recipe["se_beta"].values()) == [None, None]
    assert recipe["se_variance_components"] == [None, None]
    found = differing(table)
    assert set(found["quantity"]) == {"se_beta_sandwich", "se_variance_sandwich"}
    assert found["message"].str.contains("there is one").all()
    assert table[table["tier"] == "same-theta"]["ok"].all()


@pytest.mark.parametrize("name", ENGINES)
def test_one_group_is_a_status(monkeypatch, tmp_path, name):
    """Neither side has a fit; R by itself says so too."""
    given = problem(name, "plain")
    alone = given.data.assign(g=0)
    one_group = Problem(
        "made-up", given.formula, alone, given.weights, False, False, None, None, ""
    )
    record = ENGINES[name]().fit_many([(one_group, {"ours": [1.0]})], timeout=120)[0].record
    assert record["status"] == "failed"
    assert "sampled level" in record["message"]
    table = audit([AuditProblem("plain", 0, "a", one_group)], [name])
    assert table[["engine", "tier", "name"]].to_numpy().tolist() == [["python", "status", "failed"]]
    assert table["ok"].isna().all()
