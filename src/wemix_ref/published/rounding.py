"""A theta that all printed variances of a column round to, at which the most of its numbers hold.

Printed variances are rounded, so the theta that they imply is one of many. Those on the line from
our optimum through it are searched. Over so short a way every number is linear to far more digits
than are printed: the search interpolates, and the place found is evaluated.
"""

from __future__ import annotations

import math

import numpy as np

from wemix_ref.published.points import Point, point_of
from wemix_ref.published.printed_tables import Column, Printed
from wemix_ref.results import FittedModel
from wemix_ref.verdicts import rounds_to

__all__ = ["rounded_point"]

#: Places tried on the line: the optimum is 0, the theta that the printed variances imply is 1.
_PLACES = np.linspace(0.0, 2.0, 401)


def rounded_point(
    fit: FittedModel, column: Column, optimum: Point, at_printed: Point
) -> Point | None:
    """Look for the theta.

    Parameters
    ----------
    fit : our model at its optimum. column : what a package prints.
    optimum, at_printed : there and at the implied theta, with the recipe's standard errors.

    Returns
    -------
    Point or None
        The model there, likewise; the nearest to `at_printed` where several serve as well. None
        where no place gives all the printed variances.
    """
    best: tuple[int, float, float] | None = None
    for place in _PLACES.tolist():
        held = [
            rounds_to(_between(optimum.value(n), at_printed.value(n), place), n.text)
            for n in column.numbers
        ]
        if not all(h for h, n in zip(held, column.numbers, strict=True) if _is_variance(n)):
            continue
        found = (sum(held), -abs(place - 1.0), place)
        best = found if best is None else max(best, found)
    if best is None:
        return None
    start, end = np.array(optimum.theta), np.array(at_printed.theta)
    point = point_of(fit.at(start + best[2] * (end - start)), column.recipe, column.numbers)
    for number in column.numbers:
        value = point.value(number)
        if _is_variance(number) and (value is None or not rounds_to(value, number.text)):
            return None
    return point


def _is_variance(number: Printed) -> bool:
    return number.quantity == "variance"


def _between(first: float | None, second: float | None, place: float) -> float:
    if first is None or second is None:
        return math.nan
    return first + place * (second - first)
