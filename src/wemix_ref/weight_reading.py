"""Whether weights seem to have been read the wrong way round: conditional for unconditional.

Two facts tell the readings apart, where the weights tell at all.

1. An overall selection probability is never above that of the group, so an unconditional weight is
   never below its group's. Conditional weights know nothing of the group's and fall below it.
2. Unconditional weights stay above their group's weight wherever that goes. Conditional ones stay
   above it by chance alone, and with many groups of different weights that chance is small.

Both need weights that are still inverse probabilities; those rescaled to a mean of 1, say, are on
neither side of their group's for any reason. Where in doubt nothing is said.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from wemix_ref.errors import WeightsWarning
from wemix_ref.kernels_rows import count_below, group_extremes

__all__ = ["seem_conditional", "seem_unconditional", "warn_of_reading"]

Array = NDArray[np.float64]
Ints = NDArray[np.intp]

#: Weights that differ by less, relatively, count as equal: some are printed with few digits.
SAME = 1e-6
#: Share of members below their parent's weight from which on fact 1 counts as broken. Adjustment
#: for non-response and trimming put a few unconditional weights below, seldom so many.
BELOW = 0.2
#: Rank correlation with the parent's weight from which on weights below it count as unconditional
#: and adjusted, not conditional.
FOLLOWS = 0.5
#: Probability under chance from which on fact 2 is taken as no chance.
CHANCE = 1e-4
#: Share of groups that may lie below their parent's weight, by adjustment or trimming, in fact 2.
EXCEPTIONS = 0.02


def warn_of_reading(
    given: Sequence[Array],
    names: Sequence[str | None],
    groups: Sequence[str],
    parents: Sequence[Ints],
    conditional: bool,
    matters: Sequence[bool],
    stacklevel: int,
) -> None:
    """Warn once if the weights of some level seem to be of the other kind.

    Parameters
    ----------
    given : per level, level 1 first, (n_l,) weights as given.
    names : per level, their columns; None for a level without.
    groups : per level of groups, its name.
    parents : per step, (n_l,) the parent of each member.
    conditional : how the weights are read.
    matters : per step, whether the result depends on the reading there.
    stacklevel : of the warning.
    """
    found = []
    for step, parent in enumerate(parents):
        own, above = given[step], given[step + 1]
        if names[step] is None or names[step + 1] is None or not matters[step]:
            continue
        if conditional:
            if not seem_unconditional(own, above, parent):
                continue
            shown = f"in {np.unique(parent).size} groups they stay at or above the group's weight"
        else:
            if not seem_conditional(own, above, parent):
                continue
            below = count_below(own, parent, above * (1 - SAME))
            shown = f"{below} of {own.size} are below the group's weight"
        found.append(f"`{names[step]}` against `{names[step + 1]}` of `{groups[step]}`: {shown}")
    if not found:
        return
    if conditional:
        text = (
            "the weights were read as conditional on the selection of the group above, but seem to "
            f"be unconditional ({'; '.join(found)}, wherever that goes). If each is the inverse of "
            "an overall selection probability, leave conditional_weights out"
        )
    else:
        text = (
            "the weights were read as unconditional, but seem to be conditional on the selection "
            f"of the group above ({'; '.join(found)}, which no overall selection probability "
            "gives). If each is given the group above, pass conditional_weights=True; if they are "
            'unconditional but were rescaled since, pass scale="size" or scale="effective"'
        )
    warnings.warn(f"{text}. They are taken as read.", WeightsWarning, stacklevel=stacklevel)


def seem_conditional(own: Array, above: Array, parent: Ints) -> bool:
    """Whether weights that are read as unconditional seem to be conditional.

    So it is when at least a fifth lie below their group's weight, they do not follow it, and they
    are inverse probabilities (none below 1) or scaled to the group's size or effective size.

    Parameters
    ----------
    own : (n,) weights of the members; above : (G,) of the groups; parent : (n,) group of each.
    """
    if np.all(np.abs(above - 1) <= SAME):
        return False
    if count_below(own, parent, above * (1 - SAME)) / own.size < BELOW:
        return False
    count, total = np.bincount(parent), np.bincount(parent, own)
    with np.errstate(over="ignore"):
        square = np.bincount(parent, own * own)
    inverse = bool(np.all(own >= 1 - SAME))
    # size: sum w = n; effective: sum w = sum w^2
    scaled = any(np.all(np.abs(total - other) <= SAME * total) for other in (count, square))
    return (inverse or scaled) and not _follow(total / count, above)


def seem_unconditional(own: Array, above: Array, parent: Ints) -> bool:
    """Whether weights that are read as conditional seem to be unconditional.

    So it is when next to no group has a member below the group's weight, although with the groups'
    weights dealt out anew many would: with share q of all pairs (least member of g, weight of h)
    below, the number of groups below is then about binomial.

    Parameters
    ----------
    own : (n,) weights of the members; above : (G,) of the groups; parent : (n,) group of each.
    """
    from scipy.special import bdtr

    least, _ = group_extremes(parent, own, above.size)
    below = int((least < above * (1 - SAME)).sum())
    if below > EXCEPTIONS * above.size:
        return False
    # groups whose weight is above the least member's, over all pairs
    larger = above.size - np.searchsorted(np.sort(above * (1 - SAME)), least, side="right")
    q = float(larger.mean()) / above.size
    return bool(bdtr(below, above.size, q) < CHANCE)


def _follow(a: Array, b: Array) -> bool:
    """Whether the one is large where the other is, by Spearman's correlation; both must vary."""
    vary = all(np.ptp(one) > SAME * np.max(one) for one in (a, b))
    return vary and bool(np.corrcoef(pd.Series(a).rank(), pd.Series(b).rank())[0, 1] >= FOLLOWS)
