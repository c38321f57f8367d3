"""theta, Lambda and the variance components, element by element."""

from __future__ import annotations

import numpy as np
import pytest

from wemix_ref.components import Component, components
from wemix_ref.covariance import SINGULAR_TOLERANCE, CovarianceMap, rotate_to_lower_triangle

SCALES = [np.array([1.0, 2.0, 4.0]), np.array([0.5, 3.0])]


def covariance() -> CovarianceMap:
    """Three effects in two terms below, two in one term above: theta has 3 + 1 + 3 elements."""
    terms = [("g", [("1", "x"), ("z",)]), ("h", [("1", "w")])]
    return CovarianceMap.from_terms(terms, SCALES)


THETA = np.array([0.9, -0.3, 0.7, 0.4, 1.2, 0.5, 0.6])
BASES = [
    [np.array([[2.0, 0.0], [0.5, 3.0]]), np.array([[1.5]])],
    [np.array([[0.8, 0.0], [-0.4, 0.6]])],
]
WITH_BASES = [covariance, lambda: covariance().in_bases(BASES)]


def lambdas(theta: np.ndarray, bases: list[list[np.ndarray]]) -> list[np.ndarray]:
    low, up = np.zeros((3, 3)), np.zeros((2, 2))
    low[:2, :2] = bases[0][0] @ [[theta[0], 0], [theta[1], theta[2]]]
    low[2, 2] = bases[0][1][0, 0] * theta[3]
    up[:] = bases[1][0] @ [[theta[4], 0], [theta[5], theta[6]]]
    return [low, up]


UNITS = [[np.eye(2), np.eye(1)], [np.eye(2)]]


@pytest.mark.parametrize(("make", "bases"), list(zip(WITH_BASES, [UNITS, BASES], strict=True)))
def test_every_element_of_theta_has_its_place(make, bases) -> None:
    one = make()
    assert one.n_theta == 7
    assert one.names == ("g.1", "g.x.1", "g.x", "g.z", "h.1", "h.w.1", "h.w")
    assert [level.q for level in one.levels] == [3, 2]
    assert [level.number for level in one.levels] == [2, 3]
    assert [level.slice for level in one.levels] == [slice(0, 4), slice(4, 7)]
    assert [block.part for level in one.levels for block in level.blocks] == [
        slice(0, 3), slice(3, 4), slice(4, 7),
    ]  # fmt: skip
    expected = lambdas(THETA, bases)
    for found, Lambda in zip(one.Lambdas(THETA), expected, strict=True):
        np.testing.assert_allclose(found, Lambda, rtol=1e-15)
    for found, Lambda in zip(one.Sigmas(THETA, 2.0), expected, strict=True):
        np.testing.assert_allclose(found, 4 * Lambda @ Lambda.T, rtol=1e-14)
    np.testing.assert_allclose(one.from_Lambdas(expected), THETA)


@pytest.mark.parametrize("make", WITH_BASES)
def test_derivatives_go_from_lambda_to_theta(make) -> None:
    one, rng = make(), np.random.default_rng(1)
    matrices = [rng.normal(size=(3, 3)), rng.normal(size=(2, 2))]

    def value(theta: np.ndarray) -> float:
        pairs = zip(matrices, one.Lambdas(theta), strict=True)
        return float(sum((M * Lambda).sum() for M, Lambda in pairs))

    # linear in theta: one step gives the derivative
    slopes = [value(np.eye(7)[k]) for k in range(7)]
    np.testing.assert_allclose(one.gather(matrices), slopes, rtol=1e-13)
    for level, mine, place in zip(one.levels, one.directions(), (0, 1), strict=True):
        assert mine.shape == (level.slice.stop - level.slice.start, level.q, level.q)
        for k, direction in enumerate(mine, start=level.slice.start):
            np.testing.assert_array_equal(direction, one.Lambdas(np.eye(7)[k])[place])
    stacked = [np.stack([rng.normal(size=M.shape) for _ in range(7)]) for M in matrices]
    H = one.gather_second(stacked)
    plain = one.gather(stacked)
    np.testing.assert_array_equal(H[:, 4:], plain[:, 4:])
    np.testing.assert_array_equal(H[:4, :4], plain[:4, :4])
    np.testing.assert_array_equal(H[4:, :4], plain[:4, 4:].T)


def test_scales_go_with_the_rows_of_lambda() -> None:
    one = covariance()
    assert one.scale.tolist() == [1, 2, 2, 4, 0.5, 3, 3]
    assert one.in_bases(BASES).scale.tolist() == [1] * 7
    assert CovarianceMap.from_terms([("g", [("1", "x")])]).scale.tolist() == [1, 1, 1]


