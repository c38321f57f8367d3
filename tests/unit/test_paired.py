"""Analyses compared on the same replicates."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from tests.study_rows import as_mapping, draws, study_rows
from wemix_ref.errors import StudyError
from wemix_ref.performance import PAIRED_MEASURES, paired

pytestmark = pytest.mark.filterwarnings("error")

Q = stats.norm.ppf(0.975)


def test_every_paired_measure_is_its_formula() -> None:
    e, se = draws(14, 80)
    f, se_f = 0.7 * e + 0.3 * draws(15, 80)[0], 1.2 * draws(16, 80)[1]
    n, theta = 80, 1.1
    rows = pd.concat(
        [study_rows(e, se, theta, analysis="a"), study_rows(f, se_f, theta, analysis="b")]
    )
    table = paired(rows)
    assert set(table["analysis"]) == {"b"}
    assert set(table["reference"]) == {"a"}
    assert tuple(table["measure"]) == PAIRED_MEASURES
    assert set(table["n"]) == {n}

    def error(influence: np.ndarray, lost: int = 1) -> float:
        return float(np.sqrt((influence**2).sum() / (n * (n - lost))))

    gap = (f - theta) ** 2 - (e - theta) ** 2
    covers = (np.abs(f - theta) <= Q * se_f) * 1.0 - (np.abs(e - theta) <= Q * se)
    sd_e, sd_f = e.std(ddof=1), f.std(ddof=1)
    d = n / (n - 1) * ((f - f.mean()) ** 2 / sd_f**2 - (e - e.mean()) ** 2 / sd_e**2)
    m_e, m_f = (se**2).mean(), (se_f**2).mean()
    expected = {
        "bias_difference": ((f - e).mean(), (f - e).std(ddof=1) / np.sqrt(n)),
        "mse_difference": (gap.mean(), gap.std(ddof=1) / np.sqrt(n)),
        "empirical_se_ratio": (sd_f / sd_e, sd_f / sd_e / 2 * error(d)),
        "model_se_ratio": (
            np.sqrt(m_f / m_e),
            np.sqrt(m_f / m_e) / 2 * error(se_f**2 / m_f - se**2 / m_e),
        ),
        "coverage_difference": (covers.mean(), error(covers - covers.mean(), lost=0)),
    }
    assert covers.any()
    assert as_mapping(table) == pytest.approx({k: v for k, (v, _) in expected.items()}, rel=1e-12)
    assert as_mapping(table, "mcse") == pytest.approx(
        {k: v for k, (_, v) in expected.items()}, rel=1e-12
    )


@pytest.mark.parametrize("correlation", [0.0, 0.6, 0.95])
def test_ratios_of_normal_estimates_have_the_error_that_theory_gives(correlation: float) -> None:
    """sqrt((1 - rho^2) / (n - 1)) times the ratio, from Morris et al. (2019), table 6."""
    n = 40_000
    one, own = np.random.default_rng(23).normal(size=(2, n))
    other = 3.0 * (correlation * one + np.sqrt(1 - correlation**2) * own)
    table = paired(
        pd.concat([study_rows(one, 1.0, 0.0), study_rows(other, 1.0, 0.0, analysis="b")])
    )
    expected = 3.0 * np.sqrt((1 - correlation**2) / (n - 1))
    assert as_mapping(table, "mcse")["empirical_se_ratio"] == pytest.approx(expected, rel=0.04)
    assert as_mapping(table)["empirical_se_ratio"] == pytest.approx(3.0, abs=4.5 * expected)


def test_an_analysis_and_its_copy_do_not_differ() -> None:
    e, se = draws(17, 30)
    rows = pd.concat([study_rows(e, se, 1.0, analysis=name) for name in ("a", "b")])
    table = paired(rows)
    assert list(table["estimate"]) == [0.0, 0.0, 1.0, 1.0, 0.0]
    assert list(table["mcse"]) == [0.0] * 5


def test_pairs_are_of_the_replicates_that_both_can_use() -> None:
    e, se = draws(18, 30)
    f, se_f = draws(19, 30)
    se[5] = np.nan
    left = study_rows(e, se, 1.0, analysis="a", failed=np.arange(30) < 3)
    right = study_rows(f, se_f, 1.0, analysis="b", failed=np.arange(30) > 27)
    table = paired(pd.concat([left, right]))
    value, n = as_mapping(table), as_mapping(table, "n")
    assert n == {
        "bias_difference": 25,
        "mse_difference": 25,
        "empirical_se_ratio": 25,
        "model_se_ratio": 24,
        "coverage_difference": 24,
    }
    assert value["bias_difference"] == pytest.approx((f - e)[3:28].mean())
    use = np.r_[3:5, 6:28]
    assert value["model_se_ratio"] == pytest.approx(
        np.sqrt((se_f[use] ** 2).mean() / (se[use] ** 2).mean())
    )
    never = pd.concat([left, study_rows(f, se_f, 1.0, analysis="b", failed=True)])
    assert paired(never).empty


def test_each_side_takes_out_what_it_cannot_use() -> None:
    e, se = draws(24, 30)
    f, se_f = draws(25, 30)
    theta, phi = np.full(30, 1.0), np.full(30, 1.0)
    # an SE of 0 is none, and a target may be missing on either side
    se[2], se_f[5], theta[11], phi[17] = 0.0, 0.0, np.nan, np.nan
    rows = [study_rows(e, se, theta, analysis="a"), study_rows(f, se_f, phi, analysis="b")]
    table = paired(pd.concat(rows))
    assert as_mapping(table, "n") == {
        "bias_difference": 28,
        "mse_difference": 28,
        "empirical_se_ratio": 28,
        "model_se_ratio": 28,
        "coverage_difference": 26,
    }
    value = as_mapping(table)
    aimed = np.setdiff1d(np.arange(30), [11, 17])
    with_se = np.setdiff1d(np.arange(30), [2, 5])
    both = np.intersect1d(aimed, with_se)
    assert value["bias_difference"] == pytest.approx((f - e)[aimed].mean())
    assert value["empirical_se_ratio"] == pytest.approx(f[aimed].std() / e[aimed].std())
    assert value["model_se_ratio"] == pytest.approx(
        np.sqrt((se_f[with_se] ** 2).mean() / (se[with_se] ** 2).mean())
    )
    covers = (np.abs(f - 1) <= Q * se_f) * 1.0 - (np.abs(e - 1) <= Q * se)
    assert value["coverage_difference"] == pytest.approx(covers[both].mean())


def test_pairs_without_a_common_target_compare_spreads() -> None:
    e, se = draws(20, 30)
    f, se_f = draws(21, 30)
    rows = pd.concat([study_rows(e, se, 1.0), study_rows(f, se_f, analysis="b")])
    value = as_mapping(paired(rows))
    assert set(value) == {"empirical_se_ratio", "model_se_ratio"}
    assert value["empirical_se_ratio"] == pytest.approx(f.std() / e.std())


def test_a_reference_is_compared_with_all_others() -> None:
    rows = pd.concat([study_rows(*draws(22, (2, 9)), 1.0, analysis=name) for name in "abc"])
    pairs = paired(rows, "b")[["scenario", "analysis", "reference"]].drop_duplicates()
    assert pairs.to_numpy().tolist() == [
        ["s0000", "a", "b"],
        ["s0000", "c", "b"],
        ["s0001", "a", "b"],
        ["s0001", "c", "b"],
    ]
    every = paired(rows)[["analysis", "reference"]].drop_duplicates()
    assert every.to_numpy().tolist() == [["b", "a"], ["c", "a"], ["c", "b"]]
    with pytest.raises(StudyError, match=r"no 'd' in scenario 's0000', which has: a, b, c"):
        paired(rows, "d")
    partly = rows[(rows["scenario"] != "s0001") | (rows["analysis"] != "b")]
    with pytest.raises(StudyError, match=r"no 'b' in scenario 's0001'"):
        paired(partly, "b")
    alone = paired(rows[rows["analysis"] == "a"])
    assert alone.empty
    assert list(alone.columns) == list(paired(rows).columns)
