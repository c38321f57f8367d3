"""One measurement: programs take turns on the same data, and their answers are kept beside."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from wemix_ref import __version__
from wemix_ref.bench.data import Columns, read_columns, write_columns
from wemix_ref.bench.processes import Player, RPlayer, Worker, pinned
from wemix_ref.bench.specs import EngineSpec, Measurement

__all__ = ["SCHEMA", "machine", "measure"]

SCHEMA = "wemix-ref/bench-measurement/1"
Tell = Callable[[str], object]
#: The programs whose stages are told, and the one whose profile is.
STAGED, PROFILED = ("frame", "frame-shuffled", "frame-numpy"), "frame"
_START = """
import json, sys, time
began = time.perf_counter()
from wemix_ref import mix
imported = time.perf_counter() - began
import pandas as pd
data = pd.DataFrame(json.load(sys.stdin))
began = time.perf_counter()
fit = mix({formula!r}, data, {weights!r})
fit.bse
json.dump({{"import": imported, "first-fit": time.perf_counter() - began}}, sys.stdout)
"""


def measure(measurement: Measurement, tell: Tell) -> dict[str, Any]:
    """Run a measurement.

    Parameters
    ----------
    measurement : what is measured.
    tell : given a line for each turn.

    Returns
    -------
    dict
        The record; `wemix_ref.bench.judge.judge` reads it.
    """
    began = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="wemix-ref-bench-") as scratch:
        directory = Path(scratch)
        columns = write_columns(measurement.data, directory / "columns")
        engines: dict[str, Any]
        more: dict[str, Any] = {}
        tell(f"{measurement.name}: {columns.rows} rows drawn")
        if measurement.kind == "start":
            engines = _start(measurement, columns, tell)
        else:
            engines, more = _fits(measurement, columns, directory, tell)
        sizes = _sizes(columns)
    return {
        "schema": SCHEMA,
        "name": measurement.name,
        "title": measurement.title,
        "kind": measurement.kind,
        "fingerprint": measurement.fingerprint,
        "as_asked": measurement.as_asked,
        "curve": measurement.curve,
        "formula": measurement.formula,
        "weighted": measurement.data.weighted,
        "rows": columns.rows,
        "levels": measurement.data.levels,
        "replicates": measurement.data.replicates,
        "groups": sizes,
        "threads": measurement.threads,
        "order": list(engines),
        "engines": engines,
        "machine": machine(),
        "date": datetime.now(UTC).date().isoformat(),
        "took": time.perf_counter() - began,
        **more,
    }


def _fits(
    measurement: Measurement, columns: Columns, scratch: Path, tell: Tell
) -> tuple[dict[str, Any], dict[str, Any]]:
    players: dict[str, tuple[EngineSpec, Player]] = {}
    engines: dict[str, Any] = {}
    more: dict[str, Any] = {}
    try:
        for engine in measurement.engines:
            player: Player = (
                RPlayer(measurement, engine, columns)
                if engine.in_r
                else Worker(measurement, engine, columns, scratch)
            )
            players[engine.label] = (engine, player)
            engines[engine.label] = {"status": "ok", "message": "", "turns": []}
        for turn in range(measurement.rounds):
            for label, (engine, player) in players.items():
                if engine.rounds is not None and turn >= engine.rounds:
                    continue
                if engines[label]["status"] == "ok":
                    _record(engines[label], turn, player.turn())
                    tell(f"{measurement.name}: {label}, turn {turn + 1}: {_told(engines[label])}")
        for label, (_, player) in players.items():
            if isinstance(player, Worker):
                about = player.about
                engines[label].update(
                    {key: about.get(key) for key in ("first_call", "input_bytes")},
                    versions={"wemix_ref": __version__, **about.get("versions", {})},
                )
                if engines[label]["status"] != "ok":
                    continue
                if label in STAGED and (found := player.ask("stages").get("stages")):
                    more.setdefault("stages", {})[label] = found
                if label == PROFILED and (found := player.ask("profile").get("profile")):
                    more["profile"] = found
    finally:
        for _, player in players.values():
            player.close()
    return engines, more


def _record(entry: dict[str, Any], turn: int, answer: dict[str, Any]) -> None:
    """Add a turn; the first that is not answered ends an engine's part, and its status is kept."""
    if answer["status"] != "ok":
        entry.update(status=answer["status"], message=answer["message"])
        return
    if "versions" in answer:
        entry["versions"] = answer["versions"]
    if answer.get("told"):
        entry["told"] = answer["told"]
    kept = ("seconds", "fits", "deviance", "evaluations", "hessians", "peak_bytes")
    entry["turns"].append({"turn": turn, **{k: answer[k] for k in kept if k in answer}})


def _told(entry: dict[str, Any]) -> str:
    if entry["status"] != "ok":
        return f"{entry['status']}: {entry['message']}"
    return f"{entry['turns'][-1]['seconds']:.4g} s"


def _start(measurement: Measurement, columns: Columns, tell: Tell) -> dict[str, Any]:
    """Import and first fit in new processes, compiled code in its cache."""
    data = {name: values.tolist() for name, values in read_columns(columns).items()}
    code = _START.format(formula=measurement.formula, weights=measurement.data.weight_names)
    engines: dict[str, Any] = {
        part: {"status": "ok", "message": "", "turns": [], "versions": {"wemix_ref": __version__}}
        for part in ("import", "first-fit")
    }
    for turn in range(-1, measurement.rounds):  # the first fills the cache
        run = subprocess.run(
            [sys.executable, "-W", "ignore", "-c", code],
            input=json.dumps(data),
            capture_output=True,
            text=True,
            env=pinned(measurement.threads),
            timeout=600,
            check=False,
        )
        for part, entry in engines.items():
            if run.returncode != 0:
                entry.update(status="failed", message=run.stderr.strip().splitlines()[-1])
            elif turn >= 0:
                entry["turns"].append({"turn": turn, "seconds": json.loads(run.stdout)[part]})
    seconds = median([one["seconds"] for one in engines["import"]["turns"]] or [float("nan")])
    tell(f"{measurement.name}: import {seconds:.3g} s")
    return engines


def _sizes(columns: Columns) -> dict[str, int]:
    """Number of groups by factor."""
    return {
        name: int(np.fromfile(columns.path(name), dtype=np.int32)[-1]) + 1 for name in columns.ids
    }


def machine() -> dict[str, Any]:
    """The processor's model and how many cores there are; nothing else of the machine."""
    model = platform.processor() or platform.machine()
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                model = line.partition(":")[2].strip()
                break
    return {"cpu": model, "cores": os.cpu_count() or 1}
