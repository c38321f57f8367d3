"""Small designs with everything in them, drawn from a seed."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest


def simulate(
    seed: int, n_top: int = 14, integer_weights: bool = False, levels: int = 3
) -> pd.DataFrame:
    """Unbalanced nested data with weights at every level.

    ``c1 .. cL`` are conditional weights, ``w1 .. wL`` unconditional ones; ids ``g2 .. gL`` are
    unique within the data. Level-1 units carry x (varies), z (constant in level-2 groups) and y.
    """
    rng = np.random.default_rng(seed)

    def weight() -> float:
        return float(rng.integers(1, 4)) if integer_weights else float(rng.uniform(0.4, 3.0))

    rows: list[dict[str, float]] = []
    counter = dict.fromkeys(range(2, levels + 1), 0)

    def grow(level: int, inherited: dict[str, float], mean: float, slope: float) -> None:
        if level == 1:
            for _ in range(int(rng.integers(1, 6))):
                x = rng.normal(1.0, 1.0)
                y = 2.0 + mean + (0.7 + slope) * x + inherited["z"] * 0.4 + rng.normal()
                rows.append({**inherited, "x": x, "y": y, "c1": weight()})
            return
        count = n_top if level == levels else int(rng.integers(1, 5))
        for _ in range(count):
            counter[level] += 1
            own = {
                **inherited,
                f"g{level}": float(counter[level]),
                f"c{level}": weight(),
                "z": rng.normal(),
            }
            grow(
                level - 1,
                own,
                mean + rng.normal(0.0, 0.9),
                slope + (rng.normal(0.0, 0.4) if level == levels else 0.0),
            )

    grow(levels, {"z": 0.0}, 0.0, 0.0)
    data = pd.DataFrame(rows)
    for level in range(2, levels + 1):
        data[f"g{level}"] = data[f"g{level}"].astype(int)
    running = np.ones(len(data))
    for level in range(levels, 0, -1):
        running = running * data[f"c{level}"]
        data[f"w{level}"] = running
    return data


@pytest.fixture(params=[3, 11])
def three_level(request: pytest.FixtureRequest) -> pd.DataFrame:
    return simulate(request.param)
