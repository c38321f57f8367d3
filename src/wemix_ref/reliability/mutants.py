"""Mutants of the formula parser and the estimator's Python, each held before the tests.

A mutant is one small change of the source. One that no test notices shows a test that is missing,
or code that does nothing. The compiled loops (``*_loops.py``) are left out: each mutant of those
would be compiled for half a minute.

The change and the run are this package's own: a run needs neither a copy of the source tree for
each mutant nor a fresh interpreter, and texts of messages are not changed. A mutation tester from
outside would do both, and be one more package to hold.
"""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from wemix_ref.errors import DataError, OptionError
from wemix_ref.provenance import THREADS
from wemix_ref.reliability.mutants_made import KINDS, TOLD, Mutant, edits_of
from wemix_ref.reliability.record import Record, Table

__all__ = ["MODULES", "REASONS", "TESTS", "Seen", "examined", "made", "run", "sampled"]

Tell = Callable[[str], None]
Reasons = Mapping[tuple[str, str, str], str]

MODULES = tuple(
    f"wemix_ref.{name}"
    for name in (
        *("formula", "formula.bars", "formula.deparse", "formula.functions", "formula.lexer"),
        *("formula.messages", "formula.parser", "formula.placement", "formula.syntax"),
        *("formula.terms", "weights", "weight_checks", "weight_reading", "design"),
        *("design_checks", "grouping", "conditioning", "deviance", "inference", "information"),
        *("components", "covariance"),
    )
)

#: Files of tests that are run: those of the mutated modules and of what is fitted by them.
TESTS = (
    *(
        f"tests/unit/test_{name}.py"
        for name in (
            *("arithmetic", "bad_input", "covariance", "crossproducts", "design_arrays"),
            *("design_checks", "deviance", "empty_groups", "expressions", "fit_rows", "formula"),
            *("formula_tokens", "frames", "grouping", "inference", "labels", "marginal"),
            *("mix", "model_matrix", "optimise", "prepare", "rank", "scaling", "table", "testing"),
            *("unequal", "weight_reading", "weighting"),
        )
    ),
    *(
        f"tests/identities/test_{name}.py"
        for name in ("conditional_modes", "criterion", "paper_steps", "replication")
    ),
)

#: Explanations of mutants that nothing can notice: module, function, mutated text, why.
REASONS = "mutants.json"

#: Seconds of tests for each mutant, at most, and for each that survives those unexplained.
SECONDS, AGAIN = 3.0, 40.0


@dataclass(frozen=True)
class Seen:
    """What came of a mutant.

    Attributes
    ----------
    state : "killed" (a test failed, the process ended, or the module cannot be imported), "time" (a
        test took several times its time), "survived", "not executed" by any test, or "not made".
    test : the one that noticed.
    """

    mutant: Mutant
    state: str
    test: str | None

    @property
    def lives(self) -> bool:
        """Whether no test noticed it."""
        return self.state not in ("killed", "time")


def made(modules: Iterable[str] = MODULES) -> list[Mutant]:
    """Every mutant, by module, in the order of the source."""
    out = []
    for module in modules:
        spec = find_spec(module)
        if spec is None or spec.origin is None:
            raise DataError(f"a module must be there to be mutated; {module} is not.")
        tree = ast.parse(Path(spec.origin).read_text(encoding="utf-8"))
        out += [edit.mutant for edit in edits_of(tree, module)]
    return out


def sampled(mutants: Sequence[Mutant], n: int, seed: int) -> list[Mutant]:
    """So many of the mutants, of each module in proportion; all if `n` is 0 or more than there are.

    Shares are rounded down and the largest remainders up.
    """
    if n == 0 or n >= len(mutants):
        return list(mutants)
    rng = np.random.default_rng(seed)
    count = Counter(one.module for one in mutants)
    share = {name: n * number / len(mutants) for name, number in count.items()}
    take = {name: int(value) for name, value in share.items()}
    by_remainder = sorted(share, key=lambda name: take[name] - share[name])
    for name in by_remainder[: n - sum(take.values())]:
        take[name] += 1
    out: list[Mutant] = []
    for name in count:
        own = [one for one in mutants if one.module == name]
        chosen = np.sort(rng.choice(len(own), take[name], replace=False))
        out += [own[number] for number in chosen]
    return out


