"""Command line for the search for wrong answers."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from wemix_ref.cli_options import check_directory
from wemix_ref.cli_text import json_text

__all__ = ["add_hunt"]

_ENGINES = ("python", "lme4", "lme4-weighted", "statsmodels", "wemix")


def add_hunt(commands: Any) -> None:  # noqa: ANN401
    """Add the command ``hunt``."""
    hunt = commands.add_parser(
        "hunt", help="put random models to identities that an engine's answers must keep"
    )
    hunt.add_argument("--engine", choices=_ENGINES, required=True, help="whose answers")
    hunt.add_argument("--n", type=int, default=1000, metavar="MODELS", help="how many; 1000")
    hunt.add_argument("--seed", type=int, default=1, help="model i depends on it and on i; 1")
    hunt.add_argument(
        "--each", type=int, default=1, metavar="IDENTITIES", help="identities to a model; 1"
    )
    hunt.add_argument("--jobs", type=int, default=1, help="processes to search in; 1")
    hunt.add_argument(
        "--as-found", action="store_true", help="leave cases as they are found, not made small"
    )
    hunt.add_argument("--out", type=Path, metavar="DIR", help="file the run and its cases there")
    hunt.add_argument("--json", action="store_true", help="print the run as JSON")
    hunt.set_defaults(run=_hunt)


def _hunt(parsed: argparse.Namespace) -> bool:
    from wemix_ref.engines import get_engine
    from wemix_ref.errors import EngineError
    from wemix_ref.hunt import hunt
    from wemix_ref.hunt.filing import file_hunt, run_content
    from wemix_ref.hunt.versions import versions_of

    engine = get_engine(parsed.engine)
    found = engine.availability()
    if not found.available:
        raise EngineError(
            f"a hunt needs its engine; {parsed.engine} cannot run here: {found.reason}. "
            "See: wemix-ref engines"
        )
    if parsed.out is not None:
        check_directory("--out", parsed.out)
    run = hunt(
        engine,
        seed=parsed.seed,
        n=parsed.n,
        each=parsed.each,
        jobs=parsed.jobs,
        shrink=not parsed.as_found,
        progress=_tell,
    )
    versions = versions_of(parsed.engine)
    places = file_hunt(run, parsed.out, versions) if parsed.out is not None else []
    if parsed.json:
        sys.stdout.write(json_text(run_content(run, versions)))
        return not run.cases
    checks = sum(sum(counts.values()) for counts in run.counts.values())
    silent = sum(counts["no answer"] for counts in run.counts.values())
    early = sum(counts["stops early"] for counts in run.counts.values())
    sys.stdout.write(
        f"{run.engine}, seed {run.seed}: {checks} identities on {run.n} models; {silent} without "
        f"an answer, {early} where the optimiser stopped early, {len(run.cases)} causes found\n"
    )
    for number, case in enumerate(run.cases):
        where = f" -> {places[number]}" if places else ""
        sys.stdout.write(
            f"{case.known or 'not known'}: {case.verdict.kind} under {case.pair.identity}, "
            f"{len(case.numbers)} models; smallest: {case.pair.first.formula}, "
            f"{len(case.pair.first.data)} rows{where}\n"
        )
    return not run.cases


def _tell(line: str) -> None:
    sys.stderr.write(f"wemix-ref: {line}\n")
    sys.stderr.flush()
