"""Sampling weights: checks, and the step between conditional and unconditional ones.

omega_i is the unconditional weight of row i, psi_lg that of group g of level l. Conditional ones
are given the parent's selection: omega_i|g = omega_i / psi_2g, psi_lg|k = psi_lg / psi_(l+1)k;
those of the top level are its unconditional ones.

A level without weights, or whose weights are not used, has conditional weight 1. The order is:
conditional weights of all levels from what is given; 1 where not used; scaling; products.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from wemix_ref.errors import OptionError, WeightsError, shown
from wemix_ref.grouping import Grouping
from wemix_ref.kernels_rows import group_extremes, group_firsts
from wemix_ref.scaling import products, scale_conditional
from wemix_ref.table import Table
from wemix_ref.weight_reading import warn_of_reading

__all__ = [
    "CONSTANT_TOLERANCE",
    "LevelWeights",
    "check_columns",
    "check_names",
    "check_use",
    "design_weights",
    "group_weights",
    "level_weights",
]

Array = NDArray[np.float64]
Ints = NDArray[np.intp]

#: Beyond these products of weights leave the range of double precision.
LIMITS = (1e-60, 1e60)

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


def check_names(weights: Sequence[str | None], conditional: bool) -> tuple[str | None, ...]:
    """Names of the weight columns, None for a level without weights.

    Raises
    ------
    WeightsError
        Not a list of names; no names; or an unconditional weight below a level without weights, so
        that no conditional weight can be derived from it.
    """
    if not isinstance(weights, (list, tuple)) or not all(
        name is None or isinstance(name, str) for name in weights
    ):
        raise WeightsError(
            "weights must be a list of column names, level 1 first, such as "
            f'["w1", "w2"]; found {_kind(weights)}.'
        )
    names = tuple(weights)
    if not any(name is not None for name in names):
        raise WeightsError(
            f"weights must name at least one column; found {list(names)!r}. For an unweighted fit "
            "pass weights=None."
        )
    if not conditional:
        for position, (own, above) in enumerate(pairwise(names)):
            if own is not None and above is None:
                level = position + 1
                use = ", ".join(str(i != level) for i in range(len(names)))
                raise WeightsError(
                    f"an unconditional weight needs the weight of the level above, since the "
                    f"conditional one is their quotient; level {level} has `{own}` and level "
                    f"{level + 1} has None. Give the column of level {level + 1}, with "
                    f"use=[{use}] if it is not to be used; or give conditional weights and "
                    "conditional_weights=True."
                )
    return names


def check_use(use: Sequence[bool] | None, names: Sequence[str | None]) -> tuple[bool, ...]:
    """Whether the weights of each level are used, level 1 first.

    Raises
    ------
    OptionError
        Not a list of one True or False for each level; none used; or a level without weights used.
    """
    if use is None:
        return tuple(name is not None for name in names)
    if not isinstance(use, (list, tuple)) or not all(
        isinstance(item, (bool, np.bool_)) for item in use
    ):
        raise OptionError(
            "use must be a list of True or False, one for each of weights, level 1 first; "
            f"found {use!r}."
        )
    if len(use) != len(names):
        raise OptionError(
            f"use must have one True or False for each of the {len(names)} weights; "
            f"found {len(use)}: {list(use)!r}."
        )
    without = [i + 1 for i, name in enumerate(names) if name is None and use[i]]
    if without:
        raise OptionError(
            f"a level whose weights are used must have a column; use is True and weights is None "
            f"at level {without[0]}. Name its column, or set it to False."
        )
    if not any(use):
        raise OptionError(
            "use must be True for at least one level. For an unweighted fit pass weights=None."
        )
    return tuple(bool(item) for item in use)


def _kind(weights: object) -> str:
    if isinstance(weights, str):
        return f"the text {weights!r}"
    if isinstance(weights, (list, tuple)):
        return "a list of " + ", ".join(dict.fromkeys(type(item).__name__ for item in weights))
    return f"a {type(weights).__name__}"


def check_columns(
    data: Mapping[str, pd.Series] | pd.DataFrame,
    weights: Sequence[str | None],
    complete: NDArray[np.bool_] | None,
) -> list[Array]:
    """Weights as they are used: per level (n,), over the complete rows; NaN for a level without.

    Parameters
    ----------
    data : the user's data, every row.
    weights : column names, level 1 first; they exist.
    complete : (rows,) rows without missing values in the columns that the formula uses; None for
        all.

    Raises
    ------
    WeightsError
        A weight is not a number, is missing in an otherwise complete row, is not finite, or is not
        positive.
    """
    out = []
    for j, name in enumerate(weights):
        if name is None:
            out.append(np.full(1, np.nan))
            continue
        numbers = data.numbers(name) if isinstance(data, Table) else None
        if numbers is not None and numbers.dtype == np.float64:
            values = numbers if complete is None else numbers[complete]
            if _proper(values):
                out.append(values)
                continue
        column = data[name]
        if (
            pd.api.types.is_bool_dtype(column.dtype)
            or pd.api.types.is_complex_dtype(column.dtype)
            or not pd.api.types.is_numeric_dtype(column.dtype)
        ):
            raise WeightsError(
                f"level-{j + 1} weight `{name}` must be numeric; its type is {column.dtype}. "
                "Convert it, for example with pandas.to_numeric."
            )
        kept = column if complete is None else column[complete]
        values = kept.to_numpy(dtype=float, na_value=np.nan)
        if not _proper(values):
            raise _improper(values, f"level-{j + 1} weight `{name}`", kept.index)
        out.append(values)
    return out


def _proper(values: Array) -> bool:
    # both are false where a value is NaN
    return bool(np.minimum.reduce(values) >= LIMITS[0] and np.maximum.reduce(values) <= LIMITS[1])


def _improper(values: Array, what: str, index: pd.Index) -> WeightsError:
    """Say what is wrong with the first kind of improper weights, and where."""
    kinds = (
        (np.isnan(values), "is missing", "Give a weight, or leave these rows out yourself"),
        (np.isinf(values), "is infinite", "Give a finite weight"),
        (values < 0, "is negative", "Weights are inverse selection probabilities"),
        (values == 0, "is zero", "Leave out the rows that do not belong to the sample yourself"),
        (
            (values < LIMITS[0]) | (values > LIMITS[1]),
            f"is not between {LIMITS[0]:g} and {LIMITS[1]:g}",
            "Rescale the weights: a common factor changes no estimate",
        ),
    )
    wrong, found, advice = next(kind for kind in kinds if kind[0].any())
    first = index[int(np.argmax(wrong))]
    return WeightsError(
        f"{what} must be a positive finite number in every row that is used; it {found} in "
        f"{int(wrong.sum())} of {values.size} rows (first: row {shown(first)}). {advice}."
    )


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
