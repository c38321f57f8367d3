"""Bias and coverage with Monte Carlo intervals: a row an analysis, a panel a scenario."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from markupsafe import Markup
from scipy.stats import norm

from wemix_ref.report.studies.canvas import Scale
from wemix_ref.report.studies.looks import Look, look_of
from wemix_ref.report.studies.numbers import rounded
from wemix_ref.report.studies.panels import (
    Grid,
    Picture,
    limits_around,
    multiples,
    panel_groups,
    picture,
)
from wemix_ref.report.studies.view import StudyView
from wemix_ref.report.svg import GOOD, INK, drawing

__all__ = ["bias_pictures", "coverage_pictures"]

_Z = float(norm.ppf(0.975))
_ROW = 0.185


@dataclass(frozen=True)
class _Panel:
    """Title of a panel, and per analysis a value with its Monte Carlo standard error."""

    title: str
    values: tuple[tuple[float, float], ...]

    @property
    def ends(self) -> list[list[float]]:
        """Per analysis the value and both ends of its interval."""
        halves = [_Z * error if math.isfinite(error) else 0.0 for _, error in self.values]
        return [
            [value - half, value, value + half]
            for (value, _), half in zip(self.values, halves, strict=True)
        ]


def bias_pictures(view: StudyView) -> list[Picture]:
    """Draw the bias of every analysis; one figure a parameter where there are many scenarios."""
    return _pictures(
        view,
        "bias",
        "Bias",
        "Mark: bias over the replicates; line: its 95 % Monte Carlo interval, 1.96 MCSE either "
        "side, unseen where it is shorter than the mark. The upright "
        "line is no bias. An arrow with a number stands for a value beyond "
        "the scale. Analyses that differ in their standard errors alone share a row.",
    )


def coverage_pictures(view: StudyView) -> list[Picture]:
    """Draw the coverage of every analysis; one figure a parameter where scenarios are many."""
    return _pictures(
        view,
        "coverage",
        f"Coverage of {100 * view.level:g} % intervals",
        f"Mark: share of intervals that hold the target, in per cent; line: its 95 % Monte Carlo "
        f"interval, unseen where it is shorter than the mark. The dashed "
        f"line is the nominal {100 * view.level:g} %.",
    )


def _pictures(view: StudyView, measure: str, title: str, caption: str) -> list[Picture]:
    parameters = [one for one in view.parameters if view.has(measure, one)]
    groups = panel_groups(view, measure, title, parameters) if parameters else []
    pictures = []
    for group in groups:
        panels = [_panel(view, *key, measure) for key in group.panels]
        draw = partial(_draw, view, measure, group.title, panels)
        pictures.append(picture(group.name, group.title, caption, draw))
    return pictures


def _rows_of(view: StudyView, measure: str) -> tuple[tuple[str, str], ...]:
    """Analyses and their labels; those with the same estimates have the same bias."""
    if measure == "bias":
        return view.fits
    return tuple((one, view.labels[one]) for one in view.analyses)


def _panel(view: StudyView, scenario: str, parameter: str, title: str, measure: str) -> _Panel:
    factor = 100.0 if measure == "coverage" else 1.0
    found = [view.measured(scenario, one, parameter, measure) for one, _ in _rows_of(view, measure)]
    return _Panel(title, tuple((factor * one.estimate, factor * one.mcse) for one in found))


def _draw(
    view: StudyView, measure: str, title: str, panels: Sequence[_Panel], name: str, narrow: bool
) -> Markup:
    own_scales = len(view.scenarios) == 1
    rows = _rows_of(view, measure)
    labels = [label for _, label in rows]
    looks = [look_of(view, name) for name, _ in rows]
    with drawing():
        grid = multiples(view, [one.title for one in panels], labels, _ROW, narrow)
        every = [
            list(itertools.chain(*ends)) for ends in zip(*(one.ends for one in panels), strict=True)
        ]
        for panel, place in zip(panels, grid.panels, strict=True):
            values = panel.ends if own_scales and measure == "bias" else every
            limits = _limits(measure, view.level, values)
            scale = place.scale(limits)
            grid.axis(place, scale)
            reference = 100 * view.level if measure == "coverage" else 0.0
            grid.canvas.lines(
                [[(scale(reference), place.top), (scale(reference), place.bottom)]],
                GOOD if measure == "coverage" else INK,
                1.0,
                dashes=(4, 2) if measure == "coverage" else None,
            )
            _rows(grid, panel, scale, grid.rows(place, labels), looks)
        grid.foot("coverage, %" if measure == "coverage" else "bias")
        return grid.canvas.svg(name, title, _told(view, measure, panels))


def _limits(measure: str, level: float, series: Sequence[Sequence[float]]) -> tuple[float, float]:
    if measure != "coverage":
        return limits_around(0.0, series)
    finite = [end for values in series for end in values if math.isfinite(end)]
    low = min([*finite, 100 * level - 5])
    step = 10.0 if low < 80 else 5.0
    return max(0.0, step * math.floor(low / step)), 100.6


def _rows(
    grid: Grid, panel: _Panel, scale: Scale, heights: Sequence[float], looks: Sequence[Look]
) -> None:
    canvas = grid.canvas
    for (value, error), y, look in zip(panel.values, heights, looks, strict=True):
        if not math.isfinite(value):
            canvas.text(scale.end, y, "not defined", size=6.5, ha="right")
            continue
        half = _Z * error if math.isfinite(error) else 0.0
        if scale.holds(value):
            ends = [(scale.clip(value - half), y), (scale.clip(value + half), y)]
            canvas.lines([ends], look.colour, 1.3)
            canvas.marks([(scale(value), y)], look.marker, look.colour)
        else:
            right = value > scale.high
            decimals = 1 if abs(value) >= 10 else 2
            number = rounded(value, decimals).replace("-", "−")
            text = f"{number} ▸" if right else f"◂ {number}"
            canvas.text(
                scale.end if right else scale.start,
                y,
                text,
                size=7,
                colour=look.colour,
                ha="right" if right else "left",
                weight="bold",
            )


def _told(view: StudyView, measure: str, panels: Sequence[_Panel]) -> str:
    finite = [
        (value, label, panel.title)
        for panel in panels
        for (value, _), (_, label) in zip(panel.values, _rows_of(view, measure), strict=True)
        if math.isfinite(value)
    ]
    if not finite:
        return "Nothing is defined."
    least, most = min(finite), max(finite)
    return (
        f"{len(panels)} panels, {len(panels[0].values)} rows: from {least[0]:.4g} ({least[1]}, "
        f"{least[2]}) to {most[0]:.4g} ({most[1]}, {most[2]}). The numbers stand in the tables."
    )
