"""Monte Carlo standard errors against what they estimate: whole studies are repeated.

Each study has its own replicates. The SD of a measure over studies is the truth; the root mean
square of the Monte Carlo standard errors that the studies give must be it, within the noise of
`STUDIES` studies. Limits are 4.5 standard errors of the comparison; where a formula is known to
be off by a term of higher order or to one side, that is said and allowed for.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pandas as pd
import pytest

from tests.study_rows import study_rows
from wemix_ref.performance import (
    FIT_MEASURES,
    MEASURES,
    PAIRED_MEASURES,
    paired,
    performance,
)

STUDIES = 2000
REPLICATES = 400
SHAPE = (STUDIES, REPLICATES)


def fits(rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Some fits fail, some do not converge, some are singular."""
    return {
        "failed": rng.random(SHAPE) < 0.05,
        "converged": rng.random(SHAPE) < 0.9,
        "singular": rng.random(SHAPE) < 0.3,
    }


def two(
    rng: np.random.Generator,
    estimates: tuple[np.ndarray, np.ndarray],
    errors: tuple[np.ndarray, np.ndarray],
    target: np.ndarray | float,
) -> pd.DataFrame:
    """Two analyses on the same replicates; one SE in ten is missing."""
    parts = []
    for name, estimate, error in zip("ab", estimates, errors, strict=True):
        available = np.where(rng.random(SHAPE) < 0.1, np.nan, error)
        parts.append(study_rows(estimate, available, target, analysis=name, **fits(rng)))
    return pd.concat(parts)


def normal() -> pd.DataFrame:
    """Biased normal estimates; SEs independent of them."""
    rng = np.random.default_rng(2019)
    shared, own = rng.normal(size=(2, *SHAPE))
    errors = tuple(np.sqrt(rng.chisquare(12, SHAPE) / 12) for _ in range(2))
    return two(rng, (2.3 + shared, 1.9 + 0.8 * shared + 0.5 * own), errors, 2.0)


def skewed() -> pd.DataFrame:
    """Estimates like those of variance components: right-skewed, with SEs that go with them."""
    rng = np.random.default_rng(1938)
    shared, own = rng.gamma(4.0, size=(2, *SHAPE)) / 4.0
    other = 0.7 * shared + 0.4 * own
    scale = rng.uniform(0.8, 1.2, (2, *SHAPE))
    return two(rng, (shared, other), (0.5 * shared * scale[0], 0.4 * other * scale[1]), 1.05)


def moving() -> pd.DataFrame:
    """A target that varies from replicate to replicate, with errors that depend on it."""
    rng = np.random.default_rng(1977)
    target = rng.normal(3.0, 0.6, SHAPE)
    shared, own = rng.standard_t(12, (2, *SHAPE))
    estimates = (0.8 * target + 0.4 * shared + 0.4, target + 0.3 * shared + 0.3 * own)
    errors = tuple(0.45 * np.exp(0.2 * rng.normal(size=SHAPE)) for _ in range(2))
    return two(rng, estimates, errors, target)


# Each with a null hypothesis that is rejected neither always nor never.
POPULATIONS: dict[str, tuple[Callable[[], pd.DataFrame], float]] = {
    "normal": (normal, 0.0),
    "skewed": (skewed, 0.6),
    "moving": (moving, 2.0),
}


class Comparison(NamedTuple):
    """One measure over all studies."""

    sd: float
    ratio: float  # root mean square MCSE over SD
    error: float  # of the ratio


def compare(estimate: np.ndarray, mcse: np.ndarray) -> Comparison:
    assert estimate.size == mcse.size == STUDIES
    centred = estimate - estimate[0]
    if not centred.any():
        assert not mcse.any()
        return Comparison(0.0, 1.0, 0.0)
    centred -= centred.mean()
    sd = np.sqrt((centred**2).sum() / (STUDIES - 1))
    squares = mcse**2
    of_sd = np.sqrt(((centred**4).mean() / sd**4 - 1) / (4 * STUDIES))
    of_mcse = squares.std() / squares.mean() / (2 * np.sqrt(STUDIES))
    ratio = np.sqrt(squares.mean()) / sd
    return Comparison(float(sd), float(ratio), float(ratio * np.hypot(of_sd, of_mcse)))


