"""Evaluation of a variable's expression over a whitelist of functions; nothing is run as code."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from wemix_ref.columns import (
    Column,
    FactorColumn,
    LogicalColumn,
    NumericColumn,
    read_column,
)
from wemix_ref.comparisons import (
    both,
    compare_factor,
    compare_numbers,
    is_in,
    negate,
    numbers_of,
    truth_of,
)
from wemix_ref.errors import DataError
from wemix_ref.formula.functions import bind, constant
from wemix_ref.formula.placement import ARITHMETIC, COMPARISONS
from wemix_ref.formula.syntax import (
    Binary,
    Call,
    Expr,
    Logical,
    Name,
    Number,
    Paren,
    Text,
    Unary,
    names_in,
)
from wemix_ref.formula.terms import label_of
from wemix_ref.functions import (
    as_integer,
    as_number,
    log,
    make_factor,
    power,
    round_half_even,
    within_integers,
)
from wemix_ref.memory import Memory
from wemix_ref.table import Table

__all__ = ["evaluate"]

# An R integer vector is int64, a double float64; constants have no dimension.
_Value: TypeAlias = NDArray[Any] | LogicalColumn | FactorColumn | str

_ELEMENTWISE = {
    "log2": np.log2,
    "log10": np.log10,
    "log1p": np.log1p,
    "exp": np.exp,
    "expm1": np.expm1,
    "sqrt": np.sqrt,
    "sin": np.sin,
    "cos": np.cos,
    "tan": np.tan,
    "floor": np.floor,
    "ceiling": np.ceil,
    "trunc": np.trunc,
}
_CALCULATE = {
    "+": np.add,
    "-": np.subtract,
    "*": np.multiply,
    "/": np.true_divide,
}


class _Rows:
    """Data columns, and the rows where an expression is wanted: None for all.

    A call is evaluated over all rows where its own columns are present, however few are wanted
    outside of it: ``scale(x)`` in ``I(scale(x) + z)`` does not depend on what `z` lacks.
    """

    def __init__(self, table: Table, expr: Expr, memory: Memory) -> None:
        self.table = table
        self.memory = memory
        self.wanted = table.complete(names_in(expr))

    def column(self, name: str) -> _Value:
        series, present = self.table[name], self.table.present(name)
        values = read_column(name, series if present is None else series[present])
        value = self.memory.column(name, values)
        if not isinstance(value, FactorColumn) and value.dtype == bool:
            return _restrict(LogicalColumn(value), self.among(present))
        return _restrict(value, self.among(present))

    def among(self, rows: NDArray[np.bool_] | None) -> NDArray[np.bool_] | None:
        """Which of some rows are wanted; None for all of them."""
        return self.wanted if rows is None or self.wanted is None else self.wanted[rows]

    def of(self, expr: Expr) -> _Rows:
        return _Rows(self.table, expr, self.memory)


def _restrict(value: _Value, rows: NDArray[np.bool_] | None) -> _Value:
    if rows is None:
        return value
    if isinstance(value, FactorColumn):
        return replace(value, codes=value.codes[rows])
    if isinstance(value, LogicalColumn):
        if value.values.ndim == 0:
            return value
        missing = None if value.missing is None else value.missing[rows]
        return LogicalColumn(value.values[rows], missing)
    return value if isinstance(value, str) or value.ndim == 0 else value[rows]


def evaluate(expr: Expr, frame: Mapping[str, pd.Series], memory: Memory | None = None) -> Column:
    """Evaluate a variable.

    Parameters
    ----------
    expr : Expr
        A variable of a parsed formula.
    frame : mapping of str to pandas.Series
        The data columns it uses, all of one length. Of a :class:`~wemix_ref.table.Table`, what is
        missing is known already.
    memory : Memory, optional
        Learns what the expression takes from all rows (means, polynomials, levels), or, when
        recalling, gives what it learned in place of what these rows would give.

    Returns
    -------
    Column
        One row for each row of `frame` that has all the columns of `expr`, in their order; numbers
        may be NaN or infinite, where a function has no value. ``scale()`` and ``poly()`` take
        means and norms over all these rows.

    Raises
    ------
    DataError
        A column of a type that has no place where it stands.
    """
    if not isinstance(frame, Table):
        frame = Table(frame, next(iter(frame.values())).index)
    rows = _Rows(frame, expr, Memory() if memory is None else memory)
    with np.errstate(all="ignore"):
        if isinstance(expr, Call) and expr.function == "poly":
            return _poly(expr, rows)
        value = _evaluate(expr, rows)
    if isinstance(value, (LogicalColumn, FactorColumn)):
        return value
    assert not isinstance(value, str)
    return NumericColumn(np.asarray(value, dtype=np.float64)[:, None])


def _evaluate(node: Expr, rows: _Rows) -> _Value:
    if isinstance(node, Name):
        return rows.column(node.name)
    if isinstance(node, Number):
        return np.asarray(int(node.value) if node.integer else node.value)
    if isinstance(node, Logical):
        return LogicalColumn(np.asarray(node.value))
    if isinstance(node, Text):
        return node.value
    if isinstance(node, Paren):
        return _evaluate(node.inner, rows)
    if isinstance(node, Unary):
        return _unary(node, rows)
    if isinstance(node, Binary):
        return _binary(node, rows)
    own = rows.of(node)
    return _restrict(_call(node, own), rows.among(own.wanted))


def _plain(value: _Value, node: Expr, by: str) -> NDArray[Any]:
    """Numbers of a value that must be numeric or logical."""
    if isinstance(value, FactorColumn):
        what = "texts" if value.is_text else "a factor"
        raise DataError(
            f"{by} needs numbers; `{label_of(node)}` is {what}. Compute a numeric column first"
        )
    assert not isinstance(value, str)
    return numbers_of(value) if isinstance(value, LogicalColumn) else value


def _numbers(node: Expr, rows: _Rows, by: str) -> NDArray[Any]:
    return _plain(_evaluate(node, rows), node, by)


def _plain_or_factor(node: Expr, rows: _Rows, by: str) -> NDArray[Any] | FactorColumn:
    value = _evaluate(node, rows)
    return value if isinstance(value, FactorColumn) else _plain(value, node, by)


def _truth(node: Expr, rows: _Rows, by: str) -> LogicalColumn:
    value = _evaluate(node, rows)
    return value if isinstance(value, LogicalColumn) else truth_of(_plain(value, node, by))


def _unary(node: Unary, rows: _Rows) -> NDArray[Any] | LogicalColumn:
    by = f"`{node.op}`"
    if node.op == "!":
        return negate(_truth(node.operand, rows, by))
    value = _numbers(node.operand, rows, by)
    return -value if node.op == "-" else value


def _binary(node: Binary, rows: _Rows) -> NDArray[Any] | LogicalColumn:
    by = f"`{node.op}`"
    if node.op == "%in%":
        left_side = _plain_or_factor(node.left, rows, by)
        return is_in(left_side, _constants(node.right), label_of(node))
    if node.op == "&":
        return both(_truth(node.left, rows, by), _truth(node.right, rows, by))
    left, right = _evaluate(node.left, rows), _evaluate(node.right, rows)
    if node.op in COMPARISONS and any(isinstance(s, (FactorColumn, str)) for s in (left, right)):
        return compare_factor(node.op, left, right, label_of(node))
    first, second = _plain(left, node.left, by), _plain(right, node.right, by)
    if node.op in COMPARISONS:
        return compare_numbers(node.op, first, second)
    assert node.op in ARITHMETIC
    if node.op == "^":
        return power(first, second)
    result = _CALCULATE[node.op](first, second)
    return within_integers(result) if result.dtype.kind == "i" else result


def _constants(node: Expr) -> list[float | bool | str]:
    values = [a.value for a in node.args] if isinstance(node, Call) else [node]
    return [v for v in map(constant, values) if v is not None]


def _call(node: Call, rows: _Rows) -> _Value:
    name, by = node.function, f"{node.function}()"
    if name in ("pmin", "pmax"):
        parts = [_numbers(a.value, rows, by) for a in node.args]
        extreme = np.minimum if name == "pmin" else np.maximum
        result = parts[0]
        for part in parts[1:]:
            result = extreme(result, part)
        return result
    args = bind(node)
    if name == "I":
        return _evaluate(args["x"], rows)
    if name in ("factor", "ordered", "as.factor"):
        return _factor(node, args, rows)
    if name in ("as.numeric", "as.integer"):
        convert = as_number if name == "as.numeric" else as_integer
        return convert(_plain_or_factor(args["x"], rows, by), label_of(node))
    x = _numbers(args["x"], rows, by)
    if name in _ELEMENTWISE:
        return _ELEMENTWISE[name](x.astype(np.float64))
    if name == "abs":
        return np.abs(x)
    if name == "log":
        return log(x.astype(np.float64), _number(args.get("base")))
    if name == "round":
        rounded = round_half_even(x.astype(np.float64), int(_number(args.get("digits")) or 0))
        # An integer has no negative zero.
        return rounded + 0.0 if x.dtype.kind == "i" else rounded
    assert name == "scale", name
    center, scaling = args.get("center"), args.get("scale")
    return rows.memory.standardise(
        label_of(node),
        x.astype(np.float64),
        True if center is None else constant(center),
        True if scaling is None else constant(scaling),
    )


def _number(node: Expr | None) -> float | None:
    value = None if node is None else constant(node)
    return None if value is None else float(value)


def _factor(node: Call, args: Mapping[str, Expr], rows: _Rows) -> FactorColumn:
    value = _evaluate(args["x"], rows)
    assert not isinstance(value, str)
    if node.function == "as.factor":
        if isinstance(value, FactorColumn) and not value.is_text:
            return value
        return rows.memory.factor(label_of(node), make_factor(value))
    flag = args.get("ordered")
    ordered = True if node.function == "ordered" else None if flag is None else constant(flag)
    levels, labels = args.get("levels"), args.get("labels")
    made = make_factor(
        value,
        None if levels is None else _constants(levels),
        None if labels is None else _constants(labels),
        None if ordered is None else bool(ordered),
    )
    return rows.memory.factor(label_of(node), made)


def _poly(node: Call, rows: _Rows) -> NumericColumn:
    args = bind(node)
    x = _numbers(args["x"], rows, "poly()").astype(np.float64)
    degree = int(_number(args.get("degree")) or 1)
    suffixes = tuple(str(k + 1) for k in range(degree)) if degree > 1 else ("",)
    raw = args.get("raw")
    if raw is not None and constant(raw):
        return NumericColumn(x[:, None] ** np.arange(1.0, degree + 1), suffixes)
    if not np.isfinite(x).all():
        raise DataError(
            f"`{label_of(node)}` needs finite numbers; {int((~np.isfinite(x)).sum())} are not"
        )
    distinct = len(np.unique(x))
    if rows.memory.learning and degree >= distinct:
        raise DataError(
            f"the degree in `{label_of(node)}` must be below the number of distinct values, "
            f"{distinct}"
        )
    return NumericColumn(rows.memory.polynomials(label_of(node), x, degree), suffixes)
