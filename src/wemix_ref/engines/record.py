"""Fit records: built, checked against the schema, written whole or not at all, read."""

from __future__ import annotations

import json
import math
import os
import tempfile
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd

from wemix_ref.engines.protocol import FitResult, Problem
from wemix_ref.errors import EngineError
from wemix_ref.places import PROJECT, SCHEMAS
from wemix_ref.strict_json import read_json_object

SCHEMA_NAME = "wemix-ref/fit-record/1"
MATRIX_COLUMNS = ("matrix", "row", "col", "value")
PROJECT_ROOT = PROJECT


def new_record(
    problem: Problem,
    engine: str,
    *,
    status: str = "ok",
    message: str = "",
    versions: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Return a record without answers yet: the problem, the engine and a status."""
    record: dict[str, Any] = {
        "schema": SCHEMA_NAME,
        "case": problem.case,
        "engine": engine,
        "status": status,
        "message": message,
        "versions": dict(versions or {}),
        "data_sha256": problem.data_sha256,
        "formula": problem.formula,
        "reml": problem.reml,
        "weights": problem.weights,
        "conditional_weights": problem.conditional_weights,
        "center_group": problem.center_group,
        "center_grand": problem.center_grand,
        "optimum": None,
        "at": [],
        "messages": [],
        "singular": None,
    }
    if problem.precision_weights is not None:
        record["precision_weights"] = problem.precision_weights
    return record


def without_answer(problem: Problem, engine: str, status: str, message: str) -> FitResult:
    """Return the result of an engine that gave no answer."""
    return FitResult(new_record(problem, engine, status=status, message=message))


def make_point(
    *,
    theta_names: Sequence[str],
    theta: Sequence[float],
    deviance: float,
    beta: Mapping[str, float],
    sigma: float,
    **others: Any,  # noqa: ANN401
) -> dict[str, Any]:
    """Return one evaluation: theta and what holds there.

    Parameters
    ----------
    theta_names, theta : sequences of str and float
        theta as lme4 names and orders it, lower level first.
    deviance : float
        -2 log-likelihood; the REML criterion under REML.
    beta : mapping
        Fixed effects by R's coefficient name.
    sigma : float
        Residual standard deviation.
    **others
        Further members of a point: ``se_beta``, ``cov_beta``, ``se_recipe``,
        ``variance_components``, ``nobs``, ``ngroups``, ``scaled_residuals``, ``recipes``,
        ``optimizer``.
    """
    return {
        "theta": {"names": list(theta_names), "values": [float(value) for value in theta]},
        "deviance": float(deviance),
        "llf": -0.5 * float(deviance),
        "beta": {name: float(value) for name, value in beta.items()},
        "sigma": float(sigma),
        **others,
    }


def _plain(value: Any) -> Any:  # noqa: ANN401
    """Copy to plain JSON values; NaN, which JSON does not have, becomes null."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if hasattr(value, "item") and not isinstance(value, str | bytes):
        value = value.item()
    if isinstance(value, float) and math.isnan(value):
        return None
    return value


def record_text(record: Mapping[str, Any]) -> str:
    """Return a record as JSON text: sorted names, floats to their last digit.

    Raises
    ------
    EngineError
        If a number is infinite.
    """
    try:
        return (
            json.dumps(
                _plain(record), sort_keys=True, indent=1, ensure_ascii=False, allow_nan=False
            )
            + "\n"
        )
    except ValueError as error:
        raise EngineError(
            f"numbers of a record must be finite or missing; found {error} in case "
            f"{record.get('case')!r}, engine {record.get('engine')!r}. Correct the engine."
        ) from error


@cache
def _schema(path: Path) -> dict[str, Any]:
    import yaml

    if not path.is_file():
        raise EngineError(
            f"the schema of fit records must be at {path}; found no file there. "
            "Run from a checkout of the project, or pass schema_path."
        )
    with path.open(encoding="utf-8") as file:
        return yaml.safe_load(file)


def validate_record(record: Mapping[str, Any], *, schema_path: Path | None = None) -> None:
    """Check a record against the schema.

    Raises
    ------
    EngineError
        If the record breaks the schema: every break counted, the first one named.
    """
    import jsonschema

    path = schema_path or SCHEMAS / "fit_record.schema.yaml"
    validator = jsonschema.Draft202012Validator(_schema(path))
    breaks = sorted(validator.iter_errors(_plain(record)), key=lambda e: [str(p) for p in e.path])
    if breaks:
        first = breaks[0]
        where = "/".join(str(part) for part in first.path) or "the record itself"
        raise EngineError(
            f"a fit record must follow its schema; {len(breaks)} places do not "
            f"(first: {where}: {first.message}). Correct the engine "
            f"{record.get('engine')!r} or the file."
        )


def read_record(path: Path, *, schema_path: Path | None = None) -> dict[str, Any]:
    """Read a record and check it.

    Raises
    ------
    EngineError
        If the file cannot be read, is no JSON or breaks the schema.
    """
    record = read_json_object(path, "a fit record", "Write the record anew.", EngineError)
    try:
        validate_record(record, schema_path=schema_path)
    except EngineError as problem:
        raise EngineError(f"{path}: {problem}") from problem
    return record


def matrices_table(parts: Mapping[str, Mapping[str, Sequence[Any]]]) -> pd.DataFrame:
    """Return entries of matrices as one table, sorted by matrix, row and column."""
    frames = [
        pd.DataFrame(
            {
                "matrix": name,
                "row": pd.Series(part["row"], dtype="int64"),
                "col": pd.Series(part["col"], dtype="int64"),
                "value": pd.Series(part["value"], dtype="float64"),
            }
        )
        for name, part in sorted(parts.items())
    ]
    table = pd.concat(frames, ignore_index=True)
    return table.sort_values(["matrix", "row", "col"], kind="stable", ignore_index=True)


def _empty_matrices() -> pd.DataFrame:
    return matrices_table({name: {"row": [], "col": [], "value": []} for name in "GVZ"}).iloc[:0]


def raise_if_killed(result: FitResult) -> None:
    """Refuse a result that a signal from outside cut short: it is no answer to be kept.

    Raises
    ------
    EngineError
        If it did.
    """
    if result.killed:
        record = result.record
        raise EngineError(
            f"the engine {record['engine']} must come to its end on the case {record['case']}; "
            f"{record['message']}. Nothing of the fit is kept: run again where it is let work and "
            "has memory."
        )


def write_result(result: FitResult, directory: Path) -> Path:
    """Write a result's three files: record, timing and matrices.

    Every file is written beside its place first and moved there at the end, the record last, so
    that a record that can be read is whole and so are the files beside it.

    Parameters
    ----------
    result : FitResult
        The result; its record is checked first.
    directory : pathlib.Path
        Made if needed. Files are ``<engine>.json``, ``<engine>.timing.json`` and
        ``<engine>.matrices.parquet`` (without rows where the engine gave no matrices).

    Returns
    -------
    pathlib.Path
        The record's path.

    Raises
    ------
    EngineError
        If the record breaks the schema; nothing is written then.
    """
    validate_record(result.record)
    text = record_text(result.record)
    engine = result.record["engine"]
    directory.mkdir(parents=True, exist_ok=True)
    matrices = _empty_matrices() if result.matrices is None else result.matrices
    with tempfile.TemporaryDirectory(prefix=f".{engine}.", dir=directory) as scratch:
        names = [f"{engine}.matrices.parquet", f"{engine}.timing.json", f"{engine}.json"]
        parquet, timing, record = (Path(scratch) / name for name in names)
        matrices.loc[:, list(MATRIX_COLUMNS)].to_parquet(parquet, engine="pyarrow", index=False)
        timing.write_text(json.dumps(result.timing, sort_keys=True) + "\n", encoding="utf-8")
        record.write_text(text, encoding="utf-8")
        for name in names:
            os.replace(Path(scratch) / name, directory / name)  # noqa: PTH105
    return directory / f"{engine}.json"
