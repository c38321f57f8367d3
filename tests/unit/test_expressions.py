"""Evaluation of variables: types, R's functions, and what is refused."""

from __future__ import annotations

import datetime
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest

from wemix_ref.columns import FactorColumn, LogicalColumn, NumericColumn, group_ids, read_column
from wemix_ref.errors import DataError
from wemix_ref.expressions import evaluate
from wemix_ref.formula import parse_formula
from wemix_ref.polynomials import orthogonal_polynomials


def variable(text: str, frame: dict | pd.DataFrame) -> NumericColumn | LogicalColumn | FactorColumn:
    """Evaluate the one variable of a right-hand side."""
    data = {name: pd.Series(values) for name, values in frame.items()}
    (term,) = parse_formula(f"response ~ {text}").fixed.terms
    (expr,) = term
    return evaluate(expr, data)


def number(text: str, **frame: object) -> list[float]:
    column = variable(text, frame)
    assert isinstance(column, NumericColumn)
    return column.values[:, 0].tolist()


def levels(text: str, **frame: object) -> tuple[str, ...]:
    column = variable(text, frame)
    assert isinstance(column, FactorColumn)
    return column.levels


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("I(x^2)", [1.0, 4.0, 9.0]),
        ("I(-x^2)", [-1.0, -4.0, -9.0]),
        ("I(2^-x)", [0.5, 0.25, 0.125]),
        ("I(x^2^0)", [1.0, 2.0, 3.0]),
        ("I((x + 1) * 2 - x/2)", [3.5, 5.0, 6.5]),
        ("I(6/x/2)", [3.0, 1.5, 1.0]),
        ("I(x - 1 - 1)", [-1.0, 0.0, 1.0]),
        ("I((x > 1) + (x > 2))", [0.0, 1.0, 2.0]),
        ("I(x * TRUE)", [1.0, 2.0, 3.0]),
        ("pmin(x, 2)", [1.0, 2.0, 2.0]),
        ("pmax(x, -x, 2)", [2.0, 2.0, 3.0]),
        ("as.integer(x * 0.9)", [0.0, 1.0, 2.0]),
        ("as.numeric(x > 1)", [0.0, 1.0, 1.0]),
        ("round(x/2)", [0.0, 1.0, 2.0]),
        ("trunc(-x/2)", [-0.0, -1.0, -1.0]),
        ("scale(x)", [-1.0, 0.0, 1.0]),
        ("scale(x, scale = FALSE)", [-1.0, 0.0, 1.0]),
        ("scale(x, center = 1, scale = 2)", [0.0, 0.5, 1.0]),
    ],
)
def test_arithmetic_is_arithmetic_inside_calls(text: str, expected: list[float]) -> None:
    assert number(text, x=[1, 2, 3]) == expected


def test_scale_without_centre_divides_by_the_root_mean_square() -> None:
    x = np.array([1.0, 2.0, 4.0])
    assert number("scale(x, center = FALSE)", x=x) == pytest.approx(x / np.sqrt(21 / 2), rel=1e-15)


def test_logarithms() -> None:
    x = [1.0, 8.0, 100.0]
    assert number("log(x, 2)", x=x)[1] == 3.0
    assert number("log(base = 10, x)", x=x)[2] == 2.0
    assert number("log(x, base = 3)", x=x) == pytest.approx(np.log(x) / np.log(3.0), rel=1e-15)


