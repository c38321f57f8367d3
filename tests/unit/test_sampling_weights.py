"""Weights of samples: as coded, adjusted for nonresponse, trimmed and with noise."""

from __future__ import annotations

import numpy as np
import pytest

from tests.unit.sampling_units import (
    DESIGNS,
    DRAWS,
    SCHOOLS,
    assert_means,
    draw,
    eight_schools,
    spec_of,
)


@pytest.fixture(scope="module")
def population():
    return eight_schools()


def test_weights_as_coded_stand_in_for_one_over_the_probability(population):
    spec = spec_of(
        {
            "school": {"method": "census", "weight": 2},
            "student": {"method": "srs", "size": 2, "weight": "count / 3"},
        }
    )
    sample = draw(spec, population)
    assert np.all(sample.conditional(0) == 2.0)
    counts = population.hierarchy.counts(2)[population.hierarchy.parents[2][sample.rows]]
    np.testing.assert_allclose(sample.conditional(2), counts / 3)
    np.testing.assert_allclose(sample.probabilities[2][sample.rows], 2 / counts)


def test_exact_adjustment_gives_unbiased_totals_and_none_does_not(population):
    y = population.variables["y"].values
    totals = {}
    for adjust in ("exact", "none"):
        spec = spec_of(
            DESIGNS["srs"],
            nonresponse={
                "teacher": {"probability": 0.9, "adjust": adjust},
                "student": {"probability": "expit(1 - e)", "adjust": adjust},
            },
        )
        samples = [draw(spec, population, replicate) for replicate in range(DRAWS)]
        totals[adjust] = np.array([s.unconditional(2) @ y[s.rows] for s in samples])
    assert_means(totals["exact"][:, None], [y.sum()])
    mean, error = totals["none"].mean(), totals["none"].std() / np.sqrt(DRAWS)
    assert mean + 20.0 * error < y.sum()
    counts = population.hierarchy.counts(2)[population.hierarchy.parents[2][samples[0].rows]]
    low = population.variables["low"].values[population.hierarchy.parents[2][samples[0].rows]]
    np.testing.assert_allclose(samples[0].conditional(2), counts / np.where(low, 2, 4))


def test_classes_give_respondents_the_weight_of_all_selected(population):
    """Nonresponse comes after the selection: the same draws without it show who was selected."""
    sampling = {
        "school": {"method": "sampford", "size": 6, "measure": "exp(u)"},
        "student": {"method": "srs", "size": 4},
    }
    nonresponse = {"student": {"probability": "expit(1 - e)", "adjust": "girl"}}
    all_selected = draw(spec_of(sampling), population)
    sample = draw(spec_of(sampling, nonresponse=nonresponse), population)
    assert 0 < sample.rows.size < all_selected.rows.size
    assert set(sample.rows) < set(all_selected.rows)
    girl = population.variables["girl"].values
    for value in (True, False):
        ours = sample.unconditional(2)[girl[sample.rows] == value].sum()
        theirs = all_selected.unconditional(2)[girl[all_selected.rows] == value].sum()
        np.testing.assert_allclose(ours, theirs, rtol=1e-13)
    np.testing.assert_array_equal(
        sample.probabilities[2], all_selected.probabilities[2]
    )  # of the design alone


def test_trimming_with_redistribution_keeps_the_levels_weighted_total(population):
    sampling = DESIGNS["sampford"]
    plain = draw(spec_of(sampling), population, strength=1.0)
    trimming = {"student": {"times_median": "factor", "redistribute": True}}
    parameters = {"strength": 1.0, "factor": 1.3}
    trimmed = draw(spec_of(sampling, trimming=trimming), population, **parameters)
    np.testing.assert_array_equal(plain.rows, trimmed.rows)
    bound = 1.3 * np.median(plain.conditional(2))
    cut = plain.conditional(2) > bound
    assert 0 < cut.sum() < cut.size / 2
    assert np.all(trimmed.conditional(2)[cut] == bound)
    np.testing.assert_array_equal(plain.conditional(0), trimmed.conditional(0))
    np.testing.assert_allclose(
        trimmed.unconditional(2).sum(), plain.unconditional(2).sum(), rtol=1e-13
    )


def test_trimming_is_over_the_units_of_the_level_not_over_rows(population):
    """Schools of the sample count once each, however many rows they have."""
    sampling = {"school": {"method": "sampford", "size": 5, "measure": "exp(u)"}}
    plain = draw(spec_of(sampling), population)
    trimmed = draw(spec_of(sampling, trimming={"school": {"quantile": 0.6}}), population)
    weights = plain.weights[0]
    bound = np.quantile(weights[~np.isnan(weights)], 0.6)
    assert np.nansum(weights > bound) == 2
    np.testing.assert_array_equal(trimmed.weights[0], np.minimum(weights, bound))


def test_noise_multiplies_the_weights_of_its_level_alone(population):
    sampling = DESIGNS["srs"]
    plain = draw(spec_of(sampling), population)
    noisy = draw(spec_of(sampling, noise={"school": {"cv": "0.5 * k"}}), population, k=1.0)
    np.testing.assert_array_equal(noisy.rows, plain.rows)
    np.testing.assert_array_equal(noisy.conditional(2), plain.conditional(2))
    chosen = ~np.isnan(plain.weights[0])
    factor = (noisy.weights[0] / plain.weights[0])[chosen]
    assert np.unique(factor).size == 3
    assert np.isnan(noisy.weights[0][~chosen]).all()
    draws = [
        draw(spec_of(sampling, noise={"school": {"cv": 0.5}}), population, r) for r in range(1000)
    ]
    base = SCHOOLS / 3
    assert_means([[np.nanmean(s.weights[0]) / base] for s in draws], [1.0])
