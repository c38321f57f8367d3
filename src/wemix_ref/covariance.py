"""theta <-> Lambda <-> Sigma.

Level l has random effects u_l ~ N(0, Sigma_l) with Sigma_l = sigma^2 Lambda_l Lambda_l' (the
paper's eqs. 16-22 print Lambda'Lambda and a stray 1/sigma^2). Lambda_l is block-diagonal over the
terms of the level; each block is lower triangular and is filled column by column from theta, lme4's
order. theta is relative: standard deviations over sigma.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property

import numpy as np
from numpy.typing import NDArray

__all__ = ["SINGULAR_TOLERANCE", "Block", "CovarianceMap", "LevelMap", "rotate_to_lower_triangle"]

Array = NDArray[np.float64]

#: A diagonal element of Lambda, times the root mean square of its column of Z, counts as zero below
#: this. For an intercept that is lme4's isSingular; for a slope it makes the answer the same
#: whatever the unit of x (lme4 calls every slope on a large enough x singular).
SINGULAR_TOLERANCE = 1e-4


@cache
def _triangle(size: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    columns, rows = np.triu_indices(size)
    return rows, columns


@dataclass(frozen=True)
class Block:
    """One random term: a lower-triangular block of its level's Lambda.

    Attributes
    ----------
    names : coefficient names of the term, in order.
    offset : first row (and column) of the block within the level's Lambda.
    start : position of the block's first element in the whole theta.
    scale : root mean square of the term's columns of Z (ones where it is not known).
    basis : (q, q) the block of Lambda is basis @ L, with L the triangle that theta fills; None, the
        identity, in the user's coordinates.
    """

    names: tuple[str, ...]
    offset: int
    start: int
    scale: tuple[float, ...]
    basis: Array | None = field(default=None, compare=False)

    @property
    def size(self) -> int:
        """Number q of random effects of the term."""
        return len(self.names)

    @property
    def n_theta(self) -> int:
        """Q (q + 1) / 2."""
        return self.size * (self.size + 1) // 2

    @property
    def rows(self) -> slice:
        """Rows (and columns) of the block within the level's Lambda."""
        return slice(self.offset, self.offset + self.size)

    @property
    def part(self) -> slice:
        """Positions of the block's elements in theta."""
        return slice(self.start, self.start + self.n_theta)

    @cached_property
    def triangle(self) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Row and column of each theta within the block, column by column."""
        return _triangle(self.size)

    def L(self, theta: Array) -> Array:
        """The triangle that theta fills, shape (q, q)."""
        out = np.zeros((self.size, self.size))
        out[self.triangle] = theta[self.part]
        return out

    def Lambda(self, theta: Array) -> Array:
        """The block of Lambda, shape (q, q), from the whole theta."""
        L = self.L(theta)
        return L if self.basis is None else np.asarray(self.basis @ L)

    def zero_diagonal(self, theta: Array) -> NDArray[np.bool_]:
        """Which diagonal elements of the triangle count as zero, shape (q,)."""
        return np.abs(np.diag(self.L(theta))) * np.asarray(self.scale) < SINGULAR_TOLERANCE


@dataclass(frozen=True)
class LevelMap:
    """The blocks of one level.

    Attributes
    ----------
    name : lme4's name of the grouping factor.
    number : 2 for the lowest level of groups.
    blocks : the level's terms, in order.
    """

    name: str
    number: int
    blocks: tuple[Block, ...]

    @cached_property
    def q(self) -> int:
        """Random effects per group of this level."""
        return sum(block.size for block in self.blocks)

    @cached_property
    def slice(self) -> slice:
        """Positions of the level's elements in theta (contiguous)."""
        first, last = self.blocks[0], self.blocks[-1]
        return slice(first.start, last.start + last.n_theta)

    @cached_property
    def where(self) -> tuple[NDArray[np.intp], NDArray[np.intp]] | None:
        """Row and column of Lambda_l of each of its theta; None where blocks have a basis."""
        if any(block.basis is not None for block in self.blocks):
            return None
        rows = np.concatenate([block.offset + block.triangle[0] for block in self.blocks])
        columns = np.concatenate([block.offset + block.triangle[1] for block in self.blocks])
        return rows, columns

    def Lambda(self, theta: Array) -> Array:
        """Lambda_l, shape (..., q, q), from the whole theta, (..., n_theta).

        Stacks are for levels whose blocks have no basis.
        """
        out = np.zeros((*theta.shape[:-1], self.q, self.q))
        if self.where is not None:
            out[(..., *self.where)] = theta[..., self.slice]
            return out
        for block in self.blocks:
            out[block.rows, block.rows] = block.Lambda(theta)
        return out


