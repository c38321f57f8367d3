"""Chunks: the replicates of one job, taken from earlier files where they are there already."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from wemix_ref.errors import StudyError
from wemix_ref.files import write_json
from wemix_ref.simulate.replicates import Elsewhere, run_replicates
from wemix_ref.simulate.storage import (
    COLUMNS,
    chunk_name,
    known_replicates,
    made_from_of,
    read_rows,
    write_rows,
)
from wemix_ref.simulate.study import Scenario, Study

__all__ = ["Progress", "gather", "made_with_of", "progress_of", "run_chunk"]


def run_chunk(
    study: Study,
    scenario: Scenario,
    first: int,
    stop: int,
    made_with: Mapping[str, str],
    out: Path,
    timing: Path,
    elsewhere: Elsewhere | None = None,
) -> None:
    """Run the replicates of a job, or take them from files beside, and write them.

    Parameters
    ----------
    study, scenario : the study and one of its scenarios.
    first, stop : replicates from `first` up to, but without, `stop`.
    made_with : what they depend on besides: hash of the code, versions of libraries.
    out : the parquet file, ``<chunks>/<scenario>/<first>-<stop>.parquet``; files of the same
        scenario beside it, made from the same, are read before anything is computed.
    timing : a JSON file of when the job ran and how many replicates it computed.
    elsewhere : as for :func:`wemix_ref.simulate.replicates.run_replicates`.
    """
    started = time.time()
    made_from: dict[str, object] = {"scenario": scenario.fingerprint, **made_with}
    wanted = range(first, stop)
    parts = list(known_replicates(out.parents[1], scenario.name, made_from, wanted))
    known = {replicate for part in parts for replicate in part["replicate"].unique()}
    missing = [replicate for replicate in wanted if replicate not in known]
    if missing:
        parts.append(run_replicates(study, scenario, missing, elsewhere))
    write_rows(out, _sorted(parts), made_from)
    write_json(
        timing,
        {
            "scenario": scenario.name,
            "started": started,
            "ended": time.time(),
            "replicates": stop - first,
            "computed": len(missing),
        },
    )


def made_with_of(scenario: Scenario, paths: Iterable[Path]) -> dict[str, object]:
    """Return what a scenario's chunks were made with; it must be the same for all.

    Parameters
    ----------
    scenario : the scenario.
    paths : its chunks.

    Raises
    ------
    StudyError
        If a chunk was made from another scenario, or two with another code, library or loops.
    """
    again = (
        "Remove the file and run again, without `--rerun-triggers mtime`, which keeps replicates "
        "that other code or libraries made."
    )
    found: dict[str, object] = {}
    first: Path | None = None
    for path in paths:
        own = made_from_of(path)
        if own.pop("scenario", None) != scenario.fingerprint:
            raise StudyError(
                f"{path}: replicates of the scenario {scenario.name!r} must be made from it as the "
                f"study has it now; these are from another. {again}"
            )
        if first is None:
            first, found = path, own
        elif own != found:
            name = min(key for key in {*own, *found} if own.get(key) != found.get(key))
            raise StudyError(
                f"the chunks of the scenario {scenario.name!r} must all be made with the same; "
                f"{name} is {found.get(name)!r} in {first} and {own.get(name)!r} in {path}. {again}"
            )
    return found


def gather(paths: Iterable[Path]) -> pd.DataFrame:
    """Read a scenario's chunks as one table, sorted by replicate.

    Raises
    ------
    StudyError
        If a replicate is in two files.
    """
    parts = [read_rows(path) for path in paths]
    seen: set[int] = set()
    for part in parts:
        own = set(part["replicate"])
        if seen & own:
            raise StudyError(f"replicate {min(seen & own)} must be in one chunk; it is in two.")
        seen |= own
    return _sorted(parts)


def _sorted(parts: Sequence[pd.DataFrame]) -> pd.DataFrame:
    # stable: within a replicate the rows keep the order of analyses and parameters
    rows = pd.concat([part.astype({"status": object}) for part in parts], ignore_index=True)
    return rows.sort_values("replicate", kind="stable", ignore_index=True)[list(COLUMNS)]


@dataclass(frozen=True)
class Progress:
    """How far a study is.

    Attributes
    ----------
    done, total : replicates.
    seconds_left : at the pace of the last jobs; None before anything was computed.
    """

    done: int
    total: int
    seconds_left: float | None

    def __str__(self) -> str:
        text = f"{self.done} of {self.total} replicates ({100 * self.done // self.total} %)"
        if self.done == self.total or self.seconds_left is None:
            return text
        return f"{text}, about {_duration(self.seconds_left)} left"


def progress_of(study: Study, timings: Path) -> Progress:
    """Tell how far a study is from the timing files of its jobs.

    Parameters
    ----------
    study : the study.
    timings : the directory of its jobs' timing files, by scenario.

    Returns
    -------
    Progress
        The time left is what the missing replicates cost, by scenario where one is known, over
        the number of jobs that ran side by side lately.
    """
    done: dict[str, int] = dict.fromkeys(study.settings, 0)
    cost: dict[str, list[float]] = {}
    spans: list[tuple[float, float]] = []
    for name in study.settings:
        for first, stop in study.chunks():
            file = timings / name / f"{chunk_name(first, stop)}.json"
            try:
                told = json.loads(file.read_text(encoding="utf-8"))
            except (OSError, ValueError):
                continue
            done[name] += stop - first
            if told["computed"]:
                took = told["ended"] - told["started"]
                cost.setdefault(name, []).append(took / told["computed"])
                spans.append((told["ended"], told["started"]))
    total = study.replicates * len(study.settings)
    if not spans:
        return Progress(sum(done.values()), total, None)
    last = sorted(spans)[-20:]
    wall = max(end for end, _ in last) - min(start for _, start in last)
    side_by_side = max(1.0, sum(end - start for end, start in last) / max(wall, 1e-9))
    every = [value for values in cost.values() for value in values]
    left = sum(
        (study.replicates - count) * _mean(cost.get(name, every)) for name, count in done.items()
    )
    return Progress(sum(done.values()), total, left / side_by_side)


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    if seconds < 5400:
        return f"{round(seconds / 60)} min"
    return f"{seconds / 3600:.1f} h"
