"""What an identity says of the second of two answers, and the pair that it is said of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from wemix_ref.hunt.model import Model

__all__ = ["SANDWICHES", "Expected", "Pair", "factors"]

#: Recipes of standard errors that sum over the scores of the top groups.
SANDWICHES = ("wemix", "stata", "gllamm", "sas")


def factors(sandwich: float | None = 1.0, model: float = 1.0) -> dict[str, float | None]:
    """Factors of the standard errors by recipe: one of all sandwiches, one of the model's.

    Every sandwich is A^-1 B A^-1 with blocks A of H and B of the outer products of the top groups'
    scores: what multiplies all of H, and all of B, does the same to each of them.
    """
    return {"model": model, **dict.fromkeys(SANDWICHES, sandwich)}


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
    se: Mapping[str, float | None] = field(default_factory=lambda: factors())
    names: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Pair:
    """A model, the same written otherwise, and what must be the same."""

    identity: str
    first: Model
    second: Model
    expected: Expected
