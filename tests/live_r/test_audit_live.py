"""Replicates of the shipped studies, fitted by live R and held against ours."""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import pytest
import yaml

from wemix_ref.engines import get_engine
from wemix_ref.engines.lme4_weighted import Lme4WeightedEngine
from wemix_ref.engines.protocol import Problem
from wemix_ref.engines.r_values import text
from wemix_ref.simulate.audit import AuditProblem, audit
from wemix_ref.simulate.audit_numbers import AuditedFit
from wemix_ref.simulate.audit_study import audit_problems
from wemix_ref.simulate.elsewhere import fit_elsewhere
from wemix_ref.simulate.replicates import run_replicates
from wemix_ref.simulate.study import load_study

pytestmark = pytest.mark.live_r

STUDIES = ("two-level-informative", "three-level-informative")
SCENARIOS = {
    "two-level-informative": "informative-both_take-5",
    "three-level-informative": "informative-all",
}
ENGINES = ("lme4", "lme4-weighted")


def first_replicate(root, name):
    study = load_study(root / "config" / "studies" / f"{name}.yaml")
    study = dataclasses.replace(study, audit=dataclasses.replace(study.audit, replicates=1))
    return audit_problems(study, study.scenario(SCENARIOS[name]))


@pytest.fixture(scope="module")
def tables(project_root):
    problems = {name: first_replicate(project_root, name) for name in STUDIES}
    listed = [one for name in STUDIES for one in problems[name]]
    whole = audit(listed, ENGINES)
    scenarios = {SCENARIOS[name]: name for name in STUDIES}
    return problems, {name: t for s, t in whole.groupby("scenario") if (name := scenarios[s])}


@pytest.mark.parametrize("name", STUDIES)
def test_every_number_of_a_replicate_agrees(tables, name):
    problems, table = tables[0][name], tables[1][name]
    assert set(table["analysis"]) == {one.analysis for one in problems}
    assert set(table["engine"]) == set(ENGINES)
    differ = table[table["ok"].eq(False).fillna(False)]
    assert differ.empty, differ.to_string()
    answered = table.groupby(["analysis", "engine"])["ok"].sum()
    assert (answered >= 12).all()
    assert "status" not in set(table["tier"])


@pytest.mark.parametrize("name", STUDIES)
def test_sandwiches_from_lme4s_pieces_have_our_digits(tables, name):
    table = tables[1][name]
    of_beta = table[table["quantity"] == "se_beta_sandwich"]
    of_variances = table[table["quantity"] == "se_variance_sandwich"]
    sampled = {one.analysis for one in tables[0][name] if not one.problem.precision_weights}
    assert set(of_beta["analysis"]) == set(of_variances["analysis"]) == sampled
    assert (of_beta["digits"] >= 10).all(), of_beta.to_string()
    assert (of_variances["digits"] >= 6).all(), of_variances.to_string()
    assert of_variances["ok"].notna().all()


def test_precision_weights_are_lme4s_own(tables):
    table = tables[1]["two-level-informative"]
    part = table[table["analysis"] == "precision"]
    assert set(part["engine"]) == {"lme4"}
    same = part[part["tier"] == "same-theta"]
    assert {"deviance", "sigma", "beta", "variance"} <= set(same["quantity"])
    assert same["ok"].all()
    assert "se_beta_model" in set(part["quantity"])


def test_random_slopes_and_weights_of_every_level_agree():
    rng = np.random.default_rng(12)
    s = np.repeat(np.arange(20), 15)
    data = pd.DataFrame({"s": s, "x": rng.normal(size=300)})
    data["y"] = data["x"] * (1 + 0.7 * rng.normal(size=20)[s]) + rng.normal(size=20)[s]
    data["y"] += rng.normal(size=300)
    data["w2"] = rng.uniform(1, 3, 20)[s]
    data["w1"] = data["w2"] * rng.uniform(1, 3, 300)
    given = Problem(
        "slopes", "y ~ x + (x | s)", data, ["w1", "w2"], False, False, None, None, ""
    )  # fmt: skip
    table = audit([AuditProblem("slopes", 0, "weighted", given)], ["lme4-weighted"])
    assert not table["ok"].eq(False).fillna(False).any(), table.to_string()
    errors = table[table["quantity"] == "se_variance_sandwich"]
    assert len(errors) == 4
    assert (errors["digits"] >= 6).all()


FATES = """
mortal <- function(fate, ...) {
  if (fate == "kill") tools::pskill(Sys.getpid(), 9L)
  if (fate == "quit") quit(status = 4)
  if (fate == "sleep") Sys.sleep(60)
  fit_lme4_weighted(...)
}
"""


