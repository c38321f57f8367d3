"""Sampling within cells against enumeration, exact integration over the draws, and frequencies."""

from __future__ import annotations

from fractions import Fraction
from itertools import combinations

import numpy as np
import pytest

from wemix_ref.simulate.cells import Cells, inclusion_probabilities
from wemix_ref.simulate.sampford import sampford
from wemix_ref.simulate.unequal import pivotal, simple_random, systematic

P = np.array([0.2, 0.7, 0.8, 0.5, 0.4, 0.4])
DRAWS = 100_000


def frequencies(selected, units):
    """Relative frequency of every sample, by the bits of its members."""
    codes = selected.reshape(-1, units) @ (1 << np.arange(units))
    return np.bincount(codes, minlength=2**units) / codes.size


def assert_frequencies(observed, expected, draws, sigmas=5.0):
    """Within Monte Carlo error of all at once; what is impossible never happens."""
    error = np.sqrt(expected * (1.0 - expected) / draws)
    assert np.all(np.abs(observed - expected) <= sigmas * error + 1e-15)


def draw(method, p, n, draws=DRAWS, seed=1):
    """Draw many samples of one cell: each replicate is a cell."""
    rng = np.random.default_rng(seed)
    cells, all_p, take = Cells(np.full(draws, p.size)), np.tile(p, draws), np.full(draws, n)
    if method == "sampford":
        return sampford(all_p, take, cells, rng.random(all_p.size))
    if method == "pivotal":
        return pivotal(all_p, cells, rng.random(all_p.size), rng.random(all_p.size))
    if method == "systematic":
        return systematic(all_p, take, cells, rng.random(draws))
    return simple_random(take, cells, rng.random(all_p.size))


def sampford_design(p, n):
    """Probabilities of all samples by the printed formula (Sampford 1967)."""
    out = np.zeros(2**p.size)
    for members in combinations(range(p.size), n):
        s = list(members)
        out[sum(1 << i for i in s)] = np.prod(p[s] / (1.0 - p[s])) * np.sum(1.0 - p[s])
    return out / out.sum()


def pivotal_design(p, order):
    """Probabilities of all samples by following both outcomes of every fight, exactly."""
    out = {}

    def follow(alive, chosen, weight):
        if len(alive) <= 1:
            extra = [unit for unit, value in alive if value == 1]
            code = sum(1 << i for i in chosen + extra)
            out[code] = out.get(code, 0) + weight
            return
        fight(alive, [], chosen, weight)

    def fight(waiting, through, chosen, weight):
        if len(waiting) < 2:
            follow(through + waiting, chosen, weight)
            return
        (a, pa), (b, pb), *later = waiting
        s = pa + pb
        a_first = pa / s if s < 1 else (1 - pb) / (2 - s)
        for winner, loser, chance in ((a, b, a_first), (b, a, 1 - a_first)):
            if chance == 0:
                continue
            if s < 1:
                fight(later, [*through, (winner, s)], chosen, weight * chance)
            else:
                fight(later, [*through, (loser, s - 1)], [*chosen, winner], weight * chance)

    follow([(unit, p[unit]) for unit in order], [], Fraction(1))
    return out


def test_inclusion_probabilities_are_proportional_to_the_measure():
    cells = Cells(np.array([3, 2]))
    p = inclusion_probabilities(np.array([1.0, 2.0, 3.0, 5.0, 5.0]), np.array([1.0, 1.0]), cells)
    np.testing.assert_allclose(p, [1 / 6, 2 / 6, 3 / 6, 0.5, 0.5], rtol=1e-15)


def test_certainty_units_are_found_until_none_is_left():
    """3 of (100, 10, 1, 1, 1): 100 is certain at once, 10 only among the rest (2 * 10 / 13)."""
    cells = Cells(np.array([5, 2, 3]))
    measure = np.array([100.0, 10.0, 1.0, 1.0, 1.0, 1.0, 9.0, 0.1, 0.1, 0.1])
    p = inclusion_probabilities(measure, np.array([3.0, 1.0, 3.0]), cells)
    np.testing.assert_allclose(p[:5], [1, 1, 1 / 3, 1 / 3, 1 / 3], rtol=1e-15)
    np.testing.assert_allclose(p[5:7], [0.1, 0.9], rtol=1e-15)
    assert p[7:].tolist() == [1.0, 1.0, 1.0]


def test_all_of_a_cell_are_certain_however_the_sum_is_rounded():
    for size in range(2, 60):
        measure = np.r_[49.0, np.ones(size - 1)]
        p = inclusion_probabilities(measure, np.array([float(size)]), Cells(np.array([size])))
        assert np.all(p == 1.0)


