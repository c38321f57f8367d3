"""Populations: a printed data set to the last digits, moments, what depends on what, refusals."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import yaml

from wemix_ref.datasets import RESOURCES
from wemix_ref.errors import StudyError
from wemix_ref.simulate.populations import draw_population, population_spec
from wemix_ref.simulate.streams import RStream, stream_of

BLOG = """
levels: {school: {size: 10}, teacher: {size: 3}, student: {size: 5}}
covariates: {x1: {level: student, distribution: normal}}
model:
  response: y
  fixed: {x1: 0.5}
  random: {teacher: {sd: 1, recycle: 15}, school: {sd: 1, recycle: 5}}
  residual: {sd: 1}
order: [u_school, u_teacher, x1, e]
"""

FULL = """
kind: superpopulation
levels: {school: {size: n}, teacher: {size: 3}, student: {size: 4}}
covariates:
  z: {level: school, distribution: normal, mean: 1, sd: 2}
  x: {level: student, distribution: normal, mean: "0.5 * z"}
  xbar: {level: school, expression: "mean(x)"}
model:
  response: y
  fixed: {"(Intercept)": 3, x: 0.5, "x:xbar": "b / 10"}
  random:
    school: {sd: 1.5}
    teacher: {terms: ["(Intercept)", x], sd: [2, 0.5], correlation: r}
  residual: {sd: 0.7}
derived:
  s2: {level: school, expression: "var(e)"}
