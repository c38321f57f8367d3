"""The two figures that sum the comparison up: digits at the same theta, deviances at the optima."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from wemix_ref.report.svg import BAD, FAINT, GOOD, INK, SERIES, drawing, inline_svg

__all__ = ["DeviancePoint", "DigitsPoint", "Panel", "deviance_figure", "digits_figure"]

_MARKERS = ("o", "s", "^")
# Differences of criteria below this share of their size are rounding.
_LINEAR = 1e-13
_MAX_DIGITS = 16
_DOT = 4.6


@dataclass(frozen=True)
class DigitsPoint:
    """Digits of agreement of one quantity in one case; the fewest where it has several numbers."""

    case: str
    quantity: str
    digits: float
    required: float | None = None


@dataclass(frozen=True)
class DeviancePoint:
    """Ours minus theirs over the size of theirs, each at its own optimum."""

    case: str
    difference: float


Point = TypeVar("Point", DigitsPoint, DeviancePoint)


@dataclass(frozen=True)
class Panel(Generic[Point]):
    """The points of one engine.

    Attributes
    ----------
    title : str
        The engine.
    points : tuple
        Of `DigitsPoint` or of `DeviancePoint`.
    required : float or None
        Digits that are required, or the largest relative difference allowed.
    """

    title: str
    points: tuple[Point, ...]
    required: float | None

    @property
    def cases(self) -> tuple[str, ...]:
        """Cases in order of first appearance."""
        return tuple(dict.fromkeys(point.case for point in self.points))


def digits_figure(
    panels: Sequence[Panel[DigitsPoint]], quantities: Sequence[str], *, narrow: bool = False
) -> Markup:
    """Draw digits of agreement: a row a case, a mark a quantity, a panel an engine.

    Parameters
    ----------
    panels : sequence of Panel
        Of `DigitsPoint`.
    quantities : sequence of str
        At most three; each has a mark and a colour.
    narrow : bool
        For a phone: names stand above their rows.

    Returns
    -------
    Markup
    """
    with drawing():
        figure, axes = _rows(panels, narrow)
        offsets = [0.17 * (2 * k - len(quantities) + 1) / 2 for k in range(len(quantities))]
        for panel, one in zip(panels, axes, strict=True):
            one.set_xlim(0, _MAX_DIGITS + 0.6)
            one.set_xticks(range(0, _MAX_DIGITS + 1, 4 if narrow else 2))
            if panel.required is not None:
                one.axvline(panel.required, color=GOOD, linewidth=1.2, linestyle=(0, (4, 2)))
            _mark_digits(one, panel, quantities, offsets)
        axes[-1].set_xlabel("digits of agreement (log relative error)")
        name = "digits-narrow" if narrow else "digits"
        return inline_svg(figure, name, "Digits of agreement at the same theta", _told(panels))


def deviance_figure(panels: Sequence[Panel[DeviancePoint]], *, narrow: bool = False) -> Markup:
    """Draw relative differences of the deviances at the two own optima.

    Parameters
    ----------
    panels : sequence of Panel
        Of `DeviancePoint`; `required` is the largest difference allowed.
    narrow : bool
        For a phone: names stand above their rows.

    Returns
    -------
    Markup
    """
    with drawing():
        figure, axes = _rows(panels, narrow)
        values = [p.difference for panel in panels for p in panel.points]
        limits = [panel.required for panel in panels if panel.required is not None]
        high = 10 * max([abs(v) for v in values if v > 0] + limits + [1e-10])
        low = 10 * max([abs(v) for v in values if v < 0] + [1e-12])
        for panel, one in zip(panels, axes, strict=True):
            one.set_xscale("symlog", linthresh=_LINEAR, linscale=0.6)
            one.set_xlim(-low, high)
            one.set_xticks(_decades(low, high, 3 if narrow else 2))
            one.xaxis.set_major_formatter(FuncFormatter(_power))
            one.minorticks_off()
            one.axvline(0, color=INK, linewidth=0.8)
            if panel.required is not None:
                one.axvspan(panel.required, high, color=BAD, alpha=0.12, linewidth=0)
            for point in panel.points:
                y = panel.cases.index(point.case)
                x = point.difference
                bad = panel.required is not None and x > panel.required
                one.plot(
                    x,
                    y,
                    "X" if bad else "o",
                    color=BAD if bad else SERIES[0],
                    markersize=_DOT + (2 if bad else 0),
                    clip_on=False,
                    zorder=3,
                )
        axes[-1].set_xlabel("(ours − theirs) / |theirs|;  left of zero: ours is lower")
        name = "deviances-narrow" if narrow else "deviances"
        title = "Deviance of ours minus theirs, each at its own optimum"
        return inline_svg(figure, name, title, _told_deviances(panels))


def _rows(panels: Sequence[Panel[Point]], narrow: bool) -> tuple[Figure, list[Axes]]:
    """Make a figure with a panel an engine, a row a case."""
    n_rows = [max(len(panel.cases), 1) for panel in panels]
    row, gap = (0.36, 0.62) if narrow else (0.235, 0.62)
    width, left = (4.3, 0.15) if narrow else (8.6, 2.75)
    heights = [row * n for n in n_rows]
    total = sum(heights) + gap * len(panels) + 0.35
    figure = Figure(figsize=(width, total))
    axes, top = [], total
    for panel, height in zip(panels, heights, strict=True):
        top -= 0.36
        one = figure.add_axes(
            (left / width, (top - height) / total, 1 - (left + 0.25) / width, height / total)
        )
        top -= height + gap - 0.36
        one.set_title(panel.title, fontweight="bold", pad=6)
        one.set_ylim(len(panel.cases) - 0.5, -0.5 - (0.25 if narrow else 0))
        one.set_axisbelow(True)
        one.grid(axis="x", color=FAINT, linewidth=0.6, alpha=0.6)
        one.tick_params(length=0, pad=5)
        for side in ("top", "right", "left"):
            one.spines[side].set_visible(False)
        for y in range(len(panel.cases)):
            one.axhline(y, color=FAINT, linewidth=0.6)
        if narrow:
            one.set_yticks([])
            for y, case in enumerate(panel.cases):
                one.annotate(
                    case,
                    (0, y),
                    xycoords=("axes fraction", "data"),
                    xytext=(0, 5.5),
                    textcoords="offset points",
                    fontsize=7.5,
                    va="bottom",
                )
        else:
            one.set_yticks(range(len(panel.cases)), panel.cases)
        axes.append(one)
    return figure, axes


def _mark_digits(
    axes: Axes, panel: Panel[DigitsPoint], quantities: Sequence[str], offsets: Sequence[float]
) -> None:
    for k, quantity in enumerate(quantities):
        chosen = [p for p in panel.points if p.quantity == quantity]
        for point in chosen:
            x = min(max(point.digits, 0.0), _MAX_DIGITS)
            if point.required is not None and point.required != panel.required:
                y = panel.cases.index(point.case)
                axes.plot([point.required] * 2, [y - 0.36, y + 0.36], color=GOOD, linewidth=1.6)
            axes.plot(
                x,
                panel.cases.index(point.case) + offsets[k],
                _MARKERS[k],
                color=SERIES[k],
                markersize=_DOT,
                clip_on=False,
                zorder=3,
            )


def _decades(low: float, high: float, step: int) -> list[float]:
    first = math.ceil(math.log10(_LINEAR)) + 1
    left = range(first, math.floor(math.log10(low)) + 1, step)
    right = range(first, math.floor(math.log10(high)) + 1, step)
    return [*(-(10.0**k) for k in reversed(left)), 0.0, *(10.0**k for k in right)]


def _power(value: float, _position: object) -> str:
    if value == 0:
        return "0"
    exponent = str(round(math.log10(abs(value)))).replace("-", "⁻")
    raised = exponent.translate(str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹"))
    return f"{'−' if value < 0 else ''}10{raised}"


def _told(panels: Sequence[Panel[DigitsPoint]]) -> str:
    parts = []
    for panel in panels:
        fewest = min(panel.points, key=lambda p: p.digits)
        parts.append(
            f"{panel.title}: {len(panel.cases)} cases, fewest digits {fewest.digits:.1f} "
            f"({fewest.quantity} of {fewest.case})"
        )
    return "; ".join(parts) + ". The numbers stand in the tables of each case."


def _told_deviances(panels: Sequence[Panel[DeviancePoint]]) -> str:
    parts = []
    for panel in panels:
        most = max(panel.points, key=lambda p: p.difference)
        parts.append(
            f"{panel.title}: {len(panel.cases)} cases, largest relative difference "
            f"{most.difference:.2g} ({most.case})"
        )
    return "; ".join(parts) + ". The numbers stand in the tables of each case."
