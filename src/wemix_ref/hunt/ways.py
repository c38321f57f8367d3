"""The second way of writing a model, for each identity, and what of the answer must be the same."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from wemix_ref.hunt.expected import Expected, factors
from wemix_ref.hunt.model import Model, Spelling, conditional_weights, group_codes
from wemix_ref.hunt.transforms import (
    copied,
    relabelled,
    renamed,
    split_in_two,
    written_out,
)

__all__ = [
    "affine_y",
    "always",
    "conditional",
    "has_weights",
    "other_spelling",
    "permute",
    "relabel",
    "rename",
    "replicate",
    "rescale_weights",
    "rescale_y",
    "respell",
    "split",
    "twice",
    "whole",
]


def always(_: Model) -> bool:
    """Say yes: of every model."""
    return True


def relabel(model: Model, rng: np.random.Generator) -> tuple[Model, Expected]:
    """Other ids at every level, texts in random order."""
    for level in range(len(model.groups)):
        model = relabelled(model, level, rng)
    return model, Expected()


def permute(model: Model, rng: np.random.Generator) -> tuple[Model, Expected]:
    """The rows in another order."""
    return model.with_rows(rng.permutation(len(model.data))), Expected()


def rename(model: Model, _: np.random.Generator) -> tuple[Model, Expected]:
    """Other names of all columns, none of which begins another."""
    covariates = {name: f"cov{'ab'[k]}" for k, name in enumerate(model.covariates)}
    names = {
        model.response: "resp",
        **covariates,
        **{name: f"{'bcd'[k]}fac" for k, name in enumerate(model.groups)},
        **{name: f"{'pqrs'[k]}wt" for k, name in enumerate(model.weights or ())},
    }
    return renamed(model, names), Expected(names=covariates)


def other_spelling(model: Model) -> bool:
    """Whether the terms can be a slash, or the slash terms."""
    return model.levels > 2 and len(set(model.slopes)) == 1 and model.is_unique()


def respell(model: Model, _: np.random.Generator) -> tuple[Model, Expected]:
    """The slash written out as terms, or terms as a slash."""
    other: Spelling = "plus" if model.spelling == "slash" else "slash"
    return replace(model, spelling=other), Expected()


def _response(model: Model, y: np.ndarray) -> Model:
    return replace(model, data=model.data.assign(**{model.response: y}))


def rescale_y(model: Model, rng: np.random.Generator) -> tuple[Model, Expected]:
    """The response times b."""
    b = float(rng.choice([-1.0, 0.01, 12.5, 100.0]))
    return _response(model, model.data[model.response].to_numpy() * b), Expected(y_scale=b)


def affine_y(model: Model, rng: np.random.Generator) -> tuple[Model, Expected]:
    """The response times b, with a constant and multiples of the covariates added."""
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


def has_weights(model: Model) -> bool:
    """Whether there are sampling weights."""
    return model.weights is not None


def rescale_weights(model: Model, rng: np.random.Generator) -> tuple[Model, Expected]:
    """All unconditional weights times c."""
    c = float(rng.choice([0.01, 1.0 / 3.0, 7.3, 1000.0]))
    second = model.with_weights(model.unconditional() * c)
    return second, Expected(factor=c, se=factors(model=c**-0.5))


def conditional(model: Model, _: np.random.Generator) -> tuple[Model, Expected]:
    """The weights as conditional ones."""
    second = model.with_weights(conditional_weights(model))
    return replace(second, conditional=True), Expected()


def whole(model: Model) -> bool:
    """Whether units can be written out, in at most 600 rows."""
    if model.weights is None:
        return False
    times = conditional_weights(model)
    rounded = np.abs(times - np.rint(times)).max() < 1e-9 and times.min() > 0.5
    return bool(rounded) and model.total_weight() <= 600


def replicate(model: Model, _: np.random.Generator) -> tuple[Model, Expected]:
    """Every unit written out as often as it counts, without weights."""
    # the sandwich sums over top groups, whose number is another where they are written out
    top = np.allclose(model.unconditional()[:, -1], 1.0)
    return written_out(model), Expected(se=factors(1.0 if top else None))


def split(model: Model, rng: np.random.Generator) -> tuple[Model, Expected]:
    """One unit as two copies, each with half its weight and half of those below."""
    level = int(rng.integers(model.levels))
    units = len(model.data) if level == 0 else int(group_codes(model)[:, level - 1].max()) + 1
    code = int(rng.integers(10_000)) % units
    top = level == model.levels - 1
    second = split_in_two(model, level, code)
    return second, Expected(se=factors(None if top else 1.0))


def twice(model: Model, _: np.random.Generator) -> tuple[Model, Expected]:
    """All top groups written out twice."""
    top = len(model.groups)
    groups = int(group_codes(model)[:, -1].max()) + 1
    second = model
    for code in range(groups):  # codes of the first groups stay: copies are appended
        second = copied(second, top, code)
    # B and H double, and so does K: H^-1 B H^-1 K/(K - 1)
    kappa = (2 * groups / (2 * groups - 1)) / (groups / (groups - 1)) if groups > 1 else 1.0
    # "sas" has no K/(K - 1)
    se = factors((kappa / 2.0) ** 0.5, 0.5**0.5) | {"sas": 0.5**0.5}
    return second, Expected(factor=2.0, se=se)
