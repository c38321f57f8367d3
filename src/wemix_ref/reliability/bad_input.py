"""Bad input, text that would do something if it were evaluated, and random input: the run.

Every input of the tables is tried, every text at every door, and `n` random formulas, records and
files.
"""

from __future__ import annotations

import resource
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from wemix_ref.reliability.bad_commands import COMMANDS
from wemix_ref.reliability.bad_files import CSV, YAML
from wemix_ref.reliability.bad_frames import FRAMES
from wemix_ref.reliability.bad_records import RECORDS
from wemix_ref.reliability.door import Bad, judge
from wemix_ref.reliability.fuzz import Tally, fuzz
from wemix_ref.reliability.injections import ATTEMPTS, DOORS, LIVE_DOORS, attempt
from wemix_ref.reliability.record import Cell, Record, Table

__all__ = ["INPUTS", "judged", "run"]

#: Every bad input, door by door.
INPUTS: tuple[Bad, ...] = (*FRAMES, *CSV, *YAML, *RECORDS, *COMMANDS)

Tell = Callable[[str], None]


def judged(bad: Bad) -> str:
    """Give one input in a directory of its own; what is wrong with the answer, or nothing."""
    with tempfile.TemporaryDirectory() as folder:
        return judge(bad, Path(folder).resolve())


def run(n: int, seed: int, tell: Tell) -> Record:
    """Try all of it.

    Parameters
    ----------
    n : random inputs.
    seed : of what is random.
    tell : is given a line on progress, and on whatever is not as it must be.
    """
    started = time.perf_counter()
    refused = _refused(tell)
    injected = _injected(DOORS, ATTEMPTS, tell)
    # R starts anew for each text; those in its own language are what it could evaluate
    in_r = tuple(one for one in ATTEMPTS if one[0] == "R" and "mark" in one[1])[::4]
    live = _injected(LIVE_DOORS, in_r, tell) if _r_runs() else Table("", injected.columns, ())
    before = _most_memory()
    tallies = fuzz(n, seed, tell)
    more = _most_memory() - before
    tables = [
        refused,
        Table("Text that must not be evaluated", injected.columns, injected.rows),
        Table("The same, with R running", live.columns, live.rows),
        _fuzzed(tallies),
    ]
    tables = [table for table in tables if table.rows]
    failures = [one for tally in tallies.values() for one in tally.failed]
    texts = sum(int(row[1] or 0) for table in (injected, live) for row in table.rows)
    tried = len(INPUTS) + texts + sum(one.tried for one in tallies.values())
    failed = len(failures) + sum(
        int(row[-1] or 0) for table in (refused, injected, live) for row in table.rows
    )
    languages = len({language for language, _ in ATTEMPTS})
    return Record(
        part="input",
        command=f"wemix-ref reliability input --n {n} --seed {seed}",
        tried=tried,
        failed=failed,
        seconds=time.perf_counter() - started,
        told=(
            f"{len(INPUTS)} bad inputs must each be refused by one message that names what offends "
            "and where (exit code 2, or an error of ours), with nothing written. "
            f"{len(ATTEMPTS)} texts in {languages} languages, which would leave a mark if they "
            f"were evaluated, go through {len(DOORS)} doors, and pages of HTML must hold them "
            f"escaped. {sum(one.tried for one in tallies.values())} random inputs must be read, or "
            f"refused by an error of ours; memory grew by {more:.0f} MiB over them. Cells of CSV "
            "files that are written stay as they are, also where they begin with =, +, - or @: "
            "numbers below zero begin so, and names must come back as they were."
            + "".join(f" Not so: {one}." for one in failures[:5])
        ),
        tables=tuple(tables),
    )


def _refused(tell: Tell) -> Table:
    counts: dict[str, list[int]] = {}
    slowest: dict[str, float] = {}
    for bad in INPUTS:
        started = time.perf_counter()
        wrong = judged(bad)
        took = time.perf_counter() - started
        count = counts.setdefault(bad.door, [0, 0])
        count[0] += 1
        count[1] += bool(wrong)
        slowest[bad.door] = max(slowest.get(bad.door, 0.0), took)
        if wrong:
            tell(f"{bad.door}, {bad.name}: {wrong}")
    tell(
        f"{len(INPUTS)} bad inputs, {sum(count[1] for count in counts.values())} taken or ill told"
    )
    rows = tuple((door, count[0], slowest[door], count[1]) for door, count in counts.items())
    columns = ("door", "inputs", "slowest, seconds", "not as they must be")
    return Table("Bad input, refused", columns, rows)


def _injected(
    doors: dict[str, Callable[[str, Path], object]], texts: tuple[tuple[str, str], ...], tell: Tell
) -> Table:
    rows: list[tuple[Cell, ...]] = []
    for name, door in doors.items():
        outcomes = []
        for _, text in texts:
            outcome, wrong = attempt(text, door)
            outcomes.append(outcome)
            if wrong:
                tell(f"{name}, {text!r}: {wrong}")
        tell(f"{name}: {len(texts)} texts, {outcomes.count('')} evaluated or not escaped")
        rows.append(
            (name, len(texts), *(outcomes.count(one) for one in ("taken", "refused")),
             outcomes.count(""))
        )  # fmt: skip
    columns = ("door", "texts", "taken as text", "refused", "evaluated or failed")
    return Table("Text that must not be evaluated", columns, tuple(rows))


def _fuzzed(tallies: dict[str, Tally]) -> Table:
    rows = tuple(
        (kind, one.tried, one.read, one.refused, one.slowest, len(one.failed))
        for kind, one in tallies.items()
    )
    columns = ("inputs", "tried", "read", "refused", "slowest, seconds", "other errors")
    return Table("Random input", columns, rows)


def _r_runs() -> bool:
    from wemix_ref.engines import get_engine

    return get_engine("lme4").availability().available


def _most_memory() -> float:
    """Most memory that this process has had, in MiB."""
    unit = 1 << 20 if sys.platform == "darwin" else 1 << 10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit
