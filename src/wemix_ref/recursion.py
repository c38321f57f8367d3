"""Cross-products of one fit, or of many, laid out for the ways up and down the levels.

`recursion_loops.py` has the ways, `elimination.py` the steps and their mathematics. Without
compiled loops the same ways are gone in matrices, by `elimination_arrays.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wemix_ref import elimination_arrays, recursion_loops
from wemix_ref.compiled import HAVE_NUMBA, rebound
from wemix_ref.crossproducts import CrossProducts, LevelGroups

__all__ = ["Down", "Recursion", "Up"]

Array = NDArray[np.float64]
Ints = NDArray[np.intp]
Arrays = tuple[Array, ...]

#: From so many columns of [X, y] on, a product of matrices (BLAS) beats a loop over groups.
MANY_COLUMNS = 24

_IN_MATRICES: dict[str, Any] = {
    name: getattr(elimination_arrays, name) for name in elimination_arrays.__all__
} | {"weighted_sum": np.dot}
_upward, _downward, _second = (
    rebound(one.plain, _IN_MATRICES)
    for one in (recursion_loops.upward, recursion_loops.downward, recursion_loops.second)
)


@dataclass(frozen=True)
class Up:
    """What a way up leaves; per level, the groups of all fits.

    Attributes
    ----------
    left : (G, q, q + r) cross-products once the levels below are integrated out.
    log_det : (G,) log det A.
    F : (N, p + 1, p + 1). F_top : (K, p + 1, p + 1) by top group, empty where the data have none.
    total : (N,) sum of psi log det A.
    failed : (N,) first level where A was not positive definite, or -1.
    """

    left: Arrays
    log_det: Arrays
    F: Array
    F_top: Array
    total: Array
    failed: Ints


@dataclass(frozen=True)
class Down:
    """What a way down leaves; see `elimination.LevelState`.

    Attributes
    ----------
    adjoint : per level, (parents, r, r), at the top (N, c, c).
    gradient : per level, (N, q, q) dD/dLambda.
    failed : (N,) as in `Up`.
    """

    C: Arrays
    TL: Arrays
    A_inv: Arrays
    U: Arrays
    E: Arrays
    adjoint: Arrays
    gradient: Arrays
    failed: Ints


@dataclass(frozen=True)
class Recursion:
    """One fit's or many fits' cross-products; per level, the groups of all fits in a row.

    Attributes
    ----------
    N : fits. starts : per level, (N + 1,) where the groups of each fit begin.
    T, low, psi, shares : per level; shares are the conditional weights, at the top the
        unconditional ones.
    parent, top : per level, (G,). above : per level, (levels above, G).
    F : (N, p + 1, p + 1). F_top, F_low : (K, p + 1, p + 1), empty where there are none.
    every : (N,) numbers of all fits.
    """

    N: int
    starts: tuple[Ints, ...]
    T: Arrays
    low: Arrays
    psi: Arrays
    shares: Arrays
    parent: tuple[Ints, ...]
    top: tuple[Ints, ...]
    above: tuple[Ints, ...]
    F: Array
    F_top: Array
    F_low: Array
    every: Ints

    @classmethod
    def of(cls, data: Sequence[CrossProducts]) -> Recursion:
        """Lay out fits of one shape: the same levels, q and p, and all by top group or none."""
        L, k = len(data[0].levels), data[0].F.shape[0]
        levels = [[one.levels[level] for one in data] for level in range(L)]
        sizes = [[mine.psi.size for mine in level] for level in levels]
        by_top = data[0].F_top is not None
        return cls(
            len(data),
            tuple(np.concatenate([[0], np.cumsum(size)]).astype(np.intp) for size in sizes),
            tuple(_joined([mine.T for mine in level]) for level in levels),
            tuple(_joined([mine.T_low for mine in level]) for level in levels),
            tuple(_joined([mine.psi for mine in level]) for level in levels),
            tuple(
                _joined([mine.psi if position + 1 == L else mine.psi_cond for mine in level])
                for position, level in enumerate(levels)
            ),
            tuple(_joined([_parent(mine) for mine in level]) for level in levels),
            tuple(_joined([mine.top for mine in level]) for level in levels),
            tuple(_joined([_above(mine) for mine in level], axis=1) for level in levels),
            np.stack([one.F for one in data]),
            _joined([one.F_top for one in data]) if by_top else np.empty((0, k, k)),
            _joined([one.F_low for one in data]) if by_top else np.empty((0, k, k)),
            np.arange(len(data)),
        )

    @property
    def many(self) -> bool:
        """Whether [X, y] has so many columns that matrix products beat loops over groups."""
        return self.F.shape[1] >= MANY_COLUMNS

    def up(self, Lam: Arrays, fits: Ints | None = None, into: Up | None = None) -> Up:
        """Integrate the random effects out.

        Parameters
        ----------
        Lam : per level, (N, q, q) in the working coordinates of Z.
        fits : which; all by default. into : what is written over.
        """
        k = self.F.shape[1]
        by_top = self.F_top.shape[0] > 0
        if into is None:
            into = Up(
                (self.T[0], *(np.empty(T.shape) for T in self.T[1:])),
                tuple(np.empty(psi.size) for psi in self.psi),
                np.empty(self.F.shape),
                np.empty(self.F_top.shape),
                np.empty(self.N),
                np.empty(self.N, dtype=np.intp),
            )
        fits = self.every if fits is None else fits
        way = recursion_loops.upward if HAVE_NUMBA() else _upward
        way(
            fits,
            self.starts,
            self.T,
            self.low,
            self.psi,
            self.above,
            self.top,
            Lam,
            0 if by_top or self.many else k,
            k if self.many and not by_top else 0,
            self.F,
            self.F_top,
            self.F_low,
            into.left,
            into.log_det,
            into.F,
            into.F_top,
            into.total,
            into.failed,
        )
        return into

    def down(
        self,
        up: Up,
        Lam: Arrays,
        V: Array,
        over: Array,
        fits: Ints | None = None,
        into: Down | None = None,
    ) -> Down:
        """Solve every level and bring the adjoints down.

        Parameters
        ----------
        up : of the same Lam. V : (N, p + 1, c).
        over : (N, c, c) adjoints of V'F V.
        """
        c, k = V.shape[2], V.shape[1]
        if into is not None:
            into.adjoint[-1][:] = over
        else:
            rest = [T.shape[2] - T.shape[1] - k + c for T in self.T]
            qs = [T.shape[1] for T in self.T]
            Gs = [psi.size for psi in self.psi]
            shapes = list(zip(Gs, qs, rest, strict=True))
            into = Down(
                tuple(np.empty((G, q, q + r)) for G, q, r in shapes),
                tuple(np.empty((G, q, q)) for G, q, _ in shapes),
                tuple(np.empty((G, q, q)) for G, q, _ in shapes),
                tuple(np.empty((G, q, r)) for G, q, r in shapes),
                tuple(np.empty((G, q, r)) for G, q, r in shapes),
                (
                    *(np.empty((G, r, r)) for G, r in zip(Gs[1:], rest[:-1], strict=True)),
                    over,
                ),
                tuple(np.empty((self.N, q, q)) for q in qs),
                np.empty(self.N, dtype=np.intp),
            )
        fits = self.every if fits is None else fits
        if self.many:
            for f in fits:
                for starts, T, C in zip(self.starts, up.left, into.C, strict=True):
                    mine = slice(starts[f], starts[f + 1])
                    elimination_arrays.contract(T[mine], V[f], C[mine])
        way = _downward
        if HAVE_NUMBA():
            # compiled anew for each layout of an argument
            way, V = recursion_loops.downward, np.ascontiguousarray(V)
        way(
            fits,
            self.starts,
            up.left,
            self.psi,
            self.parent,
            Lam,
            V,
            self.many,
            into.C,
            into.TL,
            into.A_inv,
            into.U,
            into.E,
            into.adjoint,
            into.gradient,
            into.failed,
        )
        return into

    def second(
        self,
        down: Down,
        Lam: Arrays,
        dLam: Arrays,
        sigma2: Array,
        fits: Ints | None = None,
    ) -> tuple[Arrays, Array, Array]:
        """Second derivatives at fixed sigma and V.

        Parameters
        ----------
        dLam : per level, (N, its directions, q, q). sigma2 : (N,).

        Returns
        -------
        Per level (N, n_theta, q, q) derivatives of dD/dLambda; (N, n_theta, p + 1) of F v;
        (N, n_theta, c, c) of V'F V.
        """
        n = sum(one.shape[1] for one in dLam)
        c = down.adjoint[-1].shape[1]
        slopes = tuple(np.zeros((self.N, n, *T.shape[1:2], T.shape[1])) for T in self.T)
        dFv, dF = np.zeros((self.N, n, self.F.shape[1])), np.empty((self.N, n, c, c))
        fits = self.every if fits is None else fits
        way = recursion_loops.second if HAVE_NUMBA() else _second
        way(
            fits,
            self.starts,
            self.T,
            self.low,
            self.psi,
            self.shares,
            self.parent,
            Lam,
            dLam,
            sigma2,
            down.C,
            down.TL,
            down.A_inv,
            down.U,
            down.E,
            down.adjoint,
            slopes,
            dFv,
            dF,
        )
        return slopes, dFv, dF


def _joined(parts: Sequence[Any], axis: int = 0) -> Any:  # noqa: ANN401
    """One array of several, the same array where there is one."""
    whole = parts[0] if len(parts) == 1 else np.concatenate(parts, axis=axis)
    return np.ascontiguousarray(whole)


def _parent(level: LevelGroups) -> Ints:
    return np.zeros(level.psi.size, dtype=np.intp) if level.parent is None else level.parent


def _above(level: LevelGroups) -> Ints:
    if not level.above:
        return np.empty((0, level.psi.size), dtype=np.intp)
    return np.stack([group for _, group in level.above])
