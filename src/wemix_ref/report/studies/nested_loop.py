"""Nested-loop plots (Rücker & Schwarzer 2014): a measure over all scenarios of a factorial."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from functools import partial

from markupsafe import Markup

from wemix_ref.report.studies.canvas import Canvas, Scale, tick_text
from wemix_ref.report.studies.looks import Look, look_of
from wemix_ref.report.studies.panels import (
    NARROW,
    WIDE,
    Picture,
    limits_around,
    picture,
    text_width,
)
from wemix_ref.report.studies.view import ScenarioView, StudyView
from wemix_ref.report.svg import FAINT, GOOD, INK, PAPER, drawing

__all__ = ["looped", "nested_loop_pictures", "spread_out"]

_LEFT, _STRIP, _TEXT = 0.62, 0.38, 0.145


def looped(view: StudyView) -> tuple[tuple[str, ...], list[ScenarioView]]:
    """Give the factors with several values and the scenarios in loop order, the last innermost.

    Returns
    -------
    tuple of str
        The factors; fewer than two mean that there is no loop to draw.
    list of ScenarioView
        Scenarios that have a value of every factor.
    """
    factors = tuple(name for name, values in view.factors.items() if len(values) > 1)
    whole = [one for one in view.scenarios if all(name in one.parameters for name in factors)]
    order = sorted(
        whole,
        key=lambda one: [view.factors[name].index(one.parameters[name]) for name in factors],
    )
    return factors, order


def nested_loop_pictures(view: StudyView) -> list[Picture]:
    """Draw bias and coverage over the factorial; none for fewer than two factors."""
    factors, scenarios = looped(view)
    if len(factors) < 2 or len(scenarios) < 4:
        return []
    pictures = []
    for measure, title in (("bias", "Bias"), ("coverage", "Coverage")):
        parameters = [one for one in view.parameters if view.has(measure, one)]
        if not parameters:
            continue
        name, told = f"loop-{measure}", f"Nested-loop plot: {title.lower()}"
        reference = (
            "Values far off are drawn at the edge of the scale, dotted, the last beside its name."
            if measure == "bias"
            else f"The dashed line is the nominal {100 * view.level:g} %."
        )
        caption = (
            f"{title} over all {len(scenarios)} scenarios, one step each, a line an analysis; "
            f"the steps at the foot are the factors, the innermost last "
            f"({', '.join(one.replace('_', ' ') for one in factors)}). {reference} After "
            "Rücker & Schwarzer (2014)."
        )
        draw = partial(_draw, view, measure, told, parameters, factors, scenarios)
        pictures.append(picture(name, told, caption, draw))
    return pictures


def _draw(
    view: StudyView,
    measure: str,
    title: str,
    parameters: Sequence[str],
    factors: Sequence[str],
    scenarios: Sequence[ScenarioView],
    name: str,
    narrow: bool,
) -> Markup:
    width = NARROW if narrow else WIDE
    lines = _lines_of(view, measure)
    labels = [label for _, label in lines]
    right = 0.15 if narrow else min(2.6, max(map(text_width, labels)) + 0.75)
    tall = 1.15 if narrow else max(1.15, 0.15 * len(labels))
    head = 0.22 * (1 + sum(map(text_width, labels)) // (width - 1)) + 0.1 if narrow else 0.0
    total = head + len(parameters) * (tall + 0.42) + _STRIP * len(factors) + 0.2
    with drawing():
        canvas = Canvas(width, total)
        if narrow:
            _legend(canvas, [(label, look_of(view, one)) for one, label in lines])
        x = Scale(0, len(scenarios), _LEFT, width - right)
        top = head
        for parameter in parameters:
            top += 0.3
            _panel(canvas, view, measure, parameter, scenarios, x, (top, top + tall), narrow)
            top += tall + 0.12
        for factor in factors:
            top += _STRIP
            _strip(canvas, view, factor, scenarios, x, top)
        told = (
            f"{len(scenarios)} scenarios in the order of {', '.join(factors)}; analyses "
            f"{', '.join(labels)}; parameters {', '.join(parameters)}. The numbers stand in the "
            "tables."
        )
        return canvas.svg(name, title, told)


def _legend(canvas: Canvas, entries: Sequence[tuple[str, Look]]) -> None:
    """Write a row of strokes with names over all, broken as needed."""
    x, y = 0.12, 0.1
    for label, look in entries:
        needed = text_width(label) + 0.5
        if x + needed > canvas.width and x > 0.12:
            x, y = 0.12, y + 0.18
        canvas.lines([[(x, y), (x + 0.22, y)]], look.colour, 2.2, dashes=look.dashes)
        canvas.text(x + 0.28, y, label, size=8, colour=INK)
        x += needed


def _lines_of(view: StudyView, measure: str) -> tuple[tuple[str, str], ...]:
    if measure == "bias":
        return view.fits
    return tuple((one, view.labels[one]) for one in view.analyses)


def _panel(
    canvas: Canvas,
    view: StudyView,
    measure: str,
    parameter: str,
    scenarios: Sequence[ScenarioView],
    x: Scale,
    span: tuple[float, float],
    narrow: bool,
) -> None:
    factor = 100.0 if measure == "coverage" else 1.0
    series = [
        [factor * view.measured(one.name, a, parameter, measure).estimate for one in scenarios]
        for a, _ in _lines_of(view, measure)
    ]
    finite = [value for line in series for value in line if math.isfinite(value)]
    nominal = 100 * view.level if measure == "coverage" else 0.0
    if measure == "coverage":
        limits = (max(0.0, 10 * math.floor(min([*finite, nominal - 5]) / 10)), 101.0)
    else:
        limits = limits_around(0.0, series)
    y = Scale(*limits, span[1], span[0])
    canvas.text(x.start, span[0] - 0.11, parameter, weight="bold")
    for tick in y.ticks(4):
        canvas.lines([[(x.start, y(tick)), (x.end, y(tick))]], FAINT, 0.5)
        canvas.text(x.start - 0.07, y(tick), tick_text(tick), size=7, ha="right")
    dashes = (4, 2) if measure == "coverage" else None
    colour = GOOD if measure == "coverage" else INK
    canvas.lines([[(x.start, y(nominal)), (x.end, y(nominal))]], colour, 1.0, dashes=dashes)
    ends = []
    for (analysis, label), line in zip(_lines_of(view, measure), series, strict=True):
        look = look_of(view, analysis)
        canvas.lines(_steps(line, x, y), look.colour, 1.5, dashes=look.dashes)
        beyond = [k for k, value in enumerate(line) if not y.low <= value <= y.high]
        edges = [(k, y.clip(line[k])) for k in beyond if math.isfinite(line[k])]
        canvas.lines([[(x(k), at), (x(k + 1), at)] for k, at in edges], PAPER, 1.6, dashes=(1, 2))
        last = next((v for v in reversed(line) if math.isfinite(v)), math.nan)
        if math.isfinite(last):
            off = "" if y.holds(last) else f" {last:.2g}".replace("-", "−")
            ends.append((y.clip(last), label + off, look.colour))
    if not narrow:
        _label_ends(canvas, ends, x.end, span)


def _steps(line: Sequence[float], x: Scale, y: Scale) -> list[list[tuple[float, float]]]:
    """Give the step function, broken where a value is missing; cut at the panel's edges."""
    runs: list[list[tuple[float, float]]] = []
    before = math.nan
    for k, value in enumerate(line):
        if math.isfinite(value):
            if not math.isfinite(before):
                runs.append([])
            runs[-1] += [(x(k), y.clip(value)), (x(k + 1), y.clip(value))]
        before = value
    return runs


