"""True values of parameters against products written out, and targets against direct fits."""

from __future__ import annotations

from copy import deepcopy

import numpy as np
import pytest
import yaml

from wemix_ref import mix
from wemix_ref.simulate import draws as draws_module
from wemix_ref.simulate.draws import Draws
from wemix_ref.simulate.estimates import estimates_of_fit, estimates_of_point
from wemix_ref.simulate.replicates import run_replicates
from wemix_ref.simulate.study import load_study
from wemix_ref.simulate.true_values import true_values


def merged(by_model):
    """Targets of all models: here none differ between models."""
    return {name: value for own in by_model.values() for name, value in own.items()}


SCENARIO = "informative-true"
MODEL = "y ~ x + z + (x + z | school) + (x | teacher)"
CORRELATIONS = [[1, 0.5, -0.4], [0.5, 1, 0.25], [-0.4, 0.25, 1]]

# sd 3, 0.5 and 2 for (Intercept), x and z; 0.8 and 1.5 for the teachers'; residual 1.7
TRUTH = {
    "(Intercept)": 1.0,
    "x": 0.5,
    "z": 0.0,
    "var school (Intercept)": 9.0,
    "var school x": 0.25,
    "var school z": 4.0,
    "cov school (Intercept),x": 0.5 * 3 * 0.5,
    "cov school (Intercept),z": -0.4 * 3 * 2,
    "cov school x,z": 0.25 * 0.5 * 2,
    "var teacher (Intercept)": 0.64,
    "var teacher x": 2.25,
    "cov teacher (Intercept),x": -0.6 * 0.8 * 1.5,
    "sigma2": 1.7**2,
}


@pytest.fixture
def study(project_root, tmp_path):
    tiny = yaml.safe_load((project_root / "tests" / "workflow" / "tiny-study.yaml").read_text())

    def make(random=None, residual=None, kind="superpopulation", levels=None, **changes):
        content = {**deepcopy(tiny), **changes}
        population = content["population"]
        population["kind"] = kind
        population["covariates"]["z"] = {"level": "student", "distribution": "normal", "mean": 1}
        if levels is not None:
            population["levels"] = levels
        if random is not None:
            population["model"]["random"] = random
        if residual is not None:
            population["model"]["residual"] = residual
        path = tmp_path / "tiny.yaml"
        path.write_text(yaml.safe_dump(content, sort_keys=False))
        return load_study(path)

    return make


def slopes(order=(0, 1, 2)):
    """Correlated slopes, the schools' terms in the order given."""
    terms, sds = ("(Intercept)", "x", "z"), (3, 0.5, "4 * half")
    return {
        "school": {
            "terms": [terms[i] for i in order],
            "sd": [sds[i] for i in order],
            "correlation": [[CORRELATIONS[i][j] for j in order] for i in order],
        },
        "teacher": {"terms": ["(Intercept)", "x"], "sd": [0.8, 1.5], "correlation": -0.6},
    }


def targets_of(study, replicate=0):
    draws = Draws(study, study.scenario(SCENARIO))
    return merged(draws.targets(draws.draw(replicate).population))


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0)])
def test_targets_of_correlated_slopes_are_products_of_sds_and_correlations(study, order):
    # the order in which the population's file names terms is not that of the model
    read = study(slopes(order), {"sd": 1.7}, model=MODEL, parameters={"half": 0.5})
    found = targets_of(read)
    assert found == pytest.approx(TRUTH, rel=1e-14)
    assert set(run_replicates(read, read.scenario(SCENARIO), [0])["parameter"]) == set(found)


