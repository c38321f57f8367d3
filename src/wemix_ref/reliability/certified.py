"""A two-level fit in arithmetic of many digits: value, minimum and standard errors.

Everything follows the definitions, with no care for rounding: cross-products, normal equations,
and derivatives as differences with a step far below the digits that are asked for. Data are the
doubles that the estimator is given, taken as exact.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wemix_ref.design import Design
from wemix_ref.errors import OptionError
from wemix_ref.extras import how_to_install

__all__ = ["DIGITS", "Certified", "Exact"]

Array = NDArray[np.float64]
#: Digits that are certified, and those that are calculated with.
DIGITS, _WORKING = 50, 160
#: Steps of differences are 10^-40: what they leave out is below 10^-80 of a second derivative.
_STEP = 40
_NEWTON = 60


def _mpmath() -> Any:  # noqa: ANN401
    try:
        import mpmath
    except ImportError as error:
        raise OptionError(
            f"numbers are certified by mpmath, which is not installed. {how_to_install('mpmath')}"
        ) from error
    mpmath.mp.dps = _WORKING
    return mpmath


@dataclass(frozen=True)
class Certified:
    """One point; numbers of mpmath.

    Attributes
    ----------
    deviance, beta, sigma : profiled at theta.
    se_model, se_sandwich : of beta: inverse information, and the sandwich times K/(K - 1).
    """

    deviance: Any
    beta: list[Any]
    sigma: Any
    se_model: list[Any]
    se_sandwich: list[Any]


class Exact:
    """A design of two levels, its cross-products and weights with all their digits.

    Parameters
    ----------
    design : one level of groups, one term.
    """

    def __init__(self, design: Design) -> None:
        self.mp = _mpmath()
        (level,) = design.levels
        mp = self.mp
        self.q, self.p = level.Z.shape[1], design.X.shape[1]
        rows = np.column_stack([level.Z, design.X, design.y])
        self.psi = [mp.mpf(float(w)) for w in level.psi]
        self.T = []
        self.W_k = []
        for g in range(level.n_groups):
            size = rows.shape[1]
            T, W = mp.zeros(size), mp.mpf(0)
            for row, omega in zip(
                rows[level.codes == g], design.omega[level.codes == g], strict=True
            ):
                m, w = [mp.mpf(float(x)) for x in row], mp.mpf(float(omega))
                W += w
                for i in range(size):
                    for j in range(i + 1):
                        T[i, j] += w * m[i] * m[j]
            for i in range(size):
                for j in range(i):
                    T[j, i] = T[i, j]
            self.T.append(T / self.psi[g])  # conditional weights
            self.W_k.append(W)
        self.W = mp.fsum(self.W_k)

    def _Lambda(self, theta: list[Any]) -> Any:  # noqa: ANN401
        L, k = self.mp.zeros(self.q), 0
        for j in range(self.q):
            for i in range(j, self.q):
                L[i, j] = theta[k]
                k += 1
        return L

    def _shares(self, theta: list[Any]) -> tuple[list[Any], list[Any]]:
        """Log det A of each group times psi, and psi S over [X, y]."""
        mp, q = self.mp, self.q
        L = self._Lambda(theta)
        logs, shares = [], []
        for T, psi in zip(self.T, self.psi, strict=True):
            A = L.T * T[:q, :q] * L + mp.eye(q)
            C = L.T * T[:q, q:]
            logs.append(psi * mp.log(mp.det(A)))
            shares.append(psi * (T[q:, q:] - C.T * (A**-1 * C)))
        return logs, shares

    def at(self, theta: Array | list[Any]) -> Certified:
        """Evaluate at theta, in lme4's order."""
        mp, p = self.mp, self.p
        theta = [mp.mpf(float(t)) if isinstance(t, float) else t for t in theta]
        logs, shares = self._shares(theta)
        F = shares[0] * 0
        for S in shares:
            F += S
        beta, r2, inverse = self._solve(F)
        sigma2 = r2 / self.W
        deviance = mp.fsum(logs) + self.W * (1 + mp.log(2 * mp.pi * sigma2))
        K = len(shares)
        B = mp.zeros(p)
        for S in shares:
            s = S[:p, p] - S[:p, :p] * beta
            B += s * s.T
        V = inverse * B * inverse * mp.mpf(K) / (K - 1)
        return Certified(
            deviance,
            list(beta),
            mp.sqrt(sigma2),
            [mp.sqrt(sigma2 * inverse[i, i]) for i in range(p)],
            [mp.sqrt(abs(V[i, i])) for i in range(p)],
        )

    def _solve(self, F: Any) -> tuple[Any, Any, Any]:  # noqa: ANN401
        p = self.p
        inverse = F[:p, :p] ** -1
        beta = inverse * F[:p, p]
        return beta, F[p, p] - (F[:p, p].T * beta)[0], inverse

    def deviance(self, theta: list[Any]) -> Any:  # noqa: ANN401
        """D alone."""
        mp = self.mp
        logs, shares = self._shares(theta)
        F = shares[0] * 0
        for S in shares:
            F += S
        _, r2, _ = self._solve(F)
        return mp.fsum(logs) + self.W * (1 + mp.log(2 * mp.pi * r2 / self.W))

    def minimum(self, start: Array) -> list[Any]:
        """Refine a theta to the minimum near it, by Newton's steps.

        Elements that are zero stay so: there D is even, and its derivative zero.
        """
        mp = self.mp
        theta = [mp.mpf(float(t)) for t in start]
        free = [k for k, t in enumerate(theta) if t != 0]
        for _ in range(_NEWTON if free else 0):

            def part(values: list[Any], theta: list[Any] = theta) -> Any:  # noqa: ANN401
                full = list(theta)
                for k, value in zip(free, values, strict=True):
                    full[k] = value
                return self.deviance(full)

            here = [theta[k] for k in free]
            gradient, hessian = derivatives(mp, part, here)
            step = list(hessian**-1 * -gradient)
            for k, d in zip(free, step, strict=True):
                theta[k] += d
            if max(abs(d / theta[k]) for k, d in zip(free, step, strict=True)) < mp.mpf(10) ** -55:
                return theta
        if free:
            raise OptionError(f"Newton's steps did not end at a minimum; they are at {theta}.")
        return theta

    def se_variances(self, theta: list[Any], beta: list[Any], sigma: Any) -> list[Any]:  # noqa: ANN401
        """Sandwich standard errors of Sigma (columns of its triangle) and sigma^2.

        H and B over (theta, sigma) alone, times K/(K - 1); the delta method.
        """
        mp = self.mp
        v = mp.matrix([-b for b in beta] + [mp.mpf(1)])

        def terms(values: list[Any]) -> list[Any]:
            logs, shares = self._shares(values[:-1])
            s2 = values[-1] ** 2
            return [
                -(log + W * mp.log(2 * mp.pi * s2) + (v.T * S * v)[0] / s2) / 2
                for log, S, W in zip(logs, shares, self.W_k, strict=True)
            ]

        here = [*theta, sigma]
        n, h = len(here), mp.mpf(10) ** -_STEP
        scores = mp.zeros(len(self.T), n)
        for j in range(n):
            up, down = (terms(moved(here, (j, s * h))) for s in (1, -1))
            for k, (a, b) in enumerate(zip(up, down, strict=True)):
                scores[k, j] = (a - b) / (2 * h * abs(here[j]))
        _, H = derivatives(mp, lambda x: -mp.fsum(terms(x)), here)
        inverse = H**-1
        K = mp.mpf(len(self.T))
        covariance = inverse * scores.T * scores * inverse * K / (K - 1)

        def components(values: list[Any]) -> list[Any]:
            L = self._Lambda(values[:-1])
            S = L * L.T * values[-1] ** 2
            diagonal = [S[i, i] for i in range(self.q)]
            below = [S[i, j] for j in range(self.q) for i in range(j + 1, self.q)]
            return [*diagonal, *below, values[-1] ** 2]

        out = []
        rows = len(components(here))
        J = mp.zeros(rows, n)
        for j in range(n):
            up, down = (components(moved(here, (j, s * h))) for s in (1, -1))
            for k in range(rows):
                J[k, j] = (up[k] - down[k]) / (2 * h * abs(here[j]))
        V = J * covariance * J.T
        for k in range(rows):
            out.append(mp.sqrt(abs(V[k, k])))
        return out


