"""The deviance as a function of one element of theta, the others at their best.

For every value of theta_j the deviance is minimised over the other elements by Newton steps with
the exact gradient and Hessian. zeta = sign(theta_j - estimate) sqrt(D(theta_j) - D(estimate)) is a
straight line where the deviance is a parabola (Bates and Watts 1988, signed root of the deviance).
Without weights zeta is the signed root of a likelihood-ratio statistic. With weights D is minus
twice a log *pseudo*-likelihood, and neither normal nor chi-square cut-offs apply to it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wemix_ref.covariance import CovarianceMap
from wemix_ref.deviance import Criterion, Evaluation
from wemix_ref.errors import ModelError
from wemix_ref.newton import deviance_size

__all__ = ["ThetaProfile", "profile_theta"]

Array = NDArray[np.float64]

#: Distance in zeta between neighbouring points, as far as the slope at the last point tells.
STEP = 0.25
#: Points on one side of the estimate at most: where the deviance flattens out zeta stays small.
MAX_POINTS = 60
MAX_NEWTON = 60
#: Newton stops when a step promises less than this of the deviance.
PROMISED = 1e-11
#: A profile below the estimate's deviance by more than this, relative, means a missed minimum.
LOWER = 1e-9
#: Where a diagonal element that went to zero is started again, times its column's scale.
RESTART = 0.5


@dataclass(frozen=True)
class ThetaProfile:
    """The profile of one element of theta, in the order of its values.

    Attributes
    ----------
    name : lme4's name of the element; index : its position in theta.
    estimate : its value at the optimum; slope : of zeta there by the Hessian, one over a standard
        error of theta_j (0 where the deviance is flat there).
    values : (k,) values of theta_j, the estimate among them, in units of sigma.
    deviance : (k,) D with the other elements at their best.
    zeta : (k,) signed root of the deviance's distance from its minimum.
    theta : (k, n_theta) the whole theta at each point.
    """

    name: str
    index: int
    estimate: float
    slope: float
    values: Array
    deviance: Array
    zeta: Array
    theta: Array


def profile_theta(
    criterion: Criterion, at: Evaluation, index: int, zeta_max: float
) -> ThetaProfile:
    """Profile one element of theta on both sides of the optimum.

    Parameters
    ----------
    at : the evaluation at the optimum, diagonal elements of Lambda >= 0.
    zeta_max : how far to go, in zeta; a diagonal element goes down to 0 at most.

    Raises
    ------
    ModelError
        A point with a lower deviance than the optimum's was found.
    """
    walk = _Walk(criterion, at, index, zeta_max)
    down, up = walk.side(-1.0), walk.side(1.0)
    points = [*reversed(down), at, *up]
    deviance = np.array([point.deviance for point in points])
    lowest = float(deviance.min())
    if lowest < at.deviance - LOWER * deviance_size(criterion, at.deviance):
        best = points[int(np.argmin(deviance))].theta
        raise ModelError(
            f"a profile must start from the lowest deviance, {at.deviance:.10g}; while profiling "
            f"{walk.name!r} a lower one was found, {lowest:.10g} at theta {best.tolist()!r}. "
            "Compare fit.at(theta) there, and please report the data."
        )
    theta = np.stack([point.theta for point in points])
    side = np.sign(theta[:, index] - at.theta[index])
    zeta = side * np.sqrt(np.maximum(deviance - at.deviance, 0.0))
    return ThetaProfile(
        walk.name,
        index,
        float(at.theta[index]),
        walk.slope,
        theta[:, index].copy(),
        deviance,
        zeta,
        theta,
    )


class _Walk:
    """Points along the profile of theta_j, each started from the one before."""

    def __init__(self, criterion: Criterion, at: Evaluation, index: int, zeta_max: float) -> None:
        self.criterion, self.at, self.index, self.zeta_max = criterion, at, index, zeta_max
        covariance = criterion.covariance
        self.name = covariance.names[index]
        self.diagonals, self.column = _places(covariance)
        self.free = np.arange(covariance.n_theta) != index
        H = criterion.hessian(at)[0]
        # dtheta_rest / dtheta_j along the profile, and the profile's own second derivative
        self.path = -_solve(H[np.ix_(self.free, self.free)], H[self.free, index])
        curvature = float(H[index, index] + H[index, self.free] @ self.path)
        scale = float(covariance.scale[index])
        flat = curvature <= 1e-8 * scale**2
        self.slope = 0.0 if flat else float(np.sqrt(curvature / 2.0))
        self.first = 0.1 / scale if flat else STEP / self.slope

    def side(self, sign: float) -> list[Evaluation]:
        """Points from the optimum outward, the optimum left out."""
        out: list[Evaluation] = []
        step, here, before = self.first, self.at, None
        bounded = bool(self.diagonals[self.index]) and sign < 0
        while len(out) < MAX_POINTS:
            value = here.theta[self.index] + sign * step
            if bounded:
                if here.theta[self.index] <= 0.0:
                    break
                value = max(value, 0.0)
            there = self._at(value, here, before)
            out.append(there)
            zeta = np.sqrt(max(there.deviance - self.at.deviance, 0.0))
            if zeta >= self.zeta_max:
                break
            slope = abs(float(self.criterion.gradient(there)[self.index])) / (2 * max(zeta, 1e-8))
            step = STEP / slope if slope > STEP / (1.5 * step) else 1.5 * step
            here, before = there, here
        return out

    def _at(self, value: float, here: Evaluation, before: Evaluation | None) -> Evaluation:
        """The best point with theta_j at `value`."""
        start, distance = here.theta.copy(), value - here.theta[self.index]
        if before is None:
            start[self.free] += distance * self.path
        else:
            moved = here.theta[self.index] - before.theta[self.index]
            start += (here.theta - before.theta) * (distance / moved)
        start[self.index] = value
        best = self._minimise(start, self.free)
        again = best.theta.copy()
        zero = self.free & self.diagonals & self._zero(best.theta)
        if zero.any():  # a zero column is stationary; look whether it is a minimum
            again[zero] = RESTART / self.criterion.covariance.scale[zero]
            other = self._minimise(again, self.free)
            best = other if other.deviance < best.deviance else best
        return best

    def _zero(self, theta: Array) -> NDArray[np.bool_]:
        return np.abs(theta) * self.criterion.covariance.scale < 1e-3

    def _minimise(self, start: Array, free: NDArray[np.bool_]) -> Evaluation:
        """Minimise over the free elements; the diagonal of theta_j's own column stays >= 0.

        D does not change with the sign of a column, so a column that could turn over would make
        the profile of an element below the diagonal the same on both sides of zero.
        """
        found = _newton(self.criterion, start, free)
        own = free & self.diagonals & (self.column == self.column[self.index])
        if np.any(found.theta[own] < 0.0):
            held = found.theta.copy()
            held[own] = 0.0
            found = _newton(self.criterion, held, free & ~own)
        flipped = found.theta.copy()
        for diagonal in np.flatnonzero(self.diagonals & (flipped < 0.0)):
            flipped[self.column == self.column[diagonal]] *= -1.0
        if np.array_equal(flipped, found.theta):
            return found
        return self.criterion.evaluate(flipped)


def _newton(criterion: Criterion, start: Array, free: NDArray[np.bool_]) -> Evaluation:
    """Damped Newton steps over the free elements of theta; concave directions are reversed."""
    at = criterion.evaluate(start)
    if not free.any():
        return at
    scale = criterion.covariance.scale[free]
    for _ in range(MAX_NEWTON):
        gradient = criterion.gradient(at)[free] / scale
        H = criterion.hessian(at)[0][np.ix_(free, free)] / np.outer(scale, scale)
        values, vectors = np.linalg.eigh(H)
        size = np.maximum(np.abs(values), 1e-10 * max(float(np.abs(values).max()), 1e-300))
        along = vectors.T @ gradient
        if 0.5 * float(np.sum(along**2 / size)) < PROMISED * deviance_size(criterion, at.deviance):
            break
        step = -vectors @ (along / size)
        fraction = min(1.0, 1.0 / float(np.abs(step).max()))
        for _ in range(30):
            theta = at.theta.copy()
            theta[free] += fraction * step / scale
            trial = criterion.evaluate(theta)
            if trial.deviance < at.deviance:
                break
            fraction /= 2.0
        else:
            break
        at = trial
    return at


def _solve(H: Array, right: Array) -> Array:
    """H^-1 right, directions without curvature left out."""
    if right.size == 0:
        return right
    values, vectors = np.linalg.eigh(H)
    steep = values > 1e-10 * max(float(np.abs(values).max()), 1e-300)
    return np.asarray(vectors[:, steep] @ ((vectors[:, steep].T @ right) / values[steep]))


def _places(covariance: CovarianceMap) -> tuple[NDArray[np.bool_], NDArray[np.intp]]:
    """Which elements of theta stand on a diagonal, and the column of Lambda each stands in."""
    diagonal = np.zeros(covariance.n_theta, dtype=bool)
    column = np.zeros(covariance.n_theta, dtype=np.intp)
    before = 0
    for level in covariance.levels:
        for block in level.blocks:
            rows, columns = block.triangle
            diagonal[block.part] = rows == columns
            column[block.part] = before + columns
            before += block.size
    return diagonal, column
