"""Figures of speed: time and memory against rows, and where the time of a fit goes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from wemix_ref.report.svg import ACCENT, FAINT, GOOD, INK, PAPER, SERIES, drawing, inline_svg

__all__ = ["LOOKS", "Curve", "Look", "against_rows", "stage_bars"]

Point = tuple[float, float]


@dataclass(frozen=True)
class Look:
    """Mark and colour of a program; marks differ in shape, so that colour is not needed."""

    title: str
    marker: str
    colour: str
    sign: str
    dashed: bool = False


LOOKS = {
    "frame": Look("wemix_ref, from a data frame", "o", ACCENT, "●"),
    "arrays": Look("wemix_ref, from arrays", "s", SERIES[0], "■"),
    "lme4": Look("lme4", "^", SERIES[1], "▲"),
    "wemix": Look("WeMix", "D", SERIES[2], "◆"),
    "statsmodels": Look("statsmodels", "v", GOOD, "▼"),
    "study-arrays": Look("wemix_ref, many small samples in one call", "P", SERIES[0], "✚"),
    "cross-product": Look("one weighted cross-product by NumPy", "_", INK, "╌", dashed=True),
}


@dataclass(frozen=True)
class Curve:
    """What one program took.

    Attributes
    ----------
    engine : a name of `LOOKS`.
    line : (rows, value) of the same model, joined.
    points : (rows, value) of other models, marks alone.
    """

    engine: str
    line: tuple[Point, ...]
    points: tuple[Point, ...] = ()


def against_rows(
    curves: Sequence[Curve], name: str, title: str, unit: str, *, narrow: bool = False
) -> Markup:
    """Draw values against rows, both logarithmic: a line a program, marks for other models."""
    with drawing():
        width, height = (4.3, 3.6) if narrow else (8.6, 4.1)
        left = 0.85
        figure = Figure(figsize=(width, height))
        axes: Axes = figure.add_axes(
            (left / width, 0.55 / height, 1 - (left + 0.2) / width, 1 - 0.8 / height)
        )
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.grid(color=FAINT, linewidth=0.6, alpha=0.6)
        axes.set_axisbelow(True)
        axes.tick_params(length=0, pad=5)
        for side in ("top", "right"):
            axes.spines[side].set_visible(False)
        for curve in curves:
            _draw(axes, curve)
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_locator(LogLocator(10.0, numticks=12))
            axis.set_minor_locator(NullLocator())
            axis.set_major_formatter(FuncFormatter(_plain))
        axes.set_xlabel("rows")
        axes.set_title(unit, fontsize=9, pad=8)
        return inline_svg(figure, f"{name}{'-narrow' if narrow else ''}", title, _told(curves))


def _draw(axes: Axes, curve: Curve) -> None:
    look = LOOKS[curve.engine]
    if curve.line:
        x, y = zip(*curve.line, strict=True)
        style = (0, (4, 2)) if look.dashed else "-"
        axes.plot(x, y, linestyle=style, color=look.colour, linewidth=1.3)
        if not look.dashed:
            axes.plot(x, y, look.marker, color=look.colour, markersize=5, linestyle="none")
    if curve.points:
        x, y = zip(*curve.points, strict=True)
        axes.plot(
            x, y, look.marker, color=look.colour, markersize=5.5, linestyle="none",
            markerfacecolor=look.colour if look.dashed else PAPER,
        )  # fmt: skip


def _plain(value: float, _position: object) -> str:
    """1,000 rather than 10^3; small numbers as decimals."""
    return f"{value:,.0f}" if value >= 1 else f"{value:.10f}".rstrip("0")


def _told(curves: Sequence[Curve]) -> str:
    parts = []
    for curve in curves:
        points = (*curve.line, *curve.points)
        if points:
            rows, value = max(points)
            parts.append(f"{LOOKS[curve.engine].title}: {value:.3g} at {rows:,.0f} rows")
    return "; ".join(parts) + ". The numbers stand in the table."


def stage_bars(
    bars: Sequence[tuple[str, Mapping[str, float]]], stages: Sequence[str], *, narrow: bool = False
) -> Markup:
    """Draw the share of each stage in a fit: a bar a measurement.

    Parameters
    ----------
    bars : (measurement, seconds by stage) each.
    stages : in order; at most four.
    narrow : for a phone: names stand above their bars.
    """
    with drawing():
        row = 0.42 if narrow else 0.27
        width, left = (4.3, 0.15) if narrow else (8.6, 2.05)
        height = row * len(bars) + 0.55
        figure = Figure(figsize=(width, height))
        axes: Axes = figure.add_axes(
            (left / width, 0.45 / height, 1 - (left + 0.75) / width, row * len(bars) / height)
        )
        axes.set_xlim(0, 100)
        axes.set_ylim(len(bars) - 0.5, -0.5)
        axes.tick_params(length=0, pad=5)
        for side in ("top", "right", "left"):
            axes.spines[side].set_visible(False)
        for place, (name, seconds) in enumerate(bars):
            total, start = sum(seconds.values()), 0.0
            for k, stage in enumerate(stages):
                share = 100.0 * seconds[stage] / total
                colour, alpha = _STAGE_COLOURS[k]
                axes.barh(place, share, 0.5, start, color=colour, alpha=alpha, linewidth=0)
                start += share
            axes.annotate(
                f"{total:.3g} s", (100, place), xytext=(5, 0), textcoords="offset points",
                va="center", fontsize=8,
            )  # fmt: skip
            if narrow:
                axes.annotate(
                    name, (0, place - 0.28), xytext=(0, 1), textcoords="offset points",
                    va="bottom", fontsize=7.5,
                )  # fmt: skip
        if narrow:
            axes.set_yticks([])
        else:
            axes.set_yticks(range(len(bars)), [name for name, _ in bars])
        axes.set_xlabel("percent of the time of a fit")
        title = "Where the time of a fit goes"
        told = "; ".join(
            f"{name}: " + ", ".join(f"{stage} {seconds[stage]:.3g} s" for stage in stages)
            for name, seconds in bars
        )
        return inline_svg(figure, f"stages{'-narrow' if narrow else ''}", title, told + ".")


# Light and dark in turn, so that neighbours differ without colour too.
_STAGE_COLOURS = ((SERIES[0], 1.0), (SERIES[1], 0.6), (SERIES[2], 1.0), (GOOD, 0.5))
