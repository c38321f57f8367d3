"""Cross-products by group, and the way to the working coordinates and back."""

from __future__ import annotations

import numpy as np
import pytest

from wemix_ref.crossproducts import cross_products, group_sums


@pytest.mark.parametrize(("n", "groups"), [(50, 20), (4000, 3)])  # many small, few large
@pytest.mark.parametrize("ordered", [True, False])
def test_group_sums_are_sums_of_outer_products(n: int, groups: int, ordered: bool) -> None:
    rng = np.random.default_rng(n)
    codes = np.concatenate([np.arange(groups), rng.integers(0, groups, n - groups)])
    codes = np.sort(codes) if ordered else rng.permutation(codes)
    M, w = rng.normal(size=(n, 4)), rng.uniform(0.1, 2, n)
    expected = np.zeros((groups, 4, 4))
    for code, m, weight in zip(codes, M, w, strict=True):
        expected[code] += weight * np.outer(m, m)
    sums = group_sums(M, w, codes, groups)
    np.testing.assert_allclose(sums, expected, rtol=1e-10, atol=1e-12)
    np.testing.assert_array_equal(sums, sums.transpose(0, 2, 1))


@pytest.mark.parametrize("intercept", [True, False])
def test_coordinates_go_there_and_back(intercept: bool) -> None:
    rng = np.random.default_rng(3)
    n = 60
    X = np.column_stack([np.full(n, 2.0), rng.normal(500.0, 1.0, n), rng.normal(size=n)])
    X = X if intercept else X[:, 1:]
    y = X @ np.arange(1.0, X.shape[1] + 1) + 1e4 + rng.normal(size=n)
    codes, omega = np.repeat(np.arange(6), 10), rng.uniform(0.5, 2, n)
    ones = np.ones(6)
    data = cross_products(X, y, [np.ones((n, 1))], codes, [None], omega, [ones], [ones])
    coordinates = data.coordinates
    beta = rng.normal(size=X.shape[1])
    np.testing.assert_allclose(coordinates.beta(coordinates.working(beta)), beta, rtol=1e-8)
    np.testing.assert_allclose(
        coordinates.jacobian @ coordinates.covariance_root, np.eye(beta.size), atol=1e-9
    )
    step = 0.25 * rng.normal(size=beta.size)
    moved = coordinates.working(beta + step) - coordinates.working(beta)
    np.testing.assert_allclose(moved, coordinates.jacobian @ step, rtol=1e-7, atol=1e-9)
    # b = 0 is the weighted least-squares fit
    root = np.sqrt(omega)
    expected = np.linalg.lstsq(root[:, None] * X, root * y, rcond=None)[0]
    np.testing.assert_allclose(coordinates.beta(np.zeros(beta.size)), expected, rtol=1e-9)
    # and the residual of y is orthogonal to X there
    F = data.T.sum(axis=0)
    assert np.abs(F[1:-1, -1]).max() < 1e-12 * np.sqrt(F[-1, -1])
