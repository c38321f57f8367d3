"""Matplotlib figures as SVG inside a page: same bytes each run, colours by the page's theme."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from contextlib import contextmanager

import matplotlib as mpl
from markupsafe import Markup, escape
from matplotlib.figure import Figure

__all__ = ["ACCENT", "BAD", "FAINT", "GOOD", "INK", "PAPER", "SERIES", "drawing", "inline_svg"]

# Colours that stand for the page's own; the SVG refers to the style sheet's variables.
INK, FAINT, PAPER = "#010101", "#010102", "#010103"
ACCENT, GOOD, BAD = "#010104", "#010105", "#010106"
SERIES = ("#010107", "#010108", "#010109")
_VARIABLES = {
    INK: "--ink",
    FAINT: "--rule",
    PAPER: "--paper",
    ACCENT: "--accent",
    GOOD: "--good",
    BAD: "--bad",
    SERIES[0]: "--series-1",
    SERIES[1]: "--series-2",
    SERIES[2]: "--series-3",
}
_STYLE = {
    "svg.hashsalt": "wemix_ref",
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 9,
    "axes.edgecolor": FAINT,
    "axes.facecolor": "none",
    "axes.labelcolor": INK,
    "axes.linewidth": 0.8,
    "axes.titlelocation": "left",
    "axes.titlesize": 10,
    "axes.unicode_minus": True,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "figure.facecolor": "none",
    "legend.frameon": False,
    "path.simplify": False,
}
_HEAD = re.compile(r"^.*?(?=<svg)", re.DOTALL)
_METADATA = re.compile(r"<metadata>.*?</metadata>\s*", re.DOTALL)
_COMMENT = re.compile(r"<!--.*?-->\s*", re.DOTALL)
_OPENING = re.compile(r"<svg[^>]*?\bviewBox=\"([^\"]*)\"[^>]*>")
_NUMBER = re.compile(r"-?\d+\.\d{3,}")
_TAG = re.compile(r"<[^>]*>")


@contextmanager
def drawing() -> Iterator[None]:
    """Set the style of the report's figures while they are made and written."""
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(_STYLE)
        yield


def inline_svg(figure: Figure, name: str, title: str, description: str) -> Markup:
    """Write a figure as an ``<svg>`` element for a page.

    Parameters
    ----------
    figure : Figure
        Made within :func:`drawing`.
    name : str
        Put before every id, so that no two figures of a page share one; letters, digits, dashes.
    title, description : str
        What a reader who does not see the figure is told.

    Returns
    -------
    Markup
        The element: no XML head, no metadata, sized by its view box alone.
    """
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    text = _COMMENT.sub("", _METADATA.sub("", _HEAD.sub("", buffer.getvalue())))
    text = re.sub(r'\bid="', f'id="{name}-', text)
    text = text.replace("url(#", f"url(#{name}-")
    text = re.sub(r'\b(?:xlink:)?href="#', f'href="#{name}-', text)
    for colour, variable in _VARIABLES.items():
        text = text.replace(colour, f"var({variable})")
    text = text.replace("'DejaVu Sans'", "var(--sans)")
    # places are rounded; what is written, such as the value at a tick, is not
    text = _TAG.sub(lambda tag: _NUMBER.sub(_hundredth, tag[0]), text)
    opening = Markup(
        '<svg viewBox="{box}" role="img" aria-labelledby="{name}-title {name}-desc">'
        '<title id="{name}-title">{title}</title><desc id="{name}-desc">{description}</desc>'
    )
    box = _OPENING.search(text)
    if box is None:
        raise RuntimeError("matplotlib's SVG must have a view box; it has none")
    head = opening.format(box=escape(box[1]), name=name, title=title, description=description)
    return head + Markup(text[box.end() :].strip())


def _hundredth(match: re.Match[str]) -> str:
    return f"{float(match[0]):.2f}".rstrip("0").rstrip(".")
