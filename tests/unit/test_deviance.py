"""The criterion's parts: profile, counts, what comes down with which adjoint, failures."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.identities.conftest import simulate
from wemix_ref.design import build_design
from wemix_ref.deviance import Criterion, profiled_hessian
from wemix_ref.fit import criterion_of
from wemix_ref.information import JointInformation

THETA = np.array([0.8, -0.2, 0.5, 1.1])
FORMULA = "y ~ x + z + (x|g2) + (1|g3)"


def criterion(reml: bool = False, formula: str = FORMULA) -> Criterion:
    weights = None if reml else ["w1", "w2", "w3"]
    return criterion_of(build_design(formula, simulate(5), weights), reml)


@pytest.mark.parametrize("reml", [False, True])
def test_the_profile_is_that_of_least_squares(reml: bool) -> None:
    one = criterion(reml)
    at = one.evaluate(THETA)
    profile, p = at.profile, one.data.p
    F_xx, F_xy = profile.F[:p, :p], profile.F[:p, p]
    b = np.linalg.solve(F_xx, F_xy)
    np.testing.assert_allclose(profile.b, b, rtol=1e-9)
    assert profile.v[p] == 1.0
    np.testing.assert_allclose(profile.F_xx_inv, np.linalg.inv(F_xx), rtol=1e-9)
    np.testing.assert_allclose(profile.root, np.linalg.cholesky(F_xx), rtol=1e-9, atol=1e-12)
    np.testing.assert_array_equal(profile.F, profile.F.T)
    r2 = profile.F[p, p] - F_xy @ b
    assert profile.r2 == pytest.approx(r2, rel=1e-9)
    dof = one.data.n - p if reml else simulate(5)["w1"].sum()
    assert profile.dof == pytest.approx(dof, rel=1e-14)
    assert profile.sigma2 == pytest.approx(r2 / dof, rel=1e-9)
    assert profile.log_det_xx == pytest.approx(np.linalg.slogdet(F_xx)[1], rel=1e-9)
    expected = at.log_det + dof * (1 + np.log(2 * np.pi * r2 / dof))
    if reml:
        R = one.data.coordinates.R
        expected += profile.log_det_xx + 2 * np.log(np.abs(np.diag(R))).sum()
    assert at.deviance == pytest.approx(expected, rel=1e-12)


def test_without_fixed_effects_there_is_nothing_to_profile() -> None:
    one = criterion(formula="y ~ 0 + (1|g2) + (1|g3)")
    at = one.evaluate(np.array([0.7, 0.4]))
    assert at.profile.F.shape == (1, 1)
    assert at.profile.F_xx_inv.shape == at.profile.root.shape == (0, 0)
    assert at.profile.v.tolist() == [1.0]
    assert at.profile.b.size == 0
    assert at.profile.r2 == at.profile.F[0, 0]
    assert at.profile.log_det_xx == 0.0
    step = 1e-6 * np.eye(2)
    slopes = [
        (one.evaluate(at.theta + h).deviance - one.evaluate(at.theta - h).deviance) / 2e-6
        for h in step
    ]
    np.testing.assert_allclose(one.gradient(at), slopes, rtol=1e-5, atol=1e-4)


def test_evaluations_and_hessians_are_counted() -> None:
    one = criterion()
    assert (one.evaluations, one.hessians) == (0, 0)
    at = one.evaluate(THETA)
    one.evaluate(THETA)
    assert (one.evaluations, one.hessians) == (2, 0)
    first, _ = one.hessian(at)
    joint, _ = one.hessian(at, profiled=False)
    # both come from one pass
    assert (one.evaluations, one.hessians) == (2, 1)
    np.testing.assert_array_equal(first, first.T)
    assert np.abs(first - joint).max() > 1e-3


def test_what_comes_down_is_kept_by_its_adjoint() -> None:
    one = criterion(reml=True)
    at = one.evaluate(THETA)
    full = one.down(at)
    assert one.down(at, "criterion") is full
    bare = one.down(at, "none")
    likelihood = one.down(at, "likelihood")
    assert len({id(full), id(bare), id(likelihood)}) == 3
    for a, b in ((full, likelihood), (full, bare), (likelihood, bare)):
        assert np.abs(a.gradient[0] - b.gradient[0]).max() > 1e-9
    plain = criterion()
    at = plain.evaluate(THETA)
    np.testing.assert_array_equal(
        plain.down(at).gradient[0], plain.down(at, "likelihood").gradient[0]
    )


def test_shares_of_top_groups_add_up_to_the_gradient() -> None:
    one = criterion()
    at = one.evaluate(THETA)
    shares = one.gradient_by_top(at)
    assert shares.shape == (one.data.W_top.size, 4)
    np.testing.assert_allclose(shares.sum(axis=0), one.gradient(at), rtol=1e-9, atol=1e-10)
    # D as a function of L L': dD/dL is twice the derivative times L
    for level, G in zip(one.covariance.levels, one.psd_gradient(at), strict=True):
        np.testing.assert_allclose(G, G.T, rtol=1e-9, atol=1e-10)
        L = level.Lambda(THETA)
        slope = 2 * (G @ L)
        rows, columns = level.where
        np.testing.assert_allclose(
            slope[rows, columns], one.gradient(at)[level.slice], rtol=1e-8, atol=1e-9
        )


def test_large_data_keep_no_sums_by_top_group_and_have_the_same_scores() -> None:
    one = criterion()
    at = one.evaluate(THETA)
    K, k = one.data.W_top.size, one.data.p + 1
    assert at.F_top is not None
    assert at.F_top.shape == (K, k, k)
    np.testing.assert_allclose(at.F_top.sum(axis=0), at.profile.F, rtol=1e-9, atol=1e-10)
    large = Criterion(replace(one.data, F_top=None, F_low=None), one.covariance)
    there = large.evaluate(THETA)
    assert there.deviance == pytest.approx(at.deviance, rel=1e-13)
    assert there.F_top is None
    expected, found = JointInformation.at(one, at), JointInformation.at(large, there)
    np.testing.assert_allclose(found.scores, expected.scores, rtol=1e-8, atol=1e-9)


def test_a_theta_of_whole_numbers_is_one_of_numbers() -> None:
    one = criterion()
    at = one.evaluate([1, 0, 1, 2])  # type: ignore[arg-type]
    assert at.theta.dtype == np.float64
    assert at.deviance == one.evaluate(np.array([1.0, 0.0, 1.0, 2.0])).deviance


@pytest.mark.parametrize("compiled", [True, False])
def test_what_is_no_number_fails_by_name(compiled: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if not compiled:
        monkeypatch.setenv("WEMIX_REF_NUMBA", "0")
    one = criterion()
    with pytest.raises(np.linalg.LinAlgError, match="A is not positive definite at level 2"):
        one.evaluate(np.full(4, np.nan))
    there = one.evaluate(THETA)
    for level in (2, 3):
        Lams = tuple(Lam * (np.nan if at == level else 1.0) for at, Lam in enumerate(there.Lams, 2))
        with pytest.raises(np.linalg.LinAlgError, match=f"A is not positive .* at level {level}"):
            one.down(replace(there, Lams=Lams))
    with pytest.raises(np.linalg.LinAlgError, match="F_xx is not positive definite"):
        one._profile(-np.eye(4))


def test_the_profiled_hessian_is_a_schur_complement_alone_and_in_stacks() -> None:
    rng = np.random.default_rng(2)
    n, p, stack = 3, 2, 4
    H, dFv = rng.normal(size=(stack, n, n)), rng.normal(size=(stack, n, p + 1))
    inverse, v = rng.normal(size=(stack, p, p)), rng.normal(size=(stack, p + 1))
    sigma2, dof = rng.uniform(1, 2, stack), rng.uniform(5, 9, stack)
    found = profiled_hessian(H, dFv, inverse, v, sigma2, dof)
    assert found.shape == (stack, n, n)
    for i in range(stack):
        dFb, along = dFv[i, :, :p], dFv[i] @ v[i] / sigma2[i]
        expected = H[i] - 2 * dFb @ inverse[i] @ dFb.T / sigma2[i] - np.outer(along, along) / dof[i]
        np.testing.assert_allclose(found[i], expected, rtol=1e-12)
        alone = profiled_hessian(H[i], dFv[i], inverse[i], v[i], np.asarray(sigma2[i]), dof[i])
        np.testing.assert_allclose(alone, expected, rtol=1e-12)