@pytest.mark.parametrize("scale", [1e-300, 1.0, 1e300])
def test_probabilities_add_up_whatever_the_measure(scale):
    rng = np.random.default_rng(3)
    sizes = rng.integers(2, 30, 200)
    cells = Cells(sizes)
    take = np.floor(1 + rng.random(200) * (sizes - 1))
    measure = np.exp(2.0 * rng.standard_normal(sizes.sum()))
    p = inclusion_probabilities(measure * scale, take, cells)
    assert np.all((p > 0.0) & (p <= 1.0))
    np.testing.assert_allclose(cells.total(p), take, rtol=1e-13)
    # below one, probabilities of a cell keep the ratios of the measures
    ratio = np.where(p < 1.0, p / measure, np.nan)
    for start, size in zip(cells.starts, sizes, strict=True):
        inner = ratio[start : start + size]
        inner = inner[~np.isnan(inner)]
        assert inner.size == 0 or np.ptp(inner) <= 1e-12 * inner.max()


def test_the_enumerated_sampford_design_has_the_inclusion_probabilities():
    """The oracle itself: by theory its first-order probabilities are exactly pi."""
    codes = np.arange(2**P.size)
    design = sampford_design(P, 3)
    first = [design[(codes >> i) & 1 == 1].sum() for i in range(P.size)]
    np.testing.assert_allclose(first, P, rtol=1e-13)


@pytest.mark.parametrize(
    ("p", "n"),
    [(P, 3), (1.0 - P, 3), (np.array([0.9, 0.6, 0.95, 0.85, 0.7]), 4), (np.full(4, 0.25), 1)],
)
def test_sampford_draws_every_sample_with_its_probability(p, n):
    observed = frequencies(draw("sampford", p, n), p.size)
    assert_frequencies(observed, sampford_design(p, n), DRAWS)


@pytest.mark.parametrize(
    ("units", "n"), [(2, 1), (7, 3), (7, 6), (50, 20), (400, 390), (3000, 900)]
)
def test_sampford_takes_a_unit_exactly_up_to_its_probability(units, n):
    """The first unit is taken when its draw is below some threshold, found by bisection: its pi.

    Units take turns in being the first.
    """
    rng = np.random.default_rng(units)
    measure = 0.2 + rng.random(units)
    fewer = min(n, units - n)
    p = inclusion_probabilities(measure, np.array([float(fewer)]), Cells(np.array([units])))
    if fewer < n:
        p = 1.0 - p
    assert np.all((p > 0.0) & (p < 1.0))
    turns, points, steps = (5, 33, 5) if units < 1000 else (2, 17, 2)
    for first in np.linspace(0, units - 1, min(units, turns)).astype(int):
        rolled = np.tile(np.roll(p, -first), points)
        cells, take = Cells(np.full(points, units)), np.full(points, n)
        low, high = 0.0, 1.0
        for _ in range(steps):
            grid = np.linspace(low, high, points)
            uniforms = rng.random((points, units))
            uniforms[:, 0] = grid
            taken = sampford(rolled, take, cells, uniforms.ravel()).reshape(points, units)
            assert np.all(taken.sum(axis=1) == n)
            last = np.flatnonzero(taken[:, 0])[-1]
            assert taken[: last + 1, 0].all()
            low, high = grid[last], grid[last + 1]
        assert low - 1e-12 <= p[first] <= high + 1e-12


def test_systematic_by_integrating_over_the_start():
    """Selection changes only where u passes the fraction of a running sum."""
    rng = np.random.default_rng(5)
    measure = 0.5 + rng.random(17)
    p = inclusion_probabilities(measure, np.array([6.0]), Cells(np.array([17])))
    edges = np.unique(np.r_[0.0, np.cumsum(p) % 1.0, 1.0])
    middle, length = (edges[1:] + edges[:-1]) / 2.0, np.diff(edges)
    count = middle.size
    selected = systematic(
        np.tile(p, count), np.full(count, 6), Cells(np.full(count, 17)), middle
    ).reshape(count, 17)
    assert np.all(selected.sum(axis=1) == 6)
    np.testing.assert_allclose(length @ selected, p, rtol=1e-12)


def test_systematic_keeps_to_the_order():
    """With equal probabilities 1/3 of 9 units: every third, from the start on."""
    chosen = systematic(np.full(9, 1 / 3), np.array([3]), Cells(np.array([9])), np.array([0.5]))
    assert np.flatnonzero(chosen).tolist() == [1, 4, 7]


def test_systematic_keeps_its_size_when_the_sum_is_rounded_down():
    """Ten times 0.1 adds up to less than the largest start below one."""
    start = np.nextafter(1.0, 0.0)
    assert np.cumsum(np.full(10, 0.1))[-1] <= start
    chosen = systematic(np.full(10, 0.1), np.array([1]), Cells(np.array([10])), np.array([start]))
    assert np.flatnonzero(chosen).tolist() == [9]


