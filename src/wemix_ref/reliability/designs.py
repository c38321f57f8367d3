"""Random designs: what a design is made from, as plain choices, and the model that it makes.

A `Shape` is all that is chosen of a design, so that a generator of random numbers and a strategy
of Hypothesis can choose alike; `design_of` makes the model, which depends on its shape alone.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import accumulate
from typing import Any, cast

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from wemix_ref.hunt.labels import ID_KINDS, ids, ids_within
from wemix_ref.hunt.model import Model, conditional_weights, times_above
from wemix_ref.hunt.models import stream

__all__ = [
    "FACTORS",
    "FORMS",
    "KINDS",
    "WEIGHTS",
    "Shape",
    "Wide",
    "design_of",
    "random_shape",
]

#: Random parts of a level: an intercept, a slope with it, alone, uncorrelated, by a factor.
FORMS = ("1", "x", "0 + x", "x||", "f")
#: Ids of a level's groups.
KINDS = (*ID_KINDS, "negative", "halves", "accents", "restarted")
#: Factors of the fixed part: none, of texts, of numbers as ordered categories, of truth values.
FACTORS = ("none", "texts", "categories", "truth")
#: Conditional weights of a level: ones, whole numbers, real ones, over six decades.
WEIGHTS = ("one", "whole", "real", "decades")

_GROUPS = ("g2", "g3", "g4", "g5")
_FACTOR = "f"
_DIAGONAL, _BELOW = (0.6, 0.9, 0.7, 1.1, 0.8, 0.5), 0.15
_MARKS = ("é", " ", "/", ":", "ß", "\\", "'", "`", "日", "#")


@dataclass(frozen=True)
class Shape:
    """What is chosen of a design.

    Attributes
    ----------
    number : of the stream of random numbers from which the values come.
    tops : number of top groups. most : the most members of a group.
    singletons : whether some groups have one member.
    covariates : how many vary among rows. upper : whether one more is constant in groups.
    factor : of `FACTORS`, in the fixed part.
    forms, kinds : of `FORMS` and `KINDS`, by level of groups, lowest first.
    weights : of `WEIGHTS`, by level, rows first; empty without weights.
    conditional : whether the weights are given as conditional ones.
    scale : of all unconditional weights. unit : of y. at : mean of y in standard deviations.
    """

    number: int
    tops: int
    most: int
    singletons: bool
    covariates: int
    upper: bool
    factor: str
    forms: tuple[str, ...]
    kinds: tuple[str, ...]
    weights: tuple[str, ...]
    conditional: bool = False
    scale: float = 1.0
    unit: float = 1.0
    at: float = 0.0


@dataclass(frozen=True)
class Wide(Model):
    """A model with more in it: a factor, other random parts, other columns in the fixed part.

    Attributes
    ----------
    forms : of `FORMS`, by level of groups, lowest first; ``slopes`` has their covariates.
    factor : name of the factor's column, None without one.
    fixed : columns of the fixed part; None for the covariates.
    colons : whether groups are written ``a:b``, read within those above. With ``spelling`` slash,
        which all forms must share, they are read so as well.
    """

    forms: tuple[str, ...] = ()
    factor: str | None = None
    fixed: tuple[str, ...] | None = None
    colons: bool = False

    @property
    def formula(self) -> str:
        """The model as lme4's syntax has it."""
        columns = self.covariates if self.fixed is None else self.fixed
        fixed = [*columns, *([] if self.factor is None else [self.factor])]
        if self.spelling == "slash":
            effects = self._effects(self.forms[0], self.slopes[0])
            nested = f"({effects}|{'/'.join(reversed(self.groups))})"
            return f"{self.response} ~ {' + '.join([*(fixed or ['1']), nested])}"
        groups = [
            ":".join(reversed(self.groups[k:])) if self.colons else name
            for k, name in enumerate(self.groups)
        ]
        bars = [
            f"({self._effects(form, slope)}|{group})"
            for form, slope, group in zip(self.forms, self.slopes, groups, strict=True)
        ]
        return f"{self.response} ~ {' + '.join([*(fixed or ['1']), *reversed(bars)])}"

    def _effects(self, form: str, slope: str | None) -> str:
        return {
            "1": "1",
            "x": f"{slope}",
            "0 + x": f"0 + {slope}",
            "x||": f"{slope}|",
            "f": f"{self.factor}",
        }[form]

    def common_theta(self) -> list[float]:
        """A theta within the parameter space, the same for all models of one form."""
        theta: list[float] = []
        for form in self.forms:
            q = 2 if form == "x" else 1
            if form == "f" and self.factor is not None:
                q = self.data[self.factor].nunique()
            for k in range(q):
                theta += [_DIAGONAL[len(theta) % len(_DIAGONAL)]] + [_BELOW] * (q - 1 - k)
            if form == "x||":
                theta.append(_DIAGONAL[len(theta) % len(_DIAGONAL)])
        return theta


