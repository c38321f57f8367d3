"""Axes to draw on, and what all pictures share: colours, lines, sizes of text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from wemix_ref.errors import OptionError
from wemix_ref.extras import how_to_install

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["ACCENT", "GREY", "INK", "WARM", "dress", "one_axes", "panels"]

INK = "#2b2b2b"
GREY = "#9a9a9a"
ACCENT = "#1f5f99"
WARM = "#c2502a"
_COLUMNS = 3


def _new_figure(width: float, height: float):  # type: ignore[no-untyped-def]  # noqa: ANN202
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ImportError(
            "pictures need matplotlib 3.10 or later, which cannot be imported here "
            f"({error}). {how_to_install('matplotlib')}"
        ) from error
    figure = Figure(figsize=(width, height), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def one_axes(ax: Axes | None, width: float = 6.0, height: float = 4.2) -> Axes:
    """Axes that were given, or those of a new Figure, width and height in inches."""
    return _new_figure(width, height).add_subplot() if ax is None else ax


def panels(
    n: int, axes: Sequence[Axes] | None, width: float = 4.0, height: float = 3.4
) -> tuple[Axes, ...]:
    """Axes for n pictures: those given, or a new Figure's, three in a row at most.

    Raises
    ------
    OptionError
        The number of axes given is not n.
    """
    if axes is not None:
        given = tuple(axes)
        if len(given) != n:
            raise OptionError(f"axes must be {n}, one a picture; found {len(given)}.")
        return given
    columns = min(n, _COLUMNS)
    rows = -(-n // columns)
    figure = _new_figure(max(width * columns, 5.2), height * rows)
    return tuple(figure.add_subplot(rows, columns, i + 1) for i in range(n))


def dress(ax: Axes, title: str, x: str, y: str) -> Axes:
    """Write title and labels; take off the frame's top and right."""
    ax.set_title(title, fontsize=10, color=INK, loc="left")
    ax.set_xlabel(x, fontsize=9, color=INK)
    ax.set_ylabel(y, fontsize=9, color=INK)
    ax.tick_params(labelsize=8, colors=INK, length=3)
    for side in ("top", "right"):
        ax.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        ax.spines[side].set_color(GREY)
    return ax
