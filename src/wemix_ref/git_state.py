"""The state of a checkout: its commit, and whether files are as git has them."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

__all__ = ["git_state"]


def git_state(
    project: Path, new: Sequence[str] = (), left_out: Sequence[str] = ()
) -> dict[str, Any] | None:
    """Commit, and whether files under version control are as it has them; None: no checkout.

    Parameters
    ----------
    project : the checkout's root.
    new : files and folders, from the root, of which new files that git does not ignore count too.
    left_out : files and folders whose changes do not count.
    """
    if not (project / ".git").exists():
        return None
    status = ("status", "--porcelain")
    without = tuple(f":(exclude){name}" for name in left_out)
    asked = [("rev-parse", "HEAD"), (*status, "--untracked-files=no", "--", ".", *without)]
    if new:
        asked.append((*status, "--untracked-files=normal", "--", *new, *without))
    told = []
    for words in asked:
        try:
            done = subprocess.run(
                ["git", "-C", str(project), *words], capture_output=True, text=True, timeout=60
            )
        except (OSError, subprocess.TimeoutExpired):
            return None
        if done.returncode != 0:
            return None
        told.append(done.stdout.strip())
    return {"commit": told[0], "clean": not any(told[1:])}
