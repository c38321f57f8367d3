"""Two answers held side by side: how far each quantity is off, and how far rounding may put it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from wemix_ref.hunt.expected import Pair
from wemix_ref.hunt.points import BETA, DEVIANCE, SIGMA, Point, Size, beta_pairs
from wemix_ref.results import FittedModel

__all__ = ["EPS", "Gap", "pair_gaps", "same_point", "size_of"]

Array = NDArray[np.float64]
EPS = 2.0**-52

#: Standard errors are sandwiches of sums of products: a few digits less than what they are made of.
SE = 1e-7


@dataclass(frozen=True)
class Gap:
    """How far a quantity is off.

    Attributes
    ----------
    quantity : its name.
    found : relative to its size, as `allowed`. allowed : what rounding may leave.
    """

    quantity: str
    found: float
    allowed: float

    @property
    def too_wide(self) -> bool:
        """Whether it is off by more than rounding leaves; what is not a number is."""
        return not self.found <= self.allowed


def size_of(fit: FittedModel) -> float:
    """Sum of the sizes of the terms of D, which may cancel: a unit of y shifts log sigma^2."""
    W = float(fit.design.omega.sum())
    log_sigma = abs(2.0 * np.log(fit.sigma))
    return float(abs(fit.deviance) + W * (1.0 + log_sigma))


def relative(one: ArrayLike, other: ArrayLike, size: ArrayLike) -> float:
    """Largest distance between two arrays over the size of each element; NaNs must agree."""
    a, b, s = (np.atleast_1d(np.asarray(x, dtype=float)) for x in (one, other, size))
    if a.shape != b.shape or np.any(np.isnan(a) != np.isnan(b)):
        return np.inf
    known = ~np.isnan(a)
    s = np.broadcast_to(s, a.shape)[known]
    off = np.abs(a[known] - b[known])
    return float(np.max(off / np.where(s > 0, s, 1.0), initial=0.0))


def same_point(
    one: FittedModel, other: FittedModel, *, room: float = 1.0, errors: bool = True
) -> Iterator[Gap]:
    """Hold two evaluations of one model at one theta against each other.

    Parameters
    ----------
    room : times the tolerances of a hunt.
    errors : whether standard errors are compared.
    """
    yield Gap("D", abs(one.deviance - other.deviance) / size_of(one), DEVIANCE * room)
    yield Gap("sigma", abs(other.sigma / one.sigma - 1.0), SIGMA * room)
    model = one.with_recipe("model").bse.to_numpy()
    beta = one.params.to_numpy()
    size = np.abs(beta) + np.where(np.isnan(model), 0.0, model)
    yield Gap("beta", relative(beta, other.params.to_numpy(), size), BETA * room)
    if errors:
        yield Gap("SE of beta", relative(one.bse, other.bse, np.abs(one.bse)), SE * room)
        a, b = (fit.variance_components["se"].to_numpy(float) for fit in (one, other))
        yield Gap("SE of variances", relative(a, b, np.abs(a)), SE * room)


def pair_gaps(pair: Pair, here: Point, there: Point) -> Iterator[Gap]:
    """Gaps between two points of fit records under an identity."""
    size = Size(pair)
    room = size.room(here["deviance"])
    off = abs(there["deviance"] - size.expected(here["deviance"]))
    yield Gap("D", DEVIANCE * off / room, DEVIANCE)
    sigma = abs(pair.expected.y_scale) * here["sigma"]
    yield Gap("sigma", abs(there["sigma"] / sigma - 1.0), SIGMA)
    worst = 0.0
    for name, value, wanted, se in beta_pairs(pair.expected, here, there):
        shift = pair.expected.shift.get(name, 0.0)
        worst = max(worst, abs(value - wanted) / (abs(wanted - shift) + abs(shift) + se))
    yield Gap("beta", worst, BETA)
