"""Where the searches of many small fits should start: near their ends, found for all at once.

A small fit's time goes less into its arithmetic than into what is done between the steps. Here
Newton's steps (`newton.py`) are taken over stacks of gradients and Hessians. A fit's numbers do not
depend on those of the others. Only starts come from here: the search that ends at the minimum, and
the judgement of what it found, are those of a fit alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wemix_ref.deviance import profiled_hessian
from wemix_ref.recursion import Down, Recursion, Up
from wemix_ref.working import WorkingCriterion

__all__ = ["near_minima"]

Array = NDArray[np.float64]
Ints = NDArray[np.intp]

MAX_STEPS = 12
#: How often a step is cut to a quarter before a fit is left to its own search.
MAX_CUTS = 6
#: A step that promises less than this, relative to the deviance, ends near the minimum: the one
#: after it promises about the square.
NEAR = 1e-10


def near_minima(criteria: Sequence[WorkingCriterion], start: Array) -> list[Array | None]:
    """Points from which a Newton step or two reach the minimum.

    Parameters
    ----------
    criteria : ML fits of one shape: levels, terms, p, cross-products by top group or none.
    start : (n_theta,) phi to begin with.

    Returns
    -------
    Per fit phi, (n_theta,); None where plain steps do not get there, or a variance goes to zero.
    """
    try:
        return _near_minima(criteria, start)
    except np.linalg.LinAlgError:  # in one matrix of a stack; it does not say which
        if len(criteria) == 1:
            return [None]
        half = len(criteria) // 2
        return near_minima(criteria[:half], start) + near_minima(criteria[half:], start)


def _near_minima(criteria: Sequence[WorkingCriterion], start: Array) -> list[Array | None]:
    stack = _Stack(criteria)
    near = np.zeros(len(criteria), dtype=bool)
    at, todo = stack.evaluate(np.tile(start, (len(criteria), 1)), np.arange(len(criteria)))
    for _ in range(MAX_STEPS):
        if todo.size == 0:
            break
        gradient, H = stack.derivatives(at, todo)
        step, promised = _steps(at.phi[todo], gradient, H)
        last = promised <= NEAR * np.maximum(np.abs(at.D[todo]), np.minimum(stack.W[todo], 1.0))
        near[todo[last]] = True
        at.phi[todo[last]] += step[last]
        todo = _moved(stack, at, step[~last], todo[~last])
    return [
        phi if there and not one.covariance.zero_columns(phi).any() else None
        for one, phi, there in zip(criteria, at.phi, near, strict=True)
    ]


@dataclass(frozen=True)
class _At:
    """Where the fits are: phi (N, n_theta), D (N,), v (N, p + 1), sigma2 (N,), F_xx^-1."""

    phi: Array
    D: Array
    v: Array
    sigma2: Array
    F_xx_inv: Array

    def take(self, other: _At, fits: Ints) -> None:
        """Replace some fits by those of another."""
        for mine, new in zip(vars(self).values(), vars(other).values(), strict=True):
            mine[fits] = new[fits]


class _Stack:
    """Criteria of one shape, over phi."""

    def __init__(self, criteria: Sequence[WorkingCriterion]) -> None:
        plain = [one.criterion for one in criteria]
        self.covariance, self.p = plain[0].covariance, plain[0].data.p
        self.recursion = Recursion.of([one.data for one in plain])
        self.jacobian = np.stack([one.jacobian for one in criteria])
        self.R = [
            np.stack([level.R for level in levels])
            for levels in zip(*[one.data.levels for one in plain], strict=True)
        ]
        self.bases = [
            np.stack(level) for level in zip(*[one.bases for one in criteria], strict=True)
        ]
        self.units = tuple(
            np.concatenate(level) for level in zip(*[one.units for one in criteria], strict=True)
        )
        self.W = np.array([one.data.W for one in plain])
        self.Lam: tuple[Array, ...] = ()
        self.up: Up | None = None
        self.down: Down | None = None

    def evaluate(self, phi: Array, fits: Ints) -> tuple[_At, Ints]:
        """The criterion at phi, and those of the fits where it has a value."""
        theta = (self.jacobian @ phi[:, :, None])[:, :, 0]
        self.Lam = tuple(
            R @ level.Lambda(theta) for level, R in zip(self.covariance.levels, self.R, strict=True)
        )
        self.up = up = self.recursion.up(self.Lam, fits, self.up)
        fits, p, N = fits[up.failed[fits] < 0], self.p, phi.shape[0]
        F = (up.F[fits] + up.F[fits].swapaxes(1, 2)) / 2.0
        inverse = np.linalg.inv(F[:, :p, :p])
        b = (inverse @ F[:, :p, p:])[:, :, 0]
        sigma2 = (F[:, p, p] - (F[:, :p, p] * b).sum(axis=1)) / self.W[fits]
        at = _At(
            phi.copy(),
            np.full(N, np.inf),
            np.ones((N, p + 1)),
            np.ones(N),
            np.empty((N, p, p)),
        )
        with np.errstate(invalid="ignore", divide="ignore"):
            log_variance = np.log(2.0 * np.pi * sigma2)
        value = up.total[fits] + self.W[fits] * (1.0 + log_variance)
        at.D[fits] = np.where(np.isfinite(value), value, np.inf)
        at.v[fits, :p], at.sigma2[fits], at.F_xx_inv[fits] = -b, sigma2, inverse
        return at, fits[np.isfinite(at.D[fits])]

    def derivatives(self, at: _At, fits: Ints) -> tuple[Array, Array]:
        """Gradients and Hessians over phi of some fits, where each was evaluated last."""
        assert self.up is not None
        over = 1.0 / at.sigma2[:, None, None]
        self.down = down = self.recursion.down(
            self.up, self.Lam, at.v[:, :, None], over, fits, self.down
        )
        slopes, dFv, _ = self.recursion.second(down, self.Lam, self.units, at.sigma2, fits)
        back = [basis[fits].swapaxes(1, 2) for basis in self.bases]
        gradient = self.covariance.gather(
            [basis @ M[fits] for basis, M in zip(back, down.gradient, strict=True)]
        )
        H = self.covariance.gather_second(
            [basis[:, None] @ M[fits] for basis, M in zip(back, slopes, strict=True)]
        )
        H = profiled_hessian(
            H, dFv[fits], at.F_xx_inv[fits], at.v[fits], at.sigma2[fits], self.W[fits]
        )
        return gradient, (H + H.swapaxes(1, 2)) / 2.0


def _steps(phi: Array, gradient: Array, H: Array) -> tuple[Array, Array]:
    """Newton steps and what they promise: flat directions left alone, concave ones reversed."""
    scale = np.maximum(1.0, np.abs(phi))
    values, vectors = np.linalg.eigh(H * scale[:, :, None] * scale[:, None, :])
    size = np.abs(values)
    along = (vectors.swapaxes(1, 2) @ (scale * gradient)[:, :, None])[:, :, 0]
    least = 1e-10 * np.maximum(size.max(axis=1, keepdims=True), 1e-290)
    share = np.where(size > least, along / np.maximum(size, least), 0.0)
    step = -scale * (vectors @ share[:, :, None])[:, :, 0]
    return step, 0.5 * (share * along).sum(axis=1)


def _moved(stack: _Stack, at: _At, step: Array, todo: Ints) -> Ints:
    """Go the longest part of its step that lowers a fit's deviance; which fits went."""
    if todo.size == 0:
        return todo
    length, reach = np.abs(step).max(axis=1), np.abs(at.phi[todo]).max(axis=1)
    fraction = np.minimum(1.0, np.maximum(1.0, reach) / np.maximum(length, 1e-290))
    went = np.zeros(todo.size, dtype=bool)
    for _ in range(MAX_CUTS):
        phi, fits = at.phi.copy(), todo[~went]
        phi[fits] += fraction[~went, None] * step[~went]
        trial, _ = stack.evaluate(phi, fits)
        lower = trial.D[todo] < at.D[todo]
        at.take(trial, todo[lower & ~went])
        went |= lower
        if went.all():
            break
        fraction /= 4.0
    return todo[went]
