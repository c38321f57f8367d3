"""Edits of a syntax tree's expressions; see :mod:`wemix_ref.reliability.mutants_made`."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from typing import Any

__all__ = ["OTHER", "Change", "negated", "of_field", "of_test"]

#: Kind, the node that holds what is changed, its field, the place in a list, and what comes there.
Change = tuple[str, ast.AST, str, int | None, Any]

_OPPOSITE: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.GtE, ast.GtE: ast.Lt, ast.Gt: ast.LtE, ast.LtE: ast.Gt, ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq, ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In,
}  # fmt: skip
_BOUNDARY: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt,
}  # fmt: skip
OTHER: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult, ast.Mod: ast.Mult, ast.Pow: ast.Mult, ast.MatMult: ast.Mult,
    ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd, ast.BitXor: ast.BitAnd,
    ast.LShift: ast.RShift, ast.RShift: ast.LShift,
}  # fmt: skip
_NAMES = {"any": "all", "all": "any", "min": "max", "max": "min"}
_LOOKED_UP = ("get", "pop", "startswith", "endswith")


def of_test(node: ast.AST) -> Iterator[Change]:
    """A condition negated, unless another edit does the same."""
    test: ast.expr = node.test  # type: ignore[attr-defined]
    if isinstance(test, ast.Compare) and len(test.ops) == 1:
        return
    if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        return
    yield "condition", node, "test", None, negated(test)


def negated(test: ast.expr) -> ast.expr:
    """A condition's opposite."""
    return ast.UnaryOp(ast.Not(), test)


def of_field(holder: ast.AST, field: str, place: str) -> Iterator[Change]:
    """Edits of the expressions in a field.

    `place` says where they stand, as far as it matters: "module", a text of a table of the module
    is one that is looked up; "axis"; "looked up".
    """
    value = getattr(holder, field)
    if isinstance(value, list):
        for index, item in enumerate(value):
            if isinstance(item, ast.expr):
                yield from _of_expression(holder, field, index, item, place)
    elif isinstance(value, ast.expr):
        yield from _of_expression(holder, field, None, value, place)


def _of_expression(
    holder: ast.AST, field: str, index: int | None, node: ast.expr, place: str
) -> Iterator[Change]:
    if isinstance(node, ast.Constant):
        for kind, other in _of_constant(node.value, place):
            yield kind, holder, field, index, other
    elif isinstance(node, ast.UnaryOp):
        kind = "condition" if isinstance(node.op, ast.Not) else "arithmetic"
        yield kind, holder, field, index, node.operand
        yield from of_field(node, "operand", place)
    elif type(node) in _OF:
        yield from _OF[type(node)](node, place)
    else:
        # the texts of messages, each an ast.JoinedStr, are left alone
        for name in _WITHIN.get(type(node), ()):
            yield from of_field(node, name, place if name in ("elts", "value") else "")


def _of_bool_op(node: Any, place: str) -> Iterator[Change]:  # noqa: ANN401, ARG001
    yield "and or", node, "op", None, ast.Or() if isinstance(node.op, ast.And) else ast.And()
    yield from of_field(node, "values", "")


def _of_operation(node: Any, place: str) -> Iterator[Change]:  # noqa: ANN401
    if type(node.op) in OTHER and not (_is_text(node.left) or _is_text(node.right)):
        yield "arithmetic", node, "op", None, OTHER[type(node.op)]()
    yield from of_field(node, "left", place)
    yield from of_field(node, "right", place)


def _of_choice(node: Any, place: str) -> Iterator[Change]:  # noqa: ANN401, ARG001
    yield from of_test(node)
    for part in ("test", "body", "orelse"):
        yield from of_field(node, part, "")


def _of_subscript(node: Any, place: str) -> Iterator[Change]:  # noqa: ANN401, ARG001
    yield from of_field(node, "value", "")
    yield from of_field(node, "slice", "looked up")


def _of_slice(node: Any, place: str) -> Iterator[Change]:  # noqa: ANN401, ARG001
    for end in ("lower", "upper", "step"):
        if getattr(node, end) is not None:
            yield "slice", node, end, None, None
            yield from of_field(node, end, "")


