"""Zip plots: intervals in the order of |z|, those that miss the target set off."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import pandas as pd
from markupsafe import Markup
from numpy.typing import NDArray
from scipy.stats import norm, t

from wemix_ref.report.studies.canvas import Scale
from wemix_ref.report.studies.looks import look_of
from wemix_ref.report.studies.panels import Picture, lay_out, picture, slug
from wemix_ref.report.studies.view import ScenarioView, StudyView
from wemix_ref.report.svg import BAD, FAINT, INK, drawing

__all__ = ["chosen_scenarios", "half_widths", "zip_pictures", "zipped"]

_LINES = 100
# Where there are more panels, half the lines are drawn.
_FEW_PANELS = 12
_MOST_SCENARIOS = 4
_TALL = 1.5


@dataclass(frozen=True)
class Zipped:
    """Intervals around zero at some centiles of |z|, and the share of all that cover.

    Attributes
    ----------
    centiles : ndarray, shape (k,)
        From above 0 to 100.
    low, high : ndarray, shape (k,)
        Ends of the intervals minus their targets.
    covers : ndarray of bool, shape (k,)
    coverage : float
        Of all replicates.
    n : int
        Replicates.
    """

    centiles: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    covers: NDArray[np.bool_]
    coverage: float
    n: int


def half_widths(rows: pd.DataFrame, level: float, distribution: str) -> NDArray[np.float64]:
    """Half the widths of the rows' intervals: a quantile times the standard error."""
    share = (1 + level) / 2
    if distribution == "t":
        quantile = t.ppf(share, rows["n_top"].to_numpy(dtype=float) - 1)
    else:
        quantile = norm.ppf(share)
    return np.asarray(quantile * rows["se"].to_numpy(dtype=float))


def zipped(
    rows: pd.DataFrame, level: float, distribution: str, lines: int = _LINES
) -> Zipped | None:
    """Rank the intervals of one analysis by |z| and keep one at each centile.

    Parameters
    ----------
    rows : DataFrame
        Of one scenario, analysis and parameter.
    level, distribution : float, str
        Of the intervals.
    lines : int
        Intervals kept; all where there are no more.

    Returns
    -------
    Zipped or None
        None where no row has an estimate, a standard error and a target.
    """
    good = np.isfinite(rows[["estimate", "se", "target"]].to_numpy(dtype=float)).all(axis=1)
    rows = rows[good & (rows["se"].to_numpy(dtype=float) > 0)]
    if rows.empty:
        return None
    error = (rows["estimate"] - rows["target"]).to_numpy(dtype=float)
    half = half_widths(rows, level, distribution)
    order = np.argsort(np.abs(error) / rows["se"].to_numpy(dtype=float), kind="stable")
    n = order.size
    kept = order if n <= lines else order[((np.arange(lines) + 0.5) * n / lines).astype(int)]
    centiles = 100 * (np.arange(kept.size) + 0.5) / kept.size
    covers = np.abs(error) <= half
    return Zipped(
        centiles,
        (error - half)[kept],
        (error + half)[kept],
        covers[kept],
        float(covers.mean()),
        n,
    )


def chosen_scenarios(view: StudyView, parameter: str) -> list[ScenarioView]:
    """Give at most four scenarios: those in which a coverage is farthest from the nominal."""

    def departure(scenario: ScenarioView) -> float:
        found = [
            abs(view.measured(scenario.name, one, parameter, "coverage").estimate - view.level)
            for one in view.analyses
        ]
        return max((value for value in found if math.isfinite(value)), default=-1.0)

    ranked = sorted(view.scenarios, key=departure, reverse=True)[:_MOST_SCENARIOS]
    return [one for one in view.scenarios if one in ranked]


