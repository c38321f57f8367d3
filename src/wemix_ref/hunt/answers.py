"""Pairs put to an engine, and what holding its two answers against each other showed."""

from __future__ import annotations

from collections.abc import Sequence

from wemix_ref.engines.protocol import Engine
from wemix_ref.errors import EngineError
from wemix_ref.hunt.expected import Pair
from wemix_ref.hunt.judge import COMMON, judge
from wemix_ref.hunt.model import Model
from wemix_ref.hunt.verdict import Verdict

__all__ = ["TIME_LIMIT", "verdicts"]

#: Seconds for one fit in R; models are small.
TIME_LIMIT = 60.0


def verdicts(engine: Engine, pairs: Sequence[Pair]) -> list[Verdict]:
    """Fit both ways of each pair and judge them; a first way that pairs share is fitted once.

    Parameters
    ----------
    engine : Engine
        R engines start R once for all pairs.
    pairs : sequence of Pair

    Raises
    ------
    EngineError
        If the engine cannot run here.
    """
    models: list[Model] = []
    places: dict[int, int] = {}
    for pair in pairs:
        for model in (pair.first, pair.second):
            if id(model) not in places:
                places[id(model)] = len(models)
                models.append(model)
    asked = [(model.problem(), {COMMON: model.common_theta()}) for model in models]
    results = engine.fit_many(asked, timeout=TIME_LIMIT) if asked else []
    for result in results:
        if result.record["status"] == "unavailable":
            raise EngineError(
                f"a hunt needs its engine; {engine.name} cannot run here: "
                f"{result.record['message']}. See: wemix-ref engines"
            )
    judged = []
    for pair in pairs:
        both = [results[places[id(model)]] for model in (pair.first, pair.second)]
        if any(result.ended or result.record["status"] == "timeout" for result in both):
            judged.append(Verdict("no answer", (), "R was ended or ran out of time"))
            continue
        judged.append(judge(pair, both[0].record, both[1].record))
    return judged
