"""What the study found in a few lines: targets, failures, and the range over scenarios."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from wemix_ref.report.studies.describe import recipes_of
from wemix_ref.report.studies.numbers import ABSENT, Estimate, counts, with_error
from wemix_ref.report.studies.view import StudyView
from wemix_ref.report.studies.wording import measure_of

__all__ = [
    "FailureLine",
    "Range",
    "RangeLine",
    "RecipeLine",
    "TargetLine",
    "failures",
    "ranges",
    "replicates_done",
    "targets",
]


@dataclass(frozen=True)
class TargetLine:
    """The target of every parameter in some scenarios: a value, or mean and SD of those drawn."""

    scenarios: str
    values: tuple[str, ...]


@dataclass(frozen=True)
class FailureLine:
    """Why fits failed: the analysis, the message, in how many replicates and scenarios."""

    analysis: str
    message: str
    replicates: int
    scenarios: int


@dataclass(frozen=True)
class Range:
    """Least and largest value of a measure over the scenarios, and how many replicates it is of."""

    ends: tuple[Estimate, ...]
    n: str


@dataclass(frozen=True)
class RecipeLine:
    """A standard error of a fit: its recipe, its relative error, the coverage of its intervals."""

    recipe: str
    error: Range
    coverage: Range


@dataclass(frozen=True)
class RangeLine:
    """A fit over the scenarios: its bias, and its standard errors by each recipe."""

    parameter: str
    fit: str
    bias: Range
    relative: Range
    recipes: tuple[RecipeLine, ...]


def replicates_done(view: StudyView) -> tuple[int, int]:
    """Fewest and most replicates of a scenario."""
    counts = [int(rows["replicate"].nunique()) for rows in view.rows.values()]
    return (min(counts), max(counts)) if counts else (0, 0)


def targets(view: StudyView) -> list[TargetLine]:
    """Targets by scenario; scenarios with the same targets share a line."""
    lines: dict[tuple[str, ...], list[str]] = {}
    for scenario in view.scenarios:
        rows = view.rows.get(scenario.name)
        if rows is None:
            continue
        values = []
        for parameter in view.parameters:
            part = rows[(rows["parameter"] == parameter) & rows["target"].notna()]
            found = part.drop_duplicates("replicate")["target"].to_numpy(dtype=float)
            values.append(_target(found))
        lines.setdefault(tuple(values), []).append(scenario.label)
    every = len(view.scenarios)
    return [
        TargetLine("all scenarios" if len(names) == every > 1 else "; ".join(names), values)
        for values, names in lines.items()
    ]


def _target(found: np.ndarray) -> str:
    if not found.size:
        return ABSENT
    if np.ptp(found) == 0:
        return f"{found[0] + 0.0:.6g}"
    spread = with_error(float(found.mean()), float(found.std(ddof=1)))
    return f"{spread.value} (SD {spread.error})"


def failures(view: StudyView) -> list[FailureLine]:
    """Messages of failed fits, the most frequent first."""
    counts: dict[tuple[str, str], dict[str, int]] = {}
    for scenario, rows in view.rows.items():
        failed = rows[rows["status"] != "ok"].drop_duplicates(["replicate", "analysis"])
        messages = failed["message"].fillna("").astype(str)
        for key in zip(failed["analysis"].astype(str), messages, strict=True):
            found = counts.setdefault(key, {})
            found[scenario] = found.get(scenario, 0) + 1
    lines = [
        FailureLine(view.labels.get(analysis, analysis), message, sum(found.values()), len(found))
        for (analysis, message), found in counts.items()
    ]
    return sorted(lines, key=lambda one: (-one.replicates, one.analysis, one.message))


def ranges(view: StudyView) -> list[RangeLine]:
    """Least to largest bias of every fit over the scenarios, and what its standard errors do."""
    stated = recipes_of(view.text, [one.parameters for one in view.scenarios])
    lines = []
    for parameter in view.parameters:
        for fit, label in view.fits:
            recipes = tuple(
                RecipeLine(
                    " or ".join(stated.get(one, ())) or ABSENT,
                    _range(view, one, parameter, "relative_error_model_se"),
                    _range(view, one, parameter, "coverage"),
                )
                for one in view.recipes(fit)
            )
            bias = _range(view, fit, parameter, "bias")
            relative = _range(view, fit, parameter, "relative_bias")
            if bias.ends or any(one.error.ends or one.coverage.ends for one in recipes):
                lines.append(RangeLine(parameter, label, bias, relative, recipes))
    return lines


def _range(view: StudyView, analysis: str, parameter: str, measure: str) -> Range:
    every = (view.measured(one.name, analysis, parameter, measure) for one in view.scenarios)
    found = [one for one in every if math.isfinite(one.estimate)]
    if not found:
        return Range((), ABSENT)
    ends = [pick(found, key=lambda one: one.estimate) for pick in (min, max)]
    scale = measure_of(measure).scale
    told = dict.fromkeys(with_error(one.estimate, one.mcse, scale) for one in ends)
    return Range(tuple(told), counts([one.n for one in found]))
