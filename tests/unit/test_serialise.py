"""Fits written as JSON, pickled and copied: the same numbers back; changed records refused."""

from __future__ import annotations

import copy
import hashlib
import json
import pickle
import warnings

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from wemix_ref import FittedModel, mix
from wemix_ref.columns_json import column_of, index_of, json_of_column, json_of_index
from wemix_ref.errors import CaseError, DataError, WemixRefWarning
from wemix_ref.serialise import SCHEMA

FORMULA = "log(y) ~ scale(x) + kind + offset(o) + (x|school) + (1|school:class)"


@pytest.fixture(scope="module")
def data() -> pd.DataFrame:
    rng = np.random.default_rng(11)
    school, cls = np.repeat(np.arange(14), 9), np.repeat(np.arange(42), 3)
    frame = pd.DataFrame(
        {
            "school": [f"Straße {k} <b>" for k in school],
            "class": pd.array(cls % 3, dtype="Int64"),
            "x": rng.normal(2.0, 1.0, 126),
            "kind": pd.Categorical(rng.choice(["c", "a", "b"], 126), categories=["c", "a", "b"]),
            "o": rng.normal(0, 0.1, 126),
            "unused": [object()] * 126,
        },
        index=[f"row{i}" for i in range(126)],
    )
    eta = 0.3 * frame["x"] + rng.normal(0, 1, 14)[school] + rng.normal(0, 0.7, 42)[cls]
    frame["y"] = np.exp(eta + rng.normal(0, 0.5, 14)[school] * frame["x"] + rng.normal(0, 1, 126))
    frame["w3"] = rng.uniform(1, 3, 14)[school]
    frame["w2"] = frame["w3"] * rng.uniform(1, 3, 42)[cls]
    frame["w1"] = frame["w2"] * rng.uniform(1, 3, 126)
    frame.loc["row5", "x"] = np.nan
    return frame


OPTIONS: dict[str, dict] = {
    "unweighted": {},
    "reml": {"reml": True},
    "weighted": {"weights": ["w1", "w2", "w3"]},
    "scaled, centred, other recipe": {
        "weights": ["w1", "w2", "w3"],
        "scale": ["size", "gk"],
        "use": [True, False, True],
        "se": "stata",
        "center_group": {"school": "~x"},
    },
    "conditional": {
        "weights": ["w1", None, "w3"],
        "conditional_weights": True,
        "center_grand": "~x",
    },
}


def fitted(data: pd.DataFrame, name: str = "weighted") -> FittedModel:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", WemixRefWarning)
        return mix(FORMULA, data, **OPTIONS[name])


def same(a: FittedModel, b: FittedModel) -> None:
    """Every number to the bit, every label."""
    assert a.deviance == b.deviance
    assert a.sigma == b.sigma
    assert a.se_recipe == b.se_recipe
    assert a.reml == b.reml
    assert a.optimizer == b.optimizer
    for name in ("params", "theta", "bse", "fittedvalues", "resid", "pvalues"):
        pd.testing.assert_series_equal(getattr(a, name), getattr(b, name), check_exact=True)
    pd.testing.assert_frame_equal(a.variance_components, b.variance_components, check_exact=True)
    for group, table in a.random_effects.items():
        np.testing.assert_array_equal(table, b.random_effects[group])
        assert list(table.index) == list(b.random_effects[group].index)
    assert str(a.summary()) == str(b.summary())
    assert (a.V() != b.V()).nnz == 0


@pytest.mark.parametrize("name", OPTIONS)
def test_json_gives_the_fit_back(data: pd.DataFrame, name: str) -> None:
    fit = fitted(data, name)
    text = fit.to_json()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        again = FittedModel.from_json(text)
    same(fit, again)
    assert again.to_json() == text
    assert fit.n_dropped == again.n_dropped == 1
    same(fit.at(fit.theta * 1.1), FittedModel.from_json(fit.at(fit.theta * 1.1).to_json()))


