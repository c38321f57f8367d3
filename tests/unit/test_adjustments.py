"""What nonresponse, trimming and noise do to weights: each by its identity."""

from __future__ import annotations

import numpy as np
import pytest

from wemix_ref.errors import StudyError
from wemix_ref.simulate.adjustments import class_factors, noise_factors, trim, trimming_bound
from wemix_ref.simulate.sample import EmptySample
from wemix_ref.simulate.streams import RStream, stream_of


def test_weighting_classes_keep_the_weighted_total_of_each_class():
    rng = np.random.default_rng(1)
    weights, classes = 1.0 + rng.random(200), rng.integers(0, 4, 200).astype(float)
    responding = rng.random(200) < 0.3 + 0.1 * classes
    factor = class_factors(weights, responding, classes)
    for value in range(4):
        of_class = classes == value
        respondents = of_class & responding
        assert 0 < respondents.sum() < of_class.sum()
        total = np.sum((weights * factor)[respondents])
        np.testing.assert_allclose(total, weights[of_class].sum(), rtol=1e-13)
        assert np.ptp(factor[of_class]) == 0.0


def test_a_class_without_respondents_is_said():
    classes = np.array([1.0, 1.0, 2.0, 2.0, 3.0])
    responding = np.array([True, False, False, False, False])
    with pytest.raises(EmptySample, match=r"2 of 3 have none \(first: 2\.0\)"):
        class_factors(np.ones(5), responding, classes)


def test_bounds_are_quantiles_or_multiples_of_the_median():
    weights = np.array([1.0, 2.0, 3.0, 4.0, 50.0])
    assert trimming_bound(weights, 0.75, None) == 4.0
    assert trimming_bound(weights, None, 1.5) == 4.5


@pytest.mark.parametrize(
    ("quantile", "times", "message"),
    [
        (1.0, None, r"quantile must lie inside \(0, 1\); found 1.0"),
        (0.0, None, "quantile"),
        (None, 0.99, "times_median must be at least 1.*found 0.99"),
        (None, float("nan"), "times_median"),
    ],
)
def test_bounds_out_of_range_are_refused(quantile, times, message):
    with pytest.raises(StudyError, match=message):
        trimming_bound(np.ones(3), quantile, times)


def test_trimming_cuts_at_the_bound_and_nothing_else():
    weights = np.array([1.0, 2.0, 3.0, 4.0, 50.0])
    trimmed = trim(weights, np.ones(5), 3.5, redistribute=False)
    assert trimmed.tolist() == [1.0, 2.0, 3.0, 3.5, 3.5]


def test_redistribution_keeps_the_weighted_total_and_the_ratios_of_the_others():
    weights = np.array([1.0, 2.0, 3.0, 4.0, 50.0])
    above = np.array([1.0, 5.0, 2.0, 1.0, 3.0])
    trimmed = trim(weights, above, 3.5, redistribute=True)
    assert trimmed[3:].tolist() == [3.5, 3.5]
    np.testing.assert_allclose(np.sum(trimmed * above), np.sum(weights * above), rtol=1e-14)
    ratio = trimmed[:3] / weights[:3]
    assert ratio[0] > 1.0
    np.testing.assert_allclose(ratio, ratio[0], rtol=1e-15)


def test_nothing_to_cut_changes_nothing():
    weights = np.array([1.1, 2.3, 0.7])
    trimmed = trim(weights, np.array([3.0, 1.0, 2.0]), 2.3, redistribute=True)
    assert trimmed.tolist() == weights.tolist()


@pytest.mark.parametrize("cv", [0.2, 1.0, 2.0])
def test_noise_has_mean_one_and_the_coefficient_of_variation(cv):
    """Central moments of a gamma variable of mean 1: cv^2, and 3 cv^4 + 6 cv^6 for the fourth."""
    size = 200_000
    factor = noise_factors(stream_of(1, "noise"), cv, size)
    assert np.all(factor > 0.0)
    assert abs(factor.mean() - 1.0) < 4.5 * cv / np.sqrt(size)
    fourth = 3.0 * cv**4 + 6.0 * cv**6
    limit = 4.5 * np.sqrt((fourth - cv**4) / size)
    assert abs(np.mean((factor - 1.0) ** 2) - cv**2) < limit
    # the third moment, 2 cv^4, tells a gamma from a normal or lognormal variable
    third = np.mean((factor - 1.0) ** 3)
    lognormal = cv**4 * (3.0 + cv**2)
    assert abs(third - 2.0 * cv**4) < 0.5 * (lognormal - 2.0 * cv**4)


def test_noise_can_be_drawn_with_r_too():
    """A gamma variable of shape 1 is exponential: quantiles of R's uniform draws in closed form."""
    uniforms = RStream(123).uniform(4)
    np.testing.assert_allclose(
        noise_factors(RStream(123), 1.0, 4), -np.log1p(-uniforms), rtol=1e-13
    )


def test_no_noise_draws_nothing():
    stream, other = stream_of(1), stream_of(1)
    assert noise_factors(stream, 0.0, 3).tolist() == [1.0, 1.0, 1.0]
    assert stream.uniform(1) == other.uniform(1)


@pytest.mark.parametrize("cv", [-0.1, 5.1, float("nan")])
def test_noise_out_of_range_is_refused(cv):
    with pytest.raises(StudyError, match=r"cv must lie in \[0, 5\]"):
        noise_factors(stream_of(1), cv, 3)
