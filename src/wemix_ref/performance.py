"""How well the analyses of a study do: performance measures with their Monte Carlo errors."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from wemix_ref.errors import OptionError, StudyError, shown
from wemix_ref.measures import (
    Floats,
    Statistic,
    difference,
    mean,
    median_mcse,
    proportion,
    ratio,
    root,
    shifted,
    variance,
)
from wemix_ref.replicate_rows import FIT, Fits, Replicates, read_rows

__all__ = [
    "FIT_MEASURES",
    "MEASURES",
    "PAIRED_MEASURES",
    "is_variance_component",
    "paired",
    "performance",
]

MEASURES = (
    "mean_estimate",
    "mean_target",
    "bias",
    "relative_bias",
    "median_error",
    "mse",
    "rmse",
    "empirical_se",
    "model_se",
    "relative_error_model_se",
    "coverage",
    "bias_eliminated_coverage",
    "rejection_rate",
    "se_available_rate",
)
FIT_MEASURES = ("convergence_rate", "singular_rate", "failure_rate")
PAIRED_MEASURES = (
    "bias_difference",
    "mse_difference",
    "empirical_se_ratio",
    "model_se_ratio",
    "coverage_difference",
)

# A ratio's denominator should have a coefficient of variation below one tenth (Cochran 1977,
# Sampling Techniques, chapter 6); beyond that a relative bias and its MCSE mean little.
_LARGEST_VARIATION = 0.1

_INTERVALS = ("normal", "t")

# (measure, estimate, MCSE, number of replicates)
Entry = tuple[str, float, float, int]


@dataclass(frozen=True)
class Wald:
    """Wald intervals and tests: estimate +- q SE.

    Attributes
    ----------
    level : float
        Confidence level.
    interval : str
        ``"normal"``, or ``"t"`` with the number of top groups less one as degrees of freedom.
    null : float
        The value that the test is about.
    """

    level: float
    interval: str
    null: float = 0.0

    def __post_init__(self) -> None:
        if not 0 < self.level < 1:
            raise OptionError(f"level must lie between 0 and 1; found {self.level}")
        if self.interval not in _INTERVALS:
            raise OptionError(
                f"interval must be one of {', '.join(_INTERVALS)}; found {shown(self.interval)}"
            )
        if not np.isfinite(self.null):
            raise OptionError(f"null must be a finite number; found {self.null}")

    def holds(self, distance: Floats, of: Replicates) -> NDArray[np.bool_]:
        """Say which distances from an estimate lie within its interval, (n,)."""
        return np.abs(distance) <= self._quantiles(of.n_top) * of.se

    def _quantiles(self, n_top: Floats) -> Floats | float:
        upper = 0.5 + self.level / 2
        if self.interval == "normal":
            return float(stats.norm.ppf(upper))
        few = ~(n_top >= 2)
        if few.any():
            raise StudyError(
                "t intervals need two or more top groups in every sample (`n_top`); "
                f"found {n_top[few][0]:g} in a replicate. Take interval: normal."
            )
        sizes, inverse = np.unique(n_top, return_inverse=True)
        return np.asarray(stats.t.ppf(upper, sizes - 1), dtype=np.float64)[inverse]


def performance(
    rows: pd.DataFrame,
    *,
    level: float = 0.95,
    interval: str = "normal",
    null: float = 0.0,
    seed: int,
) -> pd.DataFrame:
    """Measure the performance of every analysis, with Monte Carlo standard errors.

    Rates and relative measures are fractions, not per cent. Errors are estimates minus targets,
    replicate by replicate; where a parameter has no target in any replicate, measures of spread
    take the estimates. Intervals are estimate +- q SE, and measures made of SEs use the replicates
    that have one. A measure without a finite Monte Carlo standard error, as with fewer than two
    usable replicates, has no row. Formulas and sources: docs/performance-measures.md.

    Parameters
    ----------
    rows : DataFrame
        A row per replicate, analysis and parameter: scenario, replicate, analysis, status
        (``"ok"`` or ``"failed"``), converged, singular, n_top, parameter, estimate, se (NaN where
        there is none) and target (NaN where it is not defined). A failed fit is one row without
        a parameter.
    level : float
        Confidence level of the intervals; the tests have level 1 - `level`.
    interval : str
        ``"normal"``, or ``"t"`` with n_top - 1 degrees of freedom.
    null : float
        Value of the null hypothesis, tested for fixed effects only.
    seed : int
        The study's seed, from which the bootstraps of the medians take theirs.

    Returns
    -------
    DataFrame
        Columns scenario, analysis, parameter, measure, estimate, mcse and n, the number of
        replicates that the measure is made of. Measures of the fit as a whole have the parameter
        ``"(fit)"``. The order of rows in the input affects only the order of names here.

    Raises
    ------
    StudyError
        If the table of replicates is not as described.
    OptionError
        If an option has a value that is not allowed.
    """
    wald = Wald(level, interval, null)
    table = read_rows(rows)
    out = []
    for (scenario, analysis), fits in table.fits.items():
        names = (table.scenarios[scenario], table.analyses[analysis])
        for position, parameter in enumerate(table.parameters):
            part = table.parts.get((scenario, analysis, position))
            if part is None:
                continue
            key = (*names, parameter)
            out += [(*key, *entry) for entry in _of_parameter(part, wald, key, seed)]
        out += [(*names, FIT, *entry) for entry in _of_fits(fits)]
    columns = ["scenario", "analysis", "parameter", "measure", "estimate", "mcse", "n"]
    return pd.DataFrame(out, columns=columns)


def paired(
    rows: pd.DataFrame,
    reference: str | None = None,
    *,
    level: float = 0.95,
    interval: str = "normal",
) -> pd.DataFrame:
    """Compare analyses on the same replicates, with Monte Carlo standard errors.

    Differences are analysis minus reference, ratios analysis over reference. Only replicates that
    both can use enter, and the Monte Carlo standard errors take account of the pairing.

    Parameters
    ----------
    rows : DataFrame
        As for `performance`.
    reference : str, optional
        The analysis that the others are compared with. None compares all pairs, with the analysis
        that comes first in the table as the reference.
    level, interval
        As for `performance`.

    Returns
    -------
    DataFrame
        Columns scenario, analysis, reference, parameter, measure, estimate, mcse and n, the number
        of replicates that both analyses can use. Without rows if there is one analysis only.

    Raises
    ------
    StudyError
        If the table of replicates is not as described, or the reference is not in every scenario.
    OptionError
        If an option has a value that is not allowed.
    """
    wald = Wald(level, interval)
    table = read_rows(rows)
    out = []
    for scenario, title in enumerate(table.scenarios):
        present = [a for a in range(len(table.analyses)) if (scenario, a) in table.fits]
        for one, other in _pairs(present, table.analyses, reference, title):
            names = (title, table.analyses[one], table.analyses[other])
            for position, parameter in enumerate(table.parameters):
                left = table.parts.get((scenario, one, position))
                right = table.parts.get((scenario, other, position))
                if left is None or right is None:
                    continue
                out += [(*names, parameter, *entry) for entry in _of_pair(left, right, wald)]
    columns = ["scenario", "analysis", "reference", "parameter"]
    return pd.DataFrame(out, columns=[*columns, "measure", "estimate", "mcse", "n"])


def is_variance_component(parameter: str) -> bool:
    """Say whether a parameter's name is that of a variance, a covariance or sigma2."""
    return re.match(r"(var|cov) |sigma2$", parameter) is not None


