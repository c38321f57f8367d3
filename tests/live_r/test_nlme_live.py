"""Covariance of the variance parameters against nlme's apVar (unweighted ML)."""

from __future__ import annotations

import subprocess

import numpy as np
import pandas as pd
import pytest

from wemix_ref import mix
from wemix_ref.datasets import RESOURCES

SCRIPT = """
library(nlme)
data <- read.csv(commandArgs(TRUE)[1])
data$Subject <- factor(data$Subject)
# the default step of apVar's differences is too short for the correlation
control <- lmeControl(.relStep = 1e-3)
fits <- list(
  all = lme(Reaction ~ Days, data, random = ~ Days | Subject, method = "ML", control = control),
  one = lme(Reaction ~ Days, data, random = ~ 1 | Subject, method = "ML"),
  two = lme(Reaction ~ Days, data, random = list(Subject = pdDiag(~ Days)), method = "ML")
)
for (fit in fits) cat(sqrt(diag(fit$apVar)), "\\n")
"""


@pytest.mark.live_r
def test_standard_errors_of_log_standard_deviations() -> None:
    file = RESOURCES / "data" / "sleepstudy.csv"
    answer = subprocess.run(
        ["Rscript", "-e", SCRIPT, str(file)], capture_output=True, text=True, check=False
    )
    if "no package called" in answer.stderr:
        pytest.skip("R has no nlme")
    assert answer.returncode == 0, answer.stderr
    theirs = [[float(part) for part in line.split()] for line in answer.stdout.split("\n") if line]
    data = pd.read_csv(file)
    formulas = ["Reaction ~ Days + (1|Subject)", "Reaction ~ Days + (Days||Subject)"]
    correlated = mix("Reaction ~ Days + (Days|Subject)", data, se="model")
    table = correlated.tidy(effects="ran_pars").set_index("term")
    r, se = table.loc["cor__(Intercept).Days", ["estimate", "std.error"]]
    # nlme's parameter is log((1 + r) / (1 - r)); its standard deviations are on the log scale
    sd = table.loc[["sd__(Intercept)", "sd__Days", "sd__Observation"]]
    ours = [*(sd["std.error"] / sd["estimate"])[:2], 2 * se / (1 - r**2)]
    ours.append((sd["std.error"] / sd["estimate"]).iloc[2])
    np.testing.assert_allclose(ours, theirs.pop(0), rtol=2e-3)
    for formula, expected in zip(formulas, theirs, strict=True):
        table = mix(formula, data, se="model").variance_components
        # d log sd = d variance / (2 variance)
        ours = (table["se"] / (2 * table["vcov"])).to_numpy()
        # nlme differentiates numerically, to three or four digits
        np.testing.assert_allclose(ours, expected, rtol=2e-3)
