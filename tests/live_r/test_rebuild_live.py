"""Every column with a source in R, made again by a live R."""

from __future__ import annotations

import shutil
import subprocess

import numpy as np
import pytest

from wemix_ref.datasets import load_datasets
from wemix_ref.r_random import RRandom
from wemix_ref.rebuild import rebuild
from wemix_ref.recipes import ways_of

pytestmark = pytest.mark.live_r

BY_R = sorted(
    name
    for name, dataset in load_datasets().items()
    if any(column.recipe and "R" in ways_of(column.recipe) for column in dataset.columns)
)


@pytest.mark.parametrize("name", BY_R)
def test_r_gives_the_shipped_columns(name):
    report = rebuild(name)
    by_r = [check for check in report.checks if check.way == "R"]
    absent = {check.message for check in by_r if check.status == "not rebuilt"}
    if absent:
        pytest.skip("; ".join(sorted(absent)))
    report.raise_if_different()
    assert {check.status for check in by_r} == {"same"}
    assert report.versions["R"]["R"]


def test_the_generator_is_rs():
    """Uniform draws to the bit; normal draws, tails included, to 1e-14."""
    script = (
        'write_draws <- function(seed) { set.seed(seed, kind = "Mersenne-Twister",'
        ' normal.kind = "Inversion"); x <- rnorm(20000); u <- runif(1000);'
        ' cat(sprintf("%.17g\\n", c(x, u)), sep = "") };'
        " write_draws(123); write_draws(-5)"
    )
    rscript = shutil.which("Rscript")
    run = subprocess.run(
        [rscript, "--vanilla", "-e", script],
        capture_output=True, text=True, check=True, timeout=120,
    )  # fmt: skip
    draws = np.array([float(line) for line in run.stdout.split()]).reshape(2, 21000)
    for seed, theirs in zip((123, -5), draws, strict=True):
        stream = RRandom(seed)
        np.testing.assert_allclose(stream.normal(20000), theirs[:20000], rtol=1e-14, atol=0.0)
        np.testing.assert_array_equal(stream.uniform(1000), theirs[20000:])
