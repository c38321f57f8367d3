"""The same bits: fits and a study in many processes and ways, held against one."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from wemix_ref.provenance import THREADS
from wemix_ref.reliability.record import Record, Table
from wemix_ref.reliability.whole_runs import same_in_whole_runs

__all__ = ["DIGITS", "WAYS", "Way", "digits_kept", "run", "told_of"]

Tell = Callable[[str], None]
Answer = dict[str, Any]

#: Digits that numbers keep where bits are not promised: what another order of the same sums, or
#: another path to the minimum, leaves of them. A search ends where Newton's step promises less
#: than the deviance's rounding, so theta has its square root of that and more.
DIGITS = {
    "deviance": 12.0, "sigma": 8.0, "theta": 8.0, "beta": 8.0, "standard errors": 8.0,
    "variances": 8.0, "their standard errors": 6.0, "random effects": 8.0,
}  # fmt: skip
_MODELS = 30
_LIMIT = 1800.0

_STUDY = """
title: Bits
aims: To be the same.
seed: 5
replicates: 12
factors: {informative: [false, true]}
population:
  levels: {school: {size: 12}, teacher: {size: 2}, student: {size: 6}}
  covariates: {x: {level: student, distribution: normal}}
  model:
    response: y
    fixed: {"(Intercept)": 1, x: 0.5}
    random: {school: {sd: 1}, teacher: {sd: 0.7}}
    residual: {sd: 1}
sampling:
  school: {method: sampford, size: 8, measure: "exp(where(informative, 0.5, 0) * u_school)"}
  student: {method: srs, size: 4}
