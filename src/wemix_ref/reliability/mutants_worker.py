"""Run in a process of its own: every mutant before the tests that execute it.

Called as ``python -m wemix_ref.reliability.mutants_worker REQUEST``, a JSON file with ``modules``
(dotted names), ``mutants`` (pairs of a module and the number of its mutant), ``tests`` (files or
directories), ``seconds`` (of tests for each mutant), ``again`` (of tests for each that survives
those and is not among ``explained``) and ``answer`` (a file). Prints its progress.

Tests are collected once and the package stays imported. A first child runs every test unmutated
and follows which lines of the modules it executes; each further child makes one mutant, gives its
functions the code of the mutated source (`mutants_brought.py`), and runs tests until one fails.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import resource
import shutil
import signal
import sys
import tempfile
import time
import types
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from itertools import zip_longest
from pathlib import Path
from typing import Any

import pytest
from _pytest.runner import runtestprotocol

from wemix_ref.files import write_json
from wemix_ref.reliability.mutants_brought import bring_in, functions_of, source_of, tree_of
from wemix_ref.reliability.mutants_made import TOLD, Mutant, edits_of

__all__ = ["Examination", "chosen", "main"]

Lines = set[tuple[str, int]]
Covering = dict[tuple[str, int], set[int]]


#: A test may take so many times what it takes unmutated, and these seconds more, of the processor.
_TIMES, _MORE = 5.0, 5.0
#: Calls of a function that are followed in one test.
_CALLS = 200
#: How a child ends that broke down.
_BROKEN = 3
#: Most memory of a child.
_MEMORY = 8 << 30


class Examination:
    """A plugin of pytest that runs mutants instead of the tests once."""

    def __init__(self, request: Mapping[str, Any], tell: Callable[[str], None]) -> None:
        self._mutants = [(module, int(number)) for module, number in request["mutants"]]
        self._seconds, self._again = float(request["seconds"]), float(request["again"])
        self._explained = {(module, int(number)) for module, number in request["explained"]}
        self._sources = {module: source_of(module) for module in request["modules"]}
        self._tell = tell
        self._seen: Lines = set()
        self._prepared: Lines = set()
        self.answer: dict[str, Any] = {"mutants": []}

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_call(self) -> None:
        """Keep what the fixtures of a test executed."""
        self._prepared = set(self._seen)

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Follow the tests, then run each mutant."""
        # before anything takes long: the source must be the one that was imported
        trees = {name: tree_of(path) for name, path in self._sources.items()}
        edits = {name: edits_of(tree, name) for name, tree in trees.items()}
        _warm_up()
        functions = functions_of(self._sources.values())
        gc.collect()
        gc.freeze()
        self._items = session.items
        lines, times, failed = self._followed()
        covering = _by_line(lines, [item.nodeid in failed for item in self._items])
        names = [item.nodeid for item in self._items]
        self.answer["tests"] = {"collected": len(self._items), "failed": failed}
        self._tell(f"{len(self._items)} tests take {sum(times):.0f} s")
        started = time.perf_counter()
        for count, (module, number) in enumerate(self._mutants, 1):
            edit = edits[module][number]
            by_line = _covering(edit.mutant, covering)
            make = partial(bring_in, edit, trees[module], functions)
            tests = chosen(by_line, names, times, self._seconds)
            state, test, took = self._examined(make, tests, times)
            if state == "survived" and (module, number) not in self._explained:
                more = chosen(by_line, names, times, self._again)
                more = [one for one in more if one not in tests]
                if more:
                    state, test, longer = self._examined(make, more, times)
                    tests, took = [*tests, *more], took + longer
            self.answer["mutants"].append(
                {"module": module, "number": number, "state": state, "test": test,
                 "tests": len(tests), "seconds": took}
            )  # fmt: skip
            if count % 25 == 0 or state == "survived":
                left = (time.perf_counter() - started) / count * (len(self._mutants) - count)
                what = f" {module}:{edit.mutant.line}" if state == "survived" else ""
                self._tell(
                    f"{count} of {len(self._mutants)} mutants; {left:.0f} s left; {state}{what}"
                )
        return True

    def _followed(self) -> tuple[list[Lines], list[float], list[str]]:
        """Lines of the modules that each test executes, its time, and the tests that fail."""
        names = {str(path): module for module, path in self._sources.items()}

        def follow(answer: Path) -> None:
            seen = self._seen
            shared: dict[Path, Lines] = {}

            def local(frame: types.FrameType, event: str, arg: object) -> Any:  # noqa: ANN401, ARG001
                if event == "line":
                    seen.add((names[frame.f_code.co_filename], frame.f_lineno))
                return local

            calls: Counter[types.CodeType] = Counter()

            def trace(frame: types.FrameType, event: str, arg: object) -> Any:  # noqa: ANN401, ARG001
                if frame.f_code.co_filename not in names:
                    return None
                calls[frame.f_code] += 1
                return local if calls[frame.f_code] <= _CALLS else None

            out, failed = [], []
            for number, (item, following) in enumerate(_pairs(self._items)):
                seen.clear()
                calls.clear()
                before = time.process_time()
                sys.settrace(trace)
                if not _passes(item, following):
                    failed.append(item.nodeid)
                sys.settrace(None)
                took = time.process_time() - before
                # what a fixture of the whole file did, it did for the tests that follow too
                prepared = shared.setdefault(item.path, set())
                prepared |= self._prepared
                with_fixtures = prepared if getattr(item, "fixturenames", ()) else set()
                out.append((sorted(seen | with_fixtures), took))
                if number % 200 == 199:
                    self._tell(f"{number + 1} of {len(self._items)} tests followed")
            answer.write_text(json.dumps([out, failed]), encoding="utf-8")

        with tempfile.TemporaryDirectory() as place:
            answer = Path(place) / "answer.json"
            _, status = self._child(lambda: follow(answer))
            if status != 0:
                raise RuntimeError(f"following the tests ended with status {status}.")
            out, failed = json.loads(answer.read_text(encoding="utf-8"))
        return [{(a, b) for a, b in seen} for seen, _ in out], [took for _, took in out], failed

    def _examined(
        self, make: Callable[[], None], tests: Sequence[int], times: Sequence[float]
    ) -> tuple[str, str | None, float]:
        items = [self._items[number] for number in tests]
        limits = [_TIMES * times[number] + _MORE for number in tests]
        if not items:
            return "not executed", None, 0.0
        before = time.perf_counter()
        with tempfile.TemporaryDirectory() as place:
            told = Path(place) / "test"

            def examine() -> int:
                try:
                    make()
                except ImportError:
                    told.write_text("import", encoding="utf-8")
                    return 1
                told.touch()
                for (item, following), limit in zip(_pairs(items), limits, strict=True):
                    told.write_text(item.nodeid, encoding="utf-8")
                    signal.setitimer(signal.ITIMER_PROF, limit)
                    if not _passes(item, following):
                        return 1
                return 0

            killed, status = self._child(examine, wall=10 * sum(limits))
            if not told.exists():
                return "not made", None, 0.0
            test = told.read_text(encoding="utf-8")
        took = time.perf_counter() - before
        if killed:
            return "time", test, took
        return ("survived", None, took) if status == 0 else ("killed", test, took)

    def _child(self, work: Callable[[], int | None], wall: float = 3600.0) -> tuple[bool, int]:
        """Whether a child that does `work` ran out of time, and how it ended."""
        place = tempfile.mkdtemp(prefix="wemix-ref-mutant-")
        child = os.fork()
        if child == 0:
            status = _BROKEN
            with contextlib.suppress(BaseException):
                os.setpgid(0, 0)
                resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
                os.environ["PYTEST_DEBUG_TEMPROOT"] = place
                os.environ["HYPOTHESIS_STORAGE_DIRECTORY"] = place
                status = work() or 0
            os._exit(status)
        try:
            return _ended(child, wall)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child, signal.SIGKILL)
            shutil.rmtree(place, ignore_errors=True)


