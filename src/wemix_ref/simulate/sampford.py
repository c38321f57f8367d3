"""Sampford's design without rejection."""

from __future__ import annotations

from math import isqrt

import numpy as np

from wemix_ref.simulate.cells import Cells, Float, Index, Mask

__all__ = ["sampford"]


def sampford(probability: Float, take: Index, cells: Cells, uniforms: Float) -> Mask:
    """Select by Sampford's (1967) design, unit by unit, in bounded time.

    The design of size n gives a sample s the probability
    p(s) ~ prod_(i in s) pi_i / (1 - pi_i) * sum_(i in s) (1 - pi_i), and its inclusion
    probabilities are exactly pi. Sampford's own procedure draws with replacement until all units
    differ, which takes ever longer as n grows. Here the sum is read as the choice of one marked
    unit of s; going through the units once, each is left, taken, or taken and marked, with its
    probability given the decisions before: list-sequential sampling (Traat, Bondesson and
    Meister 2004; see also Grafström 2009).

    For units k, ..., N let E_k(r) and D_k(r) be the sums over their subsets s of size r of
    prod_(i in s) pi_i prod_(i not in s) (1 - pi_i), for D times sum_(i in s) (1 - pi_i):

    E_k(r) = (1 - pi_k) E_(k+1)(r) + pi_k E_(k+1)(r-1)
    D_k(r) = (1 - pi_k) D_(k+1)(r) + pi_k D_(k+1)(r-1) + pi_k (1 - pi_k) E_(k+1)(r-1)

    The three terms of D_k(r) are the odds of the three decisions while r units, one of them
    marked, are still to come; the two of E_k(r) once the mark is given. Nothing is subtracted.
    The work is N n steps for each cell; of the rows of D and E only some sqrt(N) are kept, the
    others are computed again.

    Parameters
    ----------
    probability : ndarray, shape (N,)
        Inclusion probabilities below one, which add up to `take` in each cell.
    take : ndarray of int, shape (C,)
        Sample size of each cell, at least one.
    cells : Cells
    uniforms : ndarray, shape (N,)

    Returns
    -------
    ndarray of bool, shape (N,)
    """
    selected = np.zeros(probability.size, dtype=bool)
    for which, index, inside in cells.blocks():
        # A unit of probability 0 fills up: it leaves D and E as they are and is never taken.
        p = np.where(inside, probability[index], 0.0)
        taken = _walk(p, take[which], uniforms[index])
        selected[index[inside]] = taken[inside]
    return selected


def _walk(p: Float, take: Index, uniforms: Float) -> Mask:
    """Decide for all units of a rectangle of cells, p of shape (c, m), one column at a time."""
    cells, units = p.shape
    step = isqrt(units - 1) + 1
    kept = _checkpoints(p, int(take.max()), step)
    taken = np.zeros(p.shape, dtype=bool)
    row = np.arange(cells)
    left = take.copy()
    marked = np.zeros(cells, dtype=np.int64)
    for first in range(0, units, step):
        last = min(first + step, units)
        tables = [kept[last]]
        for k in range(last - 1, first, -1):
            tables.append(_before(tables[-1], p[:, k]))
        for k in range(first, last):
            after = tables.pop()
            pk, qk = p[:, k], 1.0 - p[:, k]
            mark = np.where(marked == 0, pk * qk * after[1, row, left], 0.0)
            take_up = mark + pk * after[marked, row, left]
            point = uniforms[:, k] * (take_up + qk * after[marked, row, left + 1])
            now = point < take_up
            taken[:, k] = now
            marked += point < mark
            left -= now
    return taken


def _checkpoints(p: Float, largest: int, step: int) -> dict[int, Float]:
    """Tables (D, E) of the units from k on, for every k that is a multiple of `step`, and the end.

    A table has the shape (2, c, largest + 2); its column r + 1 belongs to r, column 0 is zero.
    """
    cells, units = p.shape
    table = np.zeros((2, cells, largest + 2))
    table[1, :, 1] = 1.0
    kept = {units: table}
    for k in range(units - 1, 0, -1):
        table = _before(table, p[:, k])
        if k % step == 0:
            kept[k] = table
    return kept


def _before(after: Float, pk: Float) -> Float:
    """Table of the units from k on, given that of the units from k + 1 on."""
    p, q = pk[:, None], 1.0 - pk[:, None]
    table = np.zeros_like(after)
    table[:, :, 1:] = q * after[:, :, 1:] + p * after[:, :, :-1]
    table[0, :, 1:] += p * q * after[1, :, :-1]
    return table
