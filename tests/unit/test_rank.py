"""Columns that depend on others: the Gram matrix' verdict is that of a QR of all rows."""

import numpy as np
import pytest

from wemix_ref import rank
from wemix_ref.rank import RANK_TOLERANCE, dependent_columns


def by_qr(X, omega):
    weighted = np.sqrt(omega)[:, None] * X
    lengths = np.linalg.norm(weighted, axis=0)
    R = np.linalg.qr(weighted / np.where(lengths > 0, lengths, 1.0), mode="r")
    return (np.abs(np.diag(R)) < RANK_TOLERANCE) | (lengths == 0)


@pytest.fixture
def columns():
    rng = np.random.default_rng(3)
    return rng.normal(size=(500, 4)), rng.uniform(0.1, 10.0, 500)


@pytest.fixture
def triangles(monkeypatch):
    made = []
    plain = rank.triangular_factor
    monkeypatch.setattr(rank, "triangular_factor", lambda M: made.append(M.shape) or plain(M))
    return made


@pytest.mark.parametrize("order", ["C", "F"])
def test_independent_columns_need_no_qr(columns, triangles, order):
    X, omega = columns
    assert not dependent_columns(np.array(X, order=order).T, omega).any()
    assert triangles == []


@pytest.mark.parametrize("distance", [0.0, 1e-12, 1e-9, 1e-7, 1e-5, 1e-3])
@pytest.mark.parametrize("size", [1e-8, 1.0, 1e8])
def test_verdict_is_that_of_qr(columns, triangles, distance, size):
    X, omega = columns
    X[:, 2] = X[:, 0] - 2.0 * X[:, 1] + distance * X[:, 2]
    X[:, 1] *= size
    np.testing.assert_array_equal(dependent_columns(X.T, omega), by_qr(X, omega))
    assert dependent_columns(X.T, omega).tolist() == [False, False, distance < 1e-10, False]
    assert bool(triangles) == (distance < rank.PLAIN_DISTANCE)


def test_zero_and_equal_columns(columns):
    X, omega = columns
    X[:, 1] = 0.0
    X[:, 3] = X[:, 0]
    assert dependent_columns(X.T, omega).tolist() == [False, True, False, True]


def test_blocks_of_rows_give_the_same(columns, triangles, monkeypatch):
    X, omega = columns
    X[:, 2] = X[:, 0] + 1e-9 * X[:, 2]
    monkeypatch.setattr(rank, "BLOCK_ELEMENTS", 100)
    X[:, 3] = X[:, 0] + X[:, 1]
    assert dependent_columns(X.T, omega).tolist() == [False, False, False, True]
    assert len(triangles) == 2


def test_small_steps_that_add_up_are_left_to_qr(triangles):
    # each column keeps a thousandth of its own, yet the coefficients grow beyond what a
    # Gram matrix can tell
    p = 8
    R = np.triu(np.full((p, p), -1.0), 1) + np.eye(p) * 3e-3
    rng = np.random.default_rng(1)
    Q = np.linalg.qr(rng.normal(size=(200, p)))[0]
    X, omega = Q @ R, np.ones(200)
    np.testing.assert_array_equal(dependent_columns(X.T, omega), by_qr(X, omega))
    assert triangles


def test_nothing_to_check_without_columns():
    assert dependent_columns([], np.ones(5)).shape == (0,)


@pytest.fixture
def grams(monkeypatch):
    made = []
    plain = rank._gram
    monkeypatch.setattr(rank, "_gram", lambda X, w: made.append(w.size) or plain(X, w))
    monkeypatch.setattr(rank, "SOME_ROWS", 50)
    return made


def test_some_of_the_rows_may_do(columns, grams):
    X, omega = columns
    assert not dependent_columns(X.T, omega).any()
    assert grams == [50]


def test_what_some_rows_do_not_show_all_do(columns, grams, triangles):
    X, omega = columns
    X[:, 2] = X[:, 0]
    X[np.arange(500) % 10 == 3, 2] = 1.0  # not among every tenth row
    assert not dependent_columns(X.T, omega).any()
    assert grams == [50, 500]
    X[:, 3] = X[:, 0] - X[:, 2]
    assert dependent_columns(X.T, omega).tolist() == [False, False, False, True]
    assert triangles


def test_a_large_value_elsewhere_counts_for_the_length(columns, grams):
    X, omega = columns
    X[:, 1] = X[:, 0] + 1e-3 * X[:, 1]
    X[3, 1] = X[3, 0] = 1e9
    np.testing.assert_array_equal(dependent_columns(X.T, omega), by_qr(X, omega))
    assert dependent_columns(X.T, omega)[1]
    assert grams[:2] == [50, 500]
