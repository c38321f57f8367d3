"""Which parameters of a model have a value in the population's model, and which value."""

from __future__ import annotations

import numpy as np
import pytest
import yaml

from wemix_ref import mix
from wemix_ref.simulate.draws import Draws
from wemix_ref.simulate.population_specs import population_spec
from wemix_ref.simulate.populations import draw_population
from wemix_ref.simulate.replicates import run_replicates
from wemix_ref.simulate.streams import stream_of
from wemix_ref.simulate.study import load_study
from wemix_ref.simulate.true_values import true_values

CONTENT = {
    "levels": {"school": {"size": 400}, "pupil": {"size": 10}},
    "covariates": {
        "x": {"level": "pupil", "distribution": "normal", "mean": 1},
        "z": {"level": "pupil", "distribution": "normal"},
        "w": {"level": "school", "distribution": "normal", "mean": 0, "sd": 0.5},
        "xbar": {"level": "school", "expression": "mean(x)"},
        "xw": {"level": "pupil", "expression": "x - xbar"},
        "wide": {"level": "pupil", "expression": "2 * xw + 0 * z"},
        "sq": {"level": "pupil", "expression": "x * x"},
        "near": {"level": "pupil", "distribution": "normal", "mean": "x"},
    },
    "model": {
        "response": "y",
        "fixed": {"(Intercept)": 1, "x": 0.5, "xbar": 0.2, "w": 3, "x:w": 0.4, "z": 0},
        "random": {"school": {"terms": ["(Intercept)", "x"], "sd": [0.7, 0.3]}},
        "residual": {"sd": 0.5},
    },
    "derived": {"pas": {"level": "pupil", "expression": "100 * y"}},
}
GENERATING = "y ~ x + xbar + w + x:w + (x | school)"


@pytest.fixture(scope="module")
def population():
    spec = population_spec(CONTENT)
    return spec, draw_population(spec, {}, stream_of(1, "a", 0, 0))


def values(population, model):
    spec, drawn = population
    return true_values(model, spec, drawn.truth, False)


FIXED = {"(Intercept)": 1.0, "x": 0.5, "xbar": 0.2, "w": 3.0, "x:w": 0.4}
RANDOM = {
    "var school (Intercept)": 0.49,
    "var school x": 0.09,
    "cov school (Intercept),x": 0.0,
    "sigma2": 0.25,
}


@pytest.mark.parametrize(
    ("model", "fixed"),
    [
        (GENERATING, FIXED),
        # with all of its terms, a computed one more is zero; of a function nothing is said
        ("y ~ x + xbar + w + x:w + sq + (x | school)", {**FIXED, "sq": 0.0}),
        ("y ~ x + xbar + w + x:w + I(x^2) + (x | school)", FIXED),
        # a term left out is left out: nothing stands in for it
        ("y ~ x + z + (x | school)", {"(Intercept)": 1.0, "x": 0.5, "z": 0.0}),
        ("y ~ near + w + (x | school)", {"(Intercept)": 1.0, "near": 0.0, "w": 3.0}),
        ("y ~ x + w + w:x + (x | school)", {"(Intercept)": 1.0, "x": 0.5, "w": 3.0, "x:w": 0.4}),
        ("y ~ x*z + xbar + (x | school)",
         {"(Intercept)": 1.0, "x": 0.5, "z": 0.0, "xbar": 0.2, "x:z": 0.0}),
        # a computed term stands in for x: what shares x, and the intercept, mean something else
        ("y ~ xw + xbar + z + (x | school)", {"z": 0.0}),
        ("y ~ I(x - 3) + z + (x | school)", {"z": 0.0}),
        # ... through x:w also what shares w
        ("y ~ wide + w + near + (x | school)", {"near": 0.0}),
        ("y ~ 0 + x + xw + (x | school)", {}),
        # x:z has no coefficient in the population: nothing is left out that xw could stand in for
        ("y ~ x + xbar + w + x:w + xw:z + (x | school)", {**FIXED, "xw:z": 0.0}),
        # an offset moves its own variables and the intercept
        ("y ~ x + z + offset(z) + (x | school)", {"x": 0.5}),
        # another response has other parameters
        ("pas ~ x + (x | school)", None),
        ("log(y) ~ x + (x | school)", None),
    ],
)  # fmt: skip
def test_fixed_effects_that_have_a_value(population, model, fixed):
    expected = {} if fixed is None else {**fixed, **RANDOM}
    found = values(population, model)
    assert found == pytest.approx(expected, rel=1e-14)


@pytest.mark.parametrize(
    ("bars", "expected"),
    [
        ("(1 | school)", {"var school (Intercept)": 0.49}),
        ("(xw | school)", {}),
        ("(1 | school) + (0 + xw | school)", {}),
        ("(z + xw | school)", {"var school z": 0.0}),
        ("(I(x - 3) | school)", {}),
        ("(x + sq | school)", {
            **{name: value for name, value in RANDOM.items() if name != "sigma2"},
            "var school sq": 0.0, "cov school (Intercept),sq": 0.0, "cov school x,sq": 0.0}),
        ("(x + I(x^2) | school)",
         {name: value for name, value in RANDOM.items() if name != "sigma2"}),
        ("(w | school)", {
            "var school (Intercept)": 0.49, "var school w": 0.0, "cov school (Intercept),w": 0.0}),
    ],
)  # fmt: skip
def test_random_effects_that_have_a_value(population, bars, expected):
    found = values(population, f"y ~ x + xbar + w + x:w + {bars}")
    assert found == pytest.approx({**FIXED, **expected, "sigma2": 0.25}, rel=1e-14)


