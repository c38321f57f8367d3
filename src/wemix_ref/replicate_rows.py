"""The table of replicates of a study: checks, and its parts by scenario, analysis and parameter."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from wemix_ref.errors import StudyError, shown
from wemix_ref.measures import Floats

__all__ = ["COLUMNS", "FIT", "Fits", "ReplicateTable", "Replicates", "read_rows"]

COLUMNS = (
    "scenario",
    "replicate",
    "analysis",
    "status",
    "converged",
    "singular",
    "n_top",
    "parameter",
    "estimate",
    "se",
    "target",
)

# What stands in place of a parameter's name for measures of the fit as a whole.
FIT = "(fit)"

Flags = NDArray[np.bool_]
Codes = NDArray[np.int64]


@dataclass(frozen=True)
class Replicates:
    """One parameter under one analysis in one scenario, replicates in their order.

    Attributes
    ----------
    replicate : ndarray of int, shape (n,)
        Codes of the replicates, rising.
    estimate, se, target : ndarray, shape (n,)
        SE NaN where there is none, target NaN where it is not defined.
    n_top : ndarray, shape (n,)
        Number of top groups in the sample.
    """

    replicate: Codes
    estimate: Floats
    se: Floats
    target: Floats
    n_top: Floats

    @property
    def error(self) -> Floats:
        """Estimate minus target, NaN where the target is, shape (n,)."""
        return self.estimate - self.target

    def at(self, where: Flags | Codes) -> Replicates:
        """Return some of the replicates."""
        return Replicates(
            self.replicate[where],
            self.estimate[where],
            self.se[where],
            self.target[where],
            self.n_top[where],
        )


@dataclass(frozen=True)
class Fits:
    """All fits of one analysis in one scenario, failed ones too; arrays of shape (n,).

    Attributes
    ----------
    failed, singular : ndarray of bool
    converged : ndarray of bool or None
        None where the engine does not tell whether a fit converged.
    """

    failed: Flags
    converged: Flags | None
    singular: Flags


@dataclass(frozen=True)
class ReplicateTable:
    """A checked table, cut into parts; names in the order in which they first appear.

    Attributes
    ----------
    scenarios, analyses, parameters : list
    parts : dict of (int, int, int) to Replicates
        By the positions of scenario, analysis and parameter.
    fits : dict of (int, int) to Fits
        By the positions of scenario and analysis, in their order.
    """

    scenarios: list[str]
    analyses: list[str]
    parameters: list[str]
    parts: dict[tuple[int, int, int], Replicates]
    fits: dict[tuple[int, int], Fits]


def read_rows(rows: pd.DataFrame) -> ReplicateTable:
    """Check the rows of a study's replicates and cut them into parts.

    Parameters
    ----------
    rows : DataFrame
        A row per fit and parameter with the columns `COLUMNS`, others are ignored. A failed fit
        is a single row with status ``"failed"`` and no parameter. ``converged`` may be missing in
        all fits of an analysis in a scenario: its engine does not tell.

    Raises
    ------
    StudyError
        If there are no rows; if a column is missing; if a status is neither ``"ok"`` nor
        ``"failed"``; if a fit has a parameter twice, is failed and ok, or disagrees with itself
        on convergence; if a fit that is ok lacks a finite estimate, or has a negative SE or an
        infinite target.
    """
    missing = [name for name in COLUMNS if name not in rows.columns]
    if missing:
        raise StudyError(
            f"replicates need the columns {', '.join(COLUMNS)}; missing: {', '.join(missing)}"
        )
    if rows.empty:
        raise StudyError(
            "performance needs replicates; the table has no rows. Run the study first."
        )
    rows = rows.reset_index(drop=True)
    for name in ("scenario", "replicate", "analysis", "status"):
        _refuse(rows, rows[name].isna().to_numpy(), f"`{name}` must be given in every row")
    return _cut(rows, _check_status(rows))


def _check_status(rows: pd.DataFrame) -> Flags:
    """Return which rows are of fits that are ok."""
    ok = rows["status"].eq("ok").to_numpy(bool)
    wrong = ~ok & ~rows["status"].eq("failed").to_numpy(bool)
    _refuse(rows, wrong, 'status must be "ok" or "failed"')
    named = rows["parameter"].notna().to_numpy(bool)
    _refuse(rows, ~ok & named, "a failed fit must have no parameter")
    _refuse(rows, ok & ~named, "a fit with status ok must name its parameters")
    _refuse(rows, rows["parameter"].eq(FIT).to_numpy(bool, na_value=False), f"`{FIT}` is reserved")
    unsaid = {name: ok & rows[name].isna().to_numpy(bool) for name in ("converged", "singular")}
    cells = [rows["scenario"].to_numpy(), rows["analysis"].to_numpy()]
    said_by_some = pd.Series(ok & ~unsaid["converged"]).groupby(cells).transform("any")
    unsaid["converged"] &= said_by_some.to_numpy(bool)
    for name, wrong in unsaid.items():
        _refuse(rows, wrong, f"a fit with status ok must say whether it is {name}")
    return ok


def _cut(rows: pd.DataFrame, ok: Flags) -> ReplicateTable:
    scenario, scenarios = pd.factorize(rows["scenario"])
    analysis, analyses = pd.factorize(rows["analysis"])
    parameter, parameters = pd.factorize(rows["parameter"])  # -1 for a failed fit
    unsorted, replicates = pd.factorize(rows["replicate"], sort=True)

    cell = scenario.astype(np.int64) * len(analyses) + analysis
    group = cell * (len(parameters) + 1) + parameter + 1
    order = np.lexsort((unsorted, group))
    group, replicate = group[order], unsorted[order].astype(np.int64)
    twice = np.zeros(len(rows), dtype=bool)
    twice[order[1:]] = (group[1:] == group[:-1]) & (replicate[1:] == replicate[:-1])
    _refuse(rows, twice, "a fit must have each parameter once, and one row if it failed")

    fits = _fits(rows, ok, cell * len(replicates) + unsorted)
    values = [column[order] for column in _numbers(rows, ok)]
    parts = {}
    edges = np.flatnonzero(np.diff(group, prepend=-1, append=-1))
    for start, stop in pairwise(edges):
        where, name = divmod(int(group[start]), len(parameters) + 1)
        if name == 0:
            continue
        key = (*divmod(where, len(analyses)), name - 1)
        columns = (column[start:stop] for column in values)
        parts[key] = Replicates(replicate[start:stop], *columns)
    return ReplicateTable(
        scenarios=[str(name) for name in scenarios],
        analyses=[str(name) for name in analyses],
        parameters=[str(name) for name in parameters],
        parts=parts,
        fits={divmod(key, len(analyses)): value for key, value in _by_cell(fits, len(replicates))},
    )


def _numbers(rows: pd.DataFrame, ok: Flags) -> Iterator[Floats]:
    """Yield estimate, SE, target and number of top groups as checked numbers."""
    columns = {}
    for name in ("estimate", "se", "target", "n_top"):
        try:
            columns[name] = rows[name].to_numpy(dtype=np.float64, na_value=np.nan)
        except (TypeError, ValueError) as error:
            raise StudyError(f"`{name}` must be a column of numbers: {error}") from None
    _refuse(
        rows,
        ok & ~np.isfinite(columns["estimate"]),
        "a fit with status ok must have finite estimates; give it the status failed",
    )
    _refuse(rows, ok & (columns["se"] < 0), "an SE must not be negative")
    _refuse(rows, ok & np.isinf(columns["target"]), "a target must be finite, or NaN if undefined")
    yield from columns.values()


def _fits(rows: pd.DataFrame, ok: Flags, fit: Codes) -> tuple[Codes, dict[str, Flags]]:
    """Return the codes of the fits, rising, and what each fit says of itself."""
    codes, first, inverse, counts = np.unique(
        fit, return_index=True, return_inverse=True, return_counts=True
    )
    said = {}
    for name, flags in (
        ("status", ok),
        ("converged", ok & rows["converged"].eq(True).to_numpy(bool, na_value=False)),
        ("told", ok & rows["converged"].notna().to_numpy(bool)),
        ("singular", rows["singular"].eq(True).to_numpy(bool, na_value=False)),
    ):
        held = np.bincount(inverse, weights=flags, minlength=codes.size)
        mixed = (held > 0) & (held < counts)
        _refuse(rows, mixed[inverse], f"all rows of a fit must agree on `{name}`")
        said[name] = flags[first]
    return codes, said


def _by_cell(coded: tuple[Codes, dict[str, Flags]], replicates: int) -> Iterator[tuple[int, Fits]]:
    codes, said = coded
    cell = codes // replicates
    edges = np.flatnonzero(np.diff(cell, prepend=-1, append=-1))
    for start, stop in pairwise(edges):
        own = {name: flags[start:stop] for name, flags in said.items()}
        told = bool((own["told"] == own["status"]).all())
        converged = own["converged"] if told else None
        yield int(cell[start]), Fits(~own["status"], converged, own["singular"])


def _refuse(rows: pd.DataFrame, wrong: Flags, rule: str) -> None:
    """Raise if any row is wrong, with the number of such rows and the first of them."""
    if not wrong.any():
        return
    keys = ("scenario", "replicate", "analysis", "status", "parameter")
    row = rows.loc[int(np.argmax(wrong))]
    place = ", ".join(f"{key} {shown(row[key])}" for key in keys)
    count = int(wrong.sum())
    raise StudyError(f"{rule}; found {count} row{'s' * (count > 1)} otherwise (first: {place})")
