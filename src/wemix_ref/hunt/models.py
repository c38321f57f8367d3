"""Small random models: model i of a seed depends on the seed and on i alone."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from wemix_ref.hunt.labels import (
    COVARIATE_NAMES,
    GROUP_NAMES,
    ID_KINDS,
    PLAIN_WEIGHTS,
    WITHIN_KINDS,
    colon_tops,
    ids,
    ids_within,
)
from wemix_ref.hunt.model import Model, Spelling, times_above

__all__ = ["random_model", "stream"]

#: Shares of two, three and four levels.
_LEVELS = (0.35, 0.45, 0.2)


def stream(seed: int, number: int, *key: int) -> np.random.Generator:
    """A stream of random numbers of its own for a seed, a model and a key."""
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(number, *key)))


def random_model(
    seed: int, number: int, *, weighted: bool = True, levels: int | None = None
) -> Model:
    """Make model `number` of a seed.

    Parameters
    ----------
    seed, number : int
        Not negative.
    weighted : bool
        Whether it may have sampling weights; what is drawn otherwise does not depend on this.
    levels : int or None
        2, 3 or 4 for models of so many levels alone.
    """
    rng = stream(seed, number)
    drawn = int(rng.choice([2, 3, 4], p=_LEVELS))
    levels = drawn if levels is None else levels
    parents, below = _tree(levels, rng)
    names = GROUP_NAMES[int(rng.integers(len(GROUP_NAMES)))][: levels - 1]
    covariates = COVARIATE_NAMES[int(rng.integers(len(COVARIATE_NAMES)))][: int(rng.integers(3))]
    slopes = _slopes(levels, covariates, rng)
    slash = len(set(slopes)) == 1 and levels > 2 and rng.random() < 0.6
    spelling: Spelling = "slash" if slash else "plus"
    labels = _labels(parents, spelling, rng)

    n = below.size
    data = pd.DataFrame(index=range(n))
    x = {name: _covariate(n, rng) for name in covariates}
    codes = [below]
    for level in range(levels - 2):
        codes.append(parents[level][codes[-1]])
    data["y"] = _response(codes, x, slopes, rng)
    data = data.assign(**x)
    for name, code, label in zip(names, codes, labels, strict=True):
        data[name] = pd.Series(label, dtype=object).iloc[code].infer_objects().to_numpy()
    weights = _weights(codes, rng)
    model = Model(seed, number, data, "y", covariates, names, slopes, spelling, None)
    if weighted and weights is not None:
        model = model.with_weights(weights)
        assert model.weights == PLAIN_WEIGHTS[:levels]
    return model.with_rows(_row_order(n, rng))


def _tree(levels: int, rng: np.random.Generator) -> tuple[list[np.ndarray], np.ndarray]:
    """Parents of the groups of levels 2, 3, .. and the level-2 group of each row."""
    most = {2: 0, 3: 4, 4: 3}[levels]
    count = int(rng.integers(6, 13)) if levels == 2 else int(rng.integers(4, 8))
    parents: list[np.ndarray] = []
    for _ in range(levels - 2):
        sizes = rng.integers(1, most + 1, size=count)
        sizes[0] = most
        parents.insert(0, np.repeat(np.arange(count), sizes))
        count = int(sizes.sum())
    sizes = rng.integers(2, 6 if levels < 4 else 4, size=count)
    if rng.random() < 0.2:
        sizes[-1] = 1
    return parents, np.repeat(np.arange(count), sizes)


def _slopes(
    levels: int, covariates: tuple[str, ...], rng: np.random.Generator
) -> tuple[str | None, ...]:
    kind = rng.random()
    if not covariates or kind < 0.6:
        return (None,) * (levels - 1)
    if kind < 0.75 and levels < 4:
        return (covariates[0],) * (levels - 1)
    place = int(rng.integers(levels - 1))
    return tuple(covariates[-1] if level == place else None for level in range(levels - 1))


def _labels(
    parents: list[np.ndarray], spelling: Spelling, rng: np.random.Generator
) -> list[list[object]]:
    """Ids of every level's groups, lowest level first."""
    counts = [own.size for own in parents]
    top = int(parents[-1].max()) + 1 if parents else 0
    within = spelling == "slash" and rng.random() < 0.4
    if within:
        kind = WITHIN_KINDS[int(rng.integers(len(WITHIN_KINDS)))]
        lower = [ids_within(kind, own, rng) for own in parents]
        upper = colon_tops(top, rng) if kind == "colons" else ids("numbers", top, rng)
        return [*lower, upper]
    if not parents:
        return [ids(_kind(rng), 64, rng)]
    one = _kind(rng) if rng.random() < 0.6 else None
    return [ids(one or _kind(rng), count, rng) for count in (*counts, top)]


def _kind(rng: np.random.Generator) -> str:
    return ID_KINDS[int(rng.integers(len(ID_KINDS)))]


def _covariate(n: int, rng: np.random.Generator) -> np.ndarray:
    scale = float(rng.choice([0.1, 1.0, 10.0]))
    return np.round(rng.normal(size=n), 3) * scale


def _response(
    codes: list[np.ndarray],
    x: dict[str, np.ndarray],
    slopes: tuple[str | None, ...],
    rng: np.random.Generator,
) -> np.ndarray:
    n = codes[0].size
    y = rng.normal(size=n)
    for column in x.values():
        y = y + rng.normal() * column / max(float(np.std(column)), 1e-12)
    for code, slope in zip(codes, slopes, strict=True):
        groups = int(code.max()) + 1
        sd = float(rng.choice([0.0, 0.5, 1.0, 2.0], p=[0.1, 0.3, 0.3, 0.3]))
        y = y + sd * rng.normal(size=groups)[code]
        if slope is not None:
            spread = max(float(np.std(x[slope])), 1e-12)
            y = y + 0.7 * rng.normal(size=groups)[code] * x[slope] / spread
    y = y + float(rng.choice([0.0, 10.0, -100.0], p=[0.5, 0.3, 0.2]))
    scale = float(rng.choice([1e-3, 1.0, 1.0, 1e3]))
    return np.round(y, 4) * scale


def _weights(codes: list[np.ndarray], rng: np.random.Generator) -> NDArray[np.float64] | None:
    """Unconditional weights, shape (rows, levels), or None for an unweighted model."""
    kind = rng.choice(["none", "whole", "real", "one-level"], p=[0.15, 0.3, 0.35, 0.2])
    n = codes[0].size
    levels = len(codes) + 1
    conditional = np.ones((n, levels))
    only = int(rng.integers(levels))
    for level, code in enumerate([np.arange(n), *codes]):
        groups = int(code.max()) + 1
        whole = rng.integers(1, 3 if levels == 4 else 4, size=groups).astype(float)
        real = np.round(rng.uniform(1.0, 3.0, size=groups), 2)
        values = real if kind == "real" else whole
        if kind != "one-level" or level == only:
            conditional[:, level] = values[code]
    scale = float(rng.choice([1.0, 1e-5, 0.37, 1000.0], p=[0.7, 0.1, 0.1, 0.1]))
    if kind == "none":
        return None
    conditional[:, -1] *= scale
    return times_above(conditional)


def _row_order(n: int, rng: np.random.Generator) -> np.ndarray:
    kind = rng.choice(["as made", "reversed", "shuffled"], p=[0.3, 0.1, 0.6])
    shuffled = rng.permutation(n)
    if kind == "shuffled":
        return shuffled
    return np.arange(n)[::-1] if kind == "reversed" else np.arange(n)
