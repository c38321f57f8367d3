"""Whether weights seem to be read the wrong way round, held against the rule written out."""

from __future__ import annotations

import warnings
from collections import Counter

import numpy as np
import pytest
from scipy import stats

from wemix_ref.errors import WeightsWarning
from wemix_ref.weight_reading import seem_conditional, seem_unconditional, warn_of_reading

Case = tuple[np.ndarray, np.ndarray, np.ndarray]


def unconditional_by_pairs(own: np.ndarray, above: np.ndarray, parent: np.ndarray) -> bool:
    n_groups = above.size
    least = np.array([own[parent == g].min() for g in range(n_groups)])
    limit = above * (1 - 1e-6)
    below = sum(a < b for a, b in zip(least, limit, strict=True))
    if below > 0.02 * n_groups:
        return False
    share = (least[:, None] < limit).mean()
    return bool(stats.binom.cdf(below, n_groups, share) < 1e-4)


def conditional_by_groups(own: np.ndarray, above: np.ndarray, parent: np.ndarray) -> bool:
    members = [own[parent == g] for g in range(above.size)]
    if max(abs(above - 1)) <= 1e-6:
        return False
    if np.mean(own < above[parent] * (1 - 1e-6)) < 0.2:
        return False
    sizes = [abs(w.sum() - w.size) <= 1e-6 * w.sum() for w in members]
    effective = [abs(w.sum() - (w**2).sum()) <= 1e-6 * w.sum() for w in members]
    if not (min(own) >= 1 - 1e-6 or all(sizes) or all(effective)):
        return False
    means = np.array([w.mean() for w in members])
    if np.ptp(means) <= 1e-6 * means.max() or np.ptp(above) <= 1e-6 * above.max():
        return True
    return bool(stats.spearmanr(means, above).statistic < 0.5)


def draw(rng: np.random.Generator) -> Case:
    """Weights of few values, so that there are ties, and of every way to follow the groups'."""
    n_groups = int(rng.choice([4, 10, 25, 50, 100]))
    parent = np.repeat(np.arange(n_groups), rng.integers(1, 4, n_groups))
    above = 0.5 * rng.integers(2, 9, n_groups)
    own = 0.5 * rng.integers(2, 7, parent.size)
    kind = rng.integers(6)
    if kind == 0:
        own = own * above[parent]
    elif kind == 1:  # follow, with some below
        own = above[parent] * np.where(rng.random(parent.size) < rng.uniform(0, 0.4), 0.5, 1.0)
    elif kind == 2:  # sum to the number of members
        own = own * (np.bincount(parent) / np.bincount(parent, own))[parent]
    elif kind == 3:
        own = np.maximum(own, above[parent] - (rng.random(parent.size) < 0.03))
    elif kind == 4:
        above = np.full(n_groups, rng.choice([1.0, 2.0]))
    return own.astype(float), above, parent


def test_readings_are_those_of_the_rules() -> None:
    rng = np.random.default_rng(8)
    found = Counter()
    for _ in range(200):
        case = draw(rng)
        both = (unconditional_by_pairs(*case), conditional_by_groups(*case))
        assert (seem_unconditional(*case), seem_conditional(*case)) == both
        found[both] += 1
    assert min(found[True, False], found[False, True], found[False, False]) > 12, found


def exceptions(below: int) -> Case:
    above = np.repeat([2.0, 8.0], 25)
    own = np.repeat([3.0, 8.0], 25)
    own[25 : 25 + below] = 7.0
    return own, above, np.arange(50)


def test_two_in_a_hundred_groups_may_be_exceptions() -> None:
    assert seem_unconditional(*exceptions(0))
    assert seem_unconditional(*exceptions(1))
    assert not seem_unconditional(*exceptions(2))


def opposite(below: int) -> Case:
    """Ten weights that fall while their groups' rise, so many of them below."""
    above = np.arange(2.0, 12.0)
    own = 30.0 - np.arange(10)
    own[:below] = 1.0
    return own, above, np.arange(10)


def test_a_fifth_below_is_enough_and_weights_below_one_are_no_inverse_probabilities() -> None:
    assert not seem_conditional(*opposite(1))
    own, above, parent = opposite(2)
    assert seem_conditional(own, above, parent)
    own[0] = 1 - 0.9e-6
    assert seem_conditional(own, above, parent)
    own[0] = 1 - 1e-6
    assert seem_conditional(own, above, parent)
    own[0] = 1 - 1.1e-6
    assert not seem_conditional(own, above, parent)