def _label_ends(
    canvas: Canvas, ends: list[tuple[float, str, str]], x: float, span: tuple[float, float]
) -> None:
    ends = sorted(ends, key=lambda one: one[0])
    heights = spread_out([one[0] for one in ends], 0.14, *span)
    for (y, label, colour), height in zip(ends, heights, strict=True):
        canvas.lines([[(x + 0.02, y), (x + 0.14, height), (x + 0.18, height)]], colour, 0.7)
        canvas.text(x + 0.22, height, label, size=7.5, colour=colour)


def spread_out(places: Sequence[float], gap: float, low: float, high: float) -> list[float]:
    """Move rising places as little as needed for a gap between neighbours, within bounds."""
    found = list(places)
    for k in range(1, len(found)):
        found[k] = max(found[k], found[k - 1] + gap)
    over = found[-1] - high if found else 0.0
    if over > 0:
        found[-1] = high
        for k in range(len(found) - 2, -1, -1):
            found[k] = min(found[k], found[k + 1] - gap)
    shift = max(0.0, low - found[0]) if found else 0.0
    return [place + shift for place in found] if shift else found


def _strip(
    canvas: Canvas,
    view: StudyView,
    factor: str,
    scenarios: Sequence[ScenarioView],
    x: Scale,
    bottom: float,
) -> None:
    values = view.factors[factor]
    y = Scale(0, max(len(values) - 1, 1), bottom, bottom - 0.14)
    line: list[tuple[float, float]] = []
    runs = itertools.groupby(enumerate(scenarios), key=lambda one: one[1].parameters[factor])
    labels: list[tuple[float, float, str]] = []
    for value, part in runs:
        places = [k for k, _ in part]
        height = y(values.index(value))
        first, last = x(places[0]), x(places[-1] + 1)
        line += [(first, height), (last, height)]
        labels.append(((first + last) / 2, last - first, _text(value)))
    canvas.lines([line], INK, 0.9)
    size = 6.5
    if all(text_width(text, size) <= room for _, room, text in labels):
        for place, _, text in labels:
            canvas.text(place, bottom - 0.2, text, size=size, ha="center")
        told = ""
    else:
        told = " " + ", ".join(_text(value) for value in values) + " (upwards)"
    name = factor.replace("_", " ")
    if told:
        canvas.text(x.start, bottom - 0.2, name + ":" + told, size=size)
    elif text_width(name, size) < _LEFT - 0.1:
        canvas.text(x.start - 0.07, bottom - 0.07, name, size=size, ha="right")
    else:
        canvas.text(0.04, bottom - 0.2, name, size=size)


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, float) else str(value)
