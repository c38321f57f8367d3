"""Whether a search converged and where it ended, as live engines of R tell it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from wemix_ref.engines import get_engine
from wemix_ref.engines.lme4 import Lme4Engine
from wemix_ref.engines.lme4_weighted import Lme4WeightedEngine
from wemix_ref.engines.protocol import Problem
from wemix_ref.engines.record import validate_record

pytestmark = pytest.mark.live_r


def problem(*, weighted, flat=False):
    rng = np.random.default_rng(5)
    g = np.repeat(np.arange(12), 6)
    data = pd.DataFrame({"g": g, "x": rng.normal(size=72)})
    u, slope = rng.normal(size=(2, 12))[:, g]
    data["y"] = u + (1 + slope) * data["x"] + rng.normal(size=72)
    if flat:
        data[["x", "y"]] -= data.groupby("g")[["x", "y"]].transform("mean")
    data["w2"] = 1.0 if flat else rng.uniform(1, 2, 12)[g]
    data["w1"] = data["w2"] * (1.0 if flat else rng.uniform(1, 2, 72))
    weights = ["w1", "w2"] if weighted else None
    formula = "y ~ x + (1 | g)" if flat else "y ~ x + (x | g)"
    return Problem("made-up", formula, data, weights, False, False, None, None, "")


def record_of(engine, given):
    record = engine.fit_many([(given, {})], timeout=120)[0].record
    validate_record(record)
    assert record["status"] == "ok", record["message"]
    return record


def with_script(tmp_path, cls, text):
    """An engine with a script of R read after its own."""
    path = tmp_path / "other.R"
    path.write_text(text)
    return type("Other", (cls,), {"scripts": (*cls.scripts, str(path))})()


@pytest.mark.parametrize("name", ["lme4", "lme4-weighted"])
@pytest.mark.parametrize("flat", [False, True])
def test_a_search_that_ended_well_converged_at_the_boundary_too(name, flat):
    record = record_of(get_engine(name), problem(weighted=name != "lme4", flat=flat))
    assert record["converged"] is True
    assert record["singular"] is flat


FEW_STEPS = """
lmer <- function(...) {
  lme4::lmer(..., control = lme4::lmerControl(optCtrl = list(maxeval = 4), calc.derivs = %s))
}
"""


@pytest.mark.parametrize("checked", ["FALSE", "TRUE"])
def test_lme4_cut_short_did_not_converge(tmp_path, checked):
    """Its optimiser's code says so by itself, without lme4's checks of derivatives."""
    engine = with_script(tmp_path, Lme4Engine, FEW_STEPS % checked)
    record = record_of(engine, problem(weighted=False))
    assert record["converged"] is False
    assert any("MAXEVAL" in text for text in record["messages"])


def test_a_complaint_of_lme4s_checks_is_no_convergence(tmp_path):
    strict = """
    lmer <- function(...) {
      checks <- lme4::.makeCC("warning", tol = 1e-14)
      lme4::lmer(..., control = lme4::lmerControl(check.conv.grad = checks))
    }
    """
    record = record_of(with_script(tmp_path, Lme4Engine, strict), problem(weighted=False))
    assert record["converged"] is False
    assert any("failed to converge" in text for text in record["messages"])


@pytest.mark.parametrize(
    "script",
    [
        # the last optimiser ran out of steps
        "free_gradient <- function(...) 1e-3; refining$maxfun <- 12L",
        # its end left a gradient
        "free_gradient <- function(...) 1",
    ],
)
def test_the_weighted_search_cut_short_did_not_converge(tmp_path, script):
    engine = with_script(tmp_path, Lme4WeightedEngine, script)
    record = record_of(engine, problem(weighted=True))
    assert record["converged"] is False
    assert record["optimum"]["optimizer"]["name"] == "nloptwrap, then bobyqa"


@pytest.mark.parametrize(("kept", "converged"), [(1e9, True), (-1e9, False)])
def test_the_code_is_that_of_the_optimiser_whose_theta_is_kept(tmp_path, kept, converged):
    # a second search that ends with a complaint, above the first's deviance or below it
    script = f"""
    slopes <- c(1e-3, 0)
    free_gradient <- function(...) {{ slope <- slopes[1]; slopes <<- slopes[-1]; slope }}
    second <- function(par, ...) list(par = par, fval = {kept}, ierr = 1L, feval = 1L)
    utils::assignInNamespace("bobyqa", second, "minqa")
    """
    record = record_of(with_script(tmp_path, Lme4WeightedEngine, script), problem(weighted=True))
    assert record["converged"] is converged


@pytest.mark.parametrize("flat", [False, True])
def test_wemix_does_not_tell_and_its_variances_do(flat):
    found = get_engine("wemix").availability()
    if not found.available:
        pytest.skip(found.reason)
    record = record_of(get_engine("wemix"), problem(weighted=True, flat=flat))
    assert record["converged"] is None
    assert record["singular"] is flat
