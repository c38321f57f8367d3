"""docs/reliability.md says what the recorded runs say; records are read as they were written."""

from __future__ import annotations

from pathlib import Path

import pytest

from wemix_ref.cli import main
from wemix_ref.cli_reliability import RUNS
from wemix_ref.errors import DataError
from wemix_ref.provenance import git_state
from wemix_ref.reliability.page import PAGE, page, recorded
from wemix_ref.reliability.record import DIRECTORY, PARTS, Record, Table, read_record

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


def test_a_record_names_the_commit_that_ran() -> None:
    record = Record("input", "wemix-ref reliability input", 3, 0, 1.5, "Told.", ())
    git = git_state(ROOT)
    if git is None:
        assert "commit" not in record.versions
    else:
        changed = "" if git["clean"] else " with changes"
        assert record.versions["commit"] == git["commit"][:10] + changed


def test_what_changes_during_a_run_is_told(tmp_path: Path, monkeypatch) -> None:
    states = iter(["aaaaaaaaaa", "bbbbbbbbbb"])
    monkeypatch.setattr(
        "wemix_ref.reliability.record.git_state",
        lambda _: {"commit": next(states), "clean": True},
    )
    monkeypatch.setattr(
        "wemix_ref.reliability.numbers.run",
        lambda n, *_: Record("numbers", "c", n, 0, 1.0, "Told.", ()),
    )
    assert main(["reliability", "numbers", "--out", str(tmp_path)]) == 0
    record = read_record(tmp_path / "numbers.json")
    assert record.versions["commit"] == "aaaaaaaaaa, then bbbbbbbbbb"
