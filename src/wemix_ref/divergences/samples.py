"""The small data sets of the divergences, made by whole-number arithmetic: the same everywhere."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from string import ascii_uppercase
from types import MappingProxyType

import pandas as pd

__all__ = ["SAMPLES", "nested_sample"]

_MODULUS = 2**32


class _Stream:
    """A linear congruential generator: every step is exact."""

    def __init__(self, seed: int) -> None:
        self._state = seed

    def uniform(self) -> float:
        """Return a number in [0, 1)."""
        self._state = (1664525 * self._state + 1013904223) % _MODULUS
        return self._state / _MODULUS

    def bell(self) -> float:
        """Return a number with mean 0 and variance 1/2: six uniforms, added and centred."""
        return sum(self.uniform() for _ in range(6)) - 3.0

    def count(self, largest: int) -> int:
        """Return a whole number from 1 to `largest`."""
        return 1 + int(self.uniform() * largest)


def nested_sample(
    seed: int, sizes: Sequence[int], sds: Sequence[float], slope_sd: float = 0.0
) -> pd.DataFrame:
    """Draw a small nested sample with whole weights.

    Parameters
    ----------
    seed : where the stream starts.
    sizes : number of top groups, then of members of each group, down to the rows.
    sds : standard deviation of the effects of each level of groups, top first.
    slope_sd : standard deviation of the slope of x over the top groups.

    Returns
    -------
    DataFrame
        Ids ``gL`` ... ``g2`` counted from 1, ``x``, ``y`` (one decimal) and unconditional weights
        ``w1`` ... ``wL``; conditional ones are whole numbers from 1 to 3, so that every row and
        group can be written out as often as it counts.
    """
    stream, counted, rows = _Stream(seed), [0] * len(sizes), []

    def down(depth: int, ids: list[int], shift: float, tilt: float, weights: list[int]) -> None:
        if depth == len(sizes):
            x = round(2.0 * stream.bell(), 1)
            y = 10.0 + 0.5 * x + shift + tilt * x + 1.4 * stream.bell()
            rows.append([*ids, x, round(y, 1), *weights])
            return
        for _ in range(sizes[depth]):
            counted[depth] += 1
            own, extra_shift, extra_tilt = ids, 0.0, 0.0
            if depth < len(sizes) - 1:
                own = [*ids, counted[depth]]
                extra_shift = 1.4 * sds[depth] * stream.bell()
                if slope_sd and depth == 0:
                    extra_tilt = 1.4 * slope_sd * stream.bell()
            above = weights[0] if weights else 1
            counts = [above * stream.count(3), *weights]
            down(depth + 1, own, shift + extra_shift, tilt + extra_tilt, counts)

    down(0, [], 0.0, 0.0, [])
    levels = range(len(sizes), 1, -1)
    names = [f"g{level}" for level in levels]
    weights = [f"w{level}" for level in range(1, len(sizes) + 1)]
    return pd.DataFrame(rows, columns=[*names, "x", "y", *weights])


def _letters(ids: pd.Series) -> pd.Series:
    return ids.map(lambda number: ascii_uppercase[number - 1])


def _numbered(ids: pd.Series, stem: str) -> pd.Series:
    return ids.map(lambda number: f"{stem}{number:02d}")


def _two_level() -> pd.DataFrame:
    data = nested_sample(3, (8, 5), (1.2,), slope_sd=0.6).rename(columns={"g2": "g"})
    z = [round(3 * (row * 7 % 5) / 5, 1) for row in range(len(data))]
    return data.assign(g=_letters(data["g"]), z=z)


def _shuffled() -> pd.DataFrame:
    data = _two_level()
    return data.iloc[[row * 17 % 41 - 1 for row in range(1, 41)]].reset_index(drop=True)


def _conditional() -> pd.DataFrame:
    data = _two_level()
    return data.assign(w1=data["w1"] // data["w2"])


def _row_weights() -> pd.DataFrame:
    return _conditional().assign(w2=1)[["g", "x", "y", "w1", "w2"]]


def _tiny() -> pd.DataFrame:
    data = _two_level()
    second = 1.0 + 0.5 * (data.index == 1)
    w1, w2 = data["w1"] / 1e5, data["w2"] * second / 1e5
    return data.assign(w1=w1.round(6), w2=w2.round(6))


def _negative() -> pd.DataFrame:
    data = _two_level()
    return data.assign(w1=data["w1"] * (1 - 2 * (data.index == 4)))


def _numeric_ids() -> pd.DataFrame:
    return nested_sample(1, (11, 2, 3), (1.0, 0.8)).rename(columns={"g3": "sch", "g2": "tch"})


def _prefix() -> pd.DataFrame:
    data = nested_sample(2, (6, 3, 4), (1.6, 0.8)).rename(columns={"g3": "school", "g2": "sch"})
    return data.assign(school=_letters(data["school"]), sch=_numbered(data["sch"], "c"))


def _four_level() -> pd.DataFrame:
    data = nested_sample(4, (6, 2, 2, 3), (1.0, 1.2, 0.9))
    data = data.rename(columns={"g4": "a", "g3": "b", "g2": "c"})
    return data.assign(**{name: _numbered(data[name], name) for name in "abc"})


def _no_variance() -> pd.DataFrame:
    data = nested_sample(5, (6, 4), (0.0,)).rename(columns={"g2": "g"})
    return data.assign(g=_letters(data["g"]))


def _slopes() -> pd.DataFrame:
    data = nested_sample(7, (10, 6), (1.2,), slope_sd=0.8).rename(columns={"g2": "g"})
    return data.assign(g=_letters(data["g"]))[["g", "x", "y"]]


def _colons() -> pd.DataFrame:
    data = nested_sample(6, (6, 2, 4), (1.2, 1.0))[["g3", "g2", "x", "y"]]
    above = data.pop("g3").map(dict(enumerate(("1", "p:1", "q", "r", "s", "t"), start=1)))
    # "1" over "2:p" and "p:1" over "2" are two groups whose texts, pasted, are one
    below = data.pop("g2").map(lambda number: "2" if number % 2 else "2:p")
    return pd.DataFrame({"a": above, "b": below, **data})


#: The file of each data set and the function that makes it.
SAMPLES: Mapping[str, Callable[[], pd.DataFrame]] = MappingProxyType(
    {
        "colons.csv": _colons,
        "conditional.csv": _conditional,
        "four-level.csv": _four_level,
        "negative.csv": _negative,
        "no-variance.csv": _no_variance,
        "numeric-ids.csv": _numeric_ids,
        "prefix.csv": _prefix,
        "row-weights.csv": _row_weights,
        "shuffled.csv": _shuffled,
        "slopes.csv": _slopes,
        "tiny.csv": _tiny,
        "two-level.csv": _two_level,
    }
)
