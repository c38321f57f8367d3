"""YAML is read strictly: a number is the one that it looks like."""

from __future__ import annotations

import re

import pytest
import yaml

from wemix_ref.errors import CaseError
from wemix_ref.strict_yaml import PROJECT, read_yaml

SHIPPED = sorted(
    path
    for folder in ("config", "workflow/schemas", "tests/workflow")
    for path in (PROJECT / folder).rglob("*.y*ml")
)


@pytest.mark.parametrize(
    ("written", "taken_for"),
    [
        ("1:30", "90"),
        ("-1:30", "-90"),
        ("190:20:30", "685230"),
        ("1:30.5", "90.5"),
        ("010", "8"),
        ("-017", "-15"),
        ("00", "0"),
        ("0b101", "5"),
        ("0x1f", "31"),
        ("1_000", "1000"),
        ("1_000.5", "1000.5"),
        ("1.5_0", "1.5"),
        ("!!int '010'", "8"),
        ("!!float '1:30'", "90.0"),
    ],
)
def test_a_number_that_is_another_one_is_refused(written: str, taken_for: str, tmp_path) -> None:
    assert str(yaml.safe_load(written)) == taken_for
    path = tmp_path / "f.yaml"
    path.write_text(f"a: 1\nb: [2, {written}]\n")
    found = re.search(r"[-0-9].*[0-9f]", written)
    assert found is not None
    with pytest.raises(CaseError, match=re.escape("(line 2)")) as told:
        read_yaml(path)
    assert f"found {found.group()}, which YAML takes for {taken_for}. Write" in str(told.value)


def test_decimals_texts_and_truth_values_are_read(tmp_path) -> None:
    path = tmp_path / "f.yaml"
    path.write_text(
        "a: [0, 7, -3, +4, 1.5, -0.25, 1., .5, 0.0, 1.0e+3, 2.5E-7, 1e5, 007.5, !!float 1e-3]\n"
        "b: ['010', \"1:30\", '1_000', true, null, v1_2, 0o17]\n"
    )
    assert read_yaml(path) == {
        "a": [0, 7, -3, 4, 1.5, -0.25, 1.0, 0.5, 0.0, 1000.0, 2.5e-7, "1e5", 7.5, 1e-3],
        "b": ["010", "1:30", "1_000", True, None, "v1_2", "0o17"],
    }


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: str(path.relative_to(PROJECT)))
def test_files_of_the_project_are_read_as_before(path) -> None:
    assert read_yaml(path) == yaml.safe_load(path.read_text(encoding="utf-8"))
