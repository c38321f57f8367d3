"""Standard errors from scores and Hessian: each recipe written out, flat and concave directions."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.identities.conftest import simulate
from wemix_ref.components import components
from wemix_ref.design import build_design
from wemix_ref.errors import ModelError, OptionError
from wemix_ref.fit import criterion_of, mix
from wemix_ref.inference import (
    AT_BOUNDARY,
    NOT_CONCAVE,
    NOT_IDENTIFIED,
    RECIPES,
    UNDER_REML,
    Bread,
    Inference,
    _error,
    _root_of_form,
    check_recipe,
    infer,
)
from wemix_ref.information import JointInformation


def test_bread_is_the_inverse_of_a_block() -> None:
    rng = np.random.default_rng(3)
    A = rng.normal(size=(5, 9))
    H, where = A @ A.T * np.outer(10.0 ** np.arange(5), 10.0 ** np.arange(5)), np.array([4, 0, 2])
    bread = Bread.of(H, where)
    np.testing.assert_allclose(bread.inverse, np.linalg.inv(H[np.ix_(where, where)]), rtol=1e-10)
    np.testing.assert_array_equal(bread.where, where)
    np.testing.assert_allclose(bread.scale, np.sqrt(np.diag(H)[where]), rtol=1e-15)
    assert bread.flat.shape == (3, 0)
    assert bread.concave is True
    assert bread.estimable(np.array([0.0, 1.0, 0.0]))
    assert not bread.estimable(np.zeros(3))


def test_a_direction_upwards_is_not_concave() -> None:
    H = np.diag([4.0, -9.0])
    bread = Bread.of(H, np.arange(2))
    assert bread.concave is False
    np.testing.assert_allclose(bread.inverse, np.diag([1 / 4, -1 / 9]), rtol=1e-15)
    np.testing.assert_allclose(bread.scale, [2.0, 3.0])


def test_flat_directions_are_left_out_and_what_needs_them_is_not_estimable() -> None:
    H = np.diag([4.0, 1.0, 0.0])
    bread = Bread.of(H, np.arange(3))
    np.testing.assert_allclose(bread.inverse, np.diag([0.25, 1.0, 0.0]), atol=1e-15)
    np.testing.assert_allclose(np.abs(bread.flat), [[0.0], [0.0], [1.0]], atol=1e-15)
    assert bread.scale.tolist() == [2.0, 1.0, 1.0]
    assert bread.concave is True  # as far as there is curvature
    assert not bread.estimable(np.array([0.0, 0.0, 1.0]))
    # a millionth of the whole, on the scale of H
    assert bread.estimable(np.array([2.0, 0.0, 0.9e-6]))
    assert not bread.estimable(np.array([2.0, 0.0, 1.1e-6]))
    # two parameters of which the sum alone is known
    both = Bread.of(np.ones((2, 2)), np.arange(2))
    assert both.estimable(np.array([1.0, 1.0]))
    assert not both.estimable(np.array([1.0, 0.0]))
    np.testing.assert_allclose(both.inverse, np.full((2, 2), 0.25), rtol=1e-14)
    # whatever the unit
    for unit in (1e-170, 1e170):
        assert both.estimable(np.array([unit, unit]))
        assert not both.estimable(np.array([unit, 0.0]))


def test_a_millionth_is_of_the_length_of_the_gradient() -> None:
    bread = Bread.of(np.diag([1.0] * 9 + [0.0]), np.arange(10))
    assert bread.estimable(np.array([1.0] * 9 + [2.9e-6]))
    assert not bread.estimable(np.array([1.0] * 9 + [3.1e-6]))


def test_where_there_is_no_information_all_is_flat() -> None:
    bread = Bread.of(np.zeros((2, 2)), np.arange(2))
    assert bread.flat.shape == (2, 2)
    np.testing.assert_array_equal(bread.inverse, np.zeros((2, 2)))
    assert not bread.estimable(np.array([1.0, 0.0]))
    with np.errstate(all="raise"):  # and a function of nothing is told by nothing
        assert not bread.estimable(np.zeros(2))


@pytest.mark.parametrize(("short", "flat"), [(1.8e-9, 1), (2.2e-9, 0), (-1.8e-9, 1), (-2.2e-9, 0)])
def test_what_counts_as_flat_is_a_billionth(short: float, flat: int) -> None:
    bread = Bread.of(np.array([[1.0, 1.0 - short], [1.0 - short, 1.0]]), np.arange(2))
    assert bread.flat.shape == (2, flat)
    assert bread.concave is (flat == 1 or short > 0)


def written_out(
    information: JointInformation, cov_beta: np.ndarray, active: np.ndarray, recipe: str
) -> np.ndarray:
    """Covariance over (beta, theta, sigma) of all recipes but "wemix", NaN where not active."""
    p, S, B = information.p, information.scores, information.B
    kappa = information.K / (information.K - 1)
    free = np.flatnonzero(np.concatenate([np.ones(p, bool), active, [True]]))
    at = np.ix_(free, free)
    inverse = np.linalg.inv(information.H[at])
    out = np.full(B.shape, np.nan)
    if recipe == "model":
        out[at] = inverse
        out[:p, :p] = cov_beta
    elif recipe in ("gllamm", "sas", "mplus"):
        out[at] = (kappa if recipe == "gllamm" else 1.0) * inverse @ B[at] @ inverse
    else:
        out[at] = 0.0
        own = inverse[p:, p:]
        place = np.ix_(free[p:], free[p:])
        out[place] = kappa * own @ B[place] @ own
        out[:p, :p] = kappa * cov_beta @ (S[:, :p].T @ S[:, :p]) @ cov_beta
    if recipe in ("model", "stata"):
        out[:p, p:][~np.isnan(out[:p, p:])] = 0.0
        out[p:, :p][~np.isnan(out[p:, :p])] = 0.0
    return out


FORMULA, WEIGHTS = "y ~ x + (x|g2) + (1|g3)", ["w1", "w2", "w3"]


def found(
    recipe: str, zero: bool = False, seed: int = 18
) -> tuple[Inference, JointInformation, tuple]:
    """At the maximum, or with the slope's variance put to zero there."""
    data = simulate(seed, n_top=12)
    criterion = criterion_of(build_design(FORMULA, data, WEIGHTS), False)
    theta = mix(FORMULA, data, WEIGHTS).theta.to_numpy().copy()
    if zero:
        theta[2] = 0.0
    at = criterion.evaluate(theta)
    parts = components(criterion.covariance, theta, float(np.sqrt(at.profile.sigma2)))
    information = JointInformation.at(criterion, at)
    root = criterion.data.coordinates.covariance_root
    cov_beta = root @ (at.profile.sigma2 * at.profile.F_xx_inv) @ root.T
    active = ~criterion.covariance.zero_columns(theta)
    return infer(criterion, at, parts, recipe), information, (cov_beta, active, parts)


