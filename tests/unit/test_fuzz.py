"""Random formulas, records and files are read, or refused by an error of ours."""

from __future__ import annotations

import time

import numpy as np
import pytest

from wemix_ref.errors import FormulaError
from wemix_ref.formula import parse_formula
from wemix_ref.reliability import fuzz
from wemix_ref.reliability.drawn import draw_formula, mutate_bytes, mutate_json
from wemix_ref.reliability.fuzz import KINDS, Tally, try_one

SEED = 20261121


@pytest.mark.parametrize("kind", KINDS)
def test_random_input_is_read_or_refused(kind: str) -> None:
    tally = Tally()
    for number in range(max(20, round(800 * KINDS[kind][1]))):
        try_one(kind, SEED, number, tally)
    assert tally.failed == []
    # inputs that are all refused, or all read, try little
    assert tally.refused > 0


def test_something_of_each_is_read() -> None:
    tallies = fuzz.fuzz(300, SEED, lambda _: None)
    assert sum(one.read for one in tallies.values()) > 20
    assert {kind: one.failed for kind, one in tallies.items() if one.failed} == {}


def test_other_errors_and_too_long_a_time_are_found(monkeypatch) -> None:
    def fails(_rng):
        def act():
            raise RecursionError("too deep")

        return act

    monkeypatch.setitem(KINDS, "fails", (fails, 0.0))
    tally = Tally()
    try_one("fails", 1, 0, tally)
    assert "RecursionError" in tally.failed[0]
    monkeypatch.setitem(KINDS, "fails", (lambda _: lambda: time.sleep(5), 0.0))
    monkeypatch.setattr(fuzz, "SECONDS", 0.05)
    try_one("fails", 1, 0, tally)
    assert "TookTooLong" in tally.failed[1]


def test_the_same_seed_draws_the_same() -> None:
    drawn = [[draw_formula(np.random.default_rng([s, i])) for i in range(50)] for s in (1, 1, 2)]
    assert drawn[0] == drawn[1] != drawn[2]
    assert len(set(drawn[0])) > 40
    raw = [mutate_bytes(b"y ~ x + (1|g)", np.random.default_rng(i)) for i in range(50)]
    assert raw == [mutate_bytes(b"y ~ x + (1|g)", np.random.default_rng(i)) for i in range(50)]
    assert len(set(raw)) > 25
    changed = [mutate_json({"a": [1, {"b": 2}]}, np.random.default_rng(i)) for i in range(50)]
    assert len({repr(one) for one in changed}) > 20


@pytest.mark.parametrize(
    "text",
    [
        "y ~ " + "(" * 19_000,
        "y ~ " + "x(" * 9_000,
        "y ~ " + "-" * 19_000 + "x",
        "y ~ " + "x^" * 9_000 + "x",
        "y ~ " + "x:" * 9_000 + "x",
        "y ~ " + "x + " * 4_900 + "x",
        "y ~ " + "(1|" * 6_000 + "g",
        "y ~ " + "I(" * 59 + "x" + ")" * 59,
        "y ~ (1|" + "g/" * 9_000 + "g)",
        "y ~ " + "~" * 19_000,
        "y ~ " + "a %in% " * 2_800 + "b",
        "y ~ x^0x" + "F" * 2_000,
        "y ~ x^1" + "0" * 19_000,
    ],
    ids=lambda text: text[:12],
)
def test_long_and_deep_texts_end_soon(text: str) -> None:
    started = time.process_time()
    try:
        parse_formula(text)
    except FormulaError as problem:
        assert len(str(problem)) < 1_500  # noqa: PT017 - it may be read, too
    assert time.process_time() - started < 5