def examined(
    mutants: Sequence[Mutant], tests: Sequence[str], tell: Tell, explained: Reasons | None = None
) -> tuple[list[Seen], dict[str, Any]]:
    """Run mutants before tests, in a process of its own; what came of each, and of the tests.

    Raises
    ------
    OptionError
        The tests are not there: it is run from a checkout.
    RuntimeError
        The process ended without an answer.
    """
    why = explained or {}
    missing = [name for name in tests if not Path(name).exists()]
    if missing:
        raise OptionError(
            f"mutants are run from the root of a checkout, with its tests; {missing[0]} is not in "
            f"{Path.cwd()}."
        )
    with tempfile.TemporaryDirectory() as directory:
        request, answer = Path(directory) / "request.json", Path(directory) / "answer.json"
        asked = {
            "modules": list(dict.fromkeys(one.module for one in mutants)),
            "mutants": [(one.module, one.number) for one in mutants],
            "tests": list(tests),
            "seconds": SECONDS,
            "again": AGAIN,
            "explained": [(one.module, one.number) for one in mutants if one.key in why],
            "answer": str(answer),
        }
        request.write_text(json.dumps(asked), encoding="utf-8")
        log = _followed(request, tell)
        if not answer.exists():
            raise RuntimeError(f"the process that runs mutants ended without an answer:\n{log}")
        found = json.loads(answer.read_text(encoding="utf-8"))
    seen = [
        Seen(mutant, one["state"], one["test"])
        for mutant, one in zip(mutants, found["mutants"], strict=True)
    ]
    return seen, found["tests"]


def _followed(request: Path, tell: Tell) -> str:
    """Run the worker and tell its progress; the end of what else it wrote."""
    command = [sys.executable, "-m", "wemix_ref.reliability.mutants_worker", str(request)]
    environment = {**os.environ, **dict.fromkeys(THREADS, "1"), "WEMIX_REF_NO_R": "1"}
    rest: list[str] = []
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment,
        errors="replace",
    ) as process:  # fmt: skip
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith(TOLD):
                tell(line.removeprefix(TOLD).rstrip())
            else:
                rest = [*rest[-40:], line]
    return "".join(rest)


def reasons() -> Reasons:
    """Explanations, by module, function and mutated text.

    Raises
    ------
    DataError
        Two for one mutant, or one without a text.
    """
    text = (files("wemix_ref.reliability") / REASONS).read_text(encoding="utf-8")
    out: dict[tuple[str, str, str], str] = {}
    for entry in json.loads(text):
        for becomes in entry["becomes"]:
            key = (entry["module"], entry["function"], becomes)
            if key in out or not entry["why"]:
                raise DataError(f"each mutant must have one explanation; found another of {key}.")
            out[key] = entry["why"]
    return out


def run(n: int, seed: int, tell: Tell) -> Record:
    """Run a sample of `n` mutants, or all if `n` is 0."""
    started = time.perf_counter()
    every = made()
    mutants = sampled(every, n, seed)
    tell(f"{len(mutants)} of {len(every)} mutants")
    why = reasons()
    seen, tests = examined(mutants, TESTS, tell, why)
    stale = sorted(set(why) - {one.key for one in every})
    noticed = sorted({one.mutant.key for one in seen if not one.lives} & set(why))
    left = [one for one in seen if one.lives and one.mutant.key not in why]
    told = (
        f"Of {len(every)} mutants in {len(MODULES)} modules {len(seen)} were run before "
        f"{tests['collected']} tests of {len(TESTS)} files and directories, each before those that "
        f"execute its lines, for at most {SECONDS:g} seconds of tests as they take unmutated: the "
        "cheapest ones, and the cheapest of each test function; for at most "
        f"{AGAIN:g} where it survived those unexplained. Tests with R running, of the "
        "workflow and marked slow were left out, and so were the compiled loops. Those not noticed "
        "are either explained or count as not as they must be."
    )
    if tests["failed"]:
        told += f" {len(tests['failed'])} tests failed without a mutant and were left out."
    command = f"wemix-ref reliability mutants{f' --n {n}' if n else ''} --seed {seed}"
    failed = len(left) + len(stale) + len(tests["failed"])
    seconds = time.perf_counter() - started
    tables = _tables(every, seen, why, stale, noticed)
    return Record("mutants", command, len(seen), failed, seconds, told, tables)


