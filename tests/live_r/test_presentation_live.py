"""getME, VarCorr, information criteria and intervals against lme4's, at lme4's theta."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping

import numpy as np
import pandas as pd
import pytest

from wemix_ref import FittedModel, mix
from wemix_ref.datasets import RESOURCES
from wemix_ref.lme4_names import GETME_NAMES

pytestmark = pytest.mark.live_r

SLEEP, SCHOOL = "sleepstudy.csv", "three-level-school.csv"
# file, formula, REML
MODELS = {
    "correlated": (SLEEP, "Reaction ~ Days + (Days|Subject)", False),
    "correlated, REML": (SLEEP, "Reaction ~ Days + (Days|Subject)", True),
    "two terms on one factor": (SLEEP, "Reaction ~ Days + (Days||Subject)", True),
    "offset": (SLEEP, "Reaction ~ Days + offset(Days * 2) + (1|Subject)", False),
    "nested": (SCHOOL, "y ~ x1 + (x1|sch) + (1|sch:tch)", False),
    "nested, REML": (SCHOOL, "y ~ x1 + (1|sch/tch)", True),
}

SCRIPT = """
suppressMessages(library(lme4))
a <- commandArgs(TRUE)
data <- read.csv(a[1])
# The formula is one of this file's own.
fit <- lmer(as.formula(a[2]), data, REML = a[3] == "TRUE")
put <- function(name, value) {
  if (inherits(value, "Matrix")) value <- as.matrix(value)
  if (is.factor(value)) value <- as.character(value)
  text <- if (is.character(value)) value else sprintf("%.17g", as.numeric(value))
  cat(name, text, sep = "\\t"); cat("\\n")
}
for (name in c("A", "Gp", "Lambda", "Lambdat", "Lind", "N", "REML", "X", "Z", "Zt", "b", "beta",
               "fixef", "is_REML", "k", "l_i", "lower", "m", "m_i", "mu", "n", "n_rfacs",
               "n_rtrms", "offset", "p", "p_i", "q", "q_i", "sigma", "theta", "u", "y"))
  put(name, getME(fit, name))
put("names:theta", names(getME(fit, "theta")))
put("names:fixef", names(getME(fit, "fixef")))
put("names:X", colnames(getME(fit, "X")))
zt <- getME(fit, "Ztlist")
put("names:Ztlist", names(zt))
for (i in seq_along(zt)) put(paste0("Ztlist:", i), zt[[i]])
tl <- getME(fit, "Tlist")
for (i in seq_along(tl)) put(paste0("Tlist:", i), tl[[i]])
mm <- getME(fit, "mmList")
for (i in seq_along(mm)) put(paste0("mmList:", i), mm[[i]])
cn <- getME(fit, "cnms")
for (i in seq_along(cn)) put(paste0("cnms:", i), cn[[i]])
fl <- getME(fit, "flist")
put("names:flist", names(fl))
for (name in names(fl)) put(paste0("flist:", name), fl[[name]])
vc <- VarCorr(fit)
put("names:VarCorr", names(vc))
for (i in seq_along(vc)) {
  put(paste0("VarCorr:", i), unclass(vc[[i]]))
  put(paste0("stddev:", i), attr(vc[[i]], "stddev"))
  put(paste0("correlation:", i), attr(vc[[i]], "correlation"))
}
for (scale in c("sdcor", "vcov"))
  put(paste0("tidy:", scale), as.data.frame(vc, order = "lower.tri")[[scale]])
