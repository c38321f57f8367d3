"""What is refused or warned of before a fit: bounds, counts, and whose line a warning names."""

from __future__ import annotations

import re
import warnings

import numpy as np
import pandas as pd
import pytest

from wemix_ref import mix
from wemix_ref.conditioning import warn_of_conditioning
from wemix_ref.design import BLOCK_ROWS, _weighted_squares, build_design
from wemix_ref.design_checks import check_data, check_rank, check_response, check_sizes
from wemix_ref.errors import (
    DataError,
    DesignWarning,
    DroppedRowsWarning,
    FormulaError,
    ModelError,
    RankError,
    WeightsWarning,
)
from wemix_ref.formula import parse_formula


def told(
    y: list[float],
    omega: list[float] | None = None,
    effects: list[tuple[str, list[str], list[list[float]]]] | None = None,
) -> list[str]:
    columns = [(g, n, [np.array(z) for z in Z]) for g, n, Z in effects or []]
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        weights = None if omega is None else np.array(omega)
        warn_of_conditioning(np.array(y), weights, columns, stacklevel=1)
    assert all(one.filename == __file__ for one in caught)
    return [f"{one.category.__name__}: {one.message}" for one in caught]


@pytest.mark.parametrize(
    ("y", "warned"),
    [
        ([1e12 - 1, 1e12], False),  # a share of 1e-12 exactly
        ([1e12 - 0.5, 1e12], True),
        ([-1e12, -1e12 + 0.5], True),
        ([-1e12, 0.5], False),
        ([1e12 - 0.5, 1e12 + 0.5], True),  # less than that share of the largest value
        ([1e-30, 2e-30], False),
        ([5.0, 7.0], False),
    ],
)
def test_a_response_with_few_digits_is_told(y: list[float], warned: bool) -> None:
    found = told(y)
    assert len(found) == warned
    if warned:
        assert found[0].startswith("DesignWarning: the response varies between")
        assert repr(max(y)) in found[0]


@pytest.mark.parametrize(
    ("largest", "words"),
    [
        (1e10, None),
        (1.1e10, "lose some 10 of 16 digits"),
        (1e15, "lose some 15 of 16 digits"),
        (1.1e15, "are less than rounding"),
    ],
)
def test_weights_over_many_decades_are_told(largest: float, words: str | None) -> None:
    found = told([1, 2, 3], [3.0, 1.0, largest])
    assert len(found) == (words is not None)
    if words:
        assert found[0].startswith("WeightsWarning: the unconditional level-1 weights differ by")
        assert words in found[0]
    assert told([1, 2, 3], [5.0, 5.0 * 0.9e10, 6.0]) == []


@pytest.mark.parametrize(
    ("columns", "warned"),
    [
        ({"a": [1, 1, 1], "b": [2, 2, 2]}, True),
        ({"a": [1, 1, 1], "b": [2, 3, 2]}, False),
        ({"a": [1, 1, 1], "b": [2, 2, 3]}, False),
        ({"a": [1, 1, 1], "b": [0, 0, 0]}, False),
        ({"a": [1, 1, 1], "b": [0, 1, 0], "c": [-1, -1, -1]}, True),
    ],
)
def test_effects_with_constant_columns_are_told(
    columns: dict[str, list[float]], warned: bool
) -> None:
    found = told([1, 2, 3], None, [("g", list(columns), list(columns.values()))])
    assert len(found) == warned
    if warned:
        constant = [name for name in columns if len(set(columns[name])) == 1]
        assert f"constant, {', '.join(map(repr, constant))}, so" in found[0]
    assert told([1, 2, 3], None, [("g", ["a", "a"], [[1, 1, 1], [1, 1, 1]])]) == []


def frame(n: int = 24) -> pd.DataFrame:
    rng = np.random.default_rng(5)
    data = pd.DataFrame({"y": rng.normal(size=n), "x": rng.normal(size=n), "h": 1.0})
    data["g"], data["f"] = np.arange(n) // 3, np.arange(n)
    return data


