"""Formula, data and weights -> Design: all arrays of the model, checked, with no theta in them."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from wemix_ref.centring import centre, centring_plan
from wemix_ref.conditioning import warn_of_conditioning
from wemix_ref.covariance import CovarianceMap
from wemix_ref.design_checks import (
    check_columns_differ,
    check_data,
    check_rank,
    check_response,
    check_sizes,
    warn_of_levels,
)
from wemix_ref.errors import (
    DataError,
    DroppedRowsWarning,
    ModelError,
    shown,
)
from wemix_ref.formula import Formula, parse_formula
from wemix_ref.formula.deparse import to_source
from wemix_ref.frames import as_pandas
from wemix_ref.grouping import Grouping, lme4_order, nest
from wemix_ref.late import Copied, Looked, late, when_asked
from wemix_ref.matrix_columns import Matrix, matrices
from wemix_ref.model_matrix import ModelFrame, model_frame
from wemix_ref.scaling import check_scale
from wemix_ref.source import Source
from wemix_ref.table import Table, copies_on_write
from wemix_ref.training import Training
from wemix_ref.weight_checks import check_columns, check_names, check_use
from wemix_ref.weights import design_weights

__all__ = ["Design", "Level", "RandomTerm", "build_design"]

Array = NDArray[np.float64]
Ints = NDArray[np.intp]

#: Rows that are squared at a time.
BLOCK_ROWS = 1 << 16

_parsed = lru_cache(maxsize=256)(parse_formula)


@dataclass(frozen=True)
class RandomTerm:
    """One random term: its coefficient names, as R's model.matrix gives them."""

    names: tuple[str, ...]


@late("codes", "Z")
@dataclass(frozen=True)
class Level:
    """One level of groups.

    Attributes
    ----------
    name : lme4's name of the grouping factor, such as ``tch:sch``.
    number : 2 for the lowest level of groups.
    codes : (n,) group of each row.
    labels : (G,) the groups' ids; a MultiIndex for interactions.
    parent : (G,) group of the next level up; None at the top.
    terms : the random terms, in lme4's order.
    Z : (n, q) columns of all terms side by side; a view of the design's store of columns where it
        can be, so it is not to be changed in place.
    psi, psi_cond : (G,) unconditional and conditional weights.
    """

    name: str
    number: int
    codes: Ints
    labels: pd.Index
    parent: Ints | None
    terms: tuple[RandomTerm, ...]
    Z: Array
    psi: Array
    psi_cond: Array

    @property
    def n_groups(self) -> int:
        """Number of groups G."""
        return len(self.labels)


#: Columns of more rows are read where they lie in the data frame, others copied first: pandas'
#: copy-on-write keeps what is done to the data frame from a fit, but not what is written into the
#: memory below it, by ``.array`` or through an array that the data frame was made of.
IN_PLACE = 100_000


@late("y", "X", "omega")
@dataclass(frozen=True)
class Design:
    """All arrays of a model, on the rows kept, in the data's order.

    Attributes
    ----------
    formula : the parsed formula.
    y : (n,) response minus offset.
    X : (n, p), with columns x_names; column by column in memory, as Z. It, y, Z and omega are put
        together when they are first asked for: a fit reads the columns of the data.
    offset : (n,) zeros when the formula has none.
    index : (n,) the data's index.
    n_dropped : rows left out for missing values.
    levels : lowest first.
    omega : (n,) unconditional level-1 weights, ones when unweighted.
    weight_names : columns of the weights as given, level 1 first, None for a level without; empty
        when unweighted.
    conditional_weights : how they were read.
    weights_used : whether each level's were used; empty when unweighted.
    scaling : method of each step from level 1 up; empty when unweighted.
    centring : (column, grouping factor or None for all rows) of the columns that were centred.
    training : what new rows need to be evaluated as these were; None where it is not known.
    source : the data as given; None where it is not known.
    table : the columns that arrays are made from; held, so that pandas leaves them as they are.
    """

    formula: Formula
    y: Array
    X: Array
    x_names: tuple[str, ...]
    offset: Array
    index: pd.Index
    n_dropped: int
    levels: tuple[Level, ...]
    omega: Array
    weight_names: tuple[str | None, ...] = ()
    conditional_weights: bool = False
    centring: tuple[tuple[str, str | None], ...] = ()
    weights_used: tuple[bool, ...] = ()
    scaling: tuple[str, ...] = ()
    training: Training | None = field(default=None, repr=False)
    source: Source | None = field(default=None, repr=False)
    table: Table | None = field(default=None, repr=False)

    @property
    def weighted(self) -> bool:
        """Whether weights were given."""
        return bool(self.weight_names)

    @property
    def n(self) -> int:
        """Rows used."""
        return len(self.index)

    @property
    def omega_cond(self) -> Array:
        """(n,) level-1 weights given the level-2 group."""
        return np.asarray(self.omega / self.levels[0].psi[self.levels[0].codes])

    def columns(self) -> tuple[Sequence[Array], Array, list[Sequence[Array]], Ints, Array]:
        """Columns of X, y, columns of each level's Z, level-2 groups, and omega, (n,) each.

        They are those of the data frame, or stand for many rows of one value, where they can be,
        and are not to be changed.
        """
        return (
            _columns(vars(self)["X"]),
            _values(vars(self)["y"]),
            [_columns(vars(level)["Z"]) for level in self.levels],
            _values(vars(self.levels[0])["codes"]),
            _values(vars(self)["omega"]),
        )

    @cached_property
    def covariance(self) -> CovarianceMap:
        """Where theta stands, with the scale of each column of Z."""
        _, _, Zs, _, omega = self.columns()
        total = omega.sum()
        scales = []
        for Z in Zs:
            rms = np.sqrt(_weighted_squares(omega, Z) / total)
            scales.append(np.where(rms > 0, rms, 1.0))
        terms = [(level.name, [term.names for term in level.terms]) for level in self.levels]
        return CovarianceMap.from_terms(terms, scales)


