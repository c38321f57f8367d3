"""Draws: a replicate depends on seed, scenario and number; targets are what they are said to be."""

from copy import deepcopy
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from wemix_ref import mix
from wemix_ref.errors import StudyError
from wemix_ref.simulate.draws import Draws
from wemix_ref.simulate.replicates import run_replicates
from wemix_ref.simulate.study import STUDIES, load_study


def merged(by_model):
    """Targets of all models: here none differ between models."""
    return {name: value for own in by_model.values() for name, value in own.items()}


ROOT = Path(__file__).resolve().parents[2]
TINY = yaml.safe_load((ROOT / "tests" / "workflow" / "tiny-study.yaml").read_text())

#: One scenario without parameters, whose streams are those of the study's second one.
ALONE = {"factors": None, "scenarios": {"informative-true": {}}}


@pytest.fixture
def study(tmp_path):
    def make(**changes):
        path = tmp_path / "tiny.yaml"
        content = {key: value for key, value in {**TINY, **changes}.items() if value is not None}
        path.write_text(yaml.safe_dump(content, sort_keys=False))
        return load_study(path)

    return make


def drawn(study, scenario="informative-true", replicate=3):
    return Draws(study, study.scenario(scenario)).draw(replicate)


def test_the_same_key_gives_the_same_bits_and_another_key_others(study):
    one, again = drawn(study()), drawn(study(title="again", chunk=5))
    pd.testing.assert_frame_equal(one.frame, again.frame, check_exact=True)
    for name in one.weights:
        np.testing.assert_array_equal(one.weights[name], again.weights[name])
    others = [
        drawn(study(), replicate=4),
        drawn(study(), scenario="informative-false"),
        drawn(study(seed=12)),
    ]
    values = {one.frame["e"].iloc[0], *(other.frame["e"].iloc[0] for other in others)}
    assert len(values) == 4


def test_how_units_are_sampled_does_not_change_the_population(study):
    census = study(sampling={}, **ALONE)
    all_units = drawn(census).frame
    sampled = drawn(study()).frame
    merged = sampled.merge(all_units, on=["school", "teacher", "x", "e", "y"], how="left")
    assert len(merged) == len(sampled)
    assert merged["u_school_y"].notna().all()


def test_a_sample_has_exact_weights_level_by_level(study):
    one = drawn(study(), scenario="informative-false")
    assert len(one.frame) == 8 * 2 * 4
    # 8 of 12 schools with equal measures, all teachers, 4 of 6 students
    np.testing.assert_allclose(one.weights["school"], 1.5)
    np.testing.assert_allclose(one.weights["teacher"], 1.5)
    np.testing.assert_allclose(one.weights["student"], 1.5 * 1.5)


def test_targets_are_the_parameters_unless_stated(study):
    read = study()
    draws = Draws(read, read.scenario("informative-true"))
    targets = merged(draws.targets(draws.draw(0).population))
    assert targets == pytest.approx(
        {
            "(Intercept)": 1.0,
            "x": 0.5,
            "var school (Intercept)": 1.0,
            "var teacher (Intercept)": 0.49,
            "sigma2": 1.0,
        }
    )
    stated = study(target={"kind": "parameter", "values": {"x": "2 * informative"}})
    draws = Draws(stated, stated.scenario("informative-true"))
    assert merged(draws.targets(draws.draw(0).population))["x"] == 2.0


def test_a_target_may_be_the_fit_to_the_population_drawn(study):
    model = "y ~ x + (1 | school)"
    read = study(target={"kind": "population", "model": model, "reml": True})
    draws = Draws(read, read.scenario("informative-true"))
    one = draws.draw(2)
    targets = merged(draws.targets(one.population))
    fit = mix(model, one.population.frame(), reml=True)
    assert targets["x"] == fit.params["x"]
    components = fit.variance_components.set_index("group")["vcov"]
    assert targets["var school (Intercept)"] == components["school"]
    n, p = fit.X.shape
    ml = study(
        target={"kind": "population", "model": model, "reml": True, "residual_variance": "ml"}
    )
    draws = Draws(ml, ml.scenario("informative-true"))
    found = merged(draws.targets(draws.draw(2).population))
    assert found["sigma2"] == pytest.approx(fit.sigma**2 * (n - p) / n, rel=1e-13)
    assert found["sigma2"] < targets["sigma2"]


def test_a_finite_population_is_one_for_all_replicates_and_scenarios(study):
    population = {**TINY["population"], "kind": "finite"}
    read = study(population=population, target={"kind": "population"})
    here = Draws(read, read.scenario("informative-true"))
    there = Draws(read, read.scenario("informative-false"))
    first, second = here.draw(0), here.draw(1)
    assert first.population is second.population
    pd.testing.assert_frame_equal(
        first.population.frame(), there.draw(7).population.frame(), check_exact=True
    )
    assert here.targets(first.population) == there.targets(there.draw(0).population)
    assert set(first.frame["e"]) != set(second.frame["e"])


def test_names_leave_the_group_out_where_there_is_one(study):
    one = "y ~ x + (x | school)"
    read = study(model=one, population=_with_slope())
    scenario = read.scenario("informative-true")
    draws = Draws(read, scenario)
    assert set(merged(draws.targets(draws.draw(0).population))) >= {
        "var (Intercept)",
        "var x",
        "cov (Intercept),x",
        "sigma2",
    }
    rows = run_replicates(read, scenario, [0])
    assert set(rows["parameter"]) == {
        "(Intercept)",
        "x",
        "var (Intercept)",
        "var x",
        "cov (Intercept),x",
        "sigma2",
    }
    assert rows["target"].notna().all()


