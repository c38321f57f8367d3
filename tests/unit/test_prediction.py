"""Prediction of new rows, residuals by level, simulation, and shares of variance."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from wemix_ref import mix
from wemix_ref.design import build_design
from wemix_ref.errors import DataError, ModelError, OptionError
from wemix_ref.polynomials import OrthogonalBasis

pytestmark = [
    # the formulas are many and the data few: where the optimum lies is no matter here
    pytest.mark.filterwarnings("ignore::wemix_ref.errors.SingularFitWarning"),
    pytest.mark.filterwarnings("ignore::wemix_ref.errors.DesignWarning"),
]

WEIGHTS = ["w1", "w2", "w3"]


@pytest.fixture(scope="module")
def data() -> pd.DataFrame:
    rng = np.random.default_rng(4)
    n = 144
    school, cls = np.repeat(np.arange(12), 12), np.repeat(np.arange(36), 4)
    frame = pd.DataFrame(
        {
            "school": [f"s{k:02d}" for k in school],
            "class": cls % 3,
            "x": rng.normal(50.0, 10.0, n),
            "z": rng.uniform(1.0, 9.0, n),
            "kind": rng.choice(["b", "a", "c"], n),
            "grade": pd.Categorical(
                rng.choice(["low", "mid", "high"], n),
                categories=["none", "low", "mid", "high"],
                ordered=True,
            ),
            "type": pd.Categorical(rng.choice(["u", "v"], n), categories=["v", "w", "u"]),
            "year": rng.choice([2009, 2012, 2015], n),
            "flag": rng.random(n) < 0.5,
        },
        index=[f"row{i}" for i in range(n)],
    )
    frame["y"] = (
        1.0
        + 0.05 * frame["x"]
        + rng.normal(0, 1, 12)[school]
        + rng.normal(0, 0.7, 36)[cls]
        + rng.normal(0, 0.05, 12)[school] * (frame["x"] - 50.0)
        + rng.normal(0, 1, n)
    )
    frame["w3"] = rng.uniform(1, 3, 12)[school]
    frame["w2"] = frame["w3"] * rng.uniform(1, 3, 36)[cls]
    frame["w1"] = frame["w2"] * rng.uniform(1, 3, n)
    return frame


RIGHT_SIDES = [
    "x + kind + (x|school) + (1|school:class)",
    "scale(x) + (scale(x)|school/class)",
    "I(scale(x)^2) + scale(x, center = 40, scale = FALSE) + (1|school/class)",
    "poly(x, 3) * kind + (1|school/class)",
    "poly(x, 2, raw = TRUE) + poly(z, 2) + (poly(z, 2)|school) + (1|school:class)",
    "grade + type + flag + (type|school) + (1|school:class)",
    "0 + grade:kind + flag:x + (1|school/class)",
    "0 + kind + x + (0 + kind|school) + (1|school:class)",
    "factor(year) * z + (1|school/class)",
    "ordered(year) + (1|school/class)",
    "as.numeric(grade) + as.numeric(factor(year)) + I(grade > 'low') + (1|school/class)",
    "log(z) + I(x > 50) + pmin(x, 45) + (kind == 'a') + (1|school/class)",
    "I(kind %in% c('a', 'b')) + offset(0.1 * z) + (1|school/class)",
    "x + (1|factor(school)) + (1|factor(school):class)",
]


@pytest.mark.parametrize("right", RIGHT_SIDES)
@pytest.mark.parametrize("weighted", [False, True])
def test_a_row_of_the_fit_gets_its_fitted_value(
    data: pd.DataFrame, right: str, weighted: bool
) -> None:
    fit = mix(f"y ~ {right}", data, WEIGHTS if weighted else None)
    fitted = fit.fittedvalues
    assert fitted.std() > 0.1
    assert fit.predict().equals(fitted.rename("prediction"))
    for rows in (data, data.iloc[::-7], data.iloc[[5]]):
        without = rows.drop(columns=["y", *WEIGHTS])
        found = fit.predict(without)
        assert found.index.equals(rows.index)
        np.testing.assert_allclose(found, fitted[rows.index], rtol=1e-12)
        np.testing.assert_allclose(
            fit.predict(without, random=False), fit.predict(random=False)[rows.index], rtol=1e-12
        )


@pytest.mark.parametrize(
    "options",
    [
        {"center_grand": "~x"},
        {"center_group": {"school": "~x+z"}},
        {"center_group": {"class:school": "~x"}, "center_grand": "~z"},
    ],
)
@pytest.mark.parametrize("weighted", [False, True])
def test_centred_columns_take_the_means_of_the_fit(
    data: pd.DataFrame, options: dict, weighted: bool
) -> None:
    formula = "y ~ x + scale(z) + (x|school/class)"
    fit = mix(formula, data, WEIGHTS if weighted else None, **options)
    rows = data.iloc[3:100:5]
    for random in (True, False):
        np.testing.assert_allclose(
            fit.predict(rows, random), fit.predict(random=random)[rows.index], rtol=1e-12
        )
    # means of the new rows themselves would undo the move
    moved = fit.predict(rows.assign(x=rows["x"] - 5.0))
    assert not np.allclose(moved, fit.predict(rows), rtol=1e-3)


def test_a_new_group_has_no_mean_to_centre_with(data: pd.DataFrame) -> None:
    fit = mix("y ~ x + (1|school)", data, center_group={"school": "~x"})
    stranger = data.iloc[[0, 1]].assign(school="s99")
    with pytest.raises(DataError, match=r"'x' is centred within `school`.*2 rows.*row 'row0'"):
        fit.predict(stranger, random=False, allow_new_levels=True)


def test_the_levels_asked_for_are_those_included(data: pd.DataFrame) -> None:
    fit = mix("y ~ x + (x|school) + (1|school:class)", data, WEIGHTS)
    fixed = fit.design.X @ fit.params.to_numpy()
    np.testing.assert_allclose(fit.predict(data, random=False), fixed, rtol=1e-13)
    np.testing.assert_allclose(fit.predict(data, random=[]), fixed, rtol=1e-13)
    u = fit.random_effects["school"].loc[data["school"]]
    by_school = fixed + u["(Intercept)"].to_numpy() + u["x"].to_numpy() * data["x"].to_numpy()
    np.testing.assert_allclose(fit.predict(data, random=["school"]), by_school, rtol=1e-12)
    labels = pd.MultiIndex.from_frame(data[["school", "class"]])
    v = fit.random_effects["school:class"]["(Intercept)"].loc[labels].to_numpy()
    np.testing.assert_allclose(fit.predict(data, random=["school:class"]), fixed + v, rtol=1e-12)
    both = fit.predict(data, random=["school", "school:class"])
    assert both.equals(fit.predict(data))
    # without the level, its columns are not needed
    fit.predict(data[["x", "school"]], random=["school"])


@pytest.mark.parametrize("random", ["school", ["schol"], 1, None, {"school"}])
def test_what_is_not_a_level_is_refused(data: pd.DataFrame, random: object) -> None:
    fit = mix("y ~ x + (1|school)", data)
    with pytest.raises(OptionError, match=r"random must .*'school'"):
        fit.predict(data, random=random)


def test_new_groups_are_refused_by_name_or_taken_as_zero(data: pd.DataFrame) -> None:
    fit = mix("y ~ x + (x|school) + (1|school:class)", data)
    new = data.iloc[[0, 40, 80]].copy()
    new["school"] = ["s98", "s99", new["school"].iloc[2]]
    with pytest.raises(DataError, match=r"`school:class`.*2 in 2 rows are not \(first: \('s98', 0"):
        fit.predict(new)
    with pytest.raises(DataError, match=r"`school` in newdata.*fit's 12.*\(first: 's98'\)"):
        fit.predict(new, random=["school"])
    found = fit.predict(new, allow_new_levels=True)
    np.testing.assert_allclose(found.iloc[:2], fit.predict(new, random=False).iloc[:2], rtol=1e-13)
    assert found.iloc[2] == pytest.approx(fit.fittedvalues[new.index[2]], rel=1e-12)
    # a new class of a known school: the school still counts
    other = data.iloc[[0]].assign(**{"class": 7})
    expected = fit.predict(other, random=["school"])
    assert fit.predict(other, allow_new_levels=True).iloc[0] == pytest.approx(expected.iloc[0])
    assert fit.predict(other, random=["school"]).equals(expected)


def test_groups_match_by_value_not_by_text(data: pd.DataFrame) -> None:
    numbered = data.assign(school=data["school"].str[1:].astype(int))
    fit = mix("y ~ x + (1|school)", numbered)
    for same in (float, "int8", "Int64", "category"):
        rows = numbered.assign(school=numbered["school"].astype(same))
        np.testing.assert_allclose(fit.predict(rows), fit.fittedvalues, rtol=1e-13)
    with pytest.raises(DataError, match=r"12 in 144 rows are not \(first: '00'\)"):
        fit.predict(data.assign(school=data["school"].str[1:]))


def test_missing_values_give_nan_where_they_are_needed(data: pd.DataFrame) -> None:
    fit = mix("y ~ x + kind + (1|school/class)", data)
    rows = data.iloc[:8].copy()
    rows.loc["row1", "x"] = np.nan
    rows.loc["row3", "kind"] = None
    rows.loc["row5", "school"] = None
    rows.loc["row6", ["y", "z"]] = np.nan
    found, fixed = fit.predict(rows), fit.predict(rows, random=False)
    assert list(rows.index[found.isna()]) == ["row1", "row3", "row5"]
    assert list(rows.index[fixed.isna()]) == ["row1", "row3"]
    left = found.dropna()
    np.testing.assert_allclose(left, fit.fittedvalues[left.index], rtol=1e-13)
    nothing = fit.predict(rows.assign(x=np.nan))
    assert nothing.isna().all()
    assert len(nothing) == 8
    assert fit.predict(rows.iloc[:0]).shape == (0,)


@pytest.mark.parametrize(
    ("formula", "column", "value", "message"),
    [
        (
            "y ~ kind + (1|school)",
            "kind",
            "d",
            r"`kind` must have levels.*'a', 'b', 'c'.*2 rows.*'d'",
        ),
        ("y ~ type + (1|school)", "type", "w", r"`type` must have levels.*'v', 'u'.*'w'"),
        ("y ~ factor(year) + (1|school)", "year", 2018, r"`factor\(year\)` must.*'2009'.*'2018'"),
        ("y ~ I(as.numeric(grade)^2) + (1|school)", "grade", "top", r"`grade` must have.*'top'"),
        ("y ~ (kind|school)", "kind", "d", r"`kind` must have levels.*'d'"),
    ],
)
def test_an_unknown_level_of_a_factor_is_named(
    data: pd.DataFrame, formula: str, column: str, value: object, message: str
) -> None:
    fit = mix(formula, data)
    rows = data.iloc[:6].copy()
    rows[column] = rows[column].astype(object)
    rows.loc[["row2", "row4"], column] = value
    with pytest.raises(DataError, match=message):
        fit.predict(rows)
    # a row that is left out for another reason does not matter
    rows.loc[["row2", "row4"], "school"] = None
    assert int(fit.predict(rows).isna().sum()) == 2


def test_new_data_of_the_wrong_shape_or_type_are_refused(data: pd.DataFrame) -> None:
    fit = mix("y ~ log(x) + flag + kind + (1|school)", data)
    with pytest.raises(DataError, match="2 not found: 'x', 'school'"):
        fit.predict(data.drop(columns=["x", "school"]))
    with pytest.raises(DataError, match="column 'kind' must hold texts or categories"):
        fit.predict(data.assign(kind=1.0))
    with pytest.raises(DataError, match="column 'flag' must hold booleans"):
        fit.predict(data.assign(flag=1))
    with pytest.raises(DataError, match="column 'x' must hold numbers"):
        fit.predict(data.assign(x="a"))
    with pytest.raises(DataError, match=r"`log\(x\)` must have a value on every row"):
        fit.predict(data.assign(x=-1.0))
    with pytest.raises(DataError, match=r"must be a pandas DataFrame, or a table.*found dict"):
        fit.predict({"x": [1.0]})
    with pytest.raises(OptionError, match="allow_new_levels must be True or False"):
        fit.predict(data, allow_new_levels="yes")


def test_rows_of_the_fit_that_were_dropped_can_be_predicted(data: pd.DataFrame) -> None:
    # R takes means over all rows that have x, also those dropped for other columns
    gaps = data.copy()
    gaps.loc[gaps.index[::5], "y"] = np.nan
    with pytest.warns(UserWarning, match="left out"):
        fit = mix("y ~ scale(x) + (1|school)", gaps)
    found = fit.predict(gaps, random=False)
    assert found.notna().all()
    standard = (data["x"] - data["x"].mean()) / data["x"].std()
    expected = fit.params["(Intercept)"] + fit.params["scale(x)"] * standard
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_predictions_survive_copies_and_other_points(data: pd.DataFrame) -> None:
    fit = mix("y ~ poly(x, 2) + (1|school)", data)
    rows = data.iloc[:5]
    expected = fit.predict(rows)
    for other in (copy.deepcopy(fit), pickle.loads(pickle.dumps(fit))):  # noqa: S301
        assert other.predict(rows).equals(expected)
    moved = fit.at(fit.theta * 2)
    np.testing.assert_allclose(moved.predict(rows), moved.fittedvalues[rows.index], rtol=1e-12)
    assert not np.allclose(moved.predict(rows), expected, rtol=1e-6)


def test_new_rows_may_be_a_table_of_another_library(data: pd.DataFrame) -> None:
    fit = mix("y ~ scale(x) + kind + type + (1|school/class)", data)
    rows = data.iloc[:9].drop(columns=["grade"])
    for table in (pl.from_pandas(rows), pa.Table.from_pandas(rows)):
        np.testing.assert_allclose(fit.predict(table), fit.fittedvalues.iloc[:9], rtol=1e-13)


def test_columns_with_the_name_of_a_call_are_not_mistaken_for_it(data: pd.DataFrame) -> None:
    odd = data.assign(**{"factor(year)": pd.Categorical(data["kind"])})
    fit = mix("y ~ I(as.numeric(`factor(year)`)) + as.numeric(factor(year)) + (1|school)", odd)
    rows = odd.iloc[4:9]
    np.testing.assert_allclose(fit.predict(rows), fit.fittedvalues[rows.index], rtol=1e-13)


def test_a_design_that_forgot_its_data_says_so(data: pd.DataFrame) -> None:
    fit = mix("y ~ x + (1|school)", data)
    object.__setattr__(fit.design, "training", None)
    with pytest.raises(ModelError, match="new rows can be evaluated only where"):
        fit.predict(data)
    assert fit.predict().equals(fit.fittedvalues.rename("prediction"))


def test_the_recurrence_gives_the_columns_of_poly_again() -> None:
    x = np.random.default_rng(1).normal(1000.0, 3.0, 200)
    basis, values = OrthogonalBasis.over(x, 5)
    np.testing.assert_allclose(basis(x), values, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(basis(x[7:9]), values[7:9], rtol=1e-10, atol=1e-12)
    # a polynomial of degree 2 is in the span at new points too
    new = np.linspace(980.0, 1020.0, 9)
    fitted = np.column_stack([np.ones(200), values[:, :2]])
    coefficients = np.linalg.lstsq(fitted, (x - 1000.0) ** 2, rcond=None)[0]
    again = np.column_stack([np.ones(9), basis(new)[:, :2]]) @ coefficients
    np.testing.assert_allclose(again, (new - 1000.0) ** 2, atol=1e-9)


# -- residuals ---------------------------------------------------------------------------------


def test_residuals_by_level(data: pd.DataFrame) -> None:
    formula = "y ~ x + offset(z) + (x|school) + (1|school:class)"
    fit = mix(formula, data, WEIGHTS)
    for conditional in (fit.residuals(), fit.residuals(1), fit.resid):
        np.testing.assert_allclose(conditional, fit.resid, rtol=1e-12, atol=1e-13)
    marginal = data["y"] - data["z"] - fit.X @ fit.params.to_numpy()
    np.testing.assert_allclose(fit.residuals(3), marginal, rtol=1e-10)
    assert fit.residuals("school").equals(fit.residuals(3))
    assert fit.residuals("school:class").equals(fit.residuals(2))
    between = data["y"] - fit.predict(random=["school"])
    np.testing.assert_allclose(fit.residuals(2), between, rtol=1e-12)
    assert fit.residuals(2).index.equals(data.index)
    for wrong in (0, 4, "class", True, 1.5):
        with pytest.raises(OptionError, match="from 1 to 3, or one of 'school:class', 'school'"):
            fit.residuals(wrong)


# -- simulation --------------------------------------------------------------------------------


def test_simulated_responses_can_be_drawn_again(data: pd.DataFrame) -> None:
    fit = mix("y ~ x + (x|school/class)", data, WEIGHTS)
    draws = fit.simulate(5, seed=3)
    assert draws.shape == (144, 5)
    assert list(draws.columns) == [f"sim_{i}" for i in range(1, 6)]
    assert draws.index.equals(data.index)
    assert fit.simulate(5, seed=3).equals(draws)
    assert fit.simulate(2, seed=3).equals(draws.iloc[:, :2])
    assert fit.simulate(5, np.random.default_rng(3)).equals(draws)
    assert not np.allclose(fit.simulate(5, seed=4), draws)
    assert not fit.simulate(1).equals(fit.simulate(1))
    for n in (0, -1, 1.5, True):
        with pytest.raises(OptionError, match="n must be a positive whole number"):
            fit.simulate(n)
    for seed in (-1, "a", True, 0.5):
        with pytest.raises(OptionError, match="seed must be"):
            fit.simulate(1, seed)


def moments(draws: np.ndarray, mean: np.ndarray, V: np.ndarray) -> float:
    """Largest distance of sample means and covariances from the law's, in standard errors."""
    n = draws.shape[1]
    variances = np.diag(V)
    z_mean = (draws.mean(axis=1) - mean) / np.sqrt(variances / n)
    centred = draws - mean[:, None]
    sample = centred @ centred.T / n
    z_cov = (sample - V) / np.sqrt((V**2 + np.outer(variances, variances)) / n)
    return float(max(np.abs(z_mean).max(), np.abs(z_cov).max()))