def build_design(
    formula: str,
    data: pd.DataFrame,
    weights: Sequence[str | None] | None = None,
    *,
    conditional_weights: bool = False,
    scale: str | Sequence[str] = "none",
    use: Sequence[bool] | None = None,
    center_group: Mapping[str, str] | None = None,
    center_grand: str | None = None,
) -> Design:
    """Build the arrays of a model.

    Parameters
    ----------
    formula : lme4 formula text.
    data : one row per level-1 unit.
    weights : names of the weight columns, level 1 first, one per level; None for an unweighted fit.
    conditional_weights : whether the weights are conditional on the parent's selection.
    scale, use : as :func:`wemix_ref.mix` has them.
    center_group : grouping factor -> one-sided formula of the columns centred within its groups.
    center_grand : one-sided formula of the columns centred over all rows.

    Raises
    ------
    FormulaError, DataError, WeightsError, NestingError, RankError, ModelError
        See the message: what must hold, what was found and where, what to do.
    """
    parsed = _parsed(formula) if isinstance(formula, str) else parse_formula(formula)
    if not parsed.bars:
        raise ModelError(
            f"the formula must have at least one random term such as (1|group); "
            f"found none in {formula!r}. For a model without groups use a linear regression."
        )
    names = () if weights is None else check_names(weights, conditional_weights)
    used = check_use(use, names) if names else ()
    data = as_pandas(data)
    columns = (*parsed.variables(), *(name for name in names if name is not None))
    check_data(data, columns)
    table = Table.of(data, columns)
    if len(data) <= IN_PLACE or not copies_on_write():
        table = table.copied()
    source = Source.of(table, center_group, center_grand)

    complete = table.complete(parsed.variables())
    n_dropped = 0 if complete is None else int((~complete).sum())
    if n_dropped == len(data):
        raise DataError(
            f"at least one row must be complete in the columns that the formula uses; all "
            f"{len(data)} rows have missing values{_worst(data, parsed.variables())}."
        )
    raw_weights = check_columns(table, names, complete) if names else None

    frame = model_frame(parsed, table)
    grouping = _grouping(parsed, frame, bool(names))
    top = grouping[-1]
    if len(top.labels) < 2:
        raise ModelError(
            f"there must be at least two groups at the top level; `{top.name}` has one, "
            f"{shown(top.labels[0])}. Leave the level out of the formula, or fit more groups."
        )
    methods = check_scale(scale, len(grouping)) if names else ()
    weighting = design_weights(
        raw_weights, names, grouping, conditional_weights, used, methods, len(data) - n_dropped
    )
    means: dict[str, Array] = {}
    if center_group or center_grand is not None:
        table, means = centre(
            table,
            complete,
            weighting.omega,
            {g.name: (g.codes, len(g.labels)) for g in grouping},
            center_group,
            center_grand,
            parsed.variables(),
        )
        frame = model_frame(parsed, table)
    parts = [[parsed.fixed], *([bar.terms for bar in group.bars] for group in grouping)]
    X, *random = matrices(parts, frame.columns, frame.response.size)
    y = frame.response - frame.offset if parsed.fixed.offsets else frame.response
    check_response(parsed, y)
    for matrix, part in zip(
        (X, *random), ("the fixed part", *(f"`{g.name}`" for g in grouping)), strict=True
    ):
        check_columns_differ([name for names_of in matrix.names for name in names_of], part)
    columns_by_name = {to_source(parsed.response): y}
    for matrix in (*random, X):
        names_of_columns = (name for part in matrix.names for name in part)
        columns_by_name |= zip(names_of_columns, matrix.columns, strict=True)
    check_sizes(columns_by_name)
    check_rank(X.columns, X.names[0], weighting.omega)

    levels = []
    lowest = grouping[0].codes
    lowest_codes = lowest if _is_own(lowest, table) else when_asked(Copied(lowest))
    ancestors: Ints | None = None
    for position, (group, Z) in enumerate(zip(grouping, random, strict=True)):
        levels.append(
            Level(
                name=group.name,
                number=position + 2,
                codes=lowest_codes if ancestors is None else when_asked(Looked(ancestors, lowest)),
                labels=group.labels,
                parent=group.parent,
                terms=tuple(RandomTerm(names_of_term) for names_of_term in Z.names),
                Z=when_asked(Z),
                psi=weighting.psi[position],
                psi_cond=weighting.psi_cond[position],
            )
        )
        if group.parent is not None:
            ancestors = group.parent if ancestors is None else group.parent[ancestors]
    if n_dropped:
        warnings.warn(
            f"{n_dropped} of {len(data)} rows were left out: they have missing values in columns "
            f"that the formula uses{_worst(data, parsed.variables())}.",
            DroppedRowsWarning,
            stacklevel=3,
        )
    design = Design(
        formula=parsed,
        y=when_asked(Copied(y)),
        X=when_asked(X),
        x_names=X.names[0],
        offset=frame.offset,
        index=frame.index,
        n_dropped=n_dropped,
        levels=tuple(levels),
        omega=when_asked(Copied(weighting.omega)),
        weight_names=names,
        conditional_weights=conditional_weights,
        centring=centring_plan(center_group, center_grand),
        weights_used=used,
        scaling=methods,
        training=Training.of(frame, means),
        source=source,
        table=table,
    )
    warn_of_levels(design)
    warn_of_conditioning(
        y,
        weighting.omega if names else None,
        [
            (group.name, [name for term in Z.names for name in term], Z.columns)
            for group, Z in zip(grouping, random, strict=True)
        ],
        stacklevel=3,
    )
    return design


