"""Files that are of the future: a clock was set back, and what is newer cannot be told."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from pathlib import Path

__all__ = ["set_to_now"]

#: Clocks of a file server and of this machine may be so many seconds apart.
_APART = 60.0


def set_to_now(folders: Iterable[Path | str]) -> str:
    """Set the times of files that are of the future to now.

    A workflow takes an output that is older than its input for outdated, also when it was just
    made: with an input of the future no run would come to its end.

    Parameters
    ----------
    folders : whose files are looked at, at any depth; one that is not there has none.

    Returns
    -------
    str
        What was done, in a sentence; empty: nothing.
    """
    now = time.time()
    found = [
        path
        for folder in folders
        for place, inside, names in os.walk(folder)
        for path in (Path(place, name) for name in (*inside, *names))
        if _modified(path) > now + _APART
    ]
    refused = 0
    for path in found:
        try:
            os.utime(path, (now, now))
        except OSError:
            refused += 1
    if not found:
        return ""
    told = (
        f"{len(found)} files are of the future (first: {found[0]}): a clock was set back. Their "
        "times were set to now; what is made from them may be made again."
    )
    return told + (f" For {refused} of them that was refused." if refused else "")


def _modified(path: Path) -> float:
    """When a file was written; 0 of a link, and of a file that is gone since it was listed."""
    try:
        return 0.0 if path.is_symlink() else path.stat().st_mtime
    except FileNotFoundError:
        return 0.0
