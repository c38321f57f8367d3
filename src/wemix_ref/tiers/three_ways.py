"""Three ways to V: Kronecker products, the cross-product of Lambda', and one block-diagonal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from wemix_ref.design import Design
from wemix_ref.marginal import Z_matrix

__all__ = ["WAYS", "covariance_by_kronecker", "three_ways_to_V"]

Array = NDArray[np.float64]
WAYS = ("kronecker", "lambdat", "bdiag")
Rows = Sequence[Mapping[str, Any]]


def _term_blocks(design: Design, rows: Rows) -> list[tuple[Array, int]]:
    """Sigma of each term, read from a table of variance components, and its number of groups."""
    values = {}
    for row in rows:
        pair = (row["var1"], row["var2"] or row["var1"])
        for first, second in (pair, pair[::-1]):
            values[row["group"], first, second] = row["vcov"]
    blocks = []
    for level in design.levels:
        for term in level.terms:
            sigma = [
                # pairs of different terms, or fixed at zero by the formula, have no row
                [values.get((level.name, a, b), 0.0) for b in term.names]
                for a in term.names
            ]
            blocks.append((np.array(sigma, dtype=float), level.n_groups))
    return blocks


def covariance_by_kronecker(design: Design, rows: Rows) -> sp.csr_array:
    """G from variance components: for each term the identity of its groups times its Sigma."""
    parts = [sp.kron(sp.eye_array(n), block) for block, n in _term_blocks(design, rows)]
    return sp.csr_array(sp.block_diag(parts, format="csr"))


def _covariance_by_blocks(design: Design, rows: Rows) -> sp.csr_array:
    """G from variance components: every group's Sigma in turn down the diagonal."""
    listed = [block for block, n in _term_blocks(design, rows) for _ in range(n)]
    return sp.csr_array(sp.block_diag(listed, format="csr"))


def _lambdat(design: Design, theta: Array) -> sp.csr_array:
    """Lambda' of all effects, entry by entry from theta."""
    row_parts, column_parts, value_parts = [], [], []
    start = 0
    for level, level_map in zip(design.levels, design.covariance.levels, strict=True):
        for block in level_map.blocks:
            rows, columns = block.triangle
            first = start + block.size * np.arange(level.n_groups)[:, None]
            row_parts.append((first + columns).ravel())
            column_parts.append((first + rows).ravel())
            value_parts.append(np.tile(theta[block.part], level.n_groups))
            start += block.size * level.n_groups
    entries = np.concatenate(value_parts)
    places = (np.concatenate(row_parts), np.concatenate(column_parts))
    return sp.csr_array(sp.coo_array((entries, places), shape=(start, start)))


def three_ways_to_V(
    design: Design, rows: Rows, theta: Array, sigma: float
) -> dict[str, sp.csr_array]:
    """V = Z G Z' + sigma^2 I with G made in three ways.

    Parameters
    ----------
    design : the model's arrays.
    rows : its variance components (group, var1, var2, vcov).
    theta, sigma : what they come from.

    Returns
    -------
    dict
        ``kronecker`` and ``bdiag`` from the variance components, ``lambdat`` from theta; each
        (n, n), rows in the design's order.
    """
    Lambdat = _lambdat(design, theta)
    covariances = {
        "kronecker": covariance_by_kronecker(design, rows),
        "lambdat": sigma**2 * (Lambdat.T @ Lambdat),
        "bdiag": _covariance_by_blocks(design, rows),
    }
    Z = Z_matrix(design)
    residual = sigma**2 * sp.eye_array(design.n)
    return {way: sp.csr_array(Z @ G @ Z.T + residual) for way, G in covariances.items()}
