"""V: the covariance of y that a model implies, whole or a top group at a time.

Model-implied: V = Z G Z' + sigma^2 I with G = blockdiag(Sigma_l). Working, with unconditional
weights: V_w = sigma^2 (Z Lambda Psi^-1 Lambda' Z' + Omega^-1). Generalised least squares with V_w
(`gls`) returns the weighted estimate of beta exactly; with unit weights V_w = V.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from wemix_ref.design import Design, Level
from wemix_ref.errors import OptionError, shown
from wemix_ref.lazily import Lazy
from wemix_ref.least_squares import gls

if TYPE_CHECKING:
    import scipy.sparse as sp
else:
    sp = Lazy("scipy.sparse")

__all__ = [
    "G_matrix",
    "VBlock",
    "V_block",
    "V_by_group",
    "Z_matrix",
    "check_kind",
    "gls",
    "marginal_V",
    "working_V",
]

Array = NDArray[np.float64]


def Z_matrix(design: Design) -> sp.csr_array:
    """Z, shape (n, sum of G q), columns in lme4's order.

    Terms in lme4's order, lowest level first; within a term group by group, and within a group
    coefficient by coefficient.
    """
    n = design.n
    blocks = []
    for level in design.levels:
        offset = 0
        for term in level.terms:
            q = len(term.names)
            values = level.Z[:, offset : offset + q]
            rows = np.repeat(np.arange(n), q)
            columns = (level.codes[:, None] * q + np.arange(q)).ravel()
            block = sp.coo_array(
                (values.ravel(), (rows, columns)), shape=(n, level.n_groups * q)
            ).tocsr()
            block.eliminate_zeros()
            blocks.append(block)
            offset += q
    return sp.csr_array(sp.hstack(blocks, format="csr"))


def _block_diagonal(design: Design, theta: Array, inverse_psi: bool, root: bool) -> sp.csr_array:
    """Relative covariance of all effects, or Lambda, with 1/psi on each group if asked for."""
    blocks = []
    for level, level_map in zip(design.levels, design.covariance.levels, strict=True):
        for block in level_map.blocks:
            L = block.Lambda(theta)
            weight = 1.0 / level.psi if inverse_psi else np.ones(level.n_groups)
            blocks.append(sp.kron(sp.diags_array(weight), L if root else L @ L.T, format="csr"))
    return sp.csr_array(sp.block_diag(blocks, format="csr"))


def G_matrix(design: Design, theta: Array, sigma: float) -> sp.csr_array:
    """G = blockdiag(Sigma_l), one block per group, columns as in `Z_matrix`; variances."""
    return sp.csr_array(sigma**2 * _block_diagonal(design, theta, False, False))


def marginal_V(design: Design, theta: Array, sigma: float) -> sp.csr_array:
    """V = Z G Z' + sigma^2 I, shape (n, n), rows in the data's order."""
    ZL = Z_matrix(design) @ _block_diagonal(design, theta, False, True)
    return sp.csr_array(sigma**2 * (ZL @ ZL.T + sp.eye_array(design.n)))


def working_V(design: Design, theta: Array, sigma: float) -> sp.csr_array:
    """V_w = sigma^2 (Z Lambda Psi^-1 Lambda' Z' + Omega^-1), (n, n), unconditional weights."""
    Z = Z_matrix(design)
    inner = _block_diagonal(design, theta, True, False)
    return sp.csr_array(sigma**2 * (Z @ inner @ Z.T + sp.diags_array(1.0 / design.omega)))


def V_block(
    design: Design, theta: Array, sigma: float, rows: NDArray[np.intp], kind: str = "marginal"
) -> Array:
    """V or V_w of the given rows alone, dense (m, m), in the order of `rows`.

    Parameters
    ----------
    rows : (m,) positions in the data's order.
    kind : "marginal" or "working", as `check_kind` allows.
    """
    working = kind == "working"
    out = np.diag(1.0 / design.omega[rows]) if working else np.eye(rows.size)
    for level, Lambda in zip(design.levels, design.covariance.Lambdas(theta), strict=True):
        codes = level.codes[rows]
        ZL = level.Z[rows] @ Lambda
        if working:
            ZL = ZL / np.sqrt(level.psi[codes])[:, None]
        out += (ZL @ ZL.T) * (codes[:, None] == codes[None, :])
    return np.asarray(sigma**2 * out)


class VBlock(NamedTuple):
    """V of one top group.

    Attributes
    ----------
    label : the group's id, a tuple where several variables make it.
    rows : (m,) positions of its rows in the data's order, ascending.
    block : (m, m) dense, V[rows][:, rows].
    """

    label: object
    rows: NDArray[np.intp]
    block: Array


def V_by_group(
    design: Design,
    theta: Array,
    sigma: float,
    kind: str = "marginal",
    groups: Sequence[object] | None = None,
) -> Iterator[VBlock]:
    """V a top group at a time, in the order of the groups' labels or as asked for.

    Rows of different top groups are uncorrelated, so the blocks are the whole of V. One block is
    held at a time; neither an (n, n) array nor Z over all groups is made.

    Raises
    ------
    OptionError
        A kind that is not known, a group that is not among the top groups or is named twice.
    """
    check_kind(kind)
    top = design.levels[-1]
    positions = range(top.n_groups) if groups is None else _positions(top, groups)
    order = np.argsort(top.codes, kind="stable")
    ends = np.cumsum(np.bincount(top.codes, minlength=top.n_groups))

    def blocks() -> Iterator[VBlock]:
        for g in positions:
            rows = order[ends[g - 1] if g else 0 : ends[g]]
            yield VBlock(top.labels[g], rows, V_block(design, theta, sigma, rows, kind))

    return blocks()


def _positions(level: Level, groups: Sequence[object]) -> list[int]:
    if isinstance(groups, str) or not isinstance(groups, Iterable):
        raise OptionError(
            f"groups must be a list of ids of {level.name!r}; found {shown(groups)}. "
            "Put a single id in a list."
        )
    wanted = list(groups)
    found = {label: g for g, label in enumerate(level.labels)}
    unknown = [label for label in wanted if label not in found]
    if unknown:
        raise OptionError(
            f"groups must be ids of {level.name!r}; {len(unknown)} are not "
            f"(first: {shown(unknown[0])}). The ids are those of "
            f"fit.random_effects[{level.name!r}].index."
        )
    if len(set(wanted)) < len(wanted):
        twice = next(label for i, label in enumerate(wanted) if label in wanted[:i])
        raise OptionError(f"groups must be named once each; {shown(twice)} is there twice.")
    return [found[label] for label in wanted]


def check_kind(kind: str) -> None:
    """Raise an OptionError unless `kind` is "marginal" or "working"."""
    if kind not in ("marginal", "working"):
        raise OptionError(f'kind must be "marginal" or "working"; found {kind!r}.')