@pytest.mark.parametrize(
    ("value", "digits", "expected"),
    [(0.15, 1, 0.1), (2.5, 0, 2.0), (-1.5, 0, -2.0), (2.675, 2, 2.67), (1234.0, -2, 1200.0)],
)
def test_rounding_takes_the_nearer_candidate(value: float, digits: int, expected: float) -> None:
    assert number(f"round(x, {digits})", x=[value, 1.0])[0] == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("I(x > 1)", [False, True, True]),
        ("I(x != 2 & x >= 2)", [False, False, True]),
        ("I(!(x == 2))", [True, False, True]),
        ("I(a == 'u')", [True, False, True]),
        ("I('u' != a)", [False, True, False]),
        ("I(a %in% c('v', 'w'))", [False, True, False]),
        ("I(x %in% c(3, -1))", [False, False, True]),
        ("I(o > 'lo')", [False, True, False]),
        ("I('lo' >= o)", [True, False, True]),
        ("x > 1 & x < 3", [False, True, False]),
    ],
)
def test_comparisons_make_logicals(text: str, expected: list[bool]) -> None:
    frame = {
        "x": [1.0, 2.0, 3.0],
        "a": ["u", "v", "u"],
        "o": pd.Categorical(["lo", "hi", "lo"], ["lo", "hi"], ordered=True),
    }
    column = variable(text, frame)
    assert isinstance(column, LogicalColumn)
    assert column.values.tolist() == expected


@pytest.mark.parametrize(
    ("text", "values", "missing"),
    [
        ("I(sqrt(x) > 1)", [False, False, True], [True, False, False]),
        ("I(!(sqrt(x) > 1))", [True, True, False], [True, False, False]),
        ("I(sqrt(x) > 1 & x > 0)", [False, False, True], [False, False, False]),
        ("I(sqrt(x) > 1 & x < 0)", [False, False, False], [True, False, False]),
        ("I(factor(x, levels = c(1, 4)) == '1')", [False, True, False], [True, False, False]),
        ("I(sqrt(x) %in% c(1, 2))", [False, True, True], [False, False, False]),
    ],
)
def test_what_cannot_be_known_is_neither_true_nor_false(
    text: str, values: list[bool], missing: list[bool]
) -> None:
    column = variable(text, {"x": [-1.0, 1.0, 4.0]})
    assert isinstance(column, LogicalColumn)
    found = np.zeros(3, dtype=bool) if column.missing is None else column.missing
    assert found.tolist() == missing
    assert column.values[~found].tolist() == np.array(values)[~found].tolist()


def test_nested_operators_are_evaluated_once() -> None:
    text = "x"
    for _ in range(30):
        text = f"({text} > 0)"
    assert variable(f"I({text})", {"x": [1.0, -1.0]}).values.tolist() == [True, False]
    text = "x"
    for _ in range(25):
        text = f"({text} %in% 1)"
    assert variable(f"I({text})", {"x": [1.0, -1.0]}).values.tolist() == [True, False]


def test_levels_of_texts_are_in_c_order() -> None:
    texts = ["b", "É", "a", "Z", "_", "é", "10", "2"]
    assert levels("f", f=texts) == ("10", "2", "Z", "_", "a", "b", "É", "é")
    assert levels("factor(f)", f=texts) == levels("f", f=texts)


def test_levels_of_categories_are_their_own() -> None:
    category = pd.Categorical(["b", "a"], ["c", "b", "a"])
    assert levels("f", f=category) == ("c", "b", "a")
    assert levels("factor(f)", f=category) == ("b", "a")
    assert levels("as.factor(f)", f=category) == ("c", "b", "a")
    assert levels("f", f=pd.Categorical([1 / 3, 1e5])) == ("0.333333333333333", "1e+05")
    assert levels("f", f=pd.Categorical([100000, 2])) == ("2", "100000")
    assert levels("f", f=pd.Categorical([True, False])) == ("FALSE", "TRUE")


def test_levels_of_numbers_are_spelled_with_15_digits() -> None:
    assert levels("factor(f)", f=[10, 9, 100000]) == ("9", "10", "100000")
    assert levels("factor(f)", f=[10.0, 0.1 + 0.2, 100000.0]) == ("0.3", "10", "1e+05")
    merged = variable("factor(f)", {"f": [0.3, 0.1 + 0.2, 1.0]})
    assert merged.levels == ("0.3", "1")
    assert merged.codes.tolist() == [0, 0, 1]


