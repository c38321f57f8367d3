"""Tables of other libraries: the same fit as from pandas, categories and missing values kept."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from wemix_ref import mix
from wemix_ref.errors import DataError, DroppedRowsWarning
from wemix_ref.frames import as_pandas

FORMULA = "y ~ x + size + keen + count + (1|school)"


@pytest.fixture(scope="module")
def data() -> pd.DataFrame:
    rng = np.random.default_rng(5)
    school = np.repeat(np.arange(15), 8)
    frame = pd.DataFrame(
        {
            "school": [f"s{k:02d}" for k in school],
            "x": rng.normal(size=120),
            "size": pd.Categorical(
                rng.choice(["small", "big", "huge"], 120), categories=["small", "big", "huge"]
            ),
            "keen": rng.choice([True, False], 120),
            "count": rng.integers(0, 9, 120),
        }
    )
    frame["w2"] = rng.uniform(1, 2, 15)[school]
    frame["w1"] = frame["w2"] * rng.uniform(1, 2, 120)
    frame["y"] = frame["x"] + rng.normal(size=15)[school] + rng.normal(size=120)
    return frame


def as_polars(frame: pd.DataFrame) -> pl.DataFrame:
    size = pl.Series("size", frame["size"].astype(str).tolist())
    plain = pl.DataFrame({n: frame[n].tolist() for n in frame.columns if n != "size"})
    return plain.with_columns(size.cast(pl.Enum(["small", "big", "huge"])))


class OnlyToPandas:
    def __init__(self, frame: object) -> None:
        self.frame = frame

    def to_pandas(self) -> object:
        return self.frame


class OnlyStream:
    def __init__(self, table: pa.Table) -> None:
        self.table = table

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        return self.table.__arrow_c_stream__(requested_schema)


class OnlyInterchange:
    def __init__(self, table: pa.Table) -> None:
        self.table = table

    def __dataframe__(self, *args: object, **options: object) -> object:
        return self.table.__dataframe__(*args, **options)


MAKERS = {
    "polars": as_polars,
    "pyarrow": lambda f: pa.Table.from_pandas(f, preserve_index=False),
    "record batch": lambda f: pa.RecordBatch.from_pandas(f, preserve_index=False),
    "stream": lambda f: OnlyStream(pa.Table.from_pandas(f, preserve_index=False)),
    "to_pandas": OnlyToPandas,
    "nullable": lambda f: f.convert_dtypes(dtype_backend="numpy_nullable"),
    "arrow types": lambda f: f.astype(
        {"x": "float64[pyarrow]", "count": "int32[pyarrow]", "keen": "bool[pyarrow]"}
    ),
}


@pytest.mark.parametrize("name", MAKERS)
def test_every_table_gives_the_same_fit(data: pd.DataFrame, name: str) -> None:
    expected = mix(FORMULA, data, ["w1", "w2"])
    fit = mix(FORMULA, MAKERS[name](data), ["w1", "w2"])
    assert list(fit.params.index) == [
        "(Intercept)",
        "x",
        "sizebig",
        "sizehuge",
        "keenTRUE",
        "count",
    ]
    assert fit.deviance == expected.deviance
    np.testing.assert_array_equal(fit.bse, expected.bse)
    assert list(fit.random_effects["school"].index) == list(expected.random_effects["school"].index)


def test_the_interchange_protocol(data: pd.DataFrame) -> None:
    plain = data[["y", "x", "school"]]
    table = OnlyInterchange(pa.Table.from_pandas(plain, preserve_index=False))
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*nterchange", category=Warning)
        fit = mix("y ~ x + (1|school)", table)
    assert fit.deviance == mix("y ~ x + (1|school)", data).deviance


def test_missing_values_keep_large_ids_apart() -> None:
    big = 2**53
    ids = [big, big + 1, None]
    for table in (pa.table({"id": pa.array(ids)}), pl.DataFrame({"id": ids})):
        column = as_pandas(table)["id"]
        assert column.dtype == pd.Int64Dtype()
        assert column[:2].tolist() == [big, big + 1]
        assert column.isna().tolist() == [False, False, True]
    flags = as_pandas(pl.DataFrame({"b": [True, None]}))["b"]
    assert flags.dtype == pd.BooleanDtype()


def test_rows_with_nulls_are_dropped_and_told(data: pd.DataFrame) -> None:
    table = as_polars(data).with_columns(
        pl.when(pl.int_range(pl.len()) == 4).then(None).otherwise(pl.col("count")).alias("count"),
        pl.when(pl.int_range(pl.len()) == 7).then(None).otherwise(pl.col("x")).alias("x"),
        pl.when(pl.int_range(pl.len()) == 9).then(None).otherwise(pl.col("size")).alias("size"),
    )
    with pytest.warns(DroppedRowsWarning, match="3 of 120 rows"):
        fit = mix(FORMULA, table)
    kept = data.drop(index=[4, 7, 9])
    assert fit.deviance == mix(FORMULA, kept).deviance


def test_categories() -> None:
    ordered = pa.DictionaryArray.from_arrays(pa.array([1, 0, None]), ["lo", "hi"], ordered=True)
    column = as_pandas(pa.table({"d": ordered}))["d"]
    assert column.cat.categories.tolist() == ["lo", "hi"]
    assert column.cat.ordered
    assert column.isna().tolist() == [False, False, True]
    table = pl.DataFrame(
        {
            "e": pl.Series(["b", "a"], dtype=pl.Enum(["c", "b", "a"])),
            "k": pl.Series(["b", "a"], dtype=pl.Categorical),
        }
    )
    frame = as_pandas(table)
    assert frame["e"].cat.categories.tolist() == ["c", "b", "a"]
    assert not frame["e"].cat.ordered
    assert not isinstance(frame["k"].dtype, pd.CategoricalDtype)
    assert list(frame.columns) == ["e", "k"]


def test_pandas_is_returned_as_it_is(data: pd.DataFrame) -> None:
    assert as_pandas(data) is data


@pytest.mark.parametrize(
    ("thing", "words"),
    [
        ({"y": [1.0]}, "found dict"),
        ([1, 2], "found list"),
        (None, "found NoneType"),
        (np.zeros((2, 2)), "found ndarray"),
        (pd.DataFrame, "found type"),
        (pl.Series([1]), "polars Series"),
        (pl.LazyFrame({"a": [1]}), "collect"),
        (pd.Series([1.0]), "a Series was found|found Series"),
        (OnlyToPandas([1]), "gave a list"),
    ],
)
def test_what_cannot_be_read_is_refused(thing: object, words: str) -> None:
    with pytest.raises(DataError, match=words):
        mix("y ~ 1 + (1|g)", thing)
