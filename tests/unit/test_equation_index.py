"""The equation index: complete, and naming only code and tests that exist."""

from __future__ import annotations

import ast
import re
from functools import cache
from importlib import import_module
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "equation-index.md"
HEAD = ("eq.", "says", "in the code", "shown by", "misprint and proof")
_CODE = re.compile(r"`([^`]+)`")


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip().strip("|").split("|")]


def read_rows() -> list[list[str]]:
    lines = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line[:1] == "|"]
    return [
        cells(line) for line in lines if not set(line) <= set("|- ") and tuple(cells(line)) != HEAD
    ]


ROWS = read_rows()
ROW = pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])


def numbers(text: str) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", text)]


def test_every_equation_is_there_once_and_in_order() -> None:
    assert [n for row in ROWS for n in numbers(row[0])] == list(range(1, 115))
    assert [row[0] for row in ROWS if len(numbers(row[0])) > 1] == ["78, 79"]
    assert [row[0] for row in ROWS if not numbers(row[0])] == [
        "Wald, statistic",
        "Wald, distribution",
    ]


@ROW
def test_no_cell_is_empty(row: list[str]) -> None:
    assert len(row) == len(HEAD)
    assert all(re.search(r"\w", cell) for cell in row)
    assert len(row[1].split()) >= 3


def test_no_two_equations_say_the_same() -> None:
    said = [row[1] for row in ROWS]
    assert len(set(said)) == len(said)


def look_up(name: str) -> object:
    """Find `module.object` in the package: the longest module, then attributes."""
    parts = name.split(".")
    for end in range(len(parts), 0, -1):
        try:
            found: object = import_module(".".join(["wemix_ref", *parts[:end]]))
        except ModuleNotFoundError as error:
            if error.name != ".".join(["wemix_ref", *parts[:end]]) and "not a package" not in str(
                error
            ):
                raise
            continue
        for part in parts[end:]:
            fields = getattr(found, "__dataclass_fields__", {})
            found = fields[part] if part in fields else getattr(found, part)
        return found
    raise AttributeError(name)


@ROW
def test_code_that_is_named_exists(row: list[str]) -> None:
    named = _CODE.findall(row[2])
    assert named
    assert re.sub(r"[`\s,]", "", _CODE.sub("", row[2])) == ""
    for name in named:
        assert "." in name, f"{name} is not module.object"
        look_up(name)


@cache
def functions_of(path: str) -> set[str]:
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


@ROW
def test_tests_that_are_named_exist(row: list[str]) -> None:
    named = _CODE.findall(row[3])
    assert named
    assert re.sub(r"[`\s,]", "", _CODE.sub("", row[3])) == ""
    for name in named:
        path, _, function = name.partition("::")
        assert re.fullmatch(r"tests/\w+/test_\w+\.py", path), name
        assert function.startswith("test_"), name
        assert function in functions_of(path), name


@ROW
def test_a_misprint_comes_with_what_is_right_and_why(row: list[str]) -> None:
    """Either none, or what is printed, what is right, and a proof or why nothing depends on it."""
    cell = row[4]
    if cell == "none":
        return
    assert "right:" in cell
    assert re.search(r"Proof:|Notation only|as for \d+", cell)


def equations_in_errata() -> set[int]:
    """Numbers in the first column of the tables of misprints, outside text that names a place."""
    lines = (ROOT / "docs" / "errata.md").read_text(encoding="utf-8").splitlines()
    found: set[int] = set()
    for line in lines:
        if line.startswith("| ") and not line.startswith("| equation "):
            first = re.sub(r"(and )?(the )?text[^,|]*", "", cells(line)[0])
            for part in first.replace(" against ", ", ").split(","):
                ends = numbers(part)
                found |= set(range(ends[0], ends[-1] + 1)) if " to " in part else set(ends)
    return found


def test_misprints_are_those_of_the_errata() -> None:
    marked = {n for row in ROWS if row[4] != "none" for n in numbers(row[0])}
    listed = equations_in_errata()
    assert len(listed) > 40
    in_text_only = {36, 98, 99, 107}  # the print around them is wrong, the equation is right
    #: eq. 86 stands in a range of the errata; 75 and 79 in its last paragraph and in a pair
    assert marked - in_text_only - {75} == (listed - {86}) | {79}
