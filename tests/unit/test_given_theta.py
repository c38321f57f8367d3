"""Theta as a user gives it: numbers for every name, within what doubles can hold."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from wemix_ref import mix
from wemix_ref.errors import OptionError
from wemix_ref.given_theta import LARGEST
from wemix_ref.hunt.models import stream
from wemix_ref.reliability.stress import base


@pytest.fixture(scope="module")
def fit():
    return mix("y ~ x + (x|g)", base(stream(1, 0)), ["w1", "w2"])


NAMES = ["g.(Intercept)", "g.x.(Intercept)", "g.x"]
THREE = "theta must be 3 finite numbers (g.(Intercept), g.x.(Intercept), g.x)"


@pytest.mark.parametrize("method", ["at", "deviance_at"])
@pytest.mark.parametrize(
    ("theta", "found"),
    [
        (["a", "b", "c"], "found ['a', 'b', 'c']"),
        (["1", "2", "3"], "found ['1', '2', '3']"),
        ("abc", "found 'abc'"),
        (None, "found None"),
        ([None, 1.0, 2.0], "found [None, 1.0, 2.0]"),
        (3.0, "found an array of shape (): 3.0"),
        ([1.0, 2.0], "found an array of shape (2,): [1.0, 2.0]"),
        (np.ones((3, 1)), "found an array of shape (3, 1): [[1.0], [1.0], [1.0]]"),
        ([[1.0], [1.0, 2.0], 3.0], "found [[1.0], [1.0, 2.0], 3.0]"),
        ([1.0, np.nan, 2.0], "found an array of shape (3,): [1.0, nan, 2.0]"),
        ([1.0, np.inf, 2.0], "found an array of shape (3,): [1.0, inf, 2.0]"),
        ([1.0, 2j, 2.0], "found [1.0, 2j, 2.0]"),
        ([10**400, 1, 1], "found [1000000"),
        (np.zeros(3, dtype="datetime64[s]"), "found [datetime.datetime(1970"),
        (range(9999), "found an array of shape (9999,): [0.0, 1.0,"),
        (dict.fromkeys(NAMES, "a"), "found {'g.(Intercept)': 'a'"),
        (pd.Series(["a", 1.0, 2.0], index=NAMES), "found ['a', 1.0, 2.0]"),
        ({1.0, 2.0}, "found {1.0, 2.0}"),
    ],
    ids=repr,
)
def test_what_is_no_theta_is_refused(fit, method: str, theta: object, found: str) -> None:
    with pytest.raises(OptionError) as told:
        getattr(fit, method)(theta)
    message = str(told.value)
    assert message.startswith(THREE)
    assert found in message
    assert len(message) < 500


@pytest.mark.parametrize("theta", [{}, {"q": 1.0}, {1: 1.0, 2: 2.0, 3: 3.0}, pd.Series([1.0] * 3)])
def test_other_names_are_refused(fit, theta: object) -> None:
    with pytest.raises(OptionError, match="theta must have the names") as told:
        fit.at(theta)
    assert f"found {list(theta.keys())!r}" in str(told.value)  # type: ignore[attr-defined]


def test_numbers_of_any_kind_are_read_in_order_and_by_name(fit) -> None:
    theta = [1.0, 0.0, 2.0]
    there = fit.deviance_at(theta)
    by_name = dict(zip(NAMES[::-1], theta[::-1], strict=True))
    for same in ([1, 0, 2], (1.0, 0, 2), np.array([1, 0, 2], dtype=object), by_name,
                 pd.Series(by_name), pd.Series([1, 0, 2], index=NAMES, dtype="Int64")):  # fmt: skip
        assert fit.deviance_at(same) == there
        assert fit.at(same).deviance == there


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("method", ["at", "deviance_at"])
@pytest.mark.parametrize("size", [1e8, -1e8, 1e16, 1e160, 1e300])
def test_a_theta_beside_which_residuals_vanish_is_refused(fit, method: str, size: float) -> None:
    with pytest.raises(OptionError, match=r"at most 6.7e\+07; found g.\(Intercept\) = .*residuals"):
        getattr(fit, method)([size, 0, 1])


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("theta", [[6e7, 0.1, 0.1], [6e7, 2e7, 0.1]])
def test_a_theta_at_which_a_factor_fails_is_refused(fit, theta: list[float]) -> None:
    with pytest.raises(OptionError, match=r"computed in doubles; at .* it cannot: "):
        fit.at(theta)


def test_the_limit_is_on_the_scale_of_the_column() -> None:
    data = base(stream(1, 0))
    small = mix("y ~ x + (0 + x|g)", data.assign(x=data["x"] * 1e-8), ["w1", "w2"])
    plain = mix("y ~ x + (0 + x|g)", data, ["w1", "w2"])
    assert LARGEST < 1e8
    assert small.at([1e8]).deviance == pytest.approx(plain.at([1.0]).deviance, rel=1e-12)
