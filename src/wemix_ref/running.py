"""How a job of the workflow tells what happened: a log, and one clear message on failure."""

from __future__ import annotations

import logging
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from wemix_ref.errors import WemixRefError

__all__ = ["job"]


@contextmanager
def job(log: Path | str) -> Iterator[None]:
    """Run a job: warnings and messages go to its log, errors to the log and to stderr.

    An error of the project's own, or of the system (no space, no permission), ends the process with
    its message and exit code 1; any other is a fault of the program and is passed on, its traceback
    in the log too.

    Parameters
    ----------
    log : the log file; made anew, with its directory.
    """
    path = Path(log)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        handler = _Log(path, encoding="utf-8")
    except OSError as error:
        sys.stderr.write(_refused(error, f"There is no log: {path} cannot be written."))
        sys.exit(1)
    handler.setFormatter(logging.Formatter("%(levelname)s %(name)s: %(message)s"))
    root = logging.getLogger()
    root.addHandler(handler)
    logging.captureWarnings(True)
    try:
        yield
    except WemixRefError as error:
        root.error("%s", error)
        sys.stderr.write(f"{type(error).__name__}: {error}\n")
        sys.exit(1)
    except OSError as error:
        root.error("%s", traceback.format_exc())
        sys.stderr.write(_refused(error, f"Log: {path}"))
        sys.exit(1)
    except Exception:
        root.error("%s", traceback.format_exc())
        raise
    finally:
        logging.captureWarnings(False)
        root.removeHandler(handler)
        with suppress(OSError):  # what is told went to stderr too
            handler.close()


class _Log(logging.FileHandler):
    """A log that a full disk does not make an error of its own."""

    def handleError(self, record: logging.LogRecord) -> None:
        """Go on."""


def _refused(error: OSError, log: str) -> str:
    return (
        f"{type(error).__name__}: the system must let a job read and write its files; it said: "
        f"{error}. See to space and permissions, then run again. {log}\n"
    )
