"""Labels that sources print for coefficients, and the names R gives the same coefficients.

This is the one place where a printed label becomes a name; results and fit records use R's names.
"""

from __future__ import annotations

import re

__all__ = ["coefficient_name"]

_LEVEL = re.compile(r"^(?P<variable>[^\[\]]+)\[(?P<level>[^\[\]]*)\]$")


def coefficient_name(label: str) -> str:
    """Give R's name of the coefficient that a source labels ``label``.

    A factor's level stands in brackets after the factor in many printed tables
    (``cltype[reg+A]``); R writes the two without a mark between them (``cltypereg+A``). The parts
    of an interaction, joined by colons outside brackets, are mapped one by one. A label without
    brackets is R's name already.

    Parameters
    ----------
    label : str
        The label as printed.

    Returns
    -------
    str
        The name in R.

    Raises
    ------
    ValueError
        If brackets do not pair, or stand elsewhere than at the end of a part.

    Examples
    --------
    >>> coefficient_name("cltype[reg+A]")
    'cltypereg+A'
    >>> coefficient_name("x:sx[F]")
    'x:sxF'
    """
    return ":".join(_part_name(part, label) for part in _parts(label))


def _parts(label: str) -> list[str]:
    parts, depth, start = [], 0, 0
    for position, character in enumerate(label):
        depth += (character == "[") - (character == "]")
        if character == ":" and depth == 0:
            parts.append(label[start:position])
            start = position + 1
    return [*parts, label[start:]]


def _part_name(part: str, label: str) -> str:
    match = _LEVEL.match(part)
    if match:
        return match["variable"] + match["level"]
    if "[" in part or "]" in part:
        raise ValueError(
            f"a printed label must have its level in one pair of brackets at the end of a part, "
            f"as in `sx[F]`; found {label!r}"
        )
    return part