def test_moments_of_simulated_responses_are_the_models(data: pd.DataFrame) -> None:
    some = data[data["school"] < "s05"]
    fit = mix("y ~ x + offset(z) + (scale(x)|school) + (1|school:class)", some, WEIGHTS)
    fit = fit.at([0.8, 0.7, -0.3, 0.5])
    draws = fit.simulate(20_000, seed=11).to_numpy()
    mean = fit.predict(random=False).to_numpy()
    # 60 means and 1830 covariances: the largest of as many standard normals is near 3.5
    assert moments(draws, mean, fit.V().toarray()) < 5.0
    assert moments(draws, mean, fit.V("working").toarray()) > 20.0
    assert moments(draws, mean, fit.at([0.8, 0.7, 0.3, 0.5]).V().toarray()) > 8.0


# -- shares of variance ------------------------------------------------------------------------


def test_icc_is_the_correlation_that_v_says(data: pd.DataFrame) -> None:
    rows = data.copy()
    rows["x"] = np.repeat(data["x"].to_numpy()[::12], 12)  # the same x within a school
    fit = mix("y ~ z + (x|school) + (1|school:class)", rows, WEIGHTS)
    fit = fit.at([0.8, 0.9, -0.01, 0.02])
    V = fit.V().toarray()
    for first in (0, 24, 60):
        table = fit.icc(at={"x": rows["x"].iloc[first]})
        assert list(table.index) == ["school:class", "school", "Residual"]
        total = V[first, first]
        assert table["variance"].sum() == pytest.approx(total, rel=1e-12)
        assert table["share"].sum() == pytest.approx(1.0, rel=1e-14)
        # rows 0, 1 share a class; rows 0, 4 the school alone
        same_class, same_school = V[first, first + 1] / total, V[first, first + 4] / total
        assert table.loc["school:class", "icc"] == pytest.approx(same_class, rel=1e-12)
        assert table.loc["school", "icc"] == pytest.approx(same_school, rel=1e-12)
        assert np.isnan(table.loc["Residual", "icc"])


