"""The steps of the paper's derivation, each as numbers (Bailey 2018, eqs. 12 to 112).

The statements are the corrected ones; docs/errata.md lists where the print differs.
"""

from __future__ import annotations

import numpy as np
import pytest
import scipy.integrate
import scipy.linalg
import scipy.stats
from numpy.typing import NDArray

from tests.identities.conftest import simulate
from tests.identities.test_criterion import draw, some_theta
from wemix_ref import paper
from wemix_ref.design import Design, build_design

Array = NDArray[np.float64]
NAMES = ["two levels, slope", "three levels", "three levels, slopes"]


class Stacked:
    """Eqs. 59 to 63: one model at one theta, with every matrix written out."""

    def __init__(self, name: str, weighted: bool) -> None:
        data, formula, weights = draw(name, weighted)
        self.design = design = build_design(formula, data, weights)
        self.theta = some_theta(design.covariance.n_theta)
        Lambdas = design.covariance.Lambdas(self.theta)
        Z, L, psi = [], [], []
        for level, Lambda in zip(design.levels, Lambdas, strict=True):
            q = level.Z.shape[1]
            block = np.zeros((design.n, level.n_groups, q))
            block[np.arange(design.n), level.codes] = level.Z
            Z.append(block.reshape(design.n, -1))
            L.append(np.kron(np.eye(level.n_groups), Lambda))  # eq. 81, columns group by group
            psi.append(np.repeat(level.psi, q))
        self.Z, self.Lambda, self.psi = np.hstack(Z), scipy.linalg.block_diag(*L), np.hstack(psi)
        self.X, self.y, self.omega = design.X, design.y, design.omega
        self.n_z, self.p = self.Z.shape[1], self.X.shape[1]
        root = np.sqrt(self.omega)[:, None]
        self.A = np.block(  # eqs. 25, 60
            [
                [root * (self.Z @ self.Lambda), root * self.X],
                [np.diag(np.sqrt(self.psi)), np.zeros((self.n_z, self.p))],
            ]
        )
        self.y0 = np.concatenate([root[:, 0] * self.y, np.zeros(self.n_z)])
        Q, self.R = np.linalg.qr(self.A)
        self.Q = Q
        self.solution = scipy.linalg.solve_triangular(self.R, Q.T @ self.y0)  # eq. 27
        self.residual = self.y0 - self.A @ self.solution  # eq. 33
        rng = np.random.default_rng(9)
        self.v, self.beta = rng.normal(size=self.n_z), rng.normal(size=self.p)

    def r2(self, v: Array, beta: Array) -> float:
        """Eqs. 23 and 59, summed as they stand."""
        e = self.y - self.X @ beta - self.Z @ (self.Lambda @ v)
        return float((self.omega * e**2).sum() + (self.psi * v**2).sum())

    def parts(self) -> tuple[float, float, float]:
        """The three terms of eq. 43 at (v, beta)."""
        n_z, R = self.n_z, self.R
        dv, db = self.v - self.solution[:n_z], self.beta - self.solution[n_z:]
        first = R[:n_z, :n_z] @ dv + R[:n_z, n_z:] @ db
        second = R[n_z:, n_z:] @ db
        return float(self.residual @ self.residual), float(first @ first), float(second @ second)


@pytest.fixture(params=[(n, w) for n in NAMES for w in (False, True)], ids=str)
def stacked(request: pytest.FixtureRequest) -> Stacked:
    return Stacked(*request.param)


@pytest.fixture(params=NAMES)
def unweighted(request: pytest.FixtureRequest) -> Stacked:
    return Stacked(request.param, False)


@pytest.fixture(params=NAMES)
def weighted(request: pytest.FixtureRequest) -> Stacked:
    return Stacked(request.param, True)


def test_pseudo_data_give_the_penalised_sum_of_squares(stacked: Stacked) -> None:
    """Eqs. 23, 24, 29 and 59 to 63."""
    x = np.concatenate([stacked.v, stacked.beta])
    rest = stacked.y0 - stacked.A @ x
    assert rest @ rest == pytest.approx(stacked.r2(stacked.v, stacked.beta), rel=1e-12)


