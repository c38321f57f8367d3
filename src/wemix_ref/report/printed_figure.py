"""One fit, five packages: standard errors by recipe, ours as bars and theirs as marks."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from wemix_ref.report.svg import ACCENT, BAD, FAINT, GOOD, INK, SERIES, drawing, inline_svg

__all__ = ["MARKS", "recipes_figure"]

#: Mark and colour of each package; marks differ in shape, so that colour is not needed.
MARKS = {
    "WeMix": ("o", SERIES[0], "○"),
    "Stata": ("s", SERIES[1], "□"),
    "GLLAMM": ("^", SERIES[2], "△"),
    "SAS": ("D", GOOD, "◇"),
    "Mplus": ("v", ACCENT, "▽"),
}
_BASE = "wemix"
_OTHER = re.compile(r"[^A-Za-z0-9]+")  # what an id of the figure may not have


@dataclass(frozen=True)
class _Row:
    """One standard error: percent above the base recipe's, by package, ours and printed."""

    label: str
    points: tuple[tuple[str, float, float, bool], ...]


def recipes_figure(case: Mapping[str, Any], *, narrow: bool = False) -> Markup | None:
    """Draw the standard errors of one fit by every recipe that is printed.

    Parameters
    ----------
    case : a case of ``results/printed.json``.
    narrow : for a phone: names stand above their rows.

    Returns
    -------
    Markup or None
        None where fewer than two recipes are printed, or the case was skipped.
    """
    rows = _rows(case)
    if not rows:
        return None
    with drawing():
        figure, axes = _axes(rows, narrow)
        for y, row in enumerate(rows):
            for package, ours, theirs, wrong in row.points:
                marker, colour, _ = MARKS[package]
                axes.plot(ours, y, "|", color=INK, markersize=13, markeredgewidth=1.3, zorder=2)
                axes.plot(
                    theirs,
                    y,
                    "X" if wrong else marker,
                    color=BAD if wrong else colour,
                    markerfacecolor="none",
                    markersize=6.5,
                    clip_on=False,
                    zorder=3,
                )
        name = f"recipes-{_OTHER.sub('-', case['case'])}{'-narrow' if narrow else ''}"
        title = f"{case['title']}: standard errors of one fit by recipe"
        return inline_svg(figure, name, title, _told(rows))


def _rows(case: Mapping[str, Any]) -> list[_Row]:
    judged = [c for c in case["columns"] if c["package"] in MARKS and c["recipe"] is not None]
    base = next((column for column in judged if column["recipe"] == _BASE), None)
    if base is None or case["skipped"] or len({column["recipe"] for column in judged}) < 2:
        return []
    rows = []
    for number in base["numbers"]:
        if not number["quantity"].startswith("se_"):
            continue
        points = [
            (
                column["package"],
                100.0 * (other["ours"] / number["ours"] - 1.0),
                100.0 * (float(other["printed"]) / number["ours"] - 1.0),
                other["class"] in ("differs", "explained"),
            )
            for column in judged
            for other in column["numbers"]
            if (other["quantity"], other["key"]) == (number["quantity"], number["key"])
        ]
        what = "variance, " if number["quantity"] == "se_variance" else ""
        rows.append(_Row(f"{what}{number['key']}", tuple(points)))
    return rows


def _axes(rows: Sequence[_Row], narrow: bool) -> tuple[Figure, Axes]:
    row, width, left = (0.42, 4.3, 0.2) if narrow else (0.3, 8.6, 2.6)
    height = row * len(rows)
    total = height + 0.75
    figure = Figure(figsize=(width, total))
    axes = figure.add_axes(
        (left / width, 0.5 / total, 1 - (left + 0.25) / width, height / total),
    )
    axes.set_ylim(len(rows) - 0.5, -0.6 - (0.2 if narrow else 0))
    axes.set_axisbelow(True)
    axes.grid(axis="x", color=FAINT, linewidth=0.6, alpha=0.6)
    axes.tick_params(length=0, pad=5)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    if narrow:
        axes.set_yticks([])
        for y, one in enumerate(rows):
            axes.annotate(
                _no_math(one.label),
                (0, y),
                xycoords=("axes fraction", "data"),
                xytext=(0, 6),
                textcoords="offset points",
                fontsize=7.5,
                va="bottom",
            )
    else:
        axes.set_yticks(range(len(rows)), [_no_math(one.label) for one in rows])
    axes.set_xlabel("standard error, percent above WeMix’s recipe")
    return figure, axes


def _no_math(text: str) -> str:
    """Text in which a dollar sign does not begin a formula."""
    return text.replace("$", r"\$")


def _told(rows: Sequence[_Row]) -> str:
    widest = max(rows, key=lambda row: max(point[1] for point in row.points))
    package, percent, _, _ = max(widest.points, key=lambda point: point[1])
    gaps = [
        abs(theirs - ours) for row in rows for _, ours, theirs, wrong in row.points if not wrong
    ]
    return (
        f"{len(rows)} standard errors. By recipe they differ by up to {percent:.1f} percent "
        f"({widest.label}, {package}); what a package prints differs from ours by its recipe by at "
        f"most {max(gaps):.2g} percent, misprints apart. The numbers stand in the tables below."
    )