def test_what_r_does_not_survive_costs_its_own_problem_alone(tables, tmp_path):
    script = tmp_path / "mortal.R"
    script.write_text(FATES)

    class Mortal(Lme4WeightedEngine):
        scripts = (*Lme4WeightedEngine.scripts, str(script))
        function = "mortal"

        def arguments(self, problem):
            return {"fate": text(problem.case), **super().arguments(problem)}

    good = next(one.problem for one in tables[0]["two-level-informative"] if one.problem.weights)
    theta = {"ours": AuditedFit.of(good).optimum.tolist()}
    ends = [dataclasses.replace(good, case=fate) for fate in ("kill", "quit", "sleep")]
    # weights that vary within a cluster are an error that R raises
    error = dataclasses.replace(good, weights=[good.weights[0]] * 2)
    listed = [good, ends[0], good, error, good, ends[1], good, ends[2], good]
    found = Mortal().fit_many([(one, theta) for one in listed], timeout=15)
    ok = "ok"
    status = [result.record["status"] for result in found]
    assert status == [ok, "failed", ok, "failed", ok, "failed", ok, "timeout", ok]
    assert [i for i, result in enumerate(found) if result.ended] == [1, 5]
    assert "SIGKILL" in found[1].record["message"]
    assert "must be constant within cluster" in found[3].record["message"]
    assert "without an answer" in found[5].record["message"]
    alone = Lme4WeightedEngine().fit_many([(good, theta)], timeout=120)[0]
    for result in found[::2]:
        assert result.record == alone.record


def test_fits_of_an_audit_have_the_same_bits_alone_and_together(tables):
    for name in ENGINES:
        engine = get_engine(name)
        listed = [
            (one.problem, {"ours": AuditedFit.of(one.problem).optimum.tolist()})
            for one in tables[0]["three-level-informative"]
            if bool(one.problem.weights) == (name == "lme4-weighted")
        ]
        together = engine.fit_many(listed, timeout=120)
        alone = [engine.fit_many([one], timeout=120)[0] for one in listed]
        assert [r.record["status"] for r in together] == ["ok"] * len(listed)
        assert [r.record for r in together] == [r.record for r in alone]


def test_a_time_limit_is_a_row_that_is_not_ok(tables):
    weighted = next(one for one in tables[0]["two-level-informative"] if one.problem.weights)
    table = audit([weighted], ["lme4-weighted"], timeout=0.05)
    assert table[["tier", "name"]].to_numpy().tolist() == [["status", "timeout"]]
    assert table["ok"].tolist() == [False]


def test_analyses_of_lme4_are_ours_to_its_optimisers_digits(project_root, tmp_path):
    content = yaml.safe_load(
        (project_root / "config" / "studies" / "two-level-informative.yaml").read_text()
    )
    content["analyses"] = {
        "ours": {"weights": "none", "se": "model"},
        "theirs": {"weights": "none", "engine": "lme4"},
        "ours-weighted": {"weights": "all", "scale": "size", "se": "model"},
        "theirs-weighted": {"weights": "all", "scale": "size", "engine": "lme4-weighted"},
    }
    content |= {"compare_with": "ours", "audit": {"replicates": 1}}
    path = tmp_path / "both.yaml"
    path.write_text(yaml.safe_dump(content, sort_keys=False))
    study = load_study(path)
    rows = run_replicates(
        study, study.scenario("informative-both_take-5"), [0, 1, 5], fit_elsewhere
    )
    assert (rows["status"] == "ok").all()
    rows = rows.set_index(["analysis", "replicate", "parameter"])
    for ours, theirs in (("ours", "theirs"), ("ours-weighted", "theirs-weighted")):
        mine, other = rows.loc[ours], rows.loc[theirs]
        assert list(mine.index) == list(other.index)
        assert len(mine) == 15
        for column in ("n", "n_top", "singular", "target"):
            assert (mine[column] == other[column]).all()
        np.testing.assert_allclose(other["deviance"], mine["deviance"], rtol=1e-9)
        # near the minimum a deviance d above it is sqrt(d) standard errors away
        away = ((other["estimate"] - mine["estimate"]) / mine["se"]).abs()
        assert (away < 1e-2).all()
        of_beta = other["se"].notna()
        assert of_beta.groupby("replicate").sum().tolist() == [3, 3, 3]
        np.testing.assert_allclose(other["se"][of_beta], mine["se"][of_beta], rtol=1e-3)
    assert not np.allclose(rows.loc["ours"]["estimate"], rows.loc["ours-weighted"]["estimate"])


def test_wemix_agrees_where_it_is(tables):
    found = get_engine("wemix").availability()
    if not found.available:
        pytest.skip(found.reason)
    listed = [one for name in STUDIES for one in tables[0][name] if one.problem.weights]
    table = audit(listed, ["wemix"])
    differ = table[table["ok"].eq(False).fillna(False)]
    assert differ.empty, differ.to_string()
    assert {"se_beta_sandwich", "se_variance_sandwich"} <= set(table["quantity"])
