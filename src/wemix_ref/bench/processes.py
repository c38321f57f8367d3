"""The side that asks: a worker process for each program in Python, a call for each turn in R."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any, Protocol

from wemix_ref.bench.data import Columns
from wemix_ref.bench.specs import EngineSpec, Measurement
from wemix_ref.engines.model_request import r_formula
from wemix_ref.engines.r_process import R_DIRECTORY, call_r
from wemix_ref.engines.r_values import RValue, double, logical, text
from wemix_ref.errors import EngineError

__all__ = ["Player", "RPlayer", "Worker", "pinned", "request_of"]

SCRIPT = Path(__file__).resolve().parent / "r" / "bench.R"
#: Rows up to which R fits once before it is timed.
WARM_ROWS = 20_000
_THREADS = (
    "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "BLIS_NUM_THREADS",
    "NUMBA_NUM_THREADS",
)  # fmt: skip


def pinned(threads: int, compiled: bool = True) -> dict[str, str]:
    """The environment with that many threads for BLAS and for compiled loops, or without these."""
    plain = {} if compiled else {"WEMIX_REF_NUMBA": "0"}
    return {**os.environ, **dict.fromkeys(_THREADS, str(threads)), **plain, "PYTHONHASHSEED": "0"}


def request_of(measurement: Measurement, engine: EngineSpec, columns: Columns) -> dict[str, Any]:
    """What a worker is told, as JSON."""
    return {
        "engine": engine.engine,
        "ids": engine.ids,
        "order": engine.order,
        "formula": measurement.formula,
        "weights": measurement.data.weight_names,
        "small": asdict(measurement.data.small()),
        "columns": {**asdict(columns), "directory": str(columns.directory)},
    }


class Player(Protocol):
    """A program that takes its turns."""

    def turn(self) -> dict[str, Any]:
        """One timed run: ``status`` (``ok``, ``failed``, ``timeout``, ``unavailable``) and more."""
        ...

    def close(self) -> None:
        """End what runs."""
        ...


class Worker:
    """A program in Python, in a process that lives as long as the measurement."""

    def __init__(
        self, measurement: Measurement, engine: EngineSpec, columns: Columns, scratch: Path
    ) -> None:
        self.engine = engine
        self._said = scratch / f"{engine.label}.txt"
        asked = scratch / f"{engine.label}.json"
        asked.write_text(json.dumps(request_of(measurement, engine, columns)), encoding="utf-8")
        with self._said.open("wb") as errors:
            self._child = subprocess.Popen(
                [sys.executable, "-m", "wemix_ref.bench.worker", str(asked)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                env=pinned(measurement.threads, engine.compiled),
                start_new_session=True,
            )
        self._unread = b""
        self.about: dict[str, Any] = {}
        self._ended = ""
        start = self._answer(engine.time_limit)
        if start["status"] == "ok":
            self.about = start
        else:
            self._ended = start["message"] or "it did not start"
            self._status = start["status"]

    def turn(self) -> dict[str, Any]:
        """One timed run."""
        return self.ask("run")

    def ask(self, what: str) -> dict[str, Any]:
        """Have a request answered: ``run``, ``stages`` or ``profile``."""
        if self._ended:
            return {"status": self._status, "message": self._ended}
        assert self._child.stdin is not None
        with suppress(BrokenPipeError):
            self._child.stdin.write(f"{what}\n".encode())
            self._child.stdin.flush()
        answer = self._answer(self.engine.time_limit)
        if answer["status"] != "ok":
            self._ended, self._status = answer["message"], answer["status"]
        return answer

    def _answer(self, limit: float) -> dict[str, Any]:
        """Read a line; a process that ends or takes too long is a status with a message."""
        assert self._child.stdout is not None
        until = time.monotonic() + limit
        while b"\n" not in self._unread:
            left = until - time.monotonic()
            if left <= 0 or not select.select([self._child.stdout], [], [], left)[0]:
                self.close()
                return {"status": "timeout", "message": f"ended after its limit of {limit:g} s"}
            piece = os.read(self._child.stdout.fileno(), 65536)
            if not piece:
                self.close()
                said = self._said.read_text(encoding="utf-8", errors="replace").strip()
                last = said.splitlines()[-1] if said else "nothing was said"
                return {"status": "failed", "message": f"the process ended: {last}"}
            self._unread += piece
        line, _, self._unread = self._unread.partition(b"\n")
        return {"status": "ok", "message": "", **json.loads(line)}

    def close(self) -> None:
        """End the process and what it started."""
        if self._child.poll() is None:
            with suppress(ProcessLookupError):
                os.killpg(self._child.pid, signal.SIGKILL)
            self._child.wait()
        for stream in (self._child.stdin, self._child.stdout):
            if stream is not None:
                with suppress(BrokenPipeError):
                    stream.close()


class RPlayer:
    """A program in R: a process for each turn, the clock inside R."""

    about: Mapping[str, Any] = {}

    def __init__(self, measurement: Measurement, engine: EngineSpec, columns: Columns) -> None:
        if engine.order != "sorted" or engine.ids != "integer":
            raise EngineError(
                f"{engine.engine} is timed on rows as drawn and ids as integers; found "
                f"{engine.label!r}. Leave `ids` and `order` out."
            )
        self.engine = engine
        names = [*columns.numbers, *columns.ids]
        kinds = ["double"] * len(columns.numbers) + ["integer"] * len(columns.ids)
        self._arguments: dict[str, RValue] = {
            "formula": text(r_formula(measurement.formula)),
            "names": text(*names),
            "paths": text(*(str(columns.path(name)) for name in names)),
            "kinds": text(*kinds),
            "rows": double([columns.rows]),
            "ids": text(*columns.ids),
            "weights": text(*(measurement.data.weight_names or [])),
            "warm": logical([columns.rows <= WARM_ROWS and engine.engine == "lme4"]),
        }

    def turn(self) -> dict[str, Any]:
        """One timed run."""
        reply = call_r(
            [R_DIRECTORY / "common.R", SCRIPT],
            f"bench_{self.engine.engine}",
            self._arguments,
            timeout=self.engine.time_limit,
        )
        if reply.status != "ok" or reply.value is None:
            return {"status": reply.status, "message": reply.message}
        value = reply.value
        return {
            "status": "ok",
            "message": "",
            "seconds": value["seconds"][0],
            "deviance": value["deviance"][0],
            "peak_bytes": None if value["peak"] is None else int(value["peak"][0]),
            "versions": {name: one[0] for name, one in value["versions"].items()},
            "told": value["messages"] or [],
        }

    def close(self) -> None:
        """Nothing runs between turns."""
