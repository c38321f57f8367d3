"""Two forms of the criterion, its derivatives, and generalised least squares."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from tests.identities.conftest import simulate
from wemix_ref import gls, mix, paper
from wemix_ref.design import build_design
from wemix_ref.fit import criterion_of
from wemix_ref.information import JointInformation

MODELS = {
    "two levels, slope": (2, "y ~ x + (x|g2)"),
    "two levels, uncorrelated": (2, "y ~ x + (1|g2) + (0 + x|g2)"),
    "three levels": (3, "y ~ x + z + (1|g3/g2)"),
    "three levels, slopes": (3, "y ~ x + (x|g3) + (x||g2)"),
    "four levels": (4, "y ~ x + (1|g4) + (x|g3) + (1|g2)"),
    "five levels": (5, "y ~ x + (1|g2) + (1|g3) + (1|g4) + (x|g5)"),
}


def draw(name: str, weighted: bool) -> tuple[pd.DataFrame, str, list[str] | None]:
    levels, formula = MODELS[name]
    data = simulate(17, n_top=12 if levels < 4 else 6, levels=levels)
    return data, formula, [f"w{level}" for level in range(1, levels + 1)] if weighted else None


def some_theta(n: int) -> np.ndarray:
    return np.random.default_rng(4).uniform(0.2, 1.3, n)


@pytest.mark.parametrize("reml", [False, True])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("name", MODELS)
def test_the_paper_and_the_recursion_are_one_criterion(
    name: str, weighted: bool, reml: bool
) -> None:
    if weighted and reml:
        reml = False
    data, formula, weights = draw(name, weighted)
    design = build_design(formula, data, weights)
    criterion = criterion_of(design, reml)
    n = design.covariance.n_theta
    for theta in (some_theta(n), np.zeros(n), 5.0 * some_theta(n)):
        plain = paper.evaluate(design, theta, reml)
        at = criterion.evaluate(theta)
        assert at.deviance == pytest.approx(plain.deviance, rel=1e-12)
        beta = criterion.data.coordinates.beta(at.profile.b)
        np.testing.assert_allclose(beta, plain.beta, rtol=1e-11, atol=1e-12)
        assert np.sqrt(at.profile.sigma2) == pytest.approx(plain.sigma, rel=1e-12)


@pytest.mark.parametrize("reml", [False, True])
@pytest.mark.parametrize("name", MODELS)
def test_gradient_and_hessian_are_central_differences(name: str, reml: bool) -> None:
    data, formula, weights = draw(name, not reml)
    design = build_design(formula, data, weights)
    criterion = criterion_of(design, reml)
    theta = some_theta(design.covariance.n_theta)
    at = criterion.evaluate(theta)
    gradient, hessian = criterion.gradient(at), criterion.hessian(at)[0]
    step = 1e-5
    for k, unit in enumerate(np.eye(theta.size)):
        up, down = criterion.evaluate(theta + step * unit), criterion.evaluate(theta - step * unit)
        numeric = (up.deviance - down.deviance) / (2 * step)
        assert gradient[k] == pytest.approx(numeric, rel=1e-6, abs=1e-6 * np.abs(gradient).max())
        numeric_row = (criterion.gradient(up) - criterion.gradient(down)) / (2 * step)
        np.testing.assert_allclose(
            hessian[k], numeric_row, rtol=1e-6, atol=1e-7 * np.abs(hessian).max()
        )


@pytest.mark.parametrize("name", MODELS)
def test_gradient_over_covariances_is_that_over_theta(name: str) -> None:
    # dD/dLambda = 2 M Lambda for M = dD / d(Lambda Lambda')
    data, formula, weights = draw(name, True)
    design = build_design(formula, data, weights)
    criterion = criterion_of(design)
    theta = some_theta(design.covariance.n_theta)
    at = criterion.evaluate(theta)
    M = criterion.psd_gradient(at)
    Lambdas = design.covariance.Lambdas(theta)
    from_M = design.covariance.gather([2 * m @ L for m, L in zip(M, Lambdas, strict=True)])
    np.testing.assert_allclose(from_M, criterion.gradient(at), rtol=1e-9, atol=1e-8)


@pytest.mark.parametrize("name", MODELS)
def test_joint_information_is_the_derivative_of_the_group_log_likelihoods(name: str) -> None:
    """l_k at fixed (beta, theta, sigma), written out per top group by the paper's QR."""
    data, formula, weights = draw(name, True)
    design = build_design(formula, data, weights)
    criterion = criterion_of(design)
    theta = some_theta(design.covariance.n_theta)
    at = criterion.evaluate(theta)
    information = JointInformation.at(criterion, at)
    beta = criterion.data.coordinates.beta(at.profile.b)
    sigma = float(np.sqrt(at.profile.sigma2))
    assert information.log_likelihoods.sum() == pytest.approx(-0.5 * at.deviance, rel=1e-12)

    top = design.levels[-1]
    assert weights is not None
    groups = {}
    for k in range(top.n_groups):
        rows = data.loc[design.index[_top_codes(design) == k]]
        X = design.X[_top_codes(design) == k]
        sizes = [rows[f"g{level.number}"].nunique() for level in design.levels]
        if np.linalg.matrix_rank(X) < X.shape[1] or len(set(sizes)) < len(sizes):
            continue  # eq. 111 needs the group's own beta, and its levels in the design's order
        # a second group with the same rows: a design needs two
        twin = rows.copy()
        for level in design.levels:
            twin[f"g{level.number}"] += 10_000
        both = pd.concat([rows, twin], ignore_index=True)
        groups[k] = build_design(formula, both, weights)
    assert len(groups) >= 2

    def log_likelihood(k: int, parameters: np.ndarray) -> float:
        p, n_theta = beta.size, theta.size
        b, t, s = parameters[:p], parameters[p : p + n_theta], parameters[-1]
        one = groups[k]
        fit = paper.evaluate(one, t)
        excess = float(np.sum((fit.R22 @ (b - fit.beta)) ** 2))  # eq. 111, with the right signs
        W = float(one.omega.sum())
        return 0.5 * (
            fit.log_alpha - 0.5 * W * np.log(2 * np.pi * s**2) - (fit.r2 + excess) / (2 * s**2)
        )

    parameters = np.concatenate([beta, theta, [sigma]])
    for k in groups:
        assert log_likelihood(k, parameters) == pytest.approx(
            information.log_likelihoods[k], rel=1e-9
        )
        numeric = [
            (log_likelihood(k, parameters + e) - log_likelihood(k, parameters - e)) / 2e-5
            for e in 1e-5 * np.eye(parameters.size)
        ]
        np.testing.assert_allclose(
            information.scores[k], numeric, rtol=1e-5, atol=1e-5 * np.abs(numeric).max()
        )


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("name", MODELS)
def test_joint_hessian_is_the_derivative_of_the_scores(name: str, weighted: bool) -> None:
    data, formula, weights = draw(name, weighted)
    design = build_design(formula, data, weights)
    criterion = criterion_of(design)
    theta = some_theta(design.covariance.n_theta)  # not an optimum: nothing cancels
    at = criterion.evaluate(theta)
    information = JointInformation.at(criterion, at)
    coordinates, W = criterion.data.coordinates, criterion.data.W
    J, p = coordinates.jacobian, information.p

    def score(parameters: np.ndarray) -> np.ndarray:
        """Total score at any (beta, theta, sigma), not profiled."""
        sigma = parameters[-1]
        here = criterion.evaluate(parameters[p:-1])
        v = np.append(-coordinates.working(parameters[:p]), 1.0)
        F = here.profile.F
        profile = replace(here.profile, v=v, r2=here.profile.dof * sigma**2)
        there = replace(here, profile=profile, _solved={})
        total = criterion.gradient_by_top(there).sum(axis=0)
        return np.concatenate(
            [
                J.T @ (F @ v)[:p] / sigma**2,
                -0.5 * total,
                [-W / sigma + v @ F @ v / sigma**3],
            ]
        )

    beta = coordinates.beta(at.profile.b)
    point = np.concatenate([beta, theta, [np.sqrt(at.profile.sigma2)]])
    np.testing.assert_allclose(
        score(point), information.scores.sum(axis=0), rtol=1e-8, atol=1e-8 * W
    )
    size = np.sqrt(np.abs(np.diag(information.H)))
    for k in range(point.size):
        step = np.zeros(point.size)
        step[k] = 1e-4 / size[k]
        numeric = -(score(point + step) - score(point - step)) / (2 * step[k])
        scaled = np.abs(numeric - information.H[k]) / (size * size[k])
        assert scaled.max() < 1e-6


