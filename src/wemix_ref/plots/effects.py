"""Caterpillar: conditional modes of one random effect, sorted, with intervals."""

from __future__ import annotations

from collections.abc import Sequence
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

__all__ = ["caterpillar_height", "draw_caterpillar"]

Array = NDArray[np.float64]

#: Up to so many groups are named.
NAMED = 45


def caterpillar_height(n_groups: int) -> float:
    """Height of a panel in inches: a line for each name where groups are named."""
    return 1.1 + 0.14 * max(n_groups, 8) if n_groups <= NAMED else 4.6


def draw_caterpillar(
    modes: Array, se: Array, labels: Sequence[str], level: float, title: str, ax: Axes | None
) -> Axes:
    """Modes with intervals mode -+ z se, lowest at the bottom.

    Intervals that leave out zero are drawn in a second colour.
    """
    ax = one_axes(ax, 5.2, caterpillar_height(modes.size))
    order = np.argsort(modes, kind="stable")
    half = special.ndtri(0.5 + level / 2.0) * se[order]
    centre, height = modes[order], np.arange(modes.size)
    apart = np.abs(centre) > half
    ax.axvline(0.0, color=GREY, linewidth=0.9)
    few = modes.size <= NAMED
    for mask, colour, name in ((~apart, ACCENT, "holds 0"), (apart, WARM, "leaves 0 out")):
        if mask.any():
            ax.errorbar(
                centre[mask],
                height[mask],
                xerr=half[mask],
                linestyle="none",
                marker="o",
                markersize=3.0 if few else 1.2,
                elinewidth=1.0 if few else 0.5,
                color=colour,
                label=name,
            )
    if few:
        ax.set_yticks(height, [labels[g] for g in order])
    else:
        ax.set_yticks([])
    ax.set_ylim(-0.8, modes.size - 0.2)
    ax.legend(
        fontsize=7.5, frameon=False, labelcolor=INK, loc="lower right", title="interval",
        title_fontsize=7.5,
    )  # fmt: skip
    dress(
        ax,
        title,
        f"conditional mode, {100 * level:g} % interval (mode ± z SE)",
        "" if few else f"{modes.size} groups, sorted",
    )
    ax.tick_params(axis="y", labelsize=7)
    return ax
