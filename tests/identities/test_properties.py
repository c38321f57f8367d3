"""Identities over designs that hypothesis draws."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.identities.conftest import simulate
from wemix_ref import gls, mix, paper
from wemix_ref.design import build_design

FORMULAS = {
    2: ["y ~ x + (1|g2)", "y ~ x * z + (x|g2)", "y ~ 0 + x + (x||g2)", "y ~ x + (0 + x|g2)"],
    3: ["y ~ x + (1|g3/g2)", "y ~ x + (x|g3) + (1|g2)", "y ~ z + (1|g3) + (x||g2)"],
    4: ["y ~ x + (1|g2) + (1|g3) + (x|g4)"],
}
SETTINGS = settings(
    max_examples=25, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck)
)


@st.composite
def models(draw: st.DrawFn) -> tuple[str, pd.DataFrame, list[str] | None]:
    levels = draw(st.sampled_from([2, 3, 4]))
    formula = draw(st.sampled_from(FORMULAS[levels]))
    data = simulate(draw(st.integers(0, 10_000)), n_top=draw(st.integers(5, 12)), levels=levels)
    weights = [f"w{level}" for level in range(1, levels + 1)] if draw(st.booleans()) else None
    return formula, data, weights


def theta_of(formula: str, data: pd.DataFrame, weights: list[str] | None, seed: int) -> np.ndarray:
    n = build_design(formula, data, weights).covariance.n_theta
    return np.abs(np.random.default_rng(seed).normal(0.0, 1.0, n))


@pytest.mark.filterwarnings("ignore")
@SETTINGS
@given(models(), st.integers(0, 1000))
def test_paper_recursion_and_gls(
    model: tuple[str, pd.DataFrame, list[str] | None], seed: int
) -> None:
    formula, data, weights = model
    theta = theta_of(formula, data, weights, seed)
    fit = mix(formula, data, weights).at(theta)
    plain = paper.evaluate(fit.design, fit.theta.to_numpy())
    assert fit.deviance == pytest.approx(plain.deviance, rel=1e-12)
    np.testing.assert_allclose(fit.params, plain.beta, rtol=1e-9, atol=1e-10)
    beta, _ = gls(fit.X, fit.V("working"), fit.design.y)
    np.testing.assert_allclose(fit.params, beta, rtol=1e-8, atol=1e-9)


@pytest.mark.filterwarnings("ignore")
@SETTINGS
@given(models(), st.randoms(use_true_random=False), st.floats(0.01, 100.0))
def test_order_labels_and_scale(model: tuple, random: object, c: float) -> None:
    formula, data, weights = model
    fit = mix(formula, data, weights)
    order = list(range(len(data)))
    random.shuffle(order)  # type: ignore[attr-defined]
    other = data.iloc[order].copy()
    for name in [column for column in data if column.startswith("g")]:
        values = list(other[name].unique())
        random.shuffle(values)  # type: ignore[attr-defined]
        other[name] = other[name].map({v: f"{i}.{v % 3}" for i, v in enumerate(values)})
    if weights:
        for name in weights:
            other[name] *= c
    again = mix(formula, other, weights)
    scale = c if weights else 1.0
    assert again.deviance == pytest.approx(scale * fit.deviance, rel=1e-11)
    at = again.at(fit.theta.to_numpy())
    np.testing.assert_allclose(at.params, fit.params, rtol=1e-8, atol=1e-9)
    np.testing.assert_allclose(at.bse, fit.bse, rtol=1e-6)


@pytest.mark.filterwarnings("ignore")
@SETTINGS
@given(models())
def test_an_optimum_is_one(model: tuple[str, pd.DataFrame, list[str] | None]) -> None:
    formula, data, weights = model
    fit = mix(formula, data, weights)
    assert fit.converged
    assert fit.theta.to_numpy().min() >= 0 or fit.theta.size > 1
    rng = np.random.default_rng(0)
    for _ in range(10):
        moved = fit.theta.to_numpy() + rng.normal(0, 0.05, fit.theta.size)
        assert fit.deviance_at(moved) >= fit.deviance - 1e-9 * abs(fit.deviance)
