"""Small multiples: panels of equal size in rows and columns, their names and axes."""

from __future__ import annotations

import math
import re
import textwrap
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup

from wemix_ref.report.studies.canvas import Canvas, Scale, tick_text
from wemix_ref.report.studies.view import StudyView
from wemix_ref.report.svg import FAINT

__all__ = [
    "Grid",
    "Panel",
    "PanelGroup",
    "Picture",
    "columns_of",
    "lay_out",
    "limits_around",
    "multiples",
    "panel_groups",
    "picture",
    "slug",
    "text_width",
]

WIDE, NARROW = 8.6, 4.3
_RIGHT, _GAP = 0.16, 0.28
_LINE = 0.145
_AXIS = 0.34
_TITLE = 8.0


@dataclass(frozen=True)
class Picture:
    """A figure of the report: what it is called, says and looks like on either screen."""

    name: str
    title: str
    caption: str
    wide: Markup
    narrow: Markup


def picture(name: str, title: str, caption: str, draw: Callable[[str, bool], Markup]) -> Picture:
    """Draw a figure for both screens; `draw` takes the drawing's name and whether it is narrow."""
    return Picture(name, title, caption, draw(name, False), draw(f"{name}-narrow", True))


@dataclass(frozen=True)
class PanelGroup:
    """A figure's panels: scenario, parameter and title of each."""

    name: str
    title: str
    panels: tuple[tuple[str, str, str], ...]


def panel_groups(
    view: StudyView, name: str, title: str, parameters: Sequence[str]
) -> list[PanelGroup]:
    """Give one figure with a panel a parameter; of many scenarios, a figure for each parameter."""
    if len(view.scenarios) == 1:
        scenario = view.scenarios[0].name
        return [PanelGroup(name, title, tuple((scenario, one, one) for one in parameters))]
    return [
        PanelGroup(
            f"{name}-{k}-{slug(parameter)}",
            f"{title}: {parameter}",
            tuple((one.name, parameter, one.label) for one in view.scenarios),
        )
        for k, parameter in enumerate(parameters, 1)
    ]


@dataclass(frozen=True)
class Panel:
    """Where a panel stands on the sheet, in inches, and its title's lines."""

    left: float
    top: float
    right: float
    bottom: float
    title: tuple[str, ...]
    first: bool

    def scale(self, limits: tuple[float, float]) -> Scale:
        """Horizontal scale of the panel."""
        return Scale(*limits, self.left, self.right)


@dataclass(frozen=True)
class Grid:
    """Panels and the sheet they stand on."""

    canvas: Canvas
    panels: tuple[Panel, ...]
    narrow: bool
    label_size: float

    def axis(self, panel: Panel, scale: Scale, unit: str = "") -> None:
        """Draw the panel's title, its ticks with their values, and its base."""
        canvas = self.canvas
        for k, line in enumerate(reversed(panel.title)):
            y = panel.top - 0.09 - k * _LINE
            canvas.text(panel.left, y, line, size=_TITLE, weight="bold")
        ticks = scale.ticks(max(2, int((panel.right - panel.left) / 0.42)))
        canvas.lines([[(scale(t), panel.top), (scale(t), panel.bottom)] for t in ticks], FAINT, 0.5)
        canvas.lines([[(panel.left, panel.bottom), (panel.right, panel.bottom)]], FAINT, 0.8)
        for tick in ticks:
            canvas.text(
                scale(tick), panel.bottom + 0.1, tick_text(tick) + unit, size=7, ha="center"
            )

    def foot(self, text: str, size: float = 8.0) -> None:
        """Say under the first column what the axes show."""
        self.canvas.text(self.panels[0].left, self.canvas.height - 0.1, text, size=size)

    def rows(self, panel: Panel, labels: Sequence[str]) -> list[float]:
        """Give the heights of the panel's rows; name them left of the first column."""
        step = (panel.bottom - panel.top) / max(len(labels), 1)
        heights = [panel.top + step * (k + 0.5) for k in range(len(labels))]
        if panel.first:
            for label, y in zip(labels, heights, strict=True):
                self.canvas.text(panel.left - 0.1, y, label, size=self.label_size, ha="right")
        return heights