def _is_own(codes: Ints, table: Table) -> bool:
    """Whether codes are no column of the data: ids that are codes already are taken as they are."""
    columns = (table.numbers(name) for name in table)
    return codes.flags.owndata and not any(
        values is not None and np.may_share_memory(codes, values) for values in columns
    )


def _worst(data: pd.DataFrame, columns: Sequence[str]) -> str:
    counts = data[list(columns)].isna().sum()
    counts = counts[counts > 0]
    return " (" + ", ".join(f"`{name}`: {count}" for name, count in counts.items()) + ")"


def _grouping(formula: Formula, frame: ModelFrame, weighted: bool) -> list[Grouping]:
    coded = {}
    for bar in formula.bars:
        if bar.group_name not in coded:
            coded[bar.group_name] = frame.group_codes(bar)
    order = lme4_order([len(coded[bar.group_name][1]) for bar in formula.bars])
    return nest([formula.bars[i] for i in order], coded, weighted)


def _columns(stored: Array | Matrix) -> Sequence[Array]:
    return stored.columns if isinstance(stored, Matrix) else list(stored.T)


def _values(stored: Any) -> Any:  # noqa: ANN401
    return stored.values if isinstance(stored, Copied) else stored


def _weighted_squares(omega: Array, Z: Sequence[Array]) -> Array:
    """Sum of omega z^2 for each column, (q,)."""
    out = np.zeros(len(Z))
    for j, z in enumerate(Z):
        if z.strides == (0,):
            # one number stands for all rows
            out[j] = omega.sum() * z[0] ** 2
            continue
        for start in range(0, omega.size, BLOCK_ROWS):
            rows = slice(start, start + BLOCK_ROWS)
            out[j] += omega[rows] @ z[rows] ** 2
    return out
