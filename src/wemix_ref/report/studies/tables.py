"""Tables of measures: the same cells for the page and for LaTeX."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from wemix_ref.report.studies.numbers import ABSENT, Estimate, counts, with_error
from wemix_ref.report.studies.view import StudyView
from wemix_ref.report.studies.wording import FAMILIES, FIT, Family, measure_of

__all__ = ["Group", "Table", "family_table", "fits_table", "paired_table", "parameter_tables"]


@dataclass(frozen=True)
class Group:
    """Rows under a common heading: each a label and a cell a column."""

    title: str
    rows: tuple[tuple[str, tuple[Estimate, ...]], ...]


@dataclass(frozen=True)
class Table:
    """A table of estimates with their Monte Carlo standard errors.

    Attributes
    ----------
    name : str
        For files and anchors.
    title : str
    stub : str
        Heading of the labels' column.
    heads : tuple of str
    groups : tuple of Group
    """

    name: str
    title: str
    stub: str
    heads: tuple[str, ...]
    groups: tuple[Group, ...]


def _cells(
    view: StudyView, scenario: str, analysis: str, parameter: str, measures: Sequence[str]
) -> tuple[Estimate, ...]:
    found = [(view.measured(scenario, analysis, parameter, one), one) for one in measures]
    n = counts([one.n for one, _ in found if math.isfinite(one.estimate)])
    cells = [with_error(one.estimate, one.mcse, measure_of(name).scale) for one, name in found]
    return (*cells, Estimate(n))


def _group(
    view: StudyView,
    title: str,
    scenario: str,
    parameter: str,
    family: Family,
    measures: Sequence[str],
) -> Group | None:
    # bias belongs to the estimates, whatever their standard errors are
    every = tuple((one, view.labels[one]) for one in view.analyses)
    analyses = view.fits if family.name == "bias" else every
    rows = [(label, _cells(view, scenario, one, parameter, measures)) for one, label in analyses]
    kept = tuple(row for row in rows if any(cell.value != ABSENT for cell in row[1]))
    return Group(title, kept) if kept else None


def family_table(view: StudyView, family: Family) -> Table | None:
    """Put one family's measures of every parameter and scenario into one table.

    Returns
    -------
    Table or None
        None where none of the measures is defined.
    """
    measures = [one for one in family.measures if view.has(one)]
    parameters = (FIT,) if family.name == "fits" else view.parameters
    groups = []
    for parameter in parameters:
        for scenario in view.scenarios:
            parts = [] if parameter == FIT else [parameter]
            if len(view.scenarios) > 1 or not parts:
                parts.append(scenario.label)
            group = _group(view, " · ".join(parts), scenario.name, parameter, family, measures)
            groups += [group] if group else []
    heads = (*(measure_of(one).head for one in measures), "n")
    return Table(family.name, family.title, "analysis", heads, tuple(groups)) if groups else None


def fits_table(view: StudyView) -> Table | None:
    """Rates of convergence, of singular fits and of failures, by scenario and analysis."""
    return family_table(view, next(one for one in FAMILIES if one.name == "fits"))


def parameter_tables(view: StudyView, parameter: str) -> list[Table]:
    """One table a family for one parameter, its groups the scenarios."""
    tables, several = [], len(view.scenarios) > 1
    for family in FAMILIES:
        measures = [one for one in family.measures if view.has(one, parameter)]
        if family.name == "fits" or not measures:
            continue
        found = (
            _group(view, one.label if several else "", one.name, parameter, family, measures)
            for one in view.scenarios
        )
        groups = tuple(one for one in found if one)
        heads = (*(measure_of(one).head for one in measures), "n")
        name = f"{family.name}-{view.parameters.index(parameter) + 1}"
        tables.append(Table(name, f"{family.title}: {parameter}", "analysis", heads, groups))
    return tables


def paired_table(view: StudyView, reference: str | None = None) -> Table | None:
    """Differences between analyses of the same samples.

    Parameters
    ----------
    view : StudyView
    reference : str or None
        Only pairs with this analysis; None: all pairs.

    Returns
    -------
    Table or None
        None where there are no pairs.
    """
    frame = view.paired
    if reference is not None:
        frame = frame[frame["reference"] == reference]
    frame = frame[frame["estimate"].notna()]
    if frame.empty:
        return None
    measures = list(dict.fromkeys(frame["measure"]))
    keys = ["parameter", "scenario", "analysis", "reference", "measure"]
    found: dict[tuple[str, ...], Estimate] = {}
    numbers: dict[tuple[str, ...], list[int]] = {}
    for row in frame[[*keys, "estimate", "mcse", "n"]].itertuples(index=False):
        key = tuple(str(row[k]) for k in range(5))
        found[key] = with_error(float(row[5]), float(row[6]), measure_of(key[4]).scale)
        numbers.setdefault(key[:4], []).append(int(row[7]))
    pairs = _pairs(view, frame)
    nothing = Estimate(ABSENT)
    groups = []
    for parameter in [*view.parameters, FIT]:
        for scenario in view.scenarios:
            rows = []
            for analysis, other in pairs:
                cells = tuple(
                    found.get((parameter, scenario.name, analysis, other, one), nothing)
                    for one in measures
                )
                if any(cell.value != ABSENT for cell in cells):
                    n = counts(numbers[parameter, scenario.name, analysis, other])
                    cells = (*cells, Estimate(n))
                    label = f"{view.labels.get(analysis, analysis)} against "
                    rows.append((label + view.labels.get(other, other), cells))
            title = " · ".join([parameter] + [scenario.label] * (len(view.scenarios) > 1))
            groups += [Group(title, tuple(rows))] if rows else []
    heads = (*(measure_of(one).head for one in measures), "n")
    return Table("paired", "Paired differences", "analyses", heads, tuple(groups))


def _pairs(view: StudyView, frame: pd.DataFrame) -> list[tuple[str, str]]:
    places = {name: k for k, name in enumerate(view.analyses)}
    pairs = {(str(a), str(b)) for a, b in zip(frame["analysis"], frame["reference"], strict=True)}
    return sorted(pairs, key=lambda one: (places.get(one[1], 99), places.get(one[0], 99), one))