@pytest.mark.parametrize(
    ("formula", "change", "category", "words"),
    [
        ("y ~ x + (1|g)", {"x": [np.nan, *range(23)]}, DroppedRowsWarning, "1 of 24 rows were"),
        ("y ~ x + (1|f)", {}, DesignWarning, "every group of `f` has a single row"),
        ("y ~ x + (1|g) + (1|k)", {"k": np.arange(24) // 3}, DesignWarning, "(8 groups each)"),
        ("y ~ x + (1 + h|g)", {}, DesignWarning, "whose columns are constant"),
        ("y ~ x + (1|g)", {"y": 1e13 + np.arange(24) % 2}, DesignWarning, "few of its digits"),
    ],
)
def test_warnings_name_the_line_that_called(
    formula: str, change: dict, category: type[Warning], words: str
) -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        mix(formula, frame().assign(**change))
    found = [one for one in caught if one.category is category and words in str(one.message)]
    assert len(found) == 1
    assert found[0].filename == __file__
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        mix("y ~ x + (1|g)", frame())
    assert [one for one in caught if one.category in (DesignWarning, DroppedRowsWarning)] == []


def test_missing_and_doubled_columns_are_named_and_counted() -> None:
    data = pd.DataFrame(np.ones((2, 21)), columns=[f"c{i}" for i in range(21)])
    with pytest.raises(DataError, match=r"1 is not: 'a'\. The data have: 'c0', .*'c19', \.\.\.\.$"):
        check_data(data, ["c1", "a", "a"])
    with pytest.raises(DataError, match=r"2 are not: 'a', 'b'\. The data have: .*'c19'\.$"):
        check_data(data.iloc[:, :20], ["b", "a"][::-1])
    doubled = pd.concat([data[["c1", "c2"]], data[["c1", "c3"]], data[["c3"]]], axis=1)
    with pytest.raises(DataError, match="once; 'c1', 'c3' occurs"):
        check_data(doubled, ["c1", "c2", "c3", "c1"])
    check_data(doubled, ["c2"])
    check_data(data.iloc[:1], ["c1"])
    with pytest.raises(DataError, match="at least one row"):
        check_data(data.iloc[:0], ["c1"])


def test_a_response_must_vary() -> None:
    plain, with_offset = parse_formula("y ~ x"), parse_formula("y ~ x + offset(z)")
    check_response(plain, np.array([1.0, 1.0, 2.0]))
    with pytest.raises(DataError, match="one of its 3 values is 4"):
        check_response(plain, np.full(3, 4.0))
    with pytest.raises(DataError, match=re.escape("3 values (minus the offset) is 4")):
        check_response(with_offset, np.full(3, 4.0))


def test_columns_must_be_fewer_than_rows_and_independent() -> None:
    one, x = np.ones(4), np.arange(4.0)
    columns = [one, x, x**2]
    check_rank(columns, ["1", "x", "x2"], one)
    with pytest.raises(ModelError, match="found 4 rows and 4 columns"):
        check_rank([*columns, x**3], ["1", "x", "x2", "x3"], one)
    with pytest.raises(RankError, match="1 of 3 depends on the columns before: 'z'"):
        check_rank([one, x, 2 * x + 1], ["1", "x", "z"], one)
    with pytest.raises(RankError, match="2 of 3 depend on the columns before: 'x', 'z'"):
        check_rank([one, 3 * one, 2 * one], ["1", "x", "z"], one)


def test_sizes_of_columns_have_bounds() -> None:
    check_sizes({
        "largest": np.array([1e70, 0.0]), "smallest": np.array([0.0, -1e-70]),
        "both": np.array([1e70, -1e70]), "zero": np.zeros(3),
        "one number": np.broadcast_to(1e200, 3),
    })  # fmt: skip
    with pytest.raises(DataError, match=r"1 does not: 'a' \(1\.1e\+70\)\. Take"):
        check_sizes({"a": np.array([1.0, -1.1e70]), "b": np.ones(2)})
    with pytest.raises(DataError, match=r"2 do not: 'a' \(2\.0e\+150\), 'c' \(9\.0e-71\)\."):
        check_sizes({"a": np.array([2e150]), "b": np.ones(1), "c": np.array([9e-71])})
    # squares that are no doubles are told by the error alone
    with np.errstate(all="raise"), pytest.raises(DataError, match="2 do not"):
        check_sizes({"a": np.array([1e200]), "b": np.array([1e-200])})


@pytest.mark.filterwarnings("ignore:every group")
def test_a_design_has_groups_rows_and_coefficients() -> None:
    data = frame()
    with pytest.raises(FormulaError, match="must be a text; found list"):
        build_design(["y ~ x + (1|g)"], data)  # type: ignore[arg-type]
    with pytest.raises(ModelError, match="at least one random term"):
        build_design("y ~ x", data)
    with pytest.raises(ModelError, match="two groups at the top level; `h` has one, 1"):
        build_design("y ~ x + (1|h)", data)
    two = build_design("y ~ x + (1|k)", data.assign(k=np.arange(24) // 12))
    assert two.levels[0].n_groups == 2
    with pytest.raises(DataError, match=r"all 24 rows have missing values \(`x`: 24\)"):
        build_design("y ~ x + (1|g)", data.assign(x=np.nan))
    some = data.assign(x=data["x"].where(data["f"] > 20), y=data["y"].where(data["f"] != 22))
    with pytest.warns(DroppedRowsWarning, match=r"22 of 24 .*\(`y`: 1, `x`: 21\)\.$"):
        design = build_design("y ~ 1 + x - x + (1|f)", some)
    assert (design.n, design.n_dropped) == (2, 22)


def test_scales_are_root_mean_squares_of_any_number_of_rows() -> None:
    rng = np.random.default_rng(6)
    n = 2 * BLOCK_ROWS + 7
    omega, z = rng.uniform(1, 2, n), rng.normal(size=n)
    columns = [z, np.broadcast_to(3.0, n), np.arange(2.0 * n)[::2], np.zeros(n)]
    expected = [float((omega * column**2).sum()) for column in columns]
    np.testing.assert_allclose(_weighted_squares(omega, columns), expected, rtol=1e-12)
    data = frame().assign(w=rng.uniform(1, 2, 24), v=1.0, o=0.0)
    design = build_design("y ~ x + (1 + x + o|g)", data, ["w", None], conditional_weights=True)
    rms = np.sqrt(np.average(data["x"] ** 2, weights=data["w"]))
    np.testing.assert_allclose(design.covariance.levels[0].blocks[0].scale, [1, rms, 1])


def test_a_design_checks_its_columns() -> None:
    data = frame()
    with pytest.raises(DataError, match="1 does not: 'x'"):
        build_design("y ~ x + (1|g)", data.assign(x=data["x"] * 1e150))
    with pytest.raises(DataError, match="1 does not: 'z'"):
        build_design("y ~ x + (z|g)", data.assign(z=data["x"] * 1e150))
    with pytest.raises(RankError, match="1 of 3 depends on the columns before: 'z'"):
        build_design("y ~ x + z + (1|g)", data.assign(z=2 * data["x"] + 1))
    with pytest.raises(DataError, match="must vary; every one of its 24 values is 4"):
        build_design("y ~ x + (1|g)", data.assign(y=4.0))
    with pytest.warns(WeightsWarning, match=r"weights differ by a factor of 1\.0e\+11"):
        build_design(
            "y ~ x + (1|g)", data.assign(w=np.where(data["f"] > 2, 1.0, 1e11)), ["w", None],
            conditional_weights=True,
        )  # fmt: skip


@pytest.mark.parametrize(
    ("formula", "part"),
    [
        ("y ~ f + fb + (1|g)", "the fixed part"),
        ("y ~ fb + (f + fb|g)", "`g`"),
        ("y ~ fb + (1|g) + (1|g)", "`g`"),
        ("y ~ fb + (1|g) + (fb|g)", "`g`"),
    ],
)
def test_columns_of_one_name_are_refused(formula: str, part: str) -> None:
    # the level b of f beside a variable fb: an estimate could be taken for the other
    rng = np.random.default_rng(1)
    data = pd.DataFrame({"f": list("abc") * 40, "g": np.repeat(np.arange(12), 10)})
    data["fb"], data["y"] = rng.normal(size=(2, 120))
    with pytest.raises(ModelError, match=f"of {part} must have names of their own"):
        mix(formula, data)
    mix(formula.replace("fb", "z").replace("(1|g) + ", ""), data.rename(columns={"fb": "z"}))
