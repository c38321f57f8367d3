"""One model and many data frames, or many responses: what mix() gives for each."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest

from wemix_ref import (
    DataError,
    FittedModel,
    ModelError,
    OptionError,
    SingularFitWarning,
    mix,
    mix_many,
)

FORMULA = "y ~ x + (1 | school/class)"
WEIGHTS = ["w1", "w2", "w3"]


def frame(seed: int, effect: float = 1.0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    school = np.repeat(np.arange(12), 12)
    group = np.tile(np.repeat([1, 2, 3], 4), 12)
    x = rng.normal(size=144)
    y = x + effect * (rng.normal(size=12)[school] + rng.normal(size=36)[3 * school + group - 1])
    w3 = rng.uniform(1, 4, 12)[school]
    w2 = w3 * 2
    data = {"x": x, "school": school, "class": group, "w1": w2 * rng.uniform(1, 4, 144)}
    return pd.DataFrame({"y": y + rng.normal(size=144), **data, "w2": w2, "w3": w3})


def test_each_data_frame_has_the_fit_of_mix() -> None:
    frames = [frame(seed) for seed in range(6)]
    for data, fit in zip(frames, mix_many(FORMULA, frames, WEIGHTS, se="stata"), strict=True):
        alone = mix(FORMULA, data, WEIGHTS, se="stata")
        np.testing.assert_allclose(fit.params, alone.params, rtol=1e-10)
        np.testing.assert_allclose(fit.bse, alone.bse, rtol=1e-9)
        assert fit.se_recipe == "stata"
        assert fit.nobs == alone.nobs
    scaled = mix_many(FORMULA, frames[:1], WEIGHTS, scale="size")[0]
    expected = mix(FORMULA, frames[0], WEIGHTS, scale="size")
    assert scaled.deviance == pytest.approx(expected.deviance, rel=1e-13)


def test_what_is_refused_has_its_place() -> None:
    bad = frame(1).assign(w2=-1.0)
    with pytest.raises(ValueError, match=r"^data frame 1: .*w2"):
        mix_many(FORMULA, [frame(0), bad], WEIGHTS)
    with pytest.raises(DataError, match="several data frames"):
        mix_many(FORMULA, frame(0), WEIGHTS)
    with pytest.raises(OptionError, match="scale='size'"):
        mix_many(FORMULA, [], scale="size")


def test_singular_fits_are_one_warning() -> None:
    frames = [frame(seed, effect=0.0 if seed % 2 else 1.0) for seed in range(8)]
    with pytest.warns(SingularFitWarning, match=r"^\d of 8 fits are singular") as told:
        fits = mix_many(FORMULA, frames)
    assert len(told) == 1
    assert str(told[0].message).startswith(f"{sum(fit.singular for fit in fits)} of 8")
    assert told[0].filename == __file__


@pytest.mark.filterwarnings("ignore::wemix_ref.errors.SingularFitWarning")
@pytest.mark.parametrize("offset", [False, True])
def test_refit_is_mix_of_the_data_with_that_response(offset: bool) -> None:
    data = frame(3).assign(o=np.linspace(0.0, 5.0, 144))
    data.loc[[5, 70], "x"] = np.nan
    formula = FORMULA + " + offset(o)" if offset else FORMULA
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fit = mix(formula, data, WEIGHTS, se="gllamm")
        draws = fit.simulate(3, seed=1)
        again = fit.refit(draws)
        assert len(again) == 3
        for name, one in zip(draws, again, strict=True):
            whole = mix(formula, data.assign(y=draws[name]), WEIGHTS, se="gllamm")
            assert one.deviance == pytest.approx(whole.deviance, rel=1e-12)
            np.testing.assert_allclose(one.params, whole.params, rtol=1e-9)
            np.testing.assert_allclose(one.bse, whole.bse, rtol=1e-8)
            assert one.formula == formula
        single = fit.refit(draws["sim_1"].to_numpy())
        assert single.deviance == again[0].deviance
        same = fit.refit(data["y"].drop([5, 70]))
        assert same.deviance == pytest.approx(fit.deviance, rel=1e-13)


def test_refit_holds_the_data_with_that_response() -> None:
    data = frame(3)
    data.loc[[5, 70], "x"] = np.nan
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fit = mix(FORMULA, data, WEIGHTS)
    again = fit.refit(fit.simulate(1, seed=1)["sim_1"])
    table = again.augment()
    np.testing.assert_allclose(table["y"], table[".fitted"] + table[".resid"], rtol=1e-12)
    read = FittedModel.from_json(again.to_json())
    assert read.deviance == again.deviance
    assert fit.augment()["y"].equals(data["y"].drop([5, 70]))
    # of log(y) the response is no column
    other = mix("log(y + 50) ~ x + (1 | school)", frame(4))
    with pytest.raises(DataError, match="does not hold its data"):
        other.refit(other.simulate(1, seed=1)["sim_1"]).augment()


def test_no_fixed_effects() -> None:
    data = frame(5)
    for formula in ("y ~ 0 + (1 | school)", "y ~ -1 + (0 + x | school) + (1 | class:school)"):
        fit = mix(formula, data)
        assert fit.params.empty
        assert fit.converged
        many = mix_many(formula, [data, data])
        assert [one.deviance for one in many] == [fit.deviance] * 2
        # the dense normal density with mean zero
        V = fit.V("marginal").toarray()
        y = data["y"].to_numpy()
        _, log_det = np.linalg.slogdet(V)
        density = log_det + y @ np.linalg.solve(V, y) + y.size * np.log(2 * np.pi)
        assert fit.deviance == pytest.approx(density, rel=1e-11)


def test_what_is_written_below_a_data_frame_does_not_change_a_fit() -> None:
    data = frame(6)
    fit, same = (mix("y ~ x + (1 | school)", one) for one in (data, data.copy()))
    data["x"].array[:] = 0.0
    memory = frame(7)[["y", "x", "school"]].to_numpy()
    below = mix(
        "y ~ x + (1 | school)", pd.DataFrame(memory, columns=["y", "x", "school"], copy=False)
    )
    other = mix("y ~ x + (1 | school)", frame(7))
    memory[:] = 0.0
    for one, expected in ((fit, same), (below, other)):
        np.testing.assert_array_equal(one.resid, expected.resid)
        np.testing.assert_array_equal(one.X.toarray(), expected.X.toarray())


def test_refit_keeps_the_criterion() -> None:
    fit = mix("y ~ x + (1 | school)", frame(2), reml=True)
    again = fit.refit(fit.simulate(1, seed=4)["sim_1"])
    assert again.reml


def test_refit_refuses_other_rows_and_what_is_no_number() -> None:
    data = frame(3)
    fit = mix("y ~ x + (1 | school)", data)
    with pytest.raises(DataError, match=r"shape \(144,\).*found shape \(10,\)"):
        fit.refit(np.ones(10))
    with pytest.raises(DataError, match="index"):
        fit.refit(data["y"].sample(frac=1.0, random_state=1))
    with pytest.raises(DataError, match=r"1 are not, the first in row 3, column 0: nan"):
        fit.refit(data["y"].mask(data.index == 3))
    for wrong in (np.array(["1.5"] * 144), data["y"] > 0, data["y"] + 1j):
        with pytest.raises(DataError, match="must be real numbers"):
            fit.refit(wrong)
    assert fit.refit(list(data["y"])).deviance == pytest.approx(fit.deviance, rel=1e-13)
    with pytest.raises(ModelError, match=r"^response 1: "):
        fit.refit(np.column_stack([data["y"], data["x"]]))
