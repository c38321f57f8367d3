"""Faults put in by chance: what is killed, refused or wrong is told, and a re-run has the bytes."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

from wemix_ref.reliability.fault_study import STUDY, Outcome
from wemix_ref.reliability.r_faults import R_KINDS, why_not
from wemix_ref.reliability.record import Record, Table
from wemix_ref.reliability.wemix_faults import WEMIX_KINDS
from wemix_ref.reliability.workflow_faults import WORKFLOW_KINDS, WorkflowBench, lacking
from wemix_ref.simulate.storage import read_rows

__all__ = ["KINDS", "Bench", "Outcome", "row_of", "run"]

Tell = Callable[[str], None]
_LIMIT = 600.0
_NOBODY = 65534
#: So many more are put in of a kind of which none struck: some come after the work's end by chance.
_MORE = 5
_NONE_STRUCK = "none struck: nothing was tried"


class Bench:
    """A study that is run in processes of their own, and its bytes when nothing goes wrong."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self.study = place / "faults.yaml"
        self.study.write_text(STUDY, encoding="utf-8")
        self.n = 0
        out = self.fresh()
        code, told = self.end(self.start(out))
        if code != 0:
            raise RuntimeError(told)
        self.expected = self.bytes(out)
        self.sizes = sorted({len(content) for content in self.expected.values()})

    def fresh(self) -> Path:
        """A directory of its own for results."""
        self.n += 1
        return self.place / f"run-{self.n}"

    def log(self, out: Path) -> Path:
        """The log of the work there."""
        return out.with_suffix(".log")

    def start(
        self, out: Path, *, file_bytes: int | None = None, user: int | None = None
    ) -> subprocess.Popen[str]:
        """Begin the work."""
        request = {
            "study": str(self.study),
            "out": str(out),
            "log": str(self.log(out)),
            "file_bytes": file_bytes,
            "user": user,
        }
        source = str(Path(__file__).resolve().parents[2])
        # faults are about files: without compiled loops a process starts sooner
        switches = {"WEMIX_REF_NO_R": "1", "WEMIX_REF_NUMBA": "0"}
        environment = {**os.environ, **switches, "PYTHONPATH": source}
        command = [sys.executable, "-m", "wemix_ref.reliability.fault_worker", json.dumps(request)]
        return subprocess.Popen(
            command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
        )

    def end(self, child: subprocess.Popen[str]) -> tuple[int, str]:
        """Wait for its end; return its code and what it said."""
        told = child.communicate(timeout=_LIMIT)[1]
        return child.returncode, told

    def wait(self, child: subprocess.Popen[str], out: Path, rng: random.Random) -> None:
        """Wait until a random number of files is there, and a moment more."""
        assert child.stderr is not None
        child.stderr.readline()  # ready
        wanted = rng.randrange(len(self.expected))
        while child.poll() is None and len(self.bytes(out)) < wanted:
            time.sleep(0.001)
        time.sleep(rng.uniform(0.0, 0.01))

    def bytes(self, out: Path) -> dict[str, bytes]:
        """Every file of the results but timings."""
        return {
            path.relative_to(out).as_posix(): path.read_bytes()
            for path in sorted(out.rglob("[!.]*"))
            if path.is_file() and "timing" not in path.parts
        }

    def again(self, out: Path) -> str:
        """Run to the end what was cut short; say what is not as it must be."""
        for path in out.rglob("*.parquet"):
            if not path.name.startswith("."):
                read_rows(path)  # whole, or not there
        code, told = self.end(self.start(out))
        if code != 0:
            return f"the re-run ended with {code}: {told.strip().splitlines()[-1:]}"
        found = self.bytes(out)
        if found != self.expected:
            names = {*found, *self.expected}
            differ = sorted(n for n in names if found.get(n) != self.expected.get(n))
            return f"other bytes after the re-run: {', '.join(differ)}"
        return ""


def _told_once(told: str, log: Path) -> str:
    """What is wrong with how a failure was told; empty: nothing."""
    lines = [line for line in told.splitlines() if line != "ready"]
    if "Traceback" in told or "Logging error" in told:
        return "a traceback on stderr"
    if len(lines) != 1:
        return f"told in {len(lines)} lines"
    if str(log) not in lines[0]:
        return f"the log is not named: {lines[0]}"
    return ""


