"""The search: models, identities, and what was found, one case for each cause."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import partial
from multiprocessing import get_context

from wemix_ref.engines.protocol import Engine
from wemix_ref.errors import OptionError
from wemix_ref.hunt.answers import verdicts
from wemix_ref.hunt.expected import Pair
from wemix_ref.hunt.identities import IDENTITIES, applicable, apply
from wemix_ref.hunt.known import caused_by, known_divergence
from wemix_ref.hunt.model import Model
from wemix_ref.hunt.models import random_model, stream
from wemix_ref.hunt.own_engine import as_hunted
from wemix_ref.hunt.shrink import explained, shrunk
from wemix_ref.hunt.verdict import Verdict

__all__ = ["Case", "Hunt", "by_cause", "hunt", "pairs_of"]

#: Models to a batch: R is started once for each.
BATCH = 5
#: What a model is put to as well that is not answered: neither names, ids nor a slash are a reason.
PLAIN_LABELS = ("rename", "relabel", "respell")
_IDENTITY_KEY = 1
#: Engines that take no sampling weights: lme4's are precision weights, MixedLM has none.
_UNWEIGHTED = frozenset({"lme4", "statsmodels"})
#: Engines that take two levels only.
_TWO_LEVELS = frozenset({"statsmodels"})

Progress = Callable[[str], None]
_Answered = tuple[list[tuple[str, str]], list[tuple[Pair, Verdict]]]


@dataclass(frozen=True)
class Case:
    """What was found, one cause, as its smallest case.

    Attributes
    ----------
    pair : Pair
        The shrunk model and its other way.
    verdict : Verdict
        Of the shrunk pair.
    needs : tuple of str
        What cannot be made plain without the difference going away.
    known : str
        The known divergence that it comes from; empty where it is none.
    numbers : tuple of int
        Models that showed it.
    """

    pair: Pair
    verdict: Verdict
    needs: tuple[str, ...]
    known: str
    numbers: tuple[int, ...]


@dataclass
class Hunt:
    """A whole run.

    Attributes
    ----------
    engine : str
    seed, n, each : int
        Models 0 to n - 1 of the seed, each put to so many identities.
    counts : dict
        By identity and kind of verdict, how often.
    cases : list of Case
    """

    engine: str
    seed: int
    n: int
    each: int
    counts: dict[str, Counter[str]] = field(default_factory=dict)
    cases: list[Case] = field(default_factory=list)


def pairs_of(engine: str, seed: int, number: int, each: int) -> list[Pair]:
    """Model `number` of a seed with `each` of its identities, or all where they are fewer.

    Which ones depends on the seed and the number alone; fewer are the first of more.
    """
    weighted = engine not in _UNWEIGHTED
    model = random_model(
        seed, number, weighted=weighted, levels=2 if engine in _TWO_LEVELS else None
    )
    listed = applicable(model, weights=weighted)
    order = stream(seed, number, _IDENTITY_KEY).permutation(len(listed))
    return [apply(listed[int(place)], model) for place in order[:each]]


def hunt(
    engine: Engine,
    *,
    seed: int,
    n: int,
    each: int = 1,
    jobs: int = 1,
    shrink: bool = True,
    progress: Progress = lambda _: None,
) -> Hunt:
    """Put `n` random models to identities, and shrink what breaks one.

    Parameters
    ----------
    engine : Engine
    seed : int
        Not negative. Model i depends on the seed and on i alone.
    n : int
        Number of models, at least 1.
    each : int
        Number of identities that a model is put to, at least 1.
    jobs : int
        Processes to search in, at least 1; what is found does not depend on it.
    shrink : bool
        Whether cases are made small and put together by cause; otherwise each is as it was found.
    progress : callable
        Told of each batch.

    Raises
    ------
    OptionError
        If `seed`, `n`, `each` or `jobs` is out of range.
    EngineError
        If the engine cannot run here.
    """
    if seed < 0 or n < 1 or each < 1 or jobs < 1:
        raise OptionError(
            "a hunt needs a seed of 0 or more, and a model, an identity for each and a job or "
            f"more; found seed {seed}, n {n}, each {each}, jobs {jobs}."
        )
    engine = as_hunted(engine)
    run = Hunt(engine.name, seed, n, each, {name: Counter() for name in IDENTITIES})
    found: list[tuple[Pair, Verdict]] = []
    batches = [range(start, min(start + BATCH, n)) for start in range(0, n, BATCH)]
    ask = partial(_batch, engine, seed, each)
    with ExitStack() as stack:
        answered: Iterator[_Answered] = map(ask, batches)
        if jobs > 1:
            pool = ProcessPoolExecutor(jobs, mp_context=get_context("spawn"))
            answered = stack.enter_context(pool).map(ask, batches)
        for numbers, (counted, differing) in zip(batches, answered, strict=True):
            for identity, kind in counted:
                run.counts[identity][kind] += 1
            found += differing
            progress(f"{numbers.stop} of {n} models, {len(found)} differences")
    run.cases = (
        by_cause(engine, found, progress) if shrink else [_as_found(engine, *f) for f in found]
    )
    return run


def _batch(engine: Engine, seed: int, each: int, numbers: range) -> _Answered:
    """Identity and kind of verdict of every pair of some models, and the pairs that differ."""
    pairs = [pair for number in numbers for pair in pairs_of(engine.name, seed, number, each)]
    judged = list(zip(pairs, verdicts(engine, pairs), strict=True))
    silent = {pair.first.number: pair.first for pair, one in judged if one.kind == "no answer"}
    put = {(pair.first.number, pair.identity) for pair in pairs}
    more = [
        apply(IDENTITIES[name], model)
        for number, model in silent.items()
        for name in PLAIN_LABELS
        if (number, name) not in put and IDENTITIES[name].applies(model)
    ]
    judged += zip(more, verdicts(engine, more), strict=True)
    counted = [(pair.identity, verdict.kind) for pair, verdict in judged]
    return counted, [one for one in judged if one[1].found]


def _as_found(engine: Engine, pair: Pair, verdict: Verdict) -> Case:
    known = known_divergence(engine, pair, verdict)
    return Case(pair, verdict, (), known, (pair.first.number,))


def by_cause(
    engine: Engine,
    found: Sequence[tuple[Pair, Verdict]],
    progress: Progress = lambda _: None,
) -> list[Case]:
    """One shrunk case for each cause: the smallest is shrunk, and those it explains set aside.

    Parameters
    ----------
    engine : Engine
    found : sequence of (Pair, Verdict)
        What differs.
    progress : callable
        Told of each case.
    """
    rest = sorted(found, key=lambda one: _size(one[0].first))
    cases: dict[tuple[str, str, tuple[str, ...]], Case] = {}
    while rest:
        (pair, verdict), *others = rest
        progress(
            f"shrinking model {pair.first.number}, {pair.identity}: {verdict.kind}; "
            f"{len(others)} more to explain"
        )
        small, seen, needs = shrunk(engine, pair, verdict)
        known = known_divergence(engine, small, seen)
        if known:
            flags = caused_by(engine, known, others)
        else:
            flags = explained(engine, needs, verdict.kind, others)
        alike = [one for one, flag in zip(others, flags, strict=True) if flag]
        rest = [one for one, flag in zip(others, flags, strict=True) if not flag]
        numbers = [pair.first.number, *(one[0].first.number for one in alike)]
        # two cases of one known divergence are one: the smaller
        key = ("", known, ()) if known else (seen.kind, "", needs)
        case = Case(small, seen, needs, known, tuple(sorted(set(numbers))))
        cases[key] = case if key not in cases else _merged(cases[key], case)
    return list(cases.values())


def _merged(one: Case, other: Case) -> Case:
    """The smaller of two cases of one cause, with the numbers of both."""
    small = min(one, other, key=lambda case: _size(case.pair.first))
    return replace(small, numbers=tuple(sorted({*one.numbers, *other.numbers})))


def _size(model: Model) -> tuple[int, int, int]:
    return len(model.data), model.levels, model.number
