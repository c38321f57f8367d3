"""V whole and by top group, and generalised least squares with either."""

from __future__ import annotations

import tracemalloc
from functools import cache

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp

from tests.identities.conftest import simulate
from wemix_ref import gls, mix
from wemix_ref.errors import DataError, OptionError, RankError
from wemix_ref.results import FittedModel

# Without weights some of these are singular at the optimum; `fitted` looks at another theta.
pytestmark = pytest.mark.filterwarnings("ignore::wemix_ref.errors.SingularFitWarning")

# Levels of the data and formula.
MODELS = {
    "two": (2, "y ~ x + z + (x|g2)"),
    "three": (3, "y ~ x + z + (1|g3/g2)"),
    "three-slopes": (3, "y ~ x + z + (1|g2) + (0 + x|g3) + (1|g3)"),
    "four": (4, "y ~ x + (1|g4/g3/g2)"),
}


@cache
def fitted(name: str, weighted: bool) -> FittedModel:
    """A fit to rows in no order, at a theta with nothing on the boundary."""
    levels, formula = MODELS[name]
    data = simulate(5, levels=levels).sample(frac=1.0, random_state=2)
    weights = [f"w{level}" for level in range(1, levels + 1)] if weighted else None
    fit = mix(formula, data, weights, se="model")
    theta = np.where(np.abs(fit.theta) < 0.1, 0.35, fit.theta)
    return fit.at(theta)


every_fit = pytest.mark.parametrize("weighted", [False, True], ids=["unweighted", "weighted"])
every_model = pytest.mark.parametrize("name", MODELS)


def naive_V(fit: FittedModel, kind: str) -> np.ndarray:
    """Element by element from what a user can read: labels of groups, Sigma and weights."""
    design, theta = fit.design, fit.theta.to_numpy()
    n = design.n
    V = np.zeros((n, n))
    for level, Lambda in zip(design.levels, design.covariance.Lambdas(theta), strict=True):
        Sigma = fit.sigma**2 * Lambda @ Lambda.T
        for i in range(n):
            for j in range(n):
                if level.codes[i] == level.codes[j]:
                    share = level.psi[level.codes[i]] if kind == "working" else 1.0
                    V[i, j] += level.Z[i] @ Sigma @ level.Z[j] / share
    residual = fit.sigma**2 / (design.omega if kind == "working" else np.ones(n))
    return V + np.diag(residual)


@every_fit
@every_model
@pytest.mark.parametrize("kind", ["marginal", "working"])
def test_v_by_group_holds_the_whole_of_v(name: str, weighted: bool, kind: str) -> None:
    fit = fitted(name, weighted)
    expected = naive_V(fit, kind)
    np.testing.assert_allclose(fit.V(kind).toarray(), expected, rtol=1e-12, atol=1e-13)
    blocks = list(fit.V_by_group(kind))
    top = fit.design.levels[-1]
    assert [block.label for block in blocks] == list(top.labels)
    together = np.zeros_like(expected)
    for g, (_, rows, block) in enumerate(blocks):
        np.testing.assert_array_equal(rows, np.flatnonzero(top.codes == g))
        together[np.ix_(rows, rows)] = block
    np.testing.assert_allclose(together, expected, rtol=1e-12, atol=1e-13)


@every_fit
@every_model
def test_gls_returns_beta_and_the_models_covariance_both_ways(name: str, weighted: bool) -> None:
    fit = fitted(name, weighted)
    y = fit.design.y
    whole = gls(fit.X, fit.V("working"), y)
    by_group = gls(fit.X, fit.V_by_group("working"), y)
    for beta, covariance in (whole, by_group):
        np.testing.assert_allclose(beta, fit.params, rtol=1e-11)
        np.testing.assert_allclose(covariance, fit.cov_params(), rtol=1e-10, atol=1e-14)
    dense = gls(fit.X.toarray(), fit.V("working").toarray(), y)
    np.testing.assert_allclose(dense[0], fit.params, rtol=1e-11)
    other = gls(fit.X, fit.V_by_group("marginal"), y)[0]
    apart = np.abs(other / fit.params.to_numpy() - 1).max()
    assert apart > 1e-3 if weighted else apart < 1e-11


def test_conditional_weights_in_the_working_v_would_not_do() -> None:
    fit = fitted("three", True)
    design = fit.design
    psi = design.levels[0].psi[design.levels[0].codes]
    # omega / psi, the weight of a row given its group, in place of omega
    wrong = [
        (label, rows, block + np.diag(fit.sigma**2 * (psi - 1) / design.omega)[np.ix_(rows, rows)])
        for label, rows, block in fit.V_by_group("working")
    ]
    beta = gls(fit.X, wrong, design.y)[0]
    assert np.abs(beta / fit.params.to_numpy() - 1).max() > 1e-3


def test_groups_are_given_in_the_order_asked_for() -> None:
    fit = fitted("three", True)
    labels = list(fit.design.levels[-1].labels)
    asked = [labels[4], labels[1]]
    blocks = list(fit.V_by_group("working", groups=asked))
    assert [block.label for block in blocks] == asked
    V = fit.V("working").toarray()
    for _, rows, block in blocks:
        np.testing.assert_allclose(block, V[np.ix_(rows, rows)], rtol=1e-12)


def test_a_top_group_of_several_variables_is_named_by_a_tuple() -> None:
    data = simulate(5, levels=2)
    data["a"], data["b"] = data["g2"] % 2, data["g2"] // 2
    fit = mix("y ~ x + (1|a:b)", data)
    (block,) = fit.V_by_group(groups=[(1, 3)])
    np.testing.assert_array_equal(block.rows, np.flatnonzero((data["a"] == 1) & (data["b"] == 3)))


