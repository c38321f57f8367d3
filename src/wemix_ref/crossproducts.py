"""Everything of the data that the criterion needs, computed once: no theta in it.

Per group of level l the cross-products T = sum of omega_i|g z_i [z_i, rest_i]' over its rows, with
z the level's own columns and the rest those of the levels above and of [X, y]; of the fixed part
itself only F = sum omega_i [x, y][x, y]' over all rows. All in working coordinates (rows.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from wemix_ref.lazily import Lazy
from wemix_ref.rows import Coordinates, Rows, accumulate, working_rows

if TYPE_CHECKING:
    from scipy.linalg import lapack
else:
    lapack = Lazy("scipy.linalg.lapack")

__all__ = ["CrossProducts", "LevelGroups", "cross_products"]

Array = NDArray[np.float64]
Ints = NDArray[np.intp]

#: e is left as it is where X~ explains less than this share of its squares: rounding.
NEGLIGIBLE = 1e-28

#: So many numbers may be kept by top group whatever the number of rows.
SMALL = 1_000_000


@dataclass(frozen=True)
class LevelGroups:
    """Groups of one level as the recursion needs them.

    Attributes
    ----------
    psi, psi_cond : (G,) unconditional and conditional weights.
    parent : (G,) parent of each group; None at the top.
    top : (G,) top group of each group.
    R : (q, q) factor with Z = Z~ R.
    T : (G, q, q + r) cross-products of z~ with [z~, rest]: at level 2 by the weights given the
        group, and at levels above by the unconditional ones, psi times as much.
    T_low : what rounding took off T; empty at level 2, whose T has it back.
    above : of each level above, lowest first: where its z~ begin in the rest, and (G,) the group
        that each group lies in.
    """

    psi: Array
    psi_cond: Array
    parent: Ints | None
    top: Ints
    R: Array
    T: Array
    T_low: Array
    above: tuple[tuple[int, Ints], ...]

    @property
    def q(self) -> int:
        """Random effects per group."""
        return int(self.R.shape[0])


@dataclass(frozen=True)
class CrossProducts:
    """Sufficient statistics of a design.

    Attributes
    ----------
    levels : the groups of each level, level 2 first, with their cross-products.
    F : (p + 1, p + 1) sum of omega m m' over all rows, m = [x~, e].
    F_top : (K, p + 1, p + 1) by top group; None where that is more than a column of the data.
    F_low : what rounding took off F_top; None where that is.
    p : columns of X.
    n : rows.
    W : sum of omega; W_top: (K,) by top group.
    rows : the rows, for what needs them again.
    """

    levels: tuple[LevelGroups, ...]
    F: Array
    F_top: Array | None
    F_low: Array | None
    p: int
    n: int
    W: float
    W_top: Array
    rows: Rows

    @property
    def coordinates(self) -> Coordinates:
        """The way back from the working coordinates of the fixed part."""
        return self.rows.coordinates

    def some(self, top: NDArray[np.bool_]) -> CrossProducts:
        """Those of some top groups, where they are there by top group (F_top).

        Parameters
        ----------
        top : (K,) which.
        """
        assert self.F_top is not None
        assert self.F_low is not None
        keep = [top[level.top] for level in self.levels]
        number = [np.cumsum(mine) - 1 for mine in keep]
        levels = tuple(
            LevelGroups(
                level.psi[keep[i]],
                level.psi_cond[keep[i]],
                None if level.parent is None else number[i + 1][level.parent[keep[i]]],
                number[-1][level.top[keep[i]]],
                level.R,
                level.T[keep[i]],
                level.T_low[keep[i]] if i else level.T_low,
                tuple(
                    (first, number[i + 1 + j][group[keep[i]]])
                    for j, (first, group) in enumerate(level.above)
                ),
            )
            for i, level in enumerate(self.levels)
        )
        W_top, F_top, F_low = self.W_top[top], self.F_top[top], self.F_low[top]
        n = max(self.p + 1, round(self.n * float(W_top.sum()) / self.W))
        return CrossProducts(
            levels,
            (F_top + F_low).sum(axis=0),
            F_top,
            F_low,
            self.p,
            n,
            float(W_top.sum()),
            W_top,
            self.rows,
        )

    def scores(self, v: Array, modes: Sequence[Array]) -> Array:
        """F_k v of every top group k from the rows, shape (K, p + 1): sum of omega m r.

        r = m'v - sum z~'u is the residual once the random effects are taken off. For where
        cross-products by top group (F_top) would outgrow the data.

        Parameters
        ----------
        v : (p + 1,) the vector (-b, 1).
        modes : per level, (G, q) conditional modes u in working coordinates.
        """
        bottom = self.levels[0]
        of = [np.arange(bottom.psi.size), *(group for _, group in bottom.above)]
        out = np.zeros((self.W_top.size, 1, v.size + 1))
        low = np.zeros_like(out)
        for C, weights, codes in self.rows.blocks():
            fixed = C[-v.size :]
            r = v @ fixed
            first = 0
            for level, u, groups in zip(self.levels, modes, of, strict=True):
                mine = groups[codes]
                for j in range(level.q):
                    r -= C[first + j] * u[mine, j]
                first += level.q
            accumulate(np.vstack([r, fixed]), 0, 1, weights, codes, of[-1], out, low)
        return (out + low)[:, 0, 1:]


def cross_products(
    X: Array | Sequence[Array],
    y: Array,
    Zs: Sequence[Array | Sequence[Array]],
    codes: Ints,
    parents: Sequence[Ints | None],
    omega: Array,
    psi: Sequence[Array],
    psi_cond: Sequence[Array],
) -> CrossProducts:
    """Two passes over the rows: one for the coordinates, one for the sums.

    Parameters
    ----------
    X : (n, p) fixed-effects matrix of full column rank, or its columns.
    y : (n,) response.
    Zs : per level, lowest first, (n, q_l), or the columns.
    codes : (n,) level-2 group of each row.
    parents : per level, (G_l,) parent of each group, None at the top.
    omega : (n,) unconditional level-1 weights.
    psi, psi_cond : per level, (G_l,) unconditional and conditional group weights.
    """
    within = _ancestors(parents, psi)
    sums = _sums(working_rows(X, y, Zs, codes, omega), within, psi)
    rows, Ts, lows = sums.rows, sums.Ts, sums.lows
    coordinates = _refined(sums)
    widths = [T.shape[1] for T in Ts]
    firsts = np.concatenate([[0], np.cumsum(widths)]).astype(int)

    levels: list[LevelGroups] = []
    for position, T in enumerate(Ts):
        above = [
            (int(firsts[position + 1 + step] - firsts[position + 1]), group)
            for step, group in enumerate(within[position])
        ]
        top: Ints = within[position][-1] if above else np.arange(psi[position].size)
        levels.append(
            LevelGroups(
                psi[position],
                psi_cond[position],
                parents[position],
                top,
                rows.factors[position],
                T,
                lows[position],
                tuple(above),
            )
        )
    n, p = rows.n, sums.fixed.shape[1] - 1
    by_group = rows.weights_by_group(psi[0].size)
    W_top: Array = np.bincount(levels[0].top, by_group, psi[-1].size).astype(np.float64)
    W = float(omega.sum())
    return CrossProducts(
        tuple(levels),
        sums.F,
        sums.fixed if sums.by_top else None,
        sums.fixed_low if sums.by_top else None,
        p,
        n,
        W,
        W_top,
        replace(rows, coordinates=coordinates),
    )


@dataclass(frozen=True)
class _Sums:
    """Sums over the rows; fixed is by top group or, (1, p + 1, p + 1), over all."""

    rows: Rows
    Ts: list[Array]
    lows: list[Array]
    fixed: Array
    fixed_low: Array
    by_top: bool

    @property
    def F(self) -> Array:
        return np.asarray((self.fixed + self.fixed_low).sum(axis=0))


def _sums(rows: Rows, within: Sequence[Sequence[Ints]], psi: Sequence[Array]) -> _Sums:
    """One pass over the rows."""
    widths = [R.shape[0] for R in rows.factors]
    firsts = np.concatenate([[0], np.cumsum(widths)]).astype(int)
    size = rows.columns.begins.size
    k = size - int(firsts[-1])
    of = [np.arange(psi[0].size), *within[0]]
    Ts = [
        np.zeros((mine.size, q, size - first))
        for mine, q, first in zip(psi, widths, firsts, strict=False)
    ]
    lows = [np.zeros_like(T) for T in Ts]
    K = psi[-1].size
    by_top = K * k * k <= max(rows.n, SMALL)
    fixed = np.zeros((K if by_top else 1, k, k))
    fixed_low = np.zeros_like(fixed)
    for C, w, codes in rows.blocks():
        for first, q, groups, T, low in zip(firsts, widths, of, Ts, lows, strict=False):
            accumulate(C, int(first), q, w, codes, groups, T, low)
        if by_top:
            accumulate(C, size - k, k, w, codes, of[-1], fixed, fixed_low)
        else:
            last = C[size - k :]
            fixed[0] += (w * last) @ last.T
    Ts[0] += lows[0]
    Ts[0] /= psi[0][:, None, None]
    lows[0] = np.zeros((0, 0, 0))
    for part in (fixed, fixed_low):
        part += part.transpose(0, 2, 1).copy()
        part /= 2.0
    return _Sums(rows, Ts, lows, fixed, fixed_low, by_top)


def _ancestors(parents: Sequence[Ints | None], psi: Sequence[Array]) -> list[list[Ints]]:
    """Per level, the group of each level above that each of its groups lies in."""
    out: list[list[Ints]] = []
    for position in range(len(psi)):
        mine: list[Ints] = []
        here: Ints = np.arange(psi[position].size)
        for parent in parents[position:-1]:
            assert parent is not None
            here = parent[here]
            mine.append(here)
        out.append(mine)
    return out


def _refined(sums: _Sums) -> Coordinates:
    """Fit e on X~ once more and take what it explains off e, in the sums themselves.

    What is taken off goes to the low parts, which are small: the sums lose nothing.
    """
    F, coordinates = sums.F, sums.rows.coordinates
    p = F.shape[0] - 1
    if p == 0:
        return coordinates
    _, extra, failed = lapack.dposv(F[:p, :p], F[:p, p])
    if failed or float(extra @ F[:p, p]) <= NEGLIGIBLE * float(F[p, p]):
        return coordinates
    fixed, low = sums.fixed, sums.fixed_low
    F_xe = fixed[:, :p, :p] @ extra
    low[:, p, p] += F_xe @ extra - 2.0 * fixed[:, :p, p] @ extra
    low[:, :p, p] -= F_xe
    low[:, p, :p] -= F_xe
    sums.Ts[0][:, :, -1] -= sums.Ts[0][:, :, -p - 1 : -1] @ extra
    for T, T_low in zip(sums.Ts[1:], sums.lows[1:], strict=True):
        T_low[:, :, -1] -= T[:, :, -p - 1 : -1] @ extra
    return replace(coordinates, b0=coordinates.b0 + extra)
