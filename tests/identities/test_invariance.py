"""What must change nothing: order, labels, units, how weights are given."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tests.identities.conftest import simulate
from wemix_ref import mix
from wemix_ref.results import FittedModel

FORMULA = "y ~ x + z + (x|g3) + (1|g2)"
WEIGHTS = ["w1", "w2", "w3"]


def assert_same_fit(one: FittedModel, other: FittedModel, rtol: float = 1e-8) -> None:
    assert one.deviance == pytest.approx(other.deviance, rel=1e-12)
    np.testing.assert_allclose(one.params, other.params, rtol=rtol)
    np.testing.assert_allclose(one.bse, other.bse, rtol=rtol)
    np.testing.assert_allclose(one.theta, other.theta, rtol=rtol, atol=1e-10)
    for column in ("vcov", "se"):
        np.testing.assert_allclose(
            one.variance_components[column],
            other.variance_components[column],
            rtol=10 * rtol,
            atol=1e-12,
        )


def test_row_order(three_level: pd.DataFrame) -> None:
    fit = mix(FORMULA, three_level, WEIGHTS)
    shuffled = three_level.sample(frac=1.0, random_state=3)
    other = mix(FORMULA, shuffled, WEIGHTS)
    assert_same_fit(fit, other)
    pd.testing.assert_series_equal(
        fit.fittedvalues, other.fittedvalues.loc[three_level.index], rtol=1e-8
    )
    assert list(other.resid.index) == list(shuffled.index)
    # V follows the rows
    order = [three_level.index.get_loc(label) for label in shuffled.index]
    at = other.at(fit.theta)
    np.testing.assert_allclose(
        at.V().toarray(), fit.V().toarray()[np.ix_(order, order)], rtol=1e-10, atol=1e-12
    )


@pytest.mark.parametrize(
    "kind", ["numbers", "texts", "accents and marks", "categories", "floats", "restarted"]
)
def test_labels_of_groups(three_level: pd.DataFrame, kind: str) -> None:
    fit = mix(FORMULA, three_level, WEIGHTS)
    data = three_level.copy()
    rng = np.random.default_rng(2)
    formula = FORMULA
    for name in ("g2", "g3"):
        values = data[name].unique()
        new: list[object]
        if kind == "numbers":
            new = list(rng.permutation(np.arange(5, 5 + 7 * values.size, 7)))
        elif kind == "texts":
            new = [f"{k}" for k in rng.permutation(values.size) + 1]
        elif kind == "accents and marks":
            marks = ["é", " ", ".", "/", ":", "ß", "\\", "'", "`", "日"]
            new = [f"{marks[i % 10]}{i}{marks[(i // 10) % 10]}" for i in range(values.size)]
        elif kind == "floats":
            new = list(rng.permutation(values.size) / 4)
        else:
            new = [f"k{i}" for i in rng.permutation(values.size)]
        data[name] = data[name].map(dict(zip(values, new, strict=True)))
        if kind == "categories":
            data[name] = pd.Categorical(data[name], categories=[*sorted(new), "unused"])
    if kind == "restarted":  # 1, 2, .. anew in each top group, read through the slash
        data["g2"] = data.groupby("g3")["g2"].transform(lambda g: pd.factorize(g)[0] + 1)
        formula = "y ~ x + z + (x|g3) + (1|g3:g2)"
    assert_same_fit(fit, mix(formula, data, WEIGHTS))


def test_pairs_of_ids_are_not_pasted() -> None:
    # lme4 pastes b:a: "2:p" with "1" and "2" with "p:1" become one group there
    rng = np.random.default_rng(6)
    a = np.repeat(["p:1", "1", "q", "r", "s", "t"], 8)
    b = np.tile(np.repeat(["2", "2:p"], 4), 6)
    pasted = {f"{lower}:{upper}" for lower, upper in zip(b, a, strict=True)}
    assert len(pasted) == 11
    data = pd.DataFrame({"a": a, "b": b, "x": rng.normal(size=48)})
    data["y"] = data["x"] + rng.normal(size=48) + (a == "1") * 2.0
    fit = mix("y ~ x + (1|a/b)", data)
    assert fit.ngroups == {"b:a": 12, "a": 6}
    plain = data.assign(ab=pd.factorize(pd.MultiIndex.from_arrays([a, b]))[0])
    assert_same_fit(fit, mix("y ~ x + (1|ab) + (1|a)", plain))


@pytest.mark.parametrize(
    "formula",
    [
        "y ~ x + z + (1|g2) + (x|g3)",
        "y ~ 1 + z + x + (x|g3) + (1|g2)",
        "y ~ (1 + x|g3) + x + (1|g2) + z",
    ],
)
def test_order_of_the_formula(three_level: pd.DataFrame, formula: str) -> None:
    fit, other = mix(FORMULA, three_level, WEIGHTS), mix(formula, three_level, WEIGHTS)
    assert list(other.theta.index) == list(fit.theta.index)
    assert other.deviance == pytest.approx(fit.deviance, rel=1e-12)
    np.testing.assert_allclose(other.params[fit.params.index], fit.params, rtol=1e-8)


def test_affine_response(three_level: pd.DataFrame) -> None:
    a, b = -300.0, 12.5
    fit = mix(FORMULA, three_level, WEIGHTS)
    other = mix(FORMULA, three_level.assign(y=a + b * three_level["y"]), WEIGHTS)
    expected = fit.params * b
    expected["(Intercept)"] += a
    np.testing.assert_allclose(other.params, expected, rtol=1e-8)
    np.testing.assert_allclose(other.bse, b * fit.bse, rtol=1e-8)
    np.testing.assert_allclose(other.theta, fit.theta, rtol=1e-6, atol=1e-9)
    W = three_level["w1"].sum()
    assert other.llf == pytest.approx(fit.llf - W * np.log(b), rel=1e-12)


def test_unit_of_a_slope(three_level: pd.DataFrame) -> None:
    fit = mix(FORMULA, three_level, WEIGHTS)
    for factor in (1e-6, 1e6):
        other = mix(FORMULA, three_level.assign(x=three_level["x"] * factor), WEIGHTS)
        assert other.deviance == pytest.approx(fit.deviance, rel=1e-12)
        assert other.params["x"] * factor == pytest.approx(fit.params["x"], rel=1e-8)
        assert other.singular == fit.singular
        np.testing.assert_array_equal(
            other.variance_components["se"].isna(), fit.variance_components["se"].isna()
        )


def test_recombined_columns_of_X(three_level: pd.DataFrame) -> None:
    fit = mix(FORMULA, three_level, WEIGHTS)
    data = three_level.assign(x2=three_level["x"] - 3 * three_level["z"] + 40.0)
    other = mix("y ~ x2 + z + (x|g3) + (1|g2)", data, WEIGHTS)
    assert other.deviance == pytest.approx(fit.deviance, rel=1e-12)
    assert other.params["x2"] == pytest.approx(fit.params["x"], rel=1e-8)
    assert other.params["z"] == pytest.approx(fit.params["z"] + 3 * fit.params["x"], rel=1e-8)
    np.testing.assert_allclose(other.fittedvalues, fit.fittedvalues, rtol=1e-7)


@pytest.mark.parametrize("c", [1e-6, 7.3, 1e6])
def test_every_unconditional_weight_times_a_constant(three_level: pd.DataFrame, c: float) -> None:
    fit = mix(FORMULA, three_level, WEIGHTS)
    scaled = three_level.assign(**{w: three_level[w] * c for w in WEIGHTS})
    other = mix(FORMULA, scaled, WEIGHTS)
    assert other.llf == pytest.approx(c * fit.llf, rel=1e-12)
    np.testing.assert_allclose(other.params, fit.params, rtol=1e-8)
    np.testing.assert_allclose(other.bse, fit.bse, rtol=1e-7)
    np.testing.assert_allclose(
        other.variance_components["se"], fit.variance_components["se"], rtol=1e-6
    )
    model = mix(FORMULA, scaled, WEIGHTS, se="model").at(fit.theta)
    reference = mix(FORMULA, three_level, WEIGHTS, se="model").at(fit.theta)
    np.testing.assert_allclose(model.cov_params() * c, reference.cov_params(), rtol=1e-9)


def test_conditional_and_unconditional_weights_are_two_ways_to_say_the_same(
    three_level: pd.DataFrame,
) -> None:
    fit = mix(FORMULA, three_level, WEIGHTS)
    other = mix(FORMULA, three_level, ["c1", "c2", "c3"], conditional_weights=True)
    assert_same_fit(fit, other)


def test_conditional_weights_at_four_levels() -> None:
    data = simulate(6, n_top=7, levels=4)
    formula = "y ~ x + (1|g2) + (1|g3) + (1|g4)"
    fit = mix(formula, data, ["w1", "w2", "w3", "w4"])
    other = mix(formula, data, ["c1", "c2", "c3", "c4"], conditional_weights=True)
    assert_same_fit(fit, other)


def test_unit_weights_are_no_weights(three_level: pd.DataFrame) -> None:
    data = three_level.assign(one=1.0)
    fit, other = mix(FORMULA, data, ["one"] * 3), mix(FORMULA, data, se="wemix")
    assert fit.se_recipe == "wemix"
    assert_same_fit(fit, other)
    assert mix(FORMULA, data).se_recipe == "model"


@pytest.mark.parametrize("level", [2, 3])
def test_a_group_split_into_two_halves(three_level: pd.DataFrame, level: int) -> None:
    """Two copies, each with half the group's unconditional weight and half below it."""
    name = f"g{level}"
    chosen = three_level[name].value_counts().index[0]
    inside = three_level[name] == chosen
    first, second = three_level[inside].copy(), three_level[inside].copy()
    for part in (first, second):
        for below in range(1, level + 1):
            part[f"w{below}"] /= 2.0
    for below in range(2, level + 1):
        second[f"g{below}"] += 100_000
    split = pd.concat([three_level[~inside], first, second], ignore_index=True)
    fit, other = mix(FORMULA, three_level, WEIGHTS), mix(FORMULA, split, WEIGHTS)
    assert other.llf == pytest.approx(fit.llf, rel=1e-12)
    np.testing.assert_allclose(other.params, fit.params, rtol=1e-8)
    np.testing.assert_allclose(other.theta, fit.theta, rtol=1e-6, atol=1e-9)
    if level == 2:  # the top groups are the same, so the sandwich is too
        np.testing.assert_allclose(other.bse, fit.bse, rtol=1e-8)


