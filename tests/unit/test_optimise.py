"""Stationary points that are no minimum, and minima on the boundary."""

from __future__ import annotations

import warnings
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


def saturated(seed: int) -> tuple[str, pd.DataFrame, list[str] | None]:
    """Groups of one to three rows with as many effects: the random part can leave nothing."""
    rng = np.random.default_rng(seed)
    n_groups = rng.integers(4, 12)
    sizes, formula = (
        (np.full(n_groups, 2), "y ~ x + (x|g)"),
        (np.r_[2, rng.integers(1, 3, n_groups - 1)], "y ~ x + (x|g)"),
        (rng.integers(1, 4, n_groups), "y ~ x + (f|g)"),
        (np.full(n_groups, 2), "y ~ x + (x||g)"),
    )[seed % 4]
    g = np.repeat(np.arange(n_groups), sizes)
    within = np.concatenate([np.arange(size) for size in sizes])
    data = pd.DataFrame({"g": g, "f": np.array(list("abc"))[within]})
    data["x"], data["y"] = rng.normal(size=(2, g.size))
    if seed % 8 < 4:
        return formula, data, None
    data["w2"] = rng.uniform(0.5, 3.0, n_groups)[g]
    return formula, data.assign(w1=data["w2"] * rng.uniform(1, 3, g.size)), ["w1", "w2"]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("seed", range(16))
def test_an_exact_fit_is_refused_in_every_order_of_the_rows_or_in_none(seed: int) -> None:
    # weighted the deviance falls without end, unweighted to a limit: rounding stops the search
    formula, data, weights = saturated(seed)
    found = []
    for order in range(8):
        rows = np.random.default_rng(order).permutation(len(data))
        try:
            fit = mix(formula, data.iloc[rows].reset_index(drop=True), weights)
        except ModelError as error:
            found.append(str(error))
        else:
            assert fit.converged
            found.append(fit.deviance)
    if isinstance(found[0], str):
        assert "the random effects fit it exactly" in found[0]
        assert set(found) == {found[0]}
    else:
        np.testing.assert_allclose(found, found[0], rtol=1e-10)


def test_some_of_these_are_refused_and_some_are_not() -> None:
    refused = []
    for seed in range(16):
        formula, data, weights = saturated(seed)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                mix(formula, data, weights)
            except ModelError:
                refused.append(weights is None)
    assert 2 < len(refused) < 14
    assert set(refused) == {True, False}


@pytest.mark.parametrize("seed", range(6))
def test_a_fit_that_falls_without_end_is_refused_wherever_rounding_stops_it(seed: int) -> None:
    model = design_of(random_shape(1, 476))
    rows = np.random.default_rng(seed).permutation(len(model.data))
    data = model.data.iloc[rows].reset_index(drop=True)
    with pytest.raises(ModelError, match="the random effects fit it exactly"):
        mix(model.formula, data, list(model.weights), conditional_weights=model.conditional)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("factor", [1e-55, 1e-20, 1e-9, 1e30])
@pytest.mark.parametrize("seed", [0, 7, 12])
def test_a_common_factor_of_the_weights_changes_no_estimate(seed: int, factor: float) -> None:
    rng = np.random.default_rng(seed)
    g = np.repeat(np.arange(8), 4)
    data = pd.DataFrame({"g": g, "x": rng.normal(size=32), "w2": rng.uniform(1, 3, 8)[g]})
    data["y"] = (seed % 2) * rng.normal(size=8)[g] + rng.normal(size=32)
    data["w1"] = data["w2"] * rng.uniform(1, 3, 32)
    fit = mix("y ~ x + (x|g)", data, ["w1", "w2"])
    times = data.assign(w1=data["w1"] * factor, w2=data["w2"] * factor)
    other = mix("y ~ x + (x|g)", times, ["w1", "w2"])
    assert fit.converged
    assert other.converged
    assert other.deviance / factor == pytest.approx(fit.deviance, rel=1e-12)
    np.testing.assert_allclose(other.theta, fit.theta, rtol=1e-6, atol=1e-7)
    np.testing.assert_allclose(other.bse, fit.bse, rtol=1e-8)
    # and one on the boundary, or a singular one, is found to be so
    assert other.singular == fit.singular


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("formula", ["y ~ x + (1|g)", "y ~ x + (x|g)", "y ~ x + (1|h/g)"])
def test_effects_a_million_times_the_residual_are_no_exact_fit(formula: str) -> None:
    # cross-products leave few digits of such a residual: the search may not end, and says so
    for seed, ratio in product(range(3), (1e5, 1e6)):
        rng = np.random.default_rng(seed)
        g = np.repeat(np.arange(30), 6)
        x, effects = rng.normal(size=g.size), ratio * rng.normal(size=(3, 30))
        y = effects[0, g] + effects[1, g] * x * ("(x|" in formula) + rng.normal(size=g.size)
        y += effects[2, g // 5] * ("h/" in formula)
        fit = mix(formula, pd.DataFrame({"y": y, "x": x, "g": g, "h": g // 5}))
        assert fit.sigma == pytest.approx(1.0, rel=0.3)