model: y ~ x + (1 | school/teacher)
analyses: {unweighted: {weights: none}, weighted: {weights: all, se: [wemix, gllamm]}}
"""


@dataclass(frozen=True)
class Way:
    """One way to come to the same numbers.

    Attributes
    ----------
    title : for the page.
    way, chunk : what the worker is asked.
    environment : variables that are set; a value None: a directory made for it.
    beside : so many processes run it at once, and each must give the bits.
    bits : whether bits are promised; else `DIGITS`.
    python : the interpreter.
    """

    title: str
    way: str = "alone"
    chunk: int | None = None
    environment: Mapping[str, str | None] = field(default_factory=dict)
    beside: int = 1
    bits: bool = True
    python: str = sys.executable


_THREADS_2 = dict.fromkeys((*THREADS, "NUMBA_NUM_THREADS"), "2")

#: All ways but those of other versions of Python.
WAYS = (
    Way("a fresh process", chunk=3),
    Way("another seed of hashes", environment={"PYTHONHASHSEED": "77"}),
    Way("fitted in reversed order; jobs of 5, reversed", "reversed", chunk=5),
    Way("every fit a second time; jobs of 1", "twice", chunk=1),
    Way("all fits in one call", "together"),
    Way("all fits in one call, reversed; jobs of 7", "together-reversed", chunk=7),
    Way("2 processes at once; jobs of 4", chunk=4, beside=2),
    Way("8 processes at once; jobs of 2", chunk=2, beside=8),
    Way("nothing compiled before", environment={"NUMBA_CACHE_DIR": None}),
    Way("2 threads of BLAS", environment=_THREADS_2),
    Way("2 threads of BLAS, all fits in one call", "together", environment=_THREADS_2),
    Way("without compiled loops", environment={"WEMIX_REF_NUMBA": "0"}, bits=False),
    Way("each fit by a search of its own", "one-search", bits=False),
    Way("rows in another order", "rows-permuted", bits=False),
)


def told_of(way: Way, models: int, seed: int, study: Path | None, scratch: Path) -> list[Answer]:
    """Run a way in processes of their own and return what each gave.

    Parameters
    ----------
    way : what is asked.
    models : number of models.
    seed : of their data.
    study : a study's file; None: none.
    scratch : a directory for what the processes need.
    """
    request = {"seed": seed, "models": models, "way": way.way, "chunk": way.chunk}
    request["study"] = None if study is None else str(study)
    environment = {**os.environ, **dict.fromkeys(THREADS, "1"), "WEMIX_REF_NO_R": "1"}
    environment.pop("PYTHONHASHSEED", None)
    source = str(Path(__file__).resolve().parents[2])
    environment["PYTHONPATH"] = source
    for name, value in way.environment.items():
        environment[name] = tempfile.mkdtemp(dir=scratch) if value is None else value
    command = [way.python, "-m", "wemix_ref.reliability.bits_worker", json.dumps(request)]
    children = [
        subprocess.Popen(
            command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        for _ in range(way.beside)
    ]
    answers = []
    for child in children:
        out, error = child.communicate(timeout=_LIMIT)
        if child.returncode != 0:
            last = error.strip().splitlines()[-1:] or [""]
            answers.append({"error": f"ended with code {child.returncode}: {last[0]}"})
        else:
            answers.append(json.loads(out))
    return answers


def digits_kept(one: Answer, other: Answer) -> dict[str, float]:
    """Return by kind how many digits the numbers of two answers share, of the worst fit.

    A kind's difference is taken relative to its largest number in that fit; the deviance to 1 at
    least. 17 where no bit differs.
    """
    kept: dict[str, float] = {}
    for number, kinds in one["fits"].items():
        for kind, texts in kinds.items():
            a, b = (
                np.array([float.fromhex(text) for text in found])
                for found in (texts, other["fits"][number][kind])
            )
            if a.shape != b.shape or not np.array_equal(np.isnan(a), np.isnan(b)):
                found = 0.0
            else:
                gap = np.nanmax(np.abs(a - b), initial=0.0)
                size = max(np.nanmax(np.abs(a), initial=0.0), 1.0 if kind == "deviance" else 0.0)
                found = 17.0 if gap == 0.0 else float(min(17.0, -np.log10(gap / size)))
            kept[kind] = min(kept.get(kind, 17.0), found)
    return kept


def _judged(way: Way, base: Answer, answers: Sequence[Answer]) -> tuple[bool, list[Any]]:
    """Whether a way is as promised, and its row of the table."""
    for answer in answers:
        if "error" in answer:
            return False, [way.title, _promise(way), None, None, None, answer["error"]]
    n_fits = sum(
        answer["fits"][number] != kinds
        for answer in answers
        for number, kinds in base["fits"].items()
    )
    n_studies = sum(answer["study"] != base["study"] for answer in answers)
    kept = [digits_kept(base, answer) for answer in answers]
    worst = {kind: min(one[kind] for one in kept) for kind in kept[0]}
    short = [kind for kind, digits in worst.items() if digits < DIGITS[kind]]
    good = not (n_fits or n_studies) if way.bits else not short
    least = min(worst, key=lambda kind: worst[kind])
    told = "" if worst[least] >= 17 else f"{least}: {worst[least]:.1f}"
    study = None if base["study"] is None else n_studies == 0
    return good, [way.title, _promise(way), n_fits, study, told or "all", "" if good else "fails"]


def _promise(way: Way) -> str:
    return "bits" if way.bits else "digits"


def _other_pythons(tell: Tell) -> tuple[list[Way], list[str]]:
    """Ways by other versions of Python that are here with NumPy, SciPy and pandas."""
    ways, left_out = [], []
    ask = (
        "import sys, numpy, scipy, pandas; "
        "print(sys.version.split()[0], numpy.__version__, scipy.__version__)"
    )
    for minor in (11, 12, 13):
        if sys.version_info[:2] == (3, minor):
            continue
        name = f"python3.{minor}"
        command = os.environ.get(f"WEMIX_REF_PYTHON3{minor}") or shutil.which(name)
        reason = "it is not on PATH"
        if command:
            done = subprocess.run([command, "-c", ask], capture_output=True, text=True)
            if done.returncode == 0:
                python, numpy, scipy = done.stdout.split()
                title = f"Python {python}, NumPy {numpy}, SciPy {scipy}"
                ways.append(Way(title, bits=False, python=command))
                continue
            reason = (done.stderr.strip().splitlines() or ["it does not run"])[-1]
        left_out.append(f"{name}: {reason}")
        tell(f"left out: {name}: {reason}")
    return ways, left_out


def run(n: int, seed: int, tell: Tell) -> Record:
    """Fit 30 n models, and run a study, in every way; count what is not as promised."""
    started = time.monotonic()
    models, rows, failed, fits = _MODELS * n, [], 0, 0
    others, left_out = _other_pythons(tell)
    with tempfile.TemporaryDirectory(prefix="wemix-ref-bits-") as place:
        scratch = Path(place)
        study = scratch / "bits.yaml"
        study.write_text(_STUDY, encoding="utf-8")
        base = told_of(Way("the first"), models, seed, study, scratch)[0]
        if "error" in base:
            raise RuntimeError(base["error"])
        whole = same_in_whole_runs(scratch, tell)
        for way in (*WAYS, *others):
            # the study's file is YAML, which another Python need not read
            own = None if way in others else study
            answers = told_of(way, models, seed, own, scratch)
            against = {**base, "study": base["study"] if own else None}
            good, row = _judged(way, against, answers)
            tell(f"{way.title}: {'as promised' if good else 'NOT as promised'}: {row[2:]}")
            rows.append(tuple(row))
            failed += not good
            fits += models * way.beside
    told = (
        f"{models} models of three shapes, and a study of two scenarios, two analyses and 12 "
        f"replicates, were fitted in {len(rows)} ways, {fits} fits in all, and held against one "
        "process that fits them one by one with one thread. Where bits are promised each number "
        "(deviance, theta, beta, standard errors, variances, random effects) must be the same "
        "double; elsewhere it must keep the digits of the last table."
    )
    if left_out:
        told += f" Not here: {'; '.join(left_out)}."
    ran = sum(row[1] > 0 for row in whole)
    told += (
        f" The workflow ran {ran} time{'' if ran == 1 else 's'} in a copy of the project, with a "
        "shipped study in its small version and three cases as goals, without R and with one "
        "thread of BLAS in each job; every file but timings, logs and the jobs' own must have the "
        "same bytes, and provenance.json the same content but for the commit, the chunks and what "
        "files were made from. After each run `wemix-ref verify results` made its tables and "
        "reports again from its raw files, and had to find each equal."
    )
    failed += sum(bool(row[-1]) for row in whole)
    of_runs = ("run", "files", "made again and equal", "with a stamp", "seconds", "")
    columns = ("way", "promised", "fits that differ", "study the same", "fewest digits kept", "")
    tables = (
        Table("Ways to the same numbers", columns, tuple(rows)),
        Table("Whole runs", of_runs, tuple(whole)),
        Table("Digits promised where bits are not", ("numbers", "digits"), tuple(DIGITS.items())),
    )
    command = f"wemix-ref reliability bits --n {n} --seed {seed}"
    seconds = time.monotonic() - started
    return Record("bits", command, len(rows) + len(whole), failed, seconds, told, tables)
