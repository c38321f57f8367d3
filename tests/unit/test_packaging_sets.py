"""Sets of dependencies: what pytest reports is counted, and the sets are those that are allowed."""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING

import pytest
from packaging.specifiers import SpecifierSet

from wemix_ref.reliability.packaging_checks import CheckError
from wemix_ref.reliability.packaging_sets import SETS, TESTS, counted, interpreter

if TYPE_CHECKING:
    from pathlib import Path

JUNIT = """<?xml version="1.0"?><testsuites><testsuite>
<testcase classname="tests.unit.test_a" name="test_good"/>
<testcase classname="tests.unit.test_a" name="test_bad"><failure message="no">x</failure></testcase>
<testcase classname="tests.unit.test_a" name="test_out"><skipped message="R"/></testcase>
<testcase classname="tests.unit.test_b" name="test_error"><error message="no"/></testcase>
</testsuite></testsuites>"""


def test_tests_are_counted(tmp_path: Path) -> None:
    (tmp_path / "a.xml").write_text(JUNIT, encoding="utf-8")
    found = counted(tmp_path / "a.xml", {"numpy": "2.0"}, 3.0)
    assert (found.passed, found.failed, found.skipped) == (1, 2, 1)
    assert found.failures == ("tests.unit.test_a.test_bad", "tests.unit.test_b.test_error")


def test_no_test_at_all_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.xml").write_text("<testsuites/>", encoding="utf-8")
    with pytest.raises(CheckError, match="no test was run"):
        counted(tmp_path / "a.xml", {}, 3.0)


def test_the_sets_reach_from_the_lowest_to_the_newest(project_root: Path) -> None:
    project = tomllib.loads((project_root / "pyproject.toml").read_text("utf-8"))["project"]
    allowed = SpecifierSet(project["requires-python"])
    assert all(allowed.contains(f"{one.python}.0") for one in SETS)
    assert {(one.resolution, one.python) for one in SETS} >= {
        ("lowest-direct", "3.11"), ("highest", "3.13"),
    }  # fmt: skip
    assert any("pandas<3" in one.limits for one in SETS)
    assert any("numba" in one.without for one in SETS)


def test_the_tests_that_are_run_are_there(project_root: Path) -> None:
    files = [f"{place}/test_{name}.py" for place, names in TESTS.items() for name in names]
    assert len(files) > 25
    assert [name for name in files if not (project_root / name).is_file()] == []


def test_an_interpreter_is_named_by_a_variable_or_must_be_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("WEMIX_REF_PYTHON399", "/of mine/python")
    assert interpreter("3.99") == "/of mine/python"
    monkeypatch.delenv("WEMIX_REF_PYTHON399")
    with pytest.raises(CheckError, match=r"no Python 3\.99 is here.*WEMIX_REF_PYTHON399"):
        interpreter("3.99")
