"""Mutants of a module's source: made as told, brought into the process, held before tests."""

from __future__ import annotations

import ast
import json
from collections import Counter
from pathlib import Path

import pytest

from wemix_ref.errors import OptionError
from wemix_ref.reliability.mutants import (
    MODULES,
    TESTS,
    difference,
    examined,
    made,
    reasons,
    sampled,
)  # fmt: skip
from wemix_ref.reliability.mutants_made import KINDS, edits_of
from wemix_ref.reliability.mutants_worker import chosen

ROOT = Path(__file__).resolve().parents[2]

SOURCE = '''
"""A module."""
from typing import TYPE_CHECKING

__all__ = ["f"]
if TYPE_CHECKING:
    from x import y

Alias: TypeAlias = int | str
TABLE = {"key": 2}


class C:
    """A class."""

    field: int = 3

    def f(self, x: int = 1) -> int:
        """A method of 1."""
        if not x < 2 and g(x[1:], axis=0):
            raise ValueError(f"must be {x + 1}" + "a" * 3)
        for i in x:
            total += h(i, key="text", on=True)
            continue
        return min(total, -x)
'''

EXPECTED = {
    ("", "key", "TABLE = {'key~': 2}"),
    ("", "constant", "TABLE = {'key': 3}"),
    ("", "constant", "TABLE = {'key': 1}"),
    ("C.f", "constant", "def f(self, x: int=2) -> int:"),
    ("C.f", "constant", "def f(self, x: int=0) -> int:"),
    ("C.f", "condition", "if not (not x < 2 and g(x[1:], axis=0)):"),
    ("C.f", "and or", "if not x < 2 or g(x[1:], axis=0):"),
    ("C.f", "condition", "if x < 2 and g(x[1:], axis=0):"),
    ("C.f", "boundary", "if not x <= 2 and g(x[1:], axis=0):"),
    ("C.f", "comparison", "if not x >= 2 and g(x[1:], axis=0):"),
    ("C.f", "constant", "if not x < 3 and g(x[1:], axis=0):"),
    ("C.f", "constant", "if not x < 1 and g(x[1:], axis=0):"),
    ("C.f", "slice", "if not x < 2 and g(x[:], axis=0):"),
    ("C.f", "constant", "if not x < 2 and g(x[2:], axis=0):"),
    ("C.f", "constant", "if not x < 2 and g(x[0:], axis=0):"),
    ("C.f", "keyword", "if not x < 2 and g(x[1:]):"),
    ("C.f", "axis", "if not x < 2 and g(x[1:], axis=1):"),
    ("C.f", "raise", "pass for raise ValueError(f'must be {x + 1}' + 'a' * 3)"),
    ("C.f", "arithmetic", "total -= h(i, key='text', on=True)"),
    ("C.f", "keyword", "total += h(i, on=True)"),
    ("C.f", "keyword", "total += h(i, key='text')"),
    ("C.f", "constant", "total += h(i, key='text', on=False)"),
    ("C.f", "statement", "pass for total += h(i, key='text', on=True)"),
    ("C.f", "statement", "break for continue"),
    ("C.f", "return", "return None"),
    ("C.f", "and or", "return max(total, -x)"),
    ("C.f", "arithmetic", "return min(total, x)"),
}


def test_every_mutant_of_a_small_module_is_made_once() -> None:
    tree = ast.parse(SOURCE)
    before = ast.dump(tree)
    edits = edits_of(tree, "m")
    assert ast.dump(tree) == before
    found = [(one.mutant.function, one.mutant.kind, one.mutant.becomes) for one in edits]
    assert Counter(found) == Counter(EXPECTED)
    assert {kind for _, kind, _ in found} == set(KINDS)
    lines = SOURCE.splitlines()
    for one in edits:
        assert one.mutant.was.split(" ")[0] in lines[one.mutant.first - 1]


def test_each_edit_makes_the_source_that_it_tells() -> None:
    for number in range(len(EXPECTED)):
        tree = ast.parse(SOURCE)
        edit = edits_of(tree, "m")[number]
        edit.apply()
        text = ast.unparse(ast.fix_missing_locations(tree))
        dropped = edit.mutant.becomes.endswith(f" for {edit.mutant.was}")
        assert edit.mutant.becomes.removesuffix(f" for {edit.mutant.was}") in text
        assert dropped == (edit.mutant.kind in ("raise", "statement"))
        assert text != ast.unparse(ast.parse(SOURCE))
        compile(text, "m", "exec")


