"""Ways to write the same data otherwise: new ids, names, copies of groups."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import count
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from wemix_ref.hunt.labels import plain_ids
from wemix_ref.hunt.model import Model, conditional_weights, group_codes

__all__ = ["copied", "relabelled", "renamed", "split_in_two", "written_out"]


def relabelled(model: Model, level: int, rng: np.random.Generator | None = None) -> Model:
    """Give every group of a level an id of its own, a text without marks.

    Parameters
    ----------
    level : int
        Place in ``model.groups``.
    rng : numpy.random.Generator or None
        Puts the new ids in random order; None keeps the order of the old ones.
    """
    codes = group_codes(model)[:, level]
    name = model.groups[level]
    groups = int(codes.max()) + 1
    if rng is not None:
        order = rng.permutation(groups)
    else:
        # by the old id first, and by where it first stands for ids that come again
        first = pd.DataFrame({"id": model.data[name], "code": codes}).drop_duplicates("code")
        order = np.empty(groups, dtype=np.int64)
        order[first.sort_values(["id", "code"])["code"].to_numpy()] = np.arange(groups)
    labels = np.array(plain_ids(groups, level), dtype=object)[order]
    return replace(model, data=model.data.assign(**{name: labels[codes]}))


def renamed(model: Model, names: dict[str, str]) -> Model:
    """Rename columns; names that are not given stay."""

    def new(name: str) -> str:
        return names.get(name, name)

    return replace(
        model,
        data=model.data.rename(columns=names),
        response=new(model.response),
        covariates=tuple(new(name) for name in model.covariates),
        groups=tuple(new(name) for name in model.groups),
        slopes=tuple(None if name is None else new(name) for name in model.slopes),
        weights=None if model.weights is None else tuple(new(name) for name in model.weights),
    )


def _fresh(taken: pd.Series) -> Any:  # noqa: ANN401
    """An id that is not taken, of the same type."""
    if pd.api.types.is_numeric_dtype(taken):
        return taken.max() + 1
    texts = set(taken)
    return next(name for k in count(1) if (name := f"n{k:03d}") not in texts)


def copied(model: Model, level: int, code: int, times: int = 1) -> Model:
    """Append copies of one unit, with ids of their own for it and all groups within it.

    Parameters
    ----------
    level : int
        0 for a row, then the place in ``model.groups`` plus 1.
    code : int
        The row's position, or the group's number in `group_codes`.
    """
    if level == 0:
        rows = np.append(np.arange(len(model.data)), [code] * times)
        return model.with_rows(rows)
    codes = group_codes(model)
    inside = np.flatnonzero(codes[:, level - 1] == code)
    parts = [model.data]
    for _ in range(times):
        part = model.data.iloc[inside].copy()
        for place in range(level):
            name = model.groups[place]
            taken = pd.concat([one[name] for one in parts])
            for group in pd.unique(codes[inside, place]):
                fresh = _fresh(taken)
                here = codes[inside, place] == group
                part[name] = part[name].where(~here, fresh)
                taken = pd.concat([taken, pd.Series([fresh])])
        parts.append(part)
    return replace(model, data=pd.concat(parts, ignore_index=True).infer_objects())


def split_in_two(model: Model, level: int, code: int) -> Model:
    """Put two copies in a unit's place, each with half its unconditional weight and half below.

    Parameters
    ----------
    level, code : int
        As `copied` has them.
    """
    n = len(model.data)
    inside = np.arange(n) == code if level == 0 else group_codes(model)[:, level - 1] == code
    weights = model.unconditional()
    weights[inside, : level + 1] /= 2.0
    return copied(model.with_weights(weights), level, code)


def written_out(model: Model) -> Model:
    """Write every unit out as often as its conditional weight says; the result has no weights.

    Conditional weights must be whole numbers.
    """
    times = np.rint(conditional_weights(model)).astype(np.int64)
    plain = replace(model, weights=None, conditional=False)
    if model.weights is not None:
        plain = replace(plain, data=model.data.drop(columns=list(model.weights)))
    codes = group_codes(model)
    # copies of a unit lie within copies of the group above it: a tree of (row, path of copies)
    rows: list[int] = []
    paths: list[tuple[int, ...]] = []
    for row in range(len(model.data)):
        for path in _paths(times[row, ::-1]):
            rows.append(row)
            paths.append(path)
    data = plain.data.iloc[rows].reset_index(drop=True)
    taken_rows = np.array(rows)
    new = replace(plain, data=data)
    levels = len(model.groups)
    for place, name in enumerate(model.groups):
        depth = levels - place  # copies of the top group first in a path
        keys = [
            (int(codes[row, place]), *path[:depth]) for row, path in zip(rows, paths, strict=True)
        ]
        new = replace(new, data=new.data.assign(**{name: _ids_of(keys, model, place, taken_rows)}))
    return new


def _paths(times: Sequence[int] | NDArray[np.int64]) -> list[tuple[int, ...]]:
    paths: list[tuple[int, ...]] = [()]
    for number in times:
        paths = [(*path, k) for path in paths for k in range(int(number))]
    return paths


def _ids_of(
    keys: list[tuple[int, ...]], model: Model, place: int, rows: NDArray[np.int64]
) -> NDArray[Any]:
    """The old id for each group's first copy, an id that is not taken for the others."""
    old = model.data[model.groups[place]]
    taken = old.copy()
    ids: dict[tuple[int, ...], Any] = {}
    for key, row in zip(keys, rows, strict=True):
        if key in ids:
            continue
        if any(key[1:]):
            fresh = _fresh(taken)
            taken = pd.concat([taken, pd.Series([fresh])])
            ids[key] = fresh
        else:
            ids[key] = old.iloc[row]
    return pd.Series([ids[key] for key in keys], dtype=object).infer_objects().to_numpy()
