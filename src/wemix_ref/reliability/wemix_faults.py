"""Faults of WeMix: a package of that name that fails in each way that a package can."""

from __future__ import annotations

import atexit
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path

from wemix_ref.reliability.fault_study import Outcome

__all__ = ["WEMIX_KINDS", "asked", "stand_in", "strike"]

_DESCRIPTION = """Package: WeMix
Version: 0.0.1
Title: Stands in for WeMix where Faults are Put In
Description: Answers with fixed numbers, or fails as it is told.
License: BSD_3_clause
Author: wemix_ref
Maintainer: wemix_ref <none@example.org>
"""

#: Answers what the engine reads of WeMix's object, for the case `dyestuff` alone. The numbers
#: mean nothing: only whether they arrive.
_MIX = """
fault <- function() Sys.getenv("WEMIX_REF_FAULT")

.onLoad <- function(libname, pkgname) {
  if (fault() == "load") stop("an imported package is not there")
}

mix <- function(formula, data, weights, cWeights = FALSE, ...) {
  switch(fault(),
    raises = stop("a matrix must be positive definite"),
    quits = quit(save = "no", status = 3L),
    killed = tools::pskill(Sys.getpid(), 9L),
    aborts = tools::pskill(Sys.getpid(), 6L)
  )
  fit <- list(
    lnl = -163.5,
    coef = c("(Intercept)" = 1527.5),
    sigma = 49.5,
    theta = c("Batch.(Intercept)" = 0.75),
    cov_mat = matrix(300, 1L, 1L),
    varDF = data.frame(level = c(2, 1), var1 = c("(Intercept)", NA), var2 = NA_character_,
                       vcov = c(1378.5, 2450.25), SEvcov = c(800, 500)),
    ngroups = c(30L, 6L)
  )
  fit$lnlf <- function(theta, robustSE) {
    list(lnl = fit$lnl, b = fit$coef, sigma = fit$sigma, varBetaRobust = fit$cov_mat)
  }
  switch(fault(),
    "nan-deviance" = fit$lnl <- NaN,
    "inf-deviance" = fit$lnl <- Inf,
    "nan-theta" = fit$theta[] <- NaN,
    "na-beta" = fit$coef[] <- NA_real_,
    "inf-sigma" = fit$sigma <- Inf,
    "nan-covariance" = fit$cov_mat[] <- NaN,
    "inf-se" = fit$varDF$SEvcov[] <- Inf,
    "no-theta" = fit$theta <- NULL,
    "no-likelihood" = fit$lnl <- NULL
  )
  fit
}
"""

_ASK = """
import json, os, sys, tempfile
from pathlib import Path
from wemix_ref.cases import load_cases
from wemix_ref.engines import get_engine
from wemix_ref.engines.record import write_result
answers = []
for fault in sys.argv[1:]:
    os.environ["WEMIX_REF_FAULT"] = fault
    engine = get_engine("wemix")
    result = engine.fit(load_cases()["dyestuff"].problem("wemix"), {}, timeout=120.0)
    with tempfile.TemporaryDirectory() as place:
        path = write_result(result, Path(place))
        answers.append([result.record["status"], result.record["message"], path.read_text()])
print(json.dumps(answers))
"""

_RAISES = ("raises",)
_NO_NUMBER = ("nan-deviance", "inf-deviance", "nan-theta", "na-beta", "inf-sigma", "inf-se")
_NOTHING = ("no-theta", "no-likelihood")
_ENDS = ("quits", "killed", "aborts")
_NOT_LOADED = ("load",)


