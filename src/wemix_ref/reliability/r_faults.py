"""Faults of R: killed while it works, an R that does not start, one that lacks a package."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from functools import cache
from pathlib import Path
from typing import Any

from wemix_ref.reliability.fault_study import Outcome

__all__ = ["R_KINDS", "r_lacks_a_package", "r_that_ends", "why_not"]

_ASK = """
import json, sys
from wemix_ref.cases import load_cases
from wemix_ref.engines import get_engine
engine = get_engine(sys.argv[1])
record = engine.fit(load_cases()["dyestuff"].problem(sys.argv[1]), {}, timeout=120.0).record
print(json.dumps([record["status"], record["message"]]))
"""


def why_not() -> str:
    """Why R cannot be used here; empty where it can."""
    from wemix_ref.engines import get_engine

    found = get_engine("lme4").availability()
    return "" if found.available else found.reason


def _fit() -> Any:  # noqa: ANN401
    from wemix_ref.cases import load_cases
    from wemix_ref.engines import get_engine

    engine = get_engine("lme4")
    return engine.fit(load_cases()["dyestuff"].problem("lme4"), {}, timeout=120.0).record


@cache
def _undisturbed() -> tuple[Any, float]:
    started = time.monotonic()
    return _fit(), time.monotonic() - started


def _children() -> list[int]:
    """Processes of R that this one started."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            if not entry.name.isdigit() or b"r_worker.py" not in (entry / "cmdline").read_bytes():
                continue
            parent = (entry / "stat").read_text().rpartition(")")[2].split()[1]
        except OSError:
            continue
        if int(parent) == os.getpid():
            found.append(int(entry.name))
    return found


def r_killed(rng: random.Random) -> Outcome:
    """SIGKILL to R while it fits: the record says so, and the next fit has the same bytes."""
    expected, seconds = _undisturbed()
    answers: list[Any] = []
    thread = threading.Thread(target=lambda: answers.append(_fit()))
    thread.start()
    pids: list[int] = []
    while thread.is_alive() and not pids:
        pids = _children()
        time.sleep(0.005)
    time.sleep(rng.uniform(0.0, 0.7) * seconds)
    for pid in _children():
        if pid in pids:
            os.kill(pid, signal.SIGKILL)
    thread.join()
    record = answers[0]
    struck = record["status"] != "ok"
    wrong = ""
    if struck and "R ended without an answer (signal 9, SIGKILL)" not in record["message"]:
        wrong = f"the record says {record['status']}: {record['message']}"
    if not wrong and _fit() != expected:
        wrong = "another record after the next fit"
    return Outcome(struck, wrong)


def _asked(engine: str, **environment: str) -> tuple[str, str]:
    source = str(Path(__file__).resolve().parents[2])
    done = subprocess.run(
        [sys.executable, "-c", _ASK, engine],
        env={**os.environ, "PYTHONPATH": source, **environment},
        capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    if done.returncode != 0:
        return "traceback", done.stderr[-300:]
    status, message = json.loads(done.stdout.splitlines()[-1])
    return status, message


def r_that_ends(rng: random.Random) -> Outcome:
    """The program R on PATH is one that ends at once: the engine says that there is no R."""
    code = rng.randint(1, 139)
    with tempfile.TemporaryDirectory() as place:
        fake = Path(place) / "R"
        fake.write_text(f"#!/bin/sh\nexit {code}\n")
        fake.chmod(0o755)
        path = f"{place}{os.pathsep}{os.environ['PATH']}"
        status, message = _asked("lme4", PATH=path, R_HOME="")
    good = status in ("unavailable", "failed") and "R " in message
    return Outcome(status != "ok", "" if good else f"{status}: {message}")


def r_lacks_a_package(rng: random.Random) -> Outcome:
    """R without the site's packages: the message names the one that is not there."""
    engine, package = rng.choice([("lme4", "lme4"), ("wemix", "WeMix"), ("lme4-weighted", "lme4")])
    nowhere = dict.fromkeys(("R_LIBS", "R_LIBS_USER", "R_LIBS_SITE"), "/nonexistent")
    status, message = _asked(engine, **nowhere)
    good = status == "unavailable" and package in message
    return Outcome(status != "ok", "" if good else f"{engine}: {status}: {message}")


#: Kinds of faults of R.
R_KINDS = {
    "R killed while it fits": r_killed,
    "an R that ends at once": r_that_ends,
    "R lacks a package": r_lacks_a_package,
}