def test_large_offset_of_y_keeps_its_digits(three_level: pd.DataFrame) -> None:
    rounded = three_level.assign(y=np.round(three_level["y"] * 2**20) / 2**20)
    fit = mix(FORMULA, rounded, WEIGHTS)
    other = mix(FORMULA, rounded.assign(y=rounded["y"] + 2.0**26), WEIGHTS)
    np.testing.assert_allclose(other.params.iloc[1:], fit.params.iloc[1:], rtol=1e-10)
    assert other.sigma == pytest.approx(fit.sigma, rel=1e-11)


@pytest.mark.parametrize("formula", [FORMULA, "y ~ x + (x|g3) + (x|g2)"])
def test_origin_of_a_slope_keeps_its_digits(three_level: pd.DataFrame, formula: str) -> None:
    rounded = three_level.assign(x=np.round(three_level["x"] * 2**20) / 2**20)
    fit = mix(formula, rounded, WEIGHTS)
    other = mix(formula, rounded.assign(x=rounded["x"] + 1e5), WEIGHTS)
    assert other.deviance == pytest.approx(fit.deviance, rel=1e-12)
    assert other.params["x"] == pytest.approx(fit.params["x"], rel=1e-9)
    assert other.sigma == pytest.approx(fit.sigma, rel=1e-9)
    slope = [
        model.variance_components.query("var1 == 'x' and level == 3").iloc[0]
        for model in (fit, other)
    ]
    assert slope[1]["vcov"] == pytest.approx(slope[0]["vcov"], rel=1e-6)