def _of_parameter(
    part: Replicates, wald: Wald, key: tuple[str, str, str], seed: int
) -> Iterator[Entry]:
    available = np.isfinite(part.se) & (part.se > 0)
    with_se = part.at(available)
    aimed = part.at(np.isfinite(part.target))
    yield from _entry("mean_estimate", mean(part.estimate))
    if aimed.target.size:
        yield from _of_errors(aimed, key, seed)
    spread = _spread(part)
    yield from _entry("empirical_se", root(variance(spread[np.isfinite(spread)])))
    if with_se.se.size:
        yield from _of_standard_errors(with_se, wald, key[2])
    yield from _entry("se_available_rate", proportion(available))


def _of_errors(aimed: Replicates, key: tuple[str, str, str], seed: int) -> Iterator[Entry]:
    bias, target = mean(aimed.error), mean(aimed.target)
    yield from _entry("mean_target", target)
    yield from _entry("bias", bias)
    if target.mcse <= _LARGEST_VARIATION * abs(target.value):
        yield from _entry("relative_bias", ratio(bias, target))
    if aimed.error.size > 1:
        mcse = median_mcse(aimed.error, _generator(seed, *key))
        yield ("median_error", float(np.median(aimed.error)), mcse, aimed.error.size)
    mse = mean(aimed.error**2)
    yield from _entry("mse", mse)
    yield from _entry("rmse", root(mse))


