"""One bad input, and the judgement of what came of it."""

from __future__ import annotations

import contextlib
import io
import signal
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from wemix_ref.errors import WemixRefError

__all__ = [
    "SECONDS",
    "Bad",
    "TookTooLongError",
    "judge",
    "listed",
    "run_command",
    "snapshot",
    "within",
    "written",
]

#: What any one input may take; most take milliseconds.
SECONDS = 20.0
#: A message may name much, but is no dump of what was given.
_LONGEST = 2_500

#: What is done with the input: words of a command line, or a call in Python.
Act = list[str] | Callable[[], object]


@dataclass(frozen=True)
class Bad:
    """One input that must be refused.

    Attributes
    ----------
    door : where it comes in.
    name : what is wrong with it.
    make : writes what it needs into an empty directory, which is the working directory too;
        returns the words of a command line, or a call.
    words : what the message must contain: the thing that offends, its place, what to do.
    """

    door: str
    name: str
    make: Callable[[Path], Act]
    words: tuple[str, ...]


def listed(
    door: str, inputs: Mapping[str, tuple[Callable[[Path], Act], list[str]]]
) -> tuple[Bad, ...]:
    """Inputs of one door, from what makes each and the words that its message must contain."""
    return tuple(Bad(door, name, make, tuple(words)) for name, (make, words) in inputs.items())


def written(folder: Path, name: str, content: str | bytes) -> Path:
    """Write a file, text as UTF-8; its path."""
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


class TookTooLongError(BaseException):
    """Time ran out; no `Exception`, so that nothing on the way handles it."""


@contextlib.contextmanager
def within(seconds: float) -> Iterator[None]:
    """Interrupt the main thread after some seconds; elsewhere, nothing is interrupted."""
    if threading.current_thread() is not threading.main_thread() or not hasattr(signal, "SIGALRM"):
        yield
        return

    def stop(_number: int, _frame: FrameType | None) -> None:
        raise TookTooLongError(f"it took more than {seconds:g} seconds")

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0.0)
        signal.signal(signal.SIGALRM, before)


def judge(bad: Bad, folder: Path) -> str:
    """Give an input and say what is wrong with the answer; nothing, if it is as it must be.

    Parameters
    ----------
    bad : the input.
    folder : an empty directory.
    """
    with contextlib.chdir(folder), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        act = bad.make(folder)
        before = snapshot(folder)
        started = time.perf_counter()
        try:
            with within(SECONDS):
                wrong, message = _command(act) if isinstance(act, list) else _call(act)
        except TookTooLongError as problem:
            return str(problem)
        took = time.perf_counter() - started
        after = snapshot(folder)
    if wrong:
        return wrong
    lacking = [word for word in bad.words if word not in message]
    if lacking:
        return f"the message lacks {lacking[0]!r}: {message}"
    if len(message) > _LONGEST:
        return f"the message has {len(message)} characters"
    if before != after:
        return f"files were written or changed: {sorted(set(before.items()) ^ set(after.items()))}"
    return f"it took {took:.0f} seconds" if took > SECONDS else ""


def snapshot(folder: Path) -> dict[str, bytes | None]:
    """Every file below a directory with its bytes; None for what is no regular file."""
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None
        for path in sorted(folder.rglob("*"))
    }


def _call(act: Callable[[], object]) -> tuple[str, str]:
    try:
        found = act()
    except WemixRefError as problem:
        return "", str(problem)
    except (Exception, RecursionError) as problem:
        return f"{type(problem).__name__}: {problem}", ""
    return f"it was taken: {str(found)[:80]!r}", ""


def run_command(words: list[str]) -> tuple[int | str, str, str]:
    """Run a command line in this process: exit code or exception, standard output and error."""
    from wemix_ref.cli import main

    out, told = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(told):
        try:
            code: int | str = main(words)
        except SystemExit as ended:
            code = ended.code if isinstance(ended.code, int) else str(ended.code)
        except Exception as problem:
            code = f"{type(problem).__name__}: {problem}"
    return code, out.getvalue(), told.getvalue()


def _command(words: list[str]) -> tuple[str, str]:
    code, printed, told = run_command(words)
    if code != 2:
        return f"the command ended with {code}, not 2", told
    if printed:
        return "something went to standard output", told
    lines = told.splitlines()
    own = [line for line in lines if line.startswith("wemix-ref")]
    usage = told.startswith("usage: wemix-ref")
    if len(own) != 1 or own[0] != lines[-1] or (len(lines) > 1 and not usage):
        return f"{len(lines)} lines were told, not one: {told}", told
    return "", told