def test_theta_follows_working_coordinates_linearly() -> None:
    one = covariance().in_bases(BASES)
    theta = covariance().from_Lambdas(one.Lambdas(THETA))
    np.testing.assert_allclose(one.jacobian @ THETA, theta, rtol=1e-13)
    np.testing.assert_array_equal(covariance().jacobian, np.eye(7))


def test_what_counts_as_zero_is_judged_on_the_scale_of_its_column() -> None:
    one, limit = covariance(), SINGULAR_TOLERANCE
    assert limit == 1e-4
    theta = THETA.copy()
    theta[2], theta[4] = limit / 2, 1.99 * limit  # of scale 2: not zero; of scale 0.5: zero
    block = one.levels[0].blocks[0]
    assert one.zero_columns(theta).tolist() == [False] * 4 + [True, True, False]
    assert block.zero_diagonal(theta).tolist() == [False, False]
    theta[2] = 0.99 * limit / 2
    assert one.zero_columns(theta).tolist() == [False, False, True, False, True, True, False]
    assert block.zero_diagonal(theta).tolist() == [False, True]
    theta[0] = -limit  # in size
    assert block.zero_diagonal(theta).tolist() == [False, True]


def test_signs_are_chosen_so_that_diagonals_are_positive() -> None:
    one = covariance()
    theta = np.array([-0.9, -0.3, -0.7, 0.0, 1.2, 0.5, -0.6])
    expected = np.array([0.9, 0.3, 0.7, 0.0, 1.2, 0.5, 0.6])
    for fourth in (0.4, 0.0, -0.0):  # with and without what counts as zero
        theta[3], expected[3] = fourth, abs(fourth)
        found = one.normalise(theta)
        np.testing.assert_array_equal(found, expected)
        assert not np.signbit(found).any()
    signed = one.normalise(np.array([-0.9, 0.0, 0.7, 0.4, 1.2, -0.0, 0.6]))
    assert not np.signbit(signed).any()
    for before, after in zip(one.Sigmas(theta, 1.0), one.Sigmas(found, 1.0), strict=True):
        np.testing.assert_allclose(after, before, rtol=1e-15)


def test_a_zero_diagonal_with_entries_below_becomes_a_zero_column() -> None:
    one = covariance()
    theta = np.array([0.0, 0.6, 0.8, 0.4, 1.2, 0.5, -0.6])
    found = one.normalise(theta)
    np.testing.assert_allclose(found, [0, 0, 1, 0.4, 1.2, 0.5, 0.6], rtol=1e-15)
    theta[:3] = [0.0, 0.006, 0.008]
    np.testing.assert_allclose(one.normalise(theta)[:3], [0, 0, 0.01], rtol=1e-15)
    # what is shorter than 1e-12, after scaling, is dropped
    theta[:3] = [0.0, 0.4e-12, 0.0]
    assert one.normalise(theta)[:3].tolist() == [0, 0, 0]
    theta[:3] = [0.0, 0.6e-12, 0.0]
    assert one.normalise(theta)[:3].tolist() == [0, 0, 0.6e-12]
    theta[:3] = [0.5, 0.6, 0.0]  # already whole
    np.testing.assert_array_equal(one.normalise(theta)[:3], theta[:3])


def test_each_block_is_rotated_by_its_own_zeros() -> None:
    one, limit = covariance(), SINGULAR_TOLERANCE
    every = np.array([0.0, 0.6, 0.0, 0.0, 0.0, 0.5, 0.0])
    assert one.normalise(every).tolist() == [0, 0, 0.6, 0, 0, 0, 0.5]
    # of scale 0.5, the one number that counts as zero
    theta = np.array([0.9, -0.3, 0.7, 0.4, 1.5 * limit, 0.3, 0.4])
    found = one.normalise(theta, limit)
    np.testing.assert_allclose(found, [0.9, -0.3, 0.7, 0.4, 0, 0, 0.5], rtol=1e-15)


def test_a_small_diagonal_with_nothing_below_it_is_left() -> None:
    limit = SINGULAR_TOLERANCE
    theta = np.array([0.9, -0.3, 0.4 * limit, 0.2 * limit, 1.2, 0.5, 0.6])
    np.testing.assert_array_equal(covariance().normalise(theta, limit), theta)


