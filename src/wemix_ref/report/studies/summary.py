"""What the study found in a few lines: targets, failures, and the range over scenarios."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from wemix_ref.report.studies.numbers import ABSENT, with_error
from wemix_ref.report.studies.view import StudyView

__all__ = [
    "FailureLine",
    "RangeLine",
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
class RangeLine:
    """Least and largest value of measures over the scenarios, for an analysis."""

    parameter: str
    analysis: str
    cells: tuple[str, ...]


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
    """Least to largest bias, relative bias, error of the SE and coverage over the scenarios."""
    lines = []
    for parameter in view.parameters:
        for analysis in view.analyses:
            cells = tuple(
                _range(
                    [
                        scale * view.measured(one.name, analysis, parameter, measure).estimate
                        for one in view.scenarios
                    ],
                    decimals,
                )
                for measure, scale, decimals in _RANGED
            )
            if any(cell != ABSENT for cell in cells):
                lines.append(RangeLine(parameter, view.labels[analysis], cells))
    return lines


_RANGED = (
    ("bias", 1.0, None),
    ("relative_bias", 100.0, 1),
    ("relative_error_model_se", 100.0, 1),
    ("coverage", 100.0, 1),
)


def _range(values: list[float], decimals: int | None) -> str:
    finite = [value for value in values if math.isfinite(value)]
    if not finite:
        return ABSENT
    ends = [min(finite), max(finite)]
    if decimals is not None:
        low, high = (f"{end:.{decimals}f}" for end in ends)
    else:
        low, high = (f"{end:.3g}" for end in ends)
    return low if low == high else f"{low} to {high}"
