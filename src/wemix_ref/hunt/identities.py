"""Identities: another way to write a model and its data, and what of the answer must be the same.

Each one is a statement about the pseudo-likelihood, so it holds for every program that claims to
compute it. theta is relative to sigma, and no identity changes it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from zlib import crc32

import numpy as np

from wemix_ref.hunt import ways
from wemix_ref.hunt.expected import Expected, Pair
from wemix_ref.hunt.model import Model
from wemix_ref.hunt.models import stream

__all__ = ["IDENTITIES", "Identity", "applicable", "apply"]


@dataclass(frozen=True)
class Identity:
    """One identity.

    Attributes
    ----------
    name : str
    says : str
        What it states, in words.
    needs_weights : bool
        Whether the second way has sampling weights even where the first has none.
    applies : callable
        Whether it says anything of a model.
    write : callable
        Model and random numbers -> the second way and what must be the same.
    """

    name: str
    says: str
    needs_weights: bool
    applies: Callable[[Model], bool]
    write: Callable[[Model, np.random.Generator], tuple[Model, Expected]]


def apply(identity: Identity, model: Model) -> Pair:
    """Write a model the other way; what is drawn depends on the model's number alone."""
    rng = stream(model.seed, model.number, crc32(identity.name.encode()))
    second, expected = identity.write(model, rng)
    return Pair(identity.name, model, second, expected)


def applicable(model: Model, *, weights: bool) -> list[Identity]:
    """Identities that say something of a model, for an engine with or without `weights`."""
    return [
        identity
        for identity in IDENTITIES.values()
        if (weights or not identity.needs_weights) and identity.applies(model)
    ]


#: By name.
IDENTITIES: Mapping[str, Identity] = {
    identity.name: identity
    for identity in (
        Identity(
            "relabel", "ids are labels: others change nothing", False, ways.always, ways.relabel
        ),
        Identity(
            "permute", "the order of the rows changes nothing", False, ways.always, ways.permute
        ),
        Identity("rename", "names of columns change nothing else", False, ways.always, ways.rename),
        Identity(
            "respell",
            "(1|a/b) is (1|a) + (1|b) where no id of b stands in two groups of a",
            False,
            ways.other_spelling,
            ways.respell,
        ),
        Identity(
            "rescale-y",
            "b y has b beta, b sigma and the theta of y",
            False,
            ways.always,
            ways.rescale_y,
        ),
        Identity(
            "affine-y",
            "a + b y + d x adds a to the intercept and d to the slope of x",
            False,
            ways.always,
            ways.affine_y,
        ),
        Identity(
            "rescale-weights",
            "all unconditional weights times c: the deviance times c, the estimates and their "
            "sandwich the same",
            True,
            ways.has_weights,
            ways.rescale_weights,
        ),
        Identity(
            "conditional",
            "conditional weights are unconditional ones over those of the group above",
            True,
            ways.has_weights,
            ways.conditional,
        ),
        Identity(
            "replicate",
            "a unit of weight k is k units, at every level",
            True,
            ways.whole,
            ways.replicate,
        ),
        Identity(
            "split",
            "a unit is two copies of itself, each with half its unconditional weight and half "
            "of those below it",
            True,
            ways.always,
            ways.split,
        ),
        Identity(
            "twice",
            "all top groups written out twice: the deviance times 2",
            False,
            ways.always,
            ways.twice,
        ),
    )
}
