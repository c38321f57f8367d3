"""A small measurement, and a record of one with numbers that are easy to reckon with."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from wemix_ref.bench.specs import DataSpec, EngineSpec, Measurement, Target

MEASUREMENT = Measurement(
    name="small",
    title="A small one",
    kind="fit",
    formula="y ~ x1 + (1|class) + (1|school)",
    data=DataSpec(400, sizes=(5, 4), slopes=(3,), covariates=1, weighted=True),
    engines=(EngineSpec("frame"), EngineSpec("arrays"), EngineSpec("cross-product")),
    targets=(
        Target("frame", "within", "cross-product", at_most=5.0),
        Target("arrays", "within", "cross-product"),
    ),
    rounds=2,
    threads=1,
    curve="small",
    as_asked=True,
    agreement=1e-6,
)


def engine(*seconds: float, deviance: float | None = 100.0, **more: Any) -> dict[str, Any]:
    turns = [
        {"turn": k, "seconds": s, "deviance": deviance, "peak_bytes": 3_000_000 * (k + 1)}
        for k, s in enumerate(seconds)
    ]
    start = {"status": "ok", "message": "", "input_bytes": 2_000_000, "versions": {"numpy": "2"}}
    return {**start, "turns": turns, **more}


def record(measurement: Measurement = MEASUREMENT, **engines: dict[str, Any]) -> dict[str, Any]:
    """A record as `measure` makes it; underscores in names of engines stand for dashes."""
    found = {name.replace("_", "-"): one for name, one in engines.items()}
    stages = {"design": 1.0, "cross-products": 2.0, "iterations": 3.0, "inference": 4.0}
    return {
        "schema": "wemix-ref/bench-measurement/1",
        "name": measurement.name,
        "title": measurement.title,
        "kind": measurement.kind,
        "fingerprint": measurement.fingerprint,
        "as_asked": measurement.as_asked,
        "curve": measurement.curve,
        "formula": measurement.formula,
        "weighted": measurement.data.weighted,
        "rows": measurement.data.rows,
        "levels": measurement.data.levels,
        "replicates": measurement.data.replicates,
        "groups": {"class": 80, "school": 20},
        "threads": measurement.threads,
        "order": list(found),
        "engines": found,
        "machine": {"cpu": "A processor", "cores": 2},
        "date": "2026-01-01",
        "took": 1.0,
        "stages": {"frame": {"seconds": stages, "evaluations": 10, "hessians": 2}},
        "profile": [{"function": "fit.mix", "seconds": 1.0, "calls": 1}],
    }


def asked(*targets: Target, **changes: Any) -> Measurement:
    return replace(MEASUREMENT, targets=targets, **changes)
