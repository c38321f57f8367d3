"""A case made ready for the engines: its data, byte by byte, and the problem to be fitted."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from wemix_ref.cases import Case
from wemix_ref.datasets import ColumnOrigin, Dataset
from wemix_ref.engines.protocol import Problem
from wemix_ref.errors import CaseError, DataError
from wemix_ref.files import write_bytes, write_json
from wemix_ref.strict_json import read_json_object

__all__ = ["problem_of", "read_problem", "thetas_of", "write_problem"]

SCHEMA_NAME = "wemix-ref/problem/1"


def problem_of(case: Case) -> dict[str, Any]:
    """Return all that the fits of a case depend on, as plain values.

    What is left out (titles, notes, printed numbers) can change without a fit being redone.
    """
    dataset = case.dataset
    theta = case.printed_theta
    return {
        "schema": SCHEMA_NAME,
        "case": case.name,
        "formula": case.formula,
        "wemix_formula": case.wemix_formula,
        "weights": list(case.weights) if case.weights else None,
        "conditional_weights": case.conditional_weights,
        "reml": case.reml,
        "center_group": dict(case.center_group) if case.center_group else None,
        "center_grand": case.center_grand,
        "precision_weights": case.precision_weights,
        "printed_theta": None if theta is None else list(theta.values()),
        "data": {
            "file": dataset.path.name,
            "sha256": dataset.sha256,
            "rows": dataset.n_rows,
            "columns": [
                {
                    "name": column.name,
                    "type": column.type,
                    "levels": list(levels)
                    if isinstance(levels := column.levels, tuple)
                    else levels,
                }
                for column in dataset.columns
            ],
        },
    }


def write_problem(problem: Mapping[str, Any], data: Path, directory: Path) -> None:
    """Write ``data.csv``, the same bytes as the data file, and ``problem.json``.

    Parameters
    ----------
    problem : as `problem_of` gives it.
    data : the data file.
    directory : made if needed.

    Raises
    ------
    DataError
        If the bytes are not those whose hash is recorded, or a value has not its column's type.
    """
    content = Path(data).read_bytes()
    found = hashlib.sha256(content).hexdigest()
    wanted = problem["data"]["sha256"]
    if found != wanted:
        raise DataError(
            f"data file {data} must have the sha256 {wanted} of provenance.yaml; its bytes have "
            f"{found}. Restore the file, or record the new hash with the reason for the change."
        )
    write_bytes(Path(directory) / "data.csv", content)
    _dataset(problem, Path(directory)).read()
    write_json(Path(directory) / "problem.json", problem)


def _read(directory: Path) -> dict[str, Any]:
    path = Path(directory) / "problem.json"
    content = read_json_object(path, "a prepared case", "Prepare the case again.", CaseError)
    if content.get("schema") != SCHEMA_NAME:
        raise CaseError(f"{path} must say `schema: {SCHEMA_NAME}`. Prepare the case again.")
    return content


def read_problem(directory: Path, engine: str = "python") -> Problem:
    """Read a prepared problem as one engine is given it.

    A case with precision weights gives them to ``lme4`` alone; all others get its sampling weights.

    Raises
    ------
    CaseError
        If ``problem.json`` is of another schema.
    DataError
        If ``data.csv`` is not what was prepared.
    """
    content = _read(directory)
    by_precision = content["precision_weights"] is not None and engine == "lme4"
    return Problem(
        case=content["case"],
        formula=content["formula"],
        data=_dataset(content, Path(directory)).read(),
        weights=None if by_precision else content["weights"],
        conditional_weights=content["conditional_weights"] and not by_precision,
        reml=content["reml"],
        center_group=content["center_group"],
        center_grand=content["center_grand"],
        data_sha256=content["data"]["sha256"],
        wemix_formula=content["wemix_formula"],
        precision_weights=content["precision_weights"] if by_precision else None,
    )


def thetas_of(directory: Path, python: Mapping[str, Any] | None = None) -> dict[str, list[float]]:
    """Return the thetas at which an engine is to be evaluated.

    Parameters
    ----------
    directory : of a prepared problem.
    python : the fit record of the engine ``python``, whose optimum is one of them; None for
        ``python`` itself.

    Returns
    -------
    dict
        ``python-optimum`` where there is one, ``printed`` where the source's theta is known.
    """
    thetas: dict[str, list[float]] = {}
    if python is not None and python["optimum"] is not None:
        thetas["python-optimum"] = list(python["optimum"]["theta"]["values"])
    printed = _read(directory)["printed_theta"]
    if printed is not None:
        thetas["printed"] = [float(text) for text in printed]
    return thetas


def _dataset(problem: Mapping[str, Any], directory: Path) -> Dataset:
    data = problem["data"]
    columns = tuple(
        ColumnOrigin(
            name=column["name"],
            type=column["type"],
            levels=tuple(levels) if isinstance(levels := column["levels"], list) else levels,
            recipe=None,
            source_column=column["name"],
        )
        for column in data["columns"]
    )
    return Dataset(
        name=problem["case"],
        path=directory / "data.csv",
        sha256=data["sha256"],
        n_rows=data["rows"],
        what="",
        licence="",
        source={},
        match_by=(),
        printed_rows_path=None,
        columns=columns,
    )
