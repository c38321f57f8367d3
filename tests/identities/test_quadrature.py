"""The nested integrals themselves (paper, eqs. 1 and 2), by Gauss-Hermite quadrature."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from wemix_ref import mix

NODES, NODE_WEIGHTS = np.polynomial.hermite_e.hermegauss(120)
LOG_NODE_WEIGHTS = np.log(NODE_WEIGHTS / NODE_WEIGHTS.sum())


def small_data() -> pd.DataFrame:
    rng = np.random.default_rng(8)
    rows = []
    for k in range(4):
        c3 = rng.uniform(0.6, 2.0)
        for g in range(int(rng.integers(1, 4))):
            c2 = rng.uniform(0.6, 2.0)
            for _ in range(int(rng.integers(1, 4))):
                x = rng.normal()
                y = 1.0 + 0.5 * x + rng.normal()
                rows.append((k, 10 * k + g, x, y, rng.uniform(0.6, 2.0), c2, c3))
    return pd.DataFrame(rows, columns=["sch", "tch", "x", "y", "c1", "c2", "c3"])


def log_mean_exp(values: np.ndarray) -> np.ndarray:
    """Log of the sum over the last axis of node weights times exp(values)."""
    shifted = values + LOG_NODE_WEIGHTS
    top = shifted.max(axis=-1, keepdims=True)
    return (top + np.log(np.exp(shifted - top).sum(axis=-1, keepdims=True)))[..., 0]


def log_likelihood(data: pd.DataFrame, beta: np.ndarray, sd2: float, sd3: float, s: float) -> float:
    total = 0.0
    for _, school in data.groupby("sch"):
        inner = np.zeros(NODES.size)  # at each node of the school's effect
        for _, group in school.groupby("tch"):
            mean = beta[0] + beta[1] * group["x"].to_numpy()
            residual = (
                group["y"].to_numpy()[None, None, :]
                - mean[None, None, :]
                - sd3 * NODES[:, None, None]
                - sd2 * NODES[None, :, None]
            )
            log_density = -0.5 * (residual / s) ** 2 - np.log(s) - 0.5 * np.log(2.0 * np.pi)
            exponent = (log_density * group["c1"].to_numpy()).sum(axis=-1)
            inner += group["c2"].iloc[0] * log_mean_exp(exponent)
        total += school["c3"].iloc[0] * float(log_mean_exp(inner))
    return total


@pytest.mark.parametrize("theta", [(0.8, 0.6), (0.3, 1.1), (0.0, 0.5)])
def test_the_closed_form_is_the_nested_integral(theta: tuple[float, float]) -> None:
    data = small_data()
    fit = mix("y ~ x + (1|tch) + (1|sch)", data, ["c1", "c2", "c3"], conditional_weights=True).at(
        theta
    )
    sigma = fit.sigma
    expected = log_likelihood(
        data, fit.params.to_numpy(), theta[0] * sigma, theta[1] * sigma, sigma
    )
    assert fit.llf == pytest.approx(expected, rel=1e-8)
    # and it is the maximum over beta and sigma there
    for beta, factor in (([0.05, 0.0], 1.0), ([0.0, -0.05], 1.0), ([0.0, 0.0], 1.05)):
        moved = log_likelihood(
            data,
            fit.params.to_numpy() + np.array(beta),
            theta[0] * sigma * factor,
            theta[1] * sigma * factor,
            sigma * factor,
        )
        assert moved < expected


def test_unconditional_weights_inside_the_integrals_give_another_number() -> None:
    data = small_data()
    fit = mix("y ~ x + (1|tch) + (1|sch)", data, ["c1", "c2", "c3"], conditional_weights=True)
    sd2, sd3 = fit.theta.to_numpy() * fit.sigma
    wrong = data.assign(c1=data["c1"] * data["c2"] * data["c3"])
    assert log_likelihood(wrong, fit.params.to_numpy(), sd2, sd3, fit.sigma) != pytest.approx(
        fit.llf, rel=1e-3
    )
