"""The steps of the recursion as compiled loops and as matrix products: one and the same."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from types import ModuleType

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from wemix_ref import elimination_arrays, elimination_loops
from wemix_ref.compiled import HAVE_NUMBA
from wemix_ref.design import build_design
from wemix_ref.deviance import Criterion
from wemix_ref.elimination_loops import LANES
from wemix_ref.fit import criterion_of
from wemix_ref.hunt.models import random_model
from wemix_ref.information import JointInformation

MODELS = 40
Array = NDArray[np.float64]


@contextmanager
def arrays(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with monkeypatch.context() as patch:
        patch.setenv("WEMIX_REF_NUMBA", "0")
        yield


def steps() -> ModuleType:
    return elimination_loops if HAVE_NUMBA() else elimination_arrays


def eliminated(T: Array, Lam: Array, psi: Array) -> tuple[int, Array, Array]:
    """The first group that failed, B and log det A."""
    G, q, m = T.shape
    B, log_det = np.empty((G, q, m - q)), np.empty(G)
    return steps().eliminate(T, Lam, psi, 0, np.empty((0, 0)), B, log_det), B, log_det


def criteria() -> Iterator[tuple[Criterion, NDArray[np.float64]]]:
    for number in range(MODELS):
        model = random_model(11, number)
        problem = model.problem()
        design = build_design(problem.formula, problem.data, problem.weights)
        for reml in (False,) if problem.weights is not None else (False, True):
            criterion = criterion_of(design, reml)
            theta = np.linspace(0.3, 0.9, criterion.covariance.n_theta)
            yield criterion, theta


@pytest.fixture(params=["as it is", "in blocks of rows"], autouse=True)
def rows(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Small data, as large ones are read."""
    if request.param != "as it is":
        monkeypatch.setattr("wemix_ref.rows.BLOCK_ROWS", 16)