"""
PARAMETERS = {"n": 6, "b": 2.0, "r": 0.3}


def made(text, *changes, parameters=None, stream=None):
    """Draw from YAML, with changes given as path and value."""
    content = yaml.safe_load(text)
    for path, value in changes:
        at = content
        for key in path[:-1]:
            at = at[key]
        if value is None:
            del at[path[-1]]
        else:
            at[path[-1]] = value
    parameters = PARAMETERS if parameters is None else parameters
    return draw_population(population_spec(content), parameters, stream or stream_of(1, "p"))


def column(population, name):
    return population.variables[name].values


def test_the_blogs_three_level_data():
    """R: set.seed(123), five school effects and fifteen teacher effects recycled, x1, e1."""
    frame = made(BLOG, parameters={}, stream=RStream(123)).frame()
    printed = pd.read_csv(RESOURCES / "data" / "three-level-blog.csv")
    for ours, theirs in {
        "y": "y",
        "u_school": "e3",
        "u_teacher": "e2",
        "x1": "x1",
        "e": "e1",
    }.items():
        np.testing.assert_allclose(frame[ours], printed[theirs], rtol=1e-14, atol=1e-14)
    assert (frame["teacher"] + 1).tolist() == printed["tch"].tolist()
    assert frame["school"].tolist() == ["abcdefghij".index(name) for name in printed["sch"]]
    school = column(made(BLOG, parameters={}, stream=RStream(123)), "u_school")
    np.testing.assert_array_equal(school[:5], school[5:])


def test_the_order_decides_which_draws_are_whose():
    twin = RStream(5)
    expected = {"e": twin.normal(150), "x1": twin.normal(150), "u_teacher": twin.normal(30)}
    found = made(
        BLOG,
        (("order",), ["e", "x1", "u_teacher", "u_school"]),
        (("model", "random", "teacher"), {"sd": 2}),
        parameters={},
        stream=RStream(5),
    )
    np.testing.assert_array_equal(column(found, "e"), expected["e"])
    np.testing.assert_array_equal(column(found, "x1"), expected["x1"])
    np.testing.assert_array_equal(column(found, "u_teacher"), 2 * expected["u_teacher"])


def test_without_an_order_covariates_come_first_and_top_effects_before_lower_ones():
    twin = RStream(5)
    expected = [twin.normal(n) for n in (150, 5, 15, 150)]
    found = made(BLOG, (("order",), None), parameters={}, stream=RStream(5))
    for name, values in zip(("x1", "u_school", "u_teacher", "e"), expected, strict=True):
        np.testing.assert_array_equal(column(found, name)[: values.size], values)


def test_the_response_is_the_models():
    population = made(FULL)
    f = population.frame()
    expected = (
        3 + 0.5 * f.x + 0.2 * f.x * f.xbar + f.u_school + f.u_teacher + f.u_teacher_x * f.x + f.e
    )
    np.testing.assert_allclose(f.y, expected, rtol=1e-13)
    np.testing.assert_allclose(f.xbar, f.groupby("school").x.transform("mean"), rtol=1e-13)
    np.testing.assert_allclose(f.s2, f.groupby("school").e.transform("var"), rtol=1e-12)
    assert f.shape == (72, 11)


def test_ids_are_whole_numbers_from_0_and_strictly_nested():
    f = made(FULL).frame()
    assert sorted(f.school.unique()) == list(range(6))
    assert sorted(f.teacher.unique()) == list(range(18))
    assert len(f[["school", "teacher"]].drop_duplicates()) == 18
    assert f[["school", "teacher"]].drop_duplicates().school.value_counts().eq(3).all()
    assert (f.groupby("teacher").size() == 4).all()


def test_the_truth_is_named():
    assert made(FULL).truth == {
        "(Intercept)": 3.0,
        "x": 0.5,
        "x:xbar": 0.2,
        "var school (Intercept)": 2.25,
        "var teacher (Intercept)": 4.0,
        "var teacher x": 0.25,
        "cov teacher (Intercept),x": pytest.approx(0.3 * 2 * 0.5, rel=1e-15),
        "sigma2": pytest.approx(0.49, rel=1e-15),
    }
    heteroscedastic = made(FULL, (("model", "residual", "sd"), "exp(x / 4)"))
    assert "sigma2" not in heteroscedastic.truth
    by_teacher = made(FULL, (("model", "random", "school", "sd"), "exp(z / 9)"))
    assert "var school (Intercept)" not in by_teacher.truth
    assert by_teacher.truth["sigma2"] == pytest.approx(0.49)


def test_the_stream_alone_decides():
    first = made(FULL, stream=stream_of(1, "s", 3)).frame()
    pd.testing.assert_frame_equal(
        first, made(FULL, stream=stream_of(1, "s", 3)).frame(), check_exact=True
    )
    other = made(FULL, stream=stream_of(1, "s", 4)).frame()
    for name in ("z", "x", "u_school", "u_teacher", "u_teacher_x", "e", "y"):
        assert (first[name] != other[name]).all(), name


@pytest.mark.parametrize(
    ("law", "skewness"), [({}, 0.0), ({"distribution": "gamma", "shape": 4}, 1.0)]
)
def test_correlated_effects_have_their_covariances(law, skewness):
    """Three terms; limits from the Monte Carlo errors of the products themselves."""
    correlation = [[1, 0.5, -0.3], [0.5, 1, 0.2], [-0.3, 0.2, 1]]
    sd = [2.0, 0.5, 1.0]
    n = 40_000
    population = made(
        FULL,
        (("levels", "teacher", "size"), 2),
        (("levels", "student", "size"), 1),
        (("covariates", "w"), {"level": "student", "distribution": "bernoulli", "p": 0.5}),
        (
            ("model", "random", "teacher"),
            {"terms": ["(Intercept)", "x", "w"], "sd": sd, "correlation": correlation, **law},
        ),
        (("derived",), {}),
        parameters={**PARAMETERS, "n": n // 2},
    )
    u = np.stack([column(population, f"u_teacher{name}") for name in ("", "_x", "_w")])
    expected = np.diag(sd) @ np.array(correlation) @ np.diag(sd)
    products = u[:, None] * u
    error = products.std(axis=2) / np.sqrt(n)
    assert (np.abs(products.mean(axis=2) - expected) < 4.5 * error).all()
    assert (np.abs(u.mean(axis=1)) < 4.5 * np.array(sd) / np.sqrt(n)).all()
    cubes = (u[0] / 2.0) ** 3
    assert abs(cubes.mean() - skewness) < 4.5 * cubes.std() / np.sqrt(n)
    for i, a in enumerate(("(Intercept)", "x", "w")):
        assert population.truth[f"var teacher {a}"] == pytest.approx(expected[i, i])
    assert population.truth["cov teacher x,w"] == pytest.approx(expected[1, 2])


def test_effects_of_one_term_are_drawn_before_those_of_the_next():
    twin = RStream(2)
    x, school, first, second = (twin.normal(n) for n in (72, 6, 18, 18))
    population = made(
        FULL,
        (("covariates",), {"x": {"level": "student", "distribution": "normal"}}),
        (("model", "fixed"), {"x": 1}),
        stream=RStream(2),
    )
    np.testing.assert_array_equal(column(population, "u_school"), 1.5 * school)
    np.testing.assert_array_equal(column(population, "u_teacher"), 2 * first)
    mixed = 0.5 * (0.3 * first + np.sqrt(1 - 0.09) * second)
    np.testing.assert_allclose(column(population, "u_teacher_x"), mixed, rtol=1e-13, atol=1e-15)
    np.testing.assert_array_equal(column(population, "x"), x)


def test_the_residuals_sd_may_depend_on_a_covariate():
    population = made(
        FULL,
        (("model", "residual", "sd"), "where(x > 0, 3, 0.5)"),
        parameters={**PARAMETERS, "n": 2000},
    )
    f = population.frame()
    for high, sd in ((True, 3.0), (False, 0.5)):
        part = f.e[(f.x > 0) == high]
        # the square of a normal variable has variance 2 sd^4
        assert abs((part**2).mean() - sd**2) < 4.5 * sd**2 * np.sqrt(2 / part.size)


INFORMATIVE = """
levels:
  school: {size: 3000}
  student: {size: {distribution: poisson, mean: "exp(1.5 + 0.5 * u_school)", minimum: 1}}