def test_rotation_keeps_the_product_and_drops_what_is_short() -> None:
    rng = np.random.default_rng(2)
    L = rng.normal(size=(4, 6))
    out = rotate_to_lower_triangle(L, np.ones(4), 0.0)
    np.testing.assert_allclose(out @ out.T, L @ L.T, rtol=1e-12)
    np.testing.assert_array_equal(out, np.tril(out))
    assert (np.diag(out) > 0).all()
    short = np.array([[1.0, 0.0], [0.5, 1e-6]])
    for scale, kept in ((1.0, False), (0.99, False), (2.0, True)):
        out = rotate_to_lower_triangle(short, np.array([1.0, scale]), 1.5e-6)
        assert out[0].tolist() == [1.0, 0.0]
        assert out[1, 0] == 0.5
        assert (out[1, 1] > 0) == kept
    exact = rotate_to_lower_triangle(np.array([[0.25]]), np.ones(1), 0.25)
    assert exact.tolist() == [[0.25]]
    below = np.array([[0.0, 0.0], [0.0, 1.0]])
    assert rotate_to_lower_triangle(below, np.ones(2), 0.0).tolist() == below.tolist()


def test_components_are_in_order_with_their_derivatives() -> None:
    one, sigma, step = covariance(), 1.5, 1e-6
    found = components(one, THETA, sigma)
    assert [part.name for part in found] == [
        "g.1", "g.x", "g.1.x", "g.z", "h.1", "h.w", "h.1.w", "Residual",
    ]  # fmt: skip
    assert [part.level for part in found] == [2, 2, 2, 2, 3, 3, 3, 1]
    low, up = one.Sigmas(THETA, sigma)
    places = [
        (low, 0, 0),
        (low, 1, 1),
        (low, 1, 0),
        (low, 2, 2),
        (up, 0, 0),
        (up, 1, 1),
        (up, 1, 0),
    ]
    for part, (Sigma, i, j) in zip(found, places, strict=False):
        assert part.vcov == pytest.approx(Sigma[i, j], rel=1e-15)
        sd = np.sqrt(np.diag(Sigma))
        expected = sd[i] if i == j else Sigma[i, j] / (sd[i] * sd[j])
        assert part.sdcor == pytest.approx(expected, rel=1e-14)
    residual = found[-1]
    assert (residual.vcov, residual.sdcor, residual.on_boundary) == (2.25, 1.5, False)
    at = np.append(THETA, sigma)
    for k in range(8):
        up_, down = (at + s * step * np.eye(8)[k] for s in (1, -1))
        more, less = (components(one, x[:-1], x[-1]) for x in (up_, down))
        for part, a, b in zip(found, more, less, strict=True):
            assert part.gradient[k] == pytest.approx((a.vcov - b.vcov) / (2 * step), abs=1e-8)


def flags(theta: list[float]) -> dict[str, tuple[bool, bool]]:
    one = CovarianceMap.from_terms([("g", [("1", "x")])], [np.array([1.0, 2.0])])
    return {
        part.name: (part.on_boundary, part.correlation_is_one)
        for part in components(one, np.array(theta), 3.0)
    }


def test_components_on_the_boundary_are_marked() -> None:
    no = (False, False)
    assert flags([1.0, 0.5, 0.5]) == {"g.1": no, "g.x": no, "g.1.x": no, "Residual": no}
    # the slope's standard deviation, relative and times its scale, is below the tolerance
    zero = flags([1.0, 0.0, 0.49e-4])
    assert zero == {"g.1": no, "g.x": (True, False), "g.1.x": (True, False), "Residual": no}
    assert flags([1.0, 0.0, 0.51e-4])["g.x"] == no
    assert flags([0.9e-4, 0.0, 1.0])["g.1.x"] == (True, False)
    assert flags([1e-4, 0.0, 1.0])["g.1"] == no  # not below it
    one = {"g.1": no, "g.x": no, "g.1.x": (False, True), "Residual": no}
    assert flags([1.0, 0.5, 0.0]) == flags([1.0, -0.5, 0.0]) == one
    # a correlation within the tolerance's square of one
    assert flags([1.0, 0.5, 0.5 * 1.3e-4])["g.1.x"] == (False, True)
    assert flags([1.0, 0.5, 0.5 * 1.5e-4])["g.1.x"] == no
    assert np.isnan(components(
        CovarianceMap.from_terms([("g", [("1", "x")])]), np.array([1.0, 0.0, 0.0]), 1.0
    )[2].sdcor)  # fmt: skip
    assert Component("g", "x", None, 2, 1.0, 1.0, np.zeros(1), False).correlation_is_one is False
