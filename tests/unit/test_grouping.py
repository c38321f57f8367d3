"""lme4's order of terms, and nesting."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from wemix_ref import mix
from wemix_ref.design import build_design
from wemix_ref.errors import DesignWarning, NestingError
from wemix_ref.grouping import lme4_order


@pytest.mark.parametrize(
    ("n_groups", "order"),
    [
        ([30, 10], [0, 1]),
        ([10, 30], [1, 0]),
        ([10, 10], [0, 1]),
        ([10, 10, 30], [2, 1, 0]),  # sorting reverses ties
        ([30, 10, 10], [0, 1, 2]),
        ([8, 96, 32], [1, 2, 0]),
    ],
)
def test_terms_by_falling_number_of_groups(n_groups: list[int], order: list[int]) -> None:
    assert lme4_order(n_groups) == order


def nested(n_top: int = 6) -> pd.DataFrame:
    rng = np.random.default_rng(9)
    a = np.repeat(np.arange(n_top), 8)
    b = np.repeat(np.arange(2 * n_top), 4)
    data = pd.DataFrame({"a": a, "b": b, "x": rng.normal(size=a.size)})
    data["y"] = rng.normal(size=a.size) + rng.normal(size=n_top)[a]
    return data


def test_several_terms_on_one_factor_keep_the_order_of_the_formula() -> None:
    fit = mix("y ~ x + (1|a) + (0 + x|a)", nested())
    assert list(fit.theta.index) == ["a.(Intercept)", "a.x"]
    assert fit.ngroups == {"a": 6}
    turned = mix("y ~ x + (1|a) + (0 + x|a) + (1|b)", nested())
    assert list(turned.theta.index) == ["b.(Intercept)", "a.x", "a.(Intercept)"]


def test_a_factor_that_groups_alike_is_told_by_its_name_or_refused() -> None:
    data = nested()
    data["c"] = data["a"] * 2  # as many groups as a
    data["w"] = 1.0
    with pytest.warns(DesignWarning, match="group the rows alike"):
        fit = mix("y ~ x + (1|a/c)", data, ["w", "w", "w"])
    assert list(fit.ngroups) == ["c:a", "a"]
    with pytest.raises(NestingError, match="lower"):
        mix("y ~ x + (1|a) + (1|c)", data, ["w", "w", "w"])
    with pytest.warns(DesignWarning):
        mix("y ~ x + (1|a) + (1|c)", data)


def test_crossed_factors_are_refused_by_name() -> None:
    data = nested().assign(c=np.tile(np.arange(4), 12))
    with pytest.raises(NestingError, match="`a` lie in more than one group of `c`"):
        mix("y ~ x + (1|a) + (1|c)", data)


def test_the_message_counts_split_groups_and_names_the_first() -> None:
    # group 0 of b lies in group 0 of c whole; 2 and 3 are split, 3 over more
    data = pd.DataFrame({"b": np.repeat(np.arange(4), 3), "a": np.repeat([0, 1], 6)})
    data["c"] = [10, 10, 10, 11, 11, 11, 12, 13, 12, 11, 13, 12]
    data["y"] = np.arange(12.0) ** 2
    with pytest.raises(NestingError) as caught:
        build_design("y ~ 1 + (1|b) + (1|c)", data)
    message = str(caught.value)
    assert "2 of 4 groups of `b` lie in more than one group of `c`" in message
    assert "(first: 2, in 12 and 13)" in message


def test_the_message_names_the_next_factor_up() -> None:
    data = pd.DataFrame({"low": np.arange(8) // 2, "top": np.arange(8) // 4})
    data["middle"], data["y"] = [0, 1, 2, 2, 1, 1, 0, 0], np.arange(8.0) ** 2
    with pytest.raises(NestingError, match=r"1 of 4 groups of `low` .* group of `middle`"):
        build_design("y ~ 1 + (1|low) + (1|middle) + (1|top)", data)


def test_size_tells_before_the_name_and_the_name_where_sizes_are_alike() -> None:
    data = pd.DataFrame({"g": np.arange(24) // 2, "s": np.arange(24) // 12})
    data["t"], data["y"], data["w"] = np.arange(24) // 6 % 2, np.arange(24.0) ** 2, 1.0
    design = build_design("y ~ 1 + (1|g) + (1|s:t)", data, ["w", "w", "w"])
    assert [level.name for level in design.levels] == ["g", "s:t"]
    with pytest.warns(DesignWarning, match="group the rows alike"):
        design = build_design("y ~ 1 + (1|g) + (1|g:s)", data, ["w", "w", "w"])
    assert [level.name for level in design.levels] == ["g:s", "g"]
    with pytest.raises(NestingError, match="lower"):
        build_design("y ~ 1 + (1|g:s) + (1|s:g)", data, ["w", "w", "w"])