def _top_codes(design) -> np.ndarray:
    codes = design.levels[0].codes
    for level in design.levels[:-1]:
        codes = level.parent[codes]
    return codes


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("name", MODELS)
def test_gls_with_the_working_covariance_returns_beta(name: str, weighted: bool) -> None:
    data, formula, weights = draw(name, weighted)
    shuffled = data.sample(frac=1.0, random_state=1)
    fit = mix(formula, shuffled, weights, se="model")
    y = shuffled["y"].to_numpy()
    V = fit.V("working")
    beta, covariance = gls(fit.X, V, y)
    np.testing.assert_allclose(beta, fit.params, rtol=1e-10)
    np.testing.assert_allclose(covariance, fit.cov_params(), rtol=1e-9, atol=1e-14)
    marginal = fit.Z() @ fit.G() @ fit.Z().T
    difference = fit.V() - marginal
    np.testing.assert_allclose(
        difference.toarray(), fit.sigma**2 * np.eye(len(data)), atol=1e-12 * fit.sigma**2
    )
    if not weighted:
        np.testing.assert_allclose(V.toarray(), fit.V().toarray(), rtol=1e-13, atol=1e-14)
    else:
        other, _ = gls(fit.X, fit.V(), y)
        assert np.abs(other / fit.params.to_numpy() - 1).max() > 1e-4


