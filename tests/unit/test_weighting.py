"""scale=, use= and None in mix(); weights per level; the warning about how they were read."""

from __future__ import annotations

import re
import warnings

import numpy as np
import pandas as pd
import pytest

from tests.identities.conftest import simulate
from wemix_ref import mix
from wemix_ref.cases import load_cases
from wemix_ref.design import build_design
from wemix_ref.errors import OptionError, WeightsError, WeightsWarning, WemixRefError
from wemix_ref.grouping import Grouping
from wemix_ref.table import Table
from wemix_ref.weight_checks import check_columns, check_names, check_use
from wemix_ref.weight_reading import seem_conditional, seem_unconditional
from wemix_ref.weight_summary import summarise
from wemix_ref.weights import design_weights, level_weights

FORMULA = "y ~ x + (1|g3/g2)"
WEIGHTS = ["w1", "w2", "w3"]
CONDITIONAL = ["c1", "c2", "c3"]


@pytest.fixture
def data() -> pd.DataFrame:
    return simulate(3)


# -- levels without weights ----------------------------------------------------------------------


@pytest.mark.parametrize(
    "use", [[True, True, False], [True, False, True], [False, True, True], [False, False, True]]
)
def test_a_level_not_used_has_conditional_weight_one(data: pd.DataFrame, use: list[bool]) -> None:
    ones = data.assign(**{c: data[c] if u else 1.0 for c, u in zip(CONDITIONAL, use, strict=True)})
    expected = mix(FORMULA, ones, CONDITIONAL, conditional_weights=True).deviance
    fit = mix(FORMULA, data, WEIGHTS, use=use)
    assert fit.deviance == pytest.approx(expected, rel=1e-12)
    given = mix(FORMULA, data, CONDITIONAL, conditional_weights=True, use=use)
    assert given.deviance == pytest.approx(expected, rel=1e-12)
    names = [c if u else None for c, u in zip(CONDITIONAL, use, strict=True)]
    left_out = mix(FORMULA, data, names, conditional_weights=True)
    assert left_out.deviance == pytest.approx(expected, rel=1e-12)
    assert fit.design.weights_used == left_out.design.weights_used == tuple(use)
    assert mix(FORMULA, data, WEIGHTS).deviance != pytest.approx(expected, rel=1e-3)


@pytest.mark.parametrize("names", [[None, "w2", "w3"], [None, None, "w3"]])
def test_unconditional_weights_may_be_left_out_from_below(
    data: pd.DataFrame, names: list[str | None]
) -> None:
    use = [name is not None for name in names]
    left_out, unused = mix(FORMULA, data, names), mix(FORMULA, data, WEIGHTS, use=use)
    assert left_out.deviance == pytest.approx(unused.deviance, rel=1e-12)
    # and that is not what unconditional weights of 1 there would be
    ones = data.assign(**{w: 1.0 for w, u in zip(WEIGHTS, use, strict=True) if not u})
    assert mix(FORMULA, ones, WEIGHTS).deviance != pytest.approx(unused.deviance, rel=1e-3)


def test_use_of_all_is_the_default(data: pd.DataFrame) -> None:
    fit = mix(FORMULA, data, WEIGHTS, use=[True, True, True])
    assert fit.deviance == mix(FORMULA, data, WEIGHTS).deviance


def test_weights_are_left_out_before_scaling(data: pd.DataFrame) -> None:
    fit = mix(FORMULA, data, WEIGHTS, use=[False, True, True], scale="gk")
    # a mean of ones goes up from the rows
    top = mix(FORMULA, data, WEIGHTS, use=[False, True, True], scale=["none", "gk"])
    assert fit.deviance == pytest.approx(top.deviance, rel=1e-12)
    assert (fit.design.omega_cond == 1).all()
    assert (fit.design.levels[0].psi_cond == 1).all()