put("AIC", AIC(fit)); put("BIC", BIC(fit)); put("logLik", logLik(fit))
put("df.residual", df.residual(fit)); put("nobs", nobs(fit))
put("deviance", if (isREML(fit)) REMLcrit(fit) else deviance(fit))
put("confint", confint(fit, method = "Wald", parm = "beta_", level = 0.9))
put("fixed", predict(fit, re.form = NA))
put("resid", resid(fit))
put("t", coef(summary(fit))[, "t value"])
"""

# Where the formula's order of terms is not that of Z: our position of each of the formula's terms.
# lme4 gives p_i, m_i and mmList in the formula's order.
OUT_OF_ORDER = {"y ~ x1 + (x1|sch) + (1|sch:tch)": [1, 0]}

Answer = Mapping[str, list[str]]


@pytest.fixture(scope="module", params=MODELS)
def pair(request) -> tuple[FittedModel, Answer]:
    file, formula, reml = MODELS[request.param]
    path = RESOURCES / "data" / file
    run = subprocess.run(
        ["Rscript", "--vanilla", "-e", SCRIPT, str(path), formula, str(reml).upper()],
        capture_output=True,
        text=True,
        timeout=120,
        stdin=subprocess.DEVNULL,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    answer = {}
    for line in run.stdout.splitlines():
        name, *values = line.split("\t")
        answer[name] = values
    fit = mix(formula, pd.read_csv(path), reml=reml)
    # lme4 may have stopped elsewhere: at the same theta everything is the same algebra
    return fit.at([float(value) for value in answer["theta"]]), answer


def close(found: object, values: list[str], scale: float | None = None) -> None:
    """Equal to 1e-9 of the largest: lme4 solves normal equations, which keep about ten digits."""
    expected = np.array([float(value) for value in values])
    dense = found.toarray() if hasattr(found, "toarray") else np.asarray(found, dtype=float)
    mine = dense.ravel(order="F")
    assert mine.shape == expected.shape
    size = scale or np.abs(expected[np.isfinite(expected)]).max(initial=1e-300)
    np.testing.assert_allclose(mine, expected, rtol=0, atol=1e-9 * size)


NUMBERS = (
    "A", "Gp", "Lambda", "Lambdat", "N", "REML", "X", "Z", "Zt", "b", "beta", "fixef", "is_REML",
    "k", "l_i", "m", "mu", "n", "n_rfacs", "n_rtrms", "offset", "p", "q",
    "sigma", "theta", "u", "y",
)  # fmt: skip


@pytest.mark.parametrize("name", NUMBERS)
def test_numbers_and_matrices(pair: tuple[FittedModel, Answer], name: str) -> None:
    fit, theirs = pair
    close(fit.getME(name), theirs[name])


def test_positions_count_from_zero(pair: tuple[FittedModel, Answer]) -> None:
    fit, theirs = pair
    np.testing.assert_array_equal(fit.getME("Lind") + 1, [int(v) for v in theirs["Lind"]])


def in_formula_order(fit: FittedModel) -> list[int]:
    return OUT_OF_ORDER.get(fit.formula, list(range(fit.getME("k"))))


def test_numbers_of_terms(pair: tuple[FittedModel, Answer]) -> None:
    fit, theirs = pair
    for name in ("p_i", "m_i"):
        close(fit.getME(name).iloc[in_formula_order(fit)], theirs[name])
    # lme4's q_i multiplies counts in two different orders; its Gp has the true ones.
    np.testing.assert_array_equal(fit.getME("q_i"), np.diff([int(v) for v in theirs["Gp"]]))
    if fit.formula not in OUT_OF_ORDER:
        close(fit.getME("q_i"), theirs["q_i"])


def test_lists(pair: tuple[FittedModel, Answer]) -> None:
    fit, theirs = pair
    Ztlist = fit.getME("Ztlist")
    assert list(Ztlist) == theirs["names:Ztlist"]
    for i, matrix in enumerate(Ztlist.values(), start=1):
        close(matrix, theirs[f"Ztlist:{i}"])
    k = fit.getME("k")
    for name, order in (("Tlist", range(k)), ("mmList", in_formula_order(fit))):
        parts = list(fit.getME(name).values())
        assert len(parts) == k
        for i, position in enumerate(order, start=1):
            close(parts[position], theirs[f"{name}:{i}"])
    for i, names in enumerate(fit.getME("cnms").values(), start=1):
        assert names == theirs[f"cnms:{i}"]
    flist = fit.getME("flist")
    assert list(flist) == theirs["names:flist"]
    for name, ids in flist.items():
        labels = [":".join(map(str, i)) if isinstance(i, tuple) else str(i) for i in ids]
        assert labels == theirs[f"flist:{name}"]


def test_names_and_bounds(pair: tuple[FittedModel, Answer]) -> None:
    fit, theirs = pair
    assert list(fit.getME("theta").index) == theirs["names:theta"]
    assert list(fit.getME("fixef").index) == theirs["names:fixef"]
    assert list(fit.getME("X").columns) == theirs["names:X"]
    np.testing.assert_array_equal(fit.getME("lower"), [float(v) for v in theirs["lower"]])


def test_every_name_is_compared() -> None:
    others = {"Lind", "Ztlist", "Tlist", "mmList", "cnms", "flist", "lower", "p_i", "m_i", "q_i"}
    assert set(NUMBERS) | others == set(GETME_NAMES)


def test_var_corr(pair: tuple[FittedModel, Answer]) -> None:
    fit, theirs = pair
    matrices = fit.VarCorr
    assert list(matrices) == theirs["names:VarCorr"]
    for i, name in enumerate(matrices, start=1):
        close(matrices[name], theirs[f"VarCorr:{i}"])
        close(matrices.stddev(name), theirs[f"stddev:{i}"])
        close(matrices.correlation(name), theirs[f"correlation:{i}"])
    close([matrices.sigma], theirs["sigma"])
    for scales in ("sdcor", "vcov"):
        table = fit.tidy(effects="ran_pars", scales=scales)
        close(table["estimate"], theirs[f"tidy:{scales}"])


def test_criteria(pair: tuple[FittedModel, Answer]) -> None:
    fit, theirs = pair
    row = fit.glance().iloc[0]
    for name in ("AIC", "BIC", "logLik", "df.residual", "nobs"):
        close([row[name]], theirs[name])
    close([row["REMLcrit" if fit.reml else "deviance"]], theirs["deviance"])
    close([fit.aic, fit.bic], theirs["AIC"] + theirs["BIC"])


def test_fixed_effects_and_rows(pair: tuple[FittedModel, Answer]) -> None:
    fit, theirs = pair
    close(fit.tvalues, theirs["t"])
    close(fit.conf_int(0.9), theirs["confint"])
    rows = fit.augment()
    close(rows[".fixed"], theirs["fixed"])
    close(rows[".fitted"], theirs["mu"])
    close(rows[".resid"], theirs["resid"])
    close(rows[".offset"], theirs["offset"])