def text_width(text: str, size: float = 8.0) -> float:
    """Width of a text in inches, about."""
    return len(text) * size * 0.0083


def slug(text: str) -> str:
    """Make a file's name of a text: small letters, digits and dashes."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-") or "all"


def columns_of(view: StudyView, narrow: bool) -> int | None:
    """Columns that put the values of the last factors side by side; None: no such order."""
    if not view.factors or math.prod(map(len, view.factors.values())) != len(view.scenarios):
        return None
    most, columns = 2 if narrow else 5, 1
    for values in reversed(list(view.factors.values())):
        if columns * len(values) > most:
            break
        columns *= len(values)
    return columns if columns > 1 else None


def lay_out(
    titles: Sequence[str],
    labels: Sequence[str],
    *,
    narrow: bool,
    row: float,
    columns: int | None = None,
    foot: float = 0.1,
    head: float = 0.0,
) -> Grid:
    """Place panels, a title above each and the rows' labels left of the first column.

    Parameters
    ----------
    titles : sequence of str
        One a panel.
    labels : sequence of str
        Names of the rows that every panel has; empty texts take no room.
    narrow : bool
        For a phone: half as wide, fewer columns.
    row : float
        Height of a row, in inches.
    columns : int or None
        Panels side by side; None: as many as stand well.
    foot, head : float
        Room under and over all panels, in inches.

    Returns
    -------
    Grid
    """
    width = NARROW if narrow else WIDE
    most = 1.45 if narrow else 2.3
    longest = max((text_width(label) for label in labels), default=0.0)
    size = 8.0 if longest <= most else max(5.5, 8.0 * most / longest)
    left = 0.12 + (min(longest, most) + 0.08 if longest else 0.2)
    if columns is None or (narrow and left > 1.2 and columns > 1):
        most_columns = (1 if left > 1.2 else 2) if narrow else 4
        columns = -(-len(titles) // -(-len(titles) // most_columns))
    columns = min(columns, len(titles))
    each = (width - left - _RIGHT - _GAP * (columns - 1)) / columns
    each = min(each, 3.4)
    wrapped = [
        tuple(
            line
            for part in title.split("\n")
            for line in textwrap.wrap(part, max(8, int(each / text_width("n", 9.2))))
        )
        for title in titles
    ]
    tall = row * max(len(labels), 1)
    panels, top = [], head
    for start in range(0, len(titles), columns):
        part = wrapped[start : start + columns]
        top += 0.12 + _LINE * max(map(len, part))
        for k, title in enumerate(part):
            x = left + k * (each + _GAP)
            panels.append(Panel(x, top, x + each, top + tall, title, k == 0))
        top += tall + _AXIS
    return Grid(Canvas(width, top + foot), tuple(panels), narrow, size)


def multiples(
    view: StudyView, titles: Sequence[str], labels: Sequence[str], row: float, narrow: bool
) -> Grid:
    """Place a panel a parameter, or a panel a scenario in the order of the factors."""
    columns = None if len(view.scenarios) == 1 else columns_of(view, narrow)
    return lay_out(titles, labels, narrow=narrow, row=row, columns=columns)


def limits_around(centre: float, series: Iterable[Iterable[float]]) -> tuple[float, float]:
    """Give limits that show most analyses; those that lie far off do not set the scale.

    Parameters
    ----------
    centre : float
        Always within the limits.
    series : iterable of iterable of float
        The values of each analysis. Either side is bounded by four times the median over
        analyses of their largest distance from the centre.

    Returns
    -------
    tuple of float
    """
    finite = [[v for v in values if math.isfinite(v)] for values in series]
    found = np.array([v for values in finite for v in values])
    largest = [max(abs(v - centre) for v in values) for values in finite if values]
    if not largest or max(largest) == 0:
        return centre - 1.0, centre + 1.0
    bound = 4.0 * float(np.median(largest))
    bound = max(largest) if bound <= 0 else bound
    low = min(centre, max(float(found.min()), centre - bound))
    high = max(centre, min(float(found.max()), centre + bound))
    margin = 0.06 * (high - low)
    return low - margin, high + margin