def test_a_sample_has_each_module_in_proportion() -> None:
    every = made()
    assert {one.module for one in every} == set(MODULES)
    assert len({(one.module, one.number) for one in every}) == len(every)
    sample = sampled(every, 200, 3)
    assert sample == sampled(every, 200, 3) != sampled(every, 200, 4)
    assert len(set(sample)) == 200
    whole, part = (Counter(one.module for one in some) for some in (every, sample))
    assert all(abs(part[name] - 200 * whole[name] / len(every)) < 1 for name in whole)
    assert sampled(every, 0, 3) == every


def test_explanations_are_of_mutants_that_are_made() -> None:
    assert set(reasons()) <= {one.key for one in made()}


def test_the_tests_are_there() -> None:
    assert [name for name in TESTS if not (ROOT / name).exists()] == []


def test_cheap_tests_come_first_and_each_function_has_its_turn() -> None:
    names = ["a::f[1]", "a::f[2]", "a::f[3]", "a::g", "b::h"]
    times = [1.0, 1.0, 1.0, 2.0, 50.0]
    # half for the cheapest, and g though f has cheaper ones; h is beyond
    assert chosen(range(5), names, times, 4.0) == [0, 1, 3]
    assert chosen([2, 3], names, times, 100.0) == [2, 3]
    assert chosen([0, 4], names, [3.0, 1, 1, 1, 2], 100.0) == [4, 0]
    assert chosen([], names, times, 4.0) == []


TINY = """
from types import SimpleNamespace
from wemix_ref import weights
from wemix_ref.weight_checks import check_use
from wemix_ref.weights import CONSTANT_TOLERANCE

def test_use():
    assert check_use(None, ["a"]) == (True,)

def test_tolerance():
    assert 0 < CONSTANT_TOLERANCE < 1e-6
    alone = SimpleNamespace(labels=[0], codes=[0])
    assert weights.design_weights(None, [], [alone], False, [], [], 1).omega == 1

def test_default():
    assert weights.level_weights.__defaults__ == (6,)
    test_use()
"""


def test_mutants_of_the_weights_are_killed(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(ROOT)
    place = tmp_path / "test_tiny.py"
    place.write_text(TINY)
    wanted = {
        "return None": "killed",
        "return tuple((name is None for name in names))": "killed",
        "if use is not None:": "killed",
        "pass for raise OptionError('use must be True for at least one level. For an unweighted "
        "fit pass weights=None.')": "not executed",
        "CONSTANT_TOLERANCE = 1.0000000001": "killed",
    }  # fmt: skip
    picked = [
        one
        for one in made(["wemix_ref.weights", "wemix_ref.weight_checks"])
        if one.becomes in wanted
        and one.function in ("", "check_use")
        and not one.was.startswith("return tuple((bool")
    ]
    assert {one.becomes for one in picked} == set(wanted)
    told: list[str] = []
    seen, tests = examined(picked, [str(place)], told.append)
    assert tests == {"collected": 3, "failed": []}
    assert {one.mutant.becomes: one.state for one in seen} == wanted
    assert [one.test is None for one in seen] == [one.lives for one in seen]
    assert any("tests take" in line for line in told)


def test_without_tests_there_is_no_run(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(OptionError, match="root of a checkout"):
        examined(made(["wemix_ref.weights"])[:1], TESTS, print)


def test_long_texts_are_shown_around_what_differs() -> None:
    long = "a = " + " + ".join(f"name{i}" for i in range(40))
    was, becomes = difference(long, long.replace("name20 +", "name20 -"))
    assert was.startswith("… ")
    assert "name20 + name21" in was
    assert "name20 - name21" in becomes
    assert len(was) < 80
    assert difference("a < b", "a <= b") == ("a < b", "a <= b")


def test_explanations_are_written_in_order() -> None:
    path = ROOT / "src/wemix_ref/reliability/mutants.json"
    entries = json.loads(path.read_text(encoding="utf-8"))
    keys = [(one["module"], one["function"], one["becomes"]) for one in entries]
    assert keys == sorted(keys)