def test_factor_takes_levels_and_labels() -> None:
    column = variable("factor(f, levels = c(2, 1), labels = c('two', 'one'))", {"f": [1, 2, 3]})
    assert column.levels == ("two", "one")
    assert column.codes.tolist() == [1, 0, -1]
    assert variable("ordered(f, levels = c('b', 'a'))", {"f": ["a", "b"]}).ordered
    assert variable("factor(f, ordered = TRUE)", {"f": ["a", "b"]}).ordered
    assert not variable("factor(ordered(f), ordered = FALSE)", {"f": ["a", "b"]}).ordered


def test_codes_of_a_factor_count_from_one() -> None:
    assert number("as.numeric(factor(f))", f=["b", "a", "c"]) == [2.0, 1.0, 3.0]


@pytest.mark.parametrize(
    "series",
    [
        pd.Series([1, 2, 1], dtype="Int64"),
        pd.Series([1, 2, 1], dtype="uint8"),
        pd.Series([1, 2, 1], dtype="Float32"),
        pd.Series([1, 2.0, np.int64(1)], dtype=object),
        pd.Series([1, 2, 1], dtype=np.float16),
        pd.Series(pd.arrays.SparseArray([1.0, 2.0, 1.0])),
    ],
    ids=lambda s: str(s.dtype),
)
def test_numbers_of_every_type_are_read(series: pd.Series) -> None:
    assert number("x", x=series) == [1.0, 2.0, 1.0]


@pytest.mark.parametrize("dtype", [bool, "boolean", object])
def test_booleans_of_every_type_are_logicals(dtype: object) -> None:
    column = variable("x", {"x": pd.Series([True, False], dtype=dtype)})
    assert isinstance(column, LogicalColumn)


@pytest.mark.parametrize("dtype", [object, "string", "str"])
def test_texts_of_every_type_are_factors(dtype: object) -> None:
    assert levels("x", x=pd.Series(["b", "a"], dtype=dtype)) == ("a", "b")


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (pd.to_datetime(["2024-01-01", "2024-01-02"]), "datetime64.*days since a date"),
        (pd.to_timedelta([1, 2], unit="D"), "timedelta64.*days since a date"),
        (pd.Series([datetime.date(2024, 1, 1)] * 2, dtype=object), "date; make a number"),
        (pd.period_range("2024", periods=2, freq="Y"), "period.*days since"),
        ([1 + 2j, 3j], "complex numbers; use its real"),
        (pd.Series([1, "a"], dtype=object), r"several types: int \(1\), str \(1\)"),
        (pd.Series([True, 1.5], dtype=object), r"several types: bool \(1\), float \(1\)"),
        (pd.Series([("a", 1), ("b", 2)], dtype=object), r"several types: tuple \(2\)"),
        (pd.Series([Decimal("1.5")] * 2), "decimal"),
        (pd.Series([b"a", b"b"]), "bytes"),
        (pd.Categorical(pd.to_datetime(["2024-01-01", "2024-01-02"])), "datetime"),
        (pd.Categorical([0.3, 0.1 + 0.2]), r"15 significant digits 1 coincide \(first: '0.3'\)"),
    ],
)
def test_other_types_are_refused_by_name(values: object, message: str) -> None:
    series = pd.Series(values)
    with pytest.raises(DataError, match=f"(?s)`when`.*{message}"):
        read_column("when", series)
    if "coincide" not in message:
        with pytest.raises(DataError, match="`when`"):
            group_ids("when", series)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("I(a + 1)", "`\\+` needs numbers; `a` is texts"),
        ("log(k)", r"log\(\) needs numbers; `k` is a factor"),
        ("poly(a, 2)", r"poly\(\) needs numbers"),
        ("as.numeric(a)", "`as.numeric\\(a\\)` is ambiguous"),
        ("I(a > 'u')", "needs an ordered factor"),
        ("I(a == k)", "a quoted text"),
        ("I(a == 1)", "numbers with numbers"),
        ("I(x == 'u')", "numbers with numbers"),
        ("I(a %in% c(1, 2))", "must look for texts"),
        ("I(x %in% 'u')", "must look for numbers"),
        ("!a", "needs numbers"),
        ("poly(x, 3)", "below the number of distinct values, 3"),
        ("poly(log(x - 1), 2)", "needs finite numbers; 1 are not"),
    ],
)
def test_types_out_of_place_are_refused(text: str, message: str) -> None:
    frame = {"x": [1.0, 2.0, 3.0], "a": ["u", "v", "u"], "k": pd.Categorical(["b", "c", "b"])}
    with pytest.raises(DataError, match=message):
        variable(text, frame)


