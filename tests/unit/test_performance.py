"""Performance measures against formulas written out, closed forms, and a direct bootstrap."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from tests.study_rows import as_mapping, draws, study_rows
from wemix_ref.errors import OptionError, StudyError
from wemix_ref.performance import (
    FIT_MEASURES,
    MEASURES,
    is_variance_component,
    paired,
    performance,
)

pytestmark = pytest.mark.filterwarnings("error")

Q = stats.norm.ppf(0.975)


def of(table: pd.DataFrame, parameter: str = "x") -> pd.DataFrame:
    return table[table["parameter"] == parameter]


def test_every_measure_is_its_formula() -> None:
    """Written out after Morris, White and Crowther (2019), table 6, for a constant target."""
    e, se = draws(1, 60)
    n, theta = 60, 1.2
    table = of(performance(study_rows(e, se, theta), seed=1, null=0.7))
    value, mcse = as_mapping(table), as_mapping(table, "mcse")
    assert tuple(table["measure"]) == MEASURES
    assert set(table["n"]) == {n}

    sd = np.sqrt(((e - e.mean()) ** 2).sum() / (n - 1))
    squares = (e - theta) ** 2
    model = np.sqrt((se**2).mean())
    covered = np.abs(e - theta) <= Q * se
    centred = np.abs(e - e.mean()) <= Q * se
    rejected = np.abs(e - 0.7) > Q * se
    spread_of_v = ((se**2 - (se**2).mean()) ** 2).sum() / (n - 1)
    d = n / (n - 1) * (e - e.mean()) ** 2 - sd**2
    v = se**2 - model**2
    assert 0 < rejected.mean() < 1

    expected = {
        "mean_estimate": (e.mean(), sd / np.sqrt(n)),
        "mean_target": (theta, 0.0),
        "bias": (e.mean() - theta, sd / np.sqrt(n)),
        "relative_bias": ((e.mean() - theta) / theta, sd / np.sqrt(n) / theta),
        "empirical_se": (sd, np.sqrt((d**2).sum() / (n * (n - 1))) / (2 * sd)),
        "mse": (squares.mean(), np.sqrt(((squares - squares.mean()) ** 2).sum() / (n * (n - 1)))),
        "model_se": (model, np.sqrt(spread_of_v / (4 * n * model**2))),
        "relative_error_model_se": (
            model / sd - 1,
            model / sd * np.sqrt(((v / model**2 - d / sd**2) ** 2).sum() / (4 * n * (n - 1))),
        ),
    }
    expected["rmse"] = (
        np.sqrt(squares.mean()),
        expected["mse"][1] / (2 * np.sqrt(squares.mean())),
    )
    for name, hits in (
        ("coverage", covered),
        ("bias_eliminated_coverage", centred),
        ("rejection_rate", rejected),
        ("se_available_rate", np.ones(n)),
    ):
        p = hits.mean()
        expected[name] = (p, np.sqrt(p * (1 - p) / n))
    for name, (estimate, error) in expected.items():
        assert value[name] == pytest.approx(estimate, rel=1e-12, abs=1e-15), name
        assert mcse[name] == pytest.approx(error, rel=1e-12, abs=1e-15), name
    assert value["median_error"] == np.median(e - theta)
    assert set(expected) | {"median_error"} == set(MEASURES)


def test_a_target_that_varies_enters_replicate_by_replicate() -> None:
    rng = np.random.default_rng(2)
    target = rng.normal(3.0, 0.5, 50)
    error = rng.normal(0.1, 0.2, 50)
    table = of(performance(study_rows(target + error, 0.2, target), seed=1))
    value, mcse = as_mapping(table), as_mapping(table, "mcse")
    assert value["bias"] == pytest.approx(error.mean())
    assert mcse["bias"] == pytest.approx(error.std(ddof=1) / np.sqrt(50))
    assert value["empirical_se"] == pytest.approx(error.std(ddof=1))
    assert value["mean_target"] == pytest.approx(target.mean())
    assert mcse["mean_target"] == pytest.approx(target.std(ddof=1) / np.sqrt(50))
    assert value["mean_estimate"] == pytest.approx((target + error).mean())
    quotient = error.mean() / target.mean()
    residual = error - quotient * target
    assert value["relative_bias"] == pytest.approx(quotient)
    assert mcse["relative_bias"] == pytest.approx(
        residual.std(ddof=1) / np.sqrt(50) / abs(target.mean())
    )
    assert value["relative_error_model_se"] == pytest.approx(0.2 / error.std(ddof=1) - 1)
    assert value["coverage"] == pytest.approx((np.abs(error) <= Q * 0.2).mean())
    around = np.abs(error - error.mean()) <= Q * 0.2
    assert value["bias_eliminated_coverage"] == pytest.approx(around.mean())


@pytest.mark.parametrize("spread", [0.0, 1.0])
def test_there_is_no_relative_bias_about_zero(spread: float) -> None:
    target = spread * np.random.default_rng(3).normal(size=50)
    found = set(performance(study_rows(target + np.arange(50), 1.0, target), seed=1)["measure"])
    assert found == {*MEASURES, *FIT_MEASURES} - {"relative_bias"}


@pytest.mark.parametrize(("share", "there"), [(0.099, True), (0.101, False)])
@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_relative_bias_needs_a_mean_target_of_ten_standard_errors(share, there, sign) -> None:
    wave = np.tile([-1.0, 1.0], 50)
    target = sign * 2.0 * (1.0 + share * 10.0 * wave / wave.std(ddof=1))
    table = of(performance(study_rows(target + 1.0, 1.0, target), seed=1))
    assert as_mapping(table, "mcse")["mean_target"] == pytest.approx(2.0 * share, rel=1e-12)
    assert ("relative_bias" in set(table["measure"])) is there


def test_a_negative_target_keeps_the_sign_of_the_relative_bias() -> None:
    e = np.array([-2.2, -2.1, -2.3])
    table = of(performance(study_rows(e, 1.0, -2.0), seed=1))
    assert as_mapping(table)["relative_bias"] == pytest.approx(0.1)
    assert as_mapping(table, "mcse")["relative_bias"] == pytest.approx(0.05 / np.sqrt(3))


def test_without_a_target_measures_of_spread_remain() -> None:
    e, se = draws(4, 30)
    with_target = as_mapping(of(performance(study_rows(e, se, 1.0), seed=1)))
    value = as_mapping(of(performance(study_rows(e, se), seed=1)))
    lost = {"mean_target", "bias", "relative_bias", "median_error", "mse", "rmse", "coverage"}
    assert set(value) == set(MEASURES) - lost
    assert value == pytest.approx({name: with_target[name] for name in value}, rel=1e-12)


def test_each_measure_takes_the_replicates_it_can_use() -> None:
    e, se = draws(5, 40)
    se[:4], se[4] = np.nan, 0.0
    target = np.full(40, 1.0)
    target[35:] = np.nan
    failed = np.arange(40) == 20
    table = of(performance(study_rows(e, se, target, failed=failed), seed=1))
    n = as_mapping(table, "n")
    ok, aimed, has_se = ~failed, ~np.isnan(target), np.nan_to_num(se) > 0
    counts = {
        "mean_estimate": 39,
        "mean_target": 34,
        "bias": 34,
        "relative_bias": 34,
        "median_error": 34,
        "empirical_se": 34,
        "mse": 34,
        "rmse": 34,
        "model_se": 34,
        "relative_error_model_se": 29,
        "coverage": 29,
        "bias_eliminated_coverage": 29,
        "rejection_rate": 34,
        "se_available_rate": 39,
    }
    assert n == counts
    value = as_mapping(table)
    assert value["mean_estimate"] == pytest.approx(e[ok].mean())
    assert value["bias"] == pytest.approx((e - 1)[ok & aimed].mean())
    assert value["model_se"] == pytest.approx(np.sqrt((se[ok & has_se] ** 2).mean()))
    both = ok & aimed & has_se
    assert value["coverage"] == pytest.approx((np.abs(e - 1) <= Q * se)[both].mean())
    assert value["relative_error_model_se"] == pytest.approx(
        np.sqrt((se[both] ** 2).mean()) / e[both].std(ddof=1) - 1
    )
    assert value["se_available_rate"] == pytest.approx(34 / 39)


def test_rates_of_fits_count_fits_not_rows() -> None:
    converged = np.array([True, True, False, True, True, True, True, True])
    singular = np.array([True, True, False, False, True, False, False, False])
    failed = np.arange(8) == 7
    rows = pd.concat(
        [
            study_rows(np.arange(8.0), parameter=name, converged=converged, singular=singular)
            for name in ("x", "z", "sigma2")
        ]
    )
    rows = rows[rows["replicate"] != 7]
    rows = pd.concat([rows, study_rows(np.zeros(8), failed=failed).iloc[[7]]])
    table = of(performance(rows, seed=1), "(fit)")
    assert tuple(table["measure"]) == FIT_MEASURES
    value, n = as_mapping(table), as_mapping(table, "n")
    assert value == pytest.approx(
        {"convergence_rate": 6 / 8, "singular_rate": 3 / 7, "failure_rate": 1 / 8}
    )
    assert n == {"convergence_rate": 8, "singular_rate": 7, "failure_rate": 8}
    assert as_mapping(table, "mcse")["failure_rate"] == pytest.approx(np.sqrt(1 / 8 * 7 / 8 / 8))


def test_without_word_of_convergence_there_is_no_rate_of_it() -> None:
    failed = np.arange(8) == 7
    rows = study_rows(np.arange(8.0), 1.0, 1.0, failed=failed, converged=None)
    told = study_rows(np.arange(8.0), 1.0, 1.0, failed=failed).assign(analysis="told")
    both = pd.concat([rows.astype({"converged": object}), told])
    table = performance(both, seed=1)
    silent = table[
        (table["analysis"] == rows["analysis"].iloc[0]) & (table["parameter"] == "(fit)")
    ]
    assert list(silent["measure"]) == ["singular_rate", "failure_rate"]
    rates = as_mapping(table[(table["analysis"] == "told") & (table["parameter"] == "(fit)")])
    assert rates["convergence_rate"] == pytest.approx(7 / 8)
    # everything else is the same
    with_it = performance(pd.concat([study_rows(np.arange(8.0), 1.0, 1.0, failed=failed)]), seed=1)
    alone = performance(rows, seed=1)
    rest = with_it[with_it["measure"] != "convergence_rate"].reset_index(drop=True)
    pd.testing.assert_frame_equal(alone, rest, check_exact=True)


def test_an_analysis_that_always_fails_has_rates_only() -> None:
    table = performance(study_rows(np.zeros(3), failed=True), seed=1)
    assert list(table["measure"]) == ["convergence_rate", "failure_rate"]
    assert list(table["estimate"]) == [0.0, 1.0]


def test_the_error_of_every_measure_is_a_finite_number() -> None:
    """One replicate, two, equal estimates, no SE at all: rows are left out, never NaN."""
    assert performance(study_rows([1.0], 1.0, 1.0), seed=1).empty
    one_se = study_rows([1.0, 2.0, 4.0], [np.nan, 1.0, np.nan], 1.0)
    same = study_rows([1.0, 1.0, 1.0], 0.5, 1.0)
    without = study_rows([1.0, 2.0, 4.0], np.nan, 1.0)
    two = study_rows([1.0, 2.0], 0.5, 1.0)
    made_of_se = {"model_se", "relative_error_model_se", "coverage", "bias_eliminated_coverage"}
    for rows, gone in (
        (one_se, {*made_of_se, "rejection_rate"}),
        (without, {*made_of_se, "rejection_rate"}),
        (same, {"rmse", "empirical_se", "relative_error_model_se"}),
        (two, set()),
    ):
        table = performance(rows, seed=1)
        assert set(of(table)["measure"]) == set(MEASURES) - gone
        assert np.isfinite(table[["estimate", "mcse"]].to_numpy()).all()
        assert (table["mcse"] >= 0).all()


def test_only_fixed_effects_are_tested_against_zero() -> None:
    names = ["(Intercept)", "x", "variety", "var school (Intercept)", "cov school (Intercept),x"]
    rows = pd.concat(
        [study_rows([1.0, 2.0, 4.0], 1.0, 1.0, parameter=name) for name in [*names, "sigma2"]]
    )
    table = performance(rows, seed=1)
    tested = table.loc[table["measure"] == "rejection_rate", "parameter"]
    assert list(tested) == names[:3]
    assert not is_variance_component("sigma2x")


def test_t_intervals_have_the_top_groups_less_one() -> None:
    n_top = np.array([3, 3, 10, 10, 400])
    edge = stats.t.ppf(0.95, n_top - 1)
    for shift, covered in ((-1e-9, 1.0), (1e-9, 0.0)):
        rows = study_rows(edge + shift, 1.0, 0.0, n_top=n_top)
        value = as_mapping(of(performance(rows, level=0.9, interval="t", seed=1)))
        assert value["coverage"] == covered
        assert value["rejection_rate"] == 1 - covered
    with pytest.raises(StudyError, match=r"two or more top groups.*found 1 in"):
        performance(study_rows([1.0, 2.0], 1.0, 0.0, n_top=1), interval="t", seed=1)


def test_t_intervals_need_the_number_of_top_groups() -> None:
    rows = study_rows([1.0, 2.0], 1.0, 0.0, n_top=[5.0, np.nan])
    with pytest.raises(StudyError, match=r"two or more top groups.*found nan in"):
        performance(rows, interval="t", seed=1)
    assert "coverage" in set(performance(rows, seed=1)["measure"])


def test_intervals_are_closed() -> None:
    value = as_mapping(of(performance(study_rows([Q, Q], 1.0, 0.0), seed=1)))
    assert value["coverage"] == 1.0
    assert value["rejection_rate"] == 0.0


def test_a_normal_mean_has_its_known_performance() -> None:
    """25 normal values, their mean plus 0.1, and its SE; t intervals; the truth is 0.5."""
    replicates, size, shift, truth = 20_000, 25, 0.1, 0.5
    sample = np.random.default_rng(6).normal(truth, 1.0, (replicates, size))
    rows = study_rows(
        sample.mean(axis=1) + shift,
        sample.std(axis=1, ddof=1) / np.sqrt(size),
        truth,
        n_top=size,
    )
    table = of(performance(rows, interval="t", seed=1))
    value, mcse = as_mapping(table), as_mapping(table, "mcse")
    sigma, quantile = 1 / np.sqrt(size), stats.t.ppf(0.975, size - 1)

    def inside(distance: float) -> float:
        return float(np.diff(stats.nct.cdf([-quantile, quantile], size - 1, distance / sigma))[0])

    root = np.sqrt(replicates)
    known = {
        "mean_estimate": (truth + shift, sigma / root),
        "bias": (shift, sigma / root),
        "relative_bias": (shift / truth, sigma / truth / root),
        "median_error": (shift, sigma * np.sqrt(np.pi / 2) / root),
        "empirical_se": (sigma, sigma / np.sqrt(2) / root),
        "mse": (sigma**2 + shift**2, np.sqrt(2 * sigma**4 + 4 * sigma**2 * shift**2) / root),
        "model_se": (sigma, sigma / np.sqrt(2 * (size - 1)) / root),
        "relative_error_model_se": (0.0, np.sqrt(0.5 + 0.5 / (size - 1)) / root),
        "bias_eliminated_coverage": (0.95, np.sqrt(0.95 * 0.05) / root),
    }
    known["rmse"] = (np.sqrt(known["mse"][0]), known["mse"][1] / 2 / np.sqrt(known["mse"][0]))
    for name, p in (("coverage", inside(shift)), ("rejection_rate", 1 - inside(truth + shift))):
        known[name] = (p, np.sqrt(p * (1 - p)) / root)
    for name, (estimate, error) in known.items():
        assert abs(value[name] - estimate) < 4.5 * error, name
        assert mcse[name] == pytest.approx(error, rel=0.05), name


def test_errors_are_those_of_a_direct_bootstrap() -> None:
    """Replicates are drawn anew with replacement, and everything is measured again."""
    n, resamples = 150, 1500
    e, se = draws(7, n)
    target = np.random.default_rng(8).normal(1.0, 0.1, n)
    other, other_se = 0.6 * e + 0.5 * draws(9, n)[0], se * draws(10, n)[0]
    se[:15] = np.nan
    again = np.random.default_rng(11).integers(0, n, (resamples, n))

    def both(where: np.ndarray) -> pd.DataFrame:
        return pd.concat(
            [
                study_rows(e[where], se[where], target[where], analysis="a"),
                study_rows(other[where], other_se[where], target[where], analysis="b"),
            ]
        )

    one, many = both(np.arange(n)), both(again)
    keys = ["analysis", "parameter", "measure"]
    for measure in (lambda rows: performance(rows, seed=1), paired):
        spread = measure(many).groupby(keys)["estimate"]
        fourth = spread.agg(lambda x: ((x - x.mean()) ** 4).mean() / max(x.var() ** 2, 1e-300))
        claimed = measure(one).set_index(keys)["mcse"]
        assert set(claimed.index) == set(spread.groups)
        for key, claim in claimed.items():
            if key[2] in (*FIT_MEASURES, "se_available_rate") and claim == 0:
                assert spread.std()[key] == 0
                continue
            # The bootstrap's own noise; and it keeps terms of higher order in 1/n, 4.5 per cent.
            limit = 4.5 * np.sqrt((fourth[key] - 1) / (4 * resamples)) + 0.045
            if key[2] == "bias_eliminated_coverage":  # the formula has the mean as known
                assert claim > (1 - limit) * spread.std()[key]
            else:
                assert claim == pytest.approx(spread.std()[key], rel=limit), key


def test_the_order_of_rows_does_not_matter() -> None:
    rows = pd.concat(
        [
            study_rows(*draws(seed, (2, 30)), 1.0, analysis=analysis, parameter=parameter)
            for seed, (analysis, parameter) in enumerate(
                (a, p) for a in ("b", "a") for p in ("z", "x")
            )
        ]
    )
    table = performance(rows, seed=1)
    assert list(dict.fromkeys(table["analysis"])) == ["b", "a"]
    assert list(dict.fromkeys(table["parameter"])) == ["z", "x", "(fit)"]
    keys = ["scenario", "analysis", "parameter", "measure"]
    mixed = performance(rows.sample(frac=1.0, random_state=1), seed=1)
    pd.testing.assert_frame_equal(
        table.sort_values(keys).reset_index(drop=True),
        mixed.sort_values(keys).reset_index(drop=True),
        check_exact=True,
    )


def test_medians_have_their_own_streams() -> None:
    """The same numbers under other names or another seed differ by the bootstrap's noise alone."""
    e, _ = draws(12, 100)

    def error(seed: int = 1, **names: str) -> float:
        return as_mapping(
            of(
                performance(study_rows(e, 1.0, 1.0, **names), seed=seed),
                names.get("parameter", "x"),
            ),
            "mcse",
        )["median_error"]

    found = [error(), error(seed=2), error(analysis="b"), error(parameter="z")]
    assert len(set(found)) == 4
    assert found == pytest.approx([found[0]] * 4, rel=4.5 * 0.02)
    assert error() == found[0]
    # Neither the other scenarios of the table nor their number matter.
    many = performance(study_rows(np.vstack([e, e]), 1.0, 1.0), seed=1)
    medians = many.loc[many["measure"] == "median_error", "mcse"].to_list()
    assert medians[0] == found[0]
    assert medians[1] != found[0]


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ({"level": 95}, "level must lie"),
        ({"level": 0.0}, "level must lie"),
        ({"level": 1.0}, "level must lie"),
        ({"interval": "z"}, "normal, t; found 'z'"),
        ({"null": np.nan}, "null must be"),
    ],
)
def test_options_that_make_no_sense_are_refused(option: dict, message: str) -> None:
    with pytest.raises(OptionError, match=message):
        performance(study_rows([1.0, 2.0], 1.0, 1.0), seed=1, **option)