@pytest.mark.parametrize("name", OPTIONS)
def test_pickle_and_copies_hold_the_same_numbers(data: pd.DataFrame, name: str) -> None:
    fit = fitted(data, name)
    before = pickle.loads(pickle.dumps(fit))  # noqa: S301
    same(fit, before)
    after = pickle.loads(pickle.dumps(fit))  # noqa: S301
    same(fit, after)  # now with everything computed
    same(fit, copy.deepcopy(fit))
    same(fit, copy.copy(fit))
    summary = pickle.loads(pickle.dumps(fit.summary()))  # noqa: S301
    assert summary == fit.summary()
    assert summary._repr_html_() == fit.summary()._repr_html_()
    components = copy.deepcopy(fit.VarCorr)
    assert components.sigma == fit.sigma


def test_a_deep_copy_is_apart_from_its_original(data: pd.DataFrame) -> None:
    fit = fitted(data)
    other = copy.deepcopy(fit)
    other.design.X[:] = 0.0
    other.params.iloc[0] = 99.0
    assert fit.params.iloc[0] != 99.0
    assert np.any(fit.design.X != 0.0)


def test_the_data_of_the_fit_are_a_copy(data: pd.DataFrame) -> None:
    mine = data.copy()
    fit = fitted(mine)
    text = fit.to_json()
    mine["y"] = 1.0
    assert fit.to_json() == text


def test_files(data: pd.DataFrame, tmp_path) -> None:
    fit = fitted(data)
    path = tmp_path / "fit.json"
    text = fit.to_json(path)
    assert path.read_text(encoding="utf-8") == text + "\n"
    same(fit, FittedModel.from_json(path))
    record = json.loads(text)
    assert record["schema"] == SCHEMA
    assert record["results"]["deviance"] == fit.deviance
    assert record["results"]["fixed_effects"][1]["se"] == fit.bse.iloc[1]
    assert [column["name"] for column in record["data"]["columns"]] == [
        "y", "x", "kind", "o", "school", "class", "w1", "w2", "w3",
    ]  # fmt: skip


# -- records that are not what they were -----------------------------------------------------------


def changed(text: str, change, sign: bool = False) -> str:
    """The record after a change, with its checksum made to fit if asked for."""
    record = json.loads(text)
    change(record)
    if sign:
        del record["sha256"]
        plain = json.dumps(record, sort_keys=True, separators=(",", ":"))
        record["sha256"] = hashlib.sha256(plain.encode("ascii")).hexdigest()
    return json.dumps(record)


def put(*path, value):
    def change(record):
        for step in path[:-1]:
            record = record[step]
        record[path[-1]] = value

    return change


def drop(*path):
    def change(record):
        for step in path[:-1]:
            record = record[step]
        del record[path[-1]]

    return change


@pytest.fixture(scope="module")
def text(data: pd.DataFrame) -> str:
    return fitted(data).to_json()