class Repeated(NamedTuple):
    """Measures of all studies of one population, by analysis and measure."""

    population: str
    parts: dict[tuple[str, str], pd.DataFrame]

    def compare(self, analysis: str, measure: str) -> Comparison:
        part = self.parts[analysis, measure]
        return compare(part["estimate"].to_numpy(), part["mcse"].to_numpy())

    def estimates(self, analysis: str, measure: str) -> np.ndarray:
        return self.parts[analysis, measure]["estimate"].to_numpy()

    def column(self, analysis: str, measure: str, name: str) -> np.ndarray:
        return self.parts[analysis, measure][name].to_numpy()


@pytest.fixture(scope="module", params=list(POPULATIONS))
def repeated(request: pytest.FixtureRequest) -> Repeated:
    draw, null = POPULATIONS[request.param]
    rows = draw()
    table = pd.concat([performance(rows, seed=1, null=null), paired(rows)])
    parts = {(str(a), str(m)): part for (a, m), part in table.groupby(["analysis", "measure"])}
    return Repeated(request.param, parts)


def test_monte_carlo_errors_are_the_spread_over_studies(repeated: Repeated) -> None:
    wrong = {}
    for key in repeated.parts:
        found = repeated.compare(*key)
        limit = 4.5 * found.error
        above, below = limit, limit
        if key[1] == "median_error":
            # The bootstrap of a median is too large by a term of higher order, by 2 to 3 per
            # cent at 400 replicates.
            above += 0.03
        if key[1] == "bias_eliminated_coverage" and repeated.population == "skewed":
            # The formula has the mean as known. With skewed estimates the intervals' misses lie
            # on one side and are fewer when the mean is estimated: it is too large.
            above += 0.2
        if not -below <= found.ratio - 1 <= above:
            wrong[key] = found
    assert not wrong


def test_every_measure_is_compared(repeated: Repeated) -> None:
    single = {*MEASURES, *FIT_MEASURES}
    assert set(repeated.parts) == {
        *(("a", name) for name in single),
        *(("b", name) for name in (*single, *PAIRED_MEASURES)),
    }
    constant = {key for key in repeated.parts if repeated.compare(*key).sd == 0}
    expected = (
        set() if repeated.population == "moving" else {("a", "mean_target"), ("b", "mean_target")}
    )
    assert constant == expected


def test_the_comparison_sees_ten_per_cent(repeated: Repeated) -> None:
    """Else it would show nothing: no limit is wider than a tenth."""
    for key in repeated.parts:
        assert 4.5 * repeated.compare(*key).error < 0.105, key


def test_the_normal_theorys_error_of_an_empirical_se_holds_for_normal_estimates(
    repeated: Repeated,
) -> None:
    """Morris et al. (2019), table 6: empirical SE / sqrt(2 (n - 1)), and its relative."""
    sd = repeated.estimates("a", "empirical_se")
    n = repeated.column("a", "empirical_se", "n")
    found = compare(sd, sd / np.sqrt(2 * (n - 1)))
    if repeated.population == "normal":
        assert abs(found.ratio - 1) < 4.5 * found.error
    elif repeated.population == "skewed":
        # A gamma variable of shape 4 has kurtosis 4.5: the formula is short by sqrt(2 / 3.5).
        assert found.ratio == pytest.approx(np.sqrt(2 / 3.5), abs=4.5 * found.error)


def test_errors_without_the_pairing_are_wrong(repeated: Repeated) -> None:
    for measure, of in (("bias_difference", "bias"), ("mse_difference", "mse")):
        part = repeated.parts["b", measure]
        apart = np.hypot(repeated.column("a", of, "mcse"), repeated.column("b", of, "mcse"))
        found = compare(part["estimate"].to_numpy(), apart)
        assert found.ratio - 1 > 9 * found.error, measure
