"""Command line: make a run's tables and reports again from its raw files, and compare."""

from __future__ import annotations

import argparse
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from wemix_ref.cli_text import json_text

__all__ = ["add_verify"]


def add_verify(commands: Any) -> None:  # noqa: ANN401
    """Add the command ``verify``."""
    verify = commands.add_parser(
        "verify", help="make a run's tables and reports again from its raw files, and compare"
    )
    verify.add_argument("results", type=Path, help="the directory of a finished run")
    verify.add_argument(
        "--project",
        type=Path,
        metavar="DIR",
        help="the checkout with its config/ and resources/; the directory that holds the results",
    )
    verify.add_argument("--json", action="store_true", help="print as JSON")
    verify.set_defaults(run=_verify)


def _verify(parsed: argparse.Namespace) -> bool:
    from wemix_ref.threads import one_thread
    from wemix_ref.verify import verify

    with one_thread():  # as the workflow's jobs
        found = verify(parsed.results, parsed.project)
    if parsed.json:
        sys.stdout.write(json_text({"equal": found.equal, **asdict(found)}))
        return found.equal
    for line in found.notes:
        sys.stderr.write(f"wemix-ref: {line}\n")
    for one in found.differences:
        sys.stdout.write(f"{one}\n")
    counts = f"{len(found.files)} files made again from {len(found.raw)} raw files"
    n = len(found.differences)
    sys.stdout.write(f"{counts}: {'equal' if found.equal else f'{n} differences'}\n")
    return found.equal