def killed(bench: Bench, rng: random.Random) -> Outcome:
    """SIGKILL at a random moment of the work, up to three times, then a run to the end."""
    out, struck = bench.fresh(), False
    for _ in range(rng.randint(1, 3)):
        child = bench.start(out)
        bench.wait(child, out, rng)
        child.kill()
        child.communicate()
        struck = struck or child.returncode == -signal.SIGKILL
    return Outcome(struck, bench.again(out))


def disk_full(bench: Bench, rng: random.Random) -> Outcome:
    """No file may grow beyond a random size, as on a disk that is full; then it may."""
    out = bench.fresh()
    code, told = bench.end(bench.start(out, file_bytes=rng.randint(0, bench.sizes[-1] - 1)))
    wrong = _told_once(told, bench.log(out)) if code else ""
    left = [path for path in out.rglob(".*") if path.is_file()]
    if left and not wrong:
        wrong = f"half a file was left: {left[0].name}"
    return Outcome(code != 0, wrong or bench.again(out))


def read_only(bench: Bench, rng: random.Random) -> Outcome:
    """A folder of the results may not be written by who runs it; then it may."""
    out = bench.fresh()
    for name in ("chunks", "timing", "replicates"):
        (out / name).mkdir(parents=True, mode=0o777)
        (out / name).chmod(0o777)
    out.chmod(0o777)
    bench.log(out).touch()
    bench.log(out).chmod(0o666)
    bench.place.chmod(0o777)
    shut = out / rng.choice(["", "chunks", "timing", "replicates"])
    shut.chmod(0o555)
    root = os.geteuid() == 0
    code, told = bench.end(bench.start(out, user=_NOBODY if root else None))
    shut.chmod(0o777)
    wrong = _told_once(told, bench.log(out)) if code else "it was not refused"
    return Outcome(code != 0, wrong or bench.again(out))


def torn_chunk(bench: Bench, rng: random.Random) -> Outcome:
    """A chunk under the name of another size is cut short, as by a crash of the machine."""
    out = bench.fresh()
    code, told = bench.end(bench.start(out))
    if code:
        return Outcome(False, told)
    chunks = sorted((out / "chunks").rglob("*.parquet"))
    chosen = rng.choice(chunks)
    content = chosen.read_bytes()
    chosen.with_name("0000000-0000008.parquet").write_bytes(content[: rng.randrange(len(content))])
    chosen.unlink()
    code, told = bench.end(bench.start(out))
    chosen.with_name("0000000-0000008.parquet").unlink()
    return Outcome(True, told if code else bench.again(out))


def clock(bench: Bench, rng: random.Random) -> Outcome:
    """Some files are of the future, as after a clock was set back."""
    out = bench.fresh()
    child = bench.start(out)
    bench.wait(child, out, rng)
    child.kill()
    child.communicate()
    later = time.time() + rng.uniform(60, 10**8)
    for path in out.rglob("*"):
        if path.is_file() and rng.random() < 0.5:
            os.utime(path, (later, later))
    return Outcome(True, bench.again(out))


def not_a_number(bench: Bench, rng: random.Random) -> Outcome:
    """An engine gives NaN or infinity where a record must have a number: nothing is written."""
    from wemix_ref.engines.protocol import FitResult
    from wemix_ref.engines.record import write_result
    from wemix_ref.errors import EngineError
    from wemix_ref.reliability.fault_records import record_of_one

    out = bench.fresh()
    record: dict[str, Any] = record_of_one()
    name = rng.choice(["deviance", "llf", "sigma", "theta", "beta"])
    value = rng.choice([float("nan"), float("inf"), float("-inf")])
    point = record["optimum"]
    if name == "theta":
        point["theta"]["values"][0] = value
    elif name == "beta":
        point["beta"][rng.choice(sorted(point["beta"]))] = value
    else:
        point[name] = value
    try:
        write_result(FitResult(record), out)
    except EngineError as error:
        named = name in str(error) or "finite" in str(error)
        left = list(out.rglob("*")) if out.exists() else []
        wrong = "" if named and not left else f"{error}; {len(left)} files left"
        return Outcome(True, wrong)
    return Outcome(True, f"{name} = {value} was written")


#: Kinds of faults, with what does each.
KINDS: dict[str, Callable[[Bench, random.Random], Outcome]] = {
    "killed at a random moment": killed,
    "disk full": disk_full,
    "folder read-only": read_only,
    "a chunk cut short": torn_chunk,
    "files of the future": clock,
    "NaN or infinity from an engine": not_a_number,
}