def test_the_enumerated_pivotal_design_has_the_inclusion_probabilities():
    """The oracle itself, in fractions: for every order of the units exactly pi."""
    p = [Fraction(x, 10) for x in (2, 7, 8, 5, 4, 4)]
    for order in ((0, 1, 2, 3, 4, 5), (5, 2, 0, 1, 4, 3)):
        design = pivotal_design(p, order)
        first = [sum(w for code, w in design.items() if code >> i & 1) for i in range(6)]
        assert first == p


@pytest.mark.parametrize("order", [(0, 1, 2, 3, 4, 5), (5, 2, 0, 1, 4, 3)])
def test_pivotal_draws_every_sample_with_its_probability(order):
    p = [Fraction(x, 10) for x in (2, 7, 8, 5, 4, 4)]
    expected = np.zeros(64)
    for code, weight in pivotal_design(p, order).items():
        expected[code] = float(weight)
    keys = np.tile(np.argsort(order) / 6.0, DRAWS)
    uniforms = np.random.default_rng(2).random(keys.size)
    selected = pivotal(np.tile(P, DRAWS), Cells(np.full(DRAWS, 6)), keys, uniforms)
    assert_frequencies(frequencies(selected, 6), expected, DRAWS)


def test_pivotal_in_random_order_lets_every_pair_come_together():
    selected = draw("pivotal", np.full(6, 0.5), 3).reshape(DRAWS, 6).astype(float)
    together = selected.T @ selected / DRAWS
    # by symmetry all pairs have n (n - 1) / (N (N - 1)) = 0.2
    error = np.sqrt(0.2 * 0.8 / DRAWS)
    off = together[~np.eye(6, dtype=bool)]
    assert np.all(np.abs(off - 0.2) < 5.0 * error)


def test_simple_random_samples_are_all_alike():
    observed = frequencies(draw("srs", np.zeros(5), 2), 5)
    size = np.array([code.bit_count() for code in range(32)])
    assert_frequencies(observed, np.where(size == 2, 0.1, 0.0), DRAWS)


@pytest.mark.parametrize("method", ["sampford", "pivotal", "systematic"])
@pytest.mark.parametrize("n", [1, 4, 11])
def test_frequencies_of_units_are_their_probabilities(method, n):
    measure = np.exp(np.random.default_rng(8).normal(0.0, 0.2, 12))
    p = inclusion_probabilities(measure, np.array([float(n)]), Cells(np.array([12])))
    p = p[p < 1.0]
    left = round(p.sum())
    draws = 40_000
    selected = draw(method, p, left, draws, seed=n).reshape(draws, -1)
    assert np.all(selected.sum(axis=1) == left)
    assert_frequencies(selected.mean(axis=0), p, draws)


@pytest.mark.parametrize("method", ["sampford", "systematic", "srs"])
def test_a_cell_is_sampled_as_if_it_were_alone(method):
    """Cells of many sizes at once, and one by one with the same draws."""
    rng = np.random.default_rng(4)
    sizes = np.array([2, 9, 3, 40, 5, 16, 15, 17, 2, 31])
    take = np.array([1, 4, 2, 9, 4, 15, 1, 8, 1, 16])
    cells = Cells(sizes)
    measure = 1.0 + 0.05 * rng.random(sizes.sum())
    p = inclusion_probabilities(measure, take.astype(float), cells)
    keep = p < 1.0
    assert keep.all()
    by_unit, by_cell = rng.random(sizes.sum()), rng.random(sizes.size)

    def run(p, take, cells, by_unit, by_cell):
        if method == "sampford":
            return sampford(p, take, cells, by_unit)
        if method == "systematic":
            return systematic(p, take, cells, by_cell)
        return simple_random(take, cells, by_unit)

    together = run(p, take, cells, by_unit, by_cell)
    for c, (start, size) in enumerate(zip(cells.starts, sizes, strict=True)):
        part = slice(start, start + size)
        one = slice(c, c + 1)
        alone = run(p[part], take[one], Cells(sizes[one]), by_unit[part], by_cell[one])
        np.testing.assert_array_equal(together[part], alone)
        assert alone.sum() == take[c]


def test_pivotal_keeps_the_size_of_every_cell():
    rng = np.random.default_rng(6)
    sizes = rng.integers(2, 60, 500)
    take = np.floor(1 + rng.random(500) * (sizes - 1))
    cells = Cells(sizes)
    p = inclusion_probabilities(np.exp(rng.standard_normal(sizes.sum())), take, cells)
    selected = pivotal(p, cells, rng.random(p.size), rng.random(p.size))
    np.testing.assert_array_equal(cells.total(selected.astype(int)), take)
    assert selected[p >= 1.0].all()