@pytest.mark.parametrize("zero", [False, True])
@pytest.mark.parametrize("recipe", [name for name in RECIPES if name != "wemix"])
def test_each_recipe_is_its_formula(recipe: str, zero: bool) -> None:
    inference, information, (cov_beta, active, parts) = found(recipe, zero)
    expected = written_out(information, cov_beta, active, recipe)
    p = information.p
    assert inference.recipe == recipe
    assert inference.cov_all is not None
    np.testing.assert_allclose(inference.cov_all, expected, rtol=1e-7, atol=1e-12)
    np.testing.assert_allclose(inference.cov_beta, expected[:p, :p], rtol=1e-7)
    for part, error, reason in zip(parts, inference.se_components, inference.reasons, strict=True):
        gradient, of_variances = part.gradient, expected[p:, p:]
        if part.on_boundary:
            assert np.isnan(error)
            assert reason == AT_BOUNDARY
            continue
        used = np.flatnonzero(gradient)
        V = of_variances[np.ix_(used, used)]
        assert error == pytest.approx(np.sqrt(gradient[used] @ V @ gradient[used]), rel=1e-7)
        assert reason is None
    # what tells identified from flat: the inverse of the joint information, beta taken out
    workings = inference._workings
    assert workings is not None
    inner, free = (
        workings.information.H,
        np.flatnonzero(np.concatenate([[True] * p, active, [True]])),
    )
    expected_joint = np.linalg.inv(inner[np.ix_(free, free)])[p:, p:]
    np.testing.assert_allclose(workings.joint.inverse, expected_joint, rtol=1e-7, atol=1e-12)
    rows = np.stack([parts[0].gradient, parts[-1].gradient])
    if not zero:
        of_both = rows @ expected[p:, p:] @ rows.T
        for level in (2, 3):
            np.testing.assert_allclose(inference.cov_of(rows, level), of_both, rtol=1e-7)


def test_wemix_takes_each_level_for_itself() -> None:
    inference, information, (cov_beta, _, parts) = found("wemix")
    p, S, kappa = information.p, information.scores, information.K / (information.K - 1)
    assert inference.cov_all is not None
    expected = np.zeros_like(information.H)
    expected[:p, :p] = kappa * cov_beta @ (S[:, :p].T @ S[:, :p]) @ cov_beta
    blocks = {}
    for level, mine in ((3, [3, 4]), (2, [0, 1, 2, 4])):
        here = np.ix_(p + np.array(mine), p + np.array(mine))
        inverse = np.linalg.inv(information.H[here])
        blocks[level] = (mine, kappa * inverse @ information.B[here] @ inverse)
        expected[-1, :] = expected[:, -1] = 0.0  # sigma stands with level 2
        expected[here] = blocks[level][1]
    np.testing.assert_allclose(inference.cov_all, expected, rtol=1e-7, atol=1e-12)
    np.testing.assert_allclose(inference.cov_beta, expected[:p, :p], rtol=1e-7)
    for part, error in zip(parts, inference.se_components, strict=True):
        mine, V = blocks[max(part.level, 2)]
        gradient = part.gradient[mine]
        assert error == pytest.approx(np.sqrt(gradient @ V @ gradient), rel=1e-7)