def test_large_data_never_form_v_or_z_of_all_groups() -> None:
    """100 groups of 300 rows: one block takes 0.7 MB, the sparse V 108 MB."""
    rng = np.random.default_rng(8)
    size, n_groups = 300, 100
    group = rng.permutation(np.repeat(np.arange(n_groups), size))
    x = rng.normal(size=group.size)
    y = 1 + x + rng.normal(size=n_groups)[group] + rng.normal(size=group.size)
    psi = rng.uniform(1, 3, n_groups)[group]
    omega = psi * rng.uniform(1, 3, group.size)
    data = pd.DataFrame({"y": y, "x": x, "g": group, "w1": omega, "w2": psi})
    fit = mix("y ~ x + (x|g)", data, ["w1", "w2"], se="model")
    X, response = fit.X, fit.design.y
    tracemalloc.start()
    beta, covariance = gls(X, fit.V_by_group("working"), response)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    np.testing.assert_allclose(beta, fit.params, rtol=1e-11)
    np.testing.assert_allclose(covariance, fit.cov_params(), rtol=1e-10)
    assert peak < 12e6


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"kind": "total"}, "kind must be"),
        ({"groups": [1, 999, 1000]}, r"2 are not \(first: 999\)"),
        ({"groups": [1, 2, 1]}, "1 is there twice"),
        ({"groups": "1"}, "must be a list of ids"),
        ({"groups": 1}, "must be a list of ids"),
    ],
)
def test_v_by_group_refuses_at_once(arguments: dict, message: str) -> None:
    fit = fitted("three", False)
    with pytest.raises(OptionError, match=message):
        fit.V_by_group(**arguments)


X2 = np.column_stack([np.ones(4), np.arange(4.0)])
Y = np.array([1.0, 2.0, 2.5, 5.0])
TWO = np.eye(2)


@pytest.mark.parametrize(
    ("X", "V", "y", "error", "message"),
    [
        (X2, np.eye(3), Y, DataError, r"V must be \(n, n\) with n = 4"),
        (X2[:3], np.eye(4), Y, DataError, "must share n"),
        (X2, np.eye(4), np.array([1, 2, np.nan, 4.0]), DataError, "1 of its values are not"),
        (X2, np.full((4, 4), np.nan), Y, DataError, "V must be finite"),
        (X2, np.ones((4, 4)), Y, DataError, "positive definite"),
        (X2, np.diag([1.0, 1.0, 1.0, -1.0]), Y, DataError, "positive definite"),
        (X2, np.eye(4) + np.eye(4)[[1, 0, 2, 3]] * 2, Y, DataError, "positive definite"),
        (X2, np.triu(np.ones((4, 4))), Y, DataError, "symmetric"),
        (np.column_stack([X2, X2.sum(axis=1)]), np.eye(4), Y, RankError, "column 2"),
        (X2, [("a", [0, 1], TWO)], Y, DataError, r"2 of 4 rows .*position 2, in 0 blocks"),
        (X2, [("a", [0, 1], TWO), ("b", [1, 2], TWO), ("c", [3], TWO[:1, :1])], Y, DataError,
         "position 1, in 2 blocks"),
        (X2, [("a", [0, 1, 2], TWO)], Y, DataError, "block 'a' is"),
        (X2, [("a", [0.0, 1.0], TWO)], Y, DataError, "whole-number"),
        (X2, [("a", [0, 7], TWO)], Y, DataError, "0..3"),
        (X2, [("a", [-1, 0], TWO)], Y, DataError, "0..3"),
        (X2, [("a", [0, 1], TWO), ("b", [2, 3], -TWO)], Y, DataError, "block 'b' of V"),
        (X2, [("a", [0, 1], TWO), ("b", [2, 3], np.triu(np.ones((2, 2))))], Y, DataError,
         "block 'b' of V must be symmetric"),
        (np.ones((4, 2)), [("a", [0, 1], TWO), ("b", [2, 3], TWO)], Y, RankError, "column 1"),
    ],
)  # fmt: skip
def test_gls_refuses_what_it_cannot_solve(X, V, y, error, message) -> None:
    with pytest.raises(error, match=message):
        gls(X, V, y)


def test_gls_takes_sparse_blocks_and_every_class_of_sparse_v() -> None:
    V = np.array([[2.0, 1, 0, 0], [1, 3, 0, 0], [0, 0, 1, 0], [0, 0, 0, 4]])
    expected = np.linalg.solve(X2.T @ np.linalg.solve(V, X2), X2.T @ np.linalg.solve(V, Y))
    blocks = [("b", np.array([3, 2]), sp.csr_array(V[[3, 2]][:, [3, 2]])), ("a", [0, 1], V[:2, :2])]
    for form in (V, sp.csr_array(V), sp.coo_array(V), sp.csc_matrix(V), blocks, iter(blocks)):
        np.testing.assert_allclose(gls(X2, form, Y)[0], expected, rtol=1e-14)


def test_gls_without_fixed_effects_has_nothing_to_estimate() -> None:
    X = np.empty((4, 0))
    for form in (np.eye(4), [("a", [0, 1], TWO), ("b", [2, 3], TWO)]):
        beta, covariance = gls(X, form, Y)
        assert beta.shape == (0,)
        assert covariance.shape == (0, 0)
