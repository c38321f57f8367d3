"""Cross-products by group, and the way to the working coordinates and back."""

from __future__ import annotations

import numpy as np
import pytest

from wemix_ref import kernels_rows, rows
from wemix_ref.crossproducts import CrossProducts, cross_products
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
    accumulate(M.T.copy(), 1, 2, w, codes, of, T, low)
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
        accumulate(M[i : i + 1].T, 0, 1, np.ones(1), same[:1], same[:1], T, low)
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


def _products(rows_taken: np.ndarray, strided: bool = False) -> CrossProducts:
    """Of a design of 300 rows in 30 groups in 6, its rows in some order."""
    rng = np.random.default_rng(8)
    n, lower = 300, 30
    parent = np.repeat(np.arange(6), 5)
    codes = np.repeat(np.arange(lower), 10)
    X = np.asfortranarray(
        np.column_stack([np.ones(n), rng.normal(50.0, 1.0, n), rng.normal(size=n)])
    )
    y = X.sum(axis=1) + rng.normal(size=n)
    omega = rng.uniform(1, 2, n)
    X, y, codes, omega = X[rows_taken], y[rows_taken], codes[rows_taken], omega[rows_taken]
    X = X if strided else np.asfortranarray(X)
    psi, psi_cond = rng.uniform(1, 2, lower), rng.uniform(1, 2, lower)
    ones = np.ones(6)
    return cross_products(
        X, y, [X[:, :1], X[:, ::2]], codes, [parent, None], omega, [psi, ones], [psi_cond, ones]
    )


@pytest.mark.parametrize("compiled", [True, False])
def test_neither_order_nor_blocks_nor_layout_of_the_rows_matter(
    compiled: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not compiled:
        monkeypatch.setenv("WEMIX_REF_NUMBA", "0")
    expected = _products(np.arange(300))
    shuffled = np.random.default_rng(1).permutation(300)
    found = [_products(shuffled), _products(np.arange(300), strided=True)]
    monkeypatch.setattr(kernels_rows, "FEW_ROWS", 0)
    monkeypatch.setattr(rows, "BLOCK_ROWS", 64)
    found += [_products(np.arange(300)), _products(shuffled), _products(shuffled, strided=True)]
    assert [one.rows.order is None for one in found] == [True, True, True, False, False]
    v = np.array([0.3, -0.2, 0.1, 1.0])
    modes = [np.random.default_rng(2).normal(size=(30, 1)), np.ones((6, 2))]
    scores = expected.scores(v, modes)
    for one in found:
        np.testing.assert_allclose(one.F, expected.F, rtol=1e-11, atol=1e-11)
        np.testing.assert_allclose(one.scores(v, modes), scores, rtol=1e-11, atol=1e-11)
        for mine, other in zip(one.levels, expected.levels, strict=True):
            np.testing.assert_allclose(mine.R, other.R, rtol=1e-12)
            np.testing.assert_allclose(mine.T, other.T, rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("columns", [2, 40])
def test_working_rows_are_orthonormal_and_residuals(
    columns: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = []
    rng = np.random.default_rng(4)
    n = 200
    X = np.column_stack([np.ones(n), rng.normal(size=(n, columns)) + 30.0])
    y, omega = X.sum(axis=1) + rng.normal(size=n), rng.uniform(1, 2, n)
    Z, codes = X[:, :2] * 5.0, np.repeat(np.arange(20), 10)
    for switch in ("1", "0"):
        monkeypatch.setenv("WEMIX_REF_NUMBA", switch)
        mine = rows.working_rows(X, y, [Z], codes, omega)
        [(C, weights, groups)] = mine.blocks()
        np.testing.assert_array_equal(groups, codes)
        np.testing.assert_allclose((weights * C[2:-1]) @ C[2:-1].T, np.eye(columns + 1), atol=1e-9)
        np.testing.assert_allclose((weights * C[:2]) @ C[:2].T, omega.sum() * np.eye(2), atol=1e-8)
        np.testing.assert_allclose((weights * C[2:-1]) @ C[-1], 0.0, atol=1e-8)
        found.append(C.copy())
    np.testing.assert_allclose(*found, rtol=1e-7, atol=1e-9)
