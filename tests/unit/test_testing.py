"""Recipes, scores, Wald and likelihood-ratio tests."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import scipy.stats

from tests.identities.conftest import simulate
from wemix_ref import mix
from wemix_ref.contrasts_text import parse_hypotheses
from wemix_ref.errors import BoundaryWarning, ModelError, OptionError
from wemix_ref.inference import RECIPES

WEIGHTS = ["w1", "w2", "w3"]
FORMULA = "y ~ x * z + (x|g3) + (1|g2)"


@pytest.fixture(scope="module")
def data() -> pd.DataFrame:
    return simulate(2, n_top=25)


@pytest.fixture(scope="module")
def fit(data: pd.DataFrame):
    return mix(FORMULA, data, WEIGHTS)


# -- recipes -------------------------------------------------------------------------------------


def test_recipes_are_made_of_the_scores_and_the_hessian(fit) -> None:
    """Each recipe of the table in inference.py, written out with numpy."""
    p, m = fit.params.size, fit.theta.size
    information = fit._information()
    S, H = fit.scores().to_numpy(), information.H
    K = S.shape[0]
    kappa, B, inverse = K / (K - 1), S.T @ S, np.linalg.inv(H)
    b, t = slice(0, p), slice(p, p + m + 1)
    bb = np.linalg.inv(H[b, b])
    block = bb @ B[b, b] @ bb * kappa
    joint = inverse @ B @ inverse
    expected = {
        "wemix": (block, None),
        "stata": (block, inverse[t, t] @ B[t, t] @ inverse[t, t] * kappa),
        "gllamm": (joint[b, b] * kappa, joint[t, t] * kappa),
        "sas": (joint[b, b], joint[t, t]),
        "mplus": (joint[b, b], joint[t, t]),
        "model": (bb, inverse[t, t]),
    }
    for recipe, (beta, theta) in expected.items():
        other = fit.with_se(recipe)
        np.testing.assert_allclose(other.cov_params(), beta, rtol=1e-8, atol=1e-14)
        whole = other.cov_params("all")
        assert list(whole.index) == [*fit.params.index, *fit.theta.index, "sigma"]
        np.testing.assert_allclose(whole.to_numpy()[b, b], beta, rtol=1e-8, atol=1e-14)
        if theta is not None:
            np.testing.assert_allclose(whole.to_numpy()[t, t], theta, rtol=1e-7, atol=1e-13)
        if recipe in ("gllamm", "sas", "mplus"):
            assert np.abs(whole.to_numpy()[b, t]).max() > 0
        else:
            np.testing.assert_array_equal(whole.to_numpy()[b, t], 0.0)
    # under "wemix" each level's own block, sigma's from level 2
    whole = fit.cov_params("all").to_numpy()
    level2, level3 = [p, p + m], [p + 1, p + 2, p + 3]
    h = np.linalg.inv(H[np.ix_(level2, level2)])
    np.testing.assert_allclose(
        whole[np.ix_(level2, level2)], h @ B[np.ix_(level2, level2)] @ h * kappa, rtol=1e-8
    )
    with_sigma = [*level3, p + m]
    h = np.linalg.inv(H[np.ix_(with_sigma, with_sigma)])
    own = (h @ B[np.ix_(with_sigma, with_sigma)] @ h * kappa)[:3, :3]
    np.testing.assert_allclose(whole[np.ix_(level3, level3)], own, rtol=1e-8)
    np.testing.assert_array_equal(whole[np.ix_(level3, [p, p + m])], 0.0)


def test_changing_the_recipe_fits_nothing_again(fit, data: pd.DataFrame) -> None:
    before = fit._criterion.evaluations
    other = fit.with_se("stata")
    assert fit._criterion.evaluations == before
    assert other.se_recipe == "stata"
    assert fit.se_recipe == "wemix"
    assert other.deviance == fit.deviance
    direct = mix(FORMULA, data, WEIGHTS, se="stata")
    np.testing.assert_allclose(other.bse, direct.bse, rtol=1e-12)
    with pytest.raises(OptionError, match="'robust'"):
        fit.with_se("robust")


def test_every_recipe_side_by_side(fit) -> None:
    table = fit.se_by_recipe()
    assert list(table.columns) == ["estimate", *RECIPES]
    np.testing.assert_array_equal(table.loc["beta", "wemix"], fit.bse)
    np.testing.assert_array_equal(
        table.loc["vcov", "gllamm"], fit.with_se("gllamm").variance_components["se"]
    )
    assert ("vcov", "g3.(Intercept).x") in table.index
    np.testing.assert_array_equal(table["sas"], table["mplus"])


def test_reml_has_one_recipe(data: pd.DataFrame) -> None:
    fit = mix(FORMULA, data, reml=True)
    assert list(fit.se_by_recipe().columns) == ["estimate", "model"]
    for refused in (
        lambda: fit.with_se("stata"),
        lambda: fit.cov_params("all"),
        lambda: fit.scores(),
        lambda: fit.group_llf(),
        lambda: fit.wald_test("Residual = 1", on="components"),
    ):
        with pytest.raises(ModelError, match="REML"):
            refused()
    assert fit.wald_test("x = 0").df == 1


def test_scores_sum_to_zero_and_log_likelihoods_to_the_whole(fit) -> None:
    scores = fit.scores()
    assert list(scores.index) == list(fit.random_effects["g3"].index)
    size = np.sqrt((scores**2).sum())
    assert (scores.sum().abs() / size).max() < 1e-7
    assert fit.group_llf().sum() == pytest.approx(fit.llf, rel=1e-13)


def test_boundary_is_nan_in_every_recipe() -> None:
    for seed in range(100, 140):
        data = simulate(seed, n_top=6)
        fit = mix("y ~ x + (x|g3) + (1|g2)", data, WEIGHTS)
        if fit.theta["g2.(Intercept)"] != 0.0:
            continue
        for recipe in RECIPES:
            other = fit.with_se(recipe)
            se = other.variance_components.set_index("group")["se"]
            assert np.isnan(se["g2"])
            whole = other.cov_params("all")
            assert whole.loc["g2.(Intercept)"].isna().all()
            assert np.isfinite(whole.loc["x", "x"])
            with pytest.raises(OptionError, match="standard error"):
                other.wald_test("g2.(Intercept) = 1", on="components")
        return
    pytest.fail("no seed gave a zero variance at level 2")


# -- Wald ----------------------------------------------------------------------------------------


def test_one_hypothesis_is_a_squared_t(fit) -> None:
    test = fit.wald_test("x = 0")
    t = fit.params["x"] / fit.bse["x"]
    assert test.statistic == pytest.approx(t**2, rel=1e-12)
    assert test.pvalue == pytest.approx(2 * scipy.stats.norm.sf(abs(t)), rel=1e-10)
    by_t = fit.wald_test("x = 0", df="groups")
    assert by_t.pvalue == pytest.approx(2 * scipy.stats.t.sf(abs(t), 24), rel=1e-10)
    assert by_t.df_denominator == 24
    assert "  x = 0   (estimate" in str(test)


@pytest.mark.parametrize(
    "hypotheses",
    [
        "x - 2*z = 0.5, x:z = 0",
        "x:z = 0, x = 0.5 + 2*z",
        "`x:z` = 0, 0.5 - x = -2*z",
        np.array([[0, 1, -2, 0], [0, 0, 0, 1.0]]),
    ],
)
def test_hypotheses_in_any_form(fit, hypotheses) -> None:
    r = [0.5, 0.0] if isinstance(hypotheses, np.ndarray) else 0.0
    test = fit.wald_test(hypotheses, r)
    R = np.array([[0, 1, -2, 0], [0, 0, 0, 1.0]])
    gap = R @ fit.params.to_numpy() - [0.5, 0]
    expected = gap @ np.linalg.solve(R @ fit.cov_params().to_numpy() @ R.T, gap)
    assert test.statistic == pytest.approx(expected, rel=1e-10)
    assert test.df == 2
    assert test.pvalue == pytest.approx(scipy.stats.chi2.sf(expected, 2), rel=1e-9)


def test_names_and_mappings(fit) -> None:
    a = fit.wald_test(["x", "z"], [1.0, 0.0])
    b = fit.wald_test({"x": 1.0, "z": 0.0})
    c = fit.wald_test("x = 1, z")
    assert a.statistic == pytest.approx(b.statistic) == pytest.approx(c.statistic)


def test_a_wald_statistic_does_not_depend_on_units(data: pd.DataFrame) -> None:
    one = mix(FORMULA, data, WEIGHTS)
    other = mix(FORMULA, data.assign(y=data["y"] / 100), WEIGHTS)
    for fit_pair in (
        ("x = 0", {"on": "beta"}),
        ("g3.x = 0, g3.(Intercept).x = 0", {"on": "components"}),
    ):
        text, options = fit_pair
        with pytest.warns(BoundaryWarning) if options["on"] == "components" else _no_warning():
            a = one.wald_test(text, **options)
        with pytest.warns(BoundaryWarning) if options["on"] == "components" else _no_warning():
            b = other.wald_test(text, **options)
        assert a.statistic == pytest.approx(b.statistic, rel=1e-6)


class _no_warning:  # noqa: N801
    def __enter__(self) -> None:
        return None

    def __exit__(self, *args: object) -> None:
        return None


def test_one_component_is_its_squared_ratio(fit) -> None:
    table = fit.variance_components
    row = table[(table["group"] == "g3") & (table["var1"] == "x")].iloc[0]
    test = fit.wald_test("g3.x = 0.1", on="components")
    assert test.statistic == pytest.approx(((row["vcov"] - 0.1) / row["se"]) ** 2, rel=1e-8)


def test_components_across_levels_need_a_joint_recipe(fit) -> None:
    text = "g3.x - g2.(Intercept) = 0"
    with pytest.raises(ModelError, match=r"stata.*gllamm"):
        fit.wald_test(text, on="components")
    for recipe in ("stata", "gllamm", "sas", "mplus", "model"):
        test = fit.with_se(recipe).wald_test(text, on="components")
        assert np.isfinite(test.statistic)
    # the residual's is level 2's
    assert fit.wald_test("g2.(Intercept) - Residual = 0", on="components").df == 1


@pytest.mark.parametrize(
    ("hypotheses", "words"),
    [
        ("nope = 0", ["position", "'x'"]),
        ("x * z = 0", ["linear", "position"]),
        ("x = ", ["position 4"]),
        ("x = 0, 2*x = 0", ["linearly independent"]),
        ("1 = 1", ["names none"]),
        ("x = 0; import os", ["position"]),
        ("__import__('os')", ["position"]),
        (np.ones((1, 9)), ["one column per parameter"]),
        (["nope"], ["'nope'"]),
        ({"nope": 1}, ["'nope'"]),
        (object(), ["matrix of numbers"]),
    ],
)
def test_bad_hypotheses(fit, hypotheses, words) -> None:
    with pytest.raises(OptionError) as caught:
        fit.wald_test(hypotheses)
    for word in words:
        assert word in str(caught.value)


def test_a_sandwich_has_no_higher_rank_than_top_groups() -> None:
    data = simulate(4, n_top=4)
    fit = mix("y ~ x + z + I(x^2) + I(z^2) + (1|g3) + (1|g2)", data, WEIGHTS)
    with pytest.raises(OptionError, match="top groups"):
        fit.wald_test(list(fit.params.index))


def test_names_with_operators_in_them() -> None:
    names = ("(Intercept)", "poly(x, 2)1", "poly(x, 2)10", "x", "x:z", "I(x^2)", "a b", "x.1")
    R, r = parse_hypotheses(
        "poly(x, 2)10 + 2*poly(x, 2)1 = 1e-3, x:z - x = -(0) ".replace("-(0)", "-0")
        + ", I(x^2), `a b` = 2.5, x.1 = .5",
        names,
    )
    expected = np.zeros((5, 8))
    expected[0, [1, 2]] = [2, 1]
    expected[1, [3, 4]] = [-1, 1]
    expected[2, 5] = expected[3, 6] = expected[4, 7] = 1
    np.testing.assert_array_equal(R, expected)
    np.testing.assert_allclose(r, [1e-3, 0, 0, 2.5, 0.5])


# -- likelihood ratio ----------------------------------------------------------------------------


def test_likelihood_ratio_of_nested_models(data: pd.DataFrame) -> None:
    large = mix(FORMULA, data)
    small = mix("y ~ x + (x|g3) + (1|g2)", data)
    test = large.likelihood_ratio_test(small)
    assert test.statistic == pytest.approx(small.deviance - large.deviance, rel=1e-12)
    assert test.df == 2
    assert test.variances_tested == 0
    assert test.pvalue == pytest.approx(scipy.stats.chi2.sf(test.statistic, 2))
    assert small.likelihood_ratio_test(large) == test
    variances = large.likelihood_ratio_test(mix("y ~ x * z + (1|g3) + (1|g2)", data))
    assert variances.variances_tested == variances.df == 2
    assert "conservative" in str(variances)


def test_likelihood_ratio_where_it_is_not_defined(data: pd.DataFrame, fit) -> None:
    plain = mix(FORMULA, data)
    cases = {
        "pseudo": (fit, plain),
        "same criterion": (plain, mix(FORMULA, data, reml=True)),
        "same responses": (plain, mix("y ~ x + (1|g3)", data.iloc[1:])),
        "other values": (plain, mix("y ~ x + (1|g3)", data.assign(y=data["y"] + data["x"]))),
        "part of the larger": (
            mix("y ~ x + (1|g3)", data),
            mix("y ~ z + I(z^2) + (1|g3)", data),
        ),
        "fixed parts": (
            mix("y ~ x + z + (1|g3)", data, reml=True),
            mix("y ~ x + (1|g3)", data, reml=True),
        ),
        "as many parameters": (plain, mix(FORMULA, data)),
        "no grouping factor": (
            mix("y ~ x + z + I(z^2) + (1|g3)", data),
            mix("y ~ x + (1|g2)", data),
        ),
        "groups of `g3`": (  # the name is the same, the groups are not
            plain,
            mix("y ~ x + (1|g3)", data.assign(g3=np.roll(data["g3"].to_numpy(), 3))),
        ),
        r"its term \(\(Intercept\), x\|g3\)": (  # nor is the slope
            mix("y ~ x * z + (x|g3)", data),
            mix("y ~ z + (x|g3)", data.assign(x=data["x"] ** 2)),
        ),
    }
    for words, (one, other) in cases.items():
        with pytest.raises(ModelError, match=words):
            one.likelihood_ratio_test(other)
    reml = mix("y ~ x + (x|g3)", data, reml=True)
    assert reml.likelihood_ratio_test(mix("y ~ x + (1|g3)", data, reml=True)).df == 2


def test_a_correlation_of_one_has_no_standard_error() -> None:
    found = 0
    for seed in range(60):
        data = simulate(seed, n_top=7, levels=2)
        fit = mix("y ~ x + (x|g2)", data, ["w1", "w2"])
        if not fit.singular or abs(fit.variance_components["sdcor"][2]) < 0.999:
            continue
        found += 1
        for recipe in RECIPES:
            table = fit.with_se(recipe).tidy().set_index("term")
            assert np.isnan(table.loc["cor__(Intercept).x", "std.error"])
            reasons = fit.with_se(recipe).tidy().attrs["reasons"]
            assert "one in size" in reasons["ran_pars", "g2", "cor__(Intercept).x"]
        with pytest.warns(BoundaryWarning, match="lies on the boundary"):
            fit.wald_test("g2.x = 1", on="components")
        if found == 3:
            return
    pytest.fail("no three seeds gave a correlation of one")


def test_hypotheses_beyond_what_variances_can_be_are_told(fit) -> None:
    for text in ("g3.x = -1", "g3.(Intercept) + g3.x = 0", "-1*g3.x = 0"):
        with pytest.warns(BoundaryWarning, match="on or beyond"):
            fit.wald_test(text, on="components")


def test_intervals_of_components(fit) -> None:
    table = fit.variance_components
    intervals = fit.conf_int(on="components", method="t")
    quantile = scipy.stats.t.isf(0.025, 24)
    x = table[(table["group"] == "g3") & (table["var1"] == "x")].iloc[0]
    low, high = intervals.loc["g3.x"]
    assert np.log(high / x["vcov"]) == pytest.approx(quantile * x["se"] / x["vcov"])
    assert low * high == pytest.approx(x["vcov"] ** 2)
    covariance = table[table["var2"] == "x"].iloc[0]
    low, high = intervals.loc["g3.(Intercept).x"]
    assert (low + high) / 2 == pytest.approx(covariance["vcov"])
    assert (high - low) / 2 == pytest.approx(quantile * covariance["se"])
    with pytest.raises(OptionError, match="components"):
        fit.conf_int(on="theta")


def test_away_from_a_maximum_a_joint_sandwich_says_nothing(fit) -> None:
    there = fit.at([0.02, 4.0, 0.0, 3.0])
    assert np.linalg.eigvalsh(there._information().H)[0] < 0
    for recipe in ("gllamm", "sas", "mplus"):
        assert there.with_se(recipe).bse.isna().all()
        assert "not concave" in there.with_se(recipe).se_reasons["Residual", None, None]
    for recipe in ("wemix", "stata", "model"):  # beta's own block is that of any theta
        assert np.isfinite(there.with_se(recipe).bse).all()


def test_recipes_rest_on_the_curvature_of_the_log_likelihood() -> None:
    """H from differences of the scores at other theta, by profiling: not from the package's H."""
    data = simulate(9, n_top=30, levels=2)
    fit = mix("y ~ x + (1|g2)", data, ["w1", "w2"])
    # profile information of theta: half the curvature of the deviance
    theta, h = float(fit.theta.iloc[0]), 1e-4
    deviances = [fit.deviance_at([theta + d]) for d in (-h, 0.0, h)]
    curvature = (deviances[0] - 2 * deviances[1] + deviances[2]) / h**2 / 2
    assert fit.with_se("model").cov_params("all").iloc[2, 2] == pytest.approx(
        1 / curvature, rel=1e-4
    )