def _of_standard_errors(part: Replicates, wald: Wald, parameter: str) -> Iterator[Entry]:
    """Measures made of SEs, from the replicates that have one."""
    yield from _entry("model_se", root(mean(part.se**2)))
    spread = _spread(part)
    both = part.at(np.isfinite(spread))
    spread = spread[np.isfinite(spread)]
    if spread.size:
        quotient = ratio(root(mean(both.se**2)), root(variance(spread)))
        yield from _entry("relative_error_model_se", shifted(quotient, -1.0))
    aimed = part.at(np.isfinite(part.target))
    if aimed.target.size:
        yield from _entry("coverage", proportion(wald.holds(aimed.error, aimed)))
    if spread.size:
        around = mean(spread).influence
        yield from _entry("bias_eliminated_coverage", proportion(wald.holds(around, both)))
    if not is_variance_component(parameter):
        rejected = ~wald.holds(part.estimate - wald.null, part)
        yield from _entry("rejection_rate", proportion(rejected))


def _of_fits(fits: Fits) -> Iterator[Entry]:
    if fits.converged is not None:
        yield from _entry("convergence_rate", proportion(fits.converged))
    if not fits.failed.all():
        yield from _entry("singular_rate", proportion(fits.singular[~fits.failed]))
    yield from _entry("failure_rate", proportion(fits.failed))


def _of_pair(left: Replicates, right: Replicates, wald: Wald) -> Iterator[Entry]:
    _, at_left, at_right = np.intersect1d(
        left.replicate, right.replicate, assume_unique=True, return_indices=True
    )
    if at_left.size == 0:
        return
    left, right = left.at(at_left), right.at(at_right)
    aimed = np.isfinite(left.error) & np.isfinite(right.error)
    with_se = np.isfinite(left.se) & (left.se > 0) & np.isfinite(right.se) & (right.se > 0)

    if aimed.any():
        one, other = left.at(aimed), right.at(aimed)
        yield from _entry("bias_difference", difference(mean(one.error), mean(other.error)))
        yield from _entry("mse_difference", difference(mean(one.error**2), mean(other.error**2)))
        spreads = [root(variance(part.error)) for part in (one, other)]
    else:
        spreads = [root(variance(part.estimate)) for part in (left, right)]
    yield from _entry("empirical_se_ratio", ratio(*spreads))
    if with_se.any():
        one, other = left.at(with_se), right.at(with_se)
        yield from _entry("model_se_ratio", ratio(root(mean(one.se**2)), root(mean(other.se**2))))
    if (aimed & with_se).any():
        one, other = left.at(aimed & with_se), right.at(aimed & with_se)
        covered = (proportion(wald.holds(part.error, part)) for part in (one, other))
        yield from _entry("coverage_difference", difference(*covered))


def _spread(part: Replicates) -> Floats:
    """Values whose spread is the empirical SE: errors, or estimates where nothing is aimed at."""
    return part.error if np.isfinite(part.target).any() else part.estimate


def _entry(measure: str, statistic: Statistic) -> Iterator[Entry]:
    """Yield the measure's row, if it has a value and a Monte Carlo standard error."""
    mcse = statistic.mcse
    if np.isfinite(statistic.value) and np.isfinite(mcse):
        yield (measure, statistic.value, mcse, statistic.n)


def _pairs(
    present: list[int], analyses: list[str], reference: str | None, scenario: str
) -> list[tuple[int, int]]:
    if reference is None:
        return [(one, other) for at, other in enumerate(present) for one in present[at + 1 :]]
    if reference not in [analyses[a] for a in present]:
        raise StudyError(
            f"the reference must be an analysis of every scenario; found no {shown(reference)} in "
            f"scenario {shown(scenario)}, which has: {', '.join(analyses[a] for a in present)}"
        )
    against = analyses.index(reference)
    return [(one, against) for one in present if one != against]


def _generator(seed: int, *key: str) -> np.random.Generator:
    """Return a stream that depends on the seed and the names alone."""
    digest = hashlib.sha256(json.dumps([seed, *key]).encode()).digest()
    return np.random.Generator(
        np.random.PCG64DXSM(np.random.SeedSequence(int.from_bytes(digest, "big")))
    )