BAD = {
    "w2 missing": ({"weights": ["w1", None, "w3"]}, WeightsError, ["`w1`", "level 2 has None",
                    "use=[True, False, True]", "conditional_weights=True"]),
    "top missing": ({"weights": ["w1", "w2", None]}, WeightsError, ["`w2`", "level 3 has None",
                    "use=[True, True, False]"]),
    "rows only": ({"weights": ["w1", None, None]}, WeightsError, ["`w1`", "level 2 has None"]),
    "all None": ({"weights": [None] * 3}, WeightsError, ["weights=None"]),
    "too few": ({"weights": [None, "w3"]}, WeightsError, ["3 in all", "found 2"]),
    "none used": ({"use": [False] * 3}, OptionError, ["at least one level", "weights=None"]),
    "use short": ({"use": [True, False]}, OptionError, ["each of the 3", "found 2"]),
    "use no list": ({"use": True}, OptionError, ["use must be a list", "True"]),
    "use of names": ({"use": ["w1"]}, OptionError, ["use must be a list", "'w1'"]),
    "use of None": (
        {"weights": [None, "w2", "w3"], "use": [True] * 3},
        OptionError,
        ["level 1", "None"],
    ),
    "unknown scale": ({"scale": "sise"}, OptionError, ["'size'", "'sise'"]),
    "scale too long": ({"scale": ["size"] * 3}, OptionError, ["2 in all", "top level"]),
    "scale no text": ({"scale": None}, OptionError, ["scale", "None"]),
    "scale without weights": ({"weights": None, "scale": "size"}, OptionError, ["'size'", "none"]),
    "use without weights": ({"weights": None, "use": [True]}, OptionError, ["use=[True]"]),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_what_is_ambiguous_is_refused(name: str, data: pd.DataFrame) -> None:
    changes, error, words = BAD[name]
    arguments = {"weights": WEIGHTS, **changes}
    with pytest.raises(error) as caught:
        mix(FORMULA, data, **arguments)  # type: ignore[arg-type]
    assert isinstance(caught.value, WemixRefError)
    for word in words:
        assert word in str(caught.value)


@pytest.mark.parametrize(
    ("weights", "words"),
    [
        (("w1", "w2"), None),
        ("w1", "found the text 'w1'"),
        ([1, "w2", 2.0], "found a list of int, str, float"),
        ({"g2": "w2"}, "found a dict"),
    ],
)
def test_weights_are_a_list_of_names(weights: object, words: str | None) -> None:
    if words is None:
        assert check_names(weights, conditional=False) == weights  # type: ignore[arg-type]
        return
    with pytest.raises(WeightsError, match=words):
        check_names(weights, conditional=False)  # type: ignore[arg-type]


def test_each_of_use_is_true_or_false() -> None:
    with pytest.raises(OptionError, match="list of True or False"):
        check_use([True, "no"], ["w1", "w2"])  # type: ignore[list-item]
    assert check_use([np.True_, False], ["w1", "w2"]) == (True, False)


IMPROPER = [
    ([np.nan, np.inf, -1.0, 0.0, 1e-61], "is missing in 1 of 5", 0),
    ([1.0, -1.0, 0.0, np.inf, -np.inf], "is infinite in 2 of 5", 3),
    ([1.0, 0.5, 0.0, -0.5, -1.0, 1e-61], "is negative in 2 of 6", 3),
    ([2.0, 1.0, 1e-61, 0.0, 0.0], "is zero in 2 of 5", 3),
    ([1.0, 1e-60, 1e60, 1e61, 1e-61], "is not between 1e-60 and 1e+60 in 2 of 5", 3),
]


@pytest.mark.parametrize(("values", "words", "first"), IMPROPER)
def test_improper_weights_are_counted_by_kind(values: list[float], words: str, first: int) -> None:
    frame = pd.DataFrame({"w": values}, index=[f"r{i}" for i in range(len(values))])
    with pytest.raises(WeightsError, match=re.escape(f"{words} rows (first: row 'r{first}')")):
        check_columns(frame, [None, "w"], None)
    rest = np.ones(len(values), dtype=bool)
    rest[0] = False
    if first:
        with pytest.raises(WeightsError, match=f"level-2 .* of {len(values) - 1} rows"):
            check_columns(frame, [None, "w"], rest)


def test_weights_may_reach_the_limits_and_are_doubles(data: pd.DataFrame) -> None:
    (limits,) = check_columns(pd.DataFrame({"w": [1e-60, 1e60]}), ["w"], None)
    assert limits.tolist() == [1e-60, 1e60]
    whole = data.assign(w1=2, w3=3)
    for frame in (whole, whole.astype({"w1": "Int64"})):
        design = build_design(FORMULA, frame, [None, None, "w3"])
        assert design.omega.dtype == np.float64
        for columns in (frame, Table.of(frame, ["w1", "w3"])):
            found = check_columns(columns, ["w1", "w3"], None)
            assert [w.dtype for w in found] == [np.float64] * 2
    lacking = whole.astype({"w1": "Int64"})
    lacking.loc[4, "w1"] = pd.NA
    with pytest.raises(WeightsError, match=r"is missing in 1 of .*first: row 4"):
        check_columns(lacking, ["w1"], None)


def test_true_and_false_are_no_weights(data: pd.DataFrame) -> None:
    with pytest.raises(WeightsError, match="level-1 weight `w1` must be numeric; its type is bool"):
        build_design("y ~ x + (1|g2)", data.assign(w1=True), ["w1", None], conditional_weights=True)


def test_rows_without_weights_have_those_of_their_group(data: pd.DataFrame) -> None:
    design = build_design("y ~ x + (1|g2)", data, [None, "w2"])
    np.testing.assert_array_equal(design.omega, data["w2"])
    np.testing.assert_array_equal(design.omega_cond, 1.0)


def test_without_weights_all_are_one(data: pd.DataFrame) -> None:
    levels = build_design(FORMULA, data).levels
    grouping = [Grouping(one.name, one.codes, one.labels, one.parent, ()) for one in levels]
    found = design_weights(None, (), grouping, False, (), (), len(data))
    for weights in (found.omega, found.omega_cond, *found.psi, *found.psi_cond):
        np.testing.assert_array_equal(weights, 1.0)
    np.testing.assert_array_equal(found.codes, data["g2"] - 1)


@pytest.mark.parametrize("method", ["none", "size"])
@pytest.mark.parametrize("conditional", [False, True])
def test_conditional_weights_of_rows_go_with_the_others(
    data: pd.DataFrame, method: str, conditional: bool
) -> None:
    names = CONDITIONAL if conditional else WEIGHTS
    g2, g3 = data["g2"].to_numpy() - 1, data["g3"].to_numpy() - 1
    first = data.groupby("g2")["g3"].first().to_numpy() - 1
    found = level_weights(
        [data[name].to_numpy() for name in names], names, [g2, g3],
        [pd.Index(range(g2.max() + 1)), pd.Index(range(g3.max() + 1))], ["g2", "g3"],
        [first, None], conditional, [True] * 3, [method] * 2,
    )  # fmt: skip
    np.testing.assert_array_equal(found.codes, g2)
    np.testing.assert_allclose(found.omega_cond, found.omega / found.psi[0][g2], rtol=1e-14)
    np.testing.assert_allclose(found.psi_cond[0], found.psi[0] / found.psi[1][first], rtol=1e-14)
    np.testing.assert_array_equal(found.psi_cond[1], found.psi[1])
    if method == "none":
        np.testing.assert_allclose(found.omega, data["w1"], rtol=1e-14)
        np.testing.assert_allclose(found.psi[0][g2], data["w2"], rtol=1e-14)


# -- weights per level ---------------------------------------------------------------------------


def test_weight_summary_counts_units_of_its_level(data: pd.DataFrame) -> None:
    table = mix(FORMULA, data, WEIGHTS).weight_summary()
    assert list(table.columns) == [
        "group", "column", "n", "sum", "min", "max", "effective_n", "design_effect"
    ]  # fmt: skip
    assert list(table.index) == [
        (i, k) for i in (1, 2, 3) for k in ("unconditional", "conditional")
    ]
    assert list(table["group"].unique()) == ["rows", "g2:g3", "g3"]
    for level, group in ((1, None), (2, "g2"), (3, "g3")):
        units = data if group is None else data.drop_duplicates(group)
        for kind, name in (("unconditional", f"w{level}"), ("conditional", f"c{level}")):
            row, w = table.loc[(level, kind)], units[name]
            assert row["column"] == f"w{level}"
            assert row["n"] == len(units)
            found = row[["sum", "min", "max", "effective_n", "design_effect"]].astype(float)
            cv2 = w.var(ddof=0) / w.mean() ** 2
            expected = [w.sum(), w.min(), w.max(), w.sum() ** 2 / (w**2).sum(), 1 + cv2]
            np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_weight_summary_shows_weights_as_used(data: pd.DataFrame) -> None:
    table = mix(FORMULA, data, WEIGHTS, scale="gk").weight_summary()
    assert (table.loc[[(1, "conditional"), (2, "conditional")], "design_effect"] == 1).all()
    table = mix(FORMULA, data, [None, "w2", "w3"]).weight_summary()
    assert table.loc[(1, "conditional"), "sum"] == len(data)
    assert table["column"].tolist() == [None, None, "w2", "w2", "w3", "w3"]


def test_weight_summary_without_weights(data: pd.DataFrame) -> None:
    table = mix(FORMULA, data).weight_summary()
    assert (table[["min", "max", "design_effect"]] == 1).to_numpy().all()
    assert table["column"].isna().all()
    np.testing.assert_array_equal(table["sum"], table["n"])


def test_huge_weights_do_not_overflow() -> None:
    with np.errstate(all="raise"):
        huge = summarise(np.array([1e200, 3e200]), 1, "rows", "w", "unconditional")
        # above 1 and below the weight of their group
        assert seem_conditional(np.array([1e200]), np.array([1e250]), np.array([0]))
    assert (huge.effective, huge.design_effect) == pytest.approx((1.6, 1.25), rel=1e-14)


def test_summary_tells_of_the_weights(data: pd.DataFrame) -> None:
    fit = mix(FORMULA, data, WEIGHTS, scale=["size", "none"], use=[True, False, True])
    text = fit.summary()
    assert "Sampling weights, level 1 first, unconditional: w1, w2 (not used), w3" in text
    assert "Scaled, level 1 to 2 first: size, none" in text
    table = text.split("Sampling weights as used:\n")[1].split("\n\n")[0].splitlines()
    assert table[0].split() == [
        "Level", "Weights", "n", "Sum", "Min", "Max", "Effective", "n", "Design", "effect",
    ]  # fmt: skip
    assert len(table) == 7
    effect = fit.weight_summary().loc[(1, "unconditional"), "design_effect"]
    assert table[1].split()[-1] == f"{effect:.3f}"
    assert "Scaled, level" not in mix(FORMULA, data, WEIGHTS).summary()
    assert "none, w2, w3" in mix(FORMULA, data, [None, "w2", "w3"]).summary()
    assert "Sampling weights" not in mix(FORMULA, data).summary()


# -- conditional or unconditional ----------------------------------------------------------------


def told(formula: str, data: pd.DataFrame, weights: list[str], **options: object) -> list[str]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        build_design(formula, data, weights, **options)  # type: ignore[arg-type]
    return [str(w.message) for w in caught if w.category is WeightsWarning]


CASES = {name: case for name, case in load_cases().items() if case.weights}


@pytest.mark.parametrize("name", CASES)
def test_no_reference_case_is_warned_about(name: str) -> None:
    case = CASES[name]
    options = {"conditional_weights": case.conditional_weights}
    assert told(case.formula, case.data, list(case.weights), **options) == []


def draw(kind: str, n_groups: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Conditional weights of members, weights of groups, and the group of each member."""
    rng = np.random.default_rng([seed, n_groups])
    sizes = rng.integers(3, 30, n_groups)
    parent = np.repeat(np.arange(n_groups), sizes)
    psi, c = rng.uniform(1, 6, n_groups), rng.uniform(1, 4, parent.size)
    if kind == "far":
        c = rng.uniform(20, 60, parent.size)
    elif kind == "all members":
        c = np.ones(parent.size)
    elif kind == "groups by size":
        size = rng.lognormal(0, 0.7, n_groups)
        psi = 1 / np.minimum(1, 0.3 * size / size.mean())
        c = (size / size.min())[parent] * rng.uniform(1, 1.2, parent.size)
    elif kind == "strata of their own":
        psi = np.array([1.2, 3, 8])[rng.integers(0, 3, n_groups)] * rng.uniform(0.9, 1.1, n_groups)
        c = np.array([2, 5, 10])[rng.integers(0, 3, n_groups)][parent] * rng.uniform(
            0.9, 1.1, parent.size
        )
    elif kind == "non-response":
        c = c * rng.uniform(0.8, 1.2, n_groups)[parent]
    elif kind == "adjusted at the group alone":
        c = np.full(parent.size, 1 / 1.1)
    elif kind == "mean one":
        psi, c = rng.lognormal(0, 0.5, n_groups), rng.lognormal(0, 0.4, parent.size)
    elif kind == "size":
        c = c * (sizes / np.bincount(parent, c))[parent]
    elif kind == "effective":
        c = c * (np.bincount(parent, c) / np.bincount(parent, c * c))[parent]
    return c, psi, parent


KINDS = [
    "plain", "far", "all members", "groups by size", "strata of their own", "non-response",
    "adjusted at the group alone", "mean one", "size", "effective",
]  # fmt: skip
SEEDS = range(40)


@pytest.mark.parametrize("n_groups", [5, 20, 100])
@pytest.mark.parametrize("kind", KINDS)
def test_the_right_reading_is_not_warned_about(kind: str, n_groups: int) -> None:
    for seed in SEEDS:
        c, psi, parent = draw(kind, n_groups, seed)
        assert not seem_unconditional(c, psi, parent)
        if kind not in ("size", "effective"):
            assert not seem_conditional(c * psi[parent], psi, parent)


@pytest.mark.parametrize("n_groups", [20, 100])
@pytest.mark.parametrize("kind", ["plain", "all members", "groups by size", "size", "effective"])
def test_conditional_weights_read_as_unconditional_are_noticed(kind: str, n_groups: int) -> None:
    noticed = [seem_conditional(*draw(kind, n_groups, seed)) for seed in SEEDS]
    assert np.mean(noticed) >= 0.95


@pytest.mark.parametrize("kind", ["plain", "all members"])
def test_unconditional_weights_read_as_conditional_are_noticed(kind: str) -> None:
    for seed in SEEDS:
        c, psi, parent = draw(kind, 40, seed)
        assert seem_unconditional(c * psi[parent], psi, parent)


def test_weights_of_one_tell_nothing() -> None:
    _, _, parent = draw("plain", 50, 0)
    ones, groups = np.ones(parent.size), np.ones(50)
    assert not seem_conditional(ones, groups, parent)
    assert not seem_unconditional(ones, groups, parent)


@pytest.fixture
def two_level() -> pd.DataFrame:
    c, psi, parent = draw("plain", 60, 1)
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"g": parent, "c1": c, "w2": psi[parent], "w1": c * psi[parent]})
    return frame.assign(y=rng.normal(size=60)[parent] + rng.normal(size=len(frame)))


def test_the_warning_says_what_to_do(two_level: pd.DataFrame) -> None:
    formula = "y ~ 1 + (1|g)"
    (message,) = told(formula, two_level, ["c1", "w2"])
    below = int((two_level["c1"] < two_level["w2"]).sum())
    for words in (
        "read as unconditional", f"`c1` against `w2` of `g`: {below} of {len(two_level)}",
        "pass conditional_weights=True", 'scale="size"',
    ):  # fmt: skip
        assert words in message
    (message,) = told(formula, two_level, ["w1", "w2"], conditional_weights=True)
    for words in ("read as conditional", "in 60 groups", "leave conditional_weights out"):
        assert words in message
    with pytest.warns(WeightsWarning) as caught:
        mix(formula, two_level, ["c1", "w2"])
    assert caught[0].filename == __file__


def test_no_warning_where_the_reading_does_not_matter(two_level: pd.DataFrame) -> None:
    formula = "y ~ 1 + (1|g)"
    for options in ({"scale": "size"}, {"scale": "effective"}, {"use": [False, True]}):
        assert told(formula, two_level, ["c1", "w2"], **options) == []
        swapped = {**options, "conditional_weights": True}
        assert told(formula, two_level, ["w1", "w2"], **swapped) == []
    assert len(told(formula, two_level, ["c1", "w2"], scale="gk")) == 1
    right = mix(formula, two_level, ["w1", "w2"], scale="size")
    wrong = mix(formula, two_level, ["c1", "w2"], scale="size")
    assert wrong.deviance == pytest.approx(right.deviance, rel=1e-12)


def test_one_warning_names_every_level() -> None:
    rng = np.random.default_rng(4)
    h = np.repeat(np.arange(30), 40)
    g = np.repeat(np.arange(300), 4)
    frame = pd.DataFrame({"g": g, "h": h, "y": rng.normal(size=1200)})
    frame["c3"] = rng.uniform(1, 5, 30)[h]
    frame["c2"] = rng.uniform(1, 3, 300)[g]
    frame["c1"] = rng.uniform(1, 3, 1200)
    (message,) = told("y ~ 1 + (1|h/g)", frame, ["c1", "c2", "c3"])
    assert "`c1` against `c2` of `g:h`" in message
    assert "`c2` against `c3` of `h`" in message
    assert told("y ~ 1 + (1|h/g)", frame, ["c1", "c2", "c3"], conditional_weights=True) == []