def test_under_reml_the_model_is_the_only_recipe() -> None:
    for recipe in RECIPES:
        check_recipe(recipe, reml=False)
        if recipe != "model":
            with pytest.raises(ModelError, match=f'found se="{recipe}"'):
                check_recipe(recipe, reml=True)
    check_recipe("model", reml=True)
    for recipe in ("Wemix", "", 3, None):
        with pytest.raises(OptionError, match="se must be one of 'wemix', 'stata'"):
            check_recipe(recipe, reml=False)
    criterion = criterion_of(build_design("y ~ x + (1|g2)", simulate(17, n_top=12)), True)
    at = criterion.evaluate(np.array([0.7]))
    parts = components(criterion.covariance, at.theta, float(np.sqrt(at.profile.sigma2)))
    with pytest.raises(ModelError, match='found se="wemix"'):
        infer(criterion, at, parts, "wemix")
    with pytest.raises(OptionError, match="found 'lme4'"):
        infer(criterion, at, parts, "lme4")
    inference = infer(criterion, at, parts, "model")
    assert inference.reasons == (UNDER_REML, UNDER_REML)
    assert np.isnan(inference.se_components).all()
    assert inference.cov_all is None
    root = criterion.data.coordinates.covariance_root
    expected = root @ (at.profile.sigma2 * at.profile.F_xx_inv) @ root.T
    np.testing.assert_allclose(inference.cov_beta, expected, rtol=1e-14)


@pytest.mark.parametrize("recipe", RECIPES)
def test_away_from_a_maximum_there_are_none(recipe: str) -> None:
    inference, information, (cov_beta, _, parts) = found(recipe, zero=True, seed=17)
    reasons = [reason for part, reason in zip(parts, inference.reasons, strict=True)
               if part.name in ("g2.(Intercept)", "g2.(Intercept).x")]  # fmt: skip
    assert NOT_CONCAVE in reasons
    assert np.isnan(inference.cov_beta).all() == (recipe in ("gllamm", "sas", "mplus"))
    if recipe == "model":
        np.testing.assert_allclose(inference.cov_beta, cov_beta, rtol=1e-14)
    assert inference.cov_all is not None
    np.testing.assert_array_equal(
        np.isnan(inference.cov_all[0, : information.p]), np.isnan(inference.cov_beta[0])
    )
    # theta of level 2 and sigma; "wemix" has a block for level 3
    variances = np.isnan(np.diag(inference.cov_all)[information.p :]).tolist()
    assert variances == [True, True, True, recipe != "wemix", True]


def test_a_variance_of_nothing_has_an_error_of_zero() -> None:
    inference, _, (_, _, parts) = found("gllamm")
    workings = inference._workings
    assert workings is not None
    nothing = {
        level: replace(part, covariance=0.0 * part.covariance)
        for level, part in workings.parts.items()
    }
    below = {
        level: replace(part, covariance=-1e-9 * np.eye(len(part.covariance)))
        for level, part in workings.parts.items()
    }
    for part in parts:
        assert _error(part, replace(workings, parts=nothing)) == (0.0, None)
        assert _error(part, replace(workings, parts=below))[1] == NOT_CONCAVE
    # of a sum that does not vary, and of one that varies less than that
    both = np.ones(2)
    assert _root_of_form(both, np.array([[1.0, -1.0], [-1.0, 1.0]])) == 0.0
    with np.errstate(all="raise"):
        assert np.isnan(_root_of_form(both, np.array([[1.0, -1.5], [-1.5, 1.0]])))


@pytest.mark.filterwarnings("ignore")
def test_what_the_data_do_not_tell_apart_has_no_standard_error() -> None:
    data = simulate(17, n_top=12).assign(again=lambda d: d["g2"])
    criterion = criterion_of(build_design("y ~ x + (1|again) + (1|g2) + (1|g3)", data), False)
    one, top = mix("y ~ x + (1|g2) + (1|g3)", data).theta
    at = criterion.evaluate(np.array([one / np.sqrt(2), one / np.sqrt(2), top]))
    parts = components(criterion.covariance, at.theta, 1.0)
    for recipe in RECIPES:  # "wemix" too, for which either alone is told by its own block
        inference = infer(criterion, at, parts, recipe)
        assert inference.reasons == (NOT_IDENTIFIED, NOT_IDENTIFIED, None, None)
        assert inference.cov_all is not None
        assert (
            np.isnan(np.diag(inference.cov_all)).tolist() == [False] * 2 + [True] * 2 + [False] * 2
        )
