"""What a picture of Z, G or V shows: the entries of a part, and what to write beside them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from wemix_ref import marginal
from wemix_ref.design import Design
from wemix_ref.errors import OptionError, shown

__all__ = ["MatrixView", "matrix_view"]

Array = NDArray[np.float64]
Ints = NDArray[np.intp]
Span: TypeAlias = tuple[str, str, int, int]

#: Entries of a picture at most: a matrix of so many, dense, is held in memory once.
MOST_ENTRIES = 4_000_000


@dataclass(frozen=True)
class MatrixView:
    """A part of Z, G or V, ready to be drawn.

    Attributes
    ----------
    values : (a, b) dense.
    rows, columns : (a,), (b,) positions in the whole matrix.
    row_labels, column_labels : what stands there.
    row_spans, column_spans : (long name, short name, first, last + 1) of each term's stretch.
    row_title, column_title, title, unit : texts.
    """

    values: Array
    rows: Ints
    columns: Ints
    row_labels: tuple[str, ...]
    column_labels: tuple[str, ...]
    row_spans: tuple[Span, ...]
    column_spans: tuple[Span, ...]
    row_title: str
    column_title: str
    title: str
    unit: str


@dataclass(frozen=True)
class _Effects:
    """What stands in each column of Z: level, term, group and coefficient."""

    level: Ints
    group: Ints
    term: Ints
    labels: tuple[str, ...]
    terms: tuple[tuple[str, str], ...]


def matrix_view(
    design: Design,
    theta: Array,
    sigma: float,
    name: str,
    kind: str = "marginal",
    rows: ArrayLike | slice | None = None,
    group: object = None,
    level: str | None = None,
) -> MatrixView:
    """Take the part of Z, G or V that is to be drawn.

    Parameters
    ----------
    name : "Z", "G" or "V".
    kind : "marginal" or "working", for V.
    rows : positions of rows of the data (of random effects, for G), in the order wanted; None for
        all.
    group : id of a group whose rows and random effects are taken, in place of `rows`.
    level : name of the group's factor; None for the top level's.

    Raises
    ------
    OptionError
        Names, positions or groups that do not exist, or more entries than a picture can hold.
    """
    if name not in ("Z", "G", "V"):
        raise OptionError(f'matrix must be "Z", "G" or "V"; found {name!r}.')
    marginal.check_kind(kind)
    if name != "V" and kind != "marginal":
        raise OptionError(f'kind="working" is one of V; found it with matrix {name!r}.')
    effects = _effects(design)
    n_effects = effects.level.size
    n, what = (n_effects, "effects") if name == "G" else (design.n, "rows")
    which, of_whom = _rows(design, n, what, rows, group, level)
    columns = np.arange(n_effects)
    if group is not None and name != "V":
        present = [np.unique(one.codes[which]) for one in design.levels]
        inside = [np.isin(effects.group, g) & (effects.level == i) for i, g in enumerate(present)]
        columns = np.flatnonzero(np.logical_or.reduce(inside))
    if name == "V" or (name == "G" and group is None):
        columns = which
    elif name == "G":
        which = columns
    if which.size * columns.size > MOST_ENTRIES:
        raise OptionError(
            f"a picture holds {MOST_ENTRIES} entries at most; {name} would have {which.size} x "
            f"{columns.size}. Pass rows= or group= to choose a part."
        )
    row_labels = tuple(f"{position}" for position in which)
    if name == "V":
        return MatrixView(
            values=marginal.V_block(design, theta, sigma, which, kind),
            rows=which,
            columns=which,
            row_labels=row_labels,
            column_labels=row_labels,
            row_spans=(),
            column_spans=(),
            row_title=_OF_ROWS,
            column_title=_OF_ROWS,
            title=f"V, {'model-implied' if kind == 'marginal' else 'working'}{of_whom}",
            unit=_unit(design, slopes=False),
        )
    labels = tuple(effects.labels[j] for j in columns)
    spans = _spans(effects, columns)
    if name == "Z":
        return MatrixView(
            values=marginal.Z_matrix(design)[which][:, columns].toarray(),
            rows=which,
            columns=columns,
            row_labels=row_labels,
            column_labels=labels,
            row_spans=(),
            column_spans=spans,
            row_title=_OF_ROWS,
            column_title=_OF_EFFECTS,
            title=f"Z: which effects act on which rows{of_whom}",
            unit="entry of Z (1, or the slope's variable)",
        )
    return MatrixView(
        values=marginal.G_matrix(design, theta, sigma)[columns][:, columns].toarray(),
        rows=columns,
        columns=columns,
        row_labels=labels,
        column_labels=labels,
        row_spans=spans,
        column_spans=spans,
        row_title=_OF_EFFECTS,
        column_title=_OF_EFFECTS,
        title=f"G: covariance of random effects{of_whom}",
        unit=_unit(design, slopes=any(name != "(Intercept)" for name in _coefficients(design))),
    )


_OF_ROWS = "row of the data (position, from 0)"
_OF_EFFECTS = "random effect (column of Z, from 0)"


def _coefficients(design: Design) -> list[str]:
    return [name for level in design.levels for term in level.terms for name in term.names]


def _unit(design: Design, slopes: bool) -> str:
    response = design.formula.text.split("~")[0].strip()
    text = f"covariance (unit of {response}, squared)"
    return text + ";\nof slopes, per unit of their variables" if slopes else text


def _effects(design: Design) -> _Effects:
    """The columns of Z as `marginal.Z_matrix` orders them."""
    levels: list[int] = []
    groups: list[int] = []
    terms: list[int] = []
    labels: list[str] = []
    names: list[tuple[str, str]] = []
    for position, level in enumerate(design.levels):
        for term in level.terms:
            for g, label in enumerate(level.labels):
                text = ":".join(str(part) for part in label) if isinstance(label, tuple) else label
                for coefficient in term.names:
                    levels.append(position)
                    groups.append(g)
                    terms.append(len(names))
                    labels.append(f"{text} {coefficient}")
            names.append((f"{level.name}: {', '.join(term.names)}", level.name))
    return _Effects(
        np.array(levels, dtype=np.intp),
        np.array(groups, dtype=np.intp),
        np.array(terms, dtype=np.intp),
        tuple(labels),
        tuple(names),
    )


def _spans(effects: _Effects, columns: Ints) -> tuple[Span, ...]:
    """Stretches of neighbouring columns that belong to one term."""
    if not columns.size:
        return ()
    term = effects.term[columns]
    starts = np.flatnonzero(np.diff(term, prepend=-1))
    ends = [*starts[1:], term.size]
    return tuple(
        (*effects.terms[term[a]], int(a), int(b)) for a, b in zip(starts, ends, strict=True)
    )


def _rows(
    design: Design,
    n: int,
    what: str,
    rows: ArrayLike | slice | None,
    group: object,
    level: str | None,
) -> tuple[Ints, str]:
    """Positions asked for, and how to say whose they are."""
    if group is not None:
        if rows is not None:
            raise OptionError("rows and group both choose a part; pass one of them.")
        return _rows_of_group(design, group, level)
    if level is not None:
        raise OptionError("level names the factor that group is an id of; pass group as well.")
    if rows is None:
        return np.arange(n), ""
    positions = np.arange(n)[rows] if isinstance(rows, slice) else np.asarray(rows)
    if positions.ndim != 1 or positions.dtype.kind not in "iu" or not positions.size:
        raise OptionError(
            f"rows must be a slice or a list of positions, at least one; found {rows!r}."
        )
    outside = positions[(positions < 0) | (positions >= n)]
    if outside.size:
        raise OptionError(
            f"rows must lie in 0..{n - 1}; {outside.size} do not (first: {outside[0]})."
        )
    return positions.astype(np.intp), f", {positions.size} {what} of {n}"


def _rows_of_group(design: Design, group: object, level: str | None) -> tuple[Ints, str]:
    names = [one.name for one in design.levels]
    if level is not None and level not in names:
        raise OptionError(f"level must be one of {', '.join(map(repr, names))}; found {level!r}.")
    chosen = design.levels[-1 if level is None else names.index(level)]
    found = [g for g, label in enumerate(chosen.labels) if label == group]
    if not found:
        raise OptionError(
            f"group must be an id of {chosen.name!r}; found {shown(group)}. The ids are those of "
            f"fit.random_effects[{chosen.name!r}].index."
        )
    rows = np.flatnonzero(chosen.codes == found[0])
    return rows, f", {chosen.name} {shown(group)} ({rows.size} rows)"