def test_icc_with_slopes_is_not_a_sum_of_variances(data: pd.DataFrame) -> None:
    fit = mix("y ~ x + (x|school)", data).at([0.9, -0.01, 0.02])
    S = fit.G().toarray()[:2, :2]
    for x in (0.0, 20.0, 80.0):
        variance = fit.icc({"x": x}).loc["school", "variance"]
        assert variance == pytest.approx(S[0, 0] + 2 * x * S[0, 1] + x**2 * S[1, 1], rel=1e-12)
    assert fit.icc({"x": 0.0}).loc["school", "variance"] != pytest.approx(np.trace(S), rel=1e-5)


def test_icc_evaluates_covariates_as_the_fit_did(data: pd.DataFrame) -> None:
    fit = mix("y ~ (scale(x)|school) + (1|school:class)", data).at([0.5, 0.9, -0.1, 0.4])
    raw = mix("y ~ (kind|school)", data).at([0.9, 0.1, 0.2, 0.5, 0.1, 0.3])
    mean = data["x"].mean()
    S = fit.G().toarray()[36:38, 36:38]
    assert fit.icc({"x": mean}).loc["school", "variance"] == pytest.approx(S[0, 0], rel=1e-12)
    S = raw.G().toarray()[:3, :3]
    assert raw.icc({"kind": "a"}).loc["school", "variance"] == pytest.approx(S[0, 0], rel=1e-12)
    expected = S[0, 0] + 2 * S[0, 2] + S[2, 2]
    assert raw.icc({"kind": "c"}).loc["school", "variance"] == pytest.approx(expected, rel=1e-12)
    with pytest.raises(DataError, match="`kind` must have levels"):
        raw.icc({"kind": "d"})