def test_least_squares_by_qr(stacked: Stacked) -> None:
    """Eqs. 25 to 28 and 33: the normal equations hold, the system itself has no solution."""
    s = stacked
    np.testing.assert_allclose(s.Q.T @ s.Q, np.eye(s.n_z + s.p), atol=1e-12)
    np.testing.assert_allclose(np.tril(s.R, -1), 0.0, atol=1e-12)
    np.testing.assert_allclose(s.Q @ s.R, s.A, atol=1e-11)
    np.testing.assert_allclose(s.A.T @ s.residual, 0.0, atol=1e-9)  # null space of A'
    assert np.linalg.norm(s.residual) > 1.0
    at = paper.evaluate(s.design, s.theta)
    np.testing.assert_allclose(s.solution[s.n_z :], at.beta, rtol=1e-9, atol=1e-11)
    v = np.concatenate([level.ravel() for level in at.v])
    np.testing.assert_allclose(s.solution[: s.n_z], v, rtol=1e-8, atol=1e-10)


def test_sum_of_squares_splits_at_its_minimum(stacked: Stacked) -> None:
    """Eqs. 29 to 43, each form of r^2 at values that are no minimum."""
    s = stacked
    d = np.concatenate([s.v, s.beta]) - s.solution
    expected = s.r2(s.v, s.beta)
    least = float(s.residual @ s.residual)
    Ad = s.A @ d
    assert (s.residual - Ad) @ (s.residual - Ad) == pytest.approx(expected, rel=1e-11)  # 30-34
    assert least - 2 * s.residual @ Ad + Ad @ Ad == pytest.approx(expected, rel=1e-11)  # 35
    assert least + Ad @ Ad == pytest.approx(expected, rel=1e-11)  # 36
    QRd = s.Q @ (s.R @ d)
    assert least + QRd @ QRd == pytest.approx(expected, rel=1e-11)  # 37, 38
    Rd = s.R @ d
    assert least + Rd @ Rd == pytest.approx(expected, rel=1e-11)  # 39, 40
    assert (
        least
        == pytest.approx(  # 41
            s.r2(s.solution[: s.n_z], s.solution[s.n_z :]), rel=1e-11
        )
    )
    assert least == pytest.approx(paper.evaluate(s.design, s.theta).r2, rel=1e-11)
    assert sum(s.parts()) == pytest.approx(expected, rel=1e-11)  # 42, 43


def test_weighted_densities_multiply_to_one_normal_form(stacked: Stacked) -> None:
    """Eqs. 44 to 46 and 64 to 74: powers of densities, as logarithms."""
    s, sigma = stacked, 0.8
    mean = s.X @ s.beta + s.Z @ (s.Lambda @ s.v)
    of_y = float((s.omega * scipy.stats.norm.logpdf(s.y, mean, sigma)).sum())  # 64
    of_v = float((s.psi * scipy.stats.norm.logpdf(s.v, 0.0, sigma)).sum())  # 67
    log_scale = np.log(2 * np.pi * sigma**2) / 2
    e = np.sqrt(s.omega) * (s.y - mean)
    assert of_y == pytest.approx(  # 65, 66
        -s.omega.sum() * log_scale - e @ e / (2 * sigma**2), rel=1e-11
    )
    assert of_v == pytest.approx(  # 68, 69
        -s.psi.sum() * log_scale - (s.psi * s.v**2).sum() / (2 * sigma**2), rel=1e-11
    )
    constant = -(s.omega.sum() + s.psi.sum()) * log_scale
    joint = constant - s.r2(s.v, s.beta) / (2 * sigma**2)  # 70 to 73
    assert of_y + of_v == pytest.approx(joint, rel=1e-11)
    least, first, second = s.parts()
    assert constant - (least + first + second) / (2 * sigma**2) == pytest.approx(joint, rel=1e-11)
    printed = constant - (least - first - second) / (2 * sigma**2)  # 74 as printed
    assert abs(printed / joint - 1) > 1e-3


