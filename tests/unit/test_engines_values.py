"""Columns on their way to R: what each type becomes, and what is refused."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from wemix_ref.engines.r_values import column, double, named_list, text
from wemix_ref.errors import EngineError, WemixRefError


def test_text_becomes_a_factor_with_levels_in_c_order():
    value = column(pd.Series(["b", "é", "B", "a", None, "b"]), "g")
    assert value == {
        "r": "factor",
        "codes": [3, 4, 1, 2, None, 3],
        "levels": ["B", "a", "b", "é"],
        "ordered": False,
    }


@pytest.mark.parametrize("ordered", [False, True])
def test_categories_keep_their_own_order(ordered):
    series = pd.Series(pd.Categorical(["lo", "hi", None], ["lo", "mid", "hi"], ordered=ordered))
    value = column(series, "g")
    assert value["levels"] == ["lo", "mid", "hi"]
    assert value["codes"] == [1, 3, None]
    assert value["ordered"] is ordered


def test_categories_that_are_one_text_are_refused():
    series = pd.Series(pd.Categorical([0.1 + 0.2, 0.3]))
    with pytest.raises(WemixRefError, match="labels of their own"):
        column(series, "g")
    with pytest.raises(WemixRefError, match="several types"):
        column(pd.Series(pd.Categorical([1, "1"], categories=[1, "1"])), "g")


def test_levels_are_labelled_as_in_our_coefficients():
    numbers = column(pd.Series(pd.Categorical([1 / 3, 1e5, 1.0])), "g")
    assert numbers is not None
    assert numbers["levels"] == ["0.333333333333333", "1", "1e+05"]
    truths = column(pd.Series(pd.Categorical([True, False])), "g")
    assert truths is not None
    assert truths["levels"] == ["FALSE", "TRUE"]


@pytest.mark.parametrize(
    ("series", "expected"),
    [
        (pd.Series([True, False]), {"r": "logical", "values": [True, False]}),
        (pd.Series([True, None], dtype=object), {"r": "logical", "values": [True, None]}),
        (pd.Series([True, None], dtype="boolean"), {"r": "logical", "values": [True, None]}),
        (pd.Series([1, -2]), {"r": "integer", "values": [1, -2]}),
        (pd.Series([1, None], dtype="Int64"), {"r": "integer", "values": [1, None]}),
        (pd.Series([2**31, 1]), {"r": "double", "values": [2147483648.0, 1.0]}),
        (pd.Series([0.1, np.nan]), {"r": "double", "values": [0.1, None]}),
    ],
)
def test_other_types(series, expected):
    assert column(series, "x") == expected


def test_mixed_columns_are_refused_by_name():
    with pytest.raises(EngineError, match=r"column `x` must hold numbers.*found int, str"):
        column(pd.Series([1, "a"], dtype=object), "x")


def test_lists_keep_names_in_order():
    value = named_list({"b": double([1.0]), "a": text("x", "y")})
    assert value["names"] == ["b", "a"]
    assert value["values"][1] == {"r": "text", "values": ["x", "y"]}