def test_icc_takes_centred_columns_as_centred(data: pd.DataFrame) -> None:
    fit = mix("y ~ x + (x|school)", data, center_group={"school": "~x"}).at([0.9, -0.01, 0.02])
    S = fit.G().toarray()[:2, :2]
    assert fit.icc({"x": 0.0}).loc["school", "variance"] == pytest.approx(S[0, 0], rel=1e-12)


def test_icc_says_what_it_needs(data: pd.DataFrame) -> None:
    fit = mix("y ~ x + z + (x|school)", data)
    with pytest.raises(OptionError, match="`at` must give a value of 'x'"):
        fit.icc()
    with pytest.raises(OptionError, match="`at` must give a value of 'x'"):
        fit.icc({"z": 1.0, "x": np.nan})
    with pytest.raises(OptionError, match="found 'height'"):
        fit.icc({"x": 1.0, "height": 2.0})
    with pytest.raises(OptionError, match=r"one value a column; 'x' has \[1, 2\]"):
        fit.icc({"x": [1, 2]})
    with pytest.raises(OptionError, match="at must map columns to values"):
        fit.icc(3.0)
    plain = mix("y ~ x + (1|school)", data)
    S2, s2 = plain.variance_components["vcov"]
    assert plain.icc().loc["school", "icc"] == pytest.approx(S2 / (S2 + s2), rel=1e-12)
    assert plain.icc({"x": 3.0}).equals(plain.icc())


