"""A difference made small: what it needs, and the smallest model that still shows it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import islice

from wemix_ref.engines.protocol import Engine
from wemix_ref.hunt.answers import verdicts
from wemix_ref.hunt.expected import Pair
from wemix_ref.hunt.identities import IDENTITIES, apply
from wemix_ref.hunt.model import Model
from wemix_ref.hunt.plainer import FEATURES, REDUCTIONS
from wemix_ref.hunt.verdict import Verdict

__all__ = ["explained", "needed", "shrunk"]

#: Candidates put to the engine at once; the first of them that still differs is taken.
TOGETHER = 4
#: Candidates tried for one case in one way of making it smaller, between two that are taken.
MOST_TRIED = 24


def needed(engine: Engine, found: Sequence[tuple[Pair, Verdict]]) -> list[tuple[str, ...]]:
    """For each difference the features without which, each alone, it goes away.

    Parameters
    ----------
    engine : Engine
    found : sequence of (Pair, Verdict)
    """
    pairs: list[Pair] = []
    asked: list[tuple[int, str]] = []
    for place, (pair, _) in enumerate(found):
        for name, without in FEATURES.items():
            candidate = _pair(pair, without(pair.first))
            if candidate is not None:
                pairs.append(candidate)
                asked.append((place, name))
    needs: list[list[str]] = [[] for _ in found]
    for (place, name), verdict in zip(asked, verdicts(engine, pairs), strict=True):
        if verdict.kind != found[place][1].kind:
            needs[place].append(name)
    return [tuple(names) for names in needs]


def explained(
    engine: Engine, needs: Sequence[str], kind: str, others: Sequence[tuple[Pair, Verdict]]
) -> list[bool]:
    """For each other difference whether it is of the same kind and goes away without the same.

    Labels are what is made plain where a case needs some, each kind alone, since most differences
    also need weights or levels; ids at all levels where it needs those of one.

    Parameters
    ----------
    needs : sequence of str
        Names in `FEATURES`.
    kind : str
        Of the shrunk case's verdict.
    """
    parts = [[name] for name in needs if "names" in name]
    if any(name.startswith("ids ") for name in needs):
        parts.append([name for name in FEATURES if name.startswith("ids ")])
    asked: list[tuple[int, Pair]] = []
    flags = [verdict.kind == kind for _, verdict in others]
    for place, (pair, _) in enumerate(others):
        candidates = [_pair(pair, _without(pair.first, part)) for part in parts or [list(needs)]]
        if not flags[place] or any(one is None for one in candidates):
            flags[place] = False
            continue
        asked += [(place, one) for one in candidates if one is not None]
    answered = verdicts(engine, [pair for _, pair in asked])
    for (place, _), verdict in zip(asked, answered, strict=True):
        flags[place] = flags[place] and verdict.kind != kind
    return flags


def shrunk(engine: Engine, pair: Pair, verdict: Verdict) -> tuple[Pair, Verdict, tuple[str, ...]]:
    """Make a pair plain and small while the same identity breaks in the same way.

    Returns
    -------
    Pair, Verdict, tuple of str
        The small pair, its verdict, and the features that it needs.
    """
    needs = needed(engine, [(pair, verdict)])[0]
    plain = _pair(pair, _without(pair.first, [name for name in FEATURES if name not in needs]))
    candidates = [] if plain is None else [plain]
    together, verdict = _first_that_differs(engine, candidates, pair, verdict)
    for name in FEATURES if together is pair else ():
        candidate = _pair(together, FEATURES[name](together.first))
        if candidate is not None:
            together, verdict = _first_that_differs(engine, [candidate], together, verdict)
    pair = together
    before = None
    while pair is not before:
        before = pair
        for way in REDUCTIONS:
            pair, verdict = _as_far_as_it_goes(engine, way, pair, verdict)
    needs = needed(engine, [(pair, verdict)])[0]
    return pair, verdict, needs


def _without(model: Model, names: Sequence[str]) -> Model:
    """A model with some features made plain, as far as each can be."""
    for name in names:
        model = FEATURES[name](model) or model
    return model


def _as_far_as_it_goes(
    engine: Engine, way: Callable[[Model], Iterator[Model]], pair: Pair, verdict: Verdict
) -> tuple[Pair, Verdict]:
    """Reduce in one way until no step of it still differs."""
    before = None
    while pair is not before:
        before = pair
        smaller = (_pair(pair, model) for model in way(pair.first))
        candidates = islice((one for one in smaller if one is not None), MOST_TRIED)
        while pair is before and (batch := list(islice(candidates, TOGETHER))):
            pair, verdict = _first_that_differs(engine, batch, pair, verdict)
    return pair, verdict


def _pair(pair: Pair, model: Model | None) -> Pair | None:
    """The same identity on a plainer model; None where there is nothing to try."""
    if model is None or _same(model, pair.first):
        return None
    identity = IDENTITIES[pair.identity]
    return apply(identity, model) if identity.applies(model) else None


def _same(one: Model, other: Model) -> bool:
    parts = ("response", "covariates", "groups", "slopes", "spelling", "weights", "conditional")
    return all(getattr(one, part) == getattr(other, part) for part in parts) and bool(
        one.data.equals(other.data)
    )


def _first_that_differs(
    engine: Engine, candidates: Sequence[Pair], pair: Pair, verdict: Verdict
) -> tuple[Pair, Verdict]:
    for candidate, found in zip(candidates, verdicts(engine, candidates), strict=True):
        if found.kind == verdict.kind:
            return candidate, found
    return pair, verdict
