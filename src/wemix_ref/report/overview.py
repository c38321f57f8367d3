"""What stands above the cases: counts, the matrix of verdicts, who took part, what was required."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from wemix_ref.cases import Case
from wemix_ref.report.data import TIERS, CaseResults
from wemix_ref.report.figures import DeviancePoint, DigitsPoint, Panel
from wemix_ref.report.states import STATES, State, engine_order, engine_title, is_recorded, state_of
from wemix_ref.report.tables import TIER_TITLES

__all__ = [
    "Cell",
    "Count",
    "Matrix",
    "MatrixRow",
    "Stand",
    "Taker",
    "counts",
    "deviance_panels",
    "digits_panels",
    "matrix",
    "model_kind",
    "source_title",
    "stands",
    "takers",
    "versions_text",
]

# "..., first example": which part of a source a case is from, of no use in a heading
_ORDINAL = re.compile(r", \w+ example$")


@dataclass(frozen=True)
class Count:
    """How many numbers of a tier are judged, agree, differ, and are only shown."""

    title: str
    judged: int
    agree: int
    shown: int

    @property
    def differ(self) -> int:
        """Judged numbers that do not agree."""
        return self.judged - self.agree


@dataclass(frozen=True)
class Cell:
    """One engine in one case."""

    engine: str
    state: State
    recorded: bool
    detail: str


@dataclass(frozen=True)
class MatrixRow:
    """A case in the matrix of verdicts."""

    case: str
    kind: str
    source: str
    cells: tuple[Cell, ...]


@dataclass(frozen=True)
class Matrix:
    """Cases by engines."""

    engines: tuple[tuple[str, str], ...]
    rows: tuple[MatrixRow, ...]
    states: tuple[State, ...]


@dataclass(frozen=True)
class Taker:
    """A program that took part, with one set of versions.

    Attributes
    ----------
    title, versions, how : str
        The engine; its versions; computed now or recorded.
    cases : int
        In how many cases it answered with these versions.
    """

    title: str
    versions: str
    how: str
    cases: int


@dataclass(frozen=True)
class Stand:
    """An engine without an answer in some cases, and what stood in for it.

    Attributes
    ----------
    title, word, message : str
        The engine; unavailable, failed, ...; why.
    cases, recorded : tuple of str
        All these cases; those of them in which a recorded answer stood in.
    """

    title: str
    word: str
    message: str
    cases: tuple[str, ...]
    recorded: tuple[str, ...]


def counts(cases: Sequence[CaseResults]) -> list[Count]:
    """Count the numbers of each tier, and of all."""
    by_tier: dict[str, list[int]] = {tier: [0, 0, 0] for tier in TIERS}
    for case in cases:
        for number in case.comparison["numbers"]:
            count, ok = by_tier[number["tier"]], number.get("ok")
            count[0] += ok is not None
            count[1] += ok is True
            count[2] += ok is None
    rows = [Count(TIER_TITLES[tier], *count) for tier, count in by_tier.items() if any(count)]
    total = (sum(c.judged for c in rows), sum(c.agree for c in rows), sum(c.shown for c in rows))
    return [*rows, Count("All", *total)]


def matrix(cases: Sequence[CaseResults]) -> Matrix:
    """Arrange the verdicts: cases by engines."""
    names = {
        name
        for case in cases
        for name in (*case.comparison["engines"], *case.comparison["verdicts"])
    }
    if not any("python" in case.comparison["verdicts"] for case in cases) and all(
        state_of(case.comparison, "python").kind in ("shown", "absent") for case in cases
    ):
        names -= {"python"}  # it is what the others are held against
    engines = engine_order(names)
    rows = tuple(
        MatrixRow(
            case.case.name,
            model_kind(case.comparison["model"]),
            source_title(case.case),
            tuple(_cell(case.comparison, engine) for engine in engines),
        )
        for case in cases
    )
    used = {cell.state.kind for row in rows for cell in row.cells}
    return Matrix(
        tuple((name, engine_title(name)) for name in engines),
        rows,
        tuple(state for state in STATES.values() if state.kind in used),
    )


def source_title(case: Case) -> str:
    """Name a case's source, without which part of it the case is from."""
    return _ORDINAL.sub("", case.source)


def model_kind(model: Mapping[str, Any]) -> str:
    """Say in a word or two how a model is fitted."""
    if model.get("weighted") or model.get("weights"):
        return "weighted ML"
    return "REML" if model.get("reml") else "ML"


