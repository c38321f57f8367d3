"""Numbers as text: two side by side with as many decimals, their differing digits marked."""

from __future__ import annotations

import math
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal, localcontext

from markupsafe import Markup, escape

__all__ = ["SHOWN", "Shown", "full", "mark_from", "pair", "plain", "printed_pair"]

# Significant digits shown; all seventeen are one click away.
SHOWN = 10
_MINUS = "\N{MINUS SIGN}"
ABSENT = Markup('<span class="none">not given</span>')


@dataclass(frozen=True)
class Shown:
    """A number for the page.

    Attributes
    ----------
    short : Markup
        Rounded, differing digits marked.
    full : str
        Every digit; empty where `short` has them all.
    """

    short: Markup
    full: str = ""


def plain(value: object, digits: int = SHOWN) -> Shown:
    """Show one number by itself.

    Parameters
    ----------
    value : object
        A number; text and truth values are shown as they are, None as "not given".
    digits : int
        Significant digits.

    Returns
    -------
    Shown
    """
    if not _is_float(value):
        return Shown(_as_is(value))
    number = _number(value)
    return Shown(escape(_sign(_rounded(number, _exponent(number), digits))), full(number))


def pair(ours: object, theirs: object, lre: float | None = None) -> tuple[Shown, Shown]:
    """Show two numbers with the same decimals and mark the digits in which they differ.

    Parameters
    ----------
    ours, theirs : object
        Numbers; what is no number is shown as it is.
    lre : float or None
        Their log relative error. Digits within it are never marked, so that 0.99999 beside
        1.00000 is not marked as a whole.

    Returns
    -------
    tuple of Shown
    """
    if not (_is_float(ours) and _is_float(theirs)):
        return plain(ours), plain(theirs)
    a, b = _number(ours), _number(theirs)
    if not (isinstance(a, int) and isinstance(b, int)):
        a, b = float(a), float(b)
    exponent = max(_exponent(a), _exponent(b))
    texts = [_rounded(value, exponent, SHOWN) for value in (a, b)]
    width = max(map(len, texts))
    padded = [text.rjust(width) for text in texts]
    if padded[0] == padded[1]:
        start = width
    elif (a < 0) != (b < 0):
        start = 0
    else:
        differ = (i for i, (x, y) in enumerate(zip(*padded, strict=True)) if x != y)
        start = max(next(differ), _place(padded[int(abs(b) > abs(a))], lre))
    shown = [
        Shown(mark_from(text, start - (width - len(text))), full(value))
        for text, value in zip(texts, (a, b), strict=True)
    ]
    return shown[0], shown[1]


def printed_pair(ours: object, printed: str, ok: bool | None) -> tuple[Shown, Shown]:
    """Show our number beside a printed text; what lies beyond the printed digits is faint.

    Parameters
    ----------
    ours : object
        Our number.
    printed : str
        Theirs, with the digits it was printed with.
    ok : bool or None
        Whether ours agrees; if not, or if that was not judged, digits are marked from the first
        that differs.

    Returns
    -------
    tuple of Shown
    """
    theirs = Shown(escape(_sign(printed)))
    if not _is_float(ours):
        return plain(ours), theirs
    number = _number(ours)
    if "e" in printed.lower() or not math.isfinite(number):
        return plain(number), theirs
    decimals = len(printed.partition(".")[2])
    if not decimals and number == int(number):
        text, end = str(int(number)), len(str(int(number)))
    else:
        text = _fixed(number, max(decimals + 3, SHOWN - 1 - _exponent(number)))
        end = text.index(".") + (decimals + 1 if decimals else 0)
    same = text[:end] == printed
    if ok or (same and ok is None):
        short = escape(_sign(text[:end])) + Markup('<span class="x">{}</span>').format(text[end:])
        return Shown(short, full(number)), theirs
    differ = (i for i, (x, y) in enumerate(zip(text, printed, strict=False)) if x != y)
    start = next(differ, min(end, len(printed)))
    return Shown(mark_from(text, start), full(number)), Shown(mark_from(printed, start))


def full(value: float) -> str:
    """Give the shortest text that reads back as the same number."""
    return repr(value)


def mark_from(text: str, start: int) -> Markup:
    """Mark the digits of a number's text from an index on."""
    start = max(start, 0)
    if start >= len(text):
        return escape(_sign(text))
    mantissa, e, exponent = text.partition("e")
    if start >= len(mantissa):
        start = 0  # they differ in the exponent alone
    head, tail = _sign(mantissa[:start]), _sign(mantissa[start:])
    return Markup('{}<span class="d">{}</span>{}').format(head, tail, _sign(e + exponent))


def _is_float(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _number(value: object) -> float:
    """Keep a count whole; anything else becomes a float."""
    return value if isinstance(value, int) else float(value)  # type: ignore[arg-type]


def _as_is(value: object) -> Markup:
    if value is None:
        return ABSENT
    if isinstance(value, bool):
        return escape("yes" if value else "no")
    return escape(str(value))


def _sign(text: str) -> str:
    return text.replace("-", _MINUS)


def _exponent(value: float) -> int:
    if value == 0 or not math.isfinite(value):
        return 0
    return Decimal(value).adjusted()


def _rounded(value: float, exponent: int, digits: int) -> str:
    """Round to the place that `digits` significant digits of size 10^exponent reach."""
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else ("Inf" if value > 0 else "-Inf")
    if isinstance(value, int):
        return str(value)
    if -5 <= exponent < 12:
        return _fixed(value, max(digits - 1 - exponent, 0))
    mantissa = Decimal(value).scaleb(-exponent)
    return f"{_quantised(mantissa, digits - 1)}e{exponent:+03d}"


def _fixed(value: float, decimals: int) -> str:
    return _quantised(Decimal(value), decimals)


def _quantised(value: Decimal, decimals: int) -> str:
    with localcontext(prec=400):
        text = f"{value.quantize(Decimal(1).scaleb(-decimals), rounding=ROUND_HALF_EVEN):f}"
    return text.removeprefix("-") if not text.strip("-0.") else text


def _place(text: str, lre: float | None) -> int:
    """Index in a number's text behind its first floor(lre) significant digits."""
    if lre is None or lre < 1:
        return 0
    left = int(lre)
    started = False
    for index, character in enumerate(text):
        started = started or character in "123456789"
        if started and character.isdigit():
            if left == 0:
                return index
            left -= 1
    return len(text)