def random_shape(seed: int, number: int) -> Shape:
    """Choose shape `number` of a seed; it depends on the seed and on the number alone."""
    rng = stream(seed, number)

    def one(values: tuple[str, ...], p: tuple[float, ...] | None = None) -> str:
        return str(rng.choice(values, p=p))

    groups = int(rng.choice([1, 2, 3, 4], p=(0.3, 0.35, 0.25, 0.1)))
    covariates = int(rng.integers(3))
    factor = one(FACTORS, (0.5, 0.2, 0.15, 0.15))
    sloped = one(FORMS, (0.35, 0.25, 0.1, 0.15, 0.15))
    forms = ["1"] * groups
    if (sloped == "f" and factor != "none") or (sloped != "f" and covariates):
        forms[int(rng.integers(groups))] = sloped
    if covariates and groups == 2 and rng.random() < 0.3:
        forms = ["x", "x"]
    kinds = [one(KINDS) for _ in range(groups)]
    if rng.random() < 0.3:
        weights: tuple[str, ...] = ()
    elif rng.random() < 0.5:
        weights = tuple(one(("one", "whole")) for _ in range(groups + 1))
    else:
        weights = tuple(one(WEIGHTS, (0.25, 0.15, 0.5, 0.1)) for _ in range(groups + 1))
    return Shape(
        number=seed * 1_000_003 + number,
        tops=int(rng.integers(6, 13)) if groups == 1 else int(rng.integers(4, 9 - groups)),
        most=6 if groups == 1 else 5 - groups if groups < 4 else 2,
        singletons=bool(rng.random() < 0.3),
        covariates=covariates,
        upper=bool(rng.random() < 0.3),
        factor=factor,
        forms=tuple(forms),
        kinds=tuple(kinds),
        weights=weights,
        conditional=bool(weights) and bool(rng.random() < 0.3),
        scale=float(rng.choice([1.0, 1e-5, 0.37, 1000.0], p=[0.7, 0.1, 0.1, 0.1])),
        unit=float(rng.choice([1e-3, 1.0, 1e3], p=[0.2, 0.6, 0.2])),
        at=float(rng.choice([0.0, 10.0, -100.0], p=[0.5, 0.3, 0.2])),
    )


