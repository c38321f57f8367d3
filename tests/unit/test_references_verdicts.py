"""What became of a number of R: each verdict, and what it takes."""

from __future__ import annotations

import dataclasses
import math

import pytest

from wemix_ref.references.judge import ROOM
from wemix_ref.references.verdicts import VERDICTS, Row, row_of, verdict_of
from wemix_ref.verdicts import Number

NUMBER = Number(
    "same-theta", "lme4", "sigma", "", 2.0, 2.0, "lme4", "recorded", 16.0, 12.0, "agrees", True,
    "The same algebra at the same theta.",
)  # fmt: skip
NAMING = {
    "case": "c",
    "engine": "lme4",
    "reference": "c.lme4-1",
    "recorded_version": "1",
    "live_version": "2",
}


def number(ok, theirs=2.0):
    return dataclasses.replace(NUMBER, ok=ok, theirs=theirs)


GOOD, BAD, SHOWN = number(True), number(False, 3.0), number(None)


@pytest.mark.parametrize(
    ("before", "now", "digits", "verdict"),
    [
        (GOOD, GOOD, 16.0, "same"),
        (GOOD, GOOD, 0.0, "same"),  # both agree with ours: the optimiser stopped elsewhere
        (GOOD, BAD, 0.5, "worsened"),
        (GOOD, BAD, 16.0, "worsened"),
        (GOOD, None, None, "worsened"),
        (GOOD, SHOWN, 16.0, "changed"),
        (BAD, GOOD, 0.5, "fixed"),
        (BAD, BAD, 12.0, "same"),
        (BAD, BAD, 11.9, "changed"),
        (BAD, BAD, None, "changed"),
        (BAD, SHOWN, 12.0, "same"),
        (BAD, None, None, "changed"),
        (None, GOOD, None, "new"),
        (None, BAD, None, "new"),
        (SHOWN, GOOD, 16.0, "new"),
        (SHOWN, SHOWN, 16.0, None),
        (SHOWN, None, None, None),
        (None, SHOWN, None, None),
    ],
)
def test_verdicts(before, now, digits, verdict):
    assert verdict_of(before, now, digits, 12.0) == verdict
    assert verdict is None or verdict in VERDICTS


def test_where_nothing_is_expected_a_wrong_number_is_the_same_to_the_last_digit_only():
    assert verdict_of(BAD, BAD, 16.0, None) == "same"
    assert verdict_of(BAD, BAD, 15.9, None) == "changed"
    assert verdict_of(BAD, BAD, 1.0, 0.5) == "same"


def with_digits(digits, **changes):
    return dataclasses.replace(GOOD, digits=digits, **changes)


@pytest.mark.parametrize(
    ("digits", "expected", "verdict"),
    [
        (12.0, 12.0, "same"),
        (11.9, 12.0, "worsened"),
        (11.9, None, "same"),
        (math.nan, 12.0, "worsened"),
        (None, 12.0, "same"),
    ],
)
def test_a_number_that_agrees_to_fewer_digits_than_expected_is_worsened(digits, expected, verdict):
    assert verdict_of(GOOD, with_digits(digits), 16.0, expected) == verdict


def test_a_number_is_not_fixed_by_agreeing_to_fewer_digits_than_expected():
    assert verdict_of(BAD, with_digits(11.9), 1.0, 12.0) == "changed"
    assert verdict_of(BAD, with_digits(11.9), 12.0, 12.0) == "same"
    assert verdict_of(BAD, with_digits(12.0), 1.0, 12.0) == "fixed"


def test_the_row_says_how_many_digits_and_why():
    row = row_of(NAMING, GOOD, with_digits(9.5), (12.0, "Nothing was rounded."))
    assert (row.verdict, row.digits_ours, row.expected) == ("worsened", 9.5, 12.0)
    assert row.why == "12 digits are expected. Nothing was rounded."
    row = row_of(NAMING, GOOD, with_digits(math.nan), (12.0, "Nothing was rounded."))
    assert (row.verdict, row.digits_ours) == ("worsened", None)
    row = row_of(NAMING, GOOD, with_digits(13.0), (12.0, "Nothing was rounded."))
    assert (row.verdict, row.why) == ("same", NUMBER.why)


def test_a_row_holds_both_sides():
    row = row_of(NAMING, BAD, dataclasses.replace(GOOD, theirs=2.0, ours=2.5), (12.0, "w"))
    assert row == Row(
        **NAMING,
        tier="same-theta",
        quantity="sigma",
        name="",
        recorded=3.0,
        live=2.0,
        ours=2.5,
        digits=pytest.approx(math.log10(3)),
        digits_ours=16.0,
        expected=12.0,
        agreed=False,
        agrees=True,
        verdict="fixed",
        why=NUMBER.why,
    )
    assert row.as_dict()["verdict"] == "fixed"


def test_a_row_of_one_side_alone():
    gone = row_of(NAMING, GOOD, None, (12.0, "w"))
    assert (gone.recorded, gone.live, gone.digits, gone.agrees) == (2.0, None, None, None)
    new = row_of(NAMING, None, BAD, None)
    assert (new.recorded, new.live, new.digits, new.agreed) == (None, 3.0, None, None)
    nan = row_of(NAMING, GOOD, number(False, None), (12.0, "w"))
    assert (nan.live, nan.digits, nan.verdict) == (None, None, "worsened")
    assert row_of(NAMING, SHOWN, SHOWN, None) is None


@pytest.mark.parametrize(
    ("recorded", "live", "verdict"),
    [
        (247.9945, 247.9945 + 0.9e-5, "same"),
        (247.9945, 247.9945 + 1.1e-5, "worsened"),
        (247.9945, 255.7, "worsened"),
        (255.7, 247.9945, "same"),
        (1e9, 1e9 + 0.05, "same"),
        (1e9, 1e9 + 0.2, "worsened"),
    ],
)
def test_an_optimum_that_rises_is_worse_though_any_height_above_ours_agrees(
    recorded, live, verdict
):
    deviance = dataclasses.replace(NUMBER, tier="own-optimum", quantity="deviance")
    before, now = (dataclasses.replace(deviance, theirs=value) for value in (recorded, live))
    expected = (-math.log10(max(ROOM, 1e-10 * recorded) / recorded), "It must not rise.")
    row = row_of(NAMING, before, now, expected)
    assert row.verdict == verdict
    assert ("must not rise" in row.why) is (verdict == "worsened")
    # at one theta it is held against ours
    at_theta = (dataclasses.replace(one, tier="same-theta") for one in (before, now))
    assert row_of(NAMING, *at_theta, expected).verdict == "same"
    # one that was below ours was no minimum of the model: ours is the measure
    below = dataclasses.replace(before, ok=False)
    assert row_of(NAMING, below, now, expected).verdict == "fixed"