@pytest.mark.parametrize("name", MODELS)
def test_dense_normal_density_is_the_unweighted_likelihood(name: str) -> None:
    data, formula, _ = draw(name, False)
    fit = mix(formula, data)
    V = fit.V().toarray()
    residual = data["y"].to_numpy() - fit.X @ fit.params.to_numpy()
    _, log_det = np.linalg.slogdet(2 * np.pi * V)
    expected = -0.5 * (log_det + residual @ np.linalg.solve(V, residual))
    assert fit.llf == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("name", MODELS)
def test_fitted_values_are_the_best_linear_predictor(name: str, weighted: bool) -> None:
    """X b + Z u, Z u = (V_w - sigma^2 Omega^-1) V_w^-1 (y - X b), and u = Lambda v of eq. 60."""
    data, formula, weights = draw(name, weighted)
    fit = mix(formula, data, weights).at(some_theta(mix(formula, data, weights).theta.size))
    y, Xb = data["y"].to_numpy(), fit.X @ fit.params.to_numpy()
    V = fit.V("working").toarray()
    noise = fit.sigma**2 / fit.design.omega
    Zu = (V - np.diag(noise)) @ np.linalg.solve(V, y - Xb)
    np.testing.assert_allclose(fit.fittedvalues, Xb + Zu, rtol=1e-9, atol=1e-10)
    plain = paper.evaluate(fit.design, fit.theta.to_numpy())
    Lambdas = fit.design.covariance.Lambdas(fit.theta.to_numpy())
    for modes, v, Lambda in zip(fit.random_effects.values(), plain.v, Lambdas, strict=True):
        np.testing.assert_allclose(modes, v @ Lambda.T, rtol=1e-8, atol=1e-10)
