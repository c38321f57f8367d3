"""A fitted model as JSON and back: the data and what was asked for, theta, and the results.

Reading runs no code of the record's: formulas go through the parser, types come from a fixed list.
The design is built and checked anew, and must give the stored deviance at the stored theta.
"""

from __future__ import annotations

import hashlib
import json
import platform
import re
import warnings
from dataclasses import fields
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import scipy

from wemix_ref.columns_json import (
    column_of,
    index_of,
    json_of_column,
    json_of_index,
    json_of_number,
    number_of,
)
from wemix_ref.design import Design, build_design
from wemix_ref.errors import CaseError, DataError, WemixRefError, WemixRefWarning
from wemix_ref.inference import check_recipe
from wemix_ref.newton import deviance_size
from wemix_ref.optimise import OptimizerReport
from wemix_ref.strict_json import finite, no_constant

if TYPE_CHECKING:
    from wemix_ref.deviance import Criterion, Evaluation
    from wemix_ref.fitted import Fitted

__all__ = ["SCHEMA", "from_json_text", "to_json_text"]

Json = dict[str, Any]

SCHEMA = "wemix-ref/fitted-model/1"

#: The design is built anew by the same operations: what differs is another machine's rounding.
SAME_DEVIANCE = 1e-12

_TYPES = {"str": str, "int": int, "bool": bool}


def to_json_text(fit: Fitted) -> str:
    """Write a fit; floats with the digits that give them back to the bit.

    Raises
    ------
    DataError
        A fit that does not hold its data, or data that JSON has no place for.
    """
    from wemix_ref import __version__

    design = fit.design
    if design.source is None:
        raise DataError("this fit does not hold its data, so it cannot be written. Fit with mix().")
    source = design.source
    record: Json = {
        "schema": SCHEMA,
        "versions": {
            "wemix_ref": __version__,
            "python": platform.python_version(),
            "numpy": np.__version__,
            "scipy": scipy.__version__,
            "pandas": pd.__version__,
        },
        "model": {
            "formula": fit.formula,
            "weights": list(design.weight_names) or None,
            "conditional_weights": bool(design.conditional_weights),
            "use": [bool(item) for item in design.weights_used] or None,
            "scale": list(design.scaling) or None,
            "center_group": source.center_group,
            "center_grand": source.center_grand,
            "reml": bool(fit.reml),
            "se": fit.se_recipe,
        },
        "data": {
            "index": json_of_index(source.data.index),
            "columns": [
                {"name": str(name)} | json_of_column(name, source.data[name])
                for name in source.data.columns
            ],
        },
        "theta": {"names": list(fit.theta.index), "values": fit.theta.tolist()},
        "optimizer": {
            item.name: _plain(getattr(fit.optimizer, item.name)) for item in fields(fit.optimizer)
        },
        "results": _results(fit),
    }
    record["sha256"] = _digest(record)
    return json.dumps(record, indent=1, allow_nan=False)


def _plain(value: Any) -> object:  # noqa: ANN401
    if isinstance(value, (bool, np.bool_)):
        return bool(value)
    if isinstance(value, (int, np.integer)):
        return int(value)
    return value if isinstance(value, str) else json_of_number(value)


def _results(fit: Fitted) -> Json:
    """For readers of the file; reading it back computes them anew."""
    components = fit.variance_components
    numbers = ("vcov", "sdcor", "se")
    return {
        "deviance": fit.deviance,
        "llf": fit.llf,
        "sigma": fit.sigma,
        "nobs": fit.nobs,
        "n_dropped": fit.n_dropped,
        "ngroups": fit.ngroups,
        "converged": bool(fit.converged),
        "singular": fit.singular,
        "fixed_effects": [
            {"name": name, "estimate": json_of_number(beta), "se": json_of_number(se)}
            for name, beta, se in zip(fit.params.index, fit.params, fit.bse, strict=True)
        ],
        "variance_components": [
            {
                name: json_of_number(v) if name in numbers else _plain_or_none(v)
                for name, v in row.items()
            }
            for row in components.to_dict("records")
        ],
    }


def _plain_or_none(value: Any) -> object:  # noqa: ANN401
    return None if value is None else _plain(value)


def _digest(record: Json) -> str:
    content = {key: value for key, value in record.items() if key != "sha256"}
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def _refuse(found: str, advice: str) -> CaseError:
    return CaseError(f"the record must be a fitted model as to_json wrote it; {found}. {advice}.")