def _by_line(lines: Sequence[Lines], failed: Sequence[bool]) -> Covering:
    """Tests that execute each line, those that execute any of a module under line 0."""
    out: Covering = {}
    for number, seen in enumerate(lines):
        if not failed[number]:
            for place in seen | {(module, 0) for module, _ in seen}:
                out.setdefault(place, set()).add(number)
    return out


def _covering(mutant: Mutant, by_line: Covering) -> list[int]:
    # what is calculated on import is followed by no test; those of its module stand in
    rows = range(mutant.first, mutant.last + 1) if mutant.function else range(1)
    return sorted(set().union(*(by_line.get((mutant.module, row), set()) for row in rows)))


def _ended(child: int, wall: float) -> tuple[bool, int]:
    until, pause = time.monotonic() + wall, 0.002
    while True:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            code = os.waitstatus_to_exitcode(status)
            return code == -signal.SIGPROF, code
        if time.monotonic() > until:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            return True, -signal.SIGKILL
        time.sleep(pause)
        pause = min(2 * pause, 0.05)


def _pairs(items: Sequence[pytest.Item]) -> Iterator[tuple[pytest.Item, pytest.Item | None]]:
    return zip_longest(items, items[1:])


def _passes(item: pytest.Item, following: pytest.Item | None) -> bool:
    return not any(one.failed for one in runtestprotocol(item, log=False, nextitem=following))