def zip_pictures(view: StudyView) -> list[Picture]:
    """Draw a zip plot for each fixed effect: a row of panels a scenario, a column an analysis."""
    pictures = []
    for k, parameter in enumerate(view.fixed):
        scenarios = chosen_scenarios(view, parameter)
        lines = _LINES if len(scenarios) * len(view.analyses) <= _FEW_PANELS else _LINES // 2
        rows = [_row(view, scenario, parameter, lines) for scenario in scenarios]
        rows = [row for row in rows if row]
        if not rows:
            continue
        name = f"zip-{k + 1}-{slug(parameter)}"
        title = f"Zip plot: {parameter}"
        few = len(scenarios) < len(view.scenarios)
        some = (
            f" Shown are the {len(scenarios)} of {len(view.scenarios)} scenarios in which some "
            "coverage is farthest from the nominal."
            if few
            else ""
        )
        thinned = (
            f" Of all replicates the {lines} at equally spaced ranks are drawn."
            if max(one.n for row in rows for _, one, _ in row) > lines
            else ""
        )
        caption = (
            "Each line is an interval minus its target; lines are ranked by |z| = "
            "|estimate − target| / SE, the largest on top (Morris, White & Crowther 2019). "
            "Intervals that miss the target are red and heavier; the dashed line is where they "
            f"should begin, {100 * view.level:g} % up. "
            f"Each analysis has its own scale.{thinned}{some}"
        )
        pictures.append(picture(name, title, caption, partial(_draw, view.level, title, rows)))
    return pictures


def _row(
    view: StudyView, scenario: ScenarioView, parameter: str, lines: int
) -> list[tuple[str, Zipped, str]]:
    """Zips of a scenario, one an analysis, with their titles and colours."""
    rows = view.rows.get(scenario.name)
    if rows is None:
        return []
    part = rows[rows["parameter"] == parameter]
    found = []
    for analysis in view.analyses:
        mine = part[part["analysis"] == analysis]
        one = zipped(mine, view.level, view.distribution, lines)
        if one is not None:
            below = f"\n{scenario.label}" if len(view.scenarios) > 1 else ""
            found.append((view.labels[analysis] + below, one, look_of(view, analysis).colour))
    return found


def _draw(
    level: float,
    title: str,
    rows: Sequence[Sequence[tuple[str, Zipped, str]]],
    name: str,
    narrow: bool,
) -> Markup:
    most = 3 if narrow else 5
    n = max(map(len, rows))
    columns = n if n <= most else -(-n // -(-n // most))
    # every scenario begins a new line of panels
    cells = [one for row in rows for one in (*row, *[None] * (-len(row) % columns))]
    panels = [one for row in rows for one in row]
    titles = ["" if one is None else one[0] for one in cells]
    with drawing():
        grid = lay_out(titles, [""], narrow=narrow, row=_TALL, columns=columns)
        for cell, place in zip(cells, grid.panels, strict=True):
            if cell is None:
                continue
            label, one, own = cell
            alike = [
                other for title, other, _ in panels if title.split("\n")[0] == label.split("\n")[0]
            ]
            ends = np.concatenate([np.abs([z.low, z.high]).ravel() for z in alike])
            bound = min(float(ends.max()), 2.5 * float(np.quantile(ends, 0.9)))
            scale = place.scale((-1.05 * bound, 1.05 * bound))
            rank = Scale(0, 100, place.bottom, place.top)
            grid.axis(place, scale)
            y = rank(100 * level)
            for covers, colour, width in ((True, own, 0.55), (False, BAD, 1.0)):
                keep = one.covers == covers
                grid.canvas.lines(
                    [
                        [(scale.clip(a), rank(c)), (scale.clip(b), rank(c))]
                        for a, b, c in zip(
                            one.low[keep], one.high[keep], one.centiles[keep], strict=True
                        )
                        if b >= scale.low and a <= scale.high
                    ],
                    colour,
                    width,
                )
            grid.canvas.lines([[(scale(0), place.top), (scale(0), place.bottom)]], INK, 0.8)
            grid.canvas.lines([[(place.left, y), (place.right, y)]], INK, 0.8, dashes=(4, 2))
            if place.first:
                for centile in (0, 50, 100 * level):
                    text = f"{centile:g}"
                    grid.canvas.text(place.left - 0.06, rank(centile), text, size=6.5, ha="right")
            grid.canvas.text(
                place.right, place.bottom - 0.08, f"{100 * one.coverage:.1f} %", ha="right", size=7
            )
            grid.canvas.lines([[(place.left, place.top), (place.left, place.bottom)]], FAINT, 0.8)
        told = "interval − target; upwards: centile of |z|; in the corner: coverage"
        grid.foot(told, 7 if narrow else 8)
        told = "; ".join(
            f"{one.replace(chr(10), ', ')}: coverage {100 * z.coverage:.1f} %"
            for one, z, _ in panels
        )
        return grid.canvas.svg(name, title, told + ".")
