"""Model frames and matrices: rows, names, codings, groups."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from wemix_ref.errors import DataError
from wemix_ref.formula import parse_formula
from wemix_ref.model_matrix import complete_rows, model_frame, model_matrix

TESTS = Path(__file__).parents[1]
spec = importlib.util.spec_from_file_location("formula_examples", TESTS / "formula_examples.py")
examples = importlib.util.module_from_spec(spec)
spec.loader.exec_module(examples)
STORED = json.loads((TESTS / "formula_names.json").read_text(encoding="utf-8"))


def build(text: str, data: pd.DataFrame):
    formula = parse_formula(text)
    frame = model_frame(formula, data)
    return model_matrix(formula.fixed, frame)


@pytest.fixture(scope="module")
def mixed() -> pd.DataFrame:
    return examples.mixed_frame()


@pytest.fixture
def small() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "y": [1.0, 2.0, 3.0, 4.0, 5.0, 6.0],
            "x": [1.0, -1.0, 2.0, 0.5, 3.0, np.nan],
            "a": ["p", "q", "r", "p", "q", "r"],
            "b": [True, False, False, True, False, True],
            "g": ["1", "1", "2", "2", "10", "10"],
            "h": ["1:2", "1", "2", "1", "1:2", "1"],
        },
        index=list("ABCDEF"),
    )


def test_names_are_those_stored_from_r(mixed: pd.DataFrame) -> None:
    assert len(STORED["fixed"]) >= 150
    for text, names in STORED["fixed"].items():
        assert list(build(text, mixed).names) == names, text


def test_random_terms_are_those_stored_from_lme4(mixed: pd.DataFrame) -> None:
    assert len(STORED["random"]) >= 40
    for text, stored in STORED["random"].items():
        formula = parse_formula(text)
        frame = model_frame(formula, mixed)
        ours = [[b.group_name, *model_matrix(b.terms, frame).names] for b in formula.bars]
        # lme4 sorts its terms by their numbers of groups; that is not the formula's business.
        assert sorted(ours) == sorted(stored), text


def test_rows_with_missing_values_are_dropped(small: pd.DataFrame) -> None:
    frame = model_frame(parse_formula("y ~ x + a"), small)
    assert frame.index.tolist() == list("ABCDE")
    assert frame.kept.tolist() == [True] * 5 + [False]
    assert frame.response.tolist() == [1.0, 2.0, 3.0, 4.0, 5.0]
    # A removed term still drops rows, as in R.
    assert len(model_frame(parse_formula("y ~ a + x - x"), small).index) == 5


def test_keep_takes_rows_away_but_never_adds_any(small: pd.DataFrame) -> None:
    keep = np.array([False, True, True, True, True, True])
    frame = model_frame(parse_formula("y ~ x"), small, keep=keep)
    assert frame.index.tolist() == list("BCDE")


def test_scale_uses_rows_that_are_dropped_for_other_columns(small: pd.DataFrame) -> None:
    small.loc["A", "a"] = None
    matrix = build("y ~ scale(x, scale = FALSE) + a", small)
    np.testing.assert_allclose(matrix.values[:, 1], small["x"].dropna()[1:] - 1.1, rtol=1e-14)


def test_levels_without_rows_are_dropped(small: pd.DataFrame) -> None:
    small.loc[["A", "D"], "x"] = np.nan
    assert build("y ~ x + a", small).names == ("(Intercept)", "x", "ar")
    small["a"] = pd.Categorical(small["a"], ["z", "r", "q", "p"], ordered=True)
    assert build("y ~ x + a", small).names == ("(Intercept)", "x", "a.L")


def test_logicals_keep_both_levels(small: pd.DataFrame) -> None:
    small["b"] = True
    matrix = build("y ~ 0 + b", small)
    assert matrix.names == ("bFALSE", "bTRUE")
    assert matrix.values.sum(axis=0).tolist() == [0.0, 6.0]


def test_first_variable_of_an_interaction_varies_fastest(small: pd.DataFrame) -> None:
    matrix = build("y ~ 0 + a:b", small)
    assert matrix.names == (
        "ap:bFALSE",
        "aq:bFALSE",
        "ar:bFALSE",
        "ap:bTRUE",
        "aq:bTRUE",
        "ar:bTRUE",
    )
    assert matrix.values.argmax(axis=1).tolist() == [3, 1, 2, 3, 1, 5]
    assert matrix.assign == (1,) * 6


@pytest.mark.parametrize(
    ("right", "names"),
    [
        ("x:a", ("(Intercept)", "x:ap", "x:aq", "x:ar")),
        ("x + x:a", ("(Intercept)", "x", "x:aq", "x:ar")),
        ("0 + x:a", ("x:ap", "x:aq", "x:ar")),
        ("0 + x + a", ("x", "ap", "aq", "ar")),
        ("0 + a + b", ("ap", "aq", "ar", "bTRUE")),
        ("b + a:b", ("(Intercept)", "bTRUE", "bFALSE:aq", "bTRUE:aq", "bFALSE:ar", "bTRUE:ar")),
    ],
)
def test_coding_by_marginality(right: str, names: tuple[str, ...], small: pd.DataFrame) -> None:
    assert build(f"y ~ {right}", small).names == names


def test_contrasts_of_an_ordered_factor() -> None:
    levels = list("abcde")
    data = pd.DataFrame({"y": 0.0, "o": pd.Categorical(levels, levels, ordered=True)})
    matrix = build("y ~ o", data)
    assert matrix.names == ("(Intercept)", "o.L", "o.Q", "o.C", "o^4")
    linear = np.array([-2, -1, 0, 1, 2]) / 10**0.5
    quadratic = np.array([2, -1, -2, -1, 2]) / 14**0.5
    np.testing.assert_allclose(matrix.values[:, 1], linear, atol=1e-15)
    np.testing.assert_allclose(matrix.values[:, 2], quadratic, atol=1e-15)


def test_offsets_add_up(small: pd.DataFrame) -> None:
    formula = parse_formula("y ~ 1 + offset(log(y)) + offset(2 * y)")
    frame = model_frame(formula, small)
    np.testing.assert_allclose(frame.offset, np.log(small["y"]) + 2 * small["y"], rtol=1e-15)
    assert model_matrix(formula.fixed, frame).names == ("(Intercept)",)


def test_groups_of_one_column_are_its_ids(small: pd.DataFrame) -> None:
    formula = parse_formula("y ~ 1 + (1|g)")
    codes, labels = model_frame(formula, small).group_codes(formula.bars[0])
    assert labels.tolist() == ["1", "10", "2"]
    assert codes.tolist() == [0, 0, 2, 2, 1, 1]
    assert labels.name == "g"


def test_groups_of_several_columns_are_tuples_first_named_slowest() -> None:
    data = pd.DataFrame(
        {"y": 0.0, "a": ["p:1", "p", "p", "p:1"], "b": ["2", "1:2", "2", "2"], "c": [10, 9, 9, 10]}
    )
    formula = parse_formula("y ~ 1 + (1|a:b) + (1|c/b) + (1|factor(c):a)")
    frame = model_frame(formula, data)
    codes, labels = frame.group_codes(formula.bars[0])
    # Pasted with a colon, the second and the first row would be one group.
    assert labels.tolist() == [("p", "1:2"), ("p", "2"), ("p:1", "2")]
    assert codes.tolist() == [2, 0, 1, 2]
    codes, labels = frame.group_codes(formula.bars[1])
    assert labels.tolist() == [("1:2", 9), ("2", 9), ("2", 10)]
    assert labels.names == ["b", "c"]
    codes, labels = frame.group_codes(formula.bars[3])
    assert labels.tolist() == [(9, "p"), (10, "p:1")]
    assert codes.tolist() == [1, 0, 0, 1]


def test_groups_without_rows_are_not_there(small: pd.DataFrame) -> None:
    small["g"] = pd.Categorical(small["g"], ["2", "x", "10", "1"])
    small.loc[["E", "F"], "y"] = np.nan
    formula = parse_formula("y ~ 1 + (1|g)")
    codes, labels = model_frame(formula, small).group_codes(formula.bars[0])
    assert labels.tolist() == ["2", "1"]
    assert codes.tolist() == [1, 1, 0, 0]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("y ~ u + v + (1|w)", r"3 not found \(first: `u`\). The data have: y, x, a, b, g, h"),
        ("y ~ log(x)", r"`log\(x\)` must have a value.*not finite on 1 \(first: row 'B'\)"),
        ("y ~ a + log(x - 1)", r"not finite on 3 \(first: row 'A'\)"),
        ("y ~ a + offset(log(x))", r"`log\(x\)` must have a value"),
        ("y ~ a + log(x) - log(x)", r"`log\(x\)` must have a value"),
        ("log(x) ~ a", r"`log\(x\)` must have a value"),
        (
            "y ~ factor(a, levels = c('p', 'q'))",
            r"factor's levels on 2 \(first: row 'C'",
        ),
        ("y ~ I(log(x) > 0)", r"neither true nor false on 1 \(first: row 'B'\)"),
        ("y ~ poly(x, 2)", "no missing values, as in R.*`x` lacks 1"),
        ("a ~ x", "the response must be numeric; `a` is a factor or texts"),
        ("b ~ x", "the response must be numeric; `b` is logical"),
        ("y ~ x + offset(a)", "an offset must be numeric"),
        ("y ~ one", "at least two levels on the rows kept; found only 'k'"),
        ("y ~ none + x", "at least one row must be complete in the columns y, none, x"),
        ("y ~ twice", r"unique; 1 used by the formula occur more than once \(first: `twice`\)"),
    ],
)
def test_data_that_cannot_be_used_are_refused(text: str, message: str, small: pd.DataFrame) -> None:
    if "twice" in text:
        small = pd.concat([small, small[["x", "x"]].set_axis(["twice", "twice"], axis=1)], axis=1)
    if "one" in text:
        small["one"] = "k"
        small["none"] = np.nan
    with pytest.raises(DataError, match=message):
        build(text, small)


def test_complete_rows_count_every_kind_of_missing() -> None:
    data = pd.DataFrame(
        {
            "n": [1.0, np.nan, 1.0, 1.0],
            "i": pd.array([1, 1, pd.NA, 1], dtype="Int64"),
            "t": pd.Series(["a", "a", "a", None], dtype=object),
        }
    )
    assert complete_rows(["n", "i", "t"], data).tolist() == [True, False, False, False]
    assert complete_rows([], data).all()


def test_row_order_and_repeated_index_labels_do_not_matter(mixed: pd.DataFrame) -> None:
    text = "y ~ a*x + poly(x, 2) + scale(z) + o + (1|h/g)"
    order = np.random.default_rng(1).permutation(len(mixed))
    shuffled = mixed.iloc[order].set_axis(np.zeros(len(mixed)), axis=0)
    plain, other = build(text, mixed), build(text, shuffled)
    np.testing.assert_allclose(other.values, plain.values[order], rtol=1e-12, atol=1e-14)
    formula = parse_formula(text)
    codes, labels = model_frame(formula, mixed).group_codes(formula.bars[0])
    others = model_frame(formula, shuffled).group_codes(formula.bars[0])
    assert others[0].tolist() == codes[order].tolist()
    assert others[1].equals(labels)