def _of_dict(node: Any, place: str) -> Iterator[Change]:  # noqa: ANN401
    yield from of_field(node, "keys", "looked up")
    yield from of_field(node, "values", place)


def _of_comprehension(node: Any, place: str) -> Iterator[Change]:  # noqa: ANN401, ARG001
    for comprehension in node.generators:
        yield from of_field(comprehension, "iter", "")
        for number, condition in enumerate(comprehension.ifs):
            if not isinstance(condition, (ast.Compare, ast.UnaryOp)):
                yield "condition", comprehension, "ifs", number, negated(condition)
        yield from of_field(comprehension, "ifs", "")
    for part in ("elt", "key", "value"):
        if hasattr(node, part):
            yield from of_field(node, part, "")


def _of_constant(value: object, place: str) -> Iterator[tuple[str, ast.expr]]:
    if isinstance(value, bool):
        yield "constant", ast.Constant(not value)
    elif isinstance(value, (int, float)):
        if place == "axis":
            yield "axis", ast.Constant(1 if value == 0 else 0)
            return
        for other in (value + 1, value - 1):
            if other != value:
                yield "constant", _number(other)
    elif isinstance(value, str) and place and " " not in value:
        yield "key", ast.Constant(f"{value}~")


def _number(value: float) -> ast.expr:
    if value < 0:
        return ast.UnaryOp(ast.USub(), ast.Constant(-value))
    return ast.Constant(value)


def _of_comparison(node: Any, place: str) -> Iterator[Change]:  # noqa: ANN401, ARG001
    for number, op in enumerate(node.ops):
        if type(op) in _BOUNDARY:
            yield "boundary", node, "ops", number, _BOUNDARY[type(op)]()
        yield "comparison", node, "ops", number, _OPPOSITE[type(op)]()
    yield from of_field(node, "left", "looked up")
    yield from of_field(node, "comparators", "looked up")


def _of_call(node: Any, place: str) -> Iterator[Change]:  # noqa: ANN401, ARG001
    name = ast.unparse(node.func).rpartition(".")[2]
    if name.endswith(("Error", "Warning", "warn", "error_at", "TypeVar", "cast")):
        return
    if isinstance(node.func, ast.Name) and name in _NAMES:
        yield "and or", node, "func", None, ast.Name(_NAMES[name], ast.Load())
    yield from of_field(node, "func", "")
    looked_up = isinstance(node.func, ast.Attribute) and name in _LOOKED_UP
    yield from of_field(node, "args", "looked up" if looked_up else "")
    for number, keyword in enumerate(node.keywords):
        if keyword.arg == "strict" and name == "zip":
            continue
        if keyword.arg is not None:
            yield "keyword", node, "keywords", number, None
        yield from of_field(keyword, "value", "axis" if keyword.arg == "axis" else "")


def _is_text(node: ast.expr) -> bool:
    return isinstance(node, ast.JoinedStr) or (
        isinstance(node, ast.Constant) and isinstance(node.value, str)
    )


_Of = Callable[[Any, str], Iterator[Change]]
_OF: dict[type[ast.expr], _Of] = {
    ast.Compare: _of_comparison, ast.BoolOp: _of_bool_op, ast.BinOp: _of_operation,
    ast.Call: _of_call, ast.IfExp: _of_choice, ast.Subscript: _of_subscript, ast.Slice: _of_slice,
    ast.Dict: _of_dict, ast.ListComp: _of_comprehension, ast.SetComp: _of_comprehension,
    ast.GeneratorExp: _of_comprehension, ast.DictComp: _of_comprehension,
}  # fmt: skip
#: Where the expressions of those stand that have no edits of their own.
_WITHIN: dict[type[ast.expr], tuple[str, ...]] = {
    ast.Tuple: ("elts",), ast.List: ("elts",), ast.Set: ("elts",), ast.Starred: ("value",),
    ast.Attribute: ("value",), ast.NamedExpr: ("value",), ast.Yield: ("value",),
    ast.YieldFrom: ("value",), ast.Lambda: ("body",),
}  # fmt: skip
