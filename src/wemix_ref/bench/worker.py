"""The process that one program has to itself: ``python -m wemix_ref.bench.worker REQUEST``.

It fits small data of the same kind first, so that no compiling or importing is timed, reads the
data, says ``ready``, and answers each line of its input: ``run`` by a timed run, ``stages`` and
``profile`` by where the time goes. Answers are lines of JSON.
"""

from __future__ import annotations

import gc
import json
import os
import platform
import sys
import tempfile
import time
import warnings
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import IO, Any

from wemix_ref.bench.data import Columns, frame_of, read_columns, write_columns
from wemix_ref.bench.memory import forget_peak, peak_bytes, resident_bytes
from wemix_ref.bench.specs import DataSpec, EngineSpec
from wemix_ref.bench.stages import profile, stages
from wemix_ref.bench.subjects import SUBJECTS, Answer, Data, Subject, quietly
from wemix_ref.compiled import HAVE_NUMBA

__all__ = ["main", "run_once"]

#: A run below `SHORT` seconds is repeated for `WHILE` seconds or `MOST` times; the median counts.
SHORT, WHILE, MOST = 0.1, 0.3, 100


def run_once(subject: Subject) -> tuple[float, Answer]:
    """Seconds of a run, and its answer; a short run is repeated and its median counts."""
    seconds: list[float] = []
    gc.collect()
    while True:
        subject.renew()
        started = time.perf_counter()
        answer = quietly(subject)
        seconds.append(time.perf_counter() - started)
        if seconds[0] > SHORT or sum(seconds) > WHILE or len(seconds) == MOST:
            return median(seconds), answer


def _subject(request: dict[str, Any], columns: Columns) -> Subject:
    engine = EngineSpec(request["engine"], ids=request["ids"], order=request["order"])
    data = Data(
        read_columns(columns), columns.ids, columns.starts, request["formula"], request["weights"]
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return SUBJECTS[request["engine"]](engine, data)


def _warm_up(request: dict[str, Any]) -> float:
    """Seconds of the first run in this process, on small data."""
    small = {
        **request["small"],
        **{name: tuple(request["small"][name]) for name in ("sizes", "slopes")},
        "groups": tuple((count, size) for count, size in request["small"]["groups"]),
    }
    with tempfile.TemporaryDirectory(prefix="wemix-ref-bench-") as scratch:
        subject = _subject(request, write_columns(DataSpec(**small), Path(scratch)))
        started = time.perf_counter()
        quietly(subject)
        first = time.perf_counter() - started
        subject.renew()
        quietly(subject)
        return first


def _versions(engine: str) -> dict[str, str]:
    """Versions of what a program runs on; ``numba`` only where loops are compiled."""
    names = ["numpy", "scipy", "pandas"]
    names += ["statsmodels"] if engine == "statsmodels" else []
    names += ["numba"] if HAVE_NUMBA() else []
    return {"Python": platform.python_version(), **{name: version(name) for name in names}}


def main(request_file: str, answers: IO[str]) -> None:
    """Answer the lines of standard input until it ends."""

    def say(**content: object) -> None:
        answers.write(json.dumps(content) + "\n")
        answers.flush()

    request = json.loads(Path(request_file).read_text(encoding="utf-8"))
    stored = request["columns"]
    columns = Columns(
        Path(stored["directory"]),
        tuple(stored["ids"]),
        tuple(stored["numbers"]),
        stored["rows"],
        tuple(stored["starts"]),
    )
    first = _warm_up(request)
    versions = _versions(request["engine"])
    gc.collect()
    before = resident_bytes()
    subject = _subject(request, columns)
    input_bytes = sum(columns.path(name).stat().st_size for name in columns.numbers) + sum(
        2 * columns.path(name).stat().st_size for name in columns.ids
    )
    gc.collect()
    forget_peak()
    say(ready=True, first_call=first, input_bytes=input_bytes, versions=versions)
    for line in sys.stdin:
        match line.strip():
            case "run":
                seconds, answer = run_once(subject)
                say(
                    seconds=seconds / answer.fits,
                    fits=answer.fits,
                    deviance=answer.deviance,
                    evaluations=answer.evaluations,
                    hessians=answer.hessians,
                    peak_bytes=peak_bytes() - before,
                )
            case "stages" | "profile" as what:
                frame = frame_of(subject.data.columns, subject.data.ids, subject.spec)
                how = stages if what == "stages" else profile
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    say(**{what: how(subject.data.formula, frame, subject.data.weights)})


if __name__ == "__main__":
    # answers have a stream of their own: whatever a library prints goes to standard error
    own = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    main(sys.argv[1], own)
