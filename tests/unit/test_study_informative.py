"""Through what a design may be informative: what a file's expressions depend on."""

from __future__ import annotations

import pytest

from tests.unit import study_example as example
from wemix_ref.report.studies import describe
from wemix_ref.report.studies.informative import depends_on

BY_EFFECT = "round(10 * exp(0.5 * u_school)) + 2"
NOT = "not informative"
SCHOOL = "may be informative: depends on u_school"


def population(size=BY_EFFECT, **derived):
    """Schools of rooms of pupils; how many rooms a school has is stated."""
    return {
        "levels": {"school": {"size": 50}, "room": {"size": size}, "pupil": {"size": 4}},
        "covariates": {
            "x": {"level": "pupil", "distribution": "normal"},
            "z": {"level": "school", "expression": "mean(x)"},
            "normal": {"level": "school", "distribution": "uniform", "high": "exp(u_school)"},
        },
        "derived": derived,
        "model": {
            "response": "y",
            "fixed": {"(Intercept)": 1},
            "random": {"school": {"sd": 1}, "room": {"terms": ["(Intercept)", "x"], "sd": [1, 1]}},
            "residual": {"sd": 1},
        },
    }


def through(sampling, population, **sections):
    text = {"population": population, "sampling": sampling, **sections}
    return {one.level: one.through for one in describe.stages(text)}


def test_what_selection_depends_on_is_found_through_variables():
    population = {
        **example.POPULATION,
        "covariates": {
            **example.POPULATION["covariates"],
            "w": {"level": "school", "expression": "z + 1"},
        },
        "derived": {"s2": {"level": "school", "expression": "var(e)"}},
    }
    assert depends_on("s2 > 1", population) == (["e"], ["s2"])
    assert depends_on("exp(w)", population) == ([], ["w", "z", "x"])
    assert depends_on("mean(y)", population) == (["y"], [])
    assert depends_on("strength * 2", population) == ([], [])
    assert depends_on(0.5, population) == ([], [])


def test_texts_levels_and_distributions_are_no_variables():
    one = population(size=3, w={"level": "pupil", "distribution": "normal"})
    assert depends_on("where(kind in ('e', 'x'), 1, 2)", one) == ([], [])
    assert depends_on("where(kind == 'u_school', x, 1)", one) == ([], ["x"])
    # a covariate is called `normal` too, and depends on u_school
    assert depends_on("w", one) == ([], ["w"])
    assert depends_on("normal", one) == (["u_school"], ["normal"])
    # the argument of `count` is a level
    assert depends_on("count(room)", one, "school") == ([], [])


@pytest.mark.parametrize(
    ("expression", "level", "found"),
    [
        # schools are 50; how many rooms a school has depends on u_school, pupils of a room: not
        ("count()", "school", True),
        ("count()", "room", False),
        ("count(room)", "school", True),
        ("count(pupil)", "school", True),
        ("count(pupil)", "room", False),
        ("count(school)", "pupil", False),
        ("count(room)", "pupil", True),
        ("count(by=school)", "room", True),
        ("count(by=school)", "pupil", True),
        ("count(by=room)", "pupil", False),
        ("count", "school", False),
        ("min(6, count)", "room", True),
        ("count", "pupil", False),
        # sums over the pupils of a school, and of a room
        ("sum(x)", "school", True),
        ("sum(x)", "room", False),
        ("sum(x, by=school)", "pupil", True),
        ("sum(x, by=room)", "pupil", False),
        ("quantile(x, 0.5)", "school", True),
        ("sum(1 + x)", "school", True),
        ("sum(z)", "school", False),
        ("sum(count(by=room) + x)", "room", False),
        ("sum(where(x > 0, count(by=school), 1))", "room", True),
        ("mean(mean(x))", "school", True),
        ("quantile(0 * z, 1 / count())", "school", True),
        ("rank(x, by=room)", "pupil", False),
        ("rank(x, by=school)", "pupil", True),
        ("rank(x)", "pupil", True),
        ("index + position", "pupil", False),
    ],
)
def test_numbers_of_units_are_followed_into_the_sizes_of_their_levels(expression, level, found):
    # z and the sums name x, which is drawn whatever the effects are
    plain = {**population(), "covariates": {**population()["covariates"]}}
    plain["covariates"]["z"] = {"level": "school", "distribution": "normal"}
    random, covariates = depends_on(expression, plain, level)
    assert random == (["u_school"] if found else [])
    assert set(covariates) <= {"x", "z"}
    fixed = depends_on(expression, {**plain, "levels": population(size=3)["levels"]}, level)
    assert fixed == ([], covariates)