@pytest.mark.parametrize("weights", [None, WEIGHTS])
def test_r2_splits_the_mean_variance_that_v_says(
    data: pd.DataFrame, weights: list[str] | None
) -> None:
    fit = mix("y ~ x + offset(z) + (x|school) + (kind|school:class)", data, weights)
    omega = np.ones(144) if weights is None else data["w1"].to_numpy()
    f = fit.X @ fit.params.to_numpy()
    fixed = np.cov(f, aweights=omega, ddof=0)
    noise = np.average(fit.V().diagonal(), weights=omega)
    found = fit.r2()
    assert list(found.index) == ["marginal", "conditional"]
    assert found["marginal"] == pytest.approx(fixed / (fixed + noise), rel=1e-12)
    unexplained = fit.sigma**2 / (fixed + noise)
    assert found["conditional"] == pytest.approx(1 - unexplained, rel=1e-12)
    assert 0 < found["marginal"] < found["conditional"] < 1


def test_r2_and_icc_do_not_depend_on_the_unit_of_the_weights(data: pd.DataFrame) -> None:
    formula = "y ~ x + (x|school) + (1|school:class)"
    fit = mix(formula, data, WEIGHTS)
    scaled = data.assign(**{w: 7.0 * data[w] for w in WEIGHTS})
    other = mix(formula, scaled, WEIGHTS).at(fit.theta)
    np.testing.assert_allclose(other.r2(), fit.r2(), rtol=1e-10)
    np.testing.assert_allclose(other.icc({"x": 9.0}), fit.icc({"x": 9.0}), rtol=1e-10)
    # and the weights do count
    assert mix(formula, data).at(fit.theta).r2()["marginal"] != pytest.approx(
        fit.r2()["marginal"], rel=1e-4
    )


def test_the_design_keeps_small_things_only(data: pd.DataFrame) -> None:
    design = build_design("y ~ scale(x) + poly(z, 2) + kind + (1|school)", data)
    assert design.training is not None
    assert len(pickle.dumps(design.training)) < 5_000