def _tables(
    every: Sequence[Mutant],
    seen: Sequence[Seen],
    why: Reasons,
    stale: Sequence[tuple[str, str, str]],
    noticed: Sequence[tuple[str, str, str]],
) -> tuple[Table, ...]:
    columns = ("made", "run", "killed by a test", "killed by time", "explained", "survived")

    def rows(names: Iterable[str], of: Callable[[Mutant], str]) -> list[tuple[Any, ...]]:
        out = []
        for name in names:
            own = [one for one in seen if of(one.mutant) == name]
            state = Counter(one.state for one in own if not one.lives)
            explained = sum(one.lives and one.mutant.key in why for one in own)
            total = sum(of(one) == name for one in every)
            lives = sum(one.lives for one in own) - explained
            out.append((name, total, len(own), state["killed"], state["time"], explained, lives))
        return out

    by_module = rows(MODULES, lambda one: one.module)
    total = ("all", *(sum(row[place] for row in by_module) for place in range(1, 7)))
    by_kind = [(KINDS[row[0]], *row[1:]) for row in rows(KINDS, lambda one: one.kind)]
    tables = [
        Table("By module", ("module", *columns), (*by_module, total)),
        Table("By what is changed", ("change", *columns), tuple(by_kind)),
    ]
    lists: dict[str, list[tuple[Any, ...]]] = {
        "Survived": [
            (*_place(one.mutant), one.mutant.kind, *difference(one.mutant.was, one.mutant.becomes))
            for one in seen
            if one.lives and one.mutant.key not in why
        ],
        "Survived and explained": _explained(seen, why),
        "Explanations of mutants that are not made": [(a, b, _short(c)) for a, b, c in stale],
        "Explanations of mutants that a test noticed": [(a, b, _short(c)) for a, b, c in noticed],
    }
    heads = (
        ("place", "function", "change", "was", "becomes"),
        ("module", "function", "mutants", "one of them was", "becomes", "why"),
        ("module", "function", "becomes"),
        ("module", "function", "becomes"),
    )
    for (title, content), head in zip(lists.items(), heads, strict=True):
        if content:
            tables.append(Table(title, head, tuple(content)))
    return tuple(tables)


def _explained(seen: Sequence[Seen], why: Reasons) -> list[tuple[Any, ...]]:
    """One row for each explanation, with the first of its mutants."""
    rows: dict[tuple[str, str, str], list[Mutant]] = {}
    for one in seen:
        if one.lives and one.mutant.key in why:
            place = (one.mutant.module, one.mutant.function, why[one.mutant.key])
            rows.setdefault(place, []).append(one.mutant)
    return [
        (module, function, len(own), *difference(own[0].was, own[0].becomes), reason)
        for (module, function, reason), own in rows.items()
    ]


def _place(mutant: Mutant) -> tuple[str, str]:
    return f"{mutant.module.removeprefix('wemix_ref.')}:{mutant.line}", mutant.function


_AROUND, _LONG = 30, 90


def difference(was: str, becomes: str) -> tuple[str, str]:
    """Two texts, shortened to what differs and a little around it."""
    if max(len(was), len(becomes)) <= _LONG:
        return was, becomes
    start = _alike(was, becomes)
    tail = _alike(was[start:][::-1], becomes[start:][::-1])
    first = max(0, start - _AROUND)
    head = "… " if first else ""
    out = []
    for text in (was, becomes):
        end = min(len(text), len(text) - tail + _AROUND)
        part = head + text[first:end] + (" …" if end < len(text) else "")
        out.append(_short(part))
    return out[0], out[1]


def _alike(a: str, b: str) -> int:
    """How many characters two texts begin with in common."""
    return next(
        (i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b))
    )


def _short(text: str) -> str:
    return text if len(text) <= 2 * _LONG else f"{text[: 2 * _LONG]} …"
