"""Minimising the criterion over theta.

Newton steps with the exact Hessian, concave directions reversed, damped until the deviance falls.
Should they not end at a minimum, BFGS goes on from there, and Newton finishes. The search works on
phi, which fills triangles as theta does, but in a basis where each term's columns of Z are
orthonormal: neither the unit nor the origin of a slope plays a part.

D is even in the sign of each column of Lambda: no bounds are needed, but a zero column is always
stationary, so a point counts as a minimum only when the gradient of D as a function of Lambda
Lambda' is positive semidefinite there (`Criterion.psd_gradient`); otherwise the search steps off
along the eigenvector and goes on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wemix_ref.batch import near_minima
from wemix_ref.compiled import HAVE_NUMBA
from wemix_ref.covariance import SINGULAR_TOLERANCE, rotate_to_lower_triangle
from wemix_ref.deviance import Criterion, Evaluation
from wemix_ref.errors import ModelError, WemixRefError
from wemix_ref.newton import (
    CONVERGED,
    ROUNDING,
    Newton,
    check_residual,
    descend,
    deviance_size,
    evaluated,
    newton_step,
    upright,
)
from wemix_ref.starts import are_scarce, other_starts, usual_start
from wemix_ref.working import WorkingCriterion, working_criterion

__all__ = ["OptimizerReport", "minimise", "minimise_all", "report_at"]

Array = NDArray[np.float64]

MAX_ROUNDS = 8
#: From so many top groups on the search starts where that over some of them ends.
MANY_TOP_GROUPS = 2000
SOME_TOP_GROUPS = 500
#: That minimum is looked for to so much of its deviance: all groups have another one.
NEAR = 1e-6
#: So many rows are a small fit, and so many of them are started together.
SMALL = 20_000
TOGETHER = 200
#: Share of the response's variation, as a standard deviation, that rounding alone leaves.
PERFECT = 1e-13
#: Where the residual has so little of what X leaves of the squares, it is looked whether there is a
#: minimum: the deviance must rise, whether Lambda is larger or smaller by this factor, by more than
#: rounding and a share of the top groups' weight; about a minimum it rises by some such weights.
VANISHING, FACTOR, RISE = 1e-6, 4.0, 1e-2
#: Rounding of the residual's squares, relative to what X leaves of the squares.
SQUARES = 1e-15
#: A row of Lambda nearer than this, on the scale of Z, to the span of the rows above lies in it:
#: rounding in the change of basis leaves about 1e-11 where a slope's origin is 1e5 spreads away.
IN_SPAN = 1e-9


@dataclass(frozen=True)
class OptimizerReport:
    """What the optimiser did.

    Attributes
    ----------
    method : how theta was found.
    evaluations : evaluations of the criterion; hessians : of its Hessian.
    gradient_norm : largest element of dD/dphi at the end, in units of the deviance; phi is theta in
        a basis where each term's columns of Z are orthonormal.
    promised : decrease of the deviance that one more Newton step promises.
    steps_off : times a stationary point proved to be no minimum and was left.
    converged : whether `promised` is below 1e-11 of the deviance's size (`deviance_size`).
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


@dataclass
class _Search:
    """One start: where it ended and what it took."""

    at: Evaluation
    newton: Newton
    steps_off: int


def _residual_squares(criterion: Criterion) -> float:
    """Weighted sum of squares left by the fixed part alone; refused where that is rounding.

    Raises
    ------
    ModelError
        The columns of X fit the response exactly.
    """
    left = float(criterion.data.F[-1, -1])  # e is what X leaves of y
    whole = left + float(np.sum(criterion.data.coordinates.b0**2))
    if left <= PERFECT**2 * whole:
        raise ModelError(
            "the response must vary about its fixed part; the columns of X fit it exactly, so no "
            "variance can be estimated. Check whether the response stands among the predictors."
        )
    return left


def _bfgs(criterion: Criterion, phi: Array, least: float) -> Evaluation:
    from scipy.optimize import minimize  # a quarter of the time of an import, and seldom needed

    unit = criterion.data.W
    best: list[Evaluation] = []

    def objective(point: Array) -> tuple[float, Array]:
        at = evaluated(criterion, point)
        if at is None:
            return np.inf, np.zeros_like(point)
        check_residual(at, least)
        if not best or at.deviance < best[0].deviance:
            best[:] = [at]
        return at.deviance / unit, criterion.gradient(at) / unit

    minimize(objective, phi, jac=True, method="BFGS", options={"gtol": 1e-7, "maxiter": 500})
    if not best:
        raise ModelError(
            "the deviance must be finite where the search starts; it is not. Check the data for "
            "values or weights of very different sizes."
        )
    return best[0]


