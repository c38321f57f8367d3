"""Speed for the page: what was asked and whether it is met, every program's time, where it goes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from markupsafe import Markup

from wemix_ref.bench.judge import Judged
from wemix_ref.bench.table import engines_of
from wemix_ref.report.bench_figures import LOOKS, Curve, against_rows, stage_bars
from wemix_ref.report.templating import rendered, styles, surroundings
from wemix_ref.stamps import Stamp, write_stamped

__all__ = ["Asked", "SpeedView", "Timed", "speed_view", "write_page"]

#: Stages as `wemix_ref.bench.stages` names them; that module loads the estimator, which a page
#: does not need.
STAGES = ("design", "cross-products", "iterations", "inference")
_WHAT = {
    "faster": "times as fast as {than}",
    "within": "times the time of {than}",
    "memory": "times the input’s numeric columns",
    "rate": "fits a second",
    "seconds": "seconds",
    "exponent": "exponent of time against rows",
}
_NAMES = {"cross-product": "one weighted cross-product", "wemix": "WeMix"}


@dataclass(frozen=True)
class Asked:
    """One target: what it says, at what other size it was measured, what came out, its state."""

    measurement: str
    title: str
    engine: str
    size: str
    ratio: str
    what: str
    bound: str
    kind: str
    sign: str
    word: str
    why: str


@dataclass(frozen=True)
class Timed:
    """One program in one measurement."""

    measurement: str
    rows: str
    engine: str
    least: str
    median: str
    repeats: int
    memory: str
    deviance: str
    work: str
    problem: str


@dataclass(frozen=True)
class Profile:
    """Functions that took most time themselves: (function, seconds, percent, calls)."""

    measurement: str
    rows: tuple[tuple[str, str, str, str], ...]


@dataclass(frozen=True)
class SpeedView:
    """What the section shows."""

    mode: str
    machine: str
    dates: str
    n_met: int
    n_unmet: int
    n_open: int
    asked: tuple[Asked, ...]
    told: tuple[Asked, ...]
    timed: tuple[Timed, ...]
    looks: tuple[tuple[str, str], ...]
    figures: tuple[tuple[str, Markup, Markup], ...]
    stages: tuple[str, ...]
    bars: tuple[Markup, ...]
    profiles: tuple[Profile, ...]
    versions: tuple[tuple[str, str], ...]


def speed_view(run: Mapping[str, Any]) -> SpeedView:
    """Prepare a run of the benchmark for its section.

    Parameters
    ----------
    run : what :func:`wemix_ref.bench.table.read_run` gives.
    """
    records: Sequence[Mapping[str, Any]] = run["records"]
    titles = {record["name"]: record["title"] for record in records}
    sizes = {
        record["name"]: f"here {record['rows']:,} rows"
        for record in records
        if not record["as_asked"]
    }
    judged = [Judged(**entry) for entry in run["judged"]]
    machines = dict.fromkeys(_machine(record) for record in records)
    dates = sorted({record["date"] for record in records})
    bars = [
        (_bar(record["name"], label), record["stages"][label]["seconds"])
        for record in records
        for label, _ in engines_of(record)
        if label in (record.get("stages") or {})
    ]
    time = _curves(records, _seconds)
    memory = [curve for curve in _curves(records, _memory) if curve.line or curve.points]
    figures = [("Time of a fit", time, "speed-time", "seconds of a fit")]
    if memory:
        figures.append(
            ("Memory of a fit", memory, "speed-memory", "megabytes, the input among them")
        )
    return SpeedView(
        mode=run["mode"],
        machine="; ".join(machines),
        dates=" to ".join(dict.fromkeys((dates[0], dates[-1]))),
        n_met=sum(one.met is True for one in judged),
        n_unmet=sum(one.met is False for one in judged),
        n_open=sum(one.met is None and bool(one.bound) for one in judged),
        asked=tuple(_asked(one, titles, sizes) for one in judged if one.bound),
        told=tuple(_asked(one, titles, sizes) for one in judged if not one.bound),
        timed=tuple(
            _timed(record, label, engine)
            for record in records
            for label, engine in engines_of(record)
        ),
        looks=tuple((LOOKS[one.engine].sign, LOOKS[one.engine].title) for one in time),
        figures=tuple(
            (
                title,
                against_rows(curves, name, title, unit),
                against_rows(curves, name, title, unit, narrow=True),
            )
            for title, curves, name, unit in figures
        ),
        stages=STAGES,
        bars=tuple(stage_bars(bars, STAGES, narrow=narrow) for narrow in (False, True))
        if bars
        else (),
        profiles=tuple(_profile(record) for record in records if record.get("profile")),
        versions=_versions(records),
    )


def _bar(measurement: str, engine: str) -> str:
    """A bar's name: how the rows were given where it was not as a data frame in order."""
    given = engine.partition("frame-")[2]
    return f"{measurement}, {given}" if given else measurement


