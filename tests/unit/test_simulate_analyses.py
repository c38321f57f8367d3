"""Analyses: weights used level by level equal what mix() makes of the same columns."""

import numpy as np
import pandas as pd
import pytest

from wemix_ref import mix
from wemix_ref.design import build_design
from wemix_ref.errors import StudyError
from wemix_ref.fit import fit_design
from wemix_ref.simulate.analyses import (
    FitKey,
    analyses_of,
    design_of,
    level_names,
    problem_of,
    sample_design,
)

NAMES = ("school", "teacher", "student")
MODEL = "y ~ x + (1 | school/teacher)"


@pytest.fixture(scope="module")
def sample():
    rng = np.random.default_rng(8)
    # ids are unique over the population, and neither sorted by size nor without gaps
    school = np.repeat([5, 2, 9, 4, 7, 11], 12)
    teacher = np.repeat(np.arange(18) * 3 + 1, 4)
    frame = pd.DataFrame({"school": school, "teacher": teacher, "x": rng.normal(size=72)})
    frame["y"] = (
        0.5 * frame["x"]
        + rng.normal(size=12)[school]
        + rng.normal(size=60)[teacher]
        + rng.normal(size=72)
    )
    w3 = rng.uniform(1, 4, 12)[school]
    w2 = w3 * rng.uniform(1, 4, 60)[teacher]
    w1 = w2 * rng.uniform(1, 4, 72)
    return frame, {"school": w3, "teacher": w2, "student": w1}


def key(weights, scale="none", model=MODEL, reml=False):
    return FitKey("python", model, weights, scale, reml)


def fit_sample(key, frame, names, weights, designs):
    return fit_design(design_of(key, frame, names, weights, designs), reml=key.reml)


def by_mix(frame, weights, **options):
    data = frame.assign(w1=weights["student"], w2=weights["teacher"], w3=weights["school"])
    return mix(MODEL, data, ["w1", "w2", "w3"], **options)


@pytest.mark.parametrize("scale", ["none", "size", "effective", "gk"])
@pytest.mark.parametrize(
    ("used", "use"),
    [
        ("all", [True, True, True]),
        ("level-1", [True, False, False]),
        ("top", [False, False, True]),
        (("school", "student"), [True, False, True]),
    ],
)
def test_uses_and_scalings_are_those_of_mix(sample, used, use, scale):
    frame, weights = sample
    ours = fit_sample(key(used, scale), frame, NAMES, weights, {})
    theirs = by_mix(frame, weights, use=use, scale=scale)
    np.testing.assert_allclose(ours.deviance, theirs.deviance, rtol=1e-12)
    np.testing.assert_allclose(ours.params, theirs.params, rtol=1e-8, atol=1e-10)
    np.testing.assert_allclose(ours.bse, theirs.bse, rtol=1e-7)
    assert ours.weighted
    assert ours.se_recipe == "wemix"


def test_no_weights_is_no_weights(sample):
    frame, weights = sample
    ours = fit_sample(key("none", reml=True), frame, NAMES, weights, {})
    assert ours.deviance == mix(MODEL, frame, reml=True).deviance
    assert not ours.weighted


def test_total_weights_take_the_place_of_the_conditional_ones(sample):
    frame, weights = sample
    design = build_design(MODEL, frame)
    total = sample_design(design, key("total"), NAMES, weights)
    own = sample_design(design, key("all"), NAMES, weights)
    np.testing.assert_allclose(total.omega_cond, weights["student"], rtol=1e-14)
    for ours, theirs in zip(total.levels, own.levels, strict=True):
        np.testing.assert_array_equal(ours.psi_cond, theirs.psi_cond)
    only = sample_design(design, key("total-only"), NAMES, weights)
    np.testing.assert_allclose(only.omega_cond, weights["student"], rtol=1e-14)
    assert all((level.psi == 1.0).all() for level in only.levels)


def test_a_level_that_the_model_lacks_is_passed_over(sample):
    frame, weights = sample
    two = "y ~ x + (1 | school)"
    design = build_design(two, frame)
    weighted = sample_design(design, key("all", model=two), NAMES, weights)
    # given the school, a student's weight is the product over teacher and student
    np.testing.assert_allclose(
        weighted.omega_cond, weights["student"] / weights["school"], rtol=1e-14
    )
    with pytest.raises(StudyError, match="teacher"):
        sample_design(design, key(("teacher",), model=two), NAMES, weights)


def test_a_grouping_factor_that_is_no_level_has_no_weights(sample):
    frame, weights = sample
    frame = frame.assign(area=frame["school"] % 3)
    other = "y ~ x + (1 | area)"
    with pytest.raises(StudyError, match="area"):
        sample_design(build_design(other, frame), key("all", model=other), NAMES, weights)
    assert level_names(build_design(MODEL, frame), NAMES) == ("teacher", "school")


