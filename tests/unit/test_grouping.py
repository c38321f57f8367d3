"""lme4's order of terms, and nesting."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from wemix_ref import mix
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
