"""How a printed number is judged: the first class that holds is its own, and none is looser.

equal
    It is our value at the optimum, rounded to the printed digits.
stopping point
    It is our value, rounded, at the theta that the same column's printed variances imply; the
    deviance there is not below ours. The package stopped early.
within
    It lies within half a unit of the last printed digit plus 5e-5 of its size. The gap is told in
    such units, with its cause: `truncation` where the printed text is ours cut off; `rounded
    variances` where it is ours at one theta for the whole column that all its printed variances
    round to, which is searched for after the fact; `rounded twice` where it is ours rounded to one
    digit more first; `fewer digits` where it is ours rounded to one digit fewer, and a zero; else
    `unexplained`.
explained
    It differs and is a declared misprint, proved by another package of the same recipe.
not judged
    The package fits another model, or has no recipe that is known.
differs
    Anything else. It fails the run.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import ROUND_DOWN, ROUND_HALF_UP, Decimal

from wemix_ref.errors import CaseError
from wemix_ref.published.classes import (
    DIFFERS,
    EQUAL,
    EXPLAINED,
    FEWER,
    NOT_JUDGED,
    RELATIVE,
    ROUNDED,
    STOPPING,
    TRUNCATION,
    TWICE,
    UNEXPLAINED,
    WITHIN,
)
from wemix_ref.published.points import Point
from wemix_ref.published.printed_tables import Column, Misprint, Printed
from wemix_ref.verdicts import rounds_to

__all__ = [
    "Judged",
    "gap_in_units",
    "judge",
    "prove",
    "rounds_twice_to",
    "truncates_to",
]

#: The deviance at a printed theta may lie below ours by this share of its size: rounding.
_NOT_BELOW = 1e-10


@dataclass(frozen=True)
class Judged:
    """A printed number with what is said of it.

    Attributes
    ----------
    number : what is printed.
    ours : our value at the optimum; None where the recipe gives none.
    at_printed_theta : our value at the theta that the printed variances imply; None where none do.
    verdict : one of `wemix_ref.published.classes.CLASSES`.
    gap_units : ours minus printed, in units of the last printed digit; None where not judged.
    cause : one of `CAUSES` there in the class `within`, else empty.
    why : the reason of a number explained, not judged or skipped; else empty.
    """

    number: Printed
    ours: float | None
    at_printed_theta: float | None
    verdict: str
    gap_units: float | None
    cause: str = ""
    why: str = ""


def gap_in_units(value: float, text: str) -> float:
    """Our value minus a printed one, in units of its last digit; NaN where ours is no number."""
    if not math.isfinite(value):
        return math.nan
    printed = Decimal(text)
    return float((Decimal(repr(float(value))) - printed) / _unit(printed))


def truncates_to(value: float, text: str) -> bool:
    """Whether a printed text is our value cut off after as many decimals."""
    if not math.isfinite(value):
        return False
    printed = Decimal(text)
    return Decimal(repr(float(value))).quantize(_unit(printed), rounding=ROUND_DOWN) == printed


def rounds_twice_to(value: float, text: str) -> bool:
    """Whether a printed text is our value rounded to one digit more, and then to its own."""
    if not math.isfinite(value):
        return False
    printed = Decimal(text)
    unit = _unit(printed)
    once = Decimal(repr(float(value))).quantize(unit / 10, rounding=ROUND_HALF_UP)
    return once.quantize(unit, rounding=ROUND_HALF_UP) == printed


def _padded_with_zero(value: float, text: str) -> bool:
    """Whether our value rounds to a printed text without its last decimal, a zero."""
    padded = "." in text and text.endswith("0")
    return padded and rounds_to(value, text[:-1].removesuffix("."))


def _unit(printed: Decimal) -> Decimal:
    exponent = printed.as_tuple().exponent
    assert isinstance(exponent, int)  # a finite number's is
    return Decimal(1).scaleb(exponent)


def _is_within(value: float, text: str) -> bool:
    if not math.isfinite(value):
        return False
    printed = Decimal(text)
    allowed = _unit(printed) / 2 + Decimal(repr(RELATIVE)) * abs(printed)
    return abs(Decimal(repr(float(value))) - printed) <= allowed


def judge(
    column: Column,
    optimum: Point,
    at_printed: Point | None,
    rounded: Point | None = None,
    misprints: Iterable[Misprint] = (),
) -> tuple[Judged, ...]:
    """Judge every number of a column.

    Parameters
    ----------
    column : what a package prints.
    optimum : ours, with the standard errors of the column's recipe.
    at_printed : ours at the theta that the column's variances imply, likewise; None: none is.
    rounded : ours at a theta that all the column's variances round to, likewise; None: none is.
    misprints : those declared of this column; `prove` holds each against another package.

    Raises
    ------
    CaseError
        If the deviance at the printed theta is below ours, or a declared misprint is none.
    """
    if at_printed is not None:
        below = optimum.deviance - at_printed.deviance
        if below > _NOT_BELOW * abs(optimum.deviance):
            raise CaseError(
                f"{column.package}: our deviance {optimum.deviance!r} must not be above that at "
                f"the printed theta {list(at_printed.theta)}, {at_printed.deviance!r}: our optimum "
                "is none."
            )
    declared = {misprint.quantity: misprint for misprint in misprints}
    return tuple(
        _judge(number, column, optimum, at_printed, rounded, declared.get(number.label))
        for number in column.numbers
    )


def _judge(
    number: Printed,
    column: Column,
    optimum: Point,
    at_printed: Point | None,
    rounded: Point | None,
    misprint: Misprint | None,
) -> Judged:
    ours, text = optimum.value(number), number.text
    if column.not_judged:
        return Judged(number, ours, None, NOT_JUDGED, None, why=column.not_judged)
    if ours is None:
        raise CaseError(
            f"{column.package}: `{number.label}` has no value of ours to be held against; name the "
            "recipe of its standard errors."
        )
    gap = gap_in_units(ours, text)
    there = None if at_printed is None else at_printed.value(number)
    verdict, cause = _verdict(ours, there, None if rounded is None else rounded.value(number), text)
    if misprint is None:
        return Judged(number, ours, there, verdict, gap, cause)
    if verdict != DIFFERS:
        raise CaseError(
            f"{column.package}: `{number.label}` is declared a misprint, but {text} is "
            f"`{verdict}` with ours, {ours!r}. Remove the declaration."
        )
    return Judged(number, ours, there, EXPLAINED, gap, why=misprint.why)


def _verdict(ours: float, there: float | None, rounded: float | None, text: str) -> tuple[str, str]:
    """Class and cause of a number that is judged, misprints apart."""
    if rounds_to(ours, text):
        return EQUAL, ""
    # printed variances imply a theta that gives them back, however wrong they are
    if not _is_within(ours, text):
        return DIFFERS, ""
    if there is not None and rounds_to(there, text):
        return STOPPING, ""
    if truncates_to(ours, text):
        return WITHIN, TRUNCATION
    if rounded is not None and rounds_to(rounded, text):
        return WITHIN, ROUNDED
    if rounds_twice_to(ours, text):
        return WITHIN, TWICE
    if _padded_with_zero(ours, text):
        return WITHIN, FEWER
    return WITHIN, UNEXPLAINED


def prove(misprint: Misprint, ours: float, witness: Judged) -> None:
    """Hold a declared misprint against the package that proves it.

    Parameters
    ----------
    misprint : the declaration.
    ours : our value at the optimum, by the recipe of both packages.
    witness : the same number of the other package, judged.

    Raises
    ------
    CaseError
        If the other package does not agree with ours, or what should be printed is not what both
        round to.
    """
    told = f"{misprint.case}, {misprint.package}: the misprint of `{misprint.quantity}`"
    if witness.verdict not in (EQUAL, STOPPING, WITHIN):
        raise CaseError(
            f"{told} must be proved by a number that agrees with ours; that of "
            f"{misprint.compared_with}, {witness.number.text}, is `{witness.verdict}`."
        )
    for name, value in (("ours", ours), (misprint.compared_with, float(witness.number.text))):
        if not rounds_to(value, misprint.should_read):
            raise CaseError(
                f"{told} is said to stand for {misprint.should_read}, but {name}, {value!r}, does "
                "not round to it."
            )