def test_integrating_out_the_effects_gives_the_normal_density(unweighted: Stacked) -> None:
    """Eqs. 47 to 55: log|det R11| and two sums of squares are the density of y."""
    s, sigma = unweighted, 0.8
    least, _, second = s.parts()
    log_det = np.log(np.abs(np.diag(s.R)[: s.n_z])).sum()
    n = s.y.size
    ours = -log_det - n / 2 * np.log(2 * np.pi * sigma**2) - (least + second) / (2 * sigma**2)
    ZL = s.Z @ s.Lambda
    V = sigma**2 * (ZL @ ZL.T + np.eye(n))
    density = scipy.stats.multivariate_normal(s.X @ s.beta, V).logpdf(s.y)
    assert ours == pytest.approx(density, rel=1e-10)


def test_change_of_variables_costs_a_determinant() -> None:
    """Eqs. 49 to 53 and 94 to 96: the integral over effects is that of a normal density / |R|."""
    sigma, R = 0.8, np.array([[1.3, 0.4], [0.0, -0.7]])

    def integrand(b: float, a: float) -> float:
        gamma = R @ np.array([a, b]) + np.array([0.3, -0.2])
        return float(np.exp(-gamma @ gamma / (2 * sigma**2)) / (2 * np.pi * sigma**2))

    value, _ = scipy.integrate.dblquad(integrand, -12, 12, -12, 12, epsabs=1e-10)
    assert value == pytest.approx(1 / abs(np.linalg.det(R)), rel=1e-8)


def test_profiling_sigma_then_beta(stacked: Stacked) -> None:
    """Eqs. 55 to 58 and 103 to 106: minima in beta and sigma, and the value there."""
    s = stacked
    at = paper.evaluate(s.design, s.theta)
    W, log_alpha = s.omega.sum(), at.log_alpha

    def deviance(sigma2: float, beta: Array) -> float:
        db = at.R22 @ (beta - at.beta)
        return float(-2 * log_alpha + W * np.log(2 * np.pi * sigma2) + (at.r2 + db @ db) / sigma2)

    best = at.r2 / W  # 57, 105
    assert at.sigma**2 == pytest.approx(best, rel=1e-12)
    assert W / best - at.r2 / best**2 == pytest.approx(0.0, abs=1e-9 * W / best)  # 104
    assert deviance(best, at.beta) == pytest.approx(at.deviance, rel=1e-12)  # 58, 106
    for factor in (0.99, 1.01):
        assert deviance(best * factor, at.beta) > at.deviance
    for unit in np.eye(s.p):
        assert deviance(best, at.beta + 0.01 * unit) > at.deviance
        assert deviance(best, at.beta - 0.01 * unit) > at.deviance


def group_stack(design: Design, theta: Array, g: int) -> tuple[Array, Array, Array, int]:
    """Columns z_2, z_3, x, y of one lowest group with conditional weights, its Delta, and q."""
    rows = design.levels[0].codes == g
    root = np.sqrt(design.omega_cond[rows])[:, None]
    columns = [*(level.Z[rows] for level in design.levels), design.X[rows], design.y[rows, None]]
    Delta = np.linalg.inv(design.covariance.Lambdas(theta)[0])
    return root, np.hstack(columns), Delta, Delta.shape[0]


def test_a_rotation_sets_the_groups_own_effects_apart() -> None:
    """Eqs. 85 to 95: the group's r^2 as two squares, and the determinant of its integral."""
    s = Stacked("three levels, slopes", True)
    rng = np.random.default_rng(2)
    for g in range(4):
        root, columns, Delta, q = group_stack(s.design, s.theta, g)
        n_g, width = columns.shape
        stack = np.vstack([root * columns, np.hstack([Delta, np.zeros((q, width - q))])])
        Q, R = np.linalg.qr(stack[:, :q], mode="complete")  # 88
        np.testing.assert_allclose(R[q:], 0.0, atol=1e-12)
        rotated = Q.T @ stack  # 90
        assert rotated[q:].shape == (n_g, width)  # the text after 91 has n_g - q
        x = np.append(-rng.normal(size=width - 1), 1.0)  # y - Z_2 u_2 - Z_3 u_3 - X beta
        direct = float(((root * columns) @ x) @ ((root * columns) @ x))
        direct += float(np.sum((Delta @ x[:q]) ** 2))  # 85, 87, 92
        own, rest = rotated[:q] @ x, rotated[q:] @ x
        assert own @ own + rest @ rest == pytest.approx(direct, rel=1e-11)  # 89, 91, 93
        moved = x.copy()
        moved[:q] += 1.0
        np.testing.assert_allclose(rotated[q:] @ moved, rest, atol=1e-11)  # rest: no u_2 in it
        np.testing.assert_allclose(  # 94, 95, with x = -u
            rotated[:q] @ moved - own, R[:q] @ np.ones(q), atol=1e-11
        )
        A = np.linalg.inv(Delta).T @ (stack[:n_g, :q].T @ stack[:n_g, :q]) @ np.linalg.inv(Delta)
        ratio = abs(np.linalg.det(Delta)) / abs(np.linalg.det(R[:q]))  # 96 with |Delta|
        assert ratio == pytest.approx(np.linalg.det(A + np.eye(q)) ** -0.5, rel=1e-11)


