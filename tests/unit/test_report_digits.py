"""Numbers as text: same decimals on both sides, differing digits marked, printed digits kept."""

from __future__ import annotations

import re

import pytest

from wemix_ref.report.digits import pair, plain, printed_pair


def stripped(shown):
    """The text without marks."""
    return re.sub(r"<[^>]*>", "", str(shown.short)).replace("\N{MINUS SIGN}", "-")


def marked(shown):
    """What is marked as differing."""
    return "".join(re.findall(r'<span class="d">([^<]*)</span>', str(shown.short)))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (251.40510484848417, "251.4051048"),
        (-0.0325679072885418, "-0.03256790729"),
        (180, "180"),
        (0.0, "0.000000000"),
        (-1e-30, "-1.000000000e-30"),
        (6.02214076e23, "6.022140760e+23"),
        (float("nan"), "NaN"),
        (float("-inf"), "-Inf"),
        (True, "yes"),
        ("a<b", "a&lt;b"),
    ],
)
def test_one_number(value, text):
    assert stripped(plain(value)) == text


def test_absent_number_is_said():
    assert stripped(plain(None)) == "not given"


@pytest.mark.parametrize(
    ("ours", "theirs", "lre", "marks"),
    [
        (251.40510484, 251.40510484, 16.0, ("", "")),
        (612.0899387, 612.1001580, 4.8, ("899387", "001580")),
        (1.5, -1.5, 0.0, ("1.500000000", "-1.500000000")),
        (0.99999999, 1.00000001, 7.7, ("990", "010")),
        (99.99999, 100.00001, 6.7, ("9900", "0100")),
        (180, 181, 2.3, ("0", "1")),
    ],
)
def test_differing_digits_are_marked(ours, theirs, lre, marks):
    shown = pair(ours, theirs, lre)
    found = tuple(marked(one).replace("\N{MINUS SIGN}", "-") for one in shown)
    assert found == marks


def test_both_sides_have_the_same_decimals():
    texts = [stripped(one) for one in pair(0.00012345678912, 123.45678912)]
    assert [len(text.partition(".")[2]) for text in texts] == [7, 7]


def test_all_digits_are_kept_beside_the_rounded():
    value = 0.1 + 0.2
    assert float(plain(value).full) == value


def test_digits_beyond_the_printed_are_faint():
    ours, theirs = printed_pair(24.740658, "24.741", True)
    assert str(ours.short) == '24.740<span class="x">65800</span>'
    assert str(theirs.short) == "24.741"


def test_a_printed_number_that_differs_is_marked():
    ours, theirs = printed_pair(24.952, "24.741", False)
    assert (marked(ours), marked(theirs)) == ("95200000", "741")


def test_counts_stay_whole():
    assert [stripped(one) for one in printed_pair(30.0, "30", True)] == ["30", "30"]
