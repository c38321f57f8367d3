"""All measurements in one: a record of the run as JSON, a table with a row for each program."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from statistics import median
from typing import Any

from wemix_ref.bench.judge import Judged, deviance_of, judge, judge_growth
from wemix_ref.bench.specs import Bench
from wemix_ref.errors import CaseError
from wemix_ref.files import write_json
from wemix_ref.stamps import Stamp, stamped_json, write_stamped
from wemix_ref.strict_json import read_json_object

__all__ = [
    "COLUMNS",
    "RUN_SCHEMA",
    "collate",
    "engines_of",
    "lines",
    "read_run",
    "rows_of",
    "write_run",
]

RUN_SCHEMA = "wemix-ref/bench-run/1"
_AGAIN = "Call ./workbench bench."
COLUMNS = (
    "measurement", "n", "levels", "engine", "status", "seconds_min", "seconds_median", "repeats",
    "peak_mb", "input_mb", "deviance", "evaluations", "hessians", "what", "than", "ratio", "target",
    "met", "why", "versions", "threads", "cpu", "date",
)  # fmt: skip
_WHAT = {
    "faster": "times as fast as {than}",
    "within": "times the time of {than}",
    "memory": "times the input in memory",
    "rate": "fits a second",
    "seconds": "seconds",
    "exponent": "is the exponent of time against rows",
}


def collate(bench: Bench, paths: Iterable[Path]) -> dict[str, Any]:
    """Put records together and judge them.

    Parameters
    ----------
    bench : what was to be measured.
    paths : files of records, by any order.

    Raises
    ------
    CaseError
        If a record is of something else than the file of measurements now says.
    """
    records = {}
    for path in paths:
        record = read_json_object(path, "the record of a measurement", _AGAIN, CaseError)
        records[record["name"]] = record
    for name, one in bench.measurements.items():
        if name not in records or records[name]["fingerprint"] != one.fingerprint:
            raise CaseError(
                f"there must be a record of {name!r} as it is measured now; there is "
                f"{'one of something else' if name in records else 'none'}. Measure it again."
            )
    ordered = [records[name] for name in bench.measurements]
    judged = [
        one
        for measurement, record in zip(bench.measurements.values(), ordered, strict=True)
        for one in judge(measurement, record)
    ]
    judged += [judge_growth(growth, ordered) for growth in bench.growth]
    return {
        "schema": RUN_SCHEMA,
        "mode": bench.mode,
        "records": ordered,
        "judged": [asdict(one) for one in judged],
    }


def write_run(
    run: Mapping[str, Any], table: Path, record: Path, stamp: Stamp | None = None
) -> None:
    """Write the table and the record, each whole or not at all, with a stamp."""
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n", restval="")
    writer.writeheader()
    writer.writerows(rows_of(run))
    write_stamped(table, text.getvalue(), stamp)
    write_json(record, stamped_json(run, stamp))


def read_run(path: Path) -> dict[str, Any]:
    """Read what `write_run` wrote.

    Raises
    ------
    CaseError
        If the file is no record of a run.
    """
    run = read_json_object(path, "a record of a run", _AGAIN, CaseError)
    if run.get("schema") != RUN_SCHEMA:
        raise CaseError(
            f"{path}: it must be a record of a run, schema {RUN_SCHEMA}. Call ./workbench bench."
        )
    return run


def rows_of(run: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Rows of the table: a program in a measurement, then what was judged over several."""
    judged: dict[tuple[str, str], list[Judged]] = {}
    for entry in run["judged"]:
        one = Judged(**entry)
        judged.setdefault((one.measurement, one.engine), []).append(one)
    rows = []
    for record in run["records"]:
        for label, engine in engines_of(record):
            row = _row(record, label, engine)
            verdicts = judged.pop((record["name"], label), [])
            rows += [{**row, **_verdict(one)} for one in verdicts] or [row]
    for (name, label), verdicts in judged.items():
        rows += [{"measurement": name, "engine": label, **_verdict(one)} for one in verdicts]
    return rows


def engines_of(record: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
    """A record's programs in the order in which they took their turns, which JSON does not keep."""
    return [(label, record["engines"][label]) for label in record["order"]]


def _row(record: Mapping[str, Any], label: str, engine: Mapping[str, Any]) -> dict[str, Any]:
    turns: Sequence[Mapping[str, Any]] = engine["turns"]
    seconds = [turn["seconds"] for turn in turns]
    peaks = [turn["peak_bytes"] for turn in turns if turn.get("peak_bytes") is not None]
    versions = engine.get("versions") or {}
    return {
        "measurement": record["name"],
        "n": record["rows"],
        "levels": record["levels"],
        "engine": label,
        "status": engine["status"],
        "seconds_min": f"{min(seconds):.6g}" if seconds else "",
        "seconds_median": f"{median(seconds):.6g}" if seconds else "",
        "repeats": len(seconds),
        "peak_mb": f"{max(peaks) / 1e6:.1f}" if peaks else "",
        "input_mb": f"{engine['input_bytes'] / 1e6:.1f}" if engine.get("input_bytes") else "",
        "deviance": "" if (found := deviance_of(engine)) is None else f"{found:.15g}",
        "evaluations": turns[-1].get("evaluations") or "" if turns else "",
        "hessians": turns[-1].get("hessians") or "" if turns else "",
        "why": engine["message"],
        "versions": " ".join(f"{name}={version}" for name, version in sorted(versions.items())),
        "threads": record["threads"],
        "cpu": record["machine"]["cpu"],
        "date": record["date"],
    }


def _verdict(one: Judged) -> dict[str, Any]:
    met = {True: "yes", False: "no", None: "not judged" if one.bound else ""}[one.met]
    return {
        "what": one.what,
        "than": one.than or "",
        "ratio": "" if one.ratio is None else f"{one.ratio:.6g}",
        "target": one.bound,
        "met": met,
        "why": one.why,
    }


def lines(run: Mapping[str, Any]) -> list[str]:
    """What was judged or told, a line each."""
    found = []
    for entry in run["judged"]:
        one = Judged(**entry)
        sign = {True: "met", False: "NOT MET", None: "not judged" if one.bound else "told"}[one.met]
        ratio = "no number" if one.ratio is None else f"{one.ratio:.4g}"
        what = _WHAT[one.what].format(than=one.than)
        bound = f", target {one.bound}" if one.bound else ""
        why = f" ({one.why})" if one.why else ""
        found.append(f"{one.measurement:<20} {one.engine:<15} {ratio} {what}{bound}: {sign}{why}")
    return found