@pytest.fixture(scope="module")
def within_between():
    model = {
        **CONTENT["model"],
        "fixed": {"(Intercept)": 1, "xw": 0.5, "xbar": 0.2, "z": 3},
        "random": {"school": {"terms": ["(Intercept)", "xw"], "sd": [0.7, 0.3]}},
    }
    spec = population_spec({**CONTENT, "model": model})
    return spec, draw_population(spec, {}, stream_of(1, "a", 0, 0))


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        ("y ~ xw + xbar + z + (xw | school)", {
            "(Intercept)": 1.0, "xw": 0.5, "xbar": 0.2, "z": 3.0, "var school (Intercept)": 0.49,
            "var school xw": 0.09, "cov school (Intercept),xw": 0.0}),
        # x stands in for xw, in the fixed part and among the slopes
        ("y ~ x + xbar + z + (1 | school)", {"z": 3.0, "var school (Intercept)": 0.49}),
        ("y ~ xw + xbar + z + (x | school)",
         {"(Intercept)": 1.0, "xw": 0.5, "xbar": 0.2, "z": 3.0}),
        # w and z are drawn apart from x: nothing is said of them by what is left out
        ("y ~ z + w + (1 | school)",
         {"(Intercept)": 1.0, "z": 3.0, "w": 0.0, "var school (Intercept)": 0.49}),
    ],
)  # fmt: skip
def test_a_drawn_covariate_may_stand_in_for_a_computed_one(within_between, model, expected):
    assert values(within_between, model) == pytest.approx({**expected, "sigma2": 0.25}, rel=1e-14)


def test_a_coefficient_of_zero_may_be_stood_in_for(population):
    spec, drawn = population
    truth = {**drawn.truth, "x": 0.0, "x:w": 0.0}
    found = true_values("y ~ xw + xbar + (x | school)", spec, truth, False)
    # nothing of x is left out, so xw has none of it
    assert (found["(Intercept)"], found["xw"], found["xbar"]) == (1.0, 0.0, 0.2)


@pytest.mark.parametrize(
    "model",
    [
        GENERATING,
        "y ~ x + xbar + w + x:w + xw:z + (x | school)",
        "y ~ x*w + xbar + I(x^2) + (x | school)",
        "y ~ x*w + xbar + z + near + sq + (x | school)",
    ],
)
def test_fits_of_right_models_to_a_population_are_near_the_values(population, model):
    # every value given is that of the estimand: 4000 pupils, so errors of about 0.02
    fit = mix(model, population[1].frame())
    found = values(population, model)
    assert {"(Intercept)", "x", "xbar"} <= set(found)
    for name in fit.params.index.intersection(list(found)):
        assert abs(fit.params[name] - found[name]) < 4.5 * fit.bse[name]


def test_the_values_that_are_left_out_are_others(population):
    # what the former rule said of the model in x - xbar and xbar: 0 and 0.2
    fit = mix("y ~ xw + xbar + w + x:w + (x | school)", population[1].frame())
    assert abs(fit.params["xw"] - 0.5) < 4.5 * fit.bse["xw"]
    assert abs(fit.params["xbar"] - 0.7) < 4.5 * fit.bse["xbar"]
    assert "xw" not in values(population, "y ~ xw + xbar + w + x:w + (x | school)")


def test_targets_are_those_of_the_analysis_own_model(project_root, tmp_path):
    content = {
        "title": "t", "aims": "a", "seed": 1, "replicates": 2, "population": CONTENT,
        "model": "y ~ x + xbar + (1 | school)",
        "analyses": {
            "plain": {"weights": "none"},
            "within": {"weights": "none", "model": "y ~ xw + xbar + (1 | school)"},
            "scaled": {"weights": "none", "model": "pas ~ x + xbar + (1 | school)"},
        },
    }  # fmt: skip
    for kind in ("parameter", "population"):
        path = tmp_path / f"{kind}.yaml"
        path.write_text(yaml.safe_dump({**content, "target": {"kind": kind}}, sort_keys=False))
        study = load_study(path)
        rows = run_replicates(study, study.scenario("main"), [0])
        target = rows.set_index(["analysis", "parameter"])["target"]
        assert np.isnan(target["scaled"]).all()
        if kind == "parameter":
            assert (target["plain", "x"], target["plain", "xbar"]) == (0.5, 0.2)
            assert np.isnan(target["within", "xbar"])
        else:
            whole = Draws(study, study.scenario("main")).draw(0).population.frame()
            fit = mix("y ~ x + xbar + (1 | school)", whole)
            assert target["plain", "xbar"] == pytest.approx(fit.params["xbar"], rel=1e-12)
