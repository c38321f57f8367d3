"""Identities over random models: the long run.

Each statement is put to the first models of a seed that it says something of: `n`, and a twentieth
more, which stand in for models that are refused. The first `n` that are answered are judged, in the
order in which they were drawn; a statement with fewer answers is not as it must be. Which models
these are depends on the seed alone, and what is drawn for a statement on the model alone, so that
neither the number of processes nor another statement changes an answer.
"""

from __future__ import annotations

import math
import os
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import partial
from multiprocessing import get_context
from typing import Any

from wemix_ref.errors import WemixRefError
from wemix_ref.reliability.checks import CHECKS
from wemix_ref.reliability.designs import Shape, Wide, design_of, random_shape
from wemix_ref.reliability.live import LIVE, against, missing
from wemix_ref.reliability.outcome import Outcome, Tally, judged, refusals, tally
from wemix_ref.reliability.pairs import PAIRS, answer, ask, says_something, second_way
from wemix_ref.reliability.record import Record, Table

__all__ = ["STATEMENTS", "applies", "put", "run", "tasks_of", "too_few"]

#: What each statement says, by name: pairs of ways, checks of one model, R.
STATEMENTS: dict[str, str] = {
    **{name: one.says for name, one in PAIRS.items()},
    **{name: one.says for name, one in CHECKS.items()},
    **LIVE,
}
#: So many models are drawn for each that is asked for, while a statement has too few.
_MOST = 12
#: One model more for so many: more refusals than that are not as it must be.
_SPARE = 20
#: Models that one process is given at once.
_CHUNK = 20
#: Failures that are told of one by one.
_SHOWN = 40

_Task = tuple[int, tuple[str, ...]]


def applies(name: str, model: Wide) -> bool:
    """Whether a statement says something of a model."""
    if name in PAIRS:
        return says_something(PAIRS[name], model)
    if name in CHECKS:
        return CHECKS[name].applies(model)
    return (model.weights is None) == (name == "lme4")