def _with_slope():
    population = deepcopy(TINY["population"])
    population["model"]["random"] = {
        "school": {"terms": ["(Intercept)", "x"], "sd": [1, 0.5], "correlation": 0.3}
    }
    return population


def test_the_first_replicate_of_school_teacher_is_the_data_of_the_blog():
    study = load_study(STUDIES / "school-teacher.yaml")
    frame = drawn(study, "schools-10_slip-true", 0).frame
    blog = pd.read_csv(ROOT / "resources" / "data" / "three-level-blog.csv")
    np.testing.assert_allclose(frame["y"], blog["y"], rtol=0, atol=1e-14)
    np.testing.assert_allclose(frame["x1"], blog["x1"], rtol=0, atol=1e-14)
    # with the slip off no effect is there twice
    whole = drawn(study, "schools-10_slip-false", 0).population
    assert len(set(whole.variables["u_school"].values)) == 10
    assert len(set(whole.variables["u_teacher"].values)) == 30
    rows = run_replicates(study, study.scenario("schools-10_slip-true"), [0])
    reml = rows[rows["analysis"] == "reml"].set_index("parameter")["estimate"]
    # as the blog prints them; its variances are those where lme4 stopped, whose deviance is
    # higher (the case of this data set holds every digit at lme4's theta)
    assert f"{reml['(Intercept)']:.5f}" == "0.37589"
    assert f"{reml['x1']:.5f}" == "0.35875"
    assert reml["var teacher (Intercept)"] == pytest.approx(1.226473, rel=2e-4)
    assert reml["var school (Intercept)"] == pytest.approx(0.4201496, rel=2e-4)


def targets_of(study):
    draws = Draws(study, study.scenario("informative-true"))
    return merged(draws.targets(draws.draw(0).population))


def test_a_model_that_leaves_a_level_out_keeps_its_own_levels_target(study):
    for group, variance in (("school", 1.0), ("teacher", 0.49), ("school:teacher", 0.49)):
        found = targets_of(study(model=f"y ~ x + (1 | {group})"))
        assert found["var (Intercept)"] == pytest.approx(variance)
    two = study(analyses={"a": {}, "b": {"model": "y ~ x + (1 | school)"}})
    assert targets_of(two)["var school (Intercept)"] == 1.0


def test_what_the_generating_model_lacks_is_zero_there(study):
    population = deepcopy(TINY["population"])
    population["covariates"]["z"] = {"level": "school", "distribution": "normal"}
    population["model"]["fixed"] = {"z:x": 0.25}
    model = "y ~ x * z + I(x^2) + (x | school) + (1 | teacher)"
    found = targets_of(study(population=population, model=model))
    assert found == pytest.approx(
        {
            "(Intercept)": 0.0,
            "x": 0.0,
            "z": 0.0,
            "x:z": 0.25,
            "var school (Intercept)": 1.0,
            "var school x": 0.0,
            "cov school (Intercept),x": 0.0,
            "var teacher (Intercept)": 0.49,
            "sigma2": 1.0,
        }
    )


def test_a_variance_that_differs_between_units_has_no_target(study):
    population = deepcopy(TINY["population"])
    population["model"]["residual"] = {"sd": "exp(0.1 * x)"}
    found = targets_of(study(population=population))
    assert "sigma2" not in found
    assert found["var school (Intercept)"] == 1.0


def test_an_error_names_file_scenario_and_replicate(study):
    read = study(sampling={"school": {"method": "srs", "size": "20"}}, **ALONE)
    with pytest.raises(StudyError, match=r"tiny.yaml, scenario 'informative-true', replicate 4: "):
        run_replicates(read, read.scenario("informative-true"), [4])


def test_r_seeds_go_up_with_the_replicate(study):
    changes = {"sampling": {"student": {"method": "srs", "size": 4}}, **ALONE}
    read, later = study(generator={"R": 100}, **changes), study(generator={"R": 98}, **changes)
    one, same = drawn(read, replicate=1), drawn(later, replicate=3)
    pd.testing.assert_frame_equal(one.frame, same.frame, check_exact=True)


def test_a_sample_without_units_is_rows_of_failed_fits(study):
    read = study(sampling={"school": {"method": "poisson", "probability": 1e-12}}, **ALONE)
    rows = run_replicates(read, read.scenario("informative-true"), [0, 1])
    assert list(rows["analysis"]) == ["unweighted", "weighted-wemix", "weighted-gllamm"] * 2
    assert set(rows["status"]) == {"failed"}
    assert rows["parameter"].isna().all()
    assert (rows["message"].str.len() > 10).all()


def test_a_sample_that_has_no_fit_is_a_failed_row_and_the_others_stand(study):
    # one school in the sample: no variance between schools, but one between teachers
    read = study(
        sampling={"school": {"method": "srs", "size": 1}},
        analyses={"three": {}, "two": {"model": "y ~ x + (1 | teacher)"}},
        **ALONE,
    )
    rows = run_replicates(read, read.scenario("informative-true"), [0])
    assert list(rows.loc[rows["analysis"] == "three", "status"]) == ["failed"]
    assert set(rows.loc[rows["analysis"] == "two", "status"]) == {"ok"}
    assert "school" in rows.loc[rows["analysis"] == "three", "message"].item()


def test_population_sample_and_scenarios_have_streams_of_their_own(study):
    read = study()
    first = [
        stream.normal(3).tolist()
        for name in ("informative-true", "informative-false")
        for stream in Draws(read, read.scenario(name))._streams(0)
    ]
    assert len({tuple(values) for values in first}) == 4
