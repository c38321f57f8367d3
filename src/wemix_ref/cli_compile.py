"""Command line: compile the loops before the first fit."""

from __future__ import annotations

import argparse
import sys
from typing import Any

__all__ = ["add_compile"]


def add_compile(commands: Any) -> None:  # noqa: ANN401
    """Add the command ``compile``."""
    one = commands.add_parser(
        "compile",
        help="compile the loops now, for every later process, rather than in the first fit",
    )
    one.set_defaults(run=_compile)


def _compile(_: argparse.Namespace) -> bool:
    from wemix_ref.precompile import GROUP_LEVELS, precompile

    def tell(line: str) -> None:
        sys.stderr.write(f"wemix-ref: {line}\n")

    return precompile(GROUP_LEVELS, tell)
