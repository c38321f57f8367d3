"""Minimising the criterion over theta.

BFGS with the exact gradient comes near the optimum; Newton steps with the exact Hessian finish it.
Both work on phi = theta times the root mean square of its column of Z, so that the unit of a slope
plays no part. D is even in the sign of each column of Lambda: no bounds are needed, but a zero
column is always stationary, so a point counts as a minimum only when the gradient of D as a
function of Lambda Lambda' is positive semidefinite there (`Criterion.psd_gradient`); otherwise the
search steps off along the eigenvector and goes on.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.optimize
from numpy.typing import NDArray

from wemix_ref.covariance import SINGULAR_TOLERANCE, rotate_to_lower_triangle
from wemix_ref.deviance import Criterion, Evaluation

__all__ = ["OptimizerReport", "gradient_norm", "minimise", "report_at"]

Array = NDArray[np.float64]

START = 0.7
MAX_ROUNDS = 8
MAX_NEWTON = 30
#: Relative change of the deviance that rounding can make: about 100 units in the last place.
ROUNDING = 2e-14
#: A fit has converged when a Newton step promises less than this, relative to the deviance.
CONVERGED = 1e-11


@dataclass(frozen=True)
class OptimizerReport:
    """What the optimiser did.

    Attributes
    ----------
    method : how theta was found.
    evaluations : evaluations of the criterion; hessians : of its Hessian.
    gradient_norm : largest element of dD/dphi at the end, in units of the deviance.
    promised : decrease of the deviance that one more Newton step promises.
    steps_off : times a stationary point proved to be no minimum and was left.
    converged : whether `promised` is below 1e-11 of the deviance.
    message : one line.
    """

    method: str
    evaluations: int
    hessians: int
    gradient_norm: float
    promised: float
    steps_off: int
    converged: bool
    message: str


def gradient_norm(criterion: Criterion, at: Evaluation) -> float:
    """Largest element of dD/dphi."""
    gradient = criterion.gradient(at) / criterion.covariance.scale
    return float(np.abs(gradient).max())


def report_at(criterion: Criterion, at: Evaluation) -> OptimizerReport:
    """Report for a theta that was given, not searched for."""
    step = _newton_step(criterion, at)
    converged = step.promised <= CONVERGED * max(1.0, abs(at.deviance))
    return OptimizerReport(
        "none: evaluated at a given theta",
        1,
        1,
        step.gradient_norm,
        step.promised,
        0,
        converged,
        "theta was given",
    )


@dataclass(frozen=True)
class _Newton:
    step: Array
    promised: float
    gradient_norm: float


def _newton_step(criterion: Criterion, at: Evaluation) -> _Newton:
    """Step in theta by the exact Hessian; flat directions are left alone, concave ones reversed."""
    scale = criterion.covariance.scale
    gradient = criterion.gradient(at) / scale
    H = criterion.hessian(at)[0] / np.outer(scale, scale)
    values, vectors = np.linalg.eigh(H)
    size = np.abs(values)
    along = vectors.T @ gradient
    steep = size > 1e-10 * max(float(size.max()), 1e-300)
    along, size, vectors = along[steep], size[steep], vectors[:, steep]
    step = -vectors @ (along / size)
    promised = 0.5 * float(np.sum(along**2 / size))
    return _Newton(step / scale, promised, float(np.abs(gradient).max()))


def _bfgs(criterion: Criterion, theta: Array) -> Evaluation:
    scale = criterion.covariance.scale
    unit = max(criterion.data.W, 1.0)
    best: list[Evaluation] = []

    def objective(phi: Array) -> tuple[float, Array]:
        try:
            at = criterion.evaluate(phi / scale)
        except np.linalg.LinAlgError:  # phi so large that A overflows
            return np.inf, np.zeros_like(phi)
        if not np.isfinite(at.deviance):
            return np.inf, np.zeros_like(phi)
        if not best or at.deviance < best[0].deviance:
            best[:] = [at]
        return at.deviance / unit, criterion.gradient(at) / scale / unit

    scipy.optimize.minimize(
        objective, theta * scale, jac=True, method="BFGS", options={"gtol": 1e-7, "maxiter": 500}
    )
    return best[0]


def _polish(criterion: Criterion, at: Evaluation) -> tuple[Evaluation, _Newton, int]:
    """Newton steps until neither the deviance nor the gradient falls any more."""
    newton = _newton_step(criterion, at)
    hessians = 1
    for _ in range(MAX_NEWTON):
        rounding = ROUNDING * max(1.0, abs(at.deviance))
        length = float(np.abs(newton.step * criterion.covariance.scale).max())
        if length == 0.0:
            break
        fraction = min(1.0, 1.0 / length)
        accepted = None
        for _ in range(25):
            trial = criterion.evaluate(at.theta + fraction * newton.step)
            if trial.deviance < at.deviance - rounding:
                accepted = trial
                break
            if (
                trial.deviance <= at.deviance + rounding
                and gradient_norm(criterion, trial) < 0.5 * newton.gradient_norm
            ):
                accepted = trial
                break
            if newton.promised < rounding:
                break
            fraction /= 4.0
        if accepted is None:
            break
        at = accepted
        newton = _newton_step(criterion, at)
        hessians += 1
    return at, newton, hessians


def _snap(criterion: Criterion, at: Evaluation) -> Evaluation:
    """Set columns of Lambda that count as zero to zero where that costs nothing."""
    covariance = criterion.covariance
    theta = covariance.normalise(at.theta, SINGULAR_TOLERANCE)
    zero = covariance.zero_columns(theta)
    theta = np.where(zero, 0.0, theta) if zero.any() else covariance.normalise(at.theta)
    if np.array_equal(theta, at.theta):
        return at
    snapped = criterion.evaluate(theta)
    if snapped.deviance <= at.deviance + 1e-12 * max(1.0, abs(at.deviance)):
        return snapped
    return criterion.evaluate(covariance.normalise(at.theta))


def _step_off(criterion: Criterion, at: Evaluation) -> Evaluation | None:
    """A point with a lower deviance along the steepest descent of D over Lambda Lambda', if any."""
    least, direction = 0.0, None
    for level, M in zip(criterion.covariance.levels, criterion.psd_gradient(at), strict=True):
        for block in level.blocks:
            scale = np.asarray(block.scale)
            values, vectors = np.linalg.eigh(M[block.rows, block.rows] / np.outer(scale, scale))
            if values[0] < least:
                least, direction = float(values[0]), (block, vectors[:, 0] / scale)
    tolerance = 1e-10 * max(1.0, abs(at.deviance))
    if direction is None or least > -tolerance:
        return None
    block, x = direction
    L = block.Lambda(at.theta)
    best, t = None, 1.0
    while -least * t > tolerance:
        root = rotate_to_lower_triangle(
            np.column_stack([L, np.sqrt(t) * x]), np.asarray(block.scale), 0.0
        )
        theta = at.theta.copy()
        theta[block.part] = root[block.triangle]
        trial = criterion.evaluate(theta)
        if trial.deviance < at.deviance - tolerance and (
            best is None or trial.deviance < best.deviance
        ):
            best = trial
        elif best is not None:
            break
        t /= 4.0
    return best


