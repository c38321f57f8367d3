"""The parent's side of R: one child process a call, with a time limit."""

from __future__ import annotations

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

NO_R = "WEMIX_REF_NO_R"
R_DIRECTORY = Path(__file__).resolve().parent / "r"
RUNNER = R_DIRECTORY / "run.R"
# Run as a file of its own (-P: its directory stays off the path), so that the child loads R
# without the estimator.
WORKER = Path(__file__).resolve().parent / "r_worker.py"

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
        Wall time of the child process.
    """

    status: str
    message: str
    value: dict[str, Any] | None
    seconds: float


def r_is_turned_off() -> bool:
    """Return whether ``WEMIX_REF_NO_R`` is set to anything but the empty string."""
    return bool(os.environ.get(NO_R))


def r_availability() -> Availability:
    """Say whether R and rpy2 are here; R itself is not started."""
    if r_is_turned_off():
        return Availability(False, f"R is turned off by {NO_R}")
    if importlib.util.find_spec("rpy2") is None:
        return Availability(False, "the Python package rpy2 is not installed")
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
    """End a child that still runs, and what it started: it leads a process group of its own."""
    if child.poll() is None:
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


def call_r(
    scripts: Sequence[Path],
    function: str,
    arguments: Mapping[str, RValue],
    *,
    timeout: float,
) -> RReply:
    """Call an R function in a child process.

    Parameters
    ----------
    scripts : sequence of pathlib.Path
        R files that define the function and what it needs.
    function : str
        Name of the function in those files.
    arguments : mapping
        Its arguments by name, as made by `wemix_ref.engines.r_values`.
    timeout : float
        Seconds after which the child is ended.

    Returns
    -------
    RReply
        An error in R, a crash or a time limit passed is a status with a message; nothing is
        raised for them.
    """
    found = r_availability()
    if not found.available:
        return RReply("unavailable", found.reason, None, 0.0)
    request = {
        "scripts": [str(path) for path in (*scripts, RUNNER)],
        "function": function,
        "arguments": named_list(arguments),
    }
    with tempfile.TemporaryDirectory(prefix="wemix-ref-r-") as scratch:
        asked, answered = Path(scratch) / "request.json", Path(scratch) / "answer.json"
        output = Path(scratch) / "output.txt"
        asked.write_text(json.dumps(request), encoding="utf-8")
        started = time.perf_counter()
        with output.open("wb") as sink:
            child = subprocess.Popen(
                [*_fixed_addresses(), sys.executable, "-P", str(WORKER), str(asked), str(answered)],
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=subprocess.STDOUT,
                env=_environment(),
                start_new_session=True,
            )
            try:
                code = child.wait(timeout=timeout)
            except subprocess.TimeoutExpired:
                seconds = time.perf_counter() - started
                return RReply(
                    "timeout", f"R was ended after its time limit of {timeout:g} s", None, seconds
                )
            finally:
                _stop(child)
        seconds = time.perf_counter() - started
        said = output.read_text(encoding="utf-8", errors="replace").strip()
        if said:
            _log.log(logging.DEBUG if code == 0 else logging.WARNING, "R said: %s", said[-4000:])
        if code != 0 or not answered.is_file():
            return RReply("failed", _end_message(code), None, seconds)
        reply = json.loads(answered.read_text(encoding="utf-8"))
    return RReply(reply["status"], reply["message"], reply["value"], seconds)