def everything(criterion: Criterion, theta: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
    at = criterion.evaluate(theta)
    out = {
        "deviance": np.array([at.deviance]),
        "gradient": criterion.gradient(at),
        "Hessian": criterion.hessian(at)[0],
        "curvature": np.concatenate([M.ravel() for M in criterion.psd_gradient(at)]),
    }
    if not criterion.reml:
        information = JointInformation.at(criterion, at)
        out |= {"scores": information.scores, "H": information.H}
    return out


@pytest.mark.skipif(not HAVE_NUMBA(), reason="numba is not installed: there is nothing to compare")
def test_loops_and_arrays_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = 0
    for criterion, theta in criteria():
        loops = everything(criterion, theta)
        with arrays(monkeypatch):
            assert not HAVE_NUMBA()
            products = everything(criterion, theta)
        for name, value in loops.items():
            size = np.abs(value).max()
            np.testing.assert_allclose(
                products[name], value, rtol=1e-9, atol=1e-10 * size, err_msg=name
            )
        seen += 1
    assert seen >= MODELS


def test_the_hessian_is_the_derivative_of_the_gradient() -> None:
    for criterion, theta in criteria():
        H, dFv = criterion.hessian(criterion.evaluate(theta))
        at = criterion.evaluate(theta)
        step = 1e-5
        numeric, numeric_F = np.empty_like(H), np.empty_like(dFv)
        for i in range(theta.size):
            move = np.zeros(theta.size)
            move[i] = step
            up, down = criterion.evaluate(theta + move), criterion.evaluate(theta - move)
            numeric[i] = (criterion.gradient(up) - criterion.gradient(down)) / (2 * step)
            numeric_F[i] = (up.profile.F - down.profile.F) @ at.profile.v / (2 * step)
        np.testing.assert_allclose(H, numeric, rtol=1e-5, atol=1e-6 * np.abs(H).max())
        np.testing.assert_allclose(dFv, numeric_F, rtol=1e-5, atol=1e-6 * np.abs(dFv).max())


def test_scores_from_the_rows_are_those_from_sums() -> None:
    for criterion, theta in criteria():
        if criterion.reml:
            continue
        by_top = JointInformation.at(criterion, criterion.evaluate(theta))
        without = Criterion(replace(criterion.data, F_top=None, F_low=None), criterion.covariance)
        at = without.evaluate(theta)
        assert at.F_top is None
        by_row = JointInformation.at(without, at)
        for name in ("scores", "log_likelihoods"):
            expected = getattr(by_top, name)
            size = np.abs(expected).max()
            np.testing.assert_allclose(getattr(by_row, name), expected, rtol=1e-8, atol=1e-9 * size)
        total = np.abs(by_row.scores).sum(axis=0)
        sums = by_row.scores.sum(axis=0) / total
        assert np.abs(np.append(sums[: criterion.data.p], sums[-1])).max() < 1e-9


def test_ways_for_large_data_give_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """No sums by top group, and products of matrices where there are many columns."""
    whole = 0
    for number in range(MODELS):
        problem = random_model(11, number).problem()
        design = build_design(problem.formula, problem.data, problem.weights)
        plain = criterion_of(design)
        theta = np.linspace(0.3, 0.9, plain.covariance.n_theta)
        expected = everything(plain, theta)
        with monkeypatch.context() as patch:
            patch.setattr("wemix_ref.crossproducts.SMALL", 0)
            patch.setattr("wemix_ref.rows.MANY_COLUMNS", 2)
            patch.setattr("wemix_ref.recursion.MANY_COLUMNS", 2)
            other = criterion_of(design)
            found = everything(other, theta)
        whole += other.data.F_top is None
        # the working coordinates may differ in the last digit, nothing of the user's does
        for name, value in expected.items():
            size = np.abs(value).max()
            np.testing.assert_allclose(
                found[name], value, rtol=1e-8, atol=1e-9 * size, err_msg=f"{number} {name}"
            )
    assert whole >= 10


def test_many_groups_are_taken_off_in_blocks() -> None:
    rng = np.random.default_rng(2)
    group = np.repeat(np.arange(900), 2)
    y = rng.normal(size=900)[group] + rng.normal(size=group.size)
    data = pd.DataFrame({"y": y, "x": rng.normal(size=group.size), "g": group})
    plain = criterion_of(build_design("y ~ x + (1|g)", data))
    assert plain.data.F_top is not None
    whole = Criterion(replace(plain.data, F_top=None, F_low=None), plain.covariance)
    theta = np.array([0.8])
    expected, found = plain.evaluate(theta), whole.evaluate(theta)
    np.testing.assert_allclose(found.profile.F, expected.profile.F, rtol=1e-12, atol=1e-10)


@pytest.mark.parametrize("compiled", [True, False])
def test_what_rounding_takes_off_is_kept(compiled: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if not compiled:
        monkeypatch.setenv("WEMIX_REF_NUMBA", "0")
    T, low = np.full((1, 1, 1), 1e17), np.zeros((1, 1, 1))
    small = np.ones((40, 1, 1))
    same = np.zeros(40, dtype=np.intp)
    steps().subtract(small, 0, np.ones(40), same, T, low)
    steps().subtract(np.full((1, 1, 1), 1e8), 0, np.full(1, 10.0), same[:1], T, low)
    assert float((T + low)[0, 0, 0]) == -40.0


def groups_at_random(G: int, q: int, r: int) -> NDArray[np.float64]:
    """Cross-products of z with [z, rest]: (G, q, q + r)."""
    rows = np.random.default_rng(G + q).normal(size=(G, 2 * q + r, q + r))
    return np.ascontiguousarray(rows[:, :, :q].transpose(0, 2, 1) @ rows)


@pytest.mark.skipif(not HAVE_NUMBA(), reason="numba is not installed: there are no lanes")
@pytest.mark.parametrize("q", [1, 2, 3, 4])
def test_a_group_has_the_same_bits_in_any_block(q: int) -> None:
    """Alone, among a few, and in blocks that are full or not."""
    G, r = 2 * LANES + 22, 3
    rng = np.random.default_rng(q)
    T, psi = groups_at_random(G, q, r), rng.uniform(1, 2, G)
    Lam = np.tril(rng.normal(size=(q, q))) + np.eye(q)
    dT = rng.normal(size=(2, G, q + r, q + r))
    dT += dT.transpose(0, 1, 3, 2)
    above = np.cov(rng.normal(size=(r, 9)))[None]
    d_above = np.stack([np.cov(rng.normal(size=(r, 9)))[None] for _ in range(5)])

    def by_group(some: slice) -> list[Array]:
        mine, n = T[some], psi[some].size
        one = np.zeros(n, dtype=np.intp)
        _, B, log_det = eliminated(mine, Lam, psi[some])
        TL, A_inv = np.empty((n, q, q)), np.empty((n, q, q))
        U, E, below = np.empty((n, q, r)), np.empty((n, q, r)), np.empty((n, q + r, q + r))
        elimination_loops.solve(mine, Lam, TL, A_inv, U, E)
        elimination_loops.pull_down(Lam, A_inv, U, above, one, below)
        units = np.tril(np.ones((q, q)))[None]
        down, down_last = np.empty((2, n, q + r, q + r)), np.empty((5, n, q + r))
        elimination_loops.tangents_back(
            *(mine, Lam, TL, A_inv, U, E, np.ascontiguousarray(dT[:, some]), units, above),
            *(d_above[:3], np.ascontiguousarray(d_above[..., -1]), one, psi[some], mine, psi[some]),
            *(1.3, np.zeros((3, q, q)), np.zeros((5, 1)), down, down_last),
        )
        return [B, log_det, TL, A_inv, U, E, below, *down, *down_last]

    whole = by_group(slice(0, G))
    few = [slice(3, 10), slice(50, 50 + LANES), slice(LANES - 1, G), slice(G - 23, G)]
    for some in [*few, *(slice(g, g + 1) for g in range(0, G, 11))]:
        for part, expected in zip(by_group(some), whole, strict=True):
            assert np.array_equal(part, expected[some]), some


@pytest.mark.parametrize("compiled", [True, False])
def test_logarithms_are_those_of_numpy(compiled: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if not compiled:
        monkeypatch.setenv("WEMIX_REF_NUMBA", "0")
    near = 1.0 + np.concatenate([np.geomspace(1e-17, 1.0, 500), np.linspace(0.0, 8.0, 4000)])
    A = np.concatenate([near, np.geomspace(1.0, 1e300, 3000)])
    T = (A - 1.0)[:, None, None] * np.ones((1, 1, 2))
    _, _, log_det = eliminated(T, np.eye(1), np.ones(A.size))
    expected = np.log(T[:, 0, 0] + 1.0)
    np.testing.assert_allclose(log_det, expected, rtol=4e-16, atol=3e-16)


@pytest.mark.parametrize("compiled", [True, False])
@pytest.mark.parametrize("value", [-10.0, np.nan])
@pytest.mark.parametrize("bad", [3, 64, 130])
@pytest.mark.parametrize("q", [1, 2])
def test_the_first_group_that_fails_is_named(
    q: int, bad: int, value: float, compiled: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not compiled:
        monkeypatch.setenv("WEMIX_REF_NUMBA", "0")
    T = groups_at_random(150, q, 2)
    T[[bad, 140], :, :q] = value * np.eye(q)
    assert eliminated(T, np.eye(q), np.ones(150))[0] == bad
    out = [np.empty((150, q, size)) for size in (q, q, 2, 2)]
    assert steps().solve(T, np.eye(q), *out) == bad
    T[[bad, 140], :, :q] = np.eye(q)
    failed, _, log_det = eliminated(T, np.eye(q), np.ones(150))
    assert failed == -1
    assert np.isfinite(log_det).all()


@pytest.mark.parametrize("compiled", [True, False])
@pytest.mark.parametrize("q", [1, 2, 3])
def test_columns_are_taken_off_every_ancestor(
    q: int, compiled: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many groups it has, and wherever they stand."""
    if not compiled:
        monkeypatch.setenv("WEMIX_REF_NUMBA", "0")
    rng = np.random.default_rng(q)
    B, weights = rng.normal(size=(90, q, 5)), rng.uniform(1, 2, 90)
    for ancestor in (np.repeat(np.arange(13), np.r_[1:13, 12]), rng.integers(0, 13, 90)):
        T, low = np.ones((13, 2, 4)), np.zeros((13, 2, 4))
        steps().subtract(B, 1, weights, ancestor, T, low)
        products = weights[:, None, None] * (B[:, :, 1:3].transpose(0, 2, 1) @ B[:, :, 1:])
        expected = np.ones((13, 2, 4))
        np.subtract.at(expected, ancestor, products)
        np.testing.assert_allclose(T + low, expected, rtol=1e-13, atol=1e-13)