def test_sizes_are_followed_through_options_and_variables():
    drawn = {"distribution": "poisson", "mean": "exp(u_school)", "minimum": 2}
    assert depends_on("count()", population(drawn), "school")[0] == ["u_school"]
    by_variable = population("round(exp(normal))")
    assert depends_on("count()", by_variable, "school") == (["u_school"], ["normal"])
    one = population(3, w={"level": "school", "expression": "v + 1"})
    one["derived"]["v"] = {"level": "school", "expression": "mean(y)"}
    assert depends_on("w", one) == (["y"], ["w", "v"])
    counted = population(n={"level": "school", "expression": "count()"})
    assert depends_on("n", counted) == (["u_school"], ["n"])
    assert depends_on("u_room_x", counted) == (["u_room_x"], [])


def test_stages_say_whether_they_may_be_informative():
    text = {
        "population": example.POPULATION,
        "sampling": {"student": {"method": "srs", "size": "where(z > 0, 2, 6)", "weight": 2}},
    }
    school, student = describe.stages(text)
    assert (school.method, school.through) == ("census", NOT)
    assert student.through == "not informative given z, x"
    assert [key for key, _ in student.settings] == ["size", "weight"]


@pytest.mark.parametrize(
    ("stage", "told"),
    [
        ({"method": "sampford", "size": 9, "measure": "count()"}, SCHOOL),
        ({"method": "srs", "size": 9, "strata": "n"}, SCHOOL),
        ({"method": "srs", "size": 9}, NOT),
        ({"method": "srs", "rate": "where(kind in ('e', 'x'), 0.1, 0.2)"}, NOT),
        ({"method": "srs", "rate": "where(u_school > 0, 0.1, 0.2)"}, SCHOOL),
        ({"method": "poisson", "probability": "expit(u_school)"}, SCHOOL),
        ({"method": "census", "weight": "exp(u_school)"}, NOT + "; weights depend on u_school"),
        ({"method": "census", "weight": "exp(v)"}, NOT),
    ],
)
def test_every_setting_of_a_stage_is_followed(stage, told):
    one = population(
        n={"level": "school", "expression": "count() > 9"},
        v={"level": "school", "distribution": "normal"},
    )
    assert through({"school": stage}, one)["school"] == told


@pytest.mark.parametrize(
    ("stage", "told"),
    [
        ({"method": "srs", "size": "min(6, count)"}, SCHOOL),
        # of 6 units in each school, those of small schools are likelier
        ({"method": "srs", "size": 2}, SCHOOL),
        ({"method": "srs", "rate": 0.5}, SCHOOL),
        ({"method": "poisson", "size": 2}, SCHOOL),
        ({"method": "poisson", "rate": 0.5}, NOT),
        ({"method": "poisson", "probability": 0.5}, NOT),
        ({"method": "census"}, NOT),
    ],
)
def test_the_number_of_units_in_a_cell_decides_where_the_probability_depends_on_it(stage, told):
    assert through({"room": stage}, population()) == {"school": NOT, "room": told, "pupil": NOT}
    assert set(through({"room": stage}, population(3)).values()) == {NOT}


def test_nonresponse_is_followed_into_its_probability_and_its_classes():
    one = population(n={"level": "school", "expression": "count()"})

    def told(**nonresponse):
        text = {"population": one, "nonresponse": {"school": nonresponse}}
        ((_, _, through),) = describe.adjustments(text)
        return through

    assert told(probability="0.1 + 0.01 * n", adjust="none") == SCHOOL
    assert told(probability=0.5, adjust="exact") == NOT
    assert told(probability=0.5, adjust="n") == NOT + "; weights depend on u_school"
    assert told(probability="expit(z)", adjust="none").startswith(SCHOOL)
    one["levels"]["room"]["size"] = 3
    assert told(probability="expit(z)", adjust="n") == NOT + " given z, x"
