"""Sampling weights: the step between conditional and unconditional ones.

omega_i is the unconditional weight of row i, psi_lg that of group g of level l. Conditional ones
are given the parent's selection: omega_i|g = omega_i / psi_2g, psi_lg|k = psi_lg / psi_(l+1)k;
those of the top level are its unconditional ones.

A level without weights, or whose weights are not used, has conditional weight 1. The order is:
conditional weights of all levels from what is given; 1 where not used; scaling; products.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from wemix_ref.errors import WeightsError, shown
from wemix_ref.grouping import Grouping
from wemix_ref.kernels_rows import group_extremes, group_firsts
from wemix_ref.scaling import products, scale_conditional
from wemix_ref.weight_reading import warn_of_reading

__all__ = [
    "CONSTANT_TOLERANCE",
    "LevelWeights",
    "design_weights",
    "group_weights",
    "level_weights",
]

Array = NDArray[np.float64]
Ints = NDArray[np.intp]

#: Weights of one group are called constant within this relative range: products and quotients of
#: weights that were printed with 15 digits differ by a few units of the last one.
CONSTANT_TOLERANCE = 1e-10


@dataclass(frozen=True)
class LevelWeights:
    """Weights of a design.

    Attributes
    ----------
    omega : (n,) unconditional weights of the rows; maybe a column of the data, not to be changed.
    psi, psi_cond : per level of groups, lowest first, (G_l,).
    codes : (n,) level-2 group of each row.
    given_cond : (n,) conditional weights of the rows, where they were not derived from `omega`.
    """

    omega: Array
    psi: tuple[Array, ...]
    psi_cond: tuple[Array, ...]
    codes: Ints
    given_cond: Array | None = None

    @property
    def omega_cond(self) -> Array:
        """(n,) conditional weights of the rows."""
        if self.given_cond is not None:
            return self.given_cond
        return np.asarray(self.omega / self.psi[0][self.codes])


def group_weights(
    values: Sequence[Array],
    names: Sequence[str | None],
    codes: Sequence[Ints],
    labels: Sequence[pd.Index],
    groups: Sequence[str],
    parents: Sequence[Ints | None],
    conditional: bool,
) -> LevelWeights:
    """Unconditional and conditional weights of rows and groups, as given.

    Parameters
    ----------
    values : per level, level 1 first, (n,) weights as given in the rows.
    names : (L,) their columns; None for a level without weights, whose column is not read.
    codes : per level of groups, lowest first, (n,) group of each row.
    labels, groups : per level, the groups' ids and the grouping factor's name, for messages.
    parents : per level, (G_l,) parent of each group, None at the top.
    conditional : how `values` are to be read.

    Raises
    ------
    WeightsError
        A level's weights vary within one of its groups (relatively, beyond 1e-10).
    """
    given = [np.full(codes[0].size, np.nan) if names[0] is None else values[0]]
    for position, group in enumerate(groups):
        if names[position + 1] is None:
            given.append(np.full(len(labels[position]), np.nan))
            continue
        given.append(
            _of_groups(
                values[position + 1],
                codes[position],
                labels[position],
                f"level-{position + 2} weight `{names[position + 1]}`",
                group,
                conditional,
            )
        )
    above = [codes[0], *(parent for parent in parents if parent is not None)]
    if conditional:
        cond = [
            np.ones_like(own) if name is None else own
            for own, name in zip(given, names, strict=True)
        ]
        uncond = products(cond, above)
    else:
        # a level without weights is as its parent: conditional weight 1
        uncond = [given[-1]]
        for own, name, parent in zip(given[-2::-1], names[-2::-1], above[::-1], strict=True):
            uncond.insert(0, uncond[0][parent] if name is None else own)
        cond = [
            *(
                own / uncond[i + 2][parent]
                for i, (own, parent) in enumerate(zip(uncond[1:], above[1:], strict=False))
            ),
            uncond[-1],
        ]
        return LevelWeights(uncond[0], tuple(uncond[1:]), tuple(cond), codes[0])
    return LevelWeights(uncond[0], tuple(uncond[1:]), tuple(cond[1:]), codes[0], cond[0])


def _of_groups(
    column: Array, code: Ints, labels: pd.Index, what: str, group: str, conditional: bool
) -> Array:
    """One weight for each group, (G,), from its rows."""
    n_groups = len(labels)
    # one row of the group speaks for it: what differs is below the tolerance
    first, same = group_firsts(code, column, n_groups)
    if same:
        return first
    low, high = group_extremes(code, column, n_groups)
    varies = np.flatnonzero(high - low > CONSTANT_TOLERANCE * high)
    if varies.size:
        hint = (
            "Give the weight of the group itself"
            if conditional
            else "Give the group's own unconditional weight in each of its rows, or pass "
            "conditional_weights=True if the weights are conditional"
        )
        raise WeightsError(
            f"{what} must be constant within `{group}`; it varies in {varies.size} of {n_groups} "
            f"groups (first: {shown(labels[varies[0]])}, from {low[varies[0]]:.15g} to "
            f"{high[varies[0]]:.15g}). {hint}."
        )
    return first


def level_weights(
    values: Sequence[Array],
    names: Sequence[str | None],
    codes: Sequence[Ints],
    labels: Sequence[pd.Index],
    groups: Sequence[str],
    parents: Sequence[Ints | None],
    conditional: bool,
    use: Sequence[bool],
    methods: Sequence[str],
    stacklevel: int = 6,
) -> LevelWeights:
    """Weights as the estimator takes them: those given, 1 where not used, scaled.

    Parameters
    ----------
    values, names, codes, labels, groups, parents, conditional : as for :func:`group_weights`.
    use : (L,) whether the weights of each level are used.
    methods : (L - 1,) scaling at each step from level 1 up.
    stacklevel : of the warning; :func:`warn_of_reading` is level 1, mix's caller 6.

    Raises
    ------
    WeightsError
        As :func:`group_weights`.
    """
    given = group_weights(values, names, codes, labels, groups, parents, conditional)
    above = [codes[0], *(parent for parent in parents if parent is not None)]
    warn_of_reading(
        [given.omega_cond, *given.psi_cond] if conditional else [given.omega, *given.psi],
        names,
        groups,
        above,
        conditional,
        # size and effective do not depend on the size of the weights within a parent
        [used and how in ("none", "gk") for used, how in zip(use, methods, strict=False)],
        stacklevel,
    )
    unused = [name is not None and not used for name, used in zip(names, use, strict=True)]
    if not any(unused) and all(method == "none" for method in methods):
        return given
    cond = [
        np.ones_like(own) if off else own
        for own, off in zip((given.omega_cond, *given.psi_cond), unused, strict=True)
    ]
    cond = scale_conditional(cond, above, methods)
    uncond = products(cond, above)
    return LevelWeights(uncond[0], tuple(uncond[1:]), tuple(cond[1:]), codes[0], cond[0])


def design_weights(
    values: Sequence[Array] | None,
    names: Sequence[str | None],
    grouping: Sequence[Grouping],
    conditional: bool,
    use: Sequence[bool],
    methods: Sequence[str],
    n: int,
) -> LevelWeights:
    """Weights of a design; ones when ``values`` is None.

    Parameters
    ----------
    values, names, conditional, use, methods : as for :func:`level_weights`.
    grouping : the grouping factors, lowest first.
    n : rows.

    Raises
    ------
    WeightsError
        As :func:`group_weights`, or the number of names is not that of the levels.
    """
    if values is None:
        ones = tuple(np.ones(len(group.labels)) for group in grouping)
        return LevelWeights(np.broadcast_to(1.0, n), ones, ones, grouping[0].codes)
    expected = len(grouping) + 1
    if len(names) != expected:
        levels = ", ".join(["rows"] + [f"`{group.name}`" for group in grouping])
        raise WeightsError(
            f"weights must name one column per level, {expected} in all (level 1 first: {levels}); "
            f"found {len(names)}: {list(names)!r}."
        )
    return level_weights(
        values,
        names,
        [group.codes for group in grouping],
        [group.labels for group in grouping],
        [group.name for group in grouping],
        [group.parent for group in grouping],
        conditional,
        use,
        methods,
    )