def test_a_call_is_evaluated_over_all_rows_that_have_its_columns() -> None:
    x, z = [1.0, 2.0, 6.0], [np.nan, 1.0, 1.0]
    assert number("I(scale(x, scale = FALSE) * z)", x=x, z=z) == [-1.0, 3.0]
    assert number("scale(x * z, scale = FALSE)", x=x, z=z) == [-2.0, 2.0]
    assert number("I(as.numeric(factor(x)) * z)", x=x, z=z) == [2.0, 3.0]


def test_orthogonal_polynomials_are_orthonormal_with_rising_leading_terms() -> None:
    x = np.random.default_rng(4).normal(1e3, 2.0, 50)
    basis = orthogonal_polynomials(x, 4)
    full = np.column_stack([np.full(50, 50**-0.5), basis])
    np.testing.assert_allclose(full.T @ full, np.eye(5), atol=1e-14)
    powers = ((x - x.mean()) / x.std())[:, None] ** np.arange(1, 5)
    assert (np.diag(powers.T @ basis) > 0).all()
    # Column k lies in the span of the powers up to k.
    for k in range(1, 5):
        design = np.column_stack([np.ones(50), powers[:, :k]])
        residual = basis[:, k - 1] - design @ np.linalg.lstsq(design, basis[:, k - 1])[0]
        assert np.abs(residual).max() < 1e-12


def test_orthogonal_polynomials_over_three_points() -> None:
    expected = np.array([[-1 / 2**0.5, 1 / 6**0.5], [0.0, -2 / 6**0.5], [1 / 2**0.5, 1 / 6**0.5]])
    np.testing.assert_allclose(orthogonal_polynomials(np.arange(3.0), 2), expected, atol=1e-15)


@pytest.mark.parametrize(
    ("values", "ids"),
    [
        ([10, 9, 2, 10], [2, 9, 10]),
        (["10", "9", "a b", "a:b"], ["10", "9", "a b", "a:b"]),
        ([True, False, True, True], [False, True]),
        ([0.5, -1.0, 2.0, 0.5], [-1.0, 0.5, 2.0]),
        (pd.Categorical(["b", "a", "b", "a"], ["c", "b", "a"]), ["b", "a"]),
        (pd.array([2**60 + 1, 2**60, 2**60 + 1, 3], dtype="Int64"), [3, 2**60, 2**60 + 1]),
        (pd.Series([2**64 - 1, 1, 2, 3], dtype="uint64"), [1, 2, 3, 2**64 - 1]),
        (pd.Series([10**30, 1, 2, 3], dtype=object), [1, 2, 3, 10**30]),
    ],
)
def test_group_ids_keep_their_values_and_order(values: object, ids: list) -> None:
    series = pd.Series(values)
    codes, found = group_ids("g", series)
    assert found.tolist() == ids
    assert [ids[c] for c in codes] == series.tolist()


def test_integers_overflow_as_in_r() -> None:
    assert number("I(w * w)", w=[2, 46340]) == [4.0, 46340.0**2]
    first, second = number("I(w * w)", w=[2, 46341])
    assert first == 4.0
    assert np.isnan(second)
    assert number("I(w^2)", w=[2, 46341])[1] == 46341.0**2
    assert np.isnan(number("as.integer(x)", x=[1.5, 2.0**31])[1])