def _snap(criterion: Criterion, at: Evaluation) -> Evaluation:
    """Set columns that count as zero to zero where that costs nothing."""
    covariance = criterion.covariance
    phi = covariance.normalise(at.theta, SINGULAR_TOLERANCE)
    zero = covariance.zero_columns(phi)
    if zero.any():
        snapped = criterion.evaluate(np.where(zero, 0.0, phi))
        if snapped.deviance <= at.deviance + 1e-12 * deviance_size(criterion, at.deviance):
            return snapped
    return upright(criterion, at)


def _step_off(criterion: Criterion, at: Evaluation) -> Evaluation | None:
    """A point with a lower deviance along the steepest descent of D over L L', if there is any."""
    least, direction = 0.0, None
    for level, M in zip(criterion.covariance.levels, criterion.psd_gradient(at), strict=True):
        for block in level.blocks:
            values, vectors = np.linalg.eigh(M[block.rows, block.rows])
            if values[0] < least:
                least, direction = float(values[0]), (block, vectors[:, 0])
    tolerance = 1e-10 * deviance_size(criterion, at.deviance)
    if direction is None:
        return None
    block, x = direction
    best, t = None, 1.0
    while -least * t > tolerance:
        root = np.column_stack([block.L(at.theta), np.sqrt(t) * x])
        phi = at.theta.copy()
        phi[block.part] = rotate_to_lower_triangle(root, np.ones(block.size), 0.0)[block.triangle]
        trial = criterion.evaluate(phi)
        if trial.deviance < (at if best is None else best).deviance - tolerance:
            best = trial
        elif best is not None:
            break
        t /= 4.0
    return best


def _search(criterion: Criterion, phi: Array, H: Array | None = None) -> _Search:
    """One start: Newton, and stepping off until the point is a minimum."""
    least = PERFECT * _residual_squares(criterion)
    steps_off = 0
    while True:
        at, newton = _stationary(criterion, phi, least, H)
        snapped = _snap(criterion, at)
        lower = _step_off(criterion, snapped) if steps_off < MAX_ROUNDS else None
        if lower is None:
            if newton is None or not np.array_equal(np.abs(snapped.theta), np.abs(at.theta)):
                newton = newton_step(criterion, snapped)
            return _Search(snapped, newton, steps_off)
        steps_off += 1
        phi, H = lower.theta, None


def _stationary(
    criterion: Criterion, phi: Array, least: float, H: Array | None
) -> tuple[Evaluation, Newton | None]:
    start = evaluated(criterion, phi)
    if start is not None:
        check_residual(start, least)
        at, newton = descend(criterion, start, least, H)
        if newton is not None:
            return at, newton
        phi = at.theta
    return descend(criterion, _bfgs(criterion, phi, least), least)