def put(model: Wide, names: Iterable[str]) -> list[Outcome]:
    """Put one model to statements that need no R."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        names = list(names)
        shared = sum(name in PAIRS for name in names) > 1
        own = ask(model) if shared else None
        return [_one(name, model, own) for name in names]


def _one(name: str, model: Wide, own: dict[str, Any] | None) -> Outcome:
    try:
        if name in CHECKS:
            return Outcome(name, model.number, tuple(CHECKS[name].put_to(model)))
        pair = second_way(PAIRS[name], model)
        found = answer(pair, own if pair.first is model else None)
    except WemixRefError as error:
        return Outcome(name, model.number, refused=str(error))
    except Exception as error:
        return Outcome(name, model.number, broken=f"{type(error).__name__}: {error}")
    verdict = found.verdict
    if verdict.kind == "no answer":
        return Outcome(name, model.number, refused=verdict.message)
    broken = ""
    if verdict.found:
        parts = [f"{one.quantity} {one.name}" for one in verdict.differences]
        broken = f"{verdict.kind}: {', '.join(parts) or verdict.message}"
    return Outcome(name, model.number, found.gaps, broken=broken)


def _chunk(seed: int, tasks: Sequence[_Task]) -> list[Outcome]:
    out: list[Outcome] = []
    for number, names in tasks:
        out += put(_model(seed, number), [name for name in names if name not in LIVE])
    for engine in LIVE:
        models = [_model(seed, number) for number, names in tasks if engine in names]
        if models:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                out += against(engine, models)
    return out


def _model(seed: int, number: int) -> Wide:
    return replace(design_of(random_shape(seed, number)), number=number)


def tasks_of(seed: int, n: int, names: Sequence[str]) -> list[_Task]:
    """Models of a seed, each with the statements that it is put to.

    A statement gets `n` models and a twentieth more, rounded up; fewer, where it says something of
    fewer among those that are drawn.
    """
    left = dict.fromkeys(names, n + math.ceil(n / _SPARE))
    tasks: list[_Task] = []
    for number in range(_MOST * n):
        model = _model(seed, number)
        chosen = tuple(name for name in names if left[name] and applies(name, model))
        for name in chosen:
            left[name] -= 1
        if chosen:
            tasks.append((number, chosen))
        if not any(left.values()):
            break
    return tasks


def run(n: int, seed: int, tell: Callable[[str], None]) -> Record:
    """Put `n` models of a seed to every statement."""
    began = time.monotonic()
    without = {engine: missing(engine) for engine in LIVE}
    names = [name for name in STATEMENTS if not without.get(name)]
    tasks = tasks_of(seed, n, names)
    tell(f"{len(tasks)} models for {len(names)} statements")
    chunks = [tasks[k : k + _CHUNK] for k in range(0, len(tasks), _CHUNK)]
    outcomes: list[Outcome] = []
    with ProcessPoolExecutor(min(2, os.cpu_count() or 1), get_context("spawn")) as pool:
        for k, found in enumerate(pool.map(partial(_chunk, seed), chunks), start=1):
            outcomes += found
            if k % 10 == 0 or k == len(chunks):
                tell(f"{min(k * _CHUNK, len(tasks))} of {len(tasks)} models")
    outcomes = judged(outcomes, n)
    sums = tally(names, outcomes)
    short = too_few(sums, n)
    shapes = [random_shape(seed, number) for number, _ in tasks]
    wrong = sum(one.failed for one in sums.values())
    tried = sum(one.models for one in sums.values())
    told = (
        f"{len(tasks)} models, drawn by seed {seed}, were put to {len(names)} statements, each to "
        f"those that it says something of until {n} were answered: {tried} answers, {wrong} not as "
        f"they must be; refused besides: {sum(one.refused.total() for one in sums.values())}. "
        f"{len(short) or 'No'} statement{'' if len(short) == 1 else 's'} had more than 1 "
        f"in {_SPARE} refused and so fewer than {n} answers, which counts as not as it must be. "
        "Numbers are held against each other at one theta off zero, and minima by whose deviance "
        "is lower. Gaps are relative: of D to the sizes of its terms, of beta to its size and "
        "standard error."
    )
    elsewhere = sum(len(one.elsewhere) for one in sums.values())
    told += (
        f" R's optimiser ended at a minimum elsewhere that is lower than the estimator's own for "
        f"{elsewhere} models: where rows are few and variances many the deviance has several."
    )
    for engine, reason in without.items():
        told += f" Not against {engine}: {reason}." if reason else ""
    return Record(
        part="identities",
        command=f"wemix-ref reliability identities --n {n} --seed {seed}",
        tried=tried,
        failed=wrong + len(short),
        seconds=time.monotonic() - began,
        told=told,
        tables=_tables(sums, outcomes, shapes, short),
    )


def too_few(sums: Mapping[str, Tally], n: int) -> dict[str, str]:
    """Statements that were answered for fewer than `n` models, with how many were refused."""
    return {
        name: f"{one.models} of {n} models were answered, {sum(one.refused.values())} refused"
        for name, one in sums.items()
        if one.models < n
    }


def _tables(
    sums: Mapping[str, Tally],
    outcomes: Sequence[Outcome],
    shapes: Sequence[Shape],
    short: Mapping[str, str],
) -> tuple[Table, ...]:
    quantities = ("D", "sigma", "beta", "D at the optimum")
    rows = tuple(
        (
            name,
            STATEMENTS[name],
            one.models,
            sum(one.refused.values()),
            one.failed + (name in short),
            *(one.largest.get(quantity) for quantity in quantities),
            one.nearest,
        )
        for name, one in sums.items()
    )
    largest = tuple(f"largest gap of {quantity}" for quantity in quantities)
    columns = ("name", "statement", "models", "refused", "failed", *largest, "of its tolerance")
    tables = [Table("Statements", columns, rows)]
    others = tuple(
        (name, quantity, gap)
        for name, one in sums.items()
        for quantity, gap in one.largest.items()
        if quantity not in quantities
    )
    tables.append(Table("Other quantities", ("name", "quantity", "largest gap"), others))
    tables.append(Table("Models", ("what", "models"), _drawn(shapes)))
    why = tuple((name, one.why) for name, one in CHECKS.items())
    tables.append(Table("Tolerances, and where they come from", ("name", "tolerance"), why))
    order = list(sums)
    refused = refusals(sorted(outcomes, key=lambda one: order.index(one.statement)))
    if refused:
        columns = ("what was said, with … for numbers", "models", "statements")
        tables.append(Table("Refused", columns, tuple(refused)))
    lower = tuple(
        (name, number, off) for name, one in sums.items() for number, off in one.elsewhere.items()
    )
    if lower:
        columns = ("found by", "model", "lower by, relative to its terms")
        tables.append(Table("Lower minima elsewhere", columns, lower))
    broken = [one for one in outcomes if not one.refused and one.failed]
    if broken or short:
        shown = (
            *((name, None, text) for name, text in short.items()),
            *((one.statement, one.number, one.failed) for one in broken[:_SHOWN]),
        )
        tables.append(Table("Not as it must be", ("name", "model", "what"), shown))
    return tuple(tables)


def _drawn(shapes: Sequence[Shape]) -> tuple[tuple[str, int], ...]:
    counts: Counter[str] = Counter()
    for shape in shapes:
        levels = len(shape.forms)
        counts[f"{levels} level{'s' if levels > 1 else ''} of groups"] += 1
        counts["groups of one row" if shape.singletons else "no groups of one row meant"] += 1
        for kind in sorted(set(shape.forms)):
            counts[f"random part {kind}"] += 1
        for kind in sorted(set(shape.kinds)):
            counts[f"ids: {kind}"] += 1
        for kind in sorted(set(shape.weights)) or ["none at all"]:
            counts[f"weights: {kind}"] += 1
        counts["conditional weights"] += shape.conditional
        counts[f"factor: {shape.factor}"] += 1
    return tuple(sorted(counts.items()))
