"""The same bits in every way that is promised; what differs is counted."""

from __future__ import annotations

import copy
import json

import pytest

from wemix_ref.reliability import same_bits
from wemix_ref.reliability.bits_worker import WAYS as WORKER_WAYS
from wemix_ref.reliability.bits_worker import run as fitted
from wemix_ref.reliability.same_bits import DIGITS, WAYS, Way, digits_kept, told_of


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    path = tmp_path_factory.mktemp("bits") / "bits.yaml"
    text = same_bits._STUDY
    assert "replicates: 12" in text
    path.write_text(text.replace("replicates: 12", "replicates: 4"))
    return path


def asked(study, way, chunk=None, models=50):
    request = {"seed": 2, "models": models, "way": way, "chunk": chunk, "study": str(study)}
    return fitted(json.loads(json.dumps(request)))


@pytest.fixture(scope="module")
def base(study):
    return asked(study, "alone")


@pytest.mark.parametrize(
    ("way", "chunk"),
    [("reversed", 3), ("twice", 1), ("together", None), ("together-reversed", 2)],
)
def test_neighbours_order_and_chunks_change_no_bit(base, study, way, chunk):
    assert asked(study, way, chunk) == base


@pytest.mark.parametrize("way", ["one-search", "rows-permuted"])
def test_another_path_or_order_of_sums_keeps_the_digits(base, study, way):
    kept = digits_kept(base, asked(study, way))
    assert set(kept) == set(DIGITS)
    assert {kind: n for kind, n in kept.items() if n < DIGITS[kind]} == {}


def test_a_fresh_process_with_two_threads_gives_the_same(base, study, tmp_path):
    threads = next(way for way in WAYS if way.title == "2 threads of BLAS")
    (answer,) = told_of(threads, 50, 2, study, tmp_path)
    assert answer == base


def test_a_bit_that_differs_is_counted(base):
    other = copy.deepcopy(base)
    number = float.fromhex(other["fits"]["7"]["beta"][0])
    other["fits"]["7"]["beta"][0] = (number * (1 + 2**-52)).hex()
    good, row = same_bits._judged(Way("one"), base, [other])
    assert not good
    assert row[2] == 1
    good, row = same_bits._judged(Way("one", bits=False), base, [other])
    assert good
    assert row[4].startswith("beta: 15.")
    other["fits"]["7"]["beta"][0] = (number * (1 + 1e-5)).hex()
    good, _ = same_bits._judged(Way("one", bits=False), base, [other])
    assert not good
    assert not same_bits._judged(Way("one"), base, [{**base, "study": "other"}])[0]
    assert not same_bits._judged(Way("one"), base, [{"error": "ended with code 1"}])[0]


def test_the_ways_are_those_of_the_worker():
    assert {way.way for way in WAYS} <= set(WORKER_WAYS)


def test_a_whole_run_that_is_not_as_it_must_be_counts_and_is_told(monkeypatch):
    answer = {"fits": {"0": {"deviance": [(1.0).hex()]}}, "study": "1"}
    good, bad = ("one core", 9, 5, 4, 1.0, ""), ("a clone", 0, 0, 0, 0.0, "not run: no git")
    monkeypatch.setattr(same_bits, "told_of", lambda way, *_: [answer] * way.beside)
    monkeypatch.setattr(same_bits, "same_in_whole_runs", lambda *_: [good, bad])
    monkeypatch.setattr(same_bits, "_other_pythons", lambda _: ([], []))
    record = same_bits.run(1, 1, lambda _: None)
    assert (record.tried, record.failed) == (len(WAYS) + 2, 1)
    assert "The workflow ran 1 time " in record.told
    (table,) = (one for one in record.tables if one.title == "Whole runs")
    assert table.rows == (good, bad)
