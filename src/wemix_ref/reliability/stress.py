"""Data that cost digits: two-level designs, each with one thing that strains arithmetic."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from wemix_ref.hunt.models import stream

__all__ = ["Case", "Ill", "cases", "ill_posed"]

SLOPE, INTERCEPT = "y ~ x + (x|g)", "y ~ x + (1|g)"
_WEIGHTS = ("w1", "w2")
_OFFSET = "the offset over the spread of a slope column"
_WIDE = "the range of the weights within a sum of cross-products"
_LARGE = "the rows of a group: what is left of their sums without its effects"
_RATIO = "the ratio of the variances: what is left of y'y without the groups' effects"


@dataclass(frozen=True)
class Case:
    """Data and a model.

    Attributes
    ----------
    name : what strains arithmetic.
    weights : columns, None for none.
    full : the same written out row by row where `data` have weights for copies; None elsewhere.
    at : a theta to evaluate at, where the minimum is not what is asked about.
    cost : digits that it may cost by its condition. why : what conditions it.
    no_se : why the variances have no standard errors, in words of the fit's reason; empty where
        they have them.
    """

    name: str
    formula: str
    data: pd.DataFrame
    weights: tuple[str, ...] | None = _WEIGHTS
    full: pd.DataFrame | None = None
    at: tuple[float, ...] | None = None
    cost: float = 0.0
    why: str = ""
    no_se: str = ""


def base(rng: np.random.Generator, groups: int = 8, between: float = 2.0) -> pd.DataFrame:
    """Groups of four rows with clear variances; weights that vary at both levels."""
    n = 4 * groups
    g = np.repeat(np.arange(groups), 4)
    data = pd.DataFrame({"g": g, "x": np.round(rng.normal(size=n), 3)})
    data["z"] = np.round(rng.normal(size=n), 3)
    data["w2"] = rng.integers(1, 5, groups)[g] * 0.5
    data["w1"] = data["w2"] * rng.integers(1, 5, n) * 0.25
    u, v = between * rng.normal(size=groups), 1.5 * rng.normal(size=groups)
    data["noise"] = np.round(rng.normal(size=n), 3)
    data["y"] = np.round(1.0 + u[g] + (0.5 + v[g]) * data["x"], 3) + data["noise"]
    data["flat"] = np.round(1.0 + u[g] + 0.5 * data["x"], 3) + data["noise"]
    return data


def _offsets(data: pd.DataFrame) -> Iterator[Case]:
    yield Case("nothing, a slope", SLOPE, data)
    yield Case("nothing, an intercept", INTERCEPT, data)
    for power in (4, 6, 8):
        yield Case(f"y + 10^{power}", SLOPE, data.assign(y=data["y"] + 10.0**power))
    for power in (3, 5):
        moved = data.assign(x=data["x"] + 10.0**power)
        yield Case(f"slope column + 10^{power}", SLOPE, moved, cost=power, why=_OFFSET)
    both = data.assign(y=data["y"] + 1e8, x=data["x"] + 1e5)
    yield Case("y + 10^8 and slope column + 10^5", SLOPE, both, cost=5, why=_OFFSET)


def _scales(data: pd.DataFrame) -> Iterator[Case]:
    for power in (-8, -4, 4, 8):
        yield Case(f"slope column * 10^{power}", SLOPE, data.assign(x=data["x"] * 10.0**power))
    wide = data.assign(x=data["x"] * 1e-8, z=data["z"] * 1e8)
    yield Case("columns of X on 10^-8 and 10^8", "y ~ x + z + (1|g)", wide)
    for power in (-60, 60):
        yield Case(f"y * 10^{power}", INTERCEPT, data.assign(y=data["y"] * 10.0**power))
        apart = data.assign(y=data["y"] * 10.0**power, x=data["x"] * 10.0**-power)
        yield Case(f"y * 10^{power}, slope column * 10^{-power}", SLOPE, apart)


def _collinear(data: pd.DataFrame) -> Iterator[Case]:
    for power in (-3, -6, -9):
        near = data.assign(z=data["x"] + data["z"] * 10.0**power)
        name = f"columns of X 10^{power} apart"
        yield Case(name, "y ~ x + z + (1|g)", near, cost=-power, why="the condition of X")


def _weighted(data: pd.DataFrame, rng: np.random.Generator) -> Iterator[Case]:
    g, n = data["g"].to_numpy(), len(data)
    groups = int(g.max()) + 1
    rows = 10.0 ** np.linspace(-6.0, 6.0, n)[rng.permutation(n)]
    tops = 10.0 ** np.linspace(-6.0, 6.0, groups)[rng.permutation(groups)][g]
    yield Case(
        "level-1 weights over 12 decades",
        SLOPE,
        data.assign(w1=data["w2"] * rows),
        cost=12,
        why=_WIDE,
    )
    # a top weight multiplies what a group adds: sums of squares, from which nothing is taken
    yield Case("level-2 weights over 12 decades", SLOPE, data.assign(w1=tops, w2=tops))
    both = data.assign(w1=tops * rows, w2=tops)
    yield Case("both over 12 decades", INTERCEPT, both, cost=12, why=_WIDE)


def _ratios(data: pd.DataFrame, rng: np.random.Generator) -> Iterator[Case]:
    g = data["g"].to_numpy()
    u = rng.normal(size=int(g.max()) + 1)[g]
    for power in (4, 8):
        y = np.round(u * 10.0 ** (power / 2), 3) + data["noise"] + data["x"]
        name = f"variance ratio 10^{power}"
        yield Case(name, INTERCEPT, data.assign(y=y), cost=power, why=_RATIO)
    for power in (-4, -8):
        root = 10.0 ** (power / 2)
        # far below the minimum
        yield Case(
            f"variance ratio 10^{power}",
            INTERCEPT,
            data.assign(y=data["flat"]),
            at=(root,),
            no_se="not concave at this theta",
        )
    mean = data.groupby("g")["noise"].transform("mean")
    none = data.assign(y=np.round(data["noise"] - mean, 3) + data["x"], w1=1.0, w2=1.0)
    yield Case("a zero variance", INTERCEPT, none)
    near = np.round(data["flat"] - data["noise"], 3) + 1e-6 * data["noise"]
    yield Case("residual 10^-6 of the effects", INTERCEPT, data.assign(y=near), cost=12, why=_RATIO)


def _groups(data: pd.DataFrame) -> Iterator[Case]:
    single = data.assign(g=np.arange(len(data)))
    alone = single.assign(w2=1.0, w1=1.0)
    yield Case("one row per group", INTERCEPT, alone, at=(0.7,), no_se="do not identify it")
    yield Case("two top groups", INTERCEPT, data[data["g"] < 2])
    some = data[(data["g"] < 4) | (data.groupby("g").cumcount() == 0)]
    yield Case("half of the groups of one row", SLOPE, some.reset_index(drop=True))


def _large(rng: np.random.Generator, small: bool) -> Iterator[Case]:
    """Few groups, or rows, with the weight of many copies, and all of them written out."""
    for groups, copies in ((100, 10 if small else 1000),):
        data = base(rng, groups)
        full = pd.concat([data] * copies, ignore_index=True)
        full["g"] += groups * np.repeat(np.arange(copies), len(data))
        weighted = data.assign(w1=float(copies), w2=float(copies))
        name = f"{groups * copies} groups, written out"
        yield Case(name, SLOPE, weighted, full=full)
    data = base(rng, 8)
    copies = 1000 if small else 250_000
    times = np.where(data["g"] == 0, copies, 1)
    full = data.loc[np.repeat(data.index, times)].reset_index(drop=True)
    weighted = data.assign(w1=times.astype(float), w2=1.0)
    name, cost = f"a group of {4 * copies} rows, written out", float(np.log10(4 * copies))
    yield Case(name, SLOPE, weighted, full=full, cost=cost, why=_LARGE)


def cases(seed: int, *, small: bool = False) -> list[Case]:
    """All cases of a seed; `small` keeps those of many rows small."""
    rng = stream(seed, 0)
    data = base(rng)
    return [
        *_offsets(data),
        *_scales(data),
        *_collinear(data),
        *_weighted(data, rng),
        *_ratios(data, rng),
        *_groups(data),
        *_large(rng, small),
    ]


#: The class and words of what several must be told.
_DEPENDENT = ("RankError", "depends on the columns before: 'z'")
_EXACT = ("ModelError", "the random effects fit it exactly")


@dataclass(frozen=True)
class Ill:
    """Input that has no good answer; it must be told of.

    Attributes
    ----------
    kind, words : class of the error or warning that must come, and what it must say.
    """

    name: str
    formula: str
    change: Callable[[pd.DataFrame], pd.DataFrame]
    kind: str
    words: str
    weights: tuple[str, ...] | None = None


def ill_posed() -> tuple[Ill, ...]:
    """All of them, as changes of `base`."""

    def column(**values: Any) -> Callable[[pd.DataFrame], pd.DataFrame]:  # noqa: ANN401
        return lambda data: data.assign(**values)

    xz, decades = "y ~ x + z + (1|g)", np.linspace(-150.0, 150.0, 32)
    return (
        Ill("columns of X equal", xz, column(z=lambda d: d["x"]), *_DEPENDENT),
        Ill(
            "columns of X 10^-13 apart",
            xz,
            column(z=lambda d: d["x"] + 1e-13 * d["z"]),
            *_DEPENDENT,
        ),
        Ill(
            "columns of X 10^-11 apart",
            xz,
            column(z=lambda d: d["x"] + 1e-11 * d["z"]),
            *_DEPENDENT,
        ),
        Ill(
            "y is a combination of X",
            INTERCEPT,
            column(y=lambda d: 2.0 * d["x"] + 3.0),
            "ModelError",
            "columns of X fit it exactly",
        ),
        Ill(
            "y is X and group effects",
            INTERCEPT,
            column(y=lambda d: 2.0 * d["x"] + d["g"]),
            *_EXACT,
        ),
        Ill(
            "y constant",
            INTERCEPT,
            column(y=lambda d: 0.0 * d["y"] + 5.0),
            "DataError",
            "the response must vary",
        ),
        Ill(
            "y varies in its last digit",
            INTERCEPT,
            column(y=lambda d: 1e17 + 16.0 * d["g"]),
            *_EXACT,
        ),
        Ill(
            "y + 10^15",
            INTERCEPT,
            column(y=lambda d: d["y"] + 1e15),
            "DesignWarning",
            "few of its digits tell rows apart",
        ),
        Ill("slope column + 10^14", SLOPE, column(x=lambda d: d["x"] + 1e14), "RankError", "'x'"),
        Ill(
            "one row per group",
            INTERCEPT,
            column(g=lambda d: np.arange(len(d))),
            "DesignWarning",
            "single row",
        ),
        Ill("one top group", INTERCEPT, column(g=0), "ModelError", "at least two groups"),
        Ill(
            "fewer rows than columns of X",
            "y ~ factor(z) + (1|g)",
            lambda d: d.head(8),
            "ModelError",
            "8 rows and 8 columns",
        ),
        Ill(
            "a slope of a constant column",
            SLOPE.replace("x +", "1 +"),
            column(x=7.0),
            "DesignWarning",
            "columns are constant",
        ),
        Ill(
            "two levels that group alike",
            "y ~ x + (1|g) + (1|z)",
            column(z=lambda d: d["g"]),
            "DesignWarning",
            "group the rows alike",
        ),
        Ill(
            "a zero variance",
            INTERCEPT,
            column(y=lambda d: d["noise"] - d.groupby("g")["noise"].transform("mean")),
            "SingularFitWarning",
            "a variance is zero",
        ),
        Ill(
            "weights of zero",
            INTERCEPT,
            column(w1=lambda d: 0.0 * d["w1"]),
            "WeightsError",
            "zero in 32 of 32 rows",
            _WEIGHTS,
        ),
        Ill(
            "a negative weight",
            INTERCEPT,
            column(w1=lambda d: d["w1"] - 1.0),
            "WeightsError",
            "it is negative",
            _WEIGHTS,
        ),
        Ill(
            "weights over 300 decades",
            INTERCEPT,
            column(w1=10.0**decades, w2=1.0),
            "WeightsError",
            "between 1e-60 and 1e+60",
            _WEIGHTS,
        ),
        Ill(
            "weights over 30 decades",
            INTERCEPT,
            column(w1=10.0 ** (decades / 10), w2=1.0),
            "WeightsWarning",
            "less than rounding",
            _WEIGHTS,
        ),
        Ill(
            "weights over 12 decades",
            INTERCEPT,
            column(w1=10.0 ** (decades / 25), w2=1.0),
            "WeightsWarning",
            "12 of 16 digits",
            _WEIGHTS,
        ),
        Ill(
            "y * 10^200, whose square overflows",
            INTERCEPT,
            column(y=lambda d: d["y"] * 1e200),
            "DataError",
            "does not: 'y' (",
        ),
        Ill(
            "y * 10^-200, whose square underflows",
            INTERCEPT,
            column(y=lambda d: d["y"] * 1e-200),
            "DataError",
            "does not: 'y' (",
        ),
        Ill(
            "slope column * 10^200",
            SLOPE,
            column(x=lambda d: d["x"] * 1e200),
            "DataError",
            "does not: 'x' (",
        ),
        Ill(
            "slope column * 10^-200",
            SLOPE,
            column(x=lambda d: d["x"] * 1e-200),
            "DataError",
            "does not: 'x' (",
        ),
        Ill(
            "y infinite",
            INTERCEPT,
            column(y=lambda d: d["y"].where(d["g"] > 0, np.inf)),
            "DataError",
            "not finite on 4",
        ),
        Ill(
            "y missing",
            INTERCEPT,
            column(y=lambda d: d["y"].where(d["g"] > 0)),
            "DroppedRowsWarning",
            "4 of 32 rows",
        ),
    )
