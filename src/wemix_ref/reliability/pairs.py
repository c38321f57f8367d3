"""Models written in two ways, and both put to the estimator.

The identities are those of :mod:`wemix_ref.hunt.identities`, with two more that a wider model has.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any
from zlib import crc32

import numpy as np
import pandas as pd

from wemix_ref.hunt.expected import Expected, Pair, factors
from wemix_ref.hunt.identities import IDENTITIES, Identity
from wemix_ref.hunt.judge import COMMON, judge
from wemix_ref.hunt.model import Model
from wemix_ref.hunt.models import stream
from wemix_ref.hunt.own_engine import EveryRecipe
from wemix_ref.hunt.verdict import Verdict
from wemix_ref.reliability.designs import Wide
from wemix_ref.reliability.gaps import Gap, pair_gaps

__all__ = ["PAIRS", "Answer", "answer", "ask", "says_something", "second_way"]

#: Seconds; the estimator needs none of them, and no limit reaches into this process.
_NO_LIMIT = 3600.0
#: Names that the identity ``rename`` has for groups, and for covariates.
_NAMED_GROUPS, _NAMED_COVARIATES = 3, 2
#: Of a factor of all weights: these are taken from 1e-60 to 1e60.
_DECADES = 50.0


def _several(model: Model) -> bool:
    return len(model.groups) > 1 and model.is_unique()


def _colons(model: Model, _: np.random.Generator) -> tuple[Model, Expected]:
    assert isinstance(model, Wide)
    return replace(model, colons=not model.colons), Expected()


def _categories(model: Model, rng: np.random.Generator) -> tuple[Model, Expected]:
    """Ids as categories in another order, some of which no row has."""
    columns = {}
    for name in model.groups:
        ids = list(pd.unique(model.data[name]))
        order = [ids[int(k)] for k in rng.permutation(len(ids))]
        unused = "nowhere" if isinstance(order[0], str) else max(order) + 1
        columns[name] = pd.Categorical(model.data[name], categories=[*order, unused])
    return replace(model, data=model.data.assign(**columns)), Expected()


def _rescale_weights(model: Model, rng: np.random.Generator) -> tuple[Model, Expected]:
    """All unconditional weights times c, over as many decades as are taken."""
    c = float(10.0 ** rng.uniform(-_DECADES, _DECADES))
    second = model.with_weights(model.unconditional() * c)
    return second, Expected(factor=c, se=factors(model=c**-0.5))


#: By name.
PAIRS: Mapping[str, Identity] = {
    **IDENTITIES,
    "rescale-weights": replace(IDENTITIES["rescale-weights"], write=_rescale_weights),
    "colons": Identity(
        "colons",
        "(1|a) + (1|a:b), nested, is (1|a) + (1|b), which looks crossed, where no id of b stands "
        "in two groups of a",
        False,
        _several,
        _colons,
    ),
    "categories": Identity(
        "categories",
        "ids as categories, in any order and with unused ones, are the same ids",
        False,
        lambda _: True,
        _categories,
    ),
}


def says_something(identity: Identity, model: Wide) -> bool:
    """Whether an identity says something of a model."""
    if identity.name == "respell" and (model.colons or len(set(model.forms)) > 1):
        return False
    if identity.name == "rename" and (
        len(model.groups) > _NAMED_GROUPS or len(model.covariates) > _NAMED_COVARIATES
    ):
        return False
    return identity.applies(model)


def second_way(identity: Identity, model: Wide) -> Pair:
    """Write a model the other way; what is drawn depends on the model's number alone."""
    rng = stream(model.seed, model.number, crc32(identity.name.encode()))
    first: Wide = model
    if identity.name == "conditional":
        unconditional = model.with_weights(model.unconditional())
        assert isinstance(unconditional, Wide)
        first = unconditional
    return Pair(identity.name, first, *identity.write(first, rng))


@dataclass(frozen=True)
class Answer:
    """What came of a pair: a verdict, and how far apart the two were at one theta."""

    verdict: Verdict
    gaps: tuple[Gap, ...]


def ask(model: Model) -> dict[str, Any]:
    """The estimator's record of a model, with a point at the theta of its form."""
    asked = (model.problem(), {COMMON: model.common_theta()})
    return EveryRecipe().fit_many([asked], timeout=_NO_LIMIT)[0].record


def answer(pair: Pair, first: dict[str, Any] | None = None) -> Answer:
    """Put both ways to the estimator and judge them.

    Parameters
    ----------
    first : what `ask` gave for the first way; None where it was not asked.
    """
    first = ask(pair.first) if first is None else first
    second = ask(pair.second)
    verdict = judge(pair, first, second)
    gaps: tuple[Gap, ...] = ()
    if first["status"] == second["status"] == "ok":
        gaps = tuple(pair_gaps(pair, first["at"][0], second["at"][0]))
    return Answer(verdict, gaps)
