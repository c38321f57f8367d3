"""Values of options that several commands have: seconds, and places to write to."""

from __future__ import annotations

import argparse
import math
import os
from pathlib import Path

from wemix_ref.errors import OptionError

__all__ = ["check_directory", "check_file", "seconds"]


def seconds(text: str) -> float:
    """A length of time, for argparse: a finite number above 0."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not (math.isfinite(value) and value > 0):
        raise argparse.ArgumentTypeError(f"must be a number of seconds above 0; found {text!r}")
    return value


def check_directory(option: str, path: Path) -> None:
    """Check, before the work, that a directory is there to be written to or can be made.

    Raises
    ------
    OptionError
        It, or what it would lie in, is a file or cannot be written to.
    """
    try:
        above = next((one for one in (path, *path.absolute().parents) if one.exists()), Path("/"))
        good = above.is_dir() and os.access(above, os.W_OK)
        told = f"{above} is no directory that can be written to"
    except (OSError, ValueError) as problem:  # a name too long, a NUL in it
        good, told = False, getattr(problem, "strerror", None) or str(problem)
    if not good:
        raise OptionError(f"{option} must be a directory to write to; {path} is not: {told}.")


def check_file(option: str, path: Path) -> None:
    """Check, before the work, that a file can be written.

    Raises
    ------
    OptionError
        It is a directory, or the directory that it would lie in cannot be written to.
    """
    check_directory(f"the directory of {option}", path.absolute().parent)
    if path.is_dir():
        raise OptionError(f"{option} must be a file; {path} is a directory.")