def test_effects_are_drawn_with_the_covariance_that_is_the_target(study):
    n = 20_000
    levels = {"school": {"size": n}, "teacher": {"size": 1}, "student": {"size": 1}}
    some = {"school": {"method": "srs", "size": "where(informative, 10, 20)"}}
    read = study(
        slopes(), {"sd": 1.7}, levels=levels, model=MODEL, parameters={"half": 0.5}, sampling=some
    )
    draws = Draws(read, read.scenario(SCENARIO))
    population = draws.draw(0).population
    u = {
        name: population.variables[column].values
        for name, column in (
            ("(Intercept)", "u_school"),
            ("x", "u_school_x"),
            ("z", "u_school_z"),
        )
    }
    target = merged(draws.targets(population))
    pairs = [("(Intercept)", "x"), ("(Intercept)", "z"), ("x", "z")]
    names = {f"cov school {a},{b}": u[a] * u[b] for a, b in pairs}
    names |= {f"var school {a}": u[a] ** 2 for a in u}
    names["sigma2"] = population.variables["e"].values ** 2
    for name, products in names.items():
        assert products.size == n
        error = products.std(ddof=1) / np.sqrt(products.size)
        assert abs(products.mean() - target[name]) < 4.5 * error, name


def test_a_term_whose_sd_differs_between_units_has_no_target_but_the_others_do(study):
    random = slopes()
    random["teacher"]["sd"] = [0.8, "exp(0.1 * u_school)"]
    found = targets_of(study(random, {"sd": 1.7}, model=MODEL, parameters={"half": 0.5}))
    lost = {"var teacher x", "cov teacher (Intercept),x"}
    assert found == pytest.approx({k: v for k, v in TRUTH.items() if k not in lost}, rel=1e-14)


def test_targets_are_those_of_all_models_of_the_analyses(study):
    analyses = {"a": {}, "b": {"model": "y ~ 0 + z + (0 + x | school)"}}
    found = targets_of(study(slopes(), analyses=analyses, parameters={"half": 0.5}))
    names = ["(Intercept)", "x", "z", "var school (Intercept)", "var teacher (Intercept)"]
    expected = {name: TRUTH[name] for name in [*names, "var school x"]} | {"sigma2": 1.0}
    assert found == pytest.approx(expected, rel=1e-14)


def direct(fit):
    """A fit's estimates by our names, from its own table."""
    named = dict(fit.params)
    for row in fit.variance_components.itertuples():
        if row.var1 is None:
            named["sigma2"] = row.vcov
            continue
        group = {"school": "school", "school:teacher": "teacher"}[row.group]
        both = row.var1 if row.var2 is None else f"{row.var1},{row.var2}"
        named[f"{'var' if row.var2 is None else 'cov'} {group} {both}"] = row.vcov
    return named


@pytest.mark.parametrize("kind", ["superpopulation", "finite"])
@pytest.mark.parametrize("reml", [False, True])
@pytest.mark.parametrize("divisor", ["model", "ml"])
def test_a_population_target_is_the_unweighted_fit_to_all_units(study, kind, reml, divisor):
    model = "y ~ x + (x | school) + (1 | school:teacher)"
    target = {"kind": "population", "reml": reml, "residual_variance": divisor}
    random = {"school": {"terms": ["(Intercept)", "x"], "sd": [2, 1.5]}, "teacher": {"sd": 2}}
    levels = {"school": {"size": 12}, "teacher": {"size": 3}, "student": {"size": 6}}
    read = study(random, {"sd": 1.7}, kind=kind, levels=levels, model=model, target=target)
    draws = Draws(read, read.scenario(SCENARIO))
    fits = []
    for replicate in (0, 3):
        population = draws.draw(replicate).population
        frame = population.frame()
        assert len(frame) == 12 * 3 * 6
        fit = mix(model, frame, reml=reml)
        expected = direct(fit)
        if reml and divisor == "ml":
            n, p = len(frame), 2
            expected["sigma2"] *= (n - p) / n
        found = merged(draws.targets(population))
        assert found == pytest.approx(expected, rel=1e-12)
        fits.append(found)
    assert (fits[0] == fits[1]) is (kind == "finite")
    rows = run_replicates(read, read.scenario(SCENARIO), [3])
    for name, part in rows[rows["status"] == "ok"].groupby("parameter"):
        assert set(part["target"]) == {fits[1][name]}


