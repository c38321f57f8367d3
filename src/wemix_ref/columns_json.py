"""Columns and indexes of data frames as JSON values and back, to the bit and with their types."""

from __future__ import annotations

import math
import re
from typing import Any

import numpy as np
import pandas as pd

from wemix_ref.errors import DataError

__all__ = [
    "column_of",
    "index_of",
    "json_of_column",
    "json_of_index",
    "json_of_number",
    "number_of",
]

Json = dict[str, Any]

_NUMPY = re.compile(r"u?int(8|16|32|64)|float(32|64)|bool")
_NULLABLE = re.compile(r"U?Int(8|16|32|64)|Float(32|64)|boolean")
_TIME = re.compile(r"datetime64\[(s|ms|us|ns)(?:, ([\w/+:-]+))?\]")
_TEXT_IS_A_TYPE = isinstance(pd.api.types.pandas_dtype("str"), pd.StringDtype)
_INFINITE = {"Infinity": math.inf, "-Infinity": -math.inf}


def json_of_number(value: float) -> float | str | None:
    """A float for JSON: NaN becomes null, infinities text."""
    value = float(value)
    if math.isnan(value):
        return None
    return value if math.isfinite(value) else ("Infinity" if value > 0 else "-Infinity")


def number_of(value: object) -> float:
    """Inverse of `json_of_number`."""
    if value is None:
        return math.nan
    if isinstance(value, str):
        return _INFINITE[value]
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError(f"a number was expected; found {value!r}")
    return float(value)


def json_of_column(name: object, values: pd.Series) -> Json:
    """A column's type and values.

    Raises
    ------
    DataError
        Values that JSON has no place for, such as dates or objects.
    """
    dtype = values.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        return {
            "type": "category",
            "ordered": bool(dtype.ordered),
            "categories": json_of_index(pd.Index(dtype.categories)),
            "codes": values.cat.codes.tolist(),
        }
    kind = str(dtype)
    if isinstance(dtype, pd.ArrowDtype):
        kind = _nullable_like(dtype)
        values = values if kind == "string" else values.astype(pd.api.types.pandas_dtype(kind))
    if _NUMPY.fullmatch(kind) or _NULLABLE.fullmatch(kind):
        cells = values.tolist()
        if kind.lower().startswith("float"):
            return {
                "type": kind,
                "values": [None if pd.isna(v) else json_of_number(v) for v in cells],
            }
        return {"type": kind, "values": [None if v is pd.NA else v for v in cells]}
    # "str" is pandas' own text from version 3 on, "string" the nullable one
    text = "str" if kind == "str" else "string"
    return {
        "type": text if kind == "string" or isinstance(dtype, pd.StringDtype) else "object",
        "values": [_cell(name, value) for value in values],
    }


def _nullable_like(dtype: pd.ArrowDtype) -> str:
    """The widest nullable type of the same kind; anything but numbers and booleans is text."""
    if pd.api.types.is_bool_dtype(dtype):
        return "boolean"
    if pd.api.types.is_unsigned_integer_dtype(dtype):
        return "UInt64"
    if pd.api.types.is_integer_dtype(dtype):
        return "Int64"
    return "Float64" if pd.api.types.is_float_dtype(dtype) else "string"


def _cell(name: object, value: Any) -> object:  # noqa: ANN401
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, (bool, int, str)):
        return str(value) if isinstance(value, str) else value
    if value is None or value is pd.NA or value is pd.NaT:
        return None
    if isinstance(value, float):
        return json_of_number(value)
    raise DataError(
        f"a fit is written with columns of numbers, texts, booleans or categories; {name!r} holds "
        f"a {type(value).__name__}. Convert the column, or the index, and fit again."
    )


