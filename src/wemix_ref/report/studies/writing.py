"""Several files that appear together or not at all."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

from wemix_ref.files import write_text

__all__ = ["write_together"]


def write_together(
    out: Path, page: tuple[str, str], folders: Mapping[str, Mapping[str, str]]
) -> None:
    """Write folders of text files, replacing older ones as wholes, and a page at last.

    Parameters
    ----------
    out : Path
        Where they go; made if needed.
    page : tuple of str
        The page's name and text.
    folders : Mapping
        Name of each folder to its files' names and texts.

    Raises
    ------
    OSError
        If something cannot be written; what was there before is then left or put back.
    """
    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix=".report.", dir=out))
    swapped: list[str] = []
    try:
        for folder, texts in folders.items():
            (scratch / folder).mkdir(mode=0o755)
            for name, text in texts.items():
                write_text(scratch / folder / name, text)
        for folder in folders:
            if (out / folder).exists():
                (out / folder).rename(scratch / f"old-{folder}")
            swapped.append(folder)
            (scratch / folder).rename(out / folder)
        write_text(out / page[0], page[1])
    except BaseException:
        for folder in swapped:
            if (out / folder).exists():
                shutil.rmtree(out / folder)
            if (scratch / f"old-{folder}").exists():
                (scratch / f"old-{folder}").rename(out / folder)
        raise
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
