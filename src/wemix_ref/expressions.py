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
    compare_factor,
    is_in,
    log,
    make_factor,
    round_half_even,
    standardise,
)
from wemix_ref.polynomials import orthogonal_polynomials

__all__ = ["evaluate"]

# An R integer vector is int64, a double float64, a logical bool; constants have no dimension.
_Value: TypeAlias = NDArray[Any] | FactorColumn | str

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
_COMPARE = {
    "<": np.less,
    ">": np.greater,
    "<=": np.less_equal,
    ">=": np.greater_equal,
    "==": np.equal,
    "!=": np.not_equal,
}
_CALCULATE = {
    "+": np.add,
    "-": np.subtract,
    "*": np.multiply,
    "/": np.true_divide,
}


class _Rows:
    """Data columns, and the rows where an expression is wanted.

    A call is evaluated over all rows where its own columns are present, however few are wanted
    outside of it: ``scale(x)`` in ``I(scale(x) + z)`` does not depend on what `z` lacks.
    """

    def __init__(self, frame: Mapping[str, pd.Series], expr: Expr) -> None:
        self.frame = frame
        self.wanted = np.ones(len(next(iter(frame.values()))), dtype=bool)
        for name in names_in(expr):
            self.wanted &= frame[name].notna().to_numpy(dtype=bool)

    def column(self, name: str) -> NDArray[Any] | FactorColumn:
        series = self.frame[name]
        present = series.notna().to_numpy(dtype=bool)
        value = _restrict(read_column(name, series[present]), self.wanted[present])
        assert not isinstance(value, str)
        return value

    def of(self, expr: Expr) -> _Rows:
        return _Rows(self.frame, expr)


def _restrict(value: _Value, rows: NDArray[np.bool_]) -> _Value:
    if isinstance(value, FactorColumn):
        return replace(value, codes=value.codes[rows])
    return value if isinstance(value, str) or value.ndim == 0 else value[rows]


def evaluate(expr: Expr, frame: Mapping[str, pd.Series]) -> Column:
    """Evaluate a variable.

    Parameters
    ----------
    expr : Expr
        A variable of a parsed formula.
    frame : mapping of str to pandas.Series
        The data columns it uses, all of one length.

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
    rows = _Rows(frame, expr)
    with np.errstate(all="ignore"):
        if isinstance(expr, Call) and expr.function == "poly":
            return _poly(expr, rows)
        value = _evaluate(expr, rows)
    if isinstance(value, FactorColumn):
        return value
    assert not isinstance(value, str)
    if value.dtype == bool:
        return LogicalColumn(value)
    return NumericColumn(value.astype(np.float64)[:, None])


def _evaluate(node: Expr, rows: _Rows) -> _Value:
    if isinstance(node, Name):
        return rows.column(node.name)
    if isinstance(node, Number):
        return np.asarray(int(node.value) if node.integer else node.value)
    if isinstance(node, Logical):
        return np.asarray(node.value)
    if isinstance(node, Text):
        return node.value
    if isinstance(node, Paren):
        return _evaluate(node.inner, rows)
    if isinstance(node, Unary):
        return _unary(node, rows)
    if isinstance(node, Binary):
        return _binary(node, rows)
    own = rows.of(node)
    return _restrict(_call(node, own), rows.wanted[own.wanted])


def _numbers(node: Expr, rows: _Rows, by: str) -> NDArray[Any]:
    """Evaluate an operand that must be numeric or logical."""
    value = _evaluate(node, rows)
    if isinstance(value, FactorColumn):
        what = "texts" if value.is_text else "a factor"
        raise DataError(
            f"{by} needs numbers; `{label_of(node)}` is {what}. Compute a numeric column first"
        )
    assert not isinstance(value, str)
    return value.astype(np.int64) if value.dtype == bool else value


def _unary(node: Unary, rows: _Rows) -> NDArray[Any]:
    value = _numbers(node.operand, rows, f"`{node.op}`")
    if node.op == "!":
        return value == 0
    return -value if node.op == "-" else value


def _binary(node: Binary, rows: _Rows) -> NDArray[Any]:
    by = f"`{node.op}`"
    if node.op == "%in%":
        return is_in(_evaluate(node.left, rows), _constants(node.right), label_of(node))
    if node.op in COMPARISONS:
        left, right = _evaluate(node.left, rows), _evaluate(node.right, rows)
        if any(isinstance(side, (FactorColumn, str)) for side in (left, right)):
            return compare_factor(node.op, left, right, label_of(node))
    first, second = _numbers(node.left, rows, by), _numbers(node.right, rows, by)
    if node.op in COMPARISONS:
        return _COMPARE[node.op](first, second)
    if node.op == "&":
        return (first != 0) & (second != 0)
    assert node.op in ARITHMETIC
    if node.op == "^":
        return np.power(first.astype(np.float64), second.astype(np.float64))
    return _CALCULATE[node.op](first, second)


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
        value = _evaluate(args["x"], rows)
        return (
            as_number(value, label_of(node))
            if name == "as.numeric"
            else as_integer(value, label_of(node))
        )
    x = _numbers(args["x"], rows, by)
    if name in _ELEMENTWISE:
        return _ELEMENTWISE[name](x.astype(np.float64))
    if name == "abs":
        return np.abs(x)
    if name == "log":
        return log(x.astype(np.float64), _number(args.get("base")))
    if name == "round":
        return round_half_even(x.astype(np.float64), int(_number(args.get("digits")) or 0))
    assert name == "scale", name
    center, scaling = args.get("center"), args.get("scale")
    return standardise(
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
        return make_factor(value)
    flag = args.get("ordered")
    ordered = True if node.function == "ordered" else None if flag is None else constant(flag)
    levels, labels = args.get("levels"), args.get("labels")
    return make_factor(
        value,
        None if levels is None else _constants(levels),
        None if labels is None else _constants(labels),
        None if ordered is None else bool(ordered),
    )


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
    if degree >= distinct:
        raise DataError(
            f"the degree in `{label_of(node)}` must be below the number of distinct values, "
            f"{distinct}"
        )
    return NumericColumn(orthogonal_polynomials(x, degree), suffixes)
