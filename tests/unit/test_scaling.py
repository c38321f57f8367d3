"""Scaling of weights: definitions, order of the steps, and the function on data frames."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tests.identities.conftest import simulate
from wemix_ref import mix, scale_weights
from wemix_ref.cases import load_cases
from wemix_ref.errors import (
    DataError,
    NestingError,
    OptionError,
    WeightsError,
    WeightsWarning,
)
from wemix_ref.scaling import METHODS, products, scale_conditional

FORMULA = "y ~ x + (1|g3/g2)"
WEIGHTS = ["w1", "w2", "w3"]
CONDITIONAL = ["c1", "c2", "c3"]
GROUPS = ["g2", "g3"]
MIXED = ["gk", "size"], ["effective", "none"], ["none", "gk"], ["gk", "effective"]


@pytest.fixture
def data() -> pd.DataFrame:
    return simulate(11)


def units(data: pd.DataFrame, group: str) -> pd.DataFrame:
    """One row for each group: its weights are the same in all its rows."""
    return data.groupby(group).first()


def scaled(
    data: pd.DataFrame, method: str | list[str], levels: int = 3
) -> tuple[pd.DataFrame, list[str], list[str]]:
    names = [f"w{i + 1}" for i in range(levels)]
    groups = [f"g{i + 2}" for i in range(levels - 1)]
    out = data.join(scale_weights(data, names, groups, method))
    uncond, cond = ([f"{w}_{k}" for w in names] for k in ("unconditional", "conditional"))
    return out, uncond, cond


def test_size_makes_conditional_weights_sum_to_the_number_of_members(data: pd.DataFrame) -> None:
    out, _, (c1, c2, c3) = scaled(data, "size")
    sizes = out.groupby("g2").size()
    np.testing.assert_allclose(out.groupby("g2")[c1].sum(), sizes, rtol=1e-13)
    # at level 2 the members are the groups, not their rows
    classes = units(out, "g2")
    np.testing.assert_allclose(
        classes.groupby("g3")[c2].sum(), classes.groupby("g3").size(), rtol=1e-13
    )
    np.testing.assert_allclose(out[c3], data["w3"], rtol=0)


def test_effective_makes_them_sum_to_the_effective_number(data: pd.DataFrame) -> None:
    out, _, (c1, c2, _) = scaled(data, "effective")
    for frame, group, given, own in (
        (out, "g2", out["c1"], c1),
        (units(out, "g2"), "g3", units(out, "g2")["c2"], c2),
    ):
        total = given.groupby(frame[group]).sum()
        square = (given**2).groupby(frame[group]).sum()
        sums = frame.groupby(group)[own].sum()
        np.testing.assert_allclose(sums, total**2 / square, rtol=1e-13)
        squares = (frame[own] ** 2).groupby(frame[group]).sum()
        np.testing.assert_allclose(squares, sums, rtol=1e-13)


def test_gk_hands_the_mean_to_the_group_step_by_step(data: pd.DataFrame) -> None:
    out, uncond, (c1, c2, c3) = scaled(data, "gk")
    assert (out[c1] == 1).all()
    assert (out[c2] == 1).all()
    # with conditional weights 1 below, a group's weight is the mean of the means below it
    of_classes = data.groupby(["g3", "g2"])["w1"].mean()
    of_schools = of_classes.groupby("g3").mean()
    for name in (c3, *uncond):
        np.testing.assert_allclose(units(out, "g3")[name], of_schools, rtol=1e-13)


def test_gk_at_one_step_keeps_the_other(data: pd.DataFrame) -> None:
    below, _, (c1, c2, c3) = scaled(data, ["gk", "none"])
    assert (below[c1] == 1).all()
    mean = data.groupby("g2")["c1"].mean()
    np.testing.assert_allclose(units(below, "g2")[c2], units(data, "g2")["c2"] * mean, rtol=1e-13)
    np.testing.assert_allclose(below[c3], data["c3"], rtol=0)
    above, _, (c1, c2, c3) = scaled(data, ["none", "gk"])
    np.testing.assert_allclose(above[c1], data["c1"], rtol=1e-13)
    assert (above[c2] == 1).all()
    mean = units(data, "g2").groupby("g3")["c2"].mean()
    np.testing.assert_allclose(units(above, "g3")[c3], units(data, "g3")["c3"] * mean, rtol=1e-13)


def test_a_step_finds_what_the_step_below_has_left(data: pd.DataFrame) -> None:
    out, _, (_, c2, _) = scaled(data, ["gk", "size"])
    classes = units(data, "g2")
    changed = classes["c2"] * data.groupby("g2")["c1"].mean()
    total = changed.groupby(classes["g3"]).transform("sum")
    size = changed.groupby(classes["g3"]).transform("size")
    np.testing.assert_allclose(units(out, "g2")[c2], changed * size / total, rtol=1e-13)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("levels", [2, 3, 4])
def test_unconditional_weights_are_products_of_conditional_ones(method: str, levels: int) -> None:
    data = simulate(5, levels=levels, n_top=6)
    names = [f"w{i + 1}" for i in range(levels)]
    out, uncond, cond = scaled(data, method, levels)
    running = np.ones(len(out))
    for level in reversed(range(levels)):
        running = running * out[cond[level]]
        np.testing.assert_allclose(out[uncond[level]], running, rtol=1e-13)
    if method == "none":
        np.testing.assert_array_equal(out[uncond], out[names])


@pytest.mark.parametrize("method", [*METHODS, *MIXED], ids=str)
def test_scaled_columns_give_what_scale_gives(data: pd.DataFrame, method: str | list[str]) -> None:
    fit = mix(FORMULA, data, WEIGHTS, scale=method)
    out, uncond, cond = scaled(data, method)
    for columns, conditional in ((uncond, False), (cond, True)):
        again = mix(FORMULA, out, columns, conditional_weights=conditional)
        assert again.deviance == pytest.approx(fit.deviance, rel=1e-12)
        # the gradient's zero is found to about the square root of the deviance's rounding
        np.testing.assert_allclose(again.params, fit.params, rtol=1e-6, atol=1e-8)
    given = mix(FORMULA, data, CONDITIONAL, conditional_weights=True, scale=method)
    assert given.deviance == pytest.approx(fit.deviance, rel=1e-12)
    same = mix(FORMULA, data, WEIGHTS).deviance == pytest.approx(fit.deviance, rel=1e-6)
    assert same == (method == "none")


def test_none_is_the_default_and_changes_nothing(data: pd.DataFrame) -> None:
    fit, plain = mix(FORMULA, data, WEIGHTS, scale="none"), mix(FORMULA, data, WEIGHTS)
    assert fit.deviance == plain.deviance
    np.testing.assert_array_equal(fit.design.omega, data["w1"])
    assert plain.design.scaling == ("none", "none")


@pytest.mark.parametrize("method", ["size", "effective"])
def test_size_and_effective_do_not_see_the_scale_within_a_parent(
    data: pd.DataFrame, method: str
) -> None:
    rng = np.random.default_rng(2)
    other = data.copy()
    other["c1"] *= rng.uniform(0.2, 5.0, 500)[data["g2"]]
    other["c2"] *= rng.uniform(0.2, 5.0, 500)[data["g3"]]
    a, b = (
        scale_weights(frame, CONDITIONAL, GROUPS, method, conditional_weights=True)
        for frame in (data, other)
    )
    np.testing.assert_allclose(a, b, rtol=1e-12)
    # nor, for the same reason, how the weights are read
    c = scale_weights(data, WEIGHTS, GROUPS, method, conditional_weights=True)
    np.testing.assert_allclose(a, c, rtol=1e-12)
    for sensitive in ("none", "gk"):
        a, b = (
            scale_weights(frame, CONDITIONAL, GROUPS, sensitive, conditional_weights=True)
            for frame in (data, other)
        )
        assert not np.allclose(a, b, rtol=1e-3)


@pytest.mark.parametrize("method", METHODS)
def test_weights_of_one_stay_one(data: pd.DataFrame, method: str) -> None:
    ones = data.assign(**dict.fromkeys(WEIGHTS, 1.0))
    assert (scale_weights(ones, WEIGHTS, GROUPS, method) == 1).to_numpy().all()


def test_the_order_of_gk_is_from_the_rows_up() -> None:
    """-1061.57; with the upper step first, on weights not yet changed, it would be -1055.97."""
    case = load_cases()["three-level-school"]
    fit = mix(case.formula, case.data, WEIGHTS, scale="gk")
    assert round(fit.llf, 2) == -1061.57
    codes = case.data.groupby(["sch", "tch"]).ngroup().to_numpy()
    tops = case.data.groupby("sch").ngroup().to_numpy()
    w1, w2, w3 = (case.data[name].to_numpy() for name in WEIGHTS)
    first = np.unique(codes, return_index=True)[1]
    cond = [w1 / w2, (w2 / w3)[first], w3[np.unique(tops, return_index=True)[1]]]
    parents = [codes, tops[first]]
    down = scale_conditional(cond, parents, ["none", "gk"])
    down = scale_conditional(down, parents, ["gk", "none"])
    columns = {
        f"d{i + 1}": level[at]
        for i, (level, at) in enumerate(zip(down, [np.arange(w1.size), codes, tops], strict=True))
    }
    other = mix(
        case.formula, case.data.assign(**columns), ["d1", "d2", "d3"], conditional_weights=True
    )
    assert round(other.llf, 2) == -1055.97


def test_scaling_leaves_its_arguments_alone(data: pd.DataFrame) -> None:
    before = data.copy()
    scale_weights(data, WEIGHTS, GROUPS, "gk")
    pd.testing.assert_frame_equal(data, before)
    cond, parents = [np.array([2.0, 4.0]), np.array([3.0])], [np.zeros(2, dtype=np.intp)]
    out = scale_conditional(cond, parents, ["gk"])
    assert [level.tolist() for level in cond] == [[2.0, 4.0], [3.0]]
    assert [level.tolist() for level in out] == [[1.0, 1.0], [9.0]]
    assert [level.tolist() for level in products(out, parents)] == [[9.0, 9.0], [9.0]]


def test_columns_index_and_numbered_anew() -> None:
    frame = pd.DataFrame(
        {
            "sch": ["b", "b", "a", "a", "a"],
            "tch": [1, 2, 1, 1, 2],
            "w1": [4.0, 9.0, 8.0, 24.0, 12.0],
            "w2": [4.0, 6.0, 8.0, 8.0, 12.0],
            "w3": [2.0, 2.0, 4.0, 4.0, 4.0],
        },
        index=list("vwxyz"),
    )
    out = scale_weights(frame, WEIGHTS, [["sch", "tch"], "sch"], "size")
    assert list(out.index) == list("vwxyz")
    assert list(out.columns) == [
        *(f"{w}_unconditional" for w in WEIGHTS),
        *(f"{w}_conditional" for w in WEIGHTS),
    ]
    np.testing.assert_allclose(out["w1_conditional"], [1, 1, 0.5, 1.5, 1], rtol=1e-14)
    np.testing.assert_allclose(out["w2_conditional"], [0.8, 1.2, 0.8, 0.8, 1.2], rtol=1e-14)
    np.testing.assert_allclose(out["w1_unconditional"], [1.6, 2.4, 1.6, 4.8, 4.8], rtol=1e-14)
    with pytest.raises(NestingError, match=r"2 of 2 groups of `tch`.*\['sch', 'tch'\]"):
        scale_weights(frame.assign(w2=1.0, w3=1.0), WEIGHTS, ["tch", "sch"], "size")


def test_levels_not_used(data: pd.DataFrame) -> None:
    out = scale_weights(data, WEIGHTS, GROUPS, "none", use=[True, False, True])
    np.testing.assert_allclose(out["w1_conditional"], data["c1"], rtol=1e-14)
    assert (out["w2_conditional"] == 1).all()
    np.testing.assert_array_equal(out["w2_unconditional"], data["w3"])
    np.testing.assert_allclose(out["w1_unconditional"], data["c1"] * data["c3"], rtol=1e-14)
    none = scale_weights(data, [None, "w2", "w3"], GROUPS, "none")
    assert list(none.columns[:2]) == ["level1_unconditional", "w2_unconditional"]
    np.testing.assert_array_equal(none["level1_unconditional"], data["w2"])


BAD = {
    "unknown method": ({"method": "sise"}, OptionError, ["'size'", "'sise'"]),
    "no method": ({"method": None}, OptionError, ["scale", "None"]),
    "long list": ({"method": ["size"] * 3}, OptionError, ["2 in all", "found 3"]),
    "bad list": ({"method": ["size", 3]}, OptionError, ["list", "3"]),
    "groups as text": ({"groups": "g2"}, OptionError, ["groups", "'g2'"]),
    "groups of numbers": ({"groups": [1, 2]}, OptionError, ["groups", "1"]),
    "wrong number": ({"groups": ["g2"]}, WeightsError, ["2 in all", "found 3"]),
    "unknown column": ({"weights": ["w1", "w2", "no"]}, DataError, ["'no'", "0 times"]),
    "unknown group": ({"groups": ["g2", "no"]}, DataError, ["'no'", "0 times"]),
    "twice": ({"weights": ["w1", "w2", "w2"]}, WeightsError, ["'w2'", "2 times"]),
    "no frame": ({"data": {}}, DataError, ["DataFrame", "dict"]),
    "upside down": (
        {"groups": ["g3", "g2"]},
        NestingError,
        ["of `g3` lie in more than one", "`g2`"],
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_arguments(name: str, data: pd.DataFrame) -> None:
    changes, error, words = BAD[name]
    arguments = {"data": data, "weights": WEIGHTS, "groups": GROUPS, "method": "size", **changes}
    with pytest.raises(error) as caught:
        scale_weights(**arguments)  # type: ignore[arg-type]
    for word in words:
        assert word in str(caught.value)


def test_bad_data(data: pd.DataFrame) -> None:
    with pytest.raises(DataError, match=r"`g2` must say.*missing in 1 of .*first: row 3"):
        scale_weights(
            data.assign(g2=data["g2"].astype(float).where(data.index != 3)),
            WEIGHTS,
            GROUPS,
            "size",
        )
    with pytest.raises(WeightsError, match=r"`w1`.*missing in 1 of .*first: row 5"):
        scale_weights(data.assign(w1=data["w1"].where(data.index != 5)), WEIGHTS, GROUPS, "size")
    with pytest.raises(DataError, match="at least one row"):
        scale_weights(data.iloc[:0], WEIGHTS, GROUPS, "size")
    with pytest.raises(DataError, match="'w2' is there 2 times"):
        scale_weights(pd.concat([data, data[["w2"]]], axis=1), WEIGHTS, GROUPS, "size")


def test_a_common_factor_of_a_step_changes_nothing_but_its_level(data: pd.DataFrame) -> None:
    """gk: a factor on all rows' weights moves up to the top, as a factor on the likelihood."""
    fit = mix(FORMULA, data, WEIGHTS, scale="gk")
    more = mix(FORMULA, data.assign(w1=3 * data["w1"]), WEIGHTS, scale="gk")
    assert more.deviance == pytest.approx(3 * fit.deviance, rel=1e-12)
    np.testing.assert_allclose(more.bse, fit.bse, rtol=1e-6)


def test_the_warning_points_at_the_caller() -> None:
    rng = np.random.default_rng(1)
    g = np.repeat(np.arange(30), 5)
    frame = pd.DataFrame({"g": g, "w2": rng.uniform(1, 4, 30)[g], "w1": rng.uniform(1, 4, 150)})
    with pytest.warns(WeightsWarning, match="conditional_weights=True") as caught:
        scale_weights(frame, ["w1", "w2"], ["g"], "gk")
    assert caught[0].filename == __file__
