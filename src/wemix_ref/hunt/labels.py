"""Ids of groups and names of columns, plain ones and awkward ones."""

from __future__ import annotations

import numpy as np
import pandas as pd

__all__ = [
    "COVARIATE_NAMES",
    "GROUP_NAMES",
    "ID_KINDS",
    "PLAIN_COVARIATES",
    "PLAIN_GROUPS",
    "PLAIN_RESPONSE",
    "PLAIN_WEIGHTS",
    "WITHIN_KINDS",
    "ids",
    "ids_within",
    "plain_ids",
]

PLAIN_RESPONSE = "y"
PLAIN_COVARIATES = ("x", "z")
PLAIN_GROUPS = ("tch", "sch", "dep")
PLAIN_WEIGHTS = ("w1", "w2", "w3", "w4")

#: Names of grouping columns, lowest level first.
GROUP_NAMES = (
    PLAIN_GROUPS,
    ("pupil", "class", "School"),
    ("id", "id_school", "id_school_area"),
    ("school_id_class", "school_id", "school"),
    ("g.2", "g.3", "g.4"),
    ("group", "GROUP", "Group"),
    ("site1", "site", "sit"),
)
COVARIATE_NAMES = (PLAIN_COVARIATES, ("x1", "x2"), ("x.1", "x.2"), ("age", "age_2"))

ID_KINDS = ("numbers", "gaps", "texts", "digits", "marks")
#: Ids that need not differ between the groups above.
WITHIN_KINDS = ("restarted", "colons")

_MARKS = (":", ".", "/", " ", "-", "_", "'")
_LOWER = ("2", "2:p", "2:q", "2:p:1", "r", "q:1")
_UPPER = ("1", "p:1", "q:1", "1:1", "p", "q")


def plain_ids(count: int, level: int) -> list[str]:
    """Texts of one length without marks, in text order."""
    return [f"{'abcd'[level]}{number:03d}" for number in range(count)]


def ids(kind: str, count: int, rng: np.random.Generator) -> list[object]:
    """Return `count` different ids of a kind, in random order.

    Parameters
    ----------
    kind : str
        ``numbers`` from 1; ``gaps``, numbers with some left out; ``texts``; ``digits``, numbers as
        text; ``marks``, texts with colons, dots, slashes, blanks.
    """
    order = rng.permutation(count)
    if kind == "numbers":
        return [int(k) + 1 for k in order]
    if kind == "gaps":
        return [int(k) * 7 + 3 for k in order]
    if kind == "digits":
        return [str(int(k) + 1) for k in order]
    if kind == "marks":
        return [f"{k}{_MARKS[int(k) % len(_MARKS)]}{int(k) // 3}" for k in order]
    return list(np.array(plain_ids(count, 3), dtype=object)[order])


def ids_within(kind: str, parents: np.ndarray, rng: np.random.Generator) -> list[object]:
    """Return ids that differ only within their parent, one for each group.

    Parameters
    ----------
    kind : str
        ``restarted``, numbers from 1 anew; ``colons``, few texts with colons in them.
    parents : ndarray of int, shape (groups,)
    """
    numbers = pd.Series(parents).groupby(parents).cumcount().to_numpy()
    if kind == "restarted":
        return [int(number) + 1 for number in numbers]
    chosen = {int(p): rng.permutation(len(_LOWER)) for p in np.unique(parents)}
    return [
        _LOWER[chosen[int(p)][k]] if k < len(_LOWER) else f"s{k}"
        for p, k in zip(parents, numbers, strict=True)
    ]


def colon_tops(count: int, rng: np.random.Generator) -> list[object]:
    """Ids of upper groups that, pasted to those of `ids_within`, may be one text."""
    names = [*_UPPER, *(f"t{k}" for k in range(count))][:count]
    return [names[int(k)] for k in rng.permutation(count)]
