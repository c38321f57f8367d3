"""docs/reliability.md says what the recorded runs say; records are read as they were written."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from wemix_ref.cli import main
from wemix_ref.cli_reliability import RUNS
from wemix_ref.errors import DataError
from wemix_ref.reliability.page import PAGE, page, recorded
from wemix_ref.reliability.record import (
    DIRECTORY,
    PARTS,
    RECORDED,
    Record,
    Table,
    read_record,
    versions_here,
)

ROOT = Path(__file__).resolve().parents[2]


def test_the_page_is_made_from_the_records() -> None:
    records = recorded(ROOT / DIRECTORY)
    assert {one.part for one in records} == {one.stem for one in (ROOT / DIRECTORY).glob("*.json")}
    assert (ROOT / PAGE).read_text(encoding="utf-8") == page(records)


def test_every_run_is_a_part_of_the_page() -> None:
    assert set(RUNS) <= set(PARTS)


def test_a_record_is_read_as_it_was_written(tmp_path: Path) -> None:
    table = Table("A | table", ("what", "tried", "share"), (("a\nb", 3, 0.25), (None, 0, 1e-9)))
    record = Record("input", "wemix-ref reliability input", 3, 0, 1.5, "Told.", (table,))
    assert read_record(record.write(tmp_path)) == record
    text = page([record])
    assert "| a b | 3 | 0.25 |" in text
    assert "| Bad input | 3 | 0 | 2 |" in text


@pytest.mark.parametrize("content", ["{}", "[]", '{"schema": "other"}', "{"])
def test_what_is_no_record_is_refused(tmp_path: Path, content: str) -> None:
    place = tmp_path / "input.json"
    place.write_text(content, encoding="utf-8")
    with pytest.raises(DataError, match=r"input\.json"):
        read_record(place)


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch) -> Path:
    if not shutil.which("git"):
        pytest.skip("git is not here")
    names = ("src/a.py", "README.md", "resources/reliability/bits.json", "docs/reliability.md")
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("1\n")
    (tmp_path / ".gitignore").write_text("/results/\n")
    own = ("-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false")
    for words in (["init", "--quiet"], ["add", "."], [*own, "commit", "--quiet", "-m", "One."]):
        subprocess.run(["git", "-C", str(tmp_path), *words], check=True)
    monkeypatch.setattr("wemix_ref.reliability.record.PROJECT", tmp_path)
    return tmp_path


def test_a_record_names_the_commit_that_ran(checkout: Path) -> None:
    words = ["git", "-C", str(checkout), "rev-parse", "HEAD"]
    commit = subprocess.run(words, check=True, capture_output=True, text=True).stdout[:10]
    record = Record("input", "wemix-ref reliability input", 3, 0, 1.5, "Told.", ())
    assert record.versions["commit"] == commit


@pytest.mark.parametrize(
    ("name", "counts"),
    [
        *((name, False) for name in (*RECORDED[1:], f"{DIRECTORY}/bits.json")),
        *((name, False) for name in (f"{DIRECTORY}/input.json", "results/x.json", "notes.txt")),
        *((name, True) for name in ("src/a.py", "README.md", "src/new.py", "resources/new.json")),
        *((name, True) for name in ("Snakefile", "tests/unit/test_new.py", "config/new.yaml")),
    ],
)
def test_what_is_changed_is_told_but_not_what_recording_writes(checkout, name, counts) -> None:
    (checkout / name).parent.mkdir(parents=True, exist_ok=True)
    (checkout / name).write_text("2\n")
    assert versions_here()["commit"].endswith(" with changes") == counts


def test_no_commit_is_named_where_there_is_no_checkout(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr("wemix_ref.reliability.record.PROJECT", tmp_path)
    assert "commit" not in versions_here()


def test_what_recording_writes_is_what_is_left_out() -> None:
    assert PAGE.as_posix() in RECORDED
    assert DIRECTORY.as_posix() in RECORDED


def test_what_changes_during_a_run_is_told(tmp_path: Path, monkeypatch) -> None:
    states = iter(["aaaaaaaaaa", "bbbbbbbbbb"])
    monkeypatch.setattr(
        "wemix_ref.reliability.record.git_state",
        lambda *_: {"commit": next(states), "clean": True},
    )
    monkeypatch.setattr(
        "wemix_ref.reliability.numbers.run",
        lambda n, *_: Record("numbers", "c", n, 0, 1.0, "Told.", ()),
    )
    assert main(["reliability", "numbers", "--out", str(tmp_path)]) == 0
    record = read_record(tmp_path / "numbers.json")
    assert record.versions["commit"] == "aaaaaaaaaa, then bbbbbbbbbb"