def test_precision_weights_maximise_the_likelihood_with_variance_over_w(sample):
    frame, weights = sample
    fit = fit_sample(key("precision"), frame, NAMES, weights, {})
    w = weights["student"]
    X = np.column_stack([np.ones(len(frame)), frame["x"]])
    y = frame["y"].to_numpy()
    school = (frame["school"].to_numpy()[:, None] == frame["school"].to_numpy()).astype(float)
    teacher = (frame["teacher"].to_numpy()[:, None] == frame["teacher"].to_numpy()).astype(float)

    def llf(sd_teacher, sd_school, sigma):
        V = sd_teacher**2 * teacher + sd_school**2 * school + np.diag(sigma**2 / w)
        inverse = np.linalg.inv(V)
        beta = np.linalg.solve(X.T @ inverse @ X, X.T @ inverse @ y)
        r = y - X @ beta
        return -0.5 * (np.linalg.slogdet(V)[1] + r @ inverse @ r), beta

    at = (*(fit.theta.to_numpy() * fit.sigma), fit.sigma)
    best, beta = llf(*at)
    np.testing.assert_allclose(fit.params, beta, rtol=1e-9)
    for place in range(3):
        for step in (-1e-3, 1e-3):
            moved = [value * (1 + step * (place == k)) for k, value in enumerate(at)]
            assert llf(*moved)[0] < best
    # and it is not the fit with sampling weights
    assert abs(fit.sigma - by_mix(frame, weights, use=[True, False, False]).sigma) > 0.01


@pytest.mark.parametrize("used", ["all", "level-1", "top", "total"])
@pytest.mark.parametrize("scale", ["none", "gk"])
def test_the_problem_for_other_engines_is_the_same_fit(sample, used, scale):
    frame, weights = sample
    problem = problem_of(key(used, scale), frame, NAMES, weights, case="x")
    assert problem.weights == ["w1", "w2", "w3"]
    theirs = mix(problem.formula, problem.data, problem.weights)
    ours = fit_sample(key(used, scale), frame, NAMES, weights, {})
    np.testing.assert_allclose(ours.deviance, theirs.deviance, rtol=1e-12)


def test_ids_go_to_other_engines_in_one_order_as_text_and_as_numbers(sample):
    frame, weights = sample
    data = problem_of(key("all"), frame, NAMES, weights, case="x").data
    for level in ("school", "teacher"):
        assert data[level].map(int).tolist() == frame[level].tolist()
        by_text = data[level].sort_values(kind="stable").index
        assert list(by_text) == list(frame[level].sort_values(kind="stable").index)
    assert max(frame["teacher"]) > 9


def test_the_problem_keeps_its_weights_off_the_models_columns(sample):
    frame, weights = sample
    frame = frame.rename(columns={"x": "w1"})
    model = "y ~ w1 + (1 | school/teacher)"
    problem = problem_of(key("all", model=model), frame, NAMES, weights, case="x")
    np.testing.assert_array_equal(problem.data["w1"], frame["w1"])
    assert problem.weights == ["w1_", "w2", "w3"]
    alone = problem_of(key("precision", model=model), frame, NAMES, weights, case="x")
    assert alone.precision_weights == "w1_"


def test_a_list_makes_one_analysis_of_each_value():
    read = analyses_of(
        {"w": {"weights": "all", "scale": ["none", "gk"], "se": ["wemix", "stata"]}}, MODEL, NAMES
    )
    assert [a.name for a in read] == ["w-none-wemix", "w-none-stata", "w-gk-wemix", "w-gk-stata"]
    assert len({a.fit for a in read}) == 2
    one = analyses_of({"w": {"weights": "all", "scale": "gk"}}, MODEL, NAMES)
    assert [(a.name, a.se) for a in one] == [("w", "wemix")]
    assert analyses_of({"u": {}}, MODEL, NAMES)[0].se == "model"
    by_lme4 = {"l": {"weights": "all", "engine": "lme4-weighted"}}
    assert analyses_of(by_lme4, MODEL, NAMES)[0].se == "model"


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"weights": "all", "reml": True}, "REML"),
        ({"reml": True, "se": "wemix"}, "REML"),
        ({"weights": "none", "scale": "gk"}, "scale"),
        ({"weights": "precision", "se": "wemix"}, "precision"),
        ({"weights": "all", "engine": "lme4"}, "lme4"),
        ({"weights": "none", "engine": "wemix"}, "wemix"),
        ({"weights": "all", "engine": "lme4-weighted", "se": "wemix"}, "lme4"),
        ({"weights": "all", "engine": "wemix", "se": "stata"}, "WeMix"),
        ({"weights": "some"}, "some"),
        ({"weights": ["pupil"]}, "pupil"),
    ],
)
def test_options_that_do_not_go_together_are_refused(options, match):
    with pytest.raises(StudyError, match=match):
        analyses_of({"a": options}, MODEL, NAMES)


def test_two_analyses_of_one_name_are_refused():
    with pytest.raises(StudyError, match="a-gk"):
        analyses_of({"a": {"weights": "all", "scale": ["gk"]}, "a-gk": {}}, MODEL, NAMES)


def test_fit_design_is_what_mix_does(sample):
    frame, _ = sample
    assert fit_design(build_design(MODEL, frame)).deviance == mix(MODEL, frame).deviance
