"""Residuals against fitted values, and normal quantile plots."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from wemix_ref.lazily import Lazy
from wemix_ref.plots.figure import ACCENT, GREY, INK, WARM, dress, one_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes

if TYPE_CHECKING:
    from scipy import special
else:
    special = Lazy("scipy.special")

__all__ = ["draw_qq", "draw_residuals", "normal_quantiles", "running_means"]

Array = NDArray[np.float64]

#: From so many points on they are drawn as an image, small and pale.
MANY = 2000
BINS = 20


def running_means(x: Array, y: Array, weights: Array, bins: int = BINS) -> tuple[Array, Array]:
    """Weighted means of x and y in groups of neighbouring x with equally many points.

    Parameters
    ----------
    x, y, weights : (n,).

    Returns
    -------
    (k,) and (k,), k at most `bins` and at most a fifth of n (at least 1).
    """
    order = np.argsort(x, kind="stable")
    parts = np.array_split(order, max(1, min(bins, x.size // 5)))
    mean_x = [np.average(x[part], weights=weights[part]) for part in parts]
    mean_y = [np.average(y[part], weights=weights[part]) for part in parts]
    return np.array(mean_x), np.array(mean_y)


def normal_quantiles(values: Array, weights: Array) -> tuple[Array, Array, Array]:
    """Sorted values, the standard normal quantiles they stand against, and their probabilities.

    The probability of a value is the weight below it plus half its own, over the total: with equal
    weights (i - 1/2) / n.
    """
    order = np.argsort(values, kind="stable")
    w = weights[order]
    probability = (np.cumsum(w) - w / 2.0) / w.sum()
    return values[order], np.asarray(special.ndtri(probability)), probability


def draw_residuals(
    fitted: Array, residuals: Array, weights: Array, weighted: bool, unit: str, ax: Axes | None
) -> Axes:
    """Residuals against fitted values, with means in groups of equal size."""
    ax = one_axes(ax)
    ax.axhline(0.0, color=GREY, linewidth=0.9)
    _dots(ax, fitted, residuals)
    mean = "weighted mean" if weighted else "mean"
    ax.plot(
        *running_means(fitted, residuals, weights),
        color=WARM,
        linewidth=1.6,
        label=f"{mean} of neighbouring rows",
    )
    ax.legend(fontsize=8, frameon=False, labelcolor=INK)
    return dress(
        ax,
        "Residuals and fitted values",
        f"fitted value, random effects included (unit of {unit})",
        f"residual (unit of {unit})",
    )


def draw_qq(
    values: Array, weights: Array, weighted: bool, title: str, y: str, ax: Axes | None
) -> Axes:
    """Values against standard normal quantiles, with the line through their quartiles."""
    ax = one_axes(ax, 5.2, 4.2)
    ordered, quantiles, probability = normal_quantiles(values, weights)
    quartiles = np.interp([0.25, 0.75], probability, ordered)
    slope = (quartiles[1] - quartiles[0]) / (2.0 * special.ndtri(0.75))
    middle = quartiles.mean()
    ends = np.array([quantiles[0], quantiles[-1]])
    ax.plot(ends, middle + slope * ends, color=WARM, linewidth=1.2, label="line through quartiles")
    _dots(ax, quantiles, ordered)
    ax.legend(fontsize=8, frameon=False, labelcolor=INK, loc="upper left")
    note = ", by weight" if weighted else ""
    return dress(ax, title, f"standard normal quantile{note}", y)


def _dots(ax: Axes, x: Array, y: Array) -> None:
    many = x.size > MANY
    ax.plot(
        x,
        y,
        linestyle="none",
        marker="o",
        markersize=2.5 if many else 4.0,
        markeredgewidth=0.0,
        alpha=0.25 if many else 0.6,
        color=ACCENT,
        rasterized=many,
    )