def _search(criterion: Criterion, theta: Array) -> tuple[Evaluation, _Newton, int, int]:
    """One start: BFGS, Newton, and stepping off until the point is a minimum."""
    hessians = steps_off = 0
    start = theta
    while True:
        at, newton, count = _polish(criterion, _bfgs(criterion, start))
        hessians += count
        at = _snap(criterion, at)
        lower = _step_off(criterion, at) if steps_off < MAX_ROUNDS else None
        if lower is None:
            break
        steps_off += 1
        start = lower.theta
    if not np.array_equal(at.theta, criterion.covariance.normalise(at.theta)):
        at = criterion.evaluate(criterion.covariance.normalise(at.theta))
    newton = _newton_step(criterion, at)
    return at, newton, hessians + 1, steps_off


def minimise(criterion: Criterion) -> tuple[Evaluation, OptimizerReport]:
    """Minimise D over theta.

    Returns
    -------
    The evaluation at the minimum, signs of Lambda's columns normalised, and what was done. A
    minimum on the boundary is looked for from a second start as well; the lower one is returned.
    """
    covariance = criterion.covariance
    diagonal = np.zeros(covariance.n_theta)
    for level in covariance.levels:
        for block in level.blocks:
            rows, columns = block.triangle
            diagonal[block.part][rows == columns] = 1.0
    before = criterion.evaluations
    start = START * diagonal / covariance.scale
    at, newton, hessians, steps_off = _search(criterion, start)
    starts = 1
    if covariance.zero_columns(at.theta).any():
        starts = 2
        second = _search(criterion, start / 4.0)
        hessians += second[2]
        steps_off += second[3]
        if second[0].deviance < at.deviance - ROUNDING * max(1.0, abs(at.deviance)):
            at, newton = second[0], second[1]
    converged = newton.promised <= CONVERGED * max(1.0, abs(at.deviance))
    message = (
        "converged"
        if converged
        else f"stopped with a Newton step promising {newton.promised:.3g} of the deviance"
    )
    return at, OptimizerReport(
        f"BFGS and Newton, {starts} start{'s' if starts > 1 else ''}",
        criterion.evaluations - before,
        hessians,
        newton.gradient_norm,
        newton.promised,
        steps_off,
        converged,
        message,
    )
