"""Digits kept, certified by arithmetic with 60 digits."""

from __future__ import annotations

import mpmath
import numpy as np
import pandas as pd
import pytest

from wemix_ref import mix


def certified(data: pd.DataFrame, theta: list[float]) -> tuple[mpmath.mpf, list[mpmath.mpf]]:
    """Deviance and beta of y ~ x + (x|g) with weights w1, w2, straight from the definition.

    r^2 is the minimum over beta and every group's v of the weighted least squares of eq. 60; the
    log-determinants are those of the groups' own systems with conditional weights.
    """
    mpmath.mp.dps = 60
    Lambda = mpmath.matrix([[theta[0], 0], [theta[1], theta[2]]])
    groups = sorted(set(data["g"]))
    size = 2 * len(groups) + 2
    normal, right, total = mpmath.zeros(size), mpmath.zeros(size, 1), mpmath.mpf(0)
    W = log_det = yy = mpmath.mpf(0)
    for j, g in enumerate(groups):
        rows = data[data["g"] == g]
        psi = mpmath.mpf(float(rows["w2"].iloc[0]))
        A = mpmath.eye(2)
        for x, y, w in rows[["x", "y", "w1"]].itertuples(index=False):
            z = mpmath.matrix([1, mpmath.mpf(float(x))])
            row = mpmath.zeros(size, 1)
            zL = Lambda.T * z
            row[2 * j], row[2 * j + 1] = zL[0], zL[1]
            row[size - 2], row[size - 1] = z[0], z[1]
            omega, response = mpmath.mpf(float(w)), mpmath.mpf(float(y))
            normal += omega * row * row.T
            right += omega * response * row
            yy += omega * response**2
            W += omega
            A += omega / psi * zL * zL.T
        for k in (0, 1):
            normal[2 * j + k, 2 * j + k] += psi
        log_det += psi * mpmath.log(mpmath.det(A))
    solution = mpmath.lu_solve(normal, right)
    r2 = yy - (right.T * solution)[0]
    total = log_det + W * (1 + mpmath.log(2 * mpmath.pi * r2 / W))
    return total, [solution[size - 2], solution[size - 1]]


@pytest.mark.parametrize(
    ("y_offset", "x_offset", "digits_deviance", "digits_slope"),
    [(0.0, 0.0, 14, 13), (1e8, 0.0, 13, 12), (0.0, 1e5, 12, 9), (1e6, 1e3, 12, 10)],
)
def test_offsets_cost_few_digits(
    y_offset: float, x_offset: float, digits_deviance: int, digits_slope: int
) -> None:
    rng = np.random.default_rng(12)
    g = np.repeat(np.arange(5), 4)
    data = pd.DataFrame({"g": g, "x": np.round(rng.normal(size=20), 3)})
    data["w2"] = rng.integers(1, 5, 5)[g] * 0.5
    data["w1"] = data["w2"] * rng.integers(1, 5, 20) * 0.25
    data["y"] = np.round(1 + 0.5 * data["x"] + rng.normal(size=5)[g] + rng.normal(size=20), 3)
    data["x"] += x_offset
    data["y"] += y_offset
    theta = [0.8, 0.2, 0.4] if x_offset == 0 else [0.8, 1e-5, 1e-5]
    fit = mix("y ~ x + (x|g)", data, ["w1", "w2"]).at(theta)
    deviance, beta = certified(data, theta)
    assert abs(mpmath.mpf(fit.deviance) / deviance - 1) < 10.0**-digits_deviance
    assert abs(mpmath.mpf(float(fit.params["x"])) / beta[1] - 1) < 10.0**-digits_slope
    assert abs(mpmath.mpf(float(fit.params["(Intercept)"])) / beta[0] - 1) < 1e-9
