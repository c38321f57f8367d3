"""Run in a process of its own, so that it can be killed: the jobs of a small study, one by one.

Called as ``python -m wemix_ref.reliability.fault_worker REQUEST``, JSON with ``study`` (a file),
``out`` (where results go), ``log``, ``file_bytes`` (the largest file that may be written, or null)
and ``user`` (an id whose rights it takes once everything is loaded, or null). Each job runs as the
workflow runs it; what is there already is not made again.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import tempfile
from pathlib import Path
from typing import Any

from wemix_ref.running import job
from wemix_ref.simulate.chunks import run_chunk
from wemix_ref.simulate.storage import chunk_name
from wemix_ref.simulate.study import load_study
from wemix_ref.simulate.summarise import summarise

__all__ = ["work"]


def work(study_file: Path, out: Path) -> None:
    """Make what is missing of a study's chunks, then its tables."""
    study = load_study(study_file)
    paths = []
    for scenario in study.scenarios:
        for first, stop in study.chunks():
            name = f"{scenario.name}/{chunk_name(first, stop)}"
            path = out / "chunks" / f"{name}.parquet"
            timing = out / "timing" / f"{name}.json"
            paths.append(path)
            if not (path.is_file() and timing.is_file()):
                run_chunk(study, scenario, first, stop, {}, path, timing)
    summarise(study, paths, out)


def main(request: dict[str, Any]) -> None:
    """Do what a request asks."""
    study = Path(request["study"])
    if request["user"] is not None:
        with tempfile.TemporaryDirectory() as scratch:
            work(study, Path(scratch))  # all that is loaded late is loaded now
        os.setegid(request["user"])
        os.seteuid(request["user"])
    if request["file_bytes"] is not None:
        limit = request["file_bytes"]
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    sys.stderr.write("ready\n")
    sys.stderr.flush()
    with job(request["log"]):
        work(study, Path(request["out"]))


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
