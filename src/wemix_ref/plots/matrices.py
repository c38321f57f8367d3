"""Heat maps of Z, G and V: colours from blue (negative) through white (zero) to red."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from wemix_ref.plots.figure import GREY, INK, one_axes
from wemix_ref.plots.views import MatrixView

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["draw_matrix"]

Array = NDArray[np.float64]
Ints = NDArray[np.intp]

#: Cells of a picture at most, each way; more entries than that share cells.
MOST_CELLS = 600
#: Up to so many rows or columns get a label each, or a number in each entry.
LABELLED = 24
NUMBERED = 10


def draw_matrix(view: MatrixView, ax: Axes | None = None) -> Axes:
    """Draw a heat map, zero white, with a colour bar that shows the values that occur."""
    n_rows, n_columns = view.values.shape
    ratio = n_rows / n_columns
    equal = 0.25 <= ratio <= 4.0
    height = 5.0 * min(max(ratio, 0.5), 1.15) if equal else 4.6
    ax = one_axes(ax, 6.4, height)
    size = float(np.abs(view.values).max()) or 1.0
    image = ax.imshow(
        _pooled(view.values),
        cmap="RdBu_r",
        vmin=-size,
        vmax=size,
        interpolation="nearest",
        aspect="equal" if equal else "auto",
        extent=(-0.5, n_columns - 0.5, n_rows - 0.5, -0.5),
    )
    bar = ax.figure.colorbar(image, ax=ax, shrink=0.85, pad=0.02)
    low, high = min(float(view.values.min()), 0.0), max(float(view.values.max()), 0.0)
    if high > low:
        bar.ax.set_ylim(low, high)
    bar.set_label(view.unit, fontsize=8, color=INK)
    bar.ax.tick_params(labelsize=8, colors=INK, length=3)
    bar.outline.set_visible(False)
    _label(ax.xaxis, view.columns, view.column_labels, rotation=90)
    _label(ax.yaxis, view.rows, view.row_labels, rotation=0)
    _mark_spans(ax, view)
    if max(n_rows, n_columns) <= NUMBERED:
        _write_numbers(ax, view.values, size)
    ax.set_title(view.title, fontsize=10, color=INK, loc="left", pad=18 if view.column_spans else 6)
    ax.set_xlabel(view.column_title, fontsize=9, color=INK)
    ax.set_ylabel(view.row_title, fontsize=9, color=INK)
    ax.tick_params(labelsize=7 if max(n_rows, n_columns) <= LABELLED else 8, colors=INK, length=3)
    for spine in ax.spines.values():
        spine.set_color(GREY)
        spine.set_linewidth(0.6)
    return ax


def _pooled(values: Array) -> Array:
    """At most MOST_CELLS each way: a cell shows its entry that is largest in size."""
    for axis in (0, 1):
        share = -(-values.shape[axis] // MOST_CELLS)
        if share > 1:
            values = np.moveaxis(values, axis, 0)
            missing = -values.shape[0] % share
            filled = np.concatenate([values, np.repeat(values[-1:], missing, axis=0)])
            cells = filled.reshape(-1, share, values.shape[1])
            largest = np.abs(cells).argmax(axis=1)[:, None]
            values = np.moveaxis(np.take_along_axis(cells, largest, axis=1)[:, 0], 0, axis)
    return values


def _label(axis, positions: Ints, labels: Sequence[str], rotation: int) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001
    """A label for each where there are few; else positions in the whole matrix."""
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    if len(labels) <= LABELLED:
        axis.set_ticks(range(len(labels)), labels)
        if max(map(len, labels)) > 3:
            axis.set_tick_params(labelrotation=rotation)
        return

    def position(at: float, _: int) -> str:
        index = round(at)
        return str(positions[index]) if 0 <= index < len(positions) and index == at else ""

    axis.set_major_locator(MaxNLocator(nbins=8, integer=True))
    axis.set_major_formatter(FuncFormatter(position))


def _mark_spans(ax: Axes, view: MatrixView) -> None:
    """Lines between terms; their names above the picture where there is room."""
    n_columns = view.values.shape[1]
    for *names, start, end in view.column_spans:
        if start > 0:
            ax.axvline(start - 0.5, color=GREY, linewidth=0.8)
        share = (end - start) / n_columns
        name = next((one for one in names if 0.0145 * len(one) < share), None)
        if name is not None:
            ax.text(
                (start + end - 1) / 2, 1.01, name, transform=ax.get_xaxis_transform(), fontsize=7.5,
                ha="center", va="bottom", color=INK,
            )  # fmt: skip
    for _, _, start, _ in view.row_spans:
        if start > 0:
            ax.axhline(start - 0.5, color=GREY, linewidth=0.8)


def _write_numbers(ax: Axes, values: Array, size: float) -> None:
    for (i, j), value in np.ndenumerate(values):
        if value != 0.0:
            colour = "white" if abs(value) > 0.65 * size else INK
            ax.text(j, i, _three(value), ha="center", va="center", fontsize=7.5, color=colour)


def _three(value: float) -> str:
    """Three digits, without an exponent while that is short."""
    return f"{value:.0f}" if 100 <= abs(value) < 1e5 else f"{value:.3g}"
