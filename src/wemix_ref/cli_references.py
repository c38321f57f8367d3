"""``wemix-ref references``: record what R answers, and check R as it is now against that."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wemix_ref.cli_options import check_directory, seconds
from wemix_ref.cli_text import columns, json_text, one_line
from wemix_ref.errors import OptionError

if TYPE_CHECKING:
    from wemix_ref.cases import Case
    from wemix_ref.engines.protocol import Engine

__all__ = ["add_references"]

ENGINES = ("lme4", "lme4-weighted", "wemix")


def add_references(commands: Any) -> None:  # noqa: ANN401
    """Add the command ``references`` and its own commands."""
    references = commands.add_parser(
        "references", help="record R's answers, and check R against recorded ones"
    )
    own = references.add_subparsers(metavar="COMMAND", required=True)

    record = own.add_parser("record", help="write live answers of R, with where they come from")
    record.add_argument("directory", type=Path, help="where the answers go, a file each")
    record.add_argument(
        "--replace", action="store_true", help="replace files of the same case and version"
    )
    _common(record)
    record.set_defaults(run=_record, checkout="references record")

    check = own.add_parser(
        "check", help="run R again; exit code 1 if a number is worse than it was"
    )
    check.add_argument(
        "directory",
        type=Path,
        nargs="*",
        help="recorded answers; without it those of resources/references and resources/recorded",
    )
    _common(check)
    check.set_defaults(run=_check, checkout="references check")


def _common(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--case", nargs="+", metavar="NAME", help="these cases only; see wemix-ref cases"
    )
    parser.add_argument(
        "--cases", type=Path, metavar="DIRECTORY", help="cases of another directory"
    )
    parser.add_argument(
        "--engine", nargs="+", choices=ENGINES, default=list(ENGINES), help="these engines only"
    )
    parser.add_argument(
        "--time-limit", type=seconds, default=300.0, metavar="SECONDS", help="for each fit; 300"
    )
    parser.add_argument("--json", action="store_true", help="print all of it as JSON")


def _asked(parsed: argparse.Namespace) -> tuple[list[Case], dict[str, Engine]]:
    from wemix_ref.cases import CASES, load_cases
    from wemix_ref.engines import get_engine

    cases = load_cases(parsed.cases or CASES)
    unknown = [name for name in parsed.case or () if name not in cases]
    if unknown:
        raise OptionError(
            f"--case must name cases of {parsed.cases or CASES}; {len(unknown)} are none (first: "
            f"{unknown[0]!r})."
        )
    chosen = [case for name, case in cases.items() if parsed.case is None or name in parsed.case]
    return chosen, {name: get_engine(name) for name in parsed.engine}


def _record(parsed: argparse.Namespace) -> bool:
    from wemix_ref.references import record_answers
    from wemix_ref.tolerances import load_tolerances

    check_directory("DIRECTORY", parsed.directory)
    cases, engines = _asked(parsed)
    told = record_answers(
        cases,
        engines,
        parsed.directory,
        load_tolerances(),
        timeout=parsed.time_limit,
        replace=parsed.replace,
        tell=_tell,
    )
    sys.stdout.write(json_text(told) if parsed.json else record_told(told))
    return not told["failed"]


def _check(parsed: argparse.Namespace) -> bool:
    from wemix_ref.engines.record import PROJECT_ROOT
    from wemix_ref.references import check_answers
    from wemix_ref.references.answers import load_references
    from wemix_ref.tolerances import load_tolerances

    shipped = [PROJECT_ROOT / "resources" / name for name in ("references", "recorded")]
    references = load_references(*(parsed.directory or shipped))
    cases, engines = _asked(parsed)
    told = check_answers(
        cases, engines, references, load_tolerances(), timeout=parsed.time_limit, tell=_tell
    )
    sys.stdout.write(json_text(told) if parsed.json else check_told(told))
    return not told["worsened"]


def _tell(line: str) -> None:
    sys.stderr.write(f"wemix-ref: {line}\n")


def record_told(told: Mapping[str, Any]) -> str:
    """What was recorded, a line a file."""
    rows = [(one["file"], f"{one['seconds']:.1f} s", _agreement(one)) for one in told["written"]]
    return (columns(rows) if rows else "") + _left_out(told["failed"]) + _left_out(told["skipped"])


def _agreement(one: Mapping[str, Any]) -> str:
    n = one["n_differing"]
    if n == 0:
        return "agrees with ours"
    return f"{n} number{'s' if n > 1 else ''} of it differ{'' if n > 1 else 's'} from ours"


def check_told(told: Mapping[str, Any]) -> str:
    """Counts by engine and version, then every number that is not as it was."""
    from wemix_ref.references.verdicts import VERDICTS

    rows = [("engine", "recorded", "now", "cases", *VERDICTS, "differ from ours now")]
    rows += [
        (
            one["engine"],
            one["recorded"] or "-",
            one["live"],
            str(one["cases"]),
            *(str(one["counts"][name]) for name in VERDICTS),
            str(one["differ"]),
        )
        for one in told["by_version"]
    ]
    lines = [
        f"{row['verdict']}: {row['case']}, {row['engine']} {row['recorded_version'] or '-'} -> "
        f"{row['live_version']}, {_number(row)}: {row['recorded']} -> {row['live']}, ours "
        f"{row['ours']}{_digits(row)}\n"
        if row["tier"] != "answer"
        else f"{row['verdict']}: {row['case']}, {row['engine']}, {row['quantity']}: "
        f"{one_line(row['why'])}\n"
        for row in told["numbers"]
        if row["verdict"] not in ("same", "new") or row["tier"] == "answer"
    ]
    return columns(rows) + "".join(lines) + _left_out(told["skipped"])


def _number(row: Mapping[str, Any]) -> str:
    return " ".join(str(row[part]) for part in ("tier", "quantity", "name") if row[part])


def _digits(row: Mapping[str, Any]) -> str:
    if row["digits_ours"] is None or row["expected"] is None:
        return ""
    return f" ({row['digits_ours']:.1f} digits of ours, {row['expected']:g} expected)"


def _left_out(listed: list[Mapping[str, str]]) -> str:
    """Cases without an answer, those of one reason together."""
    by_reason: dict[tuple[str, str], list[str]] = {}
    for one in listed:
        by_reason.setdefault((one["engine"], one["reason"]), []).append(one["case"])
    return "".join(
        f"without an answer: {engine} ({one_line(reason)}): {', '.join(cases)}\n"
        for (engine, reason), cases in by_reason.items()
    )
