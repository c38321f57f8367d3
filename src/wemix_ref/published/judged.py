"""Published fits judged: each model fitted once, each column held against it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from wemix_ref.datasets import RESOURCES
from wemix_ref.published.classes import SKIPPED, UNEXPLAINED
from wemix_ref.published.data import DataAbsentError, read_published_data
from wemix_ref.published.judge import Judged, judge, prove
from wemix_ref.published.points import fit_published, implied_theta, point_of
from wemix_ref.published.printed_tables import Column, Published
from wemix_ref.published.rounding import rounded_point
from wemix_ref.results import FittedModel

__all__ = ["JudgedCase", "JudgedColumn", "judge_case", "judge_cases"]


@dataclass(frozen=True)
class JudgedColumn:
    """What a package prints, judged.

    Attributes
    ----------
    package, recipe : as `Column` has them.
    implied_theta : that of its printed variances; None where they imply none.
    deviance_above : the deviance there minus that at our optimum.
    numbers : in the source's order.
    """

    package: str
    recipe: str | None
    implied_theta: tuple[float, ...] | None
    deviance_above: float | None
    numbers: tuple[Judged, ...]


@dataclass(frozen=True)
class JudgedCase:
    """A published fit, judged.

    Attributes
    ----------
    published : the fit. skipped : how to get its data, where they are not here; else empty.
    theta : our optimum; None where skipped. columns : by package.
    """

    published: Published
    skipped: str
    theta: tuple[float, ...] | None
    columns: tuple[JudgedColumn, ...]


def judge_cases(
    cases: Mapping[str, Published], resources: Path = RESOURCES
) -> tuple[JudgedCase, ...]:
    """Judge every published fit; one whose data are not here is listed as skipped.

    Raises
    ------
    CaseError
        If data are not those of a table, a fit does not converge, or a declaration is wrong.
    """
    return tuple(judge_case(published, resources) for published in cases.values())


def judge_case(published: Published, resources: Path = RESOURCES) -> JudgedCase:
    """Fit one published model and judge what the packages print of it; see `judge_cases`."""
    try:
        data = read_published_data(published, resources)
    except DataAbsentError as absent:
        columns = tuple(_skipped(column) for column in published.columns)
        return JudgedCase(published, str(absent), None, columns)
    fit = fit_published(published, data)
    columns = tuple(_column(published, column, fit) for column in published.columns)
    by_package = {column.package: column for column in columns}
    for misprint in published.misprints:
        mine, theirs = (
            next(n for n in by_package[name].numbers if n.number.label == misprint.quantity)
            for name in (misprint.package, misprint.compared_with)
        )
        assert mine.ours is not None  # it was judged
        prove(misprint, mine.ours, theirs)
    return JudgedCase(published, "", tuple(fit.theta.tolist()), columns)


def _skipped(column: Column) -> JudgedColumn:
    numbers = tuple(Judged(number, None, None, SKIPPED, None) for number in column.numbers)
    return JudgedColumn(column.package, column.recipe, None, None, numbers)


def _column(published: Published, column: Column, fit: FittedModel) -> JudgedColumn:
    optimum = point_of(fit, column.recipe, column.numbers)
    misprints = [m for m in published.misprints if m.package == column.package]
    implied = None if column.not_judged else implied_theta(column, fit)
    if implied is None:
        return JudgedColumn(
            column.package,
            column.recipe,
            None,
            None,
            judge(column, optimum, None, None, misprints),
        )
    there = point_of(fit.at(implied), column.recipe, column.numbers)
    judged = judge(column, optimum, there, None, misprints)
    if any(number.cause == UNEXPLAINED for number in judged):
        rounded = rounded_point(fit, column, optimum, there)
        judged = judge(column, optimum, there, rounded, misprints)
    return JudgedColumn(
        column.package,
        column.recipe,
        tuple(implied.tolist()),
        there.deviance - optimum.deviance,
        judged,
    )
