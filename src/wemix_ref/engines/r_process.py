"""The parent's side of R: one child process for one or many calls, with a time limit each."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import logging
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from wemix_ref.engines.protocol import Availability
from wemix_ref.engines.r_values import RValue, named_list, text
from wemix_ref.extras import how_to_install

NO_R = "WEMIX_REF_NO_R"
R_DIRECTORY = Path(__file__).resolve().parent / "r"
RUNNER = R_DIRECTORY / "run.R"
# Run as a file of its own (-P: its directory stays off the path), so that the child loads R
# without the estimator.
WORKER = Path(__file__).resolve().parent / "r_worker.py"

_POLL_SECONDS = 0.005
# Who sends them is a user, a queue or a system short of memory.
_FROM_OUTSIDE = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP)

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class RReply:
    """What came back from R.

    Attributes
    ----------
    status : str
        ``ok``, ``failed`` (an error in R, or R's end), ``timeout`` or ``unavailable``.
    message : str
        The reason where the status is not ``ok``; empty otherwise.
    value : dict or None
        The function's answer.
    seconds : float
        Wall time since the child's start or its answer before.
    ended : bool
        Whether R ended without an answer.
    killed : bool
        Whether a signal from outside ended it: no answer of R's own.
    """

    status: str
    message: str
    value: dict[str, Any] | None
    seconds: float
    ended: bool = False
    killed: bool = False


def r_is_turned_off() -> bool:
    """Return whether ``WEMIX_REF_NO_R`` is set to anything but the empty string."""
    return bool(os.environ.get(NO_R))


def r_availability() -> Availability:
    """Say whether R and rpy2 are here; R itself is not started."""
    if r_is_turned_off():
        return Availability(False, f"R is turned off by {NO_R}")
    if importlib.util.find_spec("rpy2") is None:
        return Availability(
            False, f"the Python package rpy2 is not installed. {how_to_install('rpy2')}"
        )
    from rpy2 import situation

    try:
        home = situation.get_r_home()
    except Exception as error:  # noqa: BLE001, RUF100
        # rpy2 reports a broken R in ways of its own; every one means that there is no R here.
        return Availability(False, f"R could not be found: {error}")
    if not home:
        return Availability(False, "R is not installed")
    return Availability(True)


def package_availability(*packages: str) -> Availability:
    """Say whether R has some packages; R is started once for each set."""
    found = r_availability()
    if not found.available:
        return found
    return _packages_found(packages, os.environ.get("R_LIBS", ""), os.environ.get("PATH", ""))


@cache
def _packages_found(packages: tuple[str, ...], _libraries: str, _path: str) -> Availability:
    arguments = {f"package{number}": text(package) for number, package in enumerate(packages)}
    reply = call_r([R_DIRECTORY / "common.R"], "check_packages", arguments, timeout=120.0)
    return Availability(reply.status == "ok", reply.message)


def _environment() -> dict[str, str]:
    """Return the child's environment: one locale, one thread, no compiler needed by rpy2.

    Text is UTF-8; collation is C's own, since R hands C.UTF-8 to ICU, which sorts otherwise.
    """
    threads = dict.fromkeys(
        ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "BLIS_NUM_THREADS"), "1"
    )
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("LC_")}
    return {
        **inherited,
        **threads,
        "LANG": "C.UTF-8",
        "LC_CTYPE": "C.UTF-8",
        "LC_COLLATE": "C",
        "LANGUAGE": "en",
        "RPY2_CFFI_MODE": "ABI",
        "PYTHONHASHSEED": "0",
    }


@cache
def _fixed_addresses() -> tuple[str, ...]:
    """Return the command that starts a program without random addresses, where there is one.

    How arrays are aligned decides in which order vectorised loops add, so that with random
    addresses R's last digit is not the same in every run.
    """
    command = shutil.which("setarch")
    if command is None:
        return ()
    prefix = (command, "-R")
    tried = subprocess.run([*prefix, sys.executable, "-c", ""], capture_output=True, check=False)
    return prefix if tried.returncode == 0 else ()


def _stop(child: subprocess.Popen[bytes]) -> None:
    """End a child that still runs, and what it started: it leads a process group of its own.

    A fork can outlive a child that was ended from outside.
    """
    if child.poll() != 0:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
        child.wait()


def _end_message(code: int) -> str:
    if code < 0:
        try:
            name = signal.Signals(-code).name
        except ValueError:
            name = "unknown"
        return f"R ended without an answer (signal {-code}, {name})"
    return f"R ended without an answer (exit code {code})"


def _ended(code: int, seconds: float) -> RReply:
    return RReply("failed", _end_message(code), None, seconds, True, -code in _FROM_OUTSIDE)


def call_r(
    scripts: Sequence[Path],
    function: str,
    arguments: Mapping[str, RValue],
    *,
    timeout: float,
) -> RReply:
    """Call an R function once in a child process; see `call_r_many`."""
    return call_r_many(scripts, function, [arguments], timeout=timeout)[0]


def call_r_many(
    scripts: Sequence[Path],
    function: str,
    calls: Sequence[Mapping[str, RValue]],
    *,
    timeout: float,
    packages: Sequence[str] = (),
) -> list[RReply]:
    """Call an R function with one set of arguments after another, starting R once.

    The child loads R, the scripts and the packages, and forks for every call before it reads the
    arguments. All calls therefore start from the same memory: what one gives does not depend on
    those before it, to the last bit, and the end of one leaves the others alone.

    Parameters
    ----------
    scripts : sequence of pathlib.Path
        R files that define the function and what it needs.
    function : str
        Name of the function in those files.
    calls : sequence of mapping
        For each call the arguments by name, as made by `wemix_ref.engines.r_values`.
    timeout : float
        Seconds each call may take; the first one's include R's start. The child is ended when a
        call passes them, and a new child takes up the calls after it.
    packages : sequence of str
        R packages to load before the calls; one that is not there is left to the calls.

    Returns
    -------
    list of RReply
        One for each call, in their order. An error in R, a crash or a time limit passed is a
        status with a message; nothing is raised for them.
    """
    found = r_availability()
    if not found.available:
        return [RReply("unavailable", found.reason, None, 0.0) for _ in calls]
    request = {
        "scripts": [str(path) for path in (*scripts, RUNNER)],
        "function": function,
        "packages": list(packages),
    }
    replies: list[RReply] = []
    with tempfile.TemporaryDirectory(prefix="wemix-ref-r-") as scratch:
        for number, arguments in enumerate(calls):
            asked = Path(scratch) / f"call-{number:06d}.json"
            asked.write_text(json.dumps(named_list(arguments)), encoding="utf-8")
        while len(replies) < len(calls):
            replies += _replies_of_child(
                request, Path(scratch), range(len(replies), len(calls)), timeout
            )
    return replies


def _replies_of_child(
    request: Mapping[str, object], scratch: Path, numbers: range, timeout: float
) -> list[RReply]:
    """Return the replies of one child: to all calls, or up to the one that it did not survive."""
    # Texts of a fixed width: the child's memory must be the same however many calls there are.
    own = {**request, "first": f"{numbers.start:06d}", "count": f"{len(numbers):06d}"}
    (scratch / "request.json").write_text(json.dumps(own), encoding="utf-8")
    output = scratch / "output.txt"
    replies: list[RReply] = []
    since = time.perf_counter()
    with output.open("wb") as sink:
        child = subprocess.Popen(
            [*_fixed_addresses(), sys.executable, "-P", str(WORKER), str(scratch)],
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=subprocess.STDOUT,
            env=_environment(),
            start_new_session=True,
        )
        ended = False
        try:
            while len(replies) < len(numbers) or not ended:
                code = child.poll()
                ended = code is not None
                fresh = _answers(scratch, numbers[len(replies) :])
                now = time.perf_counter()
                for answer in fresh:
                    replies.append(_reply(answer, now - since))
                    since = now
                waiting = len(replies) < len(numbers)
                if waiting and code is not None:
                    replies.append(_ended(code, now - since))
                    break
                if waiting and now - since > timeout:
                    message = f"R was ended after its time limit of {timeout:g} s"
                    replies.append(RReply("timeout", message, None, now - since))
                    break
                if not waiting and now - since > timeout:
                    break  # all is answered; only the child's own end hangs
                if code is None:
                    time.sleep(_POLL_SECONDS)
        finally:
            _stop(child)
    said = output.read_text(encoding="utf-8", errors="replace").strip()
    if said:
        fine = all(reply.status == "ok" for reply in replies)
        _log.log(logging.DEBUG if fine else logging.WARNING, "R said: %s", said[-4000:])
    return replies


def _answers(scratch: Path, numbers: range) -> list[dict[str, Any]]:
    """Read the answers that are there, in order, up to the first that is not."""
    answers = []
    for number in numbers:
        path = scratch / f"answer-{number:06d}.json"
        if not path.is_file():
            break
        answers.append(json.loads(path.read_text(encoding="utf-8")))
    return answers


def _reply(answer: Mapping[str, Any], seconds: float) -> RReply:
    if "exit_code" in answer:
        return _ended(answer["exit_code"], seconds)
    return RReply(answer["status"], answer["message"], answer["value"], seconds)