def test_weights_that_differ_by_rounding_are_the_same() -> None:
    # below their group's by less than a millionth
    own, above = np.full(40, 4.0), np.full(40, 4.0)
    above[20:] = 4 * (1 + 0.9e-6)
    assert not seem_conditional(own, above, np.arange(40))
    above[20:] = 4 * (1 + 1.1e-6)
    assert seem_conditional(own, above, np.arange(40))
    # groups alike, and least members within a millionth of them: none is below
    for factor in (1 - 1e-6, 1 - 0.5e-6, 1 + 0.5e-6):
        assert not seem_unconditional(np.full(40, 4 * factor), np.full(40, 4.0), np.arange(40))
    # all groups' weights are one
    assert not seem_conditional(np.ones(4), np.full(4, 1 + 0.9e-6), np.arange(4))
    # a millionth below a group's weight is not below it
    own, above, parent = exceptions(0)
    own[25:28] = 8 * (1 - 1e-6)
    assert seem_unconditional(own, above, parent)
    own[25:28] = 8 * (1 - 1.1e-6)
    assert not seem_unconditional(own, above, parent)


def test_weights_below_their_groups_that_follow_them_are_no_conditional_ones() -> None:
    three, groups = np.arange(3), np.array([2.0, 3.0, 4.0])
    # a rank correlation of a half exactly, and of minus a half
    assert not seem_conditional(np.array([1.0, 1.9, 1.5]), groups, three)
    assert seem_conditional(np.array([1.5, 1.9, 1.0]), groups, three)
    # what differs by a millionth does not vary, so there is nothing to follow
    two = np.arange(2)
    near, more = np.array([999_999.0, 1e6]), np.array([999_998.0, 1e6])
    assert seem_conditional(near, np.array([2e6, 3e6]), two)
    assert not seem_conditional(more, np.array([2e6, 3e6]), two)
    assert seem_conditional(np.array([2.0, 3.0]), near, two)
    assert not seem_conditional(np.array([2.0, 3.0]), more, two)


def told(given: list, names: list, matters: list, conditional: bool) -> list[str]:
    parents = [np.arange(400) // 4, np.arange(100) // 2]
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        warn_of_reading(given, names, ["g", "h"], parents, conditional, matters, stacklevel=2)
    assert all(one.category is WeightsWarning and one.filename == __file__ for one in caught)
    return [str(one.message) for one in caught]


@pytest.mark.parametrize("conditional", [False, True])
def test_each_step_is_judged_for_itself(conditional: bool) -> None:
    rng = np.random.default_rng(2)
    top, middle, low = (rng.uniform(1, 5, n) for n in (50, 100, 400))
    wrong = [low, middle, top]
    if conditional:
        whole = middle * np.repeat(top, 2)
        wrong = [low * np.repeat(whole, 4), whole, top]
    names, both = ["a", "b", "c"], [True, True]
    (message,) = told(wrong, names, both, conditional)
    assert "`a` against `b` of `g`" in message
    assert "`b` against `c` of `h`" in message
    count = "in 100 groups" if conditional else f"{(low < np.repeat(middle, 4)).sum()} of 400 are"
    assert count in message
    for some, first in (([None, "b", "c"], both), (names, [False, True])):
        (message,) = told(wrong, some, first, conditional)
        assert "`a`" not in message
        assert "`b` against `c` of `h`" in message
    for some, last in ((["a", "b", None], both), (names, [True, False])):
        (message,) = told(wrong, some, last, conditional)
        assert "`a` against `b`" in message
        assert "`c`" not in message
    # rightly read below, wrongly above
    right = np.repeat(wrong[1], 4) * 2.0 if not conditional else low
    (message,) = told([right, *wrong[1:]], names, both, conditional)
    assert "`a`" not in message
    assert told(wrong, ["a", None, "c"], both, conditional) == []
    assert told(wrong, names, [False, False], conditional) == []


def test_weights_equal_to_their_groups_are_not_counted_as_below() -> None:
    rng = np.random.default_rng(2)
    middle, low = rng.uniform(2, 5, 100), np.ones(400)
    low[:40] = np.repeat(middle[:10], 4)
    low[40:60] = 9.0
    (message,) = told([low, middle, middle], ["a", "b", None], [True, False], False)
    assert "340 of 400 are below the group's weight" in message


def test_weights_scaled_to_the_size_are_noticed_within_a_millionth() -> None:
    rng = np.random.default_rng(3)
    parent = np.arange(200) // 10
    own = rng.uniform(0.2, 1.8, 200)
    own *= (10 / np.bincount(parent, own))[parent] * (1 + 0.5e-6)
    above = rng.uniform(2, 5, 20)
    assert seem_conditional(own, above, parent)
    assert not seem_conditional(own * (1 + 1e-6), above, parent)
    # where the groups' weights are one, both readings are the same
    assert not seem_conditional(own, np.ones(20), parent)