@pytest.mark.parametrize(
    "change",
    [
        put("data", "columns", 1, "values", 0, value=0.25),
        put("theta", "values", 0, value=0.9),
        put("model", "se", value="model"),
        put("results", "sigma", value=1.0),
        put("optimizer", "converged", value=False),
        put("extra", value=1),
        put("sha256", value=None),
        drop("sha256"),
        drop("theta"),
    ],
)
def test_a_changed_record_is_refused(text: str, change) -> None:
    with pytest.raises(CaseError, match="checksum"):
        FittedModel.from_json(changed(text, change))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (put("data", "columns", 1, "values", 0, value=0.25), "deviance"),
        (put("theta", "values", 0, value=0.9), "deviance"),
        (put("results", "deviance", value=1.0), "deviance"),
        (put("results", "deviance", value=None), "deviance"),
        (put("theta", "values", value=[0.5]), "theta"),
        (put("theta", "names", 0, value="other"), "theta"),
        (put("theta", "values", 0, value="x"), "built again"),
        (put("theta", "values", 0, value=True), "built again"),
        (put("theta", "values", 0, value=None), "deviance|built again"),
        (drop("theta"), "lacks 'theta'"),
        (put("model", value=[]), "built again"),
        (put("model", "se", value="other"), "built again"),
        (put("model", "reml", value=True), "REML"),
        (put("model", "reml", value=1), "reml must be"),
        (put("model", "formula", value=3), "formula must be"),
        (put("model", "formula", value="y ~ __import__('os') + (1|school)"), "built again"),
        (put("model", "weights", value=["w1"]), "built again"),
        (put("data", "index", "type", value="other"), "unknown type"),
        (put("data", "columns", 1, "type", value="object0"), "unknown type"),
        (put("data", "columns", 1, "values", 0, value="NaN"), "built again"),
        (put("data", "columns", 1, "values", value=[1.0]), "values, the index"),
        (put("data", "columns", 5, "values", 0, value=0.5), "holds another type"),
        (put("data", "columns", 5, "values", 0, value=2**70), "built again"),
        (put("data", "columns", 4, "values", 0, value=[]), "plain value"),
        (put("optimizer", "method", value=3), "method must be"),
        (drop("optimizer", "steps_off"), "lacks 'steps_off'"),
    ],
)
def test_a_forged_record_is_refused_by_what_it_says(text: str, change, words: str) -> None:
    with pytest.raises(CaseError, match=words):
        FittedModel.from_json(changed(text, change, sign=True))


def test_signing_alone_changes_nothing(text: str, data: pd.DataFrame) -> None:
    """The helper that forges must make records that are otherwise good."""
    same(fitted(data), FittedModel.from_json(changed(text, put("extra", value=1), sign=True)))


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.999])
def test_a_truncated_record_is_refused(text: str, share: float) -> None:
    with pytest.raises(CaseError, match="not JSON, or is cut off"):
        FittedModel.from_json(text[: int(share * len(text))])


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("[]", "schema"),
        ("null", "schema"),
        ("{}", "schema"),
        ('{"schema": "wemix-ref/fit-record/1"}', "fit-record"),
        ('{"schema": "wemix-ref/fitted-model/01"}', "schema"),
        ('{"x": NaN}', "NaN"),
        ("[" * 100_000, "not JSON"),
        ("fit.json", "pathlib.Path"),
        (b"{}", "bytes"),
    ],
)
def test_other_texts_are_refused(source: object, words: str) -> None:
    with pytest.raises(CaseError, match=words):
        FittedModel.from_json(source)


def test_a_later_version_is_told_from_a_broken_record(text: str) -> None:
    def later(record):
        record["schema"] = "wemix-ref/fitted-model/2"
        record["versions"]["wemix_ref"] = "7.0"

    with pytest.raises(CaseError, match=r"version 2, written by wemix_ref 7\.0.*later wemix_ref"):
        FittedModel.from_json(changed(text, later))


# -- columns and indexes ---------------------------------------------------------------------------

COLUMNS = [
    pd.Series([0.1, np.nan, np.inf, -np.inf, -0.0]),
    pd.Series([0.1, 2.5], dtype="float32"),
    pd.Series([1, -(2**62)]),
    pd.Series([1, 200], dtype="uint8"),
    pd.Series([True, False]),
    pd.Series([1, None, 2**60], dtype="Int64"),
    pd.Series([1.5, None], dtype="Float64"),
    pd.Series([True, None], dtype="boolean"),
    pd.Series(["a", None, "ü\ud800"], dtype=object),
    pd.Series([1, "1", True, 1.5], dtype=object),
    pd.Series(pd.Categorical(["b", None, "a"], categories=["c", "b", "a"], ordered=True)),
    pd.Series(pd.Categorical([2, 1, 2])),
    pd.Series(pd.cut([1.0, 2.0, 7.0], [0.0, 1.5, 3.0, 9.0])),
]


