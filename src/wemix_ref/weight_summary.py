"""Weights per level in numbers: how many, their sum and range, what they cost in precision."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wemix_ref.design import Design

__all__ = ["WeightSummary", "summarise", "weight_summaries"]

Array = NDArray[np.float64]


@dataclass(frozen=True)
class WeightSummary:
    """Weights of one level, of one kind.

    Attributes
    ----------
    level : 1 for the rows; group : the grouping factor's name, "rows" at level 1.
    column : where they were read; None when there are none.
    kind : "unconditional" or "conditional".
    n : units at this level (groups count once).
    total, least, most : sum, minimum and maximum.
    effective : (sum w)^2 / sum w^2, Kish's effective sample size.
    design_effect : n sum w^2 / (sum w)^2 = 1 + the squared coefficient of variation (Kish 1965).
    """

    level: int
    group: str
    column: str | None
    kind: str
    n: int
    total: float
    least: float
    most: float
    effective: float
    design_effect: float


def summarise(
    weights: Array, level: int, group: str, column: str | None, kind: str
) -> WeightSummary:
    """Summary of one array of weights, (n,)."""
    # a common factor cancels; without it squares of large weights could overflow
    w = weights / weights.max()
    effective = float(w.sum() ** 2 / (w @ w))
    return WeightSummary(
        level,
        group,
        column,
        kind,
        int(weights.size),
        float(weights.sum()),
        float(weights.min()),
        float(weights.max()),
        effective,
        weights.size / effective,
    )


def weight_summaries(design: Design) -> list[WeightSummary]:
    """Weights as they entered the fit, scaled if asked for; two for each level, level 1 first."""
    columns = design.weight_names or (None,) * (len(design.levels) + 1)
    out = []
    levels = [("rows", design.omega, design.omega_cond)]
    levels += [(level.name, level.psi, level.psi_cond) for level in design.levels]
    for position, (group, uncond, cond) in enumerate(levels):
        for kind, weights in (("unconditional", uncond), ("conditional", cond)):
            out.append(summarise(weights, position + 1, group, columns[position], kind))
    return out
