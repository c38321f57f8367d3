"""Engines with a running R: answers, and what becomes of errors, crashes and time limits."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from wemix_ref.cases import load_case
from wemix_ref.engines import get_engine, validate_record, write_result
from wemix_ref.engines.protocol import Problem
from wemix_ref.engines.r_process import R_DIRECTORY, call_r
from wemix_ref.engines.r_values import column

pytestmark = pytest.mark.live_r

LIMIT = 300.0
# Same theta, same algebra.
SAME_THETA = 1e-12
REFERENCES = (
    "api-two-stage",
    "egsingle-growth",
    "four-level",
    "sleepstudy-conditional",
    "sleepstudy-l1-weights",
    "sleepstudy-l2-slope",
    "sleepstudy-uncorrelated",
    "three-level-numeric-ids",
    "three-level-school",
    "three-level-school-slope",
)
BLOG = ("sleepstudy-slope-reml", "three-level-school-reml", "star-kindergarten-reml")


@pytest.fixture(scope="module")
def case_of(project_root):
    return lambda name: load_case(project_root / "config" / "cases" / f"{name}.yaml")


def answer(engine, problem, thetas=None):
    """Fit, check the record, and return the result of a fit that must have worked."""
    result = get_engine(engine).fit(problem, thetas or {}, timeout=LIMIT)
    validate_record(result.record)
    assert result.record["status"] == "ok", result.record["message"]
    return result


def agree(found, expected, relative):
    assert set(found) == set(expected)
    for name, value in expected.items():
        assert found[name] == pytest.approx(value, rel=relative, abs=0), name


def dense(result, name):
    table = result.matrices[result.matrices["matrix"] == name]
    shape = result.record["matrix_shapes"][name]
    return sparse.coo_array((table["value"], (table["row"], table["col"])), shape).toarray()


def test_availability():
    assert get_engine("lme4").availability().available
    assert get_engine("lme4-weighted").availability().available


@pytest.mark.parametrize("name", REFERENCES)
def test_lme4s_pieces_give_wemixs_answer_at_wemixs_theta(case_of, name):
    problem = case_of(name).problem()
    wemix = get_engine("recorded").fit(problem, {}, timeout=1).record["optimum"]
    record = answer("lme4-weighted", problem, {"wemix": wemix["theta"]["values"]}).record
    there, own = record["at"][0], record["optimum"]
    assert there["theta"] == wemix["theta"]
    assert there["llf"] == pytest.approx(wemix["llf"], rel=SAME_THETA)
    assert there["sigma"] == pytest.approx(wemix["sigma"], rel=SAME_THETA)
    agree(there["beta_refined"], wemix["beta"], SAME_THETA)
    # normal equations: lme4's own beta keeps fewer digits where X is ill-conditioned
    agree(there["beta"], wemix["beta"], 1e-10)
    assert own["deviance"] <= wemix["deviance"] * (1 + 1e-10)
    components = {
        (row["group"], row["var1"], row["var2"]): row["vcov"]
        for row in there["variance_components"]
    }
    # WeMix prints 15 digits of theta and of its variances.
    agree(
        components,
        {
            (row["group"], row["var1"], row["var2"]): row["vcov"]
            for row in wemix["variance_components"]
        },
        1e-11,
    )


@pytest.mark.parametrize("name", REFERENCES)
def test_lme4_at_the_recorded_theta_of_lme4(case_of, name):
    problem = case_of(f"{name}-unweighted").problem()
    recorded = get_engine("recorded").fit(problem, {}, timeout=1).record["optimum"]
    there = answer("lme4", problem, {"recorded": recorded["theta"]["values"]}).record["at"][0]
    assert there["theta"] == recorded["theta"]
    assert there["deviance"] == pytest.approx(recorded["deviance"], rel=SAME_THETA)
    assert there["sigma"] == pytest.approx(recorded["sigma"], rel=SAME_THETA)
    # lme4's beta comes from normal equations: the digits they keep, against its own of then.
    agree(there["beta"], recorded["beta"], 1e-10)
    agree(there["se_beta"], recorded["se_beta"], 1e-11)
    python = answer("python", problem, {"recorded": recorded["theta"]["values"]}).record["at"][0]
    agree(there["beta_refined"], python["beta"], SAME_THETA)


@pytest.mark.parametrize("name", BLOG)
def test_lme4s_default_optimum_is_the_printed_one(case_of, name):
    case = case_of(name)
    printed = [float(value) for value in case.printed_theta.values()]
    result = answer("lme4", case.problem("lme4"), {"printed": printed})
    record = result.record
    own, there = record["optimum"], record["at"][0]
    assert own["theta"]["names"] == list(case.printed_theta)
    assert there["theta"]["names"] == own["theta"]["names"]
    # The optimiser stops where its tolerance lets it; another build stops elsewhere.
    assert own["theta"]["values"] == pytest.approx(printed, abs=1e-4)
    assert own["deviance"] == pytest.approx(there["deviance"], rel=1e-9)
    assert record["singular"] is (name == "star-kindergarten-reml")
    names = {(r["group"], r["var1"], r["var2"]) for r in own["variance_components"]}
    assert names == {(r["group"], r["var1"], r["var2"]) for r in there["variance_components"]}
    assert own["variance_components"][-1]["group"] == "Residual"
    levels = [row["level"] for row in own["variance_components"]]
    assert levels[:-1] == sorted(levels[:-1])


@pytest.mark.parametrize("shuffled", [False, True])
@pytest.mark.parametrize("name", BLOG)
def test_three_ways_lead_to_one_v_and_gls_returns_beta(case_of, name, shuffled):
    problem = case_of(name).problem("lme4")
    if shuffled:
        problem = dataclasses.replace(problem, data=problem.data.sample(frac=1.0, random_state=7))
    result = answer("lme4", problem)
    ways, own = result.record["v_three_ways"], result.record["optimum"]
    assert set(ways["max_difference"]) == {"kronecker", "lambdat", "bdiag"}
    for way, difference in ways["max_difference"].items():
        assert difference <= 1e-13 * ways["largest_entry"], way
        agree(ways["gls_beta"][way], own["beta"], 1e-10)
    Z, G, V = (dense(result, part) for part in "ZGV")
    expected = Z @ G @ Z.T + own["sigma"] ** 2 * np.eye(len(V))
    assert np.abs(V - expected).max() <= 1e-13 * ways["largest_entry"]
    assert ways["largest_entry"] == pytest.approx(np.abs(V).max(), rel=1e-14)
    assert result.record["matrix_shapes"]["Z"][0] == own["nobs"]


def test_precision_weights_are_another_model_and_v_knows(case_of):
    case = case_of("row-weights-precision")
    plain, weighted = case.problem("lme4"), case.problem("python")
    result = answer("lme4", plain)
    sampling = answer("lme4-weighted", weighted).record["optimum"]
    assert abs(result.record["optimum"]["deviance"] - sampling["deviance"]) > 100
    Z, G, V = (dense(result, part) for part in "ZGV")
    weight = plain.data[plain.precision_weights].to_numpy()
    residual = result.record["optimum"]["sigma"] ** 2 / weight
    assert np.diag(V - Z @ G @ Z.T) == pytest.approx(residual, rel=1e-10)


def test_unweighted_both_lme4_engines_agree(case_of):
    problem = case_of("three-level-school-slope-unweighted").problem()
    theta = {"x": [1.1, 0.6, 0.1, 0.2]}
    plain = answer("lme4", problem, theta).record["at"][0]
    pieces = answer("lme4-weighted", problem, theta).record["at"][0]
    assert plain["deviance"] == pytest.approx(pieces["deviance"], rel=SAME_THETA)
    agree(plain["se_beta"], pieces["se_beta"], 1e-11)
    assert plain["ngroups"] == pieces["ngroups"] == {"tch": 30, "sch": 10}


@pytest.mark.parametrize(
    ("group", "grand"),
    [({"tch:sch": "~x1"}, None), ({"sch": "~x1"}, None), (None, "~x1")],
)
@pytest.mark.parametrize("conditional", [False, True])
def test_centring_done_twice_gives_one_answer(case_of, group, grand, conditional):
    problem = dataclasses.replace(
        case_of("three-level-school").problem(),
        center_group=group,
        center_grand=grand,
        conditional_weights=conditional,
    )
    problem.data.loc[[4, 70], "x1"] = np.nan
    own = answer("python", problem).record["optimum"]
    pieces = answer("lme4-weighted", problem, {"x": own["theta"]["values"]}).record["at"][0]
    assert pieces["nobs"] == own["nobs"] == 148
    assert pieces["deviance"] == pytest.approx(own["deviance"], rel=SAME_THETA)
    agree(pieces["beta"], own["beta"], SAME_THETA)
    uncentred = dataclasses.replace(problem, center_group=None, center_grand=None)
    other = answer("python", uncentred).record["optimum"]
    assert abs(other["beta"]["(Intercept)"] / own["beta"]["(Intercept)"] - 1) > 1e-4


@pytest.mark.parametrize(
    "formula",
    [
        "y ~ x * f + (1 | s/t)",
        "y ~ b * o + f:x + (b | s)",
        "y ~ c - 1 + (1 | t) + (1 | s)",
        "y ~ poly(x, 2) + scale(z) + (x || s/t)",
        "log(z) ~ I(x^2) + offset(x) + (0 + x | s) + (1 | s)",
        "y ~ `größe.1` + factor(k) + (1 | s:k) + (1 | s)",
        "y ~ x + (o | s) + (x - 1 | t)",
    ],
)
def test_one_string_means_one_model_in_python_and_r(formula):
    rng = np.random.default_rng(11)
    n = 300
    s, t = np.arange(n) % 10, np.arange(n) % 30
    data = pd.DataFrame(
        {
            "x": rng.normal(size=n),
            "z": rng.uniform(1, 3, n),
            "größe.1": rng.normal(size=n),
            "k": rng.integers(0, 3, n),
            "b": rng.random(n) < 0.4,
            "f": rng.choice(["lo", "Mid", "hi", "äx"], n),
            "o": pd.Categorical(rng.choice(["1st", "2nd"], n), ["1st", "2nd", "3rd"], ordered=True),
            "c": pd.Categorical(rng.choice(["u", "v", "w"], n), ["w", "q", "u", "v"]),
            "s": [f"s {i}" for i in s],
            "t": t,
        }
    )
    data["y"] = data["x"] + rng.normal(size=10)[s] * (1 + data["x"]) + rng.normal(size=30)[t]
    data["y"] += rng.normal(size=n)
    data.loc[7, "f"] = None
    problem = Problem("made-up", formula, data, None, False, False, None, None, "0" * 64)
    own = answer("python", problem).record["optimum"]
    there = answer("lme4", problem, {"x": own["theta"]["values"]}).record["at"][0]
    for member in ("theta", "nobs", "ngroups"):
        assert there[member] == own[member]
    assert list(there["beta"]) == list(own["beta"])
    assert list(there["ngroups"]) == list(own["ngroups"])
    assert there["deviance"] == pytest.approx(own["deviance"], rel=SAME_THETA)
    for name, value in own["beta"].items():
        assert there["beta_refined"][name] == pytest.approx(value, rel=1e-11, abs=1e-13), name


def test_wemix_live(case_of):
    found = get_engine("wemix").availability()
    if not found.available:
        pytest.skip(found.reason)
    for name in ("three-level-numeric-ids", "sleepstudy-conditional", "group-centred"):
        problem = case_of(name).problem()
        record = answer("wemix", problem).record
        own = record["optimum"]
        pieces = answer("lme4-weighted", problem, {"w": own["theta"]["values"]}).record["at"][0]
        assert own["theta"]["names"] == pieces["theta"]["names"]
        assert own["deviance"] == pytest.approx(pieces["deviance"], rel=SAME_THETA)
        agree(own["beta"], pieces["beta"], 1e-11)
        assert own["ngroups"] == pieces["ngroups"]
        again = answer("wemix", problem, {"own": own["theta"]["values"]}).record["at"][0]
        assert again["deviance"] == own["deviance"]
        assert all(row["se"] > 0 for row in own["variance_components"])


def test_wemix_where_it_is_not_there_is_a_record(case_of, monkeypatch, tmp_path):
    if get_engine("wemix").availability().available:
        monkeypatch.setenv("R_LIBS", str(tmp_path))
        if get_engine("wemix").availability().available:
            pytest.skip("WeMix is installed where R always looks")
    record = get_engine("wemix").fit(case_of("row-weights").problem(), {}, timeout=LIMIT).record
    validate_record(record)
    assert record["status"] == "unavailable"
    assert "WeMix is not installed" in record["message"]


def test_records_are_the_same_bytes_each_run(case_of, tmp_path):
    problem = case_of("sleepstudy-l2-slope").problem()
    for run in ("a", "b"):
        write_result(answer("lme4-weighted", problem, {"x": [1, 0, 0.2]}), tmp_path / run)
    for name in ("lme4-weighted.json", "lme4-weighted.matrices.parquet"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
    content = json.loads((tmp_path / "a" / "lme4-weighted.json").read_text())
    assert "seconds" not in json.dumps(content)


# What becomes of errors.


def r_file(tmp_path, body):
    path = tmp_path / "script.R"
    path.write_text(f"answer <- function(...) {{\n{body}\n}}\n", encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("body", "status", "message"),
    [
        ('stop("no such thing: \u00e9")', "failed", "no such thing: \u00e9"),
        ("tools::pskill(Sys.getpid(), 9L)", "failed", "signal 9, SIGKILL"),
        ("tools::pskill(Sys.getpid(), 11L)", "failed", "signal 11, SIGSEGV"),
        ("quit(status = 4)", "failed", "without an answer"),
        ("need('a.package.that.is.not')", "unavailable", "a.package.that.is.not is not installed"),
    ],
)
def test_the_end_of_r_is_a_reply(tmp_path, body, status, message):
    scripts = [R_DIRECTORY / "common.R", r_file(tmp_path, body)]
    reply = call_r(scripts, "answer", {}, timeout=60)
    assert reply.status == status
    assert message in reply.message
    assert reply.value is None


def test_a_time_limit_is_kept(tmp_path):
    reply = call_r([r_file(tmp_path, "Sys.sleep(60)")], "answer", {}, timeout=3)
    assert reply.status == "timeout"
    assert "3 s" in reply.message
    assert reply.seconds < 30


def test_a_fit_that_passes_its_limit_is_a_record(case_of):
    problem = case_of("sleepstudy-l2-slope").problem()
    result = get_engine("lme4-weighted").fit(problem, {}, timeout=0.05)
    validate_record(result.record)
    assert result.record["status"] == "timeout"
    assert result.matrices is None


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"weights": ["W1", "W2", "W2"]}, "2 levels needs 2 weights, not 3"),
        ({"weights": ["W1", "Reaction"]}, "must be constant within Subject"),
    ],
)
def test_an_error_in_r_is_a_failed_record(case_of, change, message):
    problem = dataclasses.replace(case_of("sleepstudy-l2-slope").problem(), **change)
    record = get_engine("lme4-weighted").fit(problem, {}, timeout=LIMIT).record
    validate_record(record)
    assert record["status"] == "failed"
    assert message in record["message"]


def test_a_missing_weight_is_an_error_not_a_dropped_row(case_of):
    problem = case_of("sleepstudy-l2-slope").problem()
    problem.data.loc[3, "W1"] = np.nan
    record = get_engine("lme4-weighted").fit(problem, {}, timeout=LIMIT).record
    assert record["status"] == "failed"
    assert "1 of 180 are not (first: row 4)" in record["message"]


@pytest.mark.parametrize("engine", ["lme4", "lme4-weighted"])
def test_a_theta_of_the_wrong_length_is_named(case_of, engine):
    problem = case_of("sleepstudy-l2-slope-unweighted").problem()
    record = get_engine(engine).fit(problem, {"short": [1.0]}, timeout=LIMIT).record
    assert record["status"] == "failed"
    assert "theta `short` must have 3 values" in record["message"]


# What reaches R.


def test_vectors_arrive_as_what_they_are(tmp_path):
    body = (
        "x <- list(...)\n"
        "list(classes = vapply(x, function(v) class(v)[1], ''),\n"
        "     levels = levels(x$text), order = levels(x$ordered), codes = as.integer(x$text),\n"
        "     missing = vapply(x, anyNA, NA), names = names(x),\n"
        "     locale = Sys.getlocale('LC_COLLATE'), utf8 = l10n_info()[['UTF-8']],\n"
        "     exact = x$number == 0.1 + 0.2, sorted = sort(c('b', 'A', 'a', 'B')))"
    )
    arguments = {
        "text": column(pd.Series(["\u00e9t\u00e9", "a b", "Z", None, "a:b/c"]), "g"),
        "ordered": column(pd.Series(pd.Categorical(["lo", "hi"], ["lo", "hi"], ordered=True)), "o"),
        "number": column(pd.Series([0.1 + 0.2]), "n"),
        "whole": column(pd.Series([1, 2]), "i"),
        "truth": column(pd.Series([True, False]), "t"),
    }
    reply = call_r([r_file(tmp_path, body)], "answer", arguments, timeout=60)
    assert reply.status == "ok", reply.message
    value = reply.value
    assert value["classes"] == ["factor", "ordered", "numeric", "integer", "logical"]
    assert value["levels"] == ["Z", "a b", "a:b/c", "\u00e9t\u00e9"]
    assert value["codes"] == [4, 2, 1, None, 3]
    assert value["order"] == ["lo", "hi"]
    assert value["missing"] == [True, False, False, False, False]
    assert value["names"] == list(arguments)
    assert value["exact"] == [True]
    assert value["locale"] == ["C"]
    assert value["utf8"] == [True]
    assert value["sorted"] == ["A", "B", "a", "b"]


def test_names_that_look_like_code_stay_names(tmp_path):
    trap = tmp_path / "trap"
    name = f'x"); file.create("{trap}'
    rng = np.random.default_rng(5)
    data = pd.DataFrame({name: rng.normal(size=40), "größe.1": rng.normal(size=40)})
    data["id nr"] = np.repeat(["a:b", "a", "b/c", f'`system("touch {trap}")`'], 10)
    data["y"] = data[name] + rng.normal(size=40)
    formula = f"y ~ `{name}` + größe.1 + (1 | `id nr`)"
    problem = Problem("names", formula, data, None, False, False, None, None, "0" * 64)
    record = answer("lme4", problem).record
    assert len(record["optimum"]["beta"]) == 3
    assert not trap.exists()
    assert record["optimum"]["ngroups"] == {"id nr": 4}