Strike = Callable[[random.Random], Outcome]
Row = tuple[str, int, int, int, str]


def row_of(kind: str, times: int, seed: int, strike: Strike) -> Row:
    """Put in faults of one kind; return its row of the table.

    A kind of which none struck shows nothing, whatever came of it: more are put in then, and if
    none of these strikes either, one is counted as not as it must be.

    Parameters
    ----------
    kind : its name, from which with the seed and the number comes what is drawn.
    times : how many are put in, if one of them strikes.
    seed : of what is drawn.
    strike : puts in one.
    """
    outcomes: list[Outcome] = []
    while len(outcomes) < times or (
        len(outcomes) < times + _MORE and not any(one.struck for one in outcomes)
    ):
        outcomes.append(strike(random.Random(f"{seed} {kind} {len(outcomes)}")))
    wrong = [one.wrong for one in outcomes if one.wrong]
    hit = sum(one.struck for one in outcomes)
    told = "; ".join([*([] if hit else [_NONE_STRUCK]), *wrong[:1]])
    return (kind, len(outcomes), hit, len(wrong) or int(not hit), told)


def _of_jobs(place: Path) -> dict[str, Strike]:
    bench = Bench(place)

    def tidy(strike: Callable[[Bench, random.Random], Outcome], rng: random.Random) -> Outcome:
        outcome = strike(bench, rng)
        for old in place.glob("run-*"):
            shutil.rmtree(old) if old.is_dir() else old.unlink()
        return outcome

    return {kind: partial(tidy, strike) for kind, strike in KINDS.items()}


def _of_runs(place: Path, kinds: Iterable[str]) -> dict[str, Strike]:
    bench = WorkflowBench(place)
    return {kind: partial(WORKFLOW_KINDS[kind][0], bench) for kind in kinds}


def run(n: int, seed: int, tell: Tell) -> Record:
    """Put in n faults of each kind; of whole runs of the workflow, which take longest, a fifth.

    Jobs, R and whole runs get their faults at the same time: none sees the others' files.
    """
    started = time.monotonic()
    needs = {kind: lacking(need) for kind, (_, need) in WORKFLOW_KINDS.items()}
    left_out = [f"{kind}: {reason}" for kind, reason in needs.items() if reason]
    here = [kind for kind, reason in needs.items() if not reason]
    no_r = why_not()
    of_r = {} if no_r else {**R_KINDS, **WEMIX_KINDS}

    def struck(times: int, make: Callable[[], Mapping[str, Strike]]) -> list[Row]:
        rows: list[Row] = []
        for kind, strike in make().items():
            row = row_of(kind, times, seed, strike)
            tell(f"{kind}: {row[2]} of {row[1]} struck, {row[3]} wrong {row[4]}")
            rows.append(row)
        return rows

    with tempfile.TemporaryDirectory(prefix="wemix-ref-faults-") as place:
        jobs, whole = Path(place) / "jobs", Path(place) / "runs"
        jobs.mkdir()
        with ThreadPoolExecutor(3) as pool:
            parts = [
                pool.submit(struck, n, partial(_of_jobs, jobs)),
                pool.submit(struck, n, lambda: of_r),
                pool.submit(struck, max(2, n // 5), partial(_of_runs, whole, here)),
            ]
            rows = [row for part in parts for row in part.result()]
    tried, failed = sum(row[1] for row in rows), sum(row[3] for row in rows)
    told = (
        f"{tried} faults of {len(rows)} kinds were put into jobs, runs and engines; "
        f"{sum(row[2] for row in rows)} struck before the work had ended, at least one of "
        "each kind or it is counted as not as it must be. After each the same "
        "command ran again and had to end with the bytes of a run that nothing disturbed; a "
        "failure had to be told once, with the place of the log, without half-written files. Where "
        "Snakemake itself is refused a file, it ends by a traceback of its own: this counts too."
    )
    if no_r:
        told += f" Faults of R were left out: {no_r}."
    if left_out:
        told += f" Left out: {'; '.join(left_out)}."
    columns = ("fault", "put in", "struck", "not as it must be", "")
    tables = (Table("Faults", columns, tuple(rows)),)
    command = f"wemix-ref reliability faults --n {n} --seed {seed}"
    return Record("faults", command, tried, failed, time.monotonic() - started, told, tables)
