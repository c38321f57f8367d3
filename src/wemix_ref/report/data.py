"""What the report is made from: comparisons, fit records, matrices and case files, read as one."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from wemix_ref.cases import Case, load_cases
from wemix_ref.datasets import RESOURCES
from wemix_ref.engines.record import read_record
from wemix_ref.errors import CaseError

__all__ = ["TIERS", "CaseResults", "Matrices", "Results", "read_results"]

COMPARISON_SCHEMA = "wemix-ref/comparison/1"
TIERS = (
    "same-theta",
    "own-optimum",
    "matrices",
    "standard-errors",
    "printed",
    "identities",
)
_REQUIRED = ("case", "model", "engines", "numbers", "verdicts")
# lme4's own matrices come first: they are what the pictures of the sources show.
_MATRIX_ENGINES = ("lme4", "python")


@dataclass(frozen=True)
class Matrices:
    """Entries of Z, G and V at one engine's own optimum.

    Attributes
    ----------
    engine : str
        The engine they are from.
    entries : DataFrame
        Columns ``matrix`` (Z, G or V), ``row``, ``col`` (from zero) and ``value``; zeros left out.
    shapes : Mapping of str to (int, int)
        Rows and columns of each matrix.
    """

    engine: str
    entries: pd.DataFrame
    shapes: Mapping[str, tuple[int, int]]


@dataclass(frozen=True)
class CaseResults:
    """One case and everything that was found out about it.

    Attributes
    ----------
    case : Case
        The case file.
    comparison : Mapping
        Content of ``results/comparisons/<case>.json``.
    records : Mapping of str to Mapping
        Fit records by engine.
    matrices : Matrices or None
        For a case whose source shows pictures; lme4's where it ran, otherwise the project's own.
    """

    case: Case
    comparison: Mapping[str, Any]
    records: Mapping[str, Mapping[str, Any]]
    matrices: Matrices | None


@dataclass(frozen=True)
class Results:
    """All that the report shows.

    Attributes
    ----------
    cases : tuple of CaseResults
        By source, then by name.
    not_compared : tuple of str
        Case files without a comparison.
    without_case : tuple of str
        Comparisons without a case file.
    """

    cases: tuple[CaseResults, ...]
    not_compared: tuple[str, ...]
    without_case: tuple[str, ...]


def read_results(
    results_dir: Path,
    cases_dir: Path,
    *,
    only: Collection[str] | None = None,
    resources: Path = RESOURCES,
) -> Results:
    """Read every comparison that has a case file, with its fit records and matrices.

    Parameters
    ----------
    results_dir : Path
        Holds ``comparisons/<case>.json`` and ``fits/<case>/<engine>.json``.
    cases_dir : Path
        Holds the case files.
    only : collection of str or None
        Names of the cases that the report is of; None: all that were compared.
    resources : Path
        Directory of the data and their provenance.

    Returns
    -------
    Results

    Raises
    ------
    CaseError
        If there is no comparison, or one cannot be read, lacks a part, or is of another case.
    EngineError
        If a fit record breaks its schema.
    """
    cases = load_cases(cases_dir, resources=resources)
    comparisons = {
        path.stem: _read_comparison(path)
        for path in sorted((results_dir / "comparisons").glob("*.json"))
        if only is None or path.stem in only
    }
    both = [name for name in cases if name in comparisons]
    if not both:
        raise CaseError(
            f"{results_dir / 'comparisons'} must hold the comparison of at least one case of "
            f"{cases_dir}; it holds {len(comparisons)} files, none of them of such a case. "
            "Run the comparison first."
        )
    found = [
        _read_case(cases[name], comparisons[name], results_dir / "fits" / name) for name in both
    ]
    found.sort(key=lambda one: (one.case.source, one.case.name))
    return Results(
        cases=tuple(found),
        not_compared=tuple(name for name in cases if name not in comparisons),
        without_case=tuple(name for name in comparisons if name not in cases),
    )


def _read_comparison(path: Path) -> Mapping[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as problem:
        raise CaseError(f"{path} must be a comparison as JSON: {problem}. Write it anew.") from (
            problem
        )
    if not isinstance(content, dict) or content.get("schema") != COMPARISON_SCHEMA:
        found = content.get("schema") if isinstance(content, dict) else type(content).__name__
        raise CaseError(f"{path} must have the schema {COMPARISON_SCHEMA!r}; found {found!r}.")
    absent = [key for key in _REQUIRED if key not in content]
    if absent:
        raise CaseError(
            f"{path} must have {', '.join(_REQUIRED)}; {len(absent)} are absent (first: "
            f"{absent[0]!r}). Write it anew."
        )
    if content["case"] != path.stem:
        raise CaseError(f"{path} must be of the case {path.stem!r}; it is of {content['case']!r}.")
    unknown = sorted({str(number.get("tier")) for number in content["numbers"]} - set(TIERS))
    if unknown:
        raise CaseError(
            f"{path}: the tier of a number must be one of {', '.join(TIERS)}; found "
            f"{len(unknown)} others (first: {unknown[0]!r})."
        )
    return content


def _read_case(case: Case, comparison: Mapping[str, Any], directory: Path) -> CaseResults:
    names = sorted({*comparison["engines"], "python"})
    records = {
        name: read_record(directory / f"{name}.json")
        for name in names
        if (directory / f"{name}.json").is_file()
    }
    matrices = _read_matrices(records, directory) if case.pictures else None
    return CaseResults(case, comparison, records, matrices)


def _read_matrices(records: Mapping[str, Mapping[str, Any]], directory: Path) -> Matrices | None:
    for engine in _MATRIX_ENGINES:
        path = directory / f"{engine}.matrices.parquet"
        record = records.get(engine)
        if record is None or record["status"] != "ok" or not path.is_file():
            continue
        entries = pd.read_parquet(path)
        if entries.empty:
            continue
        given = record.get("matrix_shapes", {})
        shapes = {
            str(name): tuple(given[name])
            if name in given
            else (int(part["row"].max()) + 1, int(part["col"].max()) + 1)
            for name, part in entries.groupby("matrix", sort=True)
        }
        return Matrices(engine, entries, shapes)
    return None
