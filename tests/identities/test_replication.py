"""Integer weights mean replicated units, at every level."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tests.identities.conftest import simulate
from wemix_ref import mix

FORMULAS = ["y ~ x + z + (1|g2) + (1|g3)", "y ~ x + (x|g3) + (1|g2)"]
WEIGHTS = ["w1", "w2", "w3"]


def replicate(data: pd.DataFrame) -> pd.DataFrame:
    """Write every row, every group and every top group out as often as its conditional weight."""
    parts = []
    for _, top in data.groupby("g3"):
        for copy3 in range(int(top["c3"].iloc[0])):
            for _, group in top.groupby("g2"):
                for copy2 in range(int(group["c2"].iloc[0])):
                    rows = group.loc[group.index.repeat(group["c1"].astype(int))].copy()
                    rows["g3"] = [f"{g}/{copy3}" for g in rows["g3"]]
                    rows["g2"] = [f"{g}/{copy3}/{copy2}" for g in rows["g2"]]
                    parts.append(rows)
    return pd.concat(parts, ignore_index=True)


def weighted_data(where: str) -> pd.DataFrame:
    """Integer weights at one level (1, 2, 3) or at all, ones elsewhere."""
    data = simulate(5, n_top=10, integer_weights=True)
    for level in (1, 2, 3):
        if where not in (str(level), "all", "below"):
            data[f"c{level}"] = 1.0
    if where == "below":
        data["c3"] = 1.0
    data["w3"] = data["c3"]
    data["w2"] = data["c2"] * data["w3"]
    data["w1"] = data["c1"] * data["w2"]
    return data


@pytest.mark.parametrize("formula", FORMULAS)
@pytest.mark.parametrize("where", ["1", "2", "3", "all"])
def test_estimates_and_likelihood_are_those_of_the_replicated_data(
    formula: str, where: str
) -> None:
    data = weighted_data(where)
    written_out = replicate(data)
    assert len(written_out) > len(data)
    fit = mix(formula, data, WEIGHTS)
    plain = mix(formula, written_out)
    assert fit.llf == pytest.approx(plain.llf, rel=1e-12)
    np.testing.assert_allclose(fit.params, plain.params, rtol=1e-7)
    np.testing.assert_allclose(fit.theta, plain.theta, rtol=1e-6, atol=1e-9)
    at = plain.at(fit.theta)
    assert at.deviance == pytest.approx(fit.deviance, rel=1e-12)
    np.testing.assert_allclose(fit.params, at.params, rtol=1e-11)
    assert fit.sigma == pytest.approx(at.sigma, rel=1e-12)


@pytest.mark.parametrize("formula", FORMULAS)
@pytest.mark.parametrize("where", ["1", "2", "below"])
def test_standard_errors_below_the_top_are_those_of_the_replicated_data(
    formula: str, where: str
) -> None:
    data = weighted_data(where)
    written_out = replicate(data)
    fit = mix(formula, data, WEIGHTS)
    plain = mix(formula, written_out, se="wemix").at(fit.theta)
    assert fit.ngroups["g3"] == plain.ngroups["g3"]
    np.testing.assert_allclose(fit.cov_params(), plain.cov_params(), rtol=1e-9)
    np.testing.assert_allclose(
        fit.variance_components["se"], plain.variance_components["se"], rtol=1e-8
    )


def test_conditional_modes_are_those_of_the_replicated_data() -> None:
    data = weighted_data("all")
    fit = mix(FORMULAS[1], data, WEIGHTS)
    plain = mix(FORMULAS[1], replicate(data)).at(fit.theta)
    for name, modes in fit.random_effects.items():
        copies = plain.random_effects[name]
        original = [str(label).split("/")[0] for label in copies.index]
        expected = modes.set_axis(modes.index.astype(str)).loc[original]
        np.testing.assert_allclose(copies.to_numpy(), expected.to_numpy(), rtol=1e-9, atol=1e-11)


def test_weights_of_the_wrong_level_are_another_model() -> None:
    # the identity can fail: the same integers at another level give another likelihood
    data = weighted_data("2")
    moved = data.assign(c2=1.0, c1=data["c2"])
    moved["w2"], moved["w1"] = moved["w3"], moved["c1"]
    assert mix(FORMULAS[0], moved, WEIGHTS).llf != pytest.approx(
        mix(FORMULAS[0], data, WEIGHTS).llf, rel=1e-4
    )