def _cell(comparison: Mapping[str, Any], engine: str) -> Cell:
    state = state_of(comparison, engine)
    verdict = comparison["verdicts"].get(engine) or {}
    tally = [tuple(pair) for pair in (verdict.get("counts") or {}).values()]
    judged = sum(n for _, n in tally)
    detail = f"{sum(k for k, _ in tally)} of {judged}" if judged else ""
    recorded = is_recorded(comparison, engine) and state.kind in ("agrees", "differs", "shown")
    return Cell(engine, state, recorded, detail)


def takers(cases: Sequence[CaseResults]) -> list[Taker]:
    """List every program that answered, with its versions."""
    found: dict[tuple[str, str, bool], int] = defaultdict(int)
    for case in cases:
        engines = dict(case.comparison["engines"])
        if "python" not in engines and "python" in case.records:
            engines["python"] = case.records["python"]
        for name, entry in engines.items():
            if entry["status"] != "ok":
                continue
            found[name, versions_text(name, entry), is_recorded(case.comparison, name)] += 1
    order = engine_order({name for name, _, _ in found})
    return [
        Taker(engine_title(name), versions, "recorded" if recorded else "computed now", n)
        for (name, versions, recorded), n in sorted(
            found.items(), key=lambda item: (order.index(item[0][0]), item[0][1:])
        )
    ]


def versions_text(engine: str, entry: Mapping[str, Any]) -> str:
    """Put an engine's versions into a line."""
    versions = dict(entry.get("versions") or {})
    first = ("wemix_ref", "Python", "WeMix", "lme4", "R")
    names = [name for name in first if name in versions]
    names += sorted(set(versions) - set(names))
    text = ", ".join(f"{name} {versions[name]}" for name in names)
    if engine == "recorded" and entry.get("computed_by"):
        text = f"computed by {entry['computed_by']['software']}: {text}"
    return text


def stands(cases: Sequence[CaseResults]) -> list[Stand]:
    """List engines that gave no answer, why, and where recorded answers stood in."""
    found: dict[tuple[str, str, str], list[tuple[str, bool]]] = defaultdict(list)
    for case in cases:
        engines = case.comparison["engines"]
        stood_in = engines.get("recorded", {}).get("status") == "ok"
        for name, entry in engines.items():
            if entry["status"] != "ok":
                word = state_of(case.comparison, name).word
                key = (name, word, entry.get("message") or "no reason given")
                found[key].append((case.case.name, stood_in))
    order = engine_order({name for name, _, _ in found})
    return [
        Stand(
            engine_title(name),
            word,
            message,
            tuple(case for case, _ in where),
            tuple(case for case, stood_in in where if stood_in and name != "recorded"),
        )
        for (name, word, message), where in sorted(
            found.items(), key=lambda item: (order.index(item[0][0]), item[0][1:])
        )
    ]


def digits_panels(
    cases: Sequence[CaseResults], quantities: Sequence[str]
) -> list[Panel[DigitsPoint]]:
    """Take the fewest digits of each quantity at the same theta: a panel an engine."""
    found: dict[str, dict[tuple[str, str], DigitsPoint]] = defaultdict(dict)
    for case in cases:
        for number in case.comparison["numbers"]:
            if (
                number["tier"] != "same-theta"
                or number["quantity"] not in quantities
                or number.get("digits") is None
                or _another_model(case, number)
            ):
                continue
            points = found[number["engine"]]
            key = (case.case.name, number["quantity"])
            if key not in points or number["digits"] < points[key].digits:
                points[key] = DigitsPoint(*key, number["digits"], number.get("required"))
    panels = []
    for engine in engine_order(set(found)):
        required = [p.required for p in found[engine].values() if p.required is not None]
        panels.append(
            Panel(
                engine_title(engine),
                tuple(found[engine].values()),
                max(required) if required else None,
            )
        )
    return panels


def _another_model(case: CaseResults, number: Mapping[str, Any]) -> bool:
    return state_of(case.comparison, number["engine"]).kind == "other"


def deviance_panels(cases: Sequence[CaseResults], allowed: float) -> list[Panel[DeviancePoint]]:
    """Take the relative differences of the deviances at the own optima: a panel an engine."""
    points: dict[str, list[DeviancePoint]] = defaultdict(list)
    for case in cases:
        for number in case.comparison["numbers"]:
            ours, theirs = number.get("ours"), number.get("theirs")
            if (
                number["tier"] != "own-optimum"
                or number["quantity"] != "deviance"
                or number.get("ok") is None
                or _another_model(case, number)
                or not isinstance(ours, int | float)
                or not isinstance(theirs, int | float)
                or theirs == 0
            ):
                continue
            difference = (ours - theirs) / abs(theirs)
            points[number["engine"]].append(DeviancePoint(case.case.name, difference))
    return [
        Panel(engine_title(engine), tuple(points[engine]), allowed)
        for engine in engine_order(set(points))
    ]
