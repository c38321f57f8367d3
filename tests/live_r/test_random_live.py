"""Samples, truth values, normal and uniform numbers against live R, number by number."""

from __future__ import annotations

import subprocess

import numpy as np
import pytest

from wemix_ref.r_random import RRandom

SEEDS = (0, 1, 123, 2026, -7)
# 2^16 is where another 16 bits are drawn; above 1e7 samples of at most half are hashed
SIZES = (
    (1, 1), (2, 1), (2, 2), (7, 3), (10, 10), (100, 100), (1000, 17), (65535, 9), (65536, 9),
    (65537, 9), (100000, 300), (10000000, 50), (10000001, 20000), (123456789, 40), (2147483647, 8),
    (5000000000, 8),
)  # fmt: skip

SCRIPT = """
out <- function(x) cat(format(x, digits = 17, scientific = FALSE, trim = TRUE), "\\n")
sizes <- matrix(as.numeric(commandArgs(TRUE)[-1]), nrow = 2)
for (seed in as.integer(strsplit(commandArgs(TRUE)[1], ";")[[1]])) {
  set.seed(seed)
  for (i in seq_len(ncol(sizes))) {
    drawn <- sample.int(sizes[1, i], sizes[2, i])
    # of large samples the ends, and a sum that depends on all
    if (sizes[2, i] > 1000)
      drawn <- c(head(drawn, 1000), tail(drawn, 1000), sum(as.numeric(drawn) %% 1009))
    out(drawn)
  }
  out(rbinom(200, 1, seq(0, 1, length.out = 200)))
  out(rbinom(5, 1, c(0, 1, 0.5, 0, 1)))
  cat(sprintf("%.17g", runif(3)), "\\n")
  cat(sprintf("%.17g", rnorm(3)), "\\n")
}
"""


@pytest.mark.live_r
@pytest.mark.parametrize(
    ("seeds", "sizes"),
    [
        pytest.param(SEEDS, SIZES, id="many"),
        # more than half of very many: not hashed
        pytest.param((1,), ((10000001, 5000001),), id="more-than-half", marks=pytest.mark.slow),
    ],
)
def test_draws_are_rs(seeds, sizes) -> None:
    flat = [str(number) for pair in sizes for number in pair]
    answer = subprocess.run(
        ["Rscript", "--vanilla", "-e", SCRIPT, ";".join(map(str, seeds)), *flat],
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.returncode == 0, answer.stderr
    lines = iter(answer.stdout.splitlines())
    for seed in seeds:
        stream = RRandom(seed)
        for N, n in sizes:
            drawn = stream.sample(N, n) + 1
            found = drawn.tolist()
            if n > 1000:
                found = [*found[:1000], *found[-1000:], int((drawn % 1009).sum())]
            assert found == [int(part) for part in next(lines).split()], (seed, N, n)
        for p in (np.linspace(0, 1, 200), np.array([0, 1, 0.5, 0, 1])):
            assert stream.bernoulli(p).astype(int).tolist() == _numbers(lines)
        assert stream.uniform(3).tolist() == _numbers(lines)
        np.testing.assert_allclose(stream.normal(3), _numbers(lines), rtol=1e-14)
    assert next(lines, None) is None


def _numbers(lines) -> list[float]:
    return [float(part) for part in next(lines).split()]
