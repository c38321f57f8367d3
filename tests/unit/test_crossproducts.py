"""Cross-products by group, and the way to the working coordinates and back."""

from __future__ import annotations

import numpy as np
import pytest

from wemix_ref.crossproducts import cross_products
from wemix_ref.rows import accumulate


@pytest.mark.parametrize("compiled", [True, False])
@pytest.mark.parametrize("ordered", [True, False])
def test_rows_are_summed_by_group(
    compiled: bool, ordered: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not compiled:
        monkeypatch.setenv("WEMIX_REF_NUMBA", "0")
    rng = np.random.default_rng(3)
    n, lower = 200, 20
    codes = np.concatenate([np.arange(lower), rng.integers(0, lower, n - lower)])
    codes = np.sort(codes) if ordered else rng.permutation(codes)
    of = rng.permutation(np.repeat(np.arange(5), 4))
    M, w = rng.normal(size=(n, 8)), rng.uniform(0.1, 2, n)
    expected = np.ones((5, 2, 7))
    for code, m, weight in zip(codes, M, w, strict=True):
        expected[of[code]] += weight * np.outer(m[1:3], m[1:])
    T, low = np.ones((5, 2, 7)), np.zeros((5, 2, 7))
    accumulate(M, 1, 2, w, codes, of, T, low)
    np.testing.assert_allclose(T, expected, rtol=1e-12, atol=1e-12)
    assert np.abs(low).max() < 1e-14


@pytest.mark.parametrize("compiled", [True, False])
def test_what_rounding_takes_off_a_sum_is_kept(
    compiled: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not compiled:
        monkeypatch.setenv("WEMIX_REF_NUMBA", "0")
    M = np.column_stack([np.ones(3), [1e17, 1.0, -1e17]])
    same = np.zeros(3, dtype=np.intp)
    T, low = np.zeros((1, 1, 2)), np.zeros((1, 1, 2))
    for i in range(3):
        accumulate(M[i : i + 1], 0, 1, np.ones(1), same[:1], same[:1], T, low)
    assert (T + low)[0, 0].tolist() == [3.0, 1.0]


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
    F = data.F
    assert np.abs(F[:-1, -1]).max() < 1e-12 * np.sqrt(F[-1, -1])
