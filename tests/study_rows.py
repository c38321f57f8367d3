"""Tables of replicates from arrays, as a study writes them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray


def study_rows(
    estimate: ArrayLike,
    se: ArrayLike = np.nan,
    target: ArrayLike = np.nan,
    *,
    analysis: str = "a",
    parameter: str = "x",
    **fit: ArrayLike,
) -> pd.DataFrame:
    """Rows of one analysis and parameter; arrays of shape (replicates,) or (scenarios, replicates).

    ``fit`` may hold n_top, converged, singular and failed.
    """
    estimates = np.atleast_2d(np.asarray(estimate, dtype=float))
    shape = estimates.shape

    def column(values: ArrayLike) -> NDArray:
        return np.broadcast_to(np.asarray(values), shape).ravel()

    failed = column(fit.get("failed", False))
    names = np.array([f"s{i:04d}" for i in range(shape[0])], dtype=object)
    rows = pd.DataFrame(
        {
            "scenario": np.repeat(names, shape[1]),
            "replicate": np.tile(np.arange(shape[1]), shape[0]),
            "analysis": analysis,
            "status": np.where(failed, "failed", "ok"),
            "converged": column(fit.get("converged", True)).astype(object),
            "singular": column(fit.get("singular", False)).astype(object),
            "n_top": column(fit.get("n_top", 30)),
            "parameter": np.where(failed, None, parameter),
            "estimate": estimates.ravel(),
            "se": column(se),
            "target": column(target),
        }
    )
    if failed.any():
        rows.loc[failed, ["converged", "singular"]] = None
        rows.loc[failed, ["estimate", "se", "target"]] = np.nan
    return rows


def as_mapping(table: pd.DataFrame, column: str = "estimate") -> Mapping[str, float]:
    """One column by measure; the table has each measure once."""
    assert table["measure"].is_unique
    return dict(zip(table["measure"], table[column], strict=True))


def draws(seed: int, size: tuple[int, ...] | int) -> tuple[np.ndarray, np.ndarray]:
    """Skewed estimates with SEs that go with them."""
    rng = np.random.default_rng(seed)
    estimate = rng.gamma(4.0, size=size) / 4.0
    return estimate, 0.4 * estimate * rng.uniform(0.8, 1.3, size=size)
