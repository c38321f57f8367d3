"""The landing page: how much of the literature is covered, by whom, and where R goes wrong."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, fields

from wemix_ref.published.classes import (
    DIFFERS,
    EQUAL,
    EXPLAINED,
    NOT_JUDGED,
    SKIPPED,
    STOPPING,
    WITHIN,
)
from wemix_ref.report.data import CaseResults
from wemix_ref.report.overview import Matrix, source_title
from wemix_ref.report.printed_view import PrintedView
from wemix_ref.report.states import State

__all__ = ["Coverage", "EngineCount", "Landing", "landing"]

# quantities of the tier "printed" that are no numbers of a source's output
_NO_NUMBERS = ("data", "known-divergence")
# what tells a printed number from the others of a source
_WHICH = ("source", "quantity", "name", "theirs")


@dataclass(frozen=True)
class Coverage:
    """What a source prints, and what became of it.

    Attributes
    ----------
    title, link : the source, and where its numbers stand on the page.
    optimum : equal after rounding, at our optimum.
    stop : equal after rounding, at the theta where the source's program stopped.
    near : neither, but within half a printed unit and 5e-5 relative.
    declared : off the optimum, as the case declares; ours at the optimum is what it says it is.
    misprint, differ, unjudged : proved misprints; different; not judged, or the data are not here.
    """

    title: str
    link: str
    optimum: int = 0
    stop: int = 0
    near: int = 0
    declared: int = 0
    misprint: int = 0
    differ: int = 0
    unjudged: int = 0

    @property
    def numbers(self) -> int:
        """All that the source prints."""
        return sum(self.counts)

    @property
    def judged(self) -> int:
        """Those that could be held against ours."""
        return self.numbers - self.unjudged

    @property
    def reproduced(self) -> int:
        """Those that are equal after rounding."""
        return self.optimum + self.stop

    @property
    def counts(self) -> tuple[int, ...]:
        """Numbers by what became of them, in the order of the attributes."""
        return tuple(getattr(self, field.name) for field in fields(self)[2:])


@dataclass(frozen=True)
class EngineCount:
    """In how many cases an engine is in each state; states as in the matrix of verdicts."""

    title: str
    cases: int
    counts: tuple[int, ...]


@dataclass(frozen=True)
class Landing:
    """What the section shows.

    Attributes
    ----------
    coverage : a row a source, most numbers first.
    total : all of them.
    engines, states : engines by the states that occur.
    """

    coverage: tuple[Coverage, ...]
    total: Coverage
    engines: tuple[EngineCount, ...]
    states: tuple[State, ...]


def landing(cases: Sequence[CaseResults], matrix: Matrix, printed: PrintedView | None) -> Landing:
    """Count what the page holds; nothing is typed in.

    A case that is also a published table is counted there, package by package. A printed number
    that several cases hold, as one of the same data as another model does, is counted once.

    Parameters
    ----------
    cases : the cases that were compared.
    matrix : what :func:`wemix_ref.report.overview.matrix` gives for them.
    printed : published tables; None: there are none.
    """
    tables = list(_tables(printed)) if printed is not None else []
    counted = {view.case for view in printed.cases} if printed is not None else set()
    rows = sorted(
        [*tables, *_sources(cases, counted)],
        key=lambda row: (-row.numbers, row.title),
    )
    sums = [sum(row.counts[i] for row in rows) for i in range(len(Coverage("", "").counts))]
    states = tuple(state for state in matrix.states if state.word and state.kind != "absent")
    return Landing(tuple(rows), Coverage("All", "", *sums), tuple(_engines(matrix, states)), states)


def _tables(printed: PrintedView) -> Iterable[Coverage]:
    """A row a published table, over its packages."""
    names = [name for name, *_ in printed.classes]
    for view in printed.cases:
        found = dict.fromkeys(names, 0)
        for case, _package, (_, *cells) in printed.counts:
            if case == view.case:
                for name, cell in zip(names, cells, strict=True):
                    found[name] += cell
        yield Coverage(
            view.title,
            f"#printed-{view.case}",
            optimum=found.get(EQUAL, 0),
            stop=found.get(STOPPING, 0),
            near=found.get(WITHIN, 0),
            misprint=found.get(EXPLAINED, 0),
            differ=found.get(DIFFERS, 0),
            unjudged=found.get(NOT_JUDGED, 0) + found.get(SKIPPED, 0),
        )


def _sources(cases: Sequence[CaseResults], tables: Collection[str]) -> Iterable[Coverage]:
    """A row a source of cases that are no tables: printed numbers as our own engine meets them."""
    found: dict[str, tuple[str, Counter[str]]] = {}
    seen: set[tuple[str, ...]] = set()
    for case in sorted(cases, key=lambda case: case.case.name not in tables):
        title = source_title(case.case)
        for number in case.comparison["numbers"]:
            if (number["tier"], number["engine"]) != ("printed", "python"):
                continue
            if number["quantity"] in _NO_NUMBERS:
                continue
            place = (title, *(str(number[name]) for name in _WHICH))
            if place not in seen and case.case.name not in tables:
                _, tally = found.setdefault(title, (f"#case-{case.case.name}", Counter()))
                tally[_class(number["ok"], number["at"], number["verdict"])] += 1
            seen.add(place)
    for title, (link, tally) in found.items():
        yield Coverage(title, link, **tally)


def _class(ok: bool | None, at: str, verdict: str) -> str:
    """The attribute of `Coverage` that counts a number."""
    if ok is None:
        return "unjudged"
    if not ok:
        return "differ"
    if verdict == "agrees to the digits of the optimum":
        return "declared"
    return "stop" if at == "printed" else "optimum"


def _engines(matrix: Matrix, states: Sequence[State]) -> Iterable[EngineCount]:
    for name, title in matrix.engines:
        kinds = [
            cell.state.kind for row in matrix.rows for cell in row.cells if cell.engine == name
        ]
        counts = tuple(kinds.count(state.kind) for state in states)
        yield EngineCount(title, sum(counts), counts)
