"""Estimates against what they estimate: their distribution by analysis."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import pandas as pd
from markupsafe import Markup
from numpy.typing import NDArray

from wemix_ref.report.studies.canvas import Canvas, Scale
from wemix_ref.report.studies.looks import look_of
from wemix_ref.report.studies.panels import (
    Picture,
    limits_around,
    multiples,
    panel_groups,
    picture,
)
from wemix_ref.report.studies.view import StudyView
from wemix_ref.report.svg import INK, drawing

__all__ = ["estimate_pictures"]

_SHARES = (0.025, 0.25, 0.5, 0.75, 0.975)
_ROW = 0.25
# Outlines are drawn up to so many distributions in a figure; quantiles always.
_MOST_OUTLINES = 64
_POINTS = 30


@dataclass(frozen=True)
class _Spread:
    """Quantiles of a distribution, and its outline: places and heights of at most one."""

    quantiles: tuple[float, ...]
    outline: tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class _Panel:
    title: str
    target: float
    spreads: tuple[_Spread | None, ...]


def estimate_pictures(view: StudyView) -> list[Picture]:
    """Draw the estimates around their targets; minus the targets where these vary."""
    pictures = []
    for group in panel_groups(view, "estimates", "Estimates", view.parameters):
        constant = all(_constant(view, scenario, one) for scenario, one, _ in group.panels)
        outlines = len(group.panels) * len(view.fits) <= _MOST_OUTLINES
        panels = [_panel(view, *key, constant, outlines) for key in group.panels]
        if not any(any(panel.spreads) for panel in panels):
            continue
        what = (
            "Estimates; the upright line is the target"
            if constant
            else (
                "Estimates minus targets, which differ between replicates; the upright line is zero"
            )
        )
        shape = ", outline: its density" if outlines else ""
        caption = (
            f"{what}. Dot: the median of the replicates, thick line: the middle half, thin line: "
            f"the middle 95 %{shape}. What lies beyond the scale is cut off; of an analysis "
            "that lies wholly beyond it, the median is given. Analyses that differ in their "
            "standard errors alone share a row."
        )
        draw = partial(_draw, view, group.title, panels, constant)
        pictures.append(picture(group.name, group.title, caption, draw))
    return pictures


def _of(view: StudyView, scenario: str, parameter: str) -> pd.DataFrame:
    rows = view.rows.get(scenario)
    if rows is None:
        return pd.DataFrame(columns=["analysis", "estimate", "target"])
    return rows[(rows["parameter"] == parameter) & np.isfinite(rows["target"])]


def _constant(view: StudyView, scenario: str, parameter: str) -> bool:
    found = _of(view, scenario, parameter)["target"].to_numpy(dtype=float)
    return bool((found == found[:1]).all())


def _panel(
    view: StudyView, scenario: str, parameter: str, title: str, constant: bool, outlines: bool
) -> _Panel:
    rows = _of(view, scenario, parameter)
    target = float(rows["target"].iloc[0]) if constant and len(rows) else 0.0
    values = rows["estimate"] if constant else rows["estimate"] - rows["target"]
    groups = {key: part.to_numpy(dtype=float) for key, part in values.groupby(rows["analysis"])}
    spreads = tuple(_spread(groups.get(one), outlines) for one, _ in view.fits)
    return _Panel(title, target, spreads)


def _spread(values: NDArray[np.float64] | None, outline: bool) -> _Spread | None:
    found = np.array([]) if values is None else values[np.isfinite(values)]
    if not found.size:
        return None
    quantiles = tuple(float(q) for q in np.quantile(found, _SHARES))
    return _Spread(quantiles, _outline(found) if outline else ())


def _outline(values: NDArray[np.float64]) -> tuple[tuple[float, float], ...]:
    """Kernel density between the 0.5 % and 99.5 % quantiles, its peak put to one."""
    middle = np.subtract(*np.quantile(values, (0.75, 0.25))) / 1.349
    if values.size < 10 or middle <= 0:
        return ()
    width = 0.9 * middle * values.size ** (-0.2)
    low, high = np.quantile(values, (0.005, 0.995))
    places = np.linspace(low, high, _POINTS)
    # A grid of shares keeps the sum short, however many replicates there are.
    sample = np.quantile(values, (np.arange(400) + 0.5) / 400) if values.size > 400 else values
    heights = np.exp(-0.5 * ((places[:, None] - sample) / width) ** 2).sum(axis=1)
    return tuple(zip(places.tolist(), (heights / heights.max()).tolist(), strict=True))


def _draw(
    view: StudyView,
    title: str,
    panels: Sequence[_Panel],
    constant: bool,
    name: str,
    narrow: bool,
) -> Markup:
    own_scales = len(view.scenarios) == 1
    labels = [label for _, label in view.fits]
    with drawing():
        grid = multiples(view, [one.title for one in panels], labels, _ROW, narrow)
        for panel, place in zip(panels, grid.panels, strict=True):
            shown = [panel] if own_scales else panels
            scale = place.scale(_limits(shown))
            grid.axis(place, scale)
            x = scale.clip(panel.target)
            grid.canvas.lines([[(x, place.top), (x, place.bottom)]], INK, 1.0)
            heights = grid.rows(place, labels)
            for spread, y, (name_of, _) in zip(panel.spreads, heights, view.fits, strict=True):
                if spread is not None:
                    _one(grid.canvas, spread, scale, y, look_of(view, name_of).colour)
        grid.foot("estimate" if constant else "estimate − target")
        told = f"{len(panels)} panels, {len(labels)} analyses: {', '.join(labels)}."
        return grid.canvas.svg(name, title, told)


def _limits(panels: Sequence[_Panel]) -> tuple[float, float]:
    targets = [panel.target for panel in panels]
    centre = (min(targets) + max(targets)) / 2
    series = [
        [*targets, *(q for one in spreads if one for q in one.quantiles)]
        for spreads in zip(*(panel.spreads for panel in panels), strict=True)
    ]
    return limits_around(centre, series)


def _one(canvas: Canvas, spread: _Spread, scale: Scale, y: float, colour: str) -> None:
    low, first, median, third, high = spread.quantiles
    if not scale.holds(median):
        right = median > scale.high
        number = f"{median:.3g}".replace("-", "−")
        canvas.text(
            scale.end if right else scale.start,
            y,
            f"median {number} ▸" if right else f"◂ median {number}",
            size=6.5,
            colour=colour,
            ha="right" if right else "left",
        )
        return
    base = y + 0.42 * _ROW
    shape = [(scale(x), base - 0.8 * _ROW * h) for x, h in spread.outline if scale.holds(x)]
    if len(shape) > 2:
        canvas.areas([[(shape[0][0], base), *shape, (shape[-1][0], base)]], colour, 0.28)
    line = base if spread.outline else y
    for start, end, width in ((low, high, 0.9), (first, third, 2.6)):
        canvas.lines([[(scale.clip(start), line), (scale.clip(end), line)]], colour, width)
    canvas.marks([(scale(median), line)], "o", colour, 4.2)
