"""Profiles of the deviance in theta, against searches and differences that share nothing."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import scipy.optimize

from tests.identities.conftest import simulate
from wemix_ref import mix
from wemix_ref.errors import ModelError, OptionError
from wemix_ref.results import FittedModel
from wemix_ref.theta_profile import profile_theta

ROOT = Path(__file__).resolve().parents[2]


@cache
def fitted(weighted: bool = True) -> FittedModel:
    data = simulate(7, n_top=20).sample(frac=1.0, random_state=3)
    formula = "y ~ x + z + (x|g3) + (1|g2:g3)"
    return mix(formula, data, ["w1", "w2", "w3"] if weighted else None)


@pytest.mark.parametrize("weighted", [False, True])
def test_profile_is_the_minimum_over_the_other_elements(weighted: bool) -> None:
    """Against a search that knows neither gradient nor Hessian, from other starts."""
    fit = fitted(weighted)
    names = list(fit.theta.index)
    table = fit.profile_theta()
    for j, name in enumerate(names):
        rows = table[table["name"] == name]
        np.testing.assert_array_equal(rows[name], rows["value"])
        for k in (0, len(rows) // 4, len(rows) - 1):
            row = rows.iloc[k]
            assert fit.deviance_at(row[names].astype(float)) == pytest.approx(
                row["deviance"], rel=1e-12
            )

            def rest(x: np.ndarray, j: int = j, value: float = row["value"]) -> float:
                return fit.deviance_at(np.insert(x, j, value))

            # a negative diagonal is the other sign of its column, profiled element included
            diagonal = [not name.endswith("x.(Intercept)") for name in names]
            bounds = np.delete([(0.0 if one else -5.0, 5.0) for one in diagonal], j, axis=0)
            search = scipy.optimize.minimize(
                rest,
                np.delete(fit.theta.to_numpy(), j),
                method="Nelder-Mead",
                bounds=bounds,
                options={"xatol": 1e-7, "fatol": 1e-9},
            )
            assert row["deviance"] <= search.fun + 1e-7
            assert row["deviance"] >= search.fun - 1e-4


@pytest.mark.parametrize("weighted", [False, True])
def test_zeta_is_the_signed_root_and_goes_as_far_as_asked(weighted: bool) -> None:
    fit = fitted(weighted)
    for name, rows in fit.profile_theta(zeta_max=2.0).groupby("name"):
        above = rows["deviance"] - fit.deviance
        np.testing.assert_allclose(rows["zeta"] ** 2, above.clip(lower=0), atol=1e-8)
        assert (np.sign(rows["zeta"]) == np.sign(rows["value"] - fit.theta[name])).all()
        assert (np.diff(rows["value"]) > 0).all()
        assert (np.diff(rows["zeta"]) > 0).all()
        assert rows["zeta"].max() >= 2.0
        assert rows["zeta"].min() <= -2.0 or rows["value"].min() == 0.0
        assert (rows["zeta"] == 0).sum() == 1


def test_slope_at_the_estimate_is_one_over_the_profiled_standard_error() -> None:
    """The deviance's curvature, by differences of the profile itself."""
    fit = fitted(False)
    for index in range(fit.theta.size):
        profile = profile_theta(fit._criterion, fit._at, index, 0.3)
        middle = int(np.flatnonzero(profile.zeta == 0)[0])
        below, above = (profile.zeta[middle + s] / (profile.values[middle + s] - profile.estimate)
                        for s in (-1, 1))  # fmt: skip
        assert (below + above) / 2 == pytest.approx(profile.slope, rel=0.02)


def test_profile_of_a_zero_variance_has_one_side() -> None:
    data = simulate(7, n_top=20)
    data["y"] = data["x"] + np.random.default_rng(4).normal(size=len(data))
    data["y"] -= data.groupby("g3")["y"].transform("mean")
    with pytest.warns(match="singular"):
        fit = mix("y ~ x + (1|g3)", data)
    table = fit.profile_theta()
    assert table["value"].iloc[0] == 0.0
    assert (table["zeta"] >= 0).all()
    assert table["zeta"].max() >= 3.0


@pytest.mark.parametrize("factor", [1e5, 1e-4])
def test_zeta_does_not_depend_on_the_unit_of_a_slope(factor: float) -> None:
    data = pd.read_csv(ROOT / "resources/data/sleepstudy.csv")
    formula = "Reaction ~ Days + (Days|Subject)"
    table = mix(formula, data).profile_theta()
    scaled = mix(formula, data.assign(Days=data["Days"] * factor)).profile_theta()
    for name, rows in table.groupby("name"):
        other = scaled[scaled["name"] == name]
        unit = factor if "Days" in name else 1.0
        zeta = np.interp(rows["value"], other["value"] * unit, other["zeta"])
        # neighbouring points lie 0.25 apart and are joined by straight lines here
        np.testing.assert_allclose(zeta, rows["zeta"], atol=0.02)


def test_profile_from_a_point_that_is_not_the_lowest_says_so() -> None:
    fit = fitted(False)
    higher = fit._criterion.evaluate(fit.theta.to_numpy() * 1.3)
    with pytest.raises(ModelError, match="a lower one was found"):
        profile_theta(fit._criterion, higher, 0, 1.0)


def test_profile_follows_a_variance_that_leaves_zero() -> None:
    """Without variance between schools, classes must take it over, though zero is stationary."""
    rng = np.random.default_rng(5)
    school, group = np.repeat(np.arange(12), 12), np.repeat(np.arange(36), 4)
    errors = rng.normal(size=144)
    errors -= pd.Series(errors).groupby(group).transform("mean").to_numpy()
    y = rng.normal(size=12)[school] * 2 + errors
    data = pd.DataFrame({"y": y, "school": school, "class": group})
    with pytest.warns(match="singular"):
        fit = mix("y ~ 1 + (1|school/class)", data)
    assert fit.theta["class:school.(Intercept)"] == 0.0
    table = fit.profile_theta(["school.(Intercept)"], zeta_max=10.0)
    first = table.iloc[0]
    assert first["value"] == 0.0
    assert first["class:school.(Intercept)"] > 0.5
    alone = mix("y ~ 1 + (1|class)", data)
    assert first["deviance"] == pytest.approx(alone.deviance, abs=1e-8)


def test_profile_refuses() -> None:
    fit = fitted()
    with pytest.raises(ModelError, match="starts from the optimum"):
        fit.at(fit.theta * 1.1).profile_theta()
    with pytest.raises(OptionError, match=r"found 'g3\.z'"):
        fit.profile_theta(["g3.x", "g3.z"])
    with pytest.raises(OptionError, match="found none"):
        fit.profile_theta([])
    with pytest.raises(OptionError, match="zeta_max"):
        fit.profile_theta(zeta_max=0)