def write_page(run: Mapping[str, Any], out: Path, stamp: Stamp | None = None) -> None:
    """Write a page of its own with the section, and a stamp."""
    environment = surroundings()
    context = {"style": styles(environment, "style.css"), "speed": speed_view(run)}
    write_stamped(out, rendered(environment, "speed_page.html.j2", context), stamp)


def _machine(record: Mapping[str, Any]) -> str:
    cores, threads = record["machine"]["cores"], record["threads"]
    return (
        f"{record['machine']['cpu']}, {cores} core{'s' if cores > 1 else ''}, "
        f"{threads} thread{'s' if threads > 1 else ''} a program"
    )


def _seconds(engine: Mapping[str, Any]) -> float | None:
    found = [turn["seconds"] for turn in engine["turns"]]
    return median(found) if found else None


def _memory(engine: Mapping[str, Any]) -> float | None:
    """Megabytes; None where it was not told, or is less than a process's own ups and downs."""
    found = [turn["peak_bytes"] for turn in engine["turns"] if turn.get("peak_bytes") is not None]
    return max(found) / 1e6 if found and max(found) > 1e6 else None


def _curves(
    records: Sequence[Mapping[str, Any]],
    value: Any,  # noqa: ANN401
) -> list[Curve]:
    """A curve a program: points of one model joined, those of other models apart."""
    lines: dict[str, list[tuple[float, float]]] = {}
    others: dict[str, list[tuple[float, float]]] = {}
    for record in records:
        for label, engine in engines_of(record):
            found = value(engine) if label in LOOKS and engine["status"] == "ok" else None
            if found is None or (record["kind"] != "fit"):
                continue
            # a cross-product of a model off the curve is no line's point, and only clutters
            if record["curve"] is None and label == "cross-product":
                continue
            rows = record["rows"] / record["replicates"]
            (others if record["curve"] is None else lines).setdefault(label, []).append(
                (rows, found)
            )
    return [
        Curve(label, tuple(sorted(lines.get(label, ()))), tuple(sorted(others.get(label, ()))))
        for label in LOOKS
        if label in lines or label in others
    ]


def _asked(one: Judged, titles: Mapping[str, str], sizes: Mapping[str, str]) -> Asked:
    kind, sign, word = {
        True: ("agrees", "✓", "met"),
        False: ("differs", "✗", "not met"),
        None: ("unavailable", "○", "not judged"),
    }[one.met]
    than = one.than or ""
    return Asked(
        one.measurement,
        titles.get(one.measurement, "Time against rows"),
        one.engine,
        sizes.get(one.measurement, ""),
        "–" if one.ratio is None else _number(one.ratio),
        _WHAT[one.what].format(than=_NAMES.get(than, than)),
        one.bound.replace(">=", "≥").replace("<=", "≤"),
        kind,
        sign,
        word,
        one.why,
    )


def _number(value: float) -> str:
    """Three digits, more before the point."""
    return f"{value:,.0f}" if value >= 1000 else f"{value:.3g}"


def _timed(record: Mapping[str, Any], label: str, engine: Mapping[str, Any]) -> Timed:
    turns = engine["turns"]
    seconds = [turn["seconds"] for turn in turns]
    deviance = next((t["deviance"] for t in turns if t.get("deviance") is not None), None)
    memory = _memory(engine)
    last = turns[-1] if turns else {}
    work = ""
    if last.get("evaluations") and last.get("fits", 1) == 1:
        work = f"{last['evaluations']} / {last['hessians']}"
    return Timed(
        record["name"],
        f"{record['rows'] // record['replicates']:,}",
        label,
        f"{min(seconds):.3g}" if seconds else "–",
        f"{median(seconds):.3g}" if seconds else "–",
        len(seconds),
        "–" if memory is None else f"{memory:,.0f}",
        "–" if deviance is None else f"{deviance:.10g}",
        work or "–",
        "" if engine["status"] == "ok" else f"{engine['status']}: {engine['message']}",
    )


def _profile(record: Mapping[str, Any]) -> Profile:
    rows = record["profile"]
    total = sum(row["seconds"] for row in rows)
    return Profile(
        record["name"],
        tuple(
            (
                row["function"],
                f"{row['seconds']:.3g}",
                f"{100 * row['seconds'] / total:.0f}",
                f"{row['calls']:,}",
            )
            for row in rows
        ),
    )


def _versions(records: Sequence[Mapping[str, Any]]) -> tuple[tuple[str, str], ...]:
    """Programs with the versions that they had in this run."""
    found: dict[str, str] = {}
    for record in records:
        for label, engine in engines_of(record):
            versions = engine.get("versions") or {}
            text = ", ".join(f"{name} {version}" for name, version in sorted(versions.items()))
            if text and label in LOOKS:
                found.setdefault(text, LOOKS[label].title.partition(",")[0])
    return tuple((title, text) for text, title in found.items())