def moved(here: list[Any], *steps: tuple[int, Any]) -> list[Any]:
    """Return a point with some elements, none of them zero, moved by shares of their size."""
    x = list(here)
    for k, share in steps:
        x[k] += share * abs(here[k])
    return x


def derivatives(
    mp: Any,  # noqa: ANN401
    f: Callable[[list[Any]], Any],
    here: list[Any],
) -> tuple[Any, Any]:
    """Gradient and Hessian of a function at a point without zeros, by differences."""
    n, h = len(here), mp.mpf(10) ** -_STEP
    gradient, hessian = mp.zeros(n, 1), mp.zeros(n)
    middle = f(list(here))
    up = [f(moved(here, (k, h))) for k in range(n)]
    down = [f(moved(here, (k, -h))) for k in range(n)]
    for i in range(n):
        step = h * abs(here[i])
        gradient[i] = (up[i] - down[i]) / (2 * step)
        hessian[i, i] = (up[i] - 2 * middle + down[i]) / step**2
        for j in range(i):
            four = [f(moved(here, (i, a * h), (j, b * h))) for a in (1, -1) for b in (1, -1)]
            both, apart = four[0] + four[3], four[1] + four[2]
            hessian[i, j] = (both - apart) / (4 * step * h * abs(here[j]))
            hessian[j, i] = hessian[i, j]
    return gradient, hessian
