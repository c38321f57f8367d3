"""Classes of printed numbers: each holds where it must, and gives way where it must not."""

from __future__ import annotations

import math

import pytest

from wemix_ref.errors import CaseError
from wemix_ref.published.classes import CLASSES
from wemix_ref.published.judge import (
    gap_in_units,
    judge,
    prove,
    rounds_twice_to,
    truncates_to,
)
from wemix_ref.published.points import Point
from wemix_ref.published.printed_tables import Column, Misprint, Printed


def column(text, *, not_judged="", quantity="beta", key="x"):
    return Column("Mplus", "sas", not_judged, (Printed(quantity, key, text),))


def point(value, deviance=100.0):
    values = {} if value is None else {("beta", "x"): value}
    return Point((0.5,), deviance, values)


def misprint(**changes):
    told = {
        "case": "c",
        "package": "Mplus",
        "quantity": "beta x",
        "should_read": "2.50",
        "compared_with": "SAS",
        "why": "SAS prints 2.50",
    }
    return Misprint(**(told | changes))


def verdict(text, ours, there=None, rounded=None):
    points = (None if value is None else point(value, 101.0) for value in (there, rounded))
    (judged,) = judge(column(text), point(ours), *points)
    return judged.verdict, judged.cause


@pytest.mark.parametrize(
    ("value", "text", "gap"),
    [
        (7.796328, "7.7959", 4.28),
        (-21.34025, "-21.341", 0.75),
        (-0.95846, "-.9584613", 13.0),
        (5.0, "5", 0.0),
        (120.0, "119", 1.0),
        (-1.0, ".5", -15.0),
    ],
)
def test_a_gap_is_ours_minus_printed_in_units_of_its_last_digit(value, text, gap):
    assert gap_in_units(value, text) == pytest.approx(gap)


def test_no_number_has_no_gap_and_agrees_with_nothing():
    assert math.isnan(gap_in_units(math.nan, "1.0"))
    assert not truncates_to(math.inf, "1.0")
    assert not rounds_twice_to(math.nan, "1.0")
    assert verdict("1.0", math.nan, math.nan, math.nan) == ("differs", "")


@pytest.mark.parametrize(
    ("value", "text", "cut"),
    [
        (7.77146, "7.7714", True),
        (7.77146, "7.7715", False),
        (7.7714, "7.7714", True),
        (-12789991.99, "-12789991.9", True),
        (-12789991.99, "-12789992.0", False),
        (-12789992.01, "-12789991.9", False),
        (0.99, "0", True),
    ],
)
def test_truncation_is_towards_zero(value, text, cut):
    assert truncates_to(value, text) is cut


@pytest.mark.parametrize(
    ("value", "text", "twice"),
    [
        (2.13047, "2.131", True),  # 2.1305, then 2.131
        (2.13044, "2.131", False),
        (2.13044, "2.130", True),
        (-7.771459, "-7.772", True),
        (2.13047, "2.132", False),
    ],
)
def test_rounding_twice_goes_over_one_digit_more(value, text, twice):
    assert rounds_twice_to(value, text) is twice


def test_the_first_class_that_holds_is_taken():
    assert verdict("2.500", 2.5004, 2.6) == ("equal", "")
    assert verdict("2.500", 2.5006, 2.5004) == ("stopping point", "")
    assert verdict("2.500", 2.6, 2.5004) == ("differs", "")
    assert verdict("2.500", 2.5006, 2.5006) == ("within", "truncation")
    assert verdict("2.500", 2.6, 2.6) == ("differs", "")
    assert verdict("2.500", 2.6) == ("differs", "")
    # a truncated text is not equal
    assert verdict("2.500", 2.50051)[0] == "within"


def test_a_stopping_point_is_no_further_from_ours_than_5e_5():
    # a wrong variance implies a theta of its own, where the model gives it back
    assert verdict("1414.20", 1413.81, there=1414.20) == ("differs", "")
    assert verdict("1413.86", 1413.81, there=1413.86) == ("stopping point", "")


