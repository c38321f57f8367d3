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
fits <- list(
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
    for formula, expected in zip(formulas, theirs, strict=True):
        table = mix(formula, data, se="model").variance_components
        # d log sd = d variance / (2 variance)
        ours = (table["se"] / (2 * table["vcov"])).to_numpy()
        # nlme differentiates numerically, to three or four digits
        np.testing.assert_allclose(ours, expected, rtol=2e-3)
