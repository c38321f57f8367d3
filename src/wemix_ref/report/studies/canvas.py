"""A sheet measured in inches, its marks few and large: small SVG even for many panels."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files

import numpy as np
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import PathPatch
from matplotlib.path import Path as Outline
from matplotlib.ticker import MaxNLocator

from wemix_ref.report.studies.compact import compact_svg
from wemix_ref.report.svg import INK, inline_svg

__all__ = ["MARKERS", "PALETTE", "Canvas", "Scale", "standalone", "tick_text"]

# Stand-ins for the eight colours of analyses.
PALETTE = tuple(f"#01020{k}" for k in range(1, 9))
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "p")
_VARIABLES = {colour: f"--analysis-{k}" for k, colour in enumerate(PALETTE, 1)}
_MOVE, _LINE, _CLOSE = (int(one) for one in (Outline.MOVETO, Outline.LINETO, Outline.CLOSEPOLY))
_THEME = re.compile(r":root \{(.*?)\}", re.DOTALL)
_COLOUR = re.compile(r"--([a-z0-9-]+): (#[0-9a-f]+);")
Point = tuple[float, float]
_TextStyle = tuple[float, str, str, str, str]
_LineStyle = tuple[str, float, "tuple[float, ...] | None", float]


@dataclass(frozen=True)
class Scale:
    """Data from `low` to `high` put between two places of the sheet."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        """Place of a value, in inches."""
        return self.start + (value - self.low) / (self.high - self.low) * (self.end - self.start)

    def holds(self, value: float) -> bool:
        """Whether a value lies within the scale."""
        return self.low <= value <= self.high

    def clip(self, value: float) -> float:
        """Place of a value, or of the end that is nearest to it."""
        return self(min(max(value, self.low), self.high))

    def ticks(self, most: int) -> list[float]:
        """Round values within the scale, at most so many."""
        found = MaxNLocator(nbins=most, steps=[1, 2, 5, 10]).tick_values(self.low, self.high)
        slack = 1e-9 * (self.high - self.low)
        return [float(v) for v in found if self.low - slack <= v <= self.high + slack]


def tick_text(value: float) -> str:
    """Write a tick's value."""
    return f"{round(value, 12) + 0.0:.6g}".replace("-", "−")


class Canvas:
    """A figure whose coordinates are inches from the top left corner.

    Parameters
    ----------
    width, height : float
        In inches.
    """

    def __init__(self, width: float, height: float) -> None:
        self.width, self.height = width, height
        self._figure = Figure(figsize=(width, height))
        self._axes: Axes = self._figure.add_axes((0, 0, 1, 1))
        self._axes.set_xlim(0, width)
        self._axes.set_ylim(height, 0)
        self._axes.axis("off")
        # Drawn at last, what is alike as one path: areas under lines under marks.
        self._areas: dict[tuple[str, float], list[Sequence[Point]]] = {}
        self._lines: dict[_LineStyle, list[Sequence[Point]]] = {}
        self._texts: dict[_TextStyle, list[tuple[float, float, str]]] = {}
        self._marks: dict[tuple[str, str, float], list[Point]] = {}

    def lines(
        self,
        lines: Sequence[Sequence[Point]],
        colour: str = INK,
        width: float = 0.8,
        *,
        dashes: tuple[float, ...] | None = None,
        alpha: float = 1.0,
    ) -> None:
        """Draw lines, each through its points, as one path."""
        if lines:
            self._lines.setdefault((colour, width, dashes, alpha), []).extend(lines)

    def areas(self, areas: Sequence[Sequence[Point]], colour: str, alpha: float) -> None:
        """Fill polygons, as one path."""
        if areas:
            self._areas.setdefault((colour, alpha), []).extend(areas)

    def marks(self, points: Sequence[Point], marker: str, colour: str, size: float = 4.4) -> None:
        """Draw the same mark at each point; `size` in points."""
        if points:
            self._marks.setdefault((marker, colour, size), []).extend(points)

    def text(
        self,
        x: float,
        y: float,
        text: str,
        *,
        size: float = 8,
        colour: str = INK,
        ha: str = "left",
        va: str = "center",
        weight: str = "normal",
    ) -> None:
        """Write a line of text as it is."""
        self._texts.setdefault((size, colour, ha, va, weight), []).append((x, y, text))

    def svg(self, name: str, title: str, description: str) -> Markup:
        """Write the sheet for a page; see :func:`wemix_ref.report.svg.inline_svg`."""
        self._flush()
        text = str(compact_svg(inline_svg(self._figure, name, title, description)))
        for colour, variable in _VARIABLES.items():
            text = text.replace(colour, f"var({variable})")
        return Markup(text)

    def _flush(self) -> None:
        for (colour, alpha), areas in self._areas.items():
            self._patch(areas, closed=True, facecolor=colour, alpha=alpha, linewidth=0)
        for (colour, width, dashes, alpha), lines in self._lines.items():
            style = (0, dashes) if dashes else "-"
            self._patch(
                lines, edgecolor=colour, linewidth=width, alpha=alpha, linestyle=style, fill=False
            )
        for (marker, colour, size), points in self._marks.items():
            xs, ys = zip(*points, strict=True)
            self._axes.plot(
                xs, ys, marker, color=colour, markersize=size, markeredgewidth=0, clip_on=False
            )
        for (size, colour, ha, va, weight), texts in self._texts.items():
            for x, y, text in texts:
                # `$` and the like have no meaning
                self._axes.text(
                    x,
                    y,
                    text,
                    fontsize=size,
                    color=colour,
                    ha=ha,
                    va=va,
                    fontweight=weight,
                    parse_math=False,
                )

    def _patch(
        self, shapes: Sequence[Sequence[Point]], *, closed: bool = False, **style: object
    ) -> None:
        points: list[Point] = []
        codes: list[int] = []
        for shape in shapes:
            points += [*shape, shape[0]] if closed else shape
            codes += [_MOVE, *[_LINE] * (len(shape) - 1)] + [_CLOSE] * closed
        outline = Outline(np.array(points), codes)
        self._axes.add_patch(PathPatch(outline, capstyle="butt", clip_on=False, **style))


def standalone(svg: Markup) -> str:
    """Make a file of an inline figure: the light theme's colours, a size, a white ground."""
    colours: dict[str, str] = {}
    for sheet in ("style.css", "study.css.j2"):
        source = files("wemix_ref.report") / "templates" / sheet
        theme = _THEME.search(source.read_text(encoding="utf-8"))
        colours.update(_COLOUR.findall(theme[1] if theme else ""))
    text = re.sub(r"var\(--sans\)", "'DejaVu Sans', 'Liberation Sans', Arial, sans-serif", str(svg))
    text = re.sub(r"var\(--([a-z0-9-]+)\)", lambda match: colours[match[1]], text)
    box = re.search(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', text)
    if box is None:
        raise RuntimeError("a figure must have a view box from the origin; it has none")
    head = (
        '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
        f'width="{box[1]}pt" height="{box[2]}pt" '
    )
    body = text.replace("<svg ", head, 1).replace(' href="#', ' xlink:href="#')
    ground = f'<rect width="{box[1]}" height="{box[2]}" fill="#ffffff"/>'
    body = body.replace("</desc>", "</desc>" + ground, 1)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + body + "\n"