def _near(criterion: WorkingCriterion, start: Array) -> tuple[Array, Array | None]:
    """Where to start and a Hessian there: with many top groups, from the fit to some of them."""
    K = criterion.data.W_top.size
    if K < MANY_TOP_GROUPS or criterion.data.F_top is None:
        return start, None
    some = np.zeros(K, dtype=bool)
    some[:: max(1, min(K // SOME_TOP_GROUPS, 20))] = True
    data = criterion.data.some(some)
    part = criterion.over(Criterion(data, criterion.criterion.covariance, criterion.reml))
    first = evaluated(part, start)
    if first is None:
        return start, None
    try:
        at, newton = descend(part, first, 0.0, enough=NEAR)
    except (ModelError, np.linalg.LinAlgError):  # what these groups lack the others may have
        return start, None
    if newton is None or criterion.covariance.zero_columns(at.theta).any():
        return start, None
    return at.theta, newton.H * (criterion.data.W / part.data.W)


def minimise_all(
    criteria: Sequence[Criterion],
) -> list[tuple[Evaluation, OptimizerReport] | WemixRefError | np.linalg.LinAlgError]:
    """Minimise each of several criteria; small ones of one shape are started together.

    Parameters
    ----------
    criteria : of any shapes.

    Returns
    -------
    As :func:`minimise`, in the same order; the error in place of one that has no minimum.
    """
    working = [working_criterion(one) for one in criteria]
    shapes: dict[object, list[int]] = {}
    for i, one in enumerate(criteria):
        if HAVE_NUMBA() and not one.reml and one.data.p and one.data.n <= SMALL:
            shapes.setdefault(_shape(one), []).append(i)
    starts: dict[int, Array | None] = {}
    for mine in shapes.values():
        for several in (mine[i : i + TOGETHER] for i in range(0, len(mine), TOGETHER)):
            start = usual_start(working[several[0]].covariance)
            near = near_minima([working[i] for i in several], start)
            starts |= dict(zip(several, near, strict=True))
    out: list[tuple[Evaluation, OptimizerReport] | WemixRefError | np.linalg.LinAlgError] = []
    for i, (one, own) in enumerate(zip(criteria, working, strict=True)):
        try:
            out.append(_minimise(one, own, starts.get(i)))
        except (WemixRefError, np.linalg.LinAlgError) as error:
            out.append(error)
    return out


def _shape(criterion: Criterion) -> object:
    """Those of one shape have stacks of the same form."""
    data, levels = criterion.data, criterion.covariance.levels
    blocks = tuple(tuple(block.size for block in level.blocks) for level in levels)
    return blocks, data.p, data.F_top is None


def minimise(criterion: Criterion) -> tuple[Evaluation, OptimizerReport]:
    """Minimise D over theta.

    Returns
    -------
    The evaluation at the minimum, diagonals of Lambda non-negative, and what was done. A minimum on
    the boundary is looked for from a second start as well, where rows are few for the variances
    from several (`starts.py`), and so is one that rounding hides; the lowest is returned.
    """
    return _minimise(criterion, working_criterion(criterion), None)


def _minimise(
    criterion: Criterion, working: WorkingCriterion, near: Array | None
) -> tuple[Evaluation, OptimizerReport]:
    """Search from a point near the minimum, if one is known, else from the start."""
    before = criterion.evaluations, criterion.hessians
    start = usual_start(working.covariance)
    found = [_search(working, *(_near(working, start) if near is None else (near, None)))]
    if near is not None and working.covariance.zero_columns(found[0].at.theta).any():
        found = [_search(working, *_near(working, start))]
    found += _other_searches(working, found[0], start)
    best = found[0]
    for other in found[1:]:
        margin = ROUNDING * deviance_size(criterion, best.at.deviance)
        best = other if other.at.deviance < best.at.deviance - margin else best

    if working.covariance.zero_columns(best.at.theta).any():
        Lambdas = working.covariance.Lambdas(best.at.theta)
        at = criterion.evaluate(criterion.covariance.from_Lambdas(Lambdas, IN_SPAN))
    else:
        at = working.restated(best.at)
    report = _report(
        f"Newton, {len(found)} start{'s' if len(found) > 1 else ''}",
        best.newton,
        deviance_size(criterion, at.deviance),
        criterion.evaluations - before[0],
        criterion.hessians - before[1],
        sum(one.steps_off for one in found),
    )
    _check_minimum(working, best.at)
    return at, report


def _check_minimum(criterion: WorkingCriterion, at: Evaluation) -> None:
    """Refuse a point that a search came to on its way to a residual of zero.

    Where the random effects can leave nothing, the deviance falls without end as they grow, or to a
    limit; and rounding stops the search anywhere. About a minimum, however small its residual, it
    rises either way.

    Raises
    ------
    ModelError
        It does not rise.
    """
    left = float(criterion.data.F[-1, -1])
    if at.profile.r2 > VANISHING * left:
        return
    W_top = float(criterion.data.levels[-1].psi.sum())
    for times in (FACTOR, 1.0 / FACTOR):
        there = evaluated(criterion, times * at.theta)
        r2 = min(at.profile.r2, there.profile.r2) if there else 0.0
        rounding = criterion.data.W * SQUARES * left / max(r2, SQUARES * left)
        if there is None or there.deviance < at.deviance + RISE * W_top - rounding:
            check_residual(at, VANISHING * left)


def _other_searches(working: WorkingCriterion, found: _Search, start: Array) -> list[_Search]:
    """Searches from elsewhere for a minimum on the boundary, or one that rounding hides.

    One for the boundary, several where rows are few.
    """
    theta = found.at.theta
    singular = working.covariance.zero_columns(theta).any()
    if not are_scarce(working.data.n, working.covariance.n_theta):
        return [_search(working, start / 4.0)] if singular else []
    if not singular and _has_converged(found.newton, deviance_size(working, found.at.deviance)):
        return []
    out = []
    for other in other_starts(working.covariance, theta):
        try:
            out.append(_search(working, other))
        except (ModelError, np.linalg.LinAlgError):  # it ends where there is no minimum
            continue
    return out


def report_at(criterion: Criterion, at: Evaluation) -> OptimizerReport:
    """Report for a theta that was given, not searched for."""
    working = working_criterion(criterion)
    phi = working.covariance.from_Lambdas(criterion.covariance.Lambdas(at.theta))
    newton = newton_step(working, working.evaluate(phi))
    size = deviance_size(criterion, at.deviance)
    return _report("none, theta was given", newton, size, 2, 1, 0)


def _report(
    method: str,
    newton: Newton,
    size: float,
    evaluations: int,
    hessians: int,
    steps_off: int,
) -> OptimizerReport:
    promised = newton.promised + newton.ignored
    converged = _has_converged(newton, size)
    message = (
        "converged"
        if converged
        else f"one more Newton step promises {promised:.3g} of the deviance"
    )
    return OptimizerReport(
        method,
        evaluations,
        hessians,
        newton.gradient_norm,
        promised,
        steps_off,
        converged,
        message,
    )


def _has_converged(newton: Newton, size: float) -> bool:
    return newton.promised + newton.ignored <= CONVERGED * size
