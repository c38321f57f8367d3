"""The profiled deviance of each element of theta, as zeta or as it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from wemix_ref.lazily import Lazy
from wemix_ref.plots.figure import ACCENT, GREY, INK, WARM, dress, one_axes
from wemix_ref.theta_profile import ThetaProfile

if TYPE_CHECKING:
    from matplotlib.axes import Axes

if TYPE_CHECKING:
    from scipy import special
else:
    special = Lazy("scipy.special")

__all__ = ["NO_CUTOFF", "draw_profile"]

NO_CUTOFF = "weighted: chi-square cut-offs\ndo not apply"


def draw_profile(
    profile: ThetaProfile, scale: str, criterion: str, cutoffs: bool, level: float, ax: Axes | None
) -> Axes:
    """Draw one profile.

    Parameters
    ----------
    scale : "zeta", the signed root, or "deviance".
    criterion : what the deviance is called: "deviance", "REML criterion", "pseudo-deviance".
    cutoffs : whether to draw where a likelihood-ratio test of `level` would cut.
    """
    ax = one_axes(ax, 4.6, 3.6)
    zeta = scale == "zeta"
    y = profile.zeta if zeta else profile.deviance
    lowest = 0.0 if zeta else float(profile.deviance.min())
    ax.axvline(profile.estimate, color=GREY, linewidth=0.8)
    if profile.slope > 0:
        straight = profile.slope * (profile.values - profile.estimate)
        ax.plot(
            profile.values,
            straight if zeta else lowest + straight**2,
            color=GREY,
            linewidth=1.0,
            linestyle=(0, (4, 3)),
            label="if it were a parabola",
        )
    ax.plot(profile.values, y, color=ACCENT, linewidth=1.7, marker=".", markersize=4)
    z = float(special.ndtri(0.5 + level / 2.0))
    for cut in ([-z, z] if zeta else [lowest + z**2]) if cutoffs else []:
        ax.axhline(cut, color=WARM, linewidth=0.9, linestyle=":")
    if cutoffs:
        ax.plot(
            [], [], color=WARM, linewidth=0.9, linestyle=":", label=f"{100 * level:g} % cut-off"
        )
    else:
        ax.plot([], [], " ", label=NO_CUTOFF)
    if zeta:
        ax.axhline(0.0, color=GREY, linewidth=0.8)
    # the parabola may leave the picture, the profile may not
    room = 0.06 * float(np.ptp(y)) or 1.0
    ax.set_ylim(float(y.min()) - room, float(y.max()) + room)
    ax.legend(fontsize=7.5, labelcolor=INK, loc="best", edgecolor="none", framealpha=0.85)
    return dress(
        ax,
        profile.name,
        "theta (relative to sigma)",
        f"zeta, signed root of the {criterion}" if zeta else criterion,
    )