@pytest.mark.parametrize("column", COLUMNS, ids=lambda column: str(column.dtype))
def test_columns_come_back(column: pd.Series) -> None:
    record = json.loads(json.dumps(json_of_column("c", column), allow_nan=False))
    back = column_of(record)
    assert back.dtype == column.dtype
    pd.testing.assert_series_equal(back, column, check_exact=True)
    if column.dtype == object:
        assert [type(v) for v in back] == [type(v) for v in column]


def test_text_and_arrow_columns_come_back_as_what_they_hold() -> None:
    text = pd.Series(["a", None], dtype="string")
    assert column_of(json_of_column("c", text)).tolist() == ["a", pd.NA]
    arrow = pd.Series(["a", None], dtype=pd.ArrowDtype(pa.large_string()))
    assert column_of(json_of_column("c", arrow)).tolist() == ["a", pd.NA]
    for arrow, dtype in (("int32", "Int64"), ("uint8", "UInt64"), ("double", "Float64")):
        back = column_of(json_of_column("c", pd.Series([1, None], dtype=f"{arrow}[pyarrow]")))
        assert str(back.dtype) == dtype
        assert back[0] == 1
        assert back.isna().tolist() == [False, True]
    flags = pd.Series([True, None], dtype="bool[pyarrow]")
    assert str(column_of(json_of_column("c", flags)).dtype) == "boolean"


INDEXES = [
    pd.RangeIndex(2, 11, 3, name="n"),
    pd.Index([3, 1, 1]),
    pd.Index(["a", "b"], name="name", dtype=object),
    pd.MultiIndex.from_tuples([("a", 1), ("b", 2)], names=["x", None]),
    pd.date_range("2020-01-01", periods=3, unit="ns"),
    pd.date_range("2020-03-28", periods=3, tz="Europe/Berlin", unit="us"),
    pd.CategoricalIndex(["a", "b"], categories=["b", "a"]),
]


@pytest.mark.parametrize("index", INDEXES, ids=lambda index: type(index).__name__)
def test_indexes_come_back(index: pd.Index) -> None:
    back = index_of(json.loads(json.dumps(json_of_index(index))))
    pd.testing.assert_index_equal(back, index, exact="equiv")


def test_what_json_has_no_place_for_is_refused(data: pd.DataFrame) -> None:
    with pytest.raises(DataError, match="'c' holds a complex"):
        json_of_column("c", pd.Series([1j], dtype=object))
    odd = data.set_index(pd.timedelta_range("1h", periods=len(data), name="t"))
    with pytest.raises(DataError, match="the index"):
        fitted(odd).to_json()


@pytest.mark.parametrize(
    "index",
    [
        pd.Index([0.5, np.nan, 0.5] * 42),
        pd.Index(["a", "b", "b"] * 42),
        pd.MultiIndex.from_arrays([["a", "b", "b"] * 42, np.arange(126)], names=["g", "i"]),
        pd.date_range("2024-01-01", periods=126, freq="h", tz="UTC"),
        pd.CategoricalIndex(["u", "v", "u"] * 42),
    ],
    ids=["repeated, missing", "repeated", "several", "times", "categories"],
)
def test_fits_with_any_index_come_back(data: pd.DataFrame, index: pd.Index) -> None:
    fit = fitted(data.drop(columns="unused").set_axis(index, axis=0))
    again = FittedModel.from_json(fit.to_json())
    same(fit, again)
    assert list(map(str, again.resid.index)) == list(map(str, index.delete(5)))


def test_a_fit_on_the_boundary_comes_back(data: pd.DataFrame) -> None:
    flat = data.assign(y=np.exp(np.resize([1.0, -1.0], len(data))))
    fit = fitted(flat)
    assert fit.singular
    again = FittedModel.from_json(fit.to_json())
    same(fit, again)
    assert again.se_reasons == fit.se_reasons
