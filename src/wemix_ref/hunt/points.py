"""Numbers of two points held side by side: what the second must be, given the first."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from wemix_ref.hunt.expected import Expected, Pair

__all__ = ["BETA", "DEVIANCE", "SIGMA", "Point", "Size", "beta_pairs", "labels", "number", "told"]

Point = Mapping[str, Any]

#: Relative to |D| + W, for rounding in the sums: what `config/tolerances.yaml` gives a deviance.
DEVIANCE = 1e-10
#: Relative to the size of beta's parts and its standard error: normal equations square the
#: condition number of X, which is below 1e4 in models of a hunt.
BETA = 1e-8
SIGMA = 1e-9


class Size:
    """The deviance that is expected, and what of it may be rounding."""

    def __init__(self, pair: Pair) -> None:
        expected = pair.expected
        self.factor = expected.factor
        self.weight = pair.first.total_weight()
        self.shift = 2.0 * self.weight * math.log(abs(expected.y_scale))

    def expected(self, deviance: float) -> float:
        """The second deviance, given the first."""
        return self.factor * (deviance + self.shift)

    def room(self, deviance: float) -> float:
        """What of the second deviance may be rounding, given the first."""
        return DEVIANCE * self.factor * (abs(deviance) + abs(self.shift) + self.weight)


def beta_pairs(
    expected: Expected, here: Point, there: Point
) -> Iterator[tuple[str, float, float, float]]:
    """Name, value found, value expected and standard error of each fixed effect."""
    b = expected.y_scale
    for name, value in here["beta"].items():
        new = expected.names.get(name, name)
        wanted = b * value + expected.shift.get(name, 0.0)
        se = abs(b) * number(here["se_beta"].get(name))
        yield name, there["beta"].get(new, math.nan), wanted, 0.0 if math.isnan(se) else se


def labels(point: Point, names: Mapping[str, str]) -> list[tuple[str, ...]]:
    """Level and variables of each variance component, whatever the group is called."""
    return [
        (str(row["level"]), *(names.get(v, v) for v in (row["var1"], row["var2"]) if v))
        for row in point["variance_components"]
    ]


def number(value: float | None) -> float:
    """A number of a record; NaN where there is none."""
    return math.nan if value is None else float(value)


def told(value: float) -> float | None:
    """A number as a record has it."""
    return None if math.isnan(value) else value
