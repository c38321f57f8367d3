"""Variances of the conditional modes against dense computations that share no code with them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tests.identities.conftest import simulate
from tests.identities.test_replication import WEIGHTS, replicate, weighted_data
from wemix_ref import mix
from wemix_ref.results import FittedModel

# each test evaluates at a theta of its own, so where the small data's optimum lies is no matter
pytestmark = pytest.mark.filterwarnings("ignore::wemix_ref.errors.SingularFitWarning")

#: Formula and theta, whose values are inside the parameter space.
MODELS = [
    ("y ~ x + (1|g2)", [0.8]),
    ("y ~ x + (x|g2)", [0.8, 0.3, 0.5]),
    ("y ~ x + z + (1|g2) + (1|g3)", [0.7, 0.9]),
    ("y ~ x + (x|g3) + (1|g2)", [0.7, 0.9, -0.2, 0.4]),
    ("y ~ x + (x|g3) + (x|g2)", [0.7, 0.2, 0.5, 0.9, -0.2, 0.4]),
    ("y ~ x + (1|g3) + (0 + x|g3) + (x|g2)", [0.7, 0.2, 0.5, 0.9, 0.4]),
    ("y ~ x + (x||g4) + (x|g3) + (1|g2)", [0.7, 0.9, -0.2, 0.4, 0.6, 0.3]),
]


def dense(fit: FittedModel) -> list[np.ndarray]:
    """Var(u | y) = G - G Z' V^-1 Z G of the multivariate normal, per level (G, q, q)."""
    Z, G, V = fit.Z().toarray(), fit.G().toarray(), fit.V().toarray()
    whole = G - G @ Z.T @ np.linalg.solve(V, Z @ G)
    out, start = [], 0
    for level in fit.design.levels:
        n_groups, q = level.n_groups, level.Z.shape[1]
        # columns stand term by term, and within a term group by group
        places, first = [], start
        for term in level.terms:
            k = len(term.names)
            places.append(first + np.arange(n_groups)[:, None] * k + np.arange(k))
            first += n_groups * k
        columns = np.hstack(places)
        out.append(whole[columns[:, :, None], columns[:, None, :]])
        start += n_groups * q
    return out


@pytest.mark.parametrize(("formula", "theta"), MODELS)
@pytest.mark.parametrize("reml", [False, True])
def test_unweighted_they_are_those_of_the_multivariate_normal(
    formula: str, theta: list[float], reml: bool
) -> None:
    data = simulate(17, n_top=6, levels=4 if "g4" in formula else 3)
    fit = mix(formula, data, reml=reml).at(theta)
    found = fit.random_effects_cov
    assert list(found) == list(fit.ngroups)
    for name, expected in zip(found, dense(fit), strict=True):
        assert found[name].shape == (fit.ngroups[name], *fit.random_effects[name].shape[1:] * 2)
        np.testing.assert_allclose(found[name], expected, rtol=1e-10, atol=1e-11)
        assert np.all(np.linalg.eigvalsh(found[name]) > 0)


def test_standard_errors_are_their_roots_and_carry_the_groups_names() -> None:
    fit = mix("y ~ x + (x|g3) + (1|g2)", simulate(3), WEIGHTS).at([0.7, 0.9, -0.2, 0.4])
    for name, modes in fit.random_effects.items():
        se = fit.random_effects_se[name]
        assert se.index.equals(modes.index)
        assert list(se.columns) == list(modes.columns)
        variances = np.einsum("gqq->gq", fit.random_effects_cov[name])
        np.testing.assert_allclose(se.to_numpy() ** 2, variances, rtol=1e-14)


@pytest.mark.parametrize("where", ["1", "2", "3", "all"])
@pytest.mark.parametrize("formula", ["y ~ x + (x|g3) + (1|g2)", "y ~ x + (1|g3) + (x|g2)"])
def test_with_integer_weights_they_are_those_of_the_replicated_units(
    formula: str, where: str
) -> None:
    data = weighted_data(where)
    fit = mix(formula, data, WEIGHTS)
    plain = mix(formula, replicate(data)).at(fit.theta)
    for name, level in zip(plain.ngroups, plain.design.levels, strict=True):
        original = [str(label).split("/")[0] for label in level.labels]
        place = fit.random_effects[name].index.astype(str).get_indexer(original)
        np.testing.assert_allclose(
            plain.random_effects_cov[name],
            fit.random_effects_cov[name][place],
            rtol=1e-9,
            atol=1e-12,
        )


def one_copy(fit: FittedModel, g: int) -> np.ndarray:
    """Covariance of group g of level 2 as one copy of itself beside psi_g|k - 1 others.

    A dense precision matrix of the spherical effects of one top group and of all groups in it.
    """
    low, top = fit.design.levels
    k = low.parent[g]
    members = [(h, low.psi_cond[h]) for h in np.flatnonzero(low.parent == k) if h != g]
    members += [(g, low.psi_cond[g] - 1.0), (g, 1.0)]
    Lambdas = fit.design.covariance.Lambdas(fit.theta.to_numpy())
    q2, q3 = low.Z.shape[1], top.Z.shape[1]
    P = np.eye(q3 + q2 * len(members))
    for place, (h, weight) in enumerate(members):
        own = slice(q3 + place * q2, q3 + (place + 1) * q2)
        rows = low.codes == h
        M = np.zeros((int(rows.sum()), P.shape[0]))
        M[:, :q3] = top.Z[rows] @ Lambdas[1]
        M[:, own] = low.Z[rows] @ Lambdas[0]
        omega = fit.design.omega_cond[rows] * weight
        P[own, own] *= weight
        P += M.T @ (omega[:, None] * M)
    own_block = np.linalg.inv(P)[-q2:, -q2:]
    return fit.sigma**2 * Lambdas[0] @ own_block @ Lambdas[0].T


@pytest.mark.parametrize("formula", ["y ~ x + (x|g3) + (1|g2)", "y ~ x + (x|g3) + (x|g2)"])
def test_with_any_weights_a_group_stands_for_one_of_its_copies(formula: str) -> None:
    fit = mix(formula, simulate(11), WEIGHTS)
    theta = dict(MODELS)[formula]
    fit = fit.at(theta)
    name = fit.design.levels[0].name
    for g in range(fit.ngroups[name]):
        np.testing.assert_allclose(
            fit.random_effects_cov[name][g], one_copy(fit, g), rtol=1e-10, atol=1e-13
        )


def test_a_groups_own_weight_plays_no_part_but_those_inside_do() -> None:
    data = simulate(11)
    formula, theta = "y ~ x + (x|g3) + (1|g2)", [0.7, 0.9, -0.2, 0.4]

    def relative(frame: pd.DataFrame) -> np.ndarray:
        fit = mix(formula, frame, ["c1", "c2", "c3"], conditional_weights=True).at(theta)
        return fit.random_effects_cov["g3"] / fit.sigma**2

    before = relative(data)
    np.testing.assert_allclose(relative(data.assign(c3=data["c3"] ** 2)), before, rtol=1e-11)
    assert np.abs(relative(data.assign(c2=data["c2"] * 2)) / before - 1).max() > 0.05


def test_a_variance_of_zero_leaves_modes_and_their_variances_at_zero() -> None:
    fit = mix("y ~ x + (1|g3) + (1|g2)", simulate(3)).at([0.0, 0.8])
    assert np.all(fit.random_effects_se["g2"] == 0.0)
    assert np.all(fit.random_effects_se["g3"] > 0.0)
