"""Which answers of random models count, and that a statement with too few of them fails."""

from __future__ import annotations

import random

import pytest

from wemix_ref.reliability import identities
from wemix_ref.reliability.gaps import Gap
from wemix_ref.reliability.identities import tasks_of, too_few
from wemix_ref.reliability.outcome import Outcome, judged, refusals, tally


def good(number: int, name: str = "a") -> Outcome:
    return Outcome(name, number, (Gap("D", 0.0, 1.0),))


def refused(number: int, name: str = "a", text: str = "no") -> Outcome:
    return Outcome(name, number, refused=text)


def test_refused_models_take_no_place_among_those_that_count() -> None:
    outcomes = [refused(1), good(2), good(4), refused(5), good(7), refused(8), good(9)]
    kept = judged(outcomes, 3)
    assert [one.number for one in kept] == [1, 2, 4, 5, 7]
    one = tally(["a"], kept)["a"]
    assert (one.models, sum(one.refused.values())) == (3, 2)


def test_what_counts_depends_on_no_order_and_on_no_other_statement() -> None:
    outcomes = [refused(1), good(2), good(3), good(4), refused(1, "b"), refused(2, "b")]
    outcomes += [good(3, "b"), good(5, "b"), good(6, "b")]
    expected = judged(outcomes, 2)
    assert [one.number for one in expected if one.statement == "a"] == [1, 2, 3]
    assert [one.number for one in expected if one.statement == "b"] == [1, 2, 3, 5]
    for seed in range(5):
        shuffled = random.Random(seed).sample(outcomes, len(outcomes))
        kept = judged(shuffled, 2)
        assert sorted(kept, key=str) == sorted(expected, key=str)


def test_a_failure_beyond_the_last_answer_counts_all_the_same() -> None:
    outcomes = [good(1), good(2), Outcome("a", 3, broken="off")]
    kept = judged(outcomes, 2)
    assert [one.number for one in kept] == [1, 2, 3]
    assert tally(["a"], kept)["a"].failed == 1


def test_refusals_are_one_row_for_what_was_said_with_other_numbers() -> None:
    outcomes = [
        refused(1, "lme4", "lme4: observations (=24) <= 30.5 for (f | g2), 1e-10"),
        refused(2, "lme4", "lme4: observations (=7) <= 8 for (f | g2), 3"),
        refused(2, "a", "no rows"),
        refused(2, "b", "no rows"),
        refused(3, "a", "no rows"),
        good(4),
    ]
    assert refusals(outcomes) == [
        ("lme4: observations (=…) <= … for (f | g2), …", 2, "lme4"),
        ("no rows", 2, "a, b"),
    ]


@pytest.mark.parametrize(("n", "put"), [(1, 2), (3, 4), (20, 21), (21, 23)])
def test_a_twentieth_of_the_models_stands_in_for_refused_ones(n: int, put: int) -> None:
    names = ["permute", "paper"]
    tasks = tasks_of(1, n, names)
    assert [sum(name in chosen for _, chosen in tasks) for name in names] == [put, put]


def record_of(monkeypatch, n: int, n_refused: int):
    """The record of a run of one statement, of which the first models are refused."""

    class Pool:
        def __init__(self, *_: object) -> None: ...

        def __enter__(self):
            return self

        def __exit__(self, *_: object) -> None: ...

        def map(self, _: object, chunks):
            numbers = [number for chunk in chunks for number, _ in chunk]
            yield [refused(k, "paper") for k in numbers[:n_refused]]
            yield [good(k, "paper") for k in numbers[n_refused:]]

    monkeypatch.setattr(identities, "ProcessPoolExecutor", Pool)
    monkeypatch.setattr(identities, "LIVE", {})
    monkeypatch.setattr(identities, "STATEMENTS", {"paper": "says so"})
    return identities.run(n, 1, lambda _: None)


def test_as_many_refused_as_there_are_spare_models_is_no_failure(monkeypatch) -> None:
    record = record_of(monkeypatch, 21, 2)
    assert (record.tried, record.failed) == (21, 0)
    assert "refused besides: 2. No statements had more than 1 in 20 refused" in record.told
    tables = {table.title: table for table in record.tables}
    assert tables["Refused"].rows == (("no", 2, "paper"),)
    assert "Not as it must be" not in tables


def test_more_refused_than_a_twentieth_is_not_as_it_must_be(monkeypatch) -> None:
    record = record_of(monkeypatch, 21, 3)
    assert (record.tried, record.failed) == (20, 1)
    assert "1 statement had more than 1 in 20 refused" in record.told
    tables = {table.title: table for table in record.tables}
    assert tables["Statements"].rows[0][2:5] == (20, 3, 1)
    text = "20 of 21 models were answered, 3 refused"
    assert tables["Not as it must be"].rows == (("paper", None, text),)


def test_all_refused_is_not_as_it_must_be() -> None:
    sums = tally(["a", "b"], [refused(1), good(1, "b")])
    assert too_few(sums, 1) == {"a": "0 of 1 models were answered, 1 refused"}