@pytest.mark.parametrize("recipe", RECIPES)
@pytest.mark.parametrize(("origin", "digits"), [(1e3, 10), (1e5, 7)])
def test_standard_errors_do_not_know_where_a_slope_begins(
    recipe: str, origin: float, digits: int
) -> None:
    """Digits: of 16, x has five left where its origin is 1e5 away, and theta is a root of D."""
    data = simulate(11, n_top=30)
    data["x"] = np.round(data["x"], 3)
    formula = "y ~ x + (x|g3) + (1|g2)"
    here = mix(formula, data, WEIGHTS, se=recipe)
    data["x"] += origin
    there = mix(formula, data, WEIGHTS, se=recipe)
    assert not here.singular
    np.testing.assert_allclose(there.bse["x"], here.bse["x"], rtol=10.0**-digits)
    same = [("g3", "x", None), ("g2", "(Intercept)", None), ("Residual", None, None)]
    for name in same:
        one, other = here._inference.se_components, there._inference.se_components
        where = [(c.group, c.var1, c.var2) for c in here._components].index(name)
        assert np.isfinite(one[where])
        assert other[where] == pytest.approx(one[where], rel=10.0**-digits), name
    assert not any(there._inference.reasons)
    covariance = there.cov_params("all").to_numpy()
    assert np.isfinite(covariance).all()


