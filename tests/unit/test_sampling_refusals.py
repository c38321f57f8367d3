"""Sampling designs that cannot be: what is refused, and where in the file the message points."""

from __future__ import annotations

import pytest

from tests.unit.sampling_units import LEVELS, draw, eight_schools, spec_of
from wemix_ref.errors import StudyError
from wemix_ref.simulate.sampling import draw_sample, sampling_spec
from wemix_ref.simulate.streams import stream_of


@pytest.fixture(scope="module")
def population():
    return eight_schools()


BAD = [
    ({"sampling": {"class": {"method": "srs"}}}, r"`sampling` must name levels.*first: `class`"),
    ({"noise": {"pupil": {"cv": 1}}}, "`noise` must name levels"),
    ({"sampling": {"student": {"method": "sample"}}}, "must be one of census, srs.*'sample'"),
    ({"sampling": {"student": {"size": 2}}}, "`method` is missing"),
    ({"sampling": {"student": {"method": "srs", "n": 2}}}, "found `n`"),
    ({"sampling": {"student": {"method": "srs"}}}, "one of `size` and `rate`; found neither"),
    ({"sampling": {"student": {"method": "srs", "size": 1, "rate": 1}}}, "found both"),
    ({"sampling": {"student": {"method": "poisson"}}}, "or `probability`; found neither"),
    ({"sampling": {"student": {"method": "srs", "size": 1, "measure": 1}}}, "take out `measure`"),
    ({"sampling": {"student": {"method": "census", "size": 1}}}, "takes every unit; take out"),
    ({"sampling": {"student": {"method": "sampford", "size": 1}}}, "needs `measure`.*use srs"),
    (
        {"sampling": {"student": {"method": "pivotal", "probability": 0.5}}},
        "has a fixed size.*Poisson sampling takes",
    ),
    (
        {"sampling": {"student": {"method": "poisson", "probability": 0.5, "size": 2}}},
        "has its `probability` already; take out `size`",
    ),
    ({"nonresponse": {"student": {"probability": 1}}}, "`adjust` is missing"),
    ({"trimming": {"student": {"redistribute": True}}}, "one of `quantile` and.*found 0"),
    ({"trimming": {"student": {"quantile": 0.5, "times_median": 2}}}, "found 2"),
    ({"trimming": {"student": {"quantile": 0.5, "redistribute": 1}}}, "true or false; found 1"),
]  # fmt: skip


@pytest.mark.parametrize(("mapping", "message"), BAD)
def test_designs_that_say_nothing_or_too_much_are_refused(mapping, message):
    with pytest.raises(StudyError, match=message):
        sampling_spec(mapping, LEVELS)


IMPOSSIBLE = [
    ({"method": "srs", "size": 20}, r"above the units of a `teacher`.*Write min\(20, count\)"),
    ({"method": "srs", "size": 2.5}, r"size must be a whole number.*number 0, 2\.5"),
    ({"method": "srs", "size": 0}, "size must be a whole number from 1 on"),
    ({"method": "srs", "size": "1 + girl"}, "must be constant within a `teacher`; it varies in"),
    ({"method": "srs", "rate": 1.5}, r"rate must lie in \(0, 1\]"),
    ({"method": "poisson", "size": 0, "measure": 1}, "size must be positive"),
    ({"method": "poisson", "probability": "e"}, r"probability must lie in \(0, 1\].*Try expit"),
    ({"method": "poisson", "probability": 0}, "probability must lie in"),
    (
        {"method": "sampford", "size": 2, "measure": "e"},
        r"sampling\.student\.measure: `e`: must be positive.*try exp",
    ),
    (
        {"method": "sampford", "size": 1, "measure": "exp(100 * e)"},
        "must give every unit a probability above zero",
    ),
    ({"method": "srs", "size": 2, "weight": "e"}, r"student\.weight: `e`: must be positive"),
    ({"method": "srs", "size": 2, "measure": None}, "an expression must be"),
    ({"method": "srs", "size": "nobody"}, "`nobody` is not known"),
]  # fmt: skip


@pytest.mark.parametrize(("stage", "message"), IMPOSSIBLE)
def test_what_no_design_can_do_is_refused_before_anything_is_drawn(stage, message, population):
    """Also where the offending units might not have been reached: one school of eight."""
    if stage.get("measure", 1) is None:
        stage = {"method": "sampford", "size": 2, "measure": None}
    with pytest.raises(StudyError, match=message):
        draw(spec_of({"school": {"method": "srs", "size": 1}, "student": stage}), population)


def test_count_may_not_be_a_variable_too(population):
    spec = spec_of({"student": {"method": "srs", "size": "min(2, count)"}})
    with pytest.raises(StudyError, match="`count` is the number of units in a cell"):
        draw(spec, population, count=3.0)


def test_response_probabilities_are_checked(population):
    spec = spec_of(nonresponse={"student": {"probability": "e", "adjust": "none"}})
    with pytest.raises(
        StudyError, match=r"nonresponse\.student\.probability: `e`: probability must lie in"
    ):
        draw(spec, population)


SRS = {"method": "srs", "size": 2}
HALF = {"probability": 0.5, "adjust": "none"}


@pytest.mark.parametrize(
    ("mapping", "said"),
    [
        (
            {"sampling": {"school": {**SRS, "size": 99}}},
            r"^sampling\.school\.size: `99`: size must not be above the units of the population; i",
        ),
        ({"sampling": {"school": {**SRS, "size": 5, "strata": "region"}}}, "units of a stratum; "),
        (
            {"sampling": {"student": {**SRS, "size": 99, "strata": "girl"}}},
            "units of a `teacher` and stratum; ",
        ),
        (
            {"sampling": {"school": {"method": "srs", "rate": 2}}},
            r"sampling\.school\.rate: `2`: rate must lie in \(0, 1\] in the population; ",
        ),
        (
            {"sampling": {"school": {**SRS, "size": "1 + (u > 0)"}}},
            "constant within the population",
        ),
        (
            {"sampling": {"school": {**SRS, "strata": "e"}}},
            r"sampling\.school\.strata: `e`, column 1",
        ),
        ({"sampling": {"school": {**SRS, "size": "e"}}}, r"sampling\.school\.size: `e`, column 1"),
        ({"nonresponse": {"school": {**HALF, "adjust": "e"}}}, r"nonresponse\.school\.adjust: `e`"),
        (
            {"trimming": {"teacher": {"quantile": 2}}},
            r"^trimming\.teacher: quantile must lie inside",
        ),
        (
            {"trimming": {"teacher": {"times_median": 0.5}}},
            r"^trimming\.teacher: times_median must",
        ),
        ({"noise": {"teacher": {"cv": 7}}}, r"^noise\.teacher\.cv: cv must lie in"),
        ({"noise": {"teacher": {"cv": "e"}}}, r"^noise\.teacher\.cv: `e` must be a number"),
    ],
)
def test_what_a_sample_cannot_do_is_told_with_its_place(mapping, said, population):
    with pytest.raises(StudyError, match=said):
        draw_sample(sampling_spec(mapping, LEVELS), population, {}, stream_of(1))
