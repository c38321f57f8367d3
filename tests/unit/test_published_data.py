"""Data of published tables: shipped, from a folder, from R; refused where they are others."""

from __future__ import annotations

import os
import stat
from dataclasses import replace

import pandas as pd
import pytest

from wemix_ref.datasets import RESOURCES
from wemix_ref.errors import CaseError
from wemix_ref.published.data import (
    FOLDER,
    DataAbsentError,
    data_files,
    how_to_get,
    read_published_data,
)
from wemix_ref.published.sources import load_published

ROWS = """pv1math,school,kind,w1,w2
1.5,"001","b",2,1
2.5,"001","c",2,1
0.5,"002","a",3,1
"""


@pytest.fixture
def published():
    """A small table whose data are not shipped."""
    return replace(
        load_published()["pisa2012-intercept"],
        data="small.csv",
        rows=3,
        groups={"school": 2},
        text=("school",),
        weights=("w1", "w2"),
        reference_levels={"kind": "b"},
        carried_by=("nopackage", "small"),
        what="made up",
    )


@pytest.fixture
def folder(tmp_path, monkeypatch):
    place = tmp_path / "data of others"
    place.mkdir()
    (place / "small.csv").write_text(ROWS)
    monkeypatch.setenv(FOLDER, str(place))
    return place


@pytest.fixture
def alone(monkeypatch):
    """No folder, and no R."""
    monkeypatch.delenv(FOLDER, raising=False)
    monkeypatch.setenv("WEMIX_REF_NO_R", "1")


def rscript(tmp_path, monkeypatch, body):
    """Put a program called Rscript first on the path."""
    monkeypatch.delenv(FOLDER, raising=False)
    monkeypatch.delenv("WEMIX_REF_NO_R", raising=False)
    place = tmp_path / "bin"
    place.mkdir()
    program = place / "Rscript"
    program.write_text(f"#!/bin/sh\n{body}\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{place}{os.pathsep}{os.environ['PATH']}")


def test_data_come_from_the_folder_with_factors_in_order(published, folder):
    read = read_published_data(published)
    assert read.origin == "folder"
    assert list(read.frame["school"]) == ["001", "001", "002"]
    assert list(read.frame["kind"].cat.categories) == ["b", "a", "c"]
    assert data_files([published, published]) == [folder / "small.csv"]


def test_shipped_data_need_no_folder(alone):
    published = load_published()["row-weights"]
    read = read_published_data(published)
    assert read.origin == "shipped"
    assert len(read.frame) == 180
    assert data_files(load_published().values()) == [
        RESOURCES / "data" / f"sleepstudy-{name}.csv"
        for name in ("row-weights", "subject-weights", "unit-weights")
    ]


def test_without_them_the_reader_is_told_how_to_get_them(published, alone, folder):
    (folder / "small.csv").unlink()
    with pytest.raises(DataAbsentError) as caught:
        read_published_data(published)
    assert str(caught.value) == how_to_get(published)
    for part in ("R package nopackage", 'data(small, package = "nopackage")', FOLDER, "made up"):
        assert part in str(caught.value)
    assert data_files([published]) == []


def test_what_is_shipped_is_to_be_restored():
    assert "restore resources/data" in how_to_get(load_published()["row-weights"])


def test_the_folder_must_be_one(published, monkeypatch, tmp_path):
    monkeypatch.setenv(FOLDER, str(tmp_path / "nowhere"))
    for act in (lambda: read_published_data(published), lambda: data_files([published])):
        with pytest.raises(CaseError, match="WEMIX_REF_DATA must name a folder"):
            act()


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('0.5,"002","a",3,1\n', "", "found 2 rows and 1 groups of `school`"),
        ('1.5,"001","b",2,1\n', '1.5,"001","b",2,1\n' * 2, "found 4 rows and 2 groups of"),
        ('0.5,"002"', '0.5,"001"', "found 3 rows and 1 groups of `school`"),
        ("school", "sch", "must have the column `school`; it has pv1math, sch"),
        ("w2", "weight", "must have the column `w2`"),
        ('"b"', '"d"', "`kind` must have the level 'b'; found 'a', 'c', 'd'"),
        (ROWS, "", "must be a readable CSV"),
    ],
)
def test_other_data_are_refused(published, folder, old, new, told):
    (folder / "small.csv").write_text(ROWS.replace(old, new))
    with pytest.raises(CaseError, match=told):
        read_published_data(published)


def test_r_writes_them_where_its_package_is_there(published, tmp_path, monkeypatch):
    (tmp_path / "made.csv").write_text(ROWS)
    check = 'test "$3 $4" = "nopackage small" || exit 9'
    rscript(tmp_path, monkeypatch, f'{check}; cp "{tmp_path}/made.csv" "$5"')
    read = read_published_data(published)
    assert read.origin == "nopackage"
    assert len(read.frame) == 3


def test_without_the_package_they_are_absent_and_other_faults_are_told(
    published, tmp_path, monkeypatch
):
    rscript(tmp_path, monkeypatch, "exit 3")
    with pytest.raises(DataAbsentError):
        read_published_data(published)
    (tmp_path / "bin" / "Rscript").write_text("#!/bin/sh\necho 'disk full' >&2\nexit 1\n")
    with pytest.raises(CaseError, match="ended with status 1: disk full"):
        read_published_data(published)
    monkeypatch.setenv("WEMIX_REF_NO_R", "1")
    with pytest.raises(DataAbsentError):
        read_published_data(published)


def test_r_may_not_take_for_ever(published, tmp_path, monkeypatch):
    rscript(tmp_path, monkeypatch, "exec sleep 20")
    monkeypatch.setattr("wemix_ref.published.data._TIMEOUT_SECONDS", 0.2)
    with pytest.raises(CaseError, match=r"within 0\.2 s"):
        read_published_data(published)


@pytest.mark.live_r
def test_r_writes_the_same_numbers_as_the_file_that_is_shipped(published, monkeypatch):
    monkeypatch.delenv(FOLDER, raising=False)
    monkeypatch.delenv("WEMIX_REF_NO_R", raising=False)
    sleepstudy = replace(
        published,
        rows=180,
        groups={"Subject": 18},
        text=(),
        weights=("Days",),
        reference_levels={"Subject": "308"},
        carried_by=("lme4", "sleepstudy"),
    )
    read = read_published_data(sleepstudy)
    shipped = pd.read_csv(RESOURCES / "data" / "sleepstudy.csv", dtype={"Subject": str})
    assert read.origin == "lme4"
    assert list(read.frame["Reaction"]) == list(shipped["Reaction"])
    assert list(read.frame["Subject"]) == list(shipped["Subject"])
