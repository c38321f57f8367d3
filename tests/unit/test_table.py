"""Columns taken out of a data frame once: what is missing, and what changes later."""

import numpy as np
import pandas as pd
import pytest

from wemix_ref.design import build_design
from wemix_ref.errors import DataError
from wemix_ref.table import Table, present

COLUMNS = {
    "floats": [1.0, np.nan, np.inf],
    "infinite": [1.0, np.inf, -np.inf],
    "huge": [1e308, 1e308, 1e308],
    "whole": [1, 2, 3],
    "bools": [True, False, True],
    "nullable": pd.array([1, None, 3], dtype="Int64"),
    "texts": pd.Series(["a", None, "b"]),
    "objects": pd.Series(["a", None, 2.0], dtype=object),
    "categories": pd.Categorical(["a", None, "b"]),
    "dates": pd.to_datetime(["2001-01-01", None, "2001-01-02"]),
    "float32": np.array([3e38, 3e38, np.nan], dtype=np.float32),
}


@pytest.mark.parametrize("name", COLUMNS)
def test_present_is_what_pandas_says(name):
    column = pd.Series(COLUMNS[name])
    mask = present(column)
    if mask is None:
        assert column.notna().all()
    else:
        assert not mask.all()
        assert mask.tolist() == column.notna().tolist()


def test_complete_rows_of_several_columns():
    table = Table.of(pd.DataFrame(COLUMNS), ["floats", "texts", "whole", "float32"])
    assert table.complete(["whole"]) is None
    assert table.complete(["floats", "whole", "float32"]).tolist() == [True, False, False]
    # what was found of one column is left as it was
    assert table.present("floats").tolist() == [True, False, True]


def test_columns_must_be_there_once():
    data = pd.DataFrame(np.ones((2, 3)), columns=["a", "b", "b"])
    with pytest.raises(DataError, match="1 not found"):
        Table.of(data, ["a", "c"])
    with pytest.raises(DataError, match="unique"):
        Table.of(data, ["a", "b"])


@pytest.fixture
def data():
    rng = np.random.default_rng(2)
    return pd.DataFrame(
        {"y": rng.normal(size=60), "x": rng.normal(size=60), "g": np.repeat(np.arange(6), 10)}
    ).assign(w1=rng.uniform(2.0, 3.0, 60), w2=1.5)


@pytest.mark.parametrize("copies_itself", [True, False])
def test_later_changes_of_the_data_do_not_reach_the_design(data, monkeypatch, copies_itself):
    if not copies_itself:  # as pandas before version 3
        monkeypatch.setattr("wemix_ref.design.copies_on_write", lambda: False)
    before = data.copy()
    design = build_design("y ~ x + (x|g)", data, ["w1", "w2"])
    data.loc[:, ["y", "x", "w1", "w2"]] = 7.0
    data.loc[:, "g"] = 1
    pd.testing.assert_frame_equal(design.source.data[list(before)], before)
    np.testing.assert_array_equal(design.y, before["y"])
    np.testing.assert_array_equal(design.X[:, 1], before["x"])
    np.testing.assert_array_equal(design.omega, before["w1"])


def test_what_is_written_below_small_data_does_not_reach_the_design(data, monkeypatch):
    monkeypatch.setattr("wemix_ref.design.IN_PLACE", len(data))
    y = data["y"].to_numpy(copy=True)
    series = {**data, "y": pd.Series(y, copy=False)}
    data = pd.DataFrame(series, copy=False)
    assert np.shares_memory(data["y"].to_numpy(), y)
    before = y.copy()
    design = build_design("y ~ x + (x|g)", data)
    y[:] = 7.0
    np.testing.assert_array_equal(design.y, before)


def test_arrays_of_the_design_are_its_own(data):
    design = build_design("y ~ x + (x|g)", data, ["w1", "w2"])
    before = data.copy()
    for array in (design.y, design.X, design.omega, design.levels[0].codes):
        array[...] = 1
    pd.testing.assert_frame_equal(data, before)
    pd.testing.assert_frame_equal(design.source.data[list(before)], before)
