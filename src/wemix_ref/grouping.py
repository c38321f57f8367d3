"""Grouping factors: lme4's order of terms, and which factor is nested in which."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from wemix_ref.errors import NestingError, shown
from wemix_ref.formula import Bar, label_of
from wemix_ref.kernels_rows import nesting

__all__ = ["Grouping", "lme4_order", "nest"]

Ints = NDArray[np.intp]


@dataclass(frozen=True)
class Grouping:
    """One grouping factor with its random terms.

    Attributes
    ----------
    name : lme4's name.
    codes : (n,) group of each row; labels : (G,) ids.
    parent : (G,) group of the next factor up, None at the top.
    bars : the random terms on it, in lme4's order.
    """

    name: str
    codes: Ints
    labels: pd.Index
    parent: Ints | None
    bars: tuple[Bar, ...]


def lme4_order(n_groups: Sequence[int]) -> list[int]:
    """Order in which lme4 takes the random terms: by falling number of groups.

    Terms already in that order stay as they are; otherwise they are sorted, and terms with equally
    many groups then come in reverse. theta and VarCorr follow this order.

    Parameters
    ----------
    n_groups : number of groups of each term's factor, in the formula's order.
    """
    if all(a >= b for a, b in pairwise(n_groups)):
        return list(range(len(n_groups)))
    rising = sorted(range(len(n_groups)), key=lambda i: n_groups[i])
    return rising[::-1]


def nest(
    bars: Sequence[Bar], coded: Mapping[str, tuple[Ints, pd.Index]], weighted: bool
) -> list[Grouping]:
    """Order the grouping factors by nesting, lowest first, and find each group's parent.

    Two factors that group the rows alike are told apart by their names: ``b:a`` is below ``a``.
    Where that does not help the order is lme4's, which changes nothing unless there are weights.

    Parameters
    ----------
    bars : random terms in lme4's order.
    coded : factor name -> codes of the rows and labels of the groups.
    weighted : whether each level has weights of its own.

    Raises
    ------
    NestingError
        A group of one factor lies in two groups of the next, or, with weights, it cannot be told
        which of two factors is the lower.
    """
    parts = {bar.group_name: {label_of(factor) for factor in bar.group} for bar in bars}
    names = list(parts)
    # stable: what neither size nor name tells apart keeps lme4's order
    names.sort(key=lambda name: (-len(coded[name][1]), -len(parts[name])))
    for lower, upper in pairwise(names):
        alike = len(coded[lower][1]) == len(coded[upper][1])
        if weighted and alike and not parts[lower] > parts[upper]:
            raise NestingError(
                f"with weights it must be clear which grouping factor is the lower one; `{lower}` "
                f"and `{upper}` both have {len(coded[lower][1])} groups. If `{lower}` lies within "
                f"`{upper}`, write (1|{upper}/{lower}), or leave one of them out."
            )
    out: list[Grouping] = []
    for position, name in enumerate(names):
        codes, labels = coded[name]
        parent = None
        if position + 1 < len(names):
            parent = _parents(name, codes, labels, names[position + 1], *coded[names[position + 1]])
        mine = tuple(bar for bar in bars if bar.group_name == name)
        out.append(Grouping(name, codes, labels, parent, mine))
    return out


def _parents(
    lower: str, codes: Ints, labels: pd.Index, upper: str, upper_codes: Ints, upper_labels: pd.Index
) -> Ints:
    n_groups = len(labels)
    parent = nesting(codes, upper_codes, n_groups)
    if parent is None:
        first, last = np.full(n_groups, len(upper_labels)), np.full(n_groups, -1)
        np.minimum.at(first, codes, upper_codes)
        np.maximum.at(last, codes, upper_codes)
        split = np.flatnonzero(first != last)
        g = split[0]
        raise NestingError(
            f"grouping factors must be nested; {split.size} of {n_groups} groups of `{lower}` lie "
            f"in more than one group of `{upper}` (first: {shown(labels[g])}, in "
            f"{shown(upper_labels[first[g]])} and {shown(upper_labels[last[g]])}). If the ids of "
            f"one start anew within each group of the other, write the outer one first: "
            f"(1|{upper}/{lower}) where `{upper}` holds several `{lower}`, (1|{lower}/{upper}) "
            f"where `{lower}` holds several `{upper}`. Crossed factors are not fitted here."
        )
    return parent
