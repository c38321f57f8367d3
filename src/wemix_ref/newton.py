"""Newton steps to a stationary point of the criterion, and the last digits of theta there.

Steps are by the exact Hessian, but for the first where one is known that is near it. Concave
directions are reversed, flat ones left alone, and a step is shortened until the deviance falls or,
at rounding, the gradient.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from wemix_ref.deviance import Criterion, Evaluation
from wemix_ref.errors import ModelError
from wemix_ref.lazily import Lazy

if TYPE_CHECKING:
    from scipy.linalg import lapack
else:
    lapack = Lazy("scipy.linalg.lapack")

__all__ = [
    "CONVERGED",
    "ROUNDING",
    "Newton",
    "check_residual",
    "descend",
    "deviance_size",
    "evaluated",
    "newton_step",
    "upright",
]

Array = NDArray[np.float64]

MAX_NEWTON = 40
#: Relative change of the deviance that rounding can make: about 100 units in the last place.
ROUNDING = 2e-14
#: A fit has converged when a Newton step promises less than this, relative to the deviance.
CONVERGED = 1e-11
#: theta is refined until a step promises less than this, relative: some 13 digits of theta.
FINE = 1e-26


@dataclass(frozen=True)
class Newton:
    """A step, what it promises, and the gradient and Hessian (exact or near it) it came from.

    `ignored` is what steps in the directions that were taken as flat would promise at least: a
    gradient there, beyond rounding, is no minimum.
    """

    step: Array
    promised: float
    ignored: float
    gradient_norm: float
    gradient: Array
    H: Array
    exact: bool


def deviance_size(criterion: Criterion, deviance: float) -> float:
    """What differences of the deviance are measured by: itself, or the total weight, or 1.

    The deviance is of the order of the weights, and may be near zero: then it is the total weight
    that counts, and 1 where that is more. A common factor of the weights changes nothing below 1.
    """
    return max(abs(deviance), min(criterion.data.W, 1.0))


def newton_step(criterion: Criterion, at: Evaluation) -> Newton:
    """Step by the exact Hessian."""
    return _step(at.theta, criterion.gradient(at), criterion.hessian(at)[0], exact=True)


def _step(phi: Array, gradient: Array, H: Array, exact: bool) -> Newton:
    """Step by a Hessian; flat directions are left alone, concave ones reversed.

    What is flat is judged relative to phi where that is large, as it is when r^2 goes to zero.
    """
    scale = np.maximum(1.0, np.abs(phi))
    values, vectors, failed = lapack.dsyevd(H * scale[:, None] * scale)
    if failed:
        raise np.linalg.LinAlgError("the eigenvalues of the Hessian did not converge")
    size = np.abs(values)
    along = vectors.T @ (scale * gradient)
    least = 1e-10 * max(float(size.max()), 1e-290)
    steep = size > least
    flat, along, size, vectors = along[~steep], along[steep], size[steep], vectors[:, steep]
    promised = 0.5 * float(np.sum(along**2 / size))
    ignored = 0.5 * float(np.sum(flat**2)) / least
    step = -scale * (vectors @ (along / size))
    return Newton(step, promised, ignored, _largest(gradient), gradient, H, exact)


def _largest(gradient: Array) -> float:
    return float(np.abs(gradient).max())


def check_residual(at: Evaluation, least: float) -> None:
    """Refuse a point where the random effects leave nothing.

    Parameters
    ----------
    least : r^2 that counts as rounding, in squared units of the response.

    Raises
    ------
    ModelError
        r^2 goes to zero, and the likelihood has no maximum.
    """
    if at.profile.r2 <= least:
        raise ModelError(
            "the response must vary within the groups; the random effects fit it exactly, or to "
            "within rounding, so the residual variance goes to zero and the likelihood has no "
            "maximum. Leave out the level or the slope that makes the groups' rows all alike."
        )


def descend(
    criterion: Criterion,
    at: Evaluation,
    least: float,
    H: Array | None = None,
    enough: float = 0.0,
) -> tuple[Evaluation, Newton | None]:
    """Steps until neither the deviance nor the gradient falls any more.

    Parameters
    ----------
    H : a Hessian near the exact one at the start, if there is any.
    enough : a step by the exact Hessian that promises no more than this, relative to the deviance,
        is the last, and is not taken.

    Returns
    -------
    Where it ended, and the step by the exact Hessian there if that is a stationary point to
    rounding, else None.
    """
    newton = (
        newton_step(criterion, at)
        if H is None
        else _step(at.theta, criterion.gradient(at), H, False)
    )
    for _ in range(MAX_NEWTON):
        size = deviance_size(criterion, at.deviance)
        if newton.exact and newton.promised <= enough * size:
            return at, newton
        rounding = ROUNDING * size
        there = None
        if newton.promised > (rounding / 100.0 if newton.exact else FINE * size):
            there = _damped(criterion, at, newton)
        if there is None:
            if newton.exact:
                done = newton.promised + newton.ignored <= CONVERGED * size
                return _refine(criterion, at, newton) if done else (at, None)
            at = upright(criterion, at)
            newton = newton_step(criterion, at)
            continue
        at = there
        check_residual(at, least)
        newton = newton_step(criterion, at)
    return at, None


def upright(criterion: Criterion, at: Evaluation) -> Evaluation:
    """The same point with diagonals of Lambda >= 0."""
    phi = criterion.covariance.normalise(at.theta)
    return at if np.array_equal(phi, at.theta) else criterion.evaluate(phi)


def _refine(criterion: Criterion, at: Evaluation, newton: Newton) -> tuple[Evaluation, Newton]:
    """Steps by one Hessian while they halve the gradient, for the last digits of theta.

    The deviance is flat at its minimum: where it has no digits left to fall by, theta has half of
    its own to go, and the gradient still shows where.
    """
    size = deviance_size(criterion, at.deviance)
    while newton.promised > FINE * size:
        there = evaluated(criterion, at.theta + newton.step)
        if there is None or there.deviance > at.deviance + ROUNDING * size:
            break
        gradient = criterion.gradient(there)
        if _largest(gradient) > 0.5 * newton.gradient_norm:
            break
        at, newton = there, _step(there.theta, gradient, newton.H, exact=True)
    return at, newton


def _damped(criterion: Criterion, at: Evaluation, newton: Newton) -> Evaluation | None:
    """The longest part of a Newton step that lowers the deviance or, at rounding, the gradient."""
    rounding = ROUNDING * deviance_size(criterion, at.deviance)
    length = _largest(newton.step)
    if length == 0.0:
        return None
    # no further than what is there already, or 1: the model of the deviance holds near by
    fraction = min(1.0, max(1.0, _largest(at.theta)) / length)
    for _ in range(25):
        trial = evaluated(criterion, at.theta + fraction * newton.step)
        if trial is not None:
            if trial.deviance < at.deviance - rounding:
                return trial
            if (
                trial.deviance <= at.deviance + rounding
                and _largest(criterion.gradient(trial)) < 0.5 * newton.gradient_norm
            ):
                return trial
        if newton.promised < rounding:
            return None
        fraction /= 4.0
    return None


def evaluated(criterion: Criterion, phi: Array) -> Evaluation | None:
    """The criterion at phi; None where it overflows."""
    try:
        at = criterion.evaluate(phi)
    except np.linalg.LinAlgError:
        return None
    return at if np.isfinite(at.deviance) else None