@cache
def stand_in() -> Path:
    """A library of R with the stand-in; made once, removed at the end."""
    library = Path(tempfile.mkdtemp(prefix="wemix-ref-stand-in-"))
    atexit.register(shutil.rmtree, library, ignore_errors=True)
    package = library / "source" / "WeMix"
    (package / "R").mkdir(parents=True)
    (package / "DESCRIPTION").write_text(_DESCRIPTION, encoding="utf-8")
    (package / "NAMESPACE").write_text("export(mix)\n", encoding="utf-8")
    (package / "R" / "mix.R").write_text(_MIX, encoding="utf-8")
    done = subprocess.run(
        ["R", "CMD", "INSTALL", "--no-docs", "--no-test-load", f"--library={library}", package],
        capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    if done.returncode != 0:
        raise RuntimeError(done.stderr[-2000:])
    return library


def asked(*faults: str) -> list[tuple[str, str, str]]:
    """Status, message and record of fits by the stand-in, one after the other in one process.

    Parameters
    ----------
    *faults : what goes wrong in each; empty: nothing does.
    """
    libraries = os.pathsep.join(filter(None, [str(stand_in()), os.environ.get("R_LIBS", "")]))
    own = {"PYTHONPATH": str(Path(__file__).resolve().parents[2]), "R_LIBS": libraries}
    done = subprocess.run(
        [sys.executable, "-c", _ASK, *faults], env={**os.environ, **own},
        capture_output=True, text=True, timeout=600,
    )  # fmt: skip
    if done.returncode != 0:
        return [("traceback", done.stderr[-300:], "")] * len(faults)
    return [(one[0], one[1], one[2]) for one in json.loads(done.stdout.splitlines()[-1])]


@cache
def _undisturbed() -> tuple[str, str, str]:
    return asked("")[0]


def strike(fault: str, words: str) -> Outcome:
    """Put a fault in: the record's message must have the words; the next fit has the same bytes.

    Parameters
    ----------
    fault : what goes wrong.
    words : must be in the message.
    """
    expected = _undisturbed()
    if expected[0] != "ok":
        return Outcome(False, f"the stand-in does not answer: {expected[1]}")
    (status, message, _), after = asked(fault, "")
    if status not in ("failed", "unavailable") or words not in message:
        return Outcome(status != "ok", f"{fault}: {status}: {message}")
    return Outcome(True, "" if after == expected else "another record after the next fit")


def raises(_rng: random.Random) -> Outcome:
    """WeMix stops with an error: its words are the record's message."""
    return strike("raises", "a matrix must be positive definite")


def no_number(rng: random.Random) -> Outcome:
    """WeMix answers with NaN, NA or infinity: the record names which number is none."""
    return strike(rng.choice(_NO_NUMBER), "must be finite")


def no_standard_errors(_rng: random.Random) -> Outcome:
    """WeMix's covariance is NaN: the record has the estimates and null for the standard errors."""
    expected = _undisturbed()
    if expected[0] != "ok":
        return Outcome(False, f"the stand-in does not answer: {expected[1]}")
    found, after = asked("nan-covariance", "")
    if found[0] != "ok":
        return Outcome(True, f"{found[0]}: {found[1]}")
    whole, lacking = (json.loads(one[2]) for one in (expected, found))
    point = whole["optimum"]
    point["cov_beta"], point["se_beta"] = [[None]], {"(Intercept)": None}
    if lacking != whole:
        return Outcome(True, "the record has something else than null where there is NaN")
    return Outcome(True, "" if after == expected else "another record after the next fit")


def lacks_a_part(rng: random.Random) -> Outcome:
    """WeMix's answer lacks a part: the fit failed, and says at what."""
    return strike(rng.choice(_NOTHING), "an answer of WeMix must have")


def ends_r(rng: random.Random) -> Outcome:
    """WeMix takes R down with it: the record says how R ended."""
    return strike(rng.choice(_ENDS), "R ended without an answer")


def not_loaded(_rng: random.Random) -> Outcome:
    """WeMix is there and cannot be loaded: the message names it."""
    return strike("load", "WeMix is installed and cannot be loaded: ")


#: Kinds of faults of WeMix.
WEMIX_KINDS = {
    "WeMix raises an error": raises,
    "WeMix gives NaN or infinity": no_number,
    "WeMix gives NaN for standard errors": no_standard_errors,
    "WeMix's answer lacks a part": lacks_a_part,
    "WeMix ends R": ends_r,
    "WeMix cannot be loaded": not_loaded,
}
