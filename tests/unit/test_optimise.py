"""Stationary points that are no minimum, and minima on the boundary."""

from __future__ import annotations

from itertools import product

import numpy as np
import pandas as pd
import pytest

from tests.identities.conftest import simulate
from wemix_ref import mix
from wemix_ref.covariance import CovarianceMap, rotate_to_lower_triangle
from wemix_ref.design import build_design
from wemix_ref.errors import ModelError
from wemix_ref.fit import criterion_of
from wemix_ref.optimise import _search, minimise
from wemix_ref.reliability.designs import design_of, random_shape

FORMULA = "y ~ x + (x|g3) + (1|g2)"
WEIGHTS = ["w1", "w2", "w3"]


def criterion(data: pd.DataFrame):
    return criterion_of(build_design(FORMULA, data, WEIGHTS))


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_zero_gradient_at_zero_is_left(seed: int) -> None:
    c = criterion(simulate(seed, n_top=25))
    zero = c.evaluate(np.zeros(4))
    np.testing.assert_array_equal(c.gradient(zero), 0.0)
    best, report = minimise(c)
    assert report.converged
    assert best.deviance < zero.deviance - 1.0
    found = _search(c, np.zeros(4))
    assert found.steps_off >= 1
    assert found.at.deviance == pytest.approx(best.deviance, rel=1e-12)
    np.testing.assert_allclose(found.at.theta, best.theta, rtol=1e-5, atol=1e-7)


def test_a_zero_column_with_entries_below_is_no_minimum_either() -> None:
    # Lambda = [[0, 0], [a, b]]: theta's gradient may vanish where the covariance could still grow
    c = criterion(simulate(2, n_top=25))
    best, _ = minimise(c)
    for start in ([0.8, 0.0, 0.0, 0.5], [0.8, 0.0, 0.3, 0.4], [0.0, 1.0, 0.0, 0.0]):
        found = _search(c, np.array(start)).at
        assert found.deviance == pytest.approx(best.deviance, rel=1e-12)


@pytest.mark.parametrize("seed", range(12))
def test_many_starts_find_nothing_lower(seed: int) -> None:
    c = criterion(simulate(100 + seed, n_top=8))
    best, report = minimise(c)
    assert report.converged
    rng = np.random.default_rng(seed)
    for _ in range(8):
        found = _search(c, rng.normal(0, 1.0, 4) * 10 ** rng.uniform(-2, 1)).at
        assert found.deviance >= best.deviance - 1e-9 * abs(best.deviance)


def test_curvature_was_checked_where_the_fit_is_singular() -> None:
    found = 0
    for seed in range(100, 130):
        c = criterion(simulate(seed, n_top=6))
        best, _ = minimise(c)
        if not c.covariance.zero_columns(best.theta).any():
            continue
        found += 1
        for M, level in zip(c.psd_gradient(best), c.covariance.levels, strict=True):
            for block in level.blocks:
                part = M[block.rows, block.rows]
                assert np.linalg.eigvalsh(part)[0] > -1e-6 * max(1.0, np.abs(part).max())
    assert found >= 3


def test_rotation_keeps_the_covariance_and_makes_zero_columns_whole() -> None:
    L = np.array([[0.0, 0.0, 0.0], [0.6, 0.8, 0.0], [0.3, 0.4, 0.0]])
    rotated = rotate_to_lower_triangle(L, np.ones(3), 1e-12)
    np.testing.assert_allclose(rotated @ rotated.T, L @ L.T, atol=1e-15)
    np.testing.assert_array_equal(rotated, np.tril(rotated))
    np.testing.assert_array_equal(rotated[:, 0], 0.0)
    np.testing.assert_array_equal(rotated[:, 2], 0.0)
    assert rotated[1, 1] == pytest.approx(1.0)


def test_normalised_signs() -> None:
    covariance = CovarianceMap.from_terms([("g", [("(Intercept)", "x")])])
    theta = np.array([-0.5, 0.2, -0.3])
    out = covariance.normalise(theta)
    np.testing.assert_array_equal(out, [0.5, -0.2, 0.3])
    for a, b in zip(covariance.Sigmas(theta, 2.0), covariance.Sigmas(out, 2.0), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-15)


def test_singular_does_not_depend_on_the_unit_of_a_slope() -> None:
    data = simulate(2, n_top=25)
    plain = mix(FORMULA, data, WEIGHTS)
    large = mix(FORMULA, data.assign(x=data["x"] * 1e5), WEIGHTS)
    assert large.theta["g3.x"] < 1e-4
    assert plain.singular is large.singular is False


@pytest.mark.parametrize("seed", range(6))
def test_an_exact_fit_is_refused_in_any_order_of_the_rows(seed: int) -> None:
    # two rows a group and a slope: the random effects can always leave nothing. The deviance falls
    # without end, and rounding stops the search just above the r^2 that counts as zero, or below
    model = design_of(random_shape(1, 476))
    rows = np.random.default_rng(seed).permutation(len(model.data))
    data = model.data.iloc[rows].reset_index(drop=True)
    with pytest.raises(ModelError, match="the random effects fit it exactly"):
        mix(model.formula, data, list(model.weights), conditional_weights=model.conditional)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("formula", ["y ~ x + (1|g)", "y ~ x + (x|g)", "y ~ x + (1|h/g)"])
def test_effects_of_any_size_are_no_exact_fit(formula: str) -> None:
    # cross-products leave few digits of such a residual: the search may not end, and says so
    for seed, ratio in product(range(3), (1e5, 1e6)):
        rng = np.random.default_rng(seed)
        g = np.repeat(np.arange(30), 6)
        x, effects = rng.normal(size=g.size), ratio * rng.normal(size=(3, 30))
        y = effects[0, g] + effects[1, g] * x * ("(x|" in formula) + rng.normal(size=g.size)
        y += effects[2, g // 5] * ("h/" in formula)
        fit = mix(formula, pd.DataFrame({"y": y, "x": x, "g": g, "h": g // 5}))
        assert fit.sigma == pytest.approx(1.0, rel=0.3)
