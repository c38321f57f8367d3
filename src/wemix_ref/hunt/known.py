"""Divergences that are known, by what triggers them in a model."""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations

import pandas as pd

from wemix_ref.hunt.identities import Pair
from wemix_ref.hunt.model import Model, group_codes

__all__ = ["known_divergence"]


def _slash_numeric_ids(model: Model) -> bool:
    """Ids that are numbers whose order as text is another, read through a slash, with weights."""
    if model.spelling != "slash" or model.weights is None:
        return False
    for name in model.groups:
        column = model.data[name]
        if not pd.api.types.is_numeric_dtype(column):
            continue
        ids = sorted(column.unique())
        if sorted(str(value) for value in ids) != [str(value) for value in ids]:
            return True
    return False


def _group_name_prefix(model: Model) -> bool:
    """The name of a lower level begins that of an upper one."""
    return any(upper.startswith(lower) for lower, upper in combinations(model.groups, 2))


def _colon_ids(model: Model) -> bool:
    """Two groups whose ids, pasted with colons, are one text."""
    if model.spelling != "slash":
        return False
    codes = group_codes(model)
    for place in range(len(model.groups) - 1):
        columns = [model.data[name].astype(str) for name in model.groups[place:]]
        pasted = {":".join(ids) for ids in zip(*columns, strict=True)}
        if len(pasted) < codes[:, place].max() + 1:
            return True
    return False


def _dots(model: Model) -> bool:
    """A dot in the name of a variable whose slope is random."""
    return any(slope is not None and "." in slope for slope in model.slopes)


_KNOWN: dict[str, tuple[tuple[str, ...], tuple[str, ...], Callable[[Model], bool]]] = {
    # an error is none of it: WeMix has others for a slash
    "slash-numeric-ids": (("wemix",), ("another model",), _slash_numeric_ids),
    "group-name-prefix": (("wemix",), ("another model", "fails"), _group_name_prefix),
    "lme4-colon-ids": (
        ("wemix", "lme4", "lme4-weighted"),
        ("another model", "fails"),
        _colon_ids,
    ),
    "dots": (("wemix",), ("fails",), _dots),
    "four-level-relabel": (
        ("wemix",),
        ("standard errors",),
        lambda model: model.levels == 4,
    ),
}


def known_divergence(engine: str, kind: str, pair: Pair) -> str:
    """Name the known divergence whose trigger a finding has; the empty text where there is none.

    Parameters
    ----------
    engine : str
    kind : str
        Of the verdict.
    pair : Pair
        Where one of the two ways of writing the model has the trigger and the other has not, or
        both have it and give different answers.
    """
    for name, (engines, kinds, trigger) in _KNOWN.items():
        if engine in engines and kind in kinds and any(map(trigger, (pair.first, pair.second))):
            return name
    return ""
