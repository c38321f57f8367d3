"""The report's landing page: counts of printed numbers and of engines, none typed in."""

from __future__ import annotations

import itertools
from types import SimpleNamespace

import pytest

from tests.unit.test_report_printed import case as table
from tests.unit.test_report_printed import column, number
from wemix_ref.report.landing import landing
from wemix_ref.report.overview import matrix
from wemix_ref.report.printed_view import printed_view

COUNT = itertools.count()


def printed(ok=True, at="python-optimum", verdict="agrees to the printed digits", **others):
    return {
        "tier": "printed",
        "engine": "python",
        "quantity": "beta",
        "name": f"x{next(COUNT)}",
        "source": "a program: a table",
        "theirs": "1.0",
        "ok": ok,
        "at": at,
        "verdict": verdict,
        **others,
    }


def one_case(name, source, *numbers, engines=("python",)):
    comparison = {
        "numbers": list(numbers),
        "model": {"weighted": False, "reml": True},
        "engines": {engine: {"status": "ok", "live": True} for engine in engines},
        "verdicts": {engine: {"ok": True, "verdict": "agrees", "counts": {}} for engine in engines},
    }
    return SimpleNamespace(
        case=SimpleNamespace(name=name, source=source), comparison=comparison, records={}
    )


@pytest.fixture
def cases():
    return [
        one_case(
            "a",
            "A book, first example",
            printed(),
            printed(at="printed"),
            printed(ok=False, verdict="differs"),
            printed(quantity="data"),
            printed(quantity="known-divergence"),
            printed(engine="lme4"),
            printed(tier="identities"),
            engines=("python", "lme4"),
        ),
        one_case(
            "b",
            "A book, second example",
            printed(verdict="agrees to the digits of the optimum"),
            printed(ok=None, verdict="not given"),
        ),
        one_case("c", "Another book", *[printed() for _ in range(9)]),
        one_case("made-up", "Counted as a table", *[printed() for _ in range(50)]),
        one_case("d", "Prints nothing"),
    ]


@pytest.fixture
def view():
    numbers = [number("beta", "x", "1", 1.0, verdict) for verdict in ("equal", "equal", "within")]
    numbers += [number("beta", "x", "1", 1.0, v) for v in ("explained", "stopping point")]
    others = [number("beta", "x", "1", 1.0, v) for v in ("not judged", "equal", "differs")]
    return printed_view(
        [table("made-up", column("WeMix", "wemix", *numbers), column("HLM", None, *others))]
    )


def test_numbers_are_counted_by_source_and_by_what_became_of_them(cases, view):
    shown = landing(cases, matrix(cases), view)
    found = {row.title: (row.numbers, *row.counts) for row in shown.coverage}
    #                      all, optimum, stop, near, declared, misprint, differ, unjudged
    assert found == {
        "Another book": (9, 9, 0, 0, 0, 0, 0, 0),
        "Made up": (8, 3, 1, 1, 0, 1, 1, 1),
        "A book": (5, 1, 1, 0, 1, 0, 1, 1),
    }
    assert [row.title for row in shown.coverage] == ["Another book", "Made up", "A book"]
    assert (shown.total.numbers, *shown.total.counts) == (22, 13, 2, 1, 1, 1, 2, 2)
    assert shown.total.reproduced == 15
    assert shown.total.judged == 20
    assert {row.title: row.link for row in shown.coverage} == {
        "Another book": "#case-c",
        "Made up": "#printed-made-up",
        "A book": "#case-a",
    }


def test_without_published_tables_a_case_counts_by_itself(cases):
    titles = {row.title: row.numbers for row in landing(cases, matrix(cases), None).coverage}
    assert titles["Counted as a table"] == 50


def test_engines_are_counted_by_state(cases):
    cases[0].comparison["verdicts"]["lme4"]["ok"] = False
    cases[0].comparison["verdicts"]["lme4"]["verdict"] = "differs"
    shown = landing(cases, matrix(cases), None)
    words = [state.word for state in shown.states]
    told = {
        engine.title: (engine.cases, dict(zip(words, engine.counts, strict=True)))
        for engine in shown.engines
    }
    assert told["wemix_ref by itself"] == (5, {"agrees": 5, "differs": 0})
    assert told["lme4"] == (1, {"agrees": 0, "differs": 1})


def test_a_number_that_two_cases_hold_is_counted_once(cases, view):
    """As that of a table which is fitted again as another model; another text is another number."""
    (same, other) = (dict(cases[3].comparison["numbers"][0]) for _ in range(2))
    other["theirs"] = "1.00"
    again = one_case("again", "Counted as a table", same, other)
    for order in ([*cases, again], [again, *cases]):
        rows = {row.title: row.numbers for row in landing(order, matrix(order), view).coverage}
        assert rows["Counted as a table"] == 1
    alone = [*cases[:2], one_case("once", "A book", cases[0].comparison["numbers"][0])]
    rows = {row.title: row for row in landing(alone, matrix(alone), None).coverage}
    assert rows["A book"].numbers == 5
