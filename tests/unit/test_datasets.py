"""Data files are read with declared types, and nothing is guessed."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
import yaml

from wemix_ref.datasets import load_dataset, load_datasets
from wemix_ref.errors import CaseError, DataError


@pytest.fixture
def make(tmp_path):
    """Make a data set from the CSV's text and its columns' entries."""

    def write(text, columns, **extra):
        directory = tmp_path / "data"
        directory.mkdir(exist_ok=True)
        (directory / "small.csv").write_text(text)
        entry = {
            "what": "a test",
            "sha256": hashlib.sha256(text.encode()).hexdigest(),
            "rows": text.count("\n") - 1,
            "source": {"simulated": True},
            "licence": "none",
            "columns": {n: {"origin": "given", **c} for n, c in columns.items()},
            **extra,
        }
        provenance = {"schema": "wemix-ref/provenance/1", "files": {"small.csv": entry}}
        (directory / "provenance.yaml").write_text(yaml.safe_dump(provenance, sort_keys=False))
        return load_dataset("small", tmp_path)

    return write


def test_every_shipped_file_has_provenance_and_the_reverse(project_root):
    shipped = {path.stem for path in (project_root / "resources/data").glob("*.csv")}
    datasets = load_datasets()
    assert set(datasets) == shipped
    for dataset in datasets.values():
        assert len(dataset.read()) == dataset.n_rows


def test_types_are_the_declared_ones(make):
    frame = make(
        'id,x,k,f,g\n"0001",1.5,3,b,10\n"NA",,4,a,9\n,2,5,,\n',
        {
            "id": {"type": "text"},
            "x": {"type": "number"},
            "k": {"type": "integer"},
            "f": {"type": "category", "levels": ["b", "a", "unused"]},
            "g": {"type": "category", "levels": "as-numbers"},
        },
    ).read()
    assert frame["id"].tolist() == ["0001", "NA", None]
    assert frame["x"].dtype == np.float64
    assert np.isnan(frame["x"].iloc[1])
    assert frame["k"].dtype == np.int64
    assert list(frame["f"].cat.categories) == ["b", "a", "unused"]
    assert frame["f"].isna().tolist() == [False, False, True]
    assert list(frame["g"].cat.categories) == ["9", "10"]


def test_values_of_another_type_are_refused(make):
    dataset = make("k\n1\nx\n2.5\n", {"k": {"type": "integer"}})
    with pytest.raises(DataError, match=r"`k` must hold integers; 2 values.*row 2, 'x'"):
        dataset.read()
    dataset = make("f\na\nc\n", {"f": {"type": "category", "levels": ["a", "b"]}})
    with pytest.raises(DataError, match=r"`f` must hold one of.*1 values.*row 2, 'c'"):
        dataset.read()
    dataset = make("f\n1\nc\n", {"f": {"type": "category", "levels": "as-numbers"}})
    with pytest.raises(DataError, match="levels of `f` must write numbers"):
        dataset.read()


def test_columns_and_rows_must_be_the_recorded_ones(make):
    with pytest.raises(DataError, match="must have the columns"):
        make("a,b\n1,2\n", {"b": {"type": "number"}, "a": {"type": "number"}}).read()
    with pytest.raises(DataError, match="7 rows"):
        make("a\n1\n", {"a": {"type": "number"}}, rows=7).read()
    with pytest.raises(DataError, match="every row must have 1 fields; 1 rows"):
        make("a\n1\n1,2\n", {"a": {"type": "number"}}).read()


def test_an_absent_file_is_refused(make):
    dataset = make("a\n1\n", {"a": {"type": "number"}})
    dataset.path.unlink()
    with pytest.raises(DataError, match="must exist"):
        dataset.read()


def test_provenance_is_checked(make, tmp_path):
    with pytest.raises(CaseError, match="levels"):
        make("a\n1\n", {"a": {"type": "category"}})
    with pytest.raises(CaseError, match="match_by names no column: 'z'"):
        make("a\n1\n", {"a": {"type": "number"}}, match_by=["z"])
    make("a\n1\n", {"a": {"type": "number"}})
    with pytest.raises(CaseError, match=r"absent\.csv has none"):
        load_dataset("absent.csv", tmp_path)
