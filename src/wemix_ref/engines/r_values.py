"""Values on their way to R and back, as JSON that both processes read.

To R every vector states its type: ``{"r": "double" | "integer" | "logical" | "text",
"values": [...]}``, ``{"r": "factor", "codes": [...], "levels": [...], "ordered": bool}`` with
codes from one, and ``{"r": "list", "names": [...] | None, "values": [...]}``. None stands for
R's NA inside a vector and for NULL outside. From R a vector is a list, a named list an object.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from wemix_ref.columns import FactorColumn, read_column
from wemix_ref.errors import EngineError

RValue = dict[str, Any] | None
_INT32 = 2**31 - 1


def double(values: Sequence[float] | np.ndarray) -> RValue:
    """Return numbers as R doubles; NaN becomes NA."""
    numbers = np.asarray(values, dtype=float)
    return {"r": "double", "values": [None if np.isnan(v) else float(v) for v in numbers]}


def logical(values: Sequence[bool | None]) -> RValue:
    """Return truth values as R logicals."""
    return {"r": "logical", "values": list(values)}


def text(*values: str) -> RValue:
    """Return strings as a character vector."""
    return {"r": "text", "values": list(values)}


def named_list(items: Mapping[str, RValue]) -> RValue:
    """Return a named list."""
    return {"r": "list", "names": list(items), "values": list(items.values())}


def _factor(codes: np.ndarray, levels: Sequence[str], *, ordered: bool) -> RValue:
    return {
        "r": "factor",
        "codes": [None if code < 0 else int(code) + 1 for code in codes],
        "levels": list(levels),
        "ordered": ordered,
    }


def _categorical(series: pd.Series, name: str) -> RValue:
    # labels as the formula's reader gives them, so that coefficients carry the same names
    read = read_column(name, series.dropna())
    assert isinstance(read, FactorColumn)
    return _factor(series.cat.codes.to_numpy(), read.levels, ordered=bool(series.cat.ordered))


def column(series: pd.Series, name: str) -> RValue:
    """Return a column of data as the R vector that means the same.

    Categories keep their order, text becomes a factor with levels in C order, truth values
    become logicals, whole numbers integers where R's hold them, other numbers doubles.

    Raises
    ------
    EngineError
        If the column holds values of other or of mixed types.
    """
    if isinstance(series.dtype, pd.CategoricalDtype):
        return _categorical(series, name)
    missing = series.isna().to_numpy()
    present = series[~missing]
    kinds = {type(value) for value in present} if series.dtype == object else set()
    if pd.api.types.is_bool_dtype(series.dtype) or (kinds and kinds <= {bool, np.bool_}):
        return logical([None if m else bool(v) for v, m in zip(series, missing, strict=True)])
    if pd.api.types.is_integer_dtype(series.dtype):
        if len(present) == 0 or (int(present.max()) <= _INT32 and int(present.min()) >= -_INT32):
            values = [None if m else int(v) for v, m in zip(series, missing, strict=True)]
            return {"r": "integer", "values": values}
        return double(series.to_numpy(dtype=float, na_value=np.nan))
    if pd.api.types.is_float_dtype(series.dtype):
        return double(series.to_numpy(dtype=float, na_value=np.nan))
    if isinstance(series.dtype, pd.StringDtype) or (kinds and kinds <= {str, np.str_}):
        levels = sorted({str(value) for value in present})
        order = {level: code for code, level in enumerate(levels)}
        codes = np.array([-1 if m else order[v] for v, m in zip(series, missing, strict=True)])
        return _factor(codes, levels, ordered=False)
    found = ", ".join(sorted(kind.__name__ for kind in kinds)) or str(series.dtype)
    raise EngineError(
        f"column `{name}` must hold numbers, text, truth values or categories; found {found}. "
        "Convert it before fitting."
    )