def from_json_text(
    text: str,
) -> tuple[Design, Criterion, Evaluation, OptimizerReport, str]:
    """Make again what a fitted model consists of.

    Raises
    ------
    CaseError
        See :meth:`wemix_ref.FittedModel.from_json`.
    """
    record = _read(text)
    try:
        return _rebuild(record)
    except CaseError:
        raise
    except (WemixRefError, KeyError, IndexError, TypeError, ValueError, OverflowError) as problem:
        what = f"it lacks {problem}" if isinstance(problem, KeyError) else str(problem)
        raise _refuse(f"it cannot be built again: {what}", "Write it again") from problem


def _read(text: str) -> Json:
    if not isinstance(text, str):
        raise _refuse(
            f"found {type(text).__name__}", "Pass its text, or a pathlib.Path to its file"
        )
    try:
        record = json.loads(text, parse_constant=no_constant, parse_float=finite)
    except (ValueError, RecursionError) as problem:
        raise _refuse(
            f"the text is not JSON, or is cut off ({problem})",
            "Write it again; to read a file pass a pathlib.Path",
        ) from problem
    schema = record.get("schema") if isinstance(record, dict) else None
    version = re.fullmatch(r"wemix-ref/fitted-model/([1-9]\d{0,8})", str(schema))
    if version is None:
        raise _refuse(f'its "schema" is {schema!r}', f"It should be {SCHEMA!r}")
    if str(schema) != SCHEMA:
        versions = record.get("versions")
        by = versions.get("wemix_ref") if isinstance(versions, dict) else None
        raise _refuse(
            f"its schema is version {version[1]}, written by wemix_ref {by}; this one reads "
            "version 1",
            "Install a later wemix_ref",
        )
    if record.get("sha256") != _digest(record):
        raise _refuse("its checksum does not fit: it was changed after it was written", "Fit again")
    return record


def _rebuild(record: Json) -> tuple[Design, Criterion, Evaluation, OptimizerReport, str]:
    from wemix_ref.fit import criterion_of

    model = record["model"]
    reml, recipe = _typed(model, "reml", bool), _typed(model, "se", str)
    if reml and model["weights"] is not None:
        raise _refuse("it has weights and REML, which do not go together", "Fit again")
    check_recipe(recipe, reml)
    options: Json = {}
    if model["weights"] is not None:
        options = {"scale": model["scale"], "use": model["use"]}
    with warnings.catch_warnings():
        # The fit gave them; what they say stands in the summary.
        warnings.simplefilter("ignore", WemixRefWarning)
        design = build_design(
            _typed(model, "formula", str),
            _frame(record["data"]),
            model["weights"],
            conditional_weights=_typed(model, "conditional_weights", bool),
            center_group=model["center_group"],
            center_grand=model["center_grand"],
            **options,
        )
    criterion = criterion_of(design, reml)
    names, values = record["theta"]["names"], record["theta"]["values"]
    if list(design.covariance.names) != names or len(values) != len(names):
        raise _refuse(
            f"its theta is that of {names!r}, its model's {list(design.covariance.names)!r}",
            "Fit again",
        )
    at = criterion.evaluate(np.array([number_of(value) for value in values], dtype=float))
    stored = number_of(record["results"]["deviance"])
    if not abs(at.deviance - stored) <= SAME_DEVIANCE * deviance_size(criterion, stored):
        raise _refuse(
            f"its data give the deviance {at.deviance!r} at its theta, not {stored!r}", "Fit again"
        )
    return design, criterion, at, _optimizer(record["optimizer"]), recipe


def _typed(record: Json, name: str, kind: type) -> Any:  # noqa: ANN401
    value = record[name]
    if type(value) is not kind:
        raise TypeError(f"{name} must be of type {kind.__name__}; found {value!r}")
    return value


def _frame(record: Json) -> pd.DataFrame:
    index = index_of(record["index"])
    columns = {_typed(column, "name", str): column_of(column) for column in record["columns"]}
    for name, column in columns.items():
        if len(column) != len(index):
            raise ValueError(f"column {name!r} has {len(column)} values, the index {len(index)}")
        column.index = index
    return pd.DataFrame(columns, index=index)


def _optimizer(record: Json) -> OptimizerReport:
    values: Json = {}
    for item in fields(OptimizerReport):
        kind = _TYPES.get(str(item.type))
        name = item.name
        values[name] = number_of(record[name]) if kind is None else _typed(record, name, kind)
    return OptimizerReport(**values)