model:
  response: y
  fixed: {"(Intercept)": 0}
  random: {school: {sd: 1}}
  residual: {sd: 1}
order: [u_school, e]
"""


def test_a_levels_random_size_may_depend_on_an_effect_drawn_before():
    population = made(INFORMATIVE, parameters={})
    sizes = population.hierarchy.counts(1)
    u = column(population, "u_school")
    mean = np.exp(1.5 + 0.5 * u)
    # a Poisson variable raised to 1 has mean m + exp(-m) and at most variance m + exp(-m)
    excess = sizes - mean - np.exp(-mean)
    scale = np.sqrt((mean + np.exp(-mean)).sum())
    assert abs(excess.sum()) < 4.5 * scale
    assert np.corrcoef(u, sizes)[0, 1] > 0.5
    assert sizes.min() == 1
    expression = made(
        INFORMATIVE,
        (("levels", "student", "size"), "where(u_school > 0, 7, 2)"),
        parameters={},
    )
    np.testing.assert_array_equal(
        expression.hierarchy.counts(1), np.where(column(expression, "u_school") > 0, 7, 2)
    )


def test_the_number_of_top_units_may_be_random():
    size = {"distribution": "integers", "low": 2, "high": "n"}
    found = {
        made(FULL, (("levels", "school", "size"), size), stream=stream_of(i)).hierarchy.size(0)
        for i in range(60)
    }
    assert found == {2, 3, 4, 5, 6}


def test_derived_variables_may_be_drawn_and_build_on_one_another():
    population = made(
        FULL,
        (("derived", "low"), {"level": "school", "expression": "s2 < median(s2)"}),
        (("derived", "noise"), {"level": "teacher", "distribution": "normal", "sd": "1 + low"}),
    )
    low = column(population, "low")
    assert low.dtype == np.float64
    assert low.tolist() == (column(population, "s2") < np.median(column(population, "s2"))).tolist()
    assert column(population, "noise").shape == (18,)


def test_a_covariate_can_be_recycled():
    population = made(FULL, (("covariates", "z", "recycle"), 4))
    z = column(population, "z")
    np.testing.assert_array_equal(z, np.resize(z[:4], 6))
    assert np.unique(z).size == 4


MODEL = ("model",)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ([(("levels",), {"a": {"size": 3}})], "at least two"),
        ([(("levels", "school", "size"), "n / 4")], r"levels.school.size: must be a whole.*1\.5"),
        ([(("levels", "school", "size"), 0)], "must be a whole number from 1"),
        ([(("levels", "school", "size"), "z")], r"levels\.school\.size: `z` must be a number"),
        ([(("levels", "student", "size"), "u_school")], r"student\.size: .*population\.order"),
        ([(("levels", "school", "size"), 10**8)], "may have 20000000 units"),
        ([(("levels", "student", "size"), -1)], "must be a whole number from 0.*18 of 18"),
        ([(("levels", "student", "size"), 0)], "must have a unit; the sizes of all 18 are 0"),
        ([(("covariates", "z", "level"), "town")], "must be one of school, teacher, student"),
        ([(("covariates", "z", "expression"), "1")], "and not both"),
        ([(("covariates", "z"), {"level": "school"})], "found neither"),
        ([(("covariates", "xbar", "sd"), 1)], "beside an expression only level"),
        ([(("covariates", "z", "distribution"), "cauchy")], "must be one of bernoulli.*'cauchy'"),
        ([(("covariates", "z", "shape"), 1)], "normal has the options mean, sd, and recycle"),
        (
            [(("covariates", "z"), {"level": "school", "distribution": "gamma"})],
            "gamma needs shape",
        ),
        ([(("covariates", "z", "sd"), "-1")], r"population\.covariates\.z: sd must be 0 or above"),
        ([(("covariates", "z", "mean"), "q +")], r"covariates\.z\.mean: `q \+` must be"),
        ([(("covariates", "z", "mean"), "x")], r"covariates\.z: .*`x` is not known here"),
        ([(("covariates", "z", "recycle"), 7)], "from 1 to the number of units, 6; it is 7"),
        ([(("covariates", "x", "recycle"), 7)], "parameters alone"),
        ([(("covariates", "e"), {"level": "school", "expression": 1})], "e is there more than"),
        (
            [(("covariates", "school"), {"level": "school", "expression": 1})],
            "school is there more",
        ),
        ([(("covariates", "index"), {"level": "school", "expression": 1})], "index cannot be a"),
        ([(("covariates", "n"), {"level": "school", "expression": 1})], "n is both"),
        ([((*MODEL, "fixed", "x:q"), 1)], r"fixed\.x:q: 'q' must be .*covariate \(z, x, xbar\)"),
        ([((*MODEL, "fixed", "x"), "z")], "parameters alone"),
        ([((*MODEL, "random", "student"), {"sd": 1})], "`student` are the residual"),
        ([((*MODEL, "random", "teacher", "sd"), [1])], "one number for each of the 2 terms; has 1"),
        ([((*MODEL, "random", "teacher", "terms"), ["x", "x"])], "each once"),
        ([((*MODEL, "random", "teacher", "terms"), ["(Intercept)", "q"])], "'q' must be"),
        ([((*MODEL, "random", "teacher", "correlation"), 1)], "positive definite"),
        ([((*MODEL, "random", "teacher", "correlation"), [[1, 0], [0.1, 1]])], "symmetric"),
        ([((*MODEL, "random", "teacher", "correlation"), [[1, 0]])], "2 rows of 2"),
        ([((*MODEL, "random", "school", "correlation"), 0.5)], "needs two terms"),
        ([((*MODEL, "random", "school", "sd"), "-b")], r"school\.sd: `-b` must be 0 or above"),
        ([((*MODEL, "random", "school", "distribution"), "t")], "t needs df"),
        ([((*MODEL, "random", "school", "distribution"), "poisson")], "must be one of gamma, lap"),
        ([((*MODEL, "residual", "sd"), "x")], r"residual\.sd: `x` must be 0 or above for every"),
        ([((*MODEL, "residual", "sd"), "q")], r"residual\.sd: .*`q` is not known"),
        ([((*MODEL, "residual", "recycle"), 3)], "options none; found recycle"),
        ([(("order",), ["z", "x", "u_school", "u_teacher"])], "order: e must be in it"),
        ([(("order",), ["z", "x", "e", "e", "u_school", "u_teacher"])], "each must stand once"),
        ([(("order",), ["z", "x", "u_school", "u_teacher_x", "e"])], "u_teacher_x cannot be drawn"),
    ],
)
def test_what_makes_no_sense_is_refused(changes, message):
    with pytest.raises(StudyError, match=message):
        made(FULL, *changes)


def test_an_order_may_leave_out_what_is_computed():
    found = made(FULL, (("order",), ["u_school", "z", "x", "u_teacher", "e"]))
    f = found.frame()
    np.testing.assert_allclose(f.xbar, f.groupby("school").x.transform("mean"), rtol=1e-13)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ([((*MODEL, "residual", "sd"), 1e308)], r"`e` must be at most .*`student`.* for 72 of 72"),
        ([((*MODEL, "residual", "sd"), 1e200)], "`e` must be at most 1e\\+140 in size"),
        (
            [((*MODEL, "residual"), {"sd": 1.0, "distribution": "lognormal", "sdlog": 40})],
            "`e` must be at most .*first: unit 0, nan",
        ),
        ([((*MODEL, "random", "school", "sd"), 1e200)], "`u_school` must be .*`school`.* 6 of 6"),
        ([((*MODEL, "random", "teacher", "sd"), [1, 1e200])], "`u_teacher_x` must be at most"),
        ([((*MODEL, "fixed", "x"), 1e308)], "`y` must be at most"),
        ([(("covariates", "z", "sd"), 1e308)], "`z` must be at most"),
        (
            [
                (
                    ("covariates", "z"),
                    {"level": "school", "distribution": "lognormal", "meanlog": 800},
                )
            ],
            "`z` must be .*first: unit 0, inf",
        ),
        ([(("derived", "s2", "expression"), "1e150 * var(e)")], "`s2` must be at most"),
        (
            [
                (("derived",), None),
                ((*MODEL, "residual"), {"sd": 1e155, "distribution": "gamma", "shape": 1e-40}),
            ],
            "model: sigma2 must be finite",
        ),
        (
            [(("levels", "student", "size"), {"distribution": "poisson", "mean": 1e300})],
            r"student\.size: mean must be at most 1e\+15; it is 1e\+300",
        ),
        (
            [
                (
                    ("levels", "student", "size"),
                    {"distribution": "uniform", "low": -1.7e308, "high": 1.7e308},
                )
            ],
            r"student\.size: a level may have 20000000 units; found inf",
        ),
        ([(("levels", "school", "size"), 1e300)], r"units; found 1e\+300"),
    ],
)
def test_what_overflows_is_refused_by_name(changes, message):
    with pytest.raises(StudyError, match=message):
        made(FULL, *changes)


def test_the_largest_variables_have_squares(recwarn):
    population = made(FULL, (("derived",), None), ((*MODEL, "residual", "sd"), 1e138))
    assert population.truth["sigma2"] == pytest.approx(1e276)
    assert np.isfinite(np.sum(column(population, "y") ** 2))
    assert not recwarn.list