@dataclass(frozen=True)
class CovarianceMap:
    """Where every element of theta stands; lowest level first.

    Attributes
    ----------
    levels : one :class:`LevelMap` per level of groups, level 2 first.
    """

    levels: tuple[LevelMap, ...]

    @classmethod
    def from_terms(
        cls,
        levels: Sequence[tuple[str, Sequence[tuple[str, ...]]]],
        scales: Sequence[Array] | None = None,
    ) -> CovarianceMap:
        """Build from ``(group name, coefficient names of each term)``, lowest level first.

        ``scales`` holds, per level, the root mean squares of the columns of Z, shape (q,).
        """
        maps, start = [], 0
        for number, (name, terms) in enumerate(levels, start=2):
            blocks, offset = [], 0
            for names in terms:
                rows = slice(offset, offset + len(names))
                scale = [1.0] * len(names) if scales is None else scales[number - 2][rows].tolist()
                block = Block(tuple(names), offset, start, tuple(scale))
                blocks.append(block)
                offset += block.size
                start += block.n_theta
            maps.append(LevelMap(name, number, tuple(blocks)))
        return cls(tuple(maps))

    @property
    def n_theta(self) -> int:
        """Length of theta."""
        return self.levels[-1].slice.stop

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Names of theta as lme4's ``getME(fit, "theta")`` gives them."""
        out = []
        for level in self.levels:
            for block in level.blocks:
                for i, j in zip(*block.triangle, strict=True):
                    row, column = block.names[i], block.names[j]
                    out.append(f"{level.name}.{row}" if i == j else f"{level.name}.{row}.{column}")
        return tuple(out)

    def Lambdas(self, theta: Array) -> list[Array]:
        """Lambda_l of every level, lowest first."""
        return [level.Lambda(theta) for level in self.levels]

    def Sigmas(self, theta: Array, sigma: float) -> list[Array]:
        """Sigma_l = sigma^2 Lambda_l Lambda_l' of every level: variances, on the data's scale."""
        return [sigma**2 * L @ L.T for L in self.Lambdas(theta)]

    def gather(self, matrices: Sequence[Array]) -> Array:
        """Derivatives in theta, (..., n_theta), from those in Lambda, (..., q, q) per level."""
        parts = []
        for level, M in zip(self.levels, matrices, strict=True):
            if level.where is not None:
                parts.append(M[(..., *level.where)])
                continue
            for block in level.blocks:
                part = M[..., block.rows, block.rows]
                if block.basis is not None:
                    part = block.basis.T @ part
                parts.append(part[(..., *block.triangle)])
        return np.concatenate(parts, axis=-1)

    def gather_second(self, matrices: Sequence[Array]) -> Array:
        """Hessian in theta, (..., n_theta, n_theta), from derivatives of those in Lambda.

        Parameters
        ----------
        matrices : per level, (..., n_theta, q, q), in the directions of the levels below and its
            own; the others follow by symmetry.
        """
        H = self.gather(matrices)
        for level in self.levels:
            above, mine = slice(level.slice.stop, None), level.slice
            H[..., above, mine] = H[..., mine, above].swapaxes(-1, -2)
        return H

    def directions(self) -> list[Array]:
        """Per level, dLambda_l / dtheta for each of its own elements of theta, (n_l, q, q)."""
        out = []
        for level in self.levels:
            mine = np.zeros((level.slice.stop - level.slice.start, level.q, level.q))
            for block in level.blocks:
                at = block.start - level.slice.start
                for k, (row, column) in enumerate(zip(*block.triangle, strict=True), start=at):
                    if block.basis is None:
                        mine[k, block.offset + row, block.offset + column] = 1.0
                    else:
                        mine[k, block.rows, block.offset + column] = block.basis[:, row]
            out.append(mine)
        return out

    @cached_property
    def scale(self) -> Array:
        """Root mean square of the column of Z that each element of theta multiplies, (n_theta,)."""
        parts = [
            np.asarray(block.scale)[block.triangle[0]]
            for level in self.levels
            for block in level.blocks
        ]
        return np.concatenate(parts)

    def in_bases(self, bases: Sequence[Sequence[Array]]) -> CovarianceMap:
        """The same blocks, each with Lambda = basis @ L; the scales of L are then one.

        Parameters
        ----------
        bases : per level and block, (q, q).
        """
        levels = [
            LevelMap(
                level.name,
                level.number,
                tuple(
                    Block(block.names, block.offset, block.start, (1.0,) * block.size, basis)
                    for block, basis in zip(level.blocks, mine, strict=True)
                ),
            )
            for level, mine in zip(self.levels, bases, strict=True)
        ]
        return CovarianceMap(tuple(levels))

    @cached_property
    def jacobian(self) -> Array:
        """D theta / d phi, (n_theta, n_theta), phi filling the triangles of these (lower) bases."""
        out = np.zeros((self.n_theta, self.n_theta))
        for level in self.levels:
            for block in level.blocks:
                basis = np.eye(block.size) if block.basis is None else block.basis
                at = block.start
                for j in range(block.size):  # Lambda[j:, j] = basis[j:, j:] L[j:, j]
                    here = slice(at, at + block.size - j)
                    out[here, here] = basis[j:, j:]
                    at = here.stop
        return out

    def from_Lambdas(self, Lambdas: Sequence[Array], tolerance: float = 0.0) -> Array:
        """Theta, shape (n_theta,), whose Lambda Lambda' are those of the given matrices.

        Parameters
        ----------
        Lambdas : per level, (q, q) block-diagonal, any square roots.
        tolerance : what is shorter than this, after scaling, counts as zero.
        """
        theta = np.empty(self.n_theta)
        for level, Lambda in zip(self.levels, Lambdas, strict=True):
            for block in level.blocks:
                root = Lambda[block.rows, block.rows]
                if block.basis is not None:
                    root = np.asarray(np.linalg.solve(block.basis, root))
                L = rotate_to_lower_triangle(root, np.asarray(block.scale), tolerance)
                theta[block.part] = L[block.triangle]
        return theta

    def normalise(self, theta: Array, tolerance: float = 1e-12) -> Array:
        """Theta with the sign of each column of Lambda chosen so that diagonals are >= 0.

        A block with a diagonal element that counts as zero and entries below it is rotated first
        (Lambda Q, the same Sigma), so that the zero is a whole column. What is shorter than
        `tolerance`, after scaling, is dropped by the rotation.
        """
        out = theta.copy()
        at, columns, scale = self._diagonal
        diagonal = theta[at]
        if np.all(np.abs(diagonal) * scale >= SINGULAR_TOLERANCE):  # nothing to rotate
            return out * np.where(diagonal < 0, -1.0, 1.0)[columns] + 0.0
        for level in self.levels:
            for block in level.blocks:
                L = block.L(theta)
                below = np.abs(np.tril(L, -1)).max(axis=0)
                if np.any(block.zero_diagonal(theta) & (below > 0)):
                    L = rotate_to_lower_triangle(L, np.asarray(block.scale), tolerance)
                L = L * np.where(np.diag(L) < 0, -1.0, 1.0)
                out[block.part] = L[block.triangle] + 0.0  # no negative zeros
        return out

    def zero_columns(self, theta: Array) -> NDArray[np.bool_]:
        """Mark the elements of theta in columns of Lambda whose diagonal counts as zero."""
        at, columns, scale = self._diagonal
        return np.asarray((np.abs(theta[at]) * scale < SINGULAR_TOLERANCE)[columns])

    @cached_property
    def _diagonal(self) -> tuple[NDArray[np.intp], NDArray[np.intp], Array]:
        """Places of all diagonals in theta, the one above each theta, and their columns' scales."""
        at, columns, scale = list[int](), list[int](), list[float]()
        for level in self.levels:
            for block in level.blocks:
                rows, mine = block.triangle
                columns += [len(at) + int(j) for j in mine]
                at += [block.start + int(i) for i in np.flatnonzero(rows == mine)]
                scale += block.scale
        return np.array(at), np.array(columns), np.array(scale)


def rotate_to_lower_triangle(L: Array, scale: Array, tolerance: float) -> Array:
    """Lower-triangular matrix with the same L L', zero columns whole where L is rank-deficient.

    Parameters
    ----------
    L : (q, r) any square root of the relative covariance, L L' = Sigma / sigma^2.
    scale : (q,) root mean squares of the columns of Z.

    Returns
    -------
    (q, q) lower triangular with a non-negative diagonal. A row whose distance from the span of the
    rows above it, times its scale, is below `tolerance` starts no new column: that column is zero
    throughout.
    """
    q = L.shape[0]
    out = np.zeros((q, q))
    basis: list[tuple[int, Array]] = []
    for i in range(q):
        rest = L[i].copy()
        for _ in range(2):  # twice is enough for orthogonality to working precision
            for j, unit in basis:
                part = float(rest @ unit)
                out[i, j] += part
                rest -= part * unit
        norm = float(np.linalg.norm(rest))
        if norm * scale[i] >= tolerance and norm > 0:
            out[i, i] = norm
            basis.append((i, rest / norm))
    return out
