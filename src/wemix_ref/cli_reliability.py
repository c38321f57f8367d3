"""Command line for the long runs that try to break this package."""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

from wemix_ref.cli_options import check_directory
from wemix_ref.errors import OptionError
from wemix_ref.places import need_checkout

__all__ = ["RUNS", "add_reliability"]

#: The run of each part: a module with ``run(n, seed, tell)`` that returns a Record, and the
#: number that it tries if none is given; 0 for all there are.
RUNS: dict[str, tuple[str, int]] = {
    "identities": ("wemix_ref.reliability.identities", 1000),
    "numbers": ("wemix_ref.reliability.numbers", 1),
    "input": ("wemix_ref.reliability.bad_input", 2000),
    "faults": ("wemix_ref.reliability.faults", 20),
    "bits": ("wemix_ref.reliability.same_bits", 1),
    "packaging": ("wemix_ref.reliability.packaging", 1),
    "mutants": ("wemix_ref.reliability.mutants", 0),
}

#: Parts that work on files which an installed package does not carry.
_CHECKOUT = ("input", "faults", "bits", "packaging", "mutants", "page")


def add_reliability(commands: Any) -> None:  # noqa: ANN401
    """Add the command ``reliability``."""
    reliability = commands.add_parser(
        "reliability", help="try to break this package, and write down what came of it"
    )
    reliability.add_argument(
        "part", choices=[*RUNS, "page"], help="what to run; page: make docs/reliability.md"
    )
    reliability.add_argument("--n", type=int, metavar="NUMBER", help="how many to try")
    reliability.add_argument("--seed", type=int, default=1, help="of what is drawn; 1")
    reliability.add_argument(
        "--out", type=Path, default=Path("results/reliability"), metavar="DIR", help="for records"
    )
    reliability.set_defaults(run=_reliability)


def _reliability(parsed: argparse.Namespace) -> bool:
    from wemix_ref.files import write_text
    from wemix_ref.reliability.page import PAGE, page, recorded
    from wemix_ref.reliability.record import versions_here

    if parsed.n is not None and parsed.n < 1:
        raise OptionError(f"--n must be at least 1; found {parsed.n}.")
    if parsed.seed < 0:
        raise OptionError(f"--seed must be 0 or more; found {parsed.seed}.")
    if parsed.part in _CHECKOUT:
        need_checkout(f"wemix-ref reliability {parsed.part}")
    if parsed.part == "page":
        write_text(PAGE, page(recorded()))
        return True
    check_directory("--out", parsed.out)
    module, usual = RUNS[parsed.part]
    before = versions_here().get("commit")
    record = import_module(module).run(parsed.n or usual, parsed.seed, _tell)
    after = record.versions.get("commit")
    if before != after:  # what was there at the start is what ran
        record = replace(record, versions={**record.versions, "commit": f"{before}, then {after}"})
    place = record.write(parsed.out)
    sys.stdout.write(f"{record.tried} tried, {record.failed} not as it must be -> {place}\n")
    return record.failed == 0


def _tell(line: str) -> None:
    sys.stderr.write(f"wemix-ref: {line}\n")