def column_of(record: Json) -> pd.Series:
    """Inverse of `json_of_column`; texts of pandas 3 come back as objects in an older one."""
    kind = record["type"]
    if kind == "category":
        categories = index_of(record["categories"])
        codes = np.array(record["codes"], dtype=np.intp)
        return pd.Series(pd.Categorical.from_codes(codes, categories, ordered=record["ordered"]))
    values = record["values"]
    if kind in ("str", "string", "object"):
        plain = pd.Series(_objects(values), dtype=object)
        known = kind == "string" or (kind == "str" and _TEXT_IS_A_TYPE)
        return plain.astype(pd.api.types.pandas_dtype(kind)) if known else plain
    if _NULLABLE.fullmatch(kind):
        missing = np.array([value is None for value in values], dtype=bool)
        filled: Any = [0 if value is None else value for value in values]
        if kind.startswith("Float"):
            filled = [number_of(value) for value in filled]
        _check_cells(filled, kind)
        numbers = np.array(filled, dtype=kind.lower().replace("boolean", "bool"))
        if kind == "boolean":
            return pd.Series(pd.arrays.BooleanArray(numbers, missing))
        if kind.startswith("Float"):
            return pd.Series(pd.arrays.FloatingArray(numbers, missing))
        return pd.Series(pd.arrays.IntegerArray(numbers, missing))
    if not _NUMPY.fullmatch(kind):
        raise ValueError(f"unknown type of column {kind!r}")
    if kind.startswith("float"):
        values = [number_of(value) for value in values]
    _check_cells(values, kind)
    return pd.Series(np.array(values, dtype=kind), dtype=kind)


def _objects(values: list[Any]) -> np.ndarray:
    out = np.empty(len(values), dtype=object)
    for i, value in enumerate(values):
        if isinstance(value, (list, dict)):
            raise TypeError(f"a plain value was expected; found {type(value).__name__}")
        out[i] = value
    return out


def _check_cells(values: list[Any], kind: str) -> None:
    if kind.startswith("bool"):
        good = all(isinstance(value, (bool, int)) for value in values)
    elif "int" in kind.lower():
        good = all(isinstance(value, int) and not isinstance(value, bool) for value in values)
    else:
        good = True
    if not good:
        raise TypeError(f"a column of {kind} holds another type")


def json_of_index(index: pd.Index) -> Json:
    """An index's type, values and name.

    Raises
    ------
    DataError
        Labels that JSON has no place for.
    """
    named: Json = {"name": None if index.name is None else str(index.name)}
    if isinstance(index, pd.RangeIndex):
        return {
            "type": "range",
            "start": index.start,
            "stop": index.stop,
            "step": index.step,
        } | named
    if isinstance(index, pd.MultiIndex):
        parts = [json_of_index(index.get_level_values(i)) for i in range(index.nlevels)]
        return {"type": "multi", "levels": parts}
    if isinstance(index, pd.IntervalIndex):
        ends = {"left": json_of_index(index.left), "right": json_of_index(index.right)}
        return {"type": "interval", "closed": index.closed} | ends | named
    if isinstance(index, pd.DatetimeIndex):
        return {"type": str(index.dtype), "values": index.asi8.tolist()} | named
    return json_of_column("the index", pd.Series(index.array, dtype=index.dtype)) | named


def index_of(record: Json) -> pd.Index:
    """Inverse of `json_of_index`."""
    kind = record["type"]
    if kind == "multi":
        return pd.MultiIndex.from_arrays([index_of(part) for part in record["levels"]])
    name = record["name"]
    if kind == "range":
        return pd.RangeIndex(record["start"], record["stop"], record["step"], name=name)
    if kind == "interval":
        left, right = index_of(record["left"]), index_of(record["right"])
        return pd.IntervalIndex.from_arrays(left, right, closed=record["closed"], name=name)
    if time := _TIME.fullmatch(kind):
        unit, zone = time.groups()
        moments = pd.DatetimeIndex(np.array(record["values"], dtype=np.int64).view(f"M8[{unit}]"))
        return (moments.tz_localize("UTC").tz_convert(zone) if zone else moments).rename(name)
    series = column_of(record)
    return pd.Index(series, dtype=series.dtype, name=name)