def chosen(
    covering: Sequence[int], names: Sequence[str], times: Sequence[float], seconds: float
) -> list[int]:
    """Tests for a mutant: the cheapest, then the cheapest of each test function in turn.

    Parameters
    ----------
    covering : numbers of the tests that execute it.
    names, times : of every test, by number: ``file::function[parameters]``.
    seconds : what they may take in all; each kind has half.

    Returns
    -------
    In the order of running: files with the cheapest tests first; within a file as collected.
    """
    cheapest = sorted(covering, key=lambda number: (times[number], number))
    by_function: dict[str, list[int]] = {}
    for number in cheapest:
        by_function.setdefault(names[number].partition("[")[0], []).append(number)
    turns = [one for turn in zip_longest(*by_function.values()) for one in turn if one is not None]
    out: dict[int, None] = {}
    for order, limit in ((cheapest, seconds / 2), (turns, seconds)):
        total = sum(times[number] for number in out)
        for number in order:
            if number not in out and total + times[number] <= limit:
                out[number] = None
                total += times[number]
    files = {number: names[number].partition("::")[0] for number in out}
    cost: dict[str, float] = {}
    for number in cheapest:
        if number in out:
            cost.setdefault(files[number], times[number])
    return sorted(out, key=lambda number: (cost[files[number]], files[number], number))


def _warm_up() -> None:
    """Load compiled loops before the children are made, and forget what was kept on the way."""
    import numpy as np
    import pandas as pd

    from wemix_ref import mix

    rng = np.random.default_rng(1)
    data = pd.DataFrame({"y": rng.normal(size=60), "x": rng.normal(size=60)})
    data["a"], data["b"], data["w"] = np.arange(60) // 4, np.arange(60) // 12, 1.5
    for weights in (None, ["w", "w", "w"]):
        mix("y ~ x + (1 | a) + (x | b)", data, weights)
        mix("y ~ x + (1 | a)", data, weights and weights[:2])
    for one in gc.get_objects():
        forget = getattr(one, "cache_clear", None) if callable(one) else None
        if forget is not None and str(getattr(one, "__module__", "")).startswith("wemix_ref"):
            forget()


def _without_shrinking() -> None:
    """Let Hypothesis draw the same examples each time and end at the first that fails."""
    from hypothesis import Phase, settings

    phases = (Phase.explicit, Phase.generate)
    settings.register_profile(
        "mutants", derandomize=True, database=None, deadline=None, phases=phases
    )
    settings.load_profile("mutants")


def main(request: Path) -> None:
    """Do what a request asks."""
    asked = json.loads(request.read_text(encoding="utf-8"))
    stream = sys.stderr

    def tell(line: str) -> None:
        stream.write(f"{TOLD}{line}\n")
        stream.flush()

    _without_shrinking()
    examination = Examination(asked, tell)
    options = ["-q", "-o", "addopts=", "--import-mode=importlib", "--capture=sys"]
    options += ["-p", "no:cacheprovider", "-m", "not slow and not live_r and not slurm"]
    status = pytest.main([*options, *asked["tests"]], plugins=[examination])
    if status != 0:
        raise SystemExit(f"pytest ended with {status!r}.")
    write_json(Path(asked["answer"]), examination.answer)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