@pytest.mark.parametrize(("kind", "times"), [("superpopulation", 3), ("finite", 1)])
def test_one_finite_population_is_fitted_once(study, kind, times, monkeypatch):
    read = study(kind=kind, target={"kind": "population"})
    real, fitted = draws_module.fit_design, []

    def counted(design, **options):
        fitted.append(design.n)
        return real(design, **options)

    monkeypatch.setattr(draws_module, "fit_design", counted)
    run_replicates(read, read.scenario(SCENARIO), [0, 1, 2])
    assert fitted == [12 * 2 * 6] * times


def test_a_group_that_is_no_level_has_no_true_variance(study):
    population = study().scenario(SCENARIO).population
    truth = {"x": 0.5, "var school (Intercept)": 4.0}
    model = "y ~ x + (x | region) + (1 | school)"
    found = true_values(model, population, truth, False)
    assert found == {"(Intercept)": 0.0, "x": 0.5, "var school (Intercept)": 4.0}


def test_a_parameter_that_the_targets_model_lacks_has_no_target(study):
    target = {"kind": "population", "model": "y ~ 1 + (1 | school)"}
    read = study(target=target)
    rows = run_replicates(read, read.scenario(SCENARIO), [0]).set_index("parameter")
    without = set(rows.index[rows["target"].isna()])
    assert without == {"x", "var teacher (Intercept)"}


POINT = {
    "beta": {"(Intercept)": 2.0, "x": 0.5, "z": -1.0},
    "se_beta": {"(Intercept)": 0.3, "x": 0.2, "z": None},
    "variance_components": [
        {"group": "school", "var1": "(Intercept)", "var2": None, "vcov": 4.0, "se": 0.7},
        {"group": "school", "var1": "x", "var2": None, "vcov": 0.5, "se": None},
        {"group": "school", "var1": "(Intercept)", "var2": "x", "vcov": -0.2},
        {"group": "Residual", "var1": None, "var2": None, "vcov": 2.0, "se": 0.4},
    ],
    "nobs": 12,
}


@pytest.mark.parametrize(
    ("reml", "divisor", "factor"),
    [(True, "ml", 9 / 12), (True, "model", 1.0), (False, "ml", 1.0), (False, "model", 1.0)],
)
def test_a_point_of_r_gives_estimates_by_name(reml, divisor, factor):
    # 12 rows and 3 coefficients: REML divides the residual sum of squares by 9, ML by 12
    named = estimates_of_point(POINT, reml, divisor, ("school", "student"), True)
    expected = {
        "(Intercept)": (2.0, 0.3),
        "x": (0.5, 0.2),
        "z": (-1.0, np.nan),
        "var (Intercept)": (4.0, 0.7),
        "var x": (0.5, np.nan),
        "cov (Intercept),x": (-0.2, np.nan),
        "sigma2": (2.0 * factor, 0.4 * factor),
    }
    assert list(named) == list(expected)
    for name, values in expected.items():
        assert named[name] == pytest.approx(values, rel=1e-14, nan_ok=True)


def test_ours_and_rs_points_are_named_and_divided_alike(study):
    read = study(slopes(), parameters={"half": 0.5})
    frame = Draws(read, read.scenario(SCENARIO)).draw(0).population.frame()
    fit = mix("y ~ x + (x | school) + (1 | school:teacher)", frame, reml=True)
    point = {
        "beta": dict(fit.params),
        "se_beta": dict(fit.bse),
        "variance_components": fit.variance_components.to_dict("records"),
        "nobs": fit.nobs,
    }
    levels = ("school", "teacher", "student")
    for divisor in ("model", "ml"):
        ours = estimates_of_fit(fit, divisor, levels, False)
        assert list(ours) == list(estimates_of_point(point, True, divisor, levels, False))
        for name, values in estimates_of_point(point, True, divisor, levels, False).items():
            assert ours[name] == pytest.approx(values, rel=1e-14, nan_ok=True)
