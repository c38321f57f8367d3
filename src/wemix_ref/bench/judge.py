"""Ratios of a measurement, from turns of the same round, and whether each target is met.

A ratio is the median over the rounds in which both programs took their turn. It is judged only
where the data are of the size that the target is about and the two answers are the same.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from wemix_ref.bench.specs import Growth, Measurement, Target

__all__ = ["Judged", "agreement", "exponent", "judge", "judge_growth"]

#: By how much our deviance may lie above another's, relative: rounding (config/tolerances.yaml).
NOT_ABOVE = 1e-10
ANOTHER_SIZE = "the target is about another size"
#: Programs that fit another model on purpose, for their time alone, in weighted measurements.
UNWEIGHTED = ("lme4",)


@dataclass(frozen=True)
class Judged:
    """One target.

    Attributes
    ----------
    measurement, engine, what, than : what is asked of whom; `than` None where it is no comparison.
    ratio : what came out; None where it could not be formed.
    bound : such as ``>= 100``; empty where the ratio is only told.
    met : None where it is not judged; `why` says why.
    why : the reason, or how the ratio came about where that is not plain.
    """

    measurement: str
    engine: str
    what: str
    than: str | None
    ratio: float | None
    bound: str
    met: bool | None
    why: str = ""


def judge(measurement: Measurement, record: Mapping[str, Any]) -> list[Judged]:
    """Judge every target of a measurement by its record."""
    return [_judged(measurement, record, target) for target in measurement.targets]


def _judged(measurement: Measurement, record: Mapping[str, Any], target: Target) -> Judged:
    engines = record["engines"]

    def told(ratio: float | None, why: str, met: bool | None = None) -> Judged:
        return Judged(
            measurement.name, target.engine, target.what, target.than, ratio, target.bound, met, why
        )

    own = engines[target.engine]
    if own["status"] != "ok":
        return told(None, f"{target.engine}: {own['message']}")
    ratio, why = _ratio(record, target)
    if ratio is None:
        return told(None, why)
    if target.than is not None and not why:
        different = agreement(record, target.engine, target.than, measurement.agreement)
        if different:
            return told(ratio, different)
    if not target.bound:
        return told(ratio, why)
    if not record["as_asked"]:
        return told(ratio, ANOTHER_SIZE)
    return told(ratio, why, target.met_by(ratio))


def _ratio(record: Mapping[str, Any], target: Target) -> tuple[float | None, str]:
    """The ratio, and how it came about or why it did not."""
    engines = record["engines"]
    own = engines[target.engine]
    seconds = [turn["seconds"] for turn in own["turns"]]
    if target.what == "seconds":
        return median(seconds), ""
    if target.what == "rate":
        return 1.0 / median(seconds), ""
    if target.what == "memory":
        peaks = [turn["peak_bytes"] for turn in own["turns"]]
        return max(peaks) / own["input_bytes"], ""
    assert target.than is not None
    other = engines[target.than]
    if other["status"] != "ok":
        stand_in = target.stand_in
        if stand_in is None or engines[stand_in.engine]["status"] != "ok":
            return None, f"{target.than}: {other['message']}"
        ratios = _paired(engines[stand_in.engine], own)
        how = f"{stand_in.engine} here times {stand_in.times:g}, {stand_in.source}"
        return median(ratios) * stand_in.times, how
    ratios = _paired(own, other) if target.what == "within" else _paired(other, own)
    return median(ratios), ""


def _paired(one: Mapping[str, Any], other: Mapping[str, Any]) -> list[float]:
    """Seconds of one over those of the other, by rounds in which both took their turn."""
    seconds = {turn["turn"]: turn["seconds"] for turn in other["turns"]}
    return [t["seconds"] / seconds[t["turn"]] for t in one["turns"] if t["turn"] in seconds]


def deviance_of(engine: Mapping[str, Any]) -> float | None:
    """The deviance that a program came to; None where it has none."""
    found = [turn.get("deviance") for turn in engine["turns"]]
    return next((float(one) for one in found if one is not None), None)


def agreement(record: Mapping[str, Any], engine: str, than: str, allowed: float) -> str:
    """Say in what two answers differ; the empty text where they do not, or one has none.

    Ours may not lie above another's by more than rounding, nor may the two differ by more than
    what is allowed: another optimum, or another model.
    """
    ours, theirs = (deviance_of(record["engines"][name]) for name in (engine, than))
    if ours is None or theirs is None or (record["weighted"] and than in UNWEIGHTED):
        return ""
    scale = max(abs(theirs), 1.0)
    if ours - theirs > NOT_ABOVE * scale:
        return f"our deviance lies above that of {than} by {ours - theirs:.3g}"
    if theirs - ours > allowed * scale:
        return f"the deviance of {than} lies above ours by {theirs - ours:.3g}: another answer"
    return ""


def exponent(rows: Sequence[float], seconds: Sequence[float]) -> float:
    """Slope of log seconds on log rows by least squares."""
    x, y = [math.log(n) for n in rows], [math.log(t) for t in seconds]
    mean_x, mean_y = sum(x) / len(x), sum(y) / len(y)
    across = sum((a - mean_x) * (b - mean_y) for a, b in zip(x, y, strict=True))
    return across / sum((a - mean_x) ** 2 for a in x)


def judge_growth(growth: Growth, records: Sequence[Mapping[str, Any]]) -> Judged:
    """Judge how time grows with rows along a curve."""
    points = sorted(
        (record["rows"], median([turn["seconds"] for turn in engine["turns"]]))
        for record in records
        if record["curve"] == growth.curve
        and growth.first <= record["rows"] <= growth.last
        and (engine := record["engines"].get(growth.engine)) is not None
        and engine["status"] == "ok"
    )
    name, bound = f"growth-{growth.curve}", f"<= {growth.at_most:g}"
    if len(points) < 2:
        why = "fewer than two sizes were measured"
        return Judged(name, growth.engine, "exponent", None, None, bound, None, why)
    found = exponent([rows for rows, _ in points], [seconds for _, seconds in points])
    span = f"{len(points)} sizes, {points[0][0]:,} to {points[-1][0]:,} rows"
    whole = points[0][0] == growth.first and points[-1][0] == growth.last
    met = found <= growth.at_most if whole else None
    why = span if whole else f"{span}; the target is about {growth.first:,} to {growth.last:,}"
    return Judged(name, growth.engine, "exponent", None, found, bound, met, why)