def test_the_causes_are_tried_in_order():
    big = "1000.000"  # within: 0.0005 + 0.05
    assert verdict(big, 1000.0009, rounded=1000.0) == ("within", "truncation")
    assert verdict(big, 999.99, rounded=1000.0004) == ("within", "rounded variances")
    assert verdict(big, 999.99, rounded=1000.0006) == ("within", "unexplained")
    assert verdict("1000.001", 1000.00046) == ("within", "rounded twice")
    assert verdict("1000.001", 1000.0004) == ("within", "unexplained")
    assert verdict("1000.10", 1000.092) == ("within", "fewer digits")
    assert verdict("1000.11", 1000.092) == ("within", "unexplained")
    assert verdict("1000.00", 1000.009) == ("within", "truncation")
    assert verdict("1000.00", 999.98) == ("within", "fewer digits")
    assert verdict("1000.000", 999.98) == ("within", "unexplained")  # one zero, no more
    assert verdict("1000.0", 999.92) == ("within", "fewer digits")
    assert verdict("1000", 999.46) == ("within", "rounded twice")
    assert verdict("1000", 999.2) == ("differs", "")  # no decimals: its zeros are digits


@pytest.mark.parametrize("sign", [1.0, -1.0])
@pytest.mark.parametrize("side", [1.0, -1.0])
def test_within_ends_at_half_a_unit_and_5e_5_of_the_number(sign, side):
    text = f"{sign * 2000.0:.2f}"
    edge = 0.005 + 5e-5 * 2000.0
    for factor, found in ((0.999, "within"), (1.001, "differs")):
        assert verdict(text, sign * 2000.0 + side * factor * edge)[0] == found
    # a small number has little beside its half unit
    assert verdict("0.0010", 0.0010 + 5.004e-5)[0] == "within"
    assert verdict("0.0010", 0.0010 + 5.006e-5)[0] == "differs"


def test_a_printed_theta_with_a_lower_deviance_is_an_error():
    with pytest.raises(CaseError, match="our optimum is none"):
        judge(column("2.5"), point(2.5), point(2.5, 100.0 - 1e-7))
    assert judge(column("2.5"), point(2.5), point(2.5, 100.0 - 1e-9))


def test_a_number_not_judged_keeps_ours_for_the_reader():
    (judged,) = judge(column("2.5", not_judged="another model"), point(9.0), point(2.5))
    assert (judged.verdict, judged.why, judged.ours) == ("not judged", "another model", 9.0)
    assert judged.at_printed_theta is None
    assert judged.gap_units is None
    (judged,) = judge(column("2.5", not_judged="another model"), point(None), None)
    assert (judged.ours, judged.gap_units) == (None, None)


def test_a_number_without_ours_is_an_error_where_it_is_judged():
    with pytest.raises(CaseError, match="`beta x` has no value of ours"):
        judge(column("2.5"), point(None), None)


def test_a_declared_misprint_is_explained_only_where_it_differs():
    (judged,) = judge(column("3.50"), point(2.5), point(2.5), None, [misprint()])
    assert (judged.verdict, judged.why) == ("explained", "SAS prints 2.50")
    (judged,) = judge(column("3.50"), point(2.5), None, None, [misprint(quantity="beta z")])
    assert judged.verdict == "differs"
    for ours, there in ((3.5, 3.5), (3.5051, 3.5), (3.5051, 3.0)):
        with pytest.raises(CaseError, match=r"declared a misprint, but 3\.50 is"):
            judge(column("3.50"), point(ours), point(there), None, [misprint()])


def test_a_misprint_needs_its_proof():
    (witness,) = judge(column("2.501"), point(2.501), None)
    prove(misprint(), 2.501, witness)
    with pytest.raises(CaseError, match=r"ours, 2\.51, does not round"):
        prove(misprint(), 2.51, witness)
    with pytest.raises(CaseError, match=r"SAS, 2\.501, does not round"):
        prove(misprint(should_read="2.5001"), 2.5001, witness)
    (witness,) = judge(column("2.501"), point(2.9), None)
    with pytest.raises(CaseError, match="`differs`"):
        prove(misprint(), 2.501, witness)


def test_the_classes_are_those_that_the_documentation_tells():
    assert CLASSES == (
        "equal",
        "stopping point",
        "within",
        "explained",
        "not judged",
        "differs",
        "skipped",
    )
