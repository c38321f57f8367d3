"""Published tables for the page: what each package prints, beside ours by its recipe."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from wemix_ref.published.classes import (
    CAUSES,
    CLASSES,
    EQUAL,
    NOT_JUDGED,
    SKIPPED,
    STOPPING,
    UNEXPLAINED,
)
from wemix_ref.published.table import counts, label_of
from wemix_ref.report.digits import Shown, printed_pair
from wemix_ref.report.printed_figure import MARKS, recipes_figure

__all__ = [
    "PrintedCase",
    "PrintedColumn",
    "PrintedRow",
    "PrintedView",
    "SideBySide",
    "printed_view",
]

MEANINGS = {
    "equal": "ours at the optimum, rounded to the printed digits",
    "stopping point": "ours, rounded, at the theta that the printed variances imply: the package "
    "stopped early, where the deviance is higher than at our optimum",
    "within": "within half a unit of the last printed digit plus 5e-5 of its size",
    "explained": "a misprint, proved by another package of the same recipe",
    "not judged": "the package fits another model; its numbers are shown alone",
    "differs": "none of these: the run fails",
    "skipped": "the data may not be shipped and are not here",
}

CAUSE_MEANINGS = {
    "truncation": "the printed text is ours cut off",
    "rounded variances": "fitted after the fact: among the thetas that all printed variances of "
    "the column round to, one is searched for that gives as many of its other numbers as can be. "
    "That such a theta exists is no proof that the package stood there",
    "rounded twice": "the printed text is ours rounded to one digit more, and that rounded",
    "fewer digits": "the printed text is ours rounded to one digit fewer, and a zero",
    "unexplained": "none of these",
}

RECIPES = {
    "wemix": "blocks of the Hessian, times K/(K−1)",
    "stata": "beta by its block, variances by the profile, times K/(K−1); log standard deviations",
    "gllamm": "joint sandwich, times K/(K−1)",
    "sas": "joint sandwich, no correction",
}

SIGNS = {
    "equal": ("agrees", "✓"),
    "stopping point": ("agrees", "↧"),
    "within": ("other", "≈"),
    "explained": ("other", "¶"),
    "not judged": ("shown", "·"),
    "differs": ("differs", "✗"),
    "skipped": ("unavailable", "○"),
}


@dataclass(frozen=True)
class PrintedRow:
    """One number: printed, ours, ours at the printed theta (None where it adds nothing)."""

    label: str
    printed: Shown
    ours: Shown
    there: Shown | None
    verdict: str
    kind: str
    sign: str
    gap: str
    cause: str
    remark: str


@dataclass(frozen=True)
class PrintedColumn:
    """What one package prints of a case; `opened`: not all of it is equal."""

    id: str
    package: str
    recipe: str
    summary: str
    deviance_above: str
    opened: bool
    rows: tuple[PrintedRow, ...]


@dataclass(frozen=True)
class SideBySide:
    """Packages beside each other: what each prints of a number, over ours by its recipe.

    Attributes
    ----------
    packages : name and recipe of each.
    rows : label of a number, and for each package its row; None where it does not print it.
    """

    packages: tuple[tuple[str, str], ...]
    rows: tuple[tuple[str, tuple[PrintedRow | None, ...]], ...]


@dataclass(frozen=True)
class PrintedCase:
    """One published fit.

    `figures` are empty where fewer than two recipes are printed, `side` is None where fewer than
    two packages are judged.
    """

    case: str
    title: str
    source: str
    formula: str
    what: str
    skipped: str
    figures: tuple[Markup, ...]
    side: SideBySide | None
    columns: tuple[PrintedColumn, ...]


@dataclass(frozen=True)
class PrintedView:
    """All that the section shows.

    Attributes
    ----------
    n, n_judged, n_equal, n_differ : how many numbers there are; judged; equal; different.
    classes : name, meaning, kind and sign of the classes that occur.
    counts : one row a case and package: names, then the number in each of `classes`.
    totals : of the columns of `counts`.
    causes : name, meaning and count of the causes of the class `within` that occur.
    unexplained : case, package and row of every number left unexplained.
    marks : package and its mark in the figures.
    """

    n: int
    n_judged: int
    n_equal: int
    n_differ: int
    classes: tuple[tuple[str, str, str, str], ...]
    counts: tuple[tuple[str, str, tuple[int, ...]], ...]
    totals: tuple[int, ...]
    causes: tuple[tuple[str, str, int], ...]
    unexplained: tuple[tuple[str, str, PrintedRow], ...]
    marks: tuple[tuple[str, str], ...]
    cases: tuple[PrintedCase, ...]


def printed_view(cases: Sequence[Mapping[str, Any]]) -> PrintedView:
    """Put the cases of ``results/printed.json`` into the section's terms; nothing is typed in.

    Parameters
    ----------
    cases : what :func:`wemix_ref.published.table.read_judged` gives.
    """
    counted = counts(cases)
    found = [name for name in CLASSES if any(row[name] for row in counted)]
    table = tuple(
        (row["case"], row["package"], (row["numbers"], *(row[name] for name in found)))
        for row in counted
    )
    by_class = {name: sum(row[name] for row in counted) for name in CLASSES}
    n = sum(row["numbers"] for row in counted)
    views = tuple(_case(case) for case in cases)
    found_causes = [
        row.cause for view in views for column in view.columns for row in column.rows if row.cause
    ]
    return PrintedView(
        n=n,
        n_judged=n - by_class[NOT_JUDGED] - by_class[SKIPPED],
        n_equal=by_class[EQUAL],
        n_differ=by_class["differs"],
        classes=tuple((name, MEANINGS[name], *SIGNS[name]) for name in found),
        counts=table,
        totals=(n, *(by_class[name] for name in found)),
        causes=tuple(
            (name, CAUSE_MEANINGS[name], found_causes.count(name))
            for name in CAUSES
            if name in found_causes
        ),
        unexplained=tuple(
            (view.case, column.package, row)
            for view in views
            for column in view.columns
            for row in column.rows
            if row.cause == UNEXPLAINED
        ),
        marks=tuple((package, mark[2]) for package, mark in MARKS.items()),
        cases=views,
    )


def _case(case: Mapping[str, Any]) -> PrintedCase:
    drawn = (recipes_figure(case), recipes_figure(case, narrow=True))
    columns = tuple(_column(case["case"], column) for column in case["columns"])
    return PrintedCase(
        case=case["case"],
        title=case["title"],
        source=case["source"],
        formula=case["formula"],
        what=case["what"],
        skipped=case["skipped"],
        figures=tuple(figure for figure in drawn if figure is not None),
        side=_side(columns),
        columns=columns,
    )


def _side(columns: Sequence[PrintedColumn]) -> SideBySide | None:
    """Put the packages that are judged beside each other."""
    alone = {NOT_JUDGED, SKIPPED}
    judged = [c for c in columns if not {row.verdict for row in c.rows} <= alone]
    if len(judged) < 2:
        return None
    by_label = [{row.label: row for row in column.rows} for column in judged]
    labels = dict.fromkeys(row.label for column in judged for row in column.rows)
    return SideBySide(
        tuple((column.package, column.recipe) for column in judged),
        tuple((label, tuple(rows.get(label) for rows in by_label)) for label in labels),
    )


def _column(case: str, column: Mapping[str, Any]) -> PrintedColumn:
    rows = tuple(_row(number) for number in column["numbers"])
    verdicts = [row.verdict for row in rows]
    parts = [f"{verdicts.count(name)} {name}" for name in CLASSES if name in verdicts]
    above = column["deviance_above"]
    return PrintedColumn(
        id=f"printed-{case}-{column['package']}",
        package=column["package"],
        recipe=RECIPES.get(column["recipe"] or "", ""),
        summary=f"{len(rows)} number{'s' if len(rows) != 1 else ''}: {', '.join(parts)}",
        deviance_above="" if above is None else f"{above:.1e}",
        opened="differs" in verdicts,
        rows=rows,
    )


def _row(number: Mapping[str, Any]) -> PrintedRow:
    verdict = number["class"]
    kind, sign = SIGNS[verdict]
    ours, printed = printed_pair(number["ours"], number["printed"], verdict == EQUAL or None)
    there = None
    if number["at_printed_theta"] is not None and verdict != EQUAL:
        close = verdict == STOPPING or None
        there = printed_pair(number["at_printed_theta"], number["printed"], close)[0]
    remarks = [number["cause"] or number["why"]]
    if number["recalled"]:
        remarks.append("noted down earlier, not seen again on the source’s page")
    gap = number["gap_units"]
    return PrintedRow(
        label=label_of(number),
        printed=printed,
        ours=ours,
        there=there,
        verdict=verdict,
        kind=kind,
        sign=sign,
        gap="" if gap is None else f"{gap:+.2f}".replace("-", "−"),
        cause=number["cause"],
        remark="; ".join(part for part in remarks if part),
    )
