"""``wemix-ref divergences``: where R goes another way, shown from records or live."""

from __future__ import annotations

import argparse
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from wemix_ref.cli_options import check_directory, seconds
from wemix_ref.cli_text import columns, json_text
from wemix_ref.errors import OptionError

__all__ = ["add_divergences", "run_divergences"]


def add_divergences(commands: Any) -> None:  # noqa: ANN401
    """Add the command and its options to the parser's commands."""
    command = commands.add_parser(
        "divergences", help="show where R's packages give another answer, and what is right"
    )
    command.add_argument("--id", nargs="+", metavar="ID", help="only these; all")
    command.add_argument("--live", action="store_true", help="ask R now, where it runs")
    command.add_argument(
        "--record", action="store_true", help="store R's answers with date and versions"
    )
    command.add_argument("--pages", type=Path, metavar="DIRECTORY", help="write a page for each")
    command.add_argument(
        "--time-limit", type=seconds, default=300.0, metavar="SECONDS", help="for R; 300"
    )
    command.add_argument("--json", action="store_true", help="print everything as JSON")
    command.set_defaults(run=run_divergences, checkout="divergences")


def run_divergences(parsed: argparse.Namespace) -> bool:
    """Run divergences, print a row for each.

    Returns
    -------
    bool
        Whether our answers are those of the oracles; what R gives does not count.

    Raises
    ------
    WemixRefError
        An id that there is not, a file that cannot be read, an answer that cannot be recorded.
    """
    from wemix_ref.divergences.demonstrate import demonstrate
    from wemix_ref.divergences.live import LiveAnswer, ask
    from wemix_ref.divergences.pages import page
    from wemix_ref.divergences.records import write_record
    from wemix_ref.divergences.specs import DivergenceSpec, load_divergences
    from wemix_ref.divergences.table import failures
    from wemix_ref.files import write_text

    if parsed.record and not parsed.live:
        raise OptionError("--record stores what R answers now: it needs --live.")
    specs = load_divergences()
    chosen = list(dict.fromkeys(parsed.id or specs))
    if unknown := [name for name in chosen if name not in specs]:
        raise OptionError(f"--id must be of {', '.join(specs)}; found {unknown[0]!r}.")
    if parsed.pages is not None:
        check_directory("--pages", parsed.pages)
    today = datetime.now(tz=UTC).date().isoformat()

    def ask_and_record(spec: DivergenceSpec, timeout: float) -> LiveAnswer:
        answer = ask(spec, timeout)
        if parsed.record:
            write_record(spec, answer, today)
        return answer

    results = []
    for name in chosen:
        sys.stderr.write(f"wemix-ref: {name}\n")
        result = demonstrate(
            specs[name], live=parsed.live, timeout=parsed.time_limit, run=ask_and_record
        )
        results.append(result)
        if parsed.pages is not None:
            write_text(parsed.pages / f"{name}.md", page(specs[name], result))
    if parsed.json:
        sys.stdout.write(json_text(results))
    else:
        rows = [(one["divergence"], one["program"], one["state"], one["title"]) for one in results]
        sys.stdout.write(columns(rows))
    wrong = failures(results)
    for line in wrong:
        sys.stderr.write(f"wemix-ref: {line}\n")
    return not wrong
