"""Ways to make a model plainer or smaller; each keeps it a model of its kind."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from wemix_ref.hunt.labels import (
    PLAIN_COVARIATES,
    PLAIN_GROUPS,
    PLAIN_RESPONSE,
    PLAIN_WEIGHTS,
)
from wemix_ref.hunt.model import Model, conditional_weights, group_codes, times_above
from wemix_ref.hunt.transforms import relabelled, renamed

__all__ = ["FEATURES", "REDUCTIONS", "reductions"]


def _no_dots(model: Model) -> Model:
    names = {str(name): str(name).replace(".", "_") for name in model.data}
    return renamed(model, names) if len(set(names.values())) == len(names) else model


def _plain_names(model: Model) -> Model:
    groups = dict(zip(model.groups, PLAIN_GROUPS, strict=False))
    return renamed(model, groups)


def _plain_columns(model: Model) -> Model:
    names = {model.response: PLAIN_RESPONSE}
    names |= dict(zip(model.covariates, PLAIN_COVARIATES, strict=False))
    names |= dict(zip(model.weights or (), PLAIN_WEIGHTS, strict=False))
    return renamed(model, names)


def _plain_ids(level: int) -> Callable[[Model], Model | None]:
    def plain(model: Model) -> Model | None:
        return relabelled(model, level) if level < len(model.groups) else None

    return plain


def _plus(model: Model) -> Model | None:
    if model.spelling == "plus" or not model.is_unique():
        return None
    return replace(model, spelling="plus")


def _no_slopes(model: Model) -> Model:
    return replace(model, slopes=(None,) * len(model.groups))


def _no_weights(model: Model) -> Model:
    if model.weights is None:
        return model
    data = model.data.drop(columns=list(model.weights))
    return replace(model, data=data, weights=None, conditional=False)


def _level_unweighted(level: int) -> Callable[[Model], Model | None]:
    def unweighted(model: Model) -> Model | None:
        if model.weights is None or level >= model.levels:
            return None
        conditional = conditional_weights(model)
        conditional[:, level] = 1.0
        return model.with_weights(times_above(conditional))

    return unweighted


def _sorted_rows(model: Model) -> Model:
    codes = group_codes(model)
    return model.with_rows(np.lexsort(codes.T))


#: What a difference may need, in words, and how to do without; None or the same where it is plain.
FEATURES: dict[str, Callable[[Model], Model | None]] = {
    "dots in names": _no_dots,
    "names of groups": _plain_names,
    "names of columns": _plain_columns,
    **{f"ids of level {level + 2}": _plain_ids(level) for level in range(3)},
    "the slash": _plus,
    "random slopes": _no_slopes,
    "weights": _no_weights,
    **{f"weights of level {level + 1}": _level_unweighted(level) for level in range(4)},
    "the order of the rows": _sorted_rows,
}


def _fewer_levels(model: Model) -> Iterator[Model]:
    if model.levels < 3:
        return
    for place in range(len(model.groups)):
        if model.spelling == "slash" and not model.is_unique() and place > 0:
            continue  # ids of the levels below are read within this one
        keep = [level for level in range(len(model.groups)) if level != place]
        conditional = conditional_weights(model)
        kept = conditional[:, [0, *(level + 1 for level in keep)]]
        fewer = replace(
            model,
            data=model.data.drop(columns=[model.groups[place], *(model.weights or ())]),
            groups=tuple(model.groups[level] for level in keep),
            slopes=tuple(model.slopes[level] for level in keep),
            weights=None,
            conditional=False,
        )
        if fewer.levels == 2:
            fewer = replace(fewer, spelling="plus")
        if model.weights is not None:
            fewer = fewer.with_weights(times_above(kept))
        yield fewer


def _fewer_groups(model: Model) -> Iterator[Model]:
    for level in reversed(range(len(model.groups))):
        yield from _fewer_units(model, group_codes(model)[:, level])


def _fewer_rows(model: Model) -> Iterator[Model]:
    yield from _fewer_units(model, np.arange(len(model.data)))


def _fewer_units(model: Model, codes: np.ndarray) -> Iterator[Model]:
    """Leave out a half, a quarter, .. of the units, then one at a time."""
    units = np.unique(codes)
    size = units.size // 2
    while size >= 1:
        for start in range(0, units.size, size):
            left = ~np.isin(codes, units[start : start + size])
            if left.any() and not left.all():
                smaller = model.with_rows(np.flatnonzero(left))
                if _can_be_fitted(smaller):
                    yield smaller
        size //= 2


def _can_be_fitted(model: Model) -> bool:
    """Three top groups, more the lower the level, and rows beyond the groups and covariates."""
    counts = [len(model.data), *(int(codes.max()) + 1 for codes in group_codes(model).T)]
    falling = all(lower > upper for lower, upper in pairwise(counts))
    return falling and counts[-1] >= 3 and counts[0] >= counts[1] + len(model.covariates) + 3


def _fewer_covariates(model: Model) -> Iterator[Model]:
    for name in model.covariates:
        if name not in model.slopes:
            yield replace(
                model,
                data=model.data.drop(columns=[name]),
                covariates=tuple(other for other in model.covariates if other != name),
            )


def _rounder(model: Model) -> Iterator[Model]:
    """Numbers that take fewer characters, and weights that are whole."""
    for name in (model.response, *model.covariates):
        values = model.data[name].to_numpy(dtype=float)
        spread = float(np.std(values))
        if spread == 0.0:
            continue
        for digits in (0, 1):
            new = np.round((values - np.mean(values)) / spread * 2.0, digits) + 0.0
            if np.unique(new).size > 2 and _characters(new) < _characters(values):
                yield replace(model, data=model.data.assign(**{name: new}))
    if model.weights is not None:
        conditional = conditional_weights(model)
        # in units of the smallest at the top, where a scale of all weights stands
        conditional[:, -1] /= conditional[:, -1].min()
        for digits in (0, 2):
            short = times_above(np.maximum(np.round(conditional, digits), 1.0))
            if _characters(short) < _characters(model.unconditional()):
                yield model.with_weights(short)


def _characters(values: NDArray[np.float64]) -> int:
    return sum(len(repr(float(value))) for value in values.ravel())


#: Ways to a model that is smaller in one respect, the largest steps first. Each ends: what it
#: makes smaller cannot fall for ever.
REDUCTIONS: tuple[Callable[[Model], Iterator[Model]], ...] = (
    _fewer_levels,
    _fewer_groups,
    _fewer_covariates,
    _fewer_rows,
    _rounder,
)


def reductions(model: Model) -> Iterator[Model]:
    """Models that are smaller in one respect."""
    for way in REDUCTIONS:
        yield from way(model)