def test_conditional_weights_of_groups_are_replication() -> None:
    """Eqs. 98 to 101: rows times root psi are rows repeated psi times."""
    data = simulate(17, n_top=5, integer_weights=True)
    design = build_design("y ~ x + z + (1|g3/g2)", data, ["w1", "w2", "w3"])
    low, top = design.levels
    theta, rng = np.array([0.7, 0.9]), np.random.default_rng(3)
    Delta3 = 1.0 / theta[1]
    assert low.parent is not None
    for k in range(top.n_groups):
        once, repeated = [], []
        for g in np.flatnonzero(low.parent == k):
            root, columns, Delta, q = group_stack(design, theta, int(g))
            width = columns.shape[1]
            stack = np.vstack([root * columns, np.hstack([Delta, np.zeros((q, width - q))])])
            left = (np.linalg.qr(stack[:, :q], mode="complete")[0].T @ stack)[q:, q:]
            once.append(np.sqrt(low.psi_cond[g]) * left)
            repeated += [left] * round(low.psi_cond[g])
        bottom = np.zeros((1, once[0].shape[1]))
        bottom[0, 0] = Delta3
        weighted, copies = np.vstack([*once, bottom]), np.vstack([*repeated, bottom])
        x = np.append(-rng.normal(size=weighted.shape[1] - 1), 1.0)
        assert np.sum((weighted @ x) ** 2) == pytest.approx(np.sum((copies @ x) ** 2), rel=1e-11)
        R = np.linalg.qr(weighted[:, :1])[1]
        assert abs(R[0, 0]) == pytest.approx(abs(np.linalg.qr(copies[:, :1])[1][0, 0]), rel=1e-11)


def test_alpha_is_a_product_over_groups(weighted: Stacked) -> None:
    """Eqs. 84, 97 and 102: logarithms add with unconditional psi; sums give another number."""
    s = weighted
    log_alpha = paper.evaluate(s.design, s.theta).log_alpha
    Lambdas = s.design.covariance.Lambdas(s.theta)
    columns = np.hstack([level.Z for level in s.design.levels])
    columns = columns * np.sqrt(s.design.omega_cond)[:, None]
    T = [columns[s.design.levels[0].codes == g] for g in range(s.design.levels[0].n_groups)]
    crossed = [t.T @ t for t in T]
    by_level, printed = [], 0.0
    for position, (level, Lambda) in enumerate(zip(s.design.levels, Lambdas, strict=True)):
        q, dets, left = Lambda.shape[0], [], []
        for t in crossed:
            A = Lambda.T @ t[:q, :q] @ Lambda + np.eye(q)
            dets.append(np.linalg.det(A) ** -0.5)
            B = Lambda.T @ t[:q, q:]
            left.append(t[q:, q:] - B.T @ np.linalg.solve(A, B))
        by_level.append(float(level.psi @ np.log(dets)))
        printed += float(level.psi @ np.array(dets))
        if level.parent is not None:
            crossed = [
                sum(level.psi_cond[g] * left[g] for g in np.flatnonzero(level.parent == k))
                for k in range(s.design.levels[position + 1].n_groups)
            ]
    assert sum(by_level) == pytest.approx(log_alpha, rel=1e-11)
    assert abs(np.log(printed) / log_alpha - 1) > 0.1
