"""Pictures of Z, G and V: one mark an entry, rows downwards, as a sparse matrix is shown."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd
from markupsafe import Markup
from matplotlib.figure import Figure
from matplotlib.patches import PathPatch
from matplotlib.path import Path as Outline
from scipy import sparse
from scipy.sparse.csgraph import connected_components

from wemix_ref.cases import Picture
from wemix_ref.report.data import Matrices
from wemix_ref.report.digits import Shown, plain
from wemix_ref.report.svg import ACCENT, BAD, INK, drawing, inline_svg

__all__ = ["Drawn", "PrintedMatrix", "draw_pictures"]

_SHADES = 5
# Up to so many rows and columns a matrix is printed beside its picture.
_PRINTED_ROWS = 6
_PRINTED_COLUMNS = 12
_WIDTH = 5.2
_TALLEST = 6.4
# Points; a mark that is smaller cannot be seen.
_THINNEST = 1.7


@dataclass(frozen=True)
class PrintedMatrix:
    """The numbers of a small matrix.

    Attributes
    ----------
    rows, columns : tuple of int
        Which, from one.
    values : tuple of tuple of Shown
    rest : str
        What is known of the columns not printed.
    """

    rows: tuple[int, ...]
    columns: tuple[int, ...]
    values: tuple[tuple[Shown, ...], ...]
    rest: str


@dataclass(frozen=True)
class Drawn:
    """A picture with its caption.

    Attributes
    ----------
    svg : Markup
    title, caption : str
    legend : tuple of (str, str, str)
        Class and opacity of a shade, and the value or the bounds it stands for.
    printed : PrintedMatrix or None
    """

    svg: Markup
    title: str
    caption: str
    legend: tuple[tuple[str, str, str], ...]
    printed: PrintedMatrix | None


def draw_pictures(case: str, pictures: tuple[Picture, ...], matrices: Matrices) -> list[Drawn]:
    """Draw what a source shows, and V of the first row's top group.

    Parameters
    ----------
    case : str
        The case's name.
    pictures : tuple of Picture
        As the case file has them.
    matrices : Matrices
        The entries.

    Returns
    -------
    list of Drawn
        Matrices for which there are no entries are left out.
    """
    drawn = []
    for picture in pictures:
        if picture.matrix not in matrices.shapes:
            continue
        n_rows, n_columns = matrices.shapes[picture.matrix]
        first, last = picture.rows or (1, n_rows)
        rows = np.arange(first - 1, min(last, n_rows))
        what = "whole" if picture.rows is None else f"rows {first} to {rows[-1] + 1}"
        drawn.append(_draw(case, picture.matrix, what, matrices, rows, np.arange(n_columns)))
    if "V" in matrices.shapes:
        rows = _first_block(matrices)
        what = f"the {rows.size} rows of the first row's top group"
        drawn.append(_draw(case, "V", what, matrices, rows, rows))
    return drawn


def _first_block(matrices: Matrices) -> np.ndarray:
    """Rows that share a top group with row 0: its connected component in V."""
    part = matrices.entries[matrices.entries["matrix"] == "V"]
    V = sparse.coo_array(
        (np.ones(len(part)), (part["row"].to_numpy(), part["col"].to_numpy())),
        shape=matrices.shapes["V"],
    )
    _, component = connected_components(sparse.csr_array(V), directed=False)
    return np.flatnonzero(component == component[0])


def _draw(
    case: str,
    name: str,
    what: str,
    matrices: Matrices,
    rows: np.ndarray,
    columns: np.ndarray,
) -> Drawn:
    part = _submatrix(matrices, name, rows, columns)
    shape = (rows.size, columns.size)
    classes = _classes(part["value"].to_numpy())
    full = " x ".join(str(size) for size in matrices.shapes[name])
    title = f"{name}, {what}"
    caption = (
        f"{shape[0]} x {shape[1]} of {full}; {len(part)} entries are not zero. "
        f"Rows run downwards, columns to the right."
    )
    with drawing():
        figure = _figure(part, shape, classes)
        svg = inline_svg(figure, f"picture-{case}-{name}-{rows.size}", title, caption)
    legend = tuple((one.css, f"{one.opacity:.2f}", one.label) for one in classes)
    return Drawn(svg, title, caption, legend, _printed(part, rows, columns))


def _submatrix(
    matrices: Matrices, name: str, rows: np.ndarray, columns: np.ndarray
) -> pd.DataFrame:
    """Entries of the chosen rows and columns, counted from zero within them, sorted."""
    part = matrices.entries[matrices.entries["matrix"] == name]
    part = part[part["row"].isin(rows) & part["col"].isin(columns) & (part["value"] != 0)]
    part = part.assign(
        row=np.searchsorted(rows, part["row"]), col=np.searchsorted(columns, part["col"])
    )
    return part.sort_values(["row", "col"], ignore_index=True)


@dataclass(frozen=True)
class _Class:
    """Entries that are drawn alike: from `low` to `high`."""

    low: float
    high: float
    colour: str
    opacity: float
    css: str
    label: str


def _classes(values: np.ndarray) -> list[_Class]:
    """One shade a value where there are few, otherwise a few equal intervals of size."""
    size = float(np.abs(values).max()) if values.size else 1.0
    classes = []
    for negative in (True, False):
        side = np.sort(np.abs(values[(values < 0) == negative]))
        if not side.size:
            continue
        # values that are equal but for rounding are one value
        starts = np.flatnonzero(np.diff(side, prepend=-np.inf) > 1e-9 * size)
        groups = [(float(g[0]), float(g[-1])) for g in np.split(side, starts[1:])]
        if len(groups) > _SHADES:
            edges = np.linspace(0.0, side[-1], _SHADES + 1)[1:]
            bins = np.searchsorted(edges, side)
            groups = [
                (float(side[bins == b][0]), float(side[bins == b][-1])) for b in np.unique(bins)
            ]
        for low, high in groups:
            level = max(1, math.ceil(10 * high / size))
            low_high = (-high, -low) if negative else (low, high)
            label = " to ".join(dict.fromkeys(f"{bound:.6g}" for bound in low_high)).replace(
                "-", "−"
            )
            classes.append(
                _Class(
                    *low_high,
                    colour=BAD if negative else ACCENT,
                    opacity=0.15 + 0.085 * level,
                    css="neg" if negative else "pos",
                    label=label,
                )
            )
    return sorted(classes, key=lambda one: one.low)


def _figure(part: pd.DataFrame, shape: tuple[int, int], classes: list[_Class]) -> Figure:
    n_rows, n_columns = shape
    width = _WIDTH
    height = min(max(width * n_rows / n_columns, 0.9), _TALLEST)
    if n_rows / n_columns > _TALLEST / width:
        width = max(_TALLEST * n_columns / n_rows, 2.6)
    figure = Figure(figsize=(width + 0.75, height + 0.65))
    figure.subplots_adjust(
        left=0.6 / (width + 0.75),
        right=1 - 0.15 / (width + 0.75),
        bottom=0.5 / (height + 0.65),
        top=1 - 0.15 / (height + 0.65),
    )
    axes = figure.add_subplot()
    # an entry is a horizontal stroke one row thick; never thinner than can be seen
    thickness = max(72 * height / n_rows * 0.92, _THINNEST)
    length = max(0.92, _THINNEST * n_columns / (72 * width))
    values = part["value"].to_numpy()
    for one in classes:
        chosen = part[(values >= one.low) & (values <= one.high)]
        if chosen.empty:
            continue
        x, y = chosen["col"].to_numpy(), chosen["row"].to_numpy()
        ends = np.stack([x - length / 2, x + length / 2], axis=1) + 1.0
        vertices = np.stack([ends, np.repeat(y[:, None] + 1.0, 2, axis=1)], axis=2).reshape(-1, 2)
        codes = np.tile([Outline.MOVETO, Outline.LINETO], len(x))
        axes.add_patch(
            PathPatch(
                Outline(vertices, codes),
                edgecolor=one.colour,
                alpha=one.opacity,
                linewidth=thickness,
                capstyle="butt",
                facecolor="none",
            )
        )
    axes.set_xlim(0.5, n_columns + 0.5)
    axes.set_ylim(n_rows + 0.5, 0.5)
    axes.set_xlabel("column")
    axes.set_ylabel("row")
    axes.locator_params(integer=True)
    if n_rows <= _PRINTED_ROWS:
        axes.set_yticks(range(1, n_rows + 1))
    axes.tick_params(length=2.5)
    for spine in axes.spines.values():
        spine.set_edgecolor(INK)
        spine.set_linewidth(0.6)
    return figure


def _printed(part: pd.DataFrame, rows: np.ndarray, columns: np.ndarray) -> PrintedMatrix | None:
    filled = np.unique(part["col"].to_numpy())
    if rows.size > _PRINTED_ROWS or filled.size > _PRINTED_COLUMNS:
        return None
    dense = np.zeros((rows.size, columns.size))
    dense[part["row"].to_numpy(), part["col"].to_numpy()] = part["value"].to_numpy()
    values = tuple(
        tuple(plain(float(value) if value else 0, 9) for value in row) for row in dense[:, filled]
    )
    n_rest = columns.size - filled.size
    rest = f"The other {n_rest} columns are zero in these rows." if n_rest else ""
    return PrintedMatrix(
        tuple(int(row) + 1 for row in rows),
        tuple(int(columns[j]) + 1 for j in filled),
        values,
        rest,
    )