@pytest.mark.parametrize("recipe", RECIPES)
@pytest.mark.parametrize(
    ("of_y", "of_x"), [(1e-65, 1.0), (1e65, 1.0), (1e60, 1e-60), (1e-60, 1e60)]
)
def test_standard_errors_have_units_however_small_or_large(
    recipe: str, of_y: float, of_x: float
) -> None:
    data = simulate(11, n_top=30)
    formula = "y ~ x + (x|g3) + (1|g2)"
    here = mix(formula, data, WEIGHTS, se=recipe).estimates()
    other = data.assign(y=data["y"] * of_y, x=data["x"] * of_x)
    there = mix(formula, other, WEIGHTS, se=recipe).estimates()
    units = {"(Intercept)": 1.0, "x": 1.0 / of_x, None: 1.0}
    for (name, _, one), (_, _, two) in zip(here[0], there[0], strict=True):
        assert two == pytest.approx(one * of_y * units[name], rel=1e-9)
    for (part, one), (_, two) in zip(here[1], there[1], strict=True):
        unit = units[part.var1] * units[part.var2 or part.var1] * of_y**2
        assert two == pytest.approx(one * unit, rel=1e-8), part.name


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("recipe", RECIPES)
def test_variances_that_can_be_moved_between_levels_have_no_standard_error(recipe: str) -> None:
    """Each group above has one below: only the sum of their variances is told by the data."""
    rng = np.random.default_rng(0)
    group = np.repeat(np.arange(12), 5)
    data = pd.DataFrame({"g": group, "k": group, "x": rng.normal(size=60), "one": 1.0})
    data["y"] = data["x"] + rng.normal(size=12)[group] + rng.normal(size=60)
    data["w"] = rng.uniform(1, 2, 60)
    fit = mix("y ~ x + (1|k/g)", data, ["w", "one", "one"], se=recipe)
    se = dict(zip([part.name for part in fit._components], fit.estimates()[1], strict=True))
    assert np.isnan([se["g:k.(Intercept)"][1], se["k.(Intercept)"][1]]).all()
    assert np.isfinite(se["Residual"][1])
    assert "do not identify" in fit.se_reasons["k", "(Intercept)", None]
    whole = fit.cov_params("all")
    assert whole.loc[["g:k.(Intercept)", "k.(Intercept)"]].isna().all(axis=None)
    assert np.isfinite(whole.loc["sigma", "sigma"])
