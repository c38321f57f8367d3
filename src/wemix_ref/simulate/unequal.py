"""Sampling within cells, with equal and unequal probabilities that are exact to first order.

Every function takes uniform draws and returns who is selected, so that it is a plain function
whose distribution can be had by integrating over the draws. All cells are worked on at once.
"""

from __future__ import annotations

import numpy as np

from wemix_ref.simulate.cells import Cells, Float, Index, Mask

__all__ = ["pivotal", "simple_random", "systematic"]


def simple_random(take: Index, cells: Cells, uniforms: Float) -> Mask:
    """Select a simple random sample without replacement in each cell: the smallest draws win.

    Parameters
    ----------
    take : ndarray of int, shape (C,)
        Sample size of each cell.
    cells : Cells
    uniforms : ndarray, shape (N,)

    Returns
    -------
    ndarray of bool, shape (N,)
    """
    selected = np.zeros(uniforms.size, dtype=bool)
    for which, index, inside in cells.blocks():
        order = np.argsort(np.where(inside, uniforms[index], np.inf), axis=1)
        hit = np.zeros(order.shape, dtype=bool)
        np.put_along_axis(hit, order, np.arange(order.shape[1]) < take[which, None], axis=1)
        selected[index[inside]] = hit[inside]
    return selected


def systematic(probability: Float, take: Index, cells: Cells, uniforms: Float) -> Mask:
    """Select systematically in the order of the units, from a random start (Madow 1949).

    With S_k the running sum of the probabilities and u the start, unit k is selected when one of
    u, u + 1, u + 2, ... lies in [S_(k-1), S_k), an interval of length pi_k. Many pairs of units
    never come together, so this design has no unbiased variance estimator.

    Parameters
    ----------
    probability : ndarray, shape (N,)
        Inclusion probabilities below one, which add up to `take` in each cell.
    take : ndarray of int, shape (C,)
        Sample size of each cell.
    cells : Cells
    uniforms : ndarray, shape (C,)
        The start of each cell, in [0, 1).

    Returns
    -------
    ndarray of bool, shape (N,)
    """
    selected = np.zeros(probability.size, dtype=bool)
    for which, index, inside in cells.blocks():
        size = take[which, None].astype(np.float64)
        running = np.cumsum(np.where(inside, probability[index], 0.0), axis=1)
        # The whole of the last interval is the last unit's, however the sum was rounded.
        last = np.arange(index.shape[1]) >= cells.sizes[which, None] - 1
        running = np.where(last, size, np.minimum(running, size))
        passed = np.ceil(running - uniforms[which, None])
        hit = np.diff(passed, axis=1, prepend=0.0) > 0.0
        selected[index[inside]] = hit[inside]
    return selected


def pivotal(probability: Float, cells: Cells, keys: Float, uniforms: Float) -> Mask:
    """Select by the pivotal method (Deville and Tillé 1998), units paired at random.

    Two undecided units a and b fight with s = pi_a + pi_b. If s < 1, one of them is out and the
    other goes on with s; a goes on with probability pi_a / s. If s >= 1, one of them is selected
    and the other goes on with s - 1; a is selected with probability (1 - pi_b) / (2 - s). Either
    way the expected values stay pi_a and pi_b. The units of a cell are put into random order and
    neighbours fight in rounds, as in a tournament, until one unit is left, whose probability is
    then 0 or 1.

    Parameters
    ----------
    probability : ndarray, shape (N,)
        Inclusion probabilities, which add up to a whole number in each cell.
    cells : Cells
    keys, uniforms : ndarray, shape (N,)
        Uniform draws: the random order, and the outcomes of the fights.

    Returns
    -------
    ndarray of bool, shape (N,)
    """
    order = np.lexsort((keys, cells.owner))
    p = probability[order]
    chosen = np.zeros(p.size, dtype=bool)
    alive = np.arange(p.size)
    used = 0
    while True:
        left = _first_of_pairs(cells.owner[alive])
        if left.size == 0:
            break
        a, b = alive[left], alive[left + 1]
        s = p[a] + p[b]
        light = s < 1.0
        numerator = np.where(light, p[a], 1.0 - p[b])
        denominator = np.where(light, s, 2.0 - s)
        # The denominator is zero when both are 0 or both are 1, and then it does not matter who.
        chance = np.divide(numerator, denominator, out=np.ones_like(s), where=denominator > 0.0)
        a_wins = uniforms[used : used + left.size] < chance
        used += left.size
        winner, loser = np.where(a_wins, a, b), np.where(a_wins, b, a)
        chosen[winner[~light]] = True
        p[np.where(light, winner, loser)] = np.where(light, s, s - 1.0)
        # Of each pair one is decided; the other is put into the first place.
        alive[left] = np.where(light, winner, loser)
        alive = np.delete(alive, left + 1)
    chosen[alive] = p[alive] > 0.5
    selected = np.empty_like(chosen)
    selected[order] = chosen
    return selected


def _first_of_pairs(owner: Index) -> Index:
    """Where the pairs (0, 1), (2, 3), ... of each run of equal owners begin."""
    begins = np.r_[True, owner[1:] != owner[:-1]]
    starts = np.flatnonzero(begins)
    place = np.arange(owner.size) - starts[np.cumsum(begins) - 1]
    follows = np.r_[~begins[1:], False]
    return np.flatnonzero((place % 2 == 0) & follows)