def design_of(shape: Shape) -> Wide:
    """Make the model of a shape."""
    rng = stream(shape.number, 0)
    parents, below = _tree(shape, rng)
    codes = list(accumulate(parents, lambda code, parent: parent[code], initial=below))
    names = _GROUPS[: len(codes)]
    n = below.size
    columns: dict[str, NDArray[np.float64]] = {
        name: np.round(rng.normal(size=n), 3) for name in ("x", "z")[: shape.covariates]
    }
    if shape.upper:
        columns["u"] = np.round(rng.normal(size=int(below.max()) + 1), 3)[below]
    x = next(iter(columns.values())) if shape.covariates else np.zeros(n)
    slopes = tuple("x" if form in ("x", "0 + x", "x||") else None for form in shape.forms)
    y = rng.normal(size=n) + shape.at
    for column in columns.values():
        y = y + rng.normal() * column
    for code, slope in zip(codes, slopes, strict=True):
        groups = int(code.max()) + 1
        y = y + float(rng.choice([0.0, 0.5, 1.0, 2.0])) * rng.normal(size=groups)[code]
        y = y + 0.7 * rng.normal(size=groups)[code] * (x if slope else 0.0)
    data = pd.DataFrame({"y": np.round(y, 4) * shape.unit, **columns})
    factor = None
    if shape.factor != "none":
        factor = _FACTOR
        data[factor] = _factor(shape.factor, n, rng)
    for k, name in enumerate(names):
        label = _ids(shape.kinds[k], codes[k], parents[k] if k < len(parents) else None, rng)
        data[name] = pd.Series(label, dtype=object).iloc[codes[k]].infer_objects().to_numpy()
    restarted = any(kind == "restarted" for kind in shape.kinds[:-1])
    model = Wide(
        shape.number, 0, data, "y", tuple(columns), names, slopes, "plus", None,
        forms=shape.forms, factor=factor, colons=restarted,
    )  # fmt: skip
    whole: Model = model
    if shape.weights:
        whole = whole.with_weights(_weights(shape, codes, rng))
        if shape.conditional:
            whole = replace(whole.with_weights(conditional_weights(whole)), conditional=True)
    return cast(Wide, whole.with_rows(rng.permutation(n)))


def _tree(
    shape: Shape, rng: np.random.Generator
) -> tuple[list[NDArray[np.intp]], NDArray[np.intp]]:
    """Parents of the groups of levels 2, 3, .. and the level-2 group of each row."""
    parents: list[NDArray[np.intp]] = []
    count = shape.tops
    for _ in range(len(shape.forms) - 1):
        sizes = rng.integers(1, shape.most + 1, size=count)
        sizes[0] = max(shape.most, 2)
        parents.insert(0, np.repeat(np.arange(count), sizes))
        count = int(sizes.sum())
    sizes = rng.integers(2, max(shape.most, 3) + 1, size=count)
    if shape.singletons:
        sizes[rng.random(count) < 0.25] = 1
        sizes[0] = 4
    return parents, np.repeat(np.arange(count), sizes)


def _factor(kind: str, n: int, rng: np.random.Generator) -> Any:  # noqa: ANN401
    if kind == "truth":
        return np.resize([True, False], n)[rng.permutation(n)]
    values = np.resize(["a", "b b", "ç"] if kind == "texts" else ["1", "10", "9"], n)
    values = values[rng.permutation(n)]
    if kind == "categories":
        return pd.Categorical(values, categories=["9", "1", "10", "never"])
    return values.astype(object)


def _ids(
    kind: str, code: NDArray[np.intp], parent: NDArray[np.intp] | None, rng: np.random.Generator
) -> list[object]:
    count = int(code.max()) + 1
    if kind == "restarted":
        return ids("numbers", count, rng) if parent is None else ids_within(kind, parent, rng)
    order = [int(k) for k in rng.permutation(count)]
    if kind == "negative":
        return [k - count // 2 for k in order]
    if kind == "halves":
        return [k / 2.0 for k in order]
    if kind == "accents":
        return [f"{_MARKS[k % len(_MARKS)]}{k}{_MARKS[k // len(_MARKS) % 7]}" for k in order]
    return ids(kind, count, rng)


def _weights(
    shape: Shape, codes: list[NDArray[np.intp]], rng: np.random.Generator
) -> NDArray[np.float64]:
    """Unconditional weights, shape (rows, levels)."""
    n = codes[0].size
    columns = []
    for kind, code in zip(shape.weights, [np.arange(n), *codes], strict=True):
        groups = int(code.max()) + 1
        drawn = {
            "one": np.ones(groups),
            "whole": rng.integers(1, 3, size=groups).astype(float),
            "real": np.round(rng.uniform(0.4, 3.0, size=groups), 2),
            "decades": 10.0 ** rng.uniform(-3.0, 3.0, size=groups),
        }[kind]
        columns.append(drawn[code])
    columns[-1] = columns[-1] * shape.scale
    return times_above(np.column_stack(columns))
