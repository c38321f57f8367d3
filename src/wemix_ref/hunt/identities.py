"""Identities: another way to write a model and its data, and what of the answer must be the same.

Each one is a statement about the pseudo-likelihood, so it holds for every program that claims to
compute it. theta is relative to sigma, and no identity changes it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from zlib import crc32

import numpy as np

from wemix_ref.hunt.model import Model, Spelling, conditional_weights, group_codes
from wemix_ref.hunt.models import stream
from wemix_ref.hunt.transforms import (
    copied,
    relabelled,
    renamed,
    split_in_two,
    written_out,
)

__all__ = ["IDENTITIES", "Expected", "Identity", "Pair", "applicable", "apply"]

_SAME = {"wemix": 1.0, "model": 1.0}


@dataclass(frozen=True)
class Expected:
    """What the second answer must be, given the first.

    Attributes
    ----------
    y_scale : float
        b: beta and sigma are b times as large in size, variances b^2 times, and the deviance of
        the first grows by 2 W log|b|, W its total weight.
    shift : mapping of str to float
        What is added to elements of b beta, by the first's name.
    factor : float
        c: the deviance is c times the first's.
    se : mapping of str to (float or None)
        By recipe: the factor of all standard errors beside b (b^2 for variances); None where the
        identity says nothing of them.
    names : mapping of str to str
        Covariates that have another name.
    """

    y_scale: float = 1.0
    shift: Mapping[str, float] = field(default_factory=dict)
    factor: float = 1.0
    se: Mapping[str, float | None] = field(default_factory=lambda: dict(_SAME))
    names: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Pair:
    """A model, the same written otherwise, and what must be the same."""

    identity: str
    first: Model
    second: Model
    expected: Expected


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


def _always(_: Model) -> bool:
    return True


def _relabel(model: Model, rng: np.random.Generator) -> tuple[Model, Expected]:
    for level in range(len(model.groups)):
        model = relabelled(model, level, rng)
    return model, Expected()


def _permute(model: Model, rng: np.random.Generator) -> tuple[Model, Expected]:
    return model.with_rows(rng.permutation(len(model.data))), Expected()


def _rename(model: Model, _: np.random.Generator) -> tuple[Model, Expected]:
    covariates = {name: f"cov{'ab'[k]}" for k, name in enumerate(model.covariates)}
    names = {
        model.response: "resp",
        **covariates,
        **{name: f"{'bcd'[k]}fac" for k, name in enumerate(model.groups)},
        **{name: f"{'pqrs'[k]}wt" for k, name in enumerate(model.weights or ())},
    }
    return renamed(model, names), Expected(names=covariates)


def _other_spelling(model: Model) -> bool:
    return model.levels > 2 and len(set(model.slopes)) == 1 and model.is_unique()


def _respell(model: Model, _: np.random.Generator) -> tuple[Model, Expected]:
    other: Spelling = "plus" if model.spelling == "slash" else "slash"
    return replace(model, spelling=other), Expected()


def _response(model: Model, y: np.ndarray) -> Model:
    return replace(model, data=model.data.assign(**{model.response: y}))


def _rescale_y(model: Model, rng: np.random.Generator) -> tuple[Model, Expected]:
    b = float(rng.choice([-1.0, 0.01, 12.5, 100.0]))
    return _response(model, model.data[model.response].to_numpy() * b), Expected(y_scale=b)


def _affine_y(model: Model, rng: np.random.Generator) -> tuple[Model, Expected]:
    y = model.data[model.response].to_numpy()
    spread = max(float(np.std(y)), 1e-12)
    a, b = float(rng.choice([-20.0, 3.0, 50.0])) * spread, float(rng.choice([-1.0, 0.5, 1.0]))
    shift = {"(Intercept)": a}
    new = a + b * y
    for name in model.covariates:
        x = model.data[name].to_numpy()
        shift[name] = float(rng.normal()) * spread / max(float(np.std(x)), 1e-12)
        new = new + shift[name] * x
    return _response(model, new), Expected(y_scale=b, shift=shift)


def _has_weights(model: Model) -> bool:
    return model.weights is not None


def _rescale_weights(model: Model, rng: np.random.Generator) -> tuple[Model, Expected]:
    c = float(rng.choice([0.01, 1.0 / 3.0, 7.3, 1000.0]))
    second = model.with_weights(model.unconditional() * c)
    return second, Expected(factor=c, se={"wemix": 1.0, "model": c**-0.5})


def _conditional(model: Model, _: np.random.Generator) -> tuple[Model, Expected]:
    second = model.with_weights(conditional_weights(model))
    return replace(second, conditional=True), Expected()


def _whole(model: Model) -> bool:
    """Whether units can be written out, in at most 600 rows."""
    if model.weights is None:
        return False
    times = conditional_weights(model)
    whole = np.abs(times - np.rint(times)).max() < 1e-9 and times.min() > 0.5
    return bool(whole) and model.total_weight() <= 600


def _replicate(model: Model, _: np.random.Generator) -> tuple[Model, Expected]:
    # the sandwich sums over top groups, whose number is another where they are written out
    top = np.allclose(model.unconditional()[:, -1], 1.0)
    return written_out(model), Expected(se={"wemix": 1.0 if top else None, "model": 1.0})


def _split(model: Model, rng: np.random.Generator) -> tuple[Model, Expected]:
    level = int(rng.integers(model.levels))
    units = len(model.data) if level == 0 else int(group_codes(model)[:, level - 1].max()) + 1
    code = int(rng.integers(10_000)) % units
    top = level == model.levels - 1
    second = split_in_two(model, level, code)
    return second, Expected(se={"wemix": None if top else 1.0, "model": 1.0})


def _twice(model: Model, _: np.random.Generator) -> tuple[Model, Expected]:
    top = len(model.groups)
    groups = int(group_codes(model)[:, -1].max()) + 1
    second = model
    for code in range(groups):  # codes of the first groups stay: copies are appended
        second = copied(second, top, code)
    # B and H double, and so does K: H^-1 B H^-1 K/(K - 1)
    kappa = (2 * groups / (2 * groups - 1)) / (groups / (groups - 1)) if groups > 1 else 1.0
    se = {"wemix": (kappa / 2.0) ** 0.5, "model": 0.5**0.5}
    return second, Expected(factor=2.0, se=se)


#: By name.
IDENTITIES: Mapping[str, Identity] = {
    identity.name: identity
    for identity in (
        Identity("relabel", "ids are labels: others change nothing", False, _always, _relabel),
        Identity("permute", "the order of the rows changes nothing", False, _always, _permute),
        Identity("rename", "names of columns change nothing else", False, _always, _rename),
        Identity(
            "respell",
            "(1|a/b) is (1|a) + (1|b) where no id of b stands in two groups of a",
            False,
            _other_spelling,
            _respell,
        ),
        Identity(
            "rescale-y", "b y has b beta, b sigma and the theta of y", False, _always, _rescale_y
        ),
        Identity(
            "affine-y",
            "a + b y + d x adds a to the intercept and d to the slope of x",
            False,
            _always,
            _affine_y,
        ),
        Identity(
            "rescale-weights",
            "all unconditional weights times c: the deviance times c, the estimates and their "
            "sandwich the same",
            True,
            _has_weights,
            _rescale_weights,
        ),
        Identity(
            "conditional",
            "conditional weights are unconditional ones over those of the group above",
            True,
            _has_weights,
            _conditional,
        ),
        Identity(
            "replicate",
            "a unit of weight k is k units, at every level",
            True,
            _whole,
            _replicate,
        ),
        Identity(
            "split",
            "a unit is two copies of itself, each with half its unconditional weight and half "
            "of those below it",
            True,
            _always,
            _split,
        ),
        Identity(
            "twice",
            "all top groups written out twice: the deviance times 2",
            False,
            _always,
            _twice,
        ),
    )
}
