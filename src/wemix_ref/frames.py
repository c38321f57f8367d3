"""Tables of other libraries as pandas data frames, categories and missing values kept."""

from __future__ import annotations

from typing import Any

import pandas as pd

from wemix_ref.errors import DataError
from wemix_ref.extras import how_to_install

__all__ = ["as_pandas"]

_ADVICE = (
    "data must be a pandas DataFrame, or a table that tells how to make one: polars, pyarrow, or "
    "any with __arrow_c_stream__, __dataframe__ or to_pandas()"
)


def as_pandas(data: object) -> pd.DataFrame:
    """Data frame of a table of any library.

    Parameters
    ----------
    data : a pandas DataFrame, which is returned as it is; a polars DataFrame; a pyarrow Table or
        RecordBatch; or an object with ``__arrow_c_stream__``, ``__dataframe__`` or ``to_pandas``,
        tried in this order.

    Returns
    -------
    DataFrame
        Whole numbers and booleans with missing values stay what they are (pandas' nullable types).
        Dictionaries of Arrow become categories in their own order, ordered where they say so.
        polars' Enum becomes categories in its order, not ordered; its Categorical becomes text,
        as its codes depend on what else the process has read.

    Raises
    ------
    DataError
        Nothing that can be made a data frame, or pyarrow is needed and not installed.
    """
    if isinstance(data, pd.DataFrame):
        return data
    kind = type(data)
    if kind.__module__.partition(".")[0] == "polars":
        return _from_polars(data)
    if not isinstance(data, (type, dict)):
        if hasattr(data, "__arrow_c_stream__"):
            return _from_arrow(data)
        if hasattr(data, "__dataframe__"):
            return _converted(data, pd.api.interchange.from_dataframe)
        if callable(getattr(data, "to_pandas", None)):
            return _converted(data, lambda table: table.to_pandas())
    raise DataError(f"{_ADVICE}; found {kind.__name__}. Make a pandas.DataFrame of it first.")


def _converted(data: object, convert: Any) -> pd.DataFrame:  # noqa: ANN401
    try:
        frame = convert(data)
    except (ImportError, NotImplementedError, RuntimeError, TypeError, ValueError) as problem:
        raise DataError(
            f"{_ADVICE}; a {type(data).__name__} was found, which could not be converted: "
            f"{problem}. Make a pandas.DataFrame of it first."
        ) from problem
    if not isinstance(frame, pd.DataFrame):
        raise DataError(
            f"{_ADVICE}; a {type(data).__name__} was found, which gave a {type(frame).__name__}. "
            "Pass a table with columns."
        )
    return frame


def _pyarrow(data: object) -> Any:  # noqa: ANN401
    try:
        import pyarrow as pa
    except ImportError as problem:
        raise DataError(
            f"a {type(data).__name__} is read through pyarrow, which is not installed. "
            f"{how_to_install('pyarrow')} Or pass a pandas DataFrame."
        ) from problem
    return pa


def _from_arrow(data: object) -> pd.DataFrame:
    pa = _pyarrow(data)
    return _converted(data, lambda table: _table_to_pandas(pa, pa.table(table)))


def _table_to_pandas(pa: Any, table: Any) -> pd.DataFrame:  # noqa: ANN401
    """Whole numbers and booleans to nullable types only where a value is missing."""
    nullable = {
        **{getattr(pa, f"int{b}")(): getattr(pd, f"Int{b}Dtype")() for b in (8, 16, 32, 64)},
        **{getattr(pa, f"uint{b}")(): getattr(pd, f"UInt{b}Dtype")() for b in (8, 16, 32, 64)},
        pa.bool_(): pd.BooleanDtype(),
    }
    frame = table.to_pandas(types_mapper=nullable.get)
    for position, column in enumerate(frame.columns):
        dtype = frame.dtypes.iloc[position]
        if type(dtype) in {type(d) for d in nullable.values()}:
            series = frame.iloc[:, position]
            if not series.isna().any():
                frame.isetitem(position, series.astype(dtype.numpy_dtype).rename(column))
    return frame


def _from_polars(data: Any) -> pd.DataFrame:  # noqa: ANN401
    import polars as pl

    if isinstance(data, pl.LazyFrame):
        raise DataError("a polars LazyFrame has no rows yet. Pass data.collect().")
    if not isinstance(data, pl.DataFrame):
        raise DataError(
            f"{_ADVICE}; found a polars {type(data).__name__}. Pass the whole data frame."
        )
    enums = {n: list(t.categories) for n, t in data.schema.items() if isinstance(t, pl.Enum)}
    text = [n for n, t in data.schema.items() if isinstance(t, (pl.Enum, pl.Categorical))]
    data = data.with_columns(pl.col(name).cast(pl.String) for name in text)
    # polars before 1.3 gives no stream
    frame = _from_arrow(data if hasattr(data, "__arrow_c_stream__") else data.to_arrow())
    for name, categories in enums.items():
        frame[name] = pd.Categorical(frame[name], categories=categories)
    return frame
