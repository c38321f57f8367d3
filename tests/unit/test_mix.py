"""The contract of mix() and of the model it returns."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp

from wemix_ref import mix
from wemix_ref.errors import DesignWarning, DroppedRowsWarning, SingularFitWarning

COLUMNS = ["group", "var1", "var2", "level", "vcov", "sdcor", "se"]


@pytest.fixture
def data() -> pd.DataFrame:
    rng = np.random.default_rng(20)
    school = np.repeat(np.arange(12), 9)
    cls = np.repeat(np.arange(36), 3)
    frame = pd.DataFrame(
        {
            "school": [f"s{k}" for k in school],
            "class": cls % 3,
            "x": rng.normal(2.0, 1.0, 108),
            "kind": rng.choice(["b", "a", "c"], 108),
        },
        index=[f"row{i}" for i in range(108)],
    )
    frame["y"] = (
        1.0
        + 0.5 * frame["x"]
        + rng.normal(0, 1, 12)[school]
        + rng.normal(0, 0.7, 36)[cls]
        + rng.normal(0, 0.3, 12)[school] * frame["x"]
        + rng.normal(0, 1, 108)
    )
    frame["w3"] = rng.uniform(1, 3, 12)[school]
    frame["w2"] = frame["w3"] * rng.uniform(1, 3, 36)[cls]
    frame["w1"] = frame["w2"] * rng.uniform(1, 3, 108)
    return frame


FORMULA = "y ~ x + kind + (x|school) + (1|school:class)"


def test_names_orders_and_types(data: pd.DataFrame) -> None:
    fit = mix(FORMULA, data, ["w1", "w2", "w3"])
    assert list(fit.params.index) == ["(Intercept)", "x", "kindb", "kindc"]
    assert list(fit.bse.index) == list(fit.params.index)
    assert list(fit.cov_params().columns) == list(fit.params.index)
    assert list(fit.theta.index) == [
        "school:class.(Intercept)",
        "school.(Intercept)",
        "school.x.(Intercept)",
        "school.x",
    ]
    assert fit.ngroups == {"school:class": 36, "school": 12}
    assert list(fit.ngroups) == ["school:class", "school"]
    table = fit.variance_components
    assert list(table.columns) == COLUMNS
    assert table[["group", "var1", "var2", "level"]].to_numpy().tolist() == [
        ["school:class", "(Intercept)", None, 2],
        ["school", "(Intercept)", None, 3],
        ["school", "x", None, 3],
        ["school", "(Intercept)", "x", 3],
        ["Residual", None, None, 1],
    ]
    assert fit.deviance == pytest.approx(-2 * fit.llf, rel=1e-15)
    assert fit.nobs == 108
    assert fit.n_dropped == 0
    assert fit.converged is True
    assert isinstance(fit.singular, bool)
    assert fit.optimizer.evaluations > 3
    assert fit.optimizer.gradient_norm < 1e-5


def test_matrices_are_sparse_and_fit_together(data: pd.DataFrame) -> None:
    fit = mix(FORMULA, data, ["w1", "w2", "w3"])
    Z, G, X = fit.Z(), fit.G(), fit.X
    assert all(sp.issparse(M) for M in (Z, G, X, fit.V(), fit.V("working")))
    assert Z.shape == (108, 36 + 24)
    assert G.shape == (60, 60)
    assert X.shape == (108, 4)
    u = np.concatenate(
        [
            fit.random_effects["school:class"].to_numpy().ravel(),
            fit.random_effects["school"].to_numpy().ravel(),
        ]
    )
    np.testing.assert_allclose(X @ fit.params.to_numpy() + Z @ u, fit.fittedvalues, rtol=1e-12)
    np.testing.assert_allclose(fit.fittedvalues + fit.resid, data["y"], rtol=1e-14)
    assert list(fit.resid.index) == list(data.index)
    with pytest.raises(ValueError, match="marginal"):
        fit.V("other")


def test_components_are_theta_and_sigma(data: pd.DataFrame) -> None:
    fit = mix(FORMULA, data)
    t2, t11, t21, t22 = fit.theta
    s2 = fit.sigma**2
    expected = [t2**2, t11**2, t21**2 + t22**2, t11 * t21, 1.0]
    np.testing.assert_allclose(fit.variance_components["vcov"], s2 * np.array(expected))
    sd = fit.variance_components["sdcor"].to_numpy()
    assert sd[3] == pytest.approx(t21 / np.hypot(t21, t22))
    assert sd[4] == pytest.approx(fit.sigma)


def test_recipes(data: pd.DataFrame) -> None:
    weights = ["w1", "w2", "w3"]
    assert mix(FORMULA, data, weights).se_recipe == "wemix"
    assert mix(FORMULA, data).se_recipe == "model"
    assert mix(FORMULA, data, reml=True).se_recipe == "model"
    weighted_model = mix(FORMULA, data, weights, se="model")
    plain_sandwich = mix(FORMULA, data, se="wemix")
    assert np.all(weighted_model.bse != mix(FORMULA, data, weights).bse)
    assert np.all(plain_sandwich.bse != mix(FORMULA, data).bse)
    assert np.all(np.isfinite(plain_sandwich.variance_components["se"]))


def test_reml_has_no_standard_errors_of_variances_and_says_why(data: pd.DataFrame) -> None:
    fit = mix(FORMULA, data, reml=True)
    assert fit.variance_components["se"].isna().all()
    assert all("REML" in reason for reason in fit.se_reasons.values())
    assert np.all(np.isfinite(fit.bse))
    assert fit.reml
    assert "REML" in fit.summary()
    assert fit.deviance != pytest.approx(mix(FORMULA, data).deviance, rel=1e-6)


def test_evaluating_elsewhere(data: pd.DataFrame) -> None:
    fit = mix(FORMULA, data, ["w1", "w2", "w3"])
    again = fit.at(fit.theta)
    assert again.deviance == pytest.approx(fit.deviance, rel=1e-14)
    pd.testing.assert_series_equal(again.params, fit.params)
    theta = [0.5, 0.4, 0.1, 0.3]
    moved = fit.at(theta)
    assert moved.deviance == pytest.approx(fit.deviance_at(theta), rel=1e-14)
    assert moved.deviance > fit.deviance
    assert not moved.converged
    by_name = pd.Series(theta, index=fit.theta.index)[::-1]
    assert fit.deviance_at(by_name) == pytest.approx(moved.deviance, rel=1e-14)
    flipped = fit.at([-0.5, -0.4, -0.1, 0.3])
    np.testing.assert_allclose(flipped.theta, theta)
    for wrong in ([1.0], [1, 2, 3, np.nan], pd.Series(theta, index=list("abcd"))):
        with pytest.raises(ValueError, match="theta must"):
            fit.at(wrong)


def test_missing_rows_are_dropped_counted_and_told(data: pd.DataFrame) -> None:
    holes = data.copy()
    holes.loc["row3", "y"] = np.nan
    holes.loc["row40", "x"] = np.nan
    holes.loc["row41", "school"] = None
    holes["unused"] = np.nan
    with pytest.warns(DroppedRowsWarning, match="3 of 108"):
        fit = mix(FORMULA, holes, ["w1", "w2", "w3"])
    assert fit.n_dropped == 3
    assert fit.nobs == 105
    kept = data.drop(["row3", "row40", "row41"])
    assert list(fit.resid.index) == list(kept.index)
    assert fit.deviance == pytest.approx(mix(FORMULA, kept, ["w1", "w2", "w3"]).deviance, rel=1e-13)


def test_a_missing_weight_of_a_dropped_row_does_not_matter(data: pd.DataFrame) -> None:
    holes = data.copy()
    holes.loc["row3", ["y", "w1"]] = np.nan
    with pytest.warns(DroppedRowsWarning):
        assert mix(FORMULA, holes, ["w1", "w2", "w3"]).n_dropped == 1


def test_centring_replaces_the_variable_everywhere(data: pd.DataFrame) -> None:
    weights = ["w1", "w2", "w3"]
    mean = data["x"] - np.average(data["x"], weights=data["w1"])
    sums = (data["x"] * data["w1"]).groupby(data["school"]).transform("sum")
    within = data["x"] - sums / data["w1"].groupby(data["school"]).transform("sum")
    for option, centred in (
        ({"center_grand": "~x"}, mean),
        ({"center_group": {"school": "~x"}}, within),
    ):
        formula = "y ~ I(x^2) + x + (x|school) + (1|school:class)"
        fit = mix(formula, data, weights, **option)
        expected = mix(formula, data.assign(x=centred), weights)
        assert fit.deviance == pytest.approx(expected.deviance, rel=1e-13)
        np.testing.assert_allclose(fit.params, expected.params, rtol=1e-8)
    # conditional weights are read first: the mean is weighted by the unconditional ones
    conditional = data.assign(w1=data["w1"] / data["w2"], w2=data["w2"] / data["w3"], w3=data["w3"])
    fit = mix(formula, conditional, weights, conditional_weights=True, center_grand="~x")
    expected = mix(formula, data, weights, center_grand="~x")
    np.testing.assert_allclose(fit.params, expected.params, rtol=1e-8)


def test_offset_is_taken_off_and_put_back(data: pd.DataFrame) -> None:
    with_offset = data.assign(z=np.linspace(0, 3, 108))
    fit = mix("y ~ x + offset(z) + (1|school)", with_offset)
    plain = mix("y ~ x + (1|school)", with_offset.assign(y=data["y"] - with_offset["z"]))
    np.testing.assert_allclose(fit.params, plain.params, rtol=1e-10)
    np.testing.assert_allclose(fit.fittedvalues, plain.fittedvalues + with_offset["z"], rtol=1e-10)
    np.testing.assert_allclose(fit.resid, plain.resid, atol=1e-10)


def test_a_level_of_single_rows_is_fitted_with_a_warning(data: pd.DataFrame) -> None:
    single = data.assign(row=np.arange(108))
    with pytest.warns(DesignWarning, match="row:school"):
        fit = mix("y ~ x + (1|school/row)", single)
    plain = mix("y ~ x + (1|school)", data)
    assert fit.deviance == pytest.approx(plain.deviance, rel=1e-12)
    table = fit.variance_components.set_index("group")
    assert np.isnan(table.loc["row:school", "se"])
    assert np.isnan(table.loc["Residual", "se"])
    # what is identified keeps its standard error
    assert table.loc["school", "se"] == pytest.approx(
        plain.variance_components.set_index("group").loc["school", "se"], rel=1e-6
    )
    assert "not identify" in fit.se_reasons[("Residual", None, None)]


@pytest.mark.parametrize(
    ("terms", "names"),
    [
        (
            "(x + z|g)",
            ["(Intercept)", "x.(Intercept)", "z.(Intercept)", "x", "z.x", "z"],
        ),
        (
            "(0 + x + z + w|g)",
            ["x", "z.x", "w.x", "z", "w.z", "w"],
        ),
        (
            "(x + z + w|g)",
            [
                "(Intercept)",
                "x.(Intercept)",
                "z.(Intercept)",
                "w.(Intercept)",
                "x",
                "z.x",
                "w.x",
                "z",
                "w.z",
                "w",
            ],
        ),
    ],
)
def test_theta_fills_triangles_column_by_column(terms: str, names: list[str]) -> None:
    rng = np.random.default_rng(3)
    data = pd.DataFrame(rng.normal(size=(200, 4)), columns=["y", "x", "z", "w"])
    data["g"] = np.repeat(np.arange(20), 10)
    fit = mix(f"y ~ x + {terms}", data)
    assert list(fit.theta.index) == [f"g.{name}" for name in names]
    # Sigma is sigma^2 Lambda Lambda' of the triangle that the names describe
    order = [name for name in names if name in ("(Intercept)", "x", "z", "w")]
    Lambda = np.zeros((len(order), len(order)))
    theta = np.arange(1.0, len(names) + 1)
    for name, value in zip(names, theta, strict=True):
        row, _, column = name.partition(".")
        Lambda[order.index(row), order.index(column or row)] = value
    at = fit.at(theta)
    Sigma = at.sigma**2 * Lambda @ Lambda.T
    np.testing.assert_allclose(at.G().toarray()[: len(order), : len(order)], Sigma, rtol=1e-12)
    for row in at.variance_components.itertuples():
        if row.group == "g":
            i, j = order.index(row.var1), order.index(row.var2 or row.var1)
            assert row.vcov == pytest.approx(Sigma[i, j], rel=1e-12)


def test_zero_variance_is_singular_with_a_reason() -> None:
    # equal group means: between-group variation is below what the residual alone gives
    rng = np.random.default_rng(1)
    noise = rng.normal(size=(10, 6))
    y = (noise - noise.mean(axis=1, keepdims=True)).ravel()
    data = pd.DataFrame({"y": y, "g": np.repeat(np.arange(10), 6)})
    with pytest.warns(SingularFitWarning):
        fit = mix("y ~ 1 + (1|g)", data)
    assert fit.singular
    assert fit.theta.iloc[0] == 0.0
    assert fit.llf == pytest.approx(-30 * (1 + np.log(2 * np.pi * np.mean(y**2))), rel=1e-12)
    table = fit.variance_components
    assert np.isnan(table["se"].iloc[0])
    assert "boundary" in fit.se_reasons[("g", "(Intercept)", None)]
    # the residual's is that of a normal sample: 2 sigma^4 / n
    assert table["se"].iloc[1] == pytest.approx(np.sqrt(2 / 60) * fit.sigma**2, rel=1e-9)
    assert "boundary" in fit.summary()


def test_summary_shows_what_a_summary_shows(data: pd.DataFrame) -> None:
    fit = mix(FORMULA, data, ["w1", "w2", "w3"])
    text = str(fit)
    for part in (
        FORMULA,
        "Scaled residuals",
        "Random effects",
        "school:class",
        "Corr",
        "Number of obs: 108",
        "Fixed effects",
        "t value",
        "kindc",
        "Correlation of fixed effects",
        "weighted",
        f"{fit.params['x']:.4f}",
        f"{fit.bse['x']:.4f}",
        f"{fit.variance_components['vcov'][0]:.4f}",
    ):
        assert part in text
    assert "FittedModel" in repr(fit)
