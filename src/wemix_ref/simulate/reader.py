"""From Python's syntax tree to functions of a scope, over a whitelist."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable
from functools import reduce
from typing import Any, ClassVar, NoReturn

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit

from wemix_ref.errors import StudyError
from wemix_ref.simulate.aggregates import AGGREGATES, SCORES
from wemix_ref.simulate.grouped import aggregate, count, score
from wemix_ref.simulate.parts import Part, Run, is_truth, joined
from wemix_ref.simulate.scope import RESERVED, Scope, Value

__all__ = ["FUNCTIONS", "Reader", "parse_tree"]

_LONGEST = 2000
_DEEPEST = 150

_ARITHMETIC: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: np.add,
    ast.Sub: np.subtract,
    ast.Mult: np.multiply,
    ast.Div: np.true_divide,
    ast.FloorDiv: np.floor_divide,
    ast.Mod: np.mod,
    ast.Pow: np.power,
}
_COMPARE: dict[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}
_ELEMENTWISE: dict[str, Callable[[Any], Any]] = {
    "exp": np.exp,
    "log": np.log,
    "sqrt": np.sqrt,
    "abs": np.abs,
    "expit": expit,
    "logit": logit,
    "sin": np.sin,
    "cos": np.cos,
    "floor": np.floor,
    "ceil": np.ceil,
    "round": np.round,
}
_OTHER = ("where", "min", "max", "quantile", "count")
FUNCTIONS = (*_ELEMENTWISE, *AGGREGATES, *SCORES, *_OTHER)


def parse_tree(text: str) -> ast.expr:
    """Let Python read an expression's text, and return its tree.

    Raises
    ------
    StudyError
        If it is empty, too long, or not an expression.
    """
    if len(text) > _LONGEST:
        raise StudyError(
            f"an expression may have {_LONGEST} characters; found {len(text)} "
            f"({text[:40]!r}...). Split it over several variables"
        )
    if "#" in text:
        raise StudyError(f"`{text}`: `#` has no place in an expression; leave comments to YAML")
    line = text.strip().translate({ord(c): " " for c in "\n\r\t\f"})
    try:
        return ast.parse(line, mode="eval").body
    except SyntaxError as problem:
        column = problem.offset or 1
        raise StudyError(
            f"`{line[:80]}` must be an expression; Python's parser says at column {column}: "
            f"{problem.msg}"
        ) from problem
    except (ValueError, RecursionError, MemoryError, Warning) as problem:
        raise StudyError(f"`{line[:80]}` must be an expression: {problem}") from problem


class Reader:
    """Walks one expression's tree.

    Attributes
    ----------
    text : str
    names : set of str
        All names of parameters and variables met so far.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self.names: set[str] = set()
        self._depth = 0

    def refuse(self, node: ast.AST, what: str) -> NoReturn:
        """Raise a StudyError with the text, the column and what is wrong there."""
        offset = getattr(node, "col_offset", 0)
        column = len(self.text.encode()[:offset].decode(errors="replace")) + 1
        raise StudyError(f"`{self.text}`, column {column}: {what}")

    def read(self, node: ast.expr) -> Part:
        """Turn a node into a part.

        Raises
        ------
        StudyError
            If the node is not on the whitelist.
        """
        self._depth += 1
        if self._depth > _DEEPEST:
            self.refuse(node, f"nested more than {_DEEPEST} deep; split it over several variables")
        way = self._ways.get(type(node))
        if way is None:
            self.refuse(
                node,
                f"{type(node).__name__} has no place in an expression; use numbers, names, "
                "arithmetic, comparisons, and/or/not, where(condition, a, b) and the functions "
                f"{', '.join(sorted(FUNCTIONS))}",
            )
        part = way(self, node)
        self._depth -= 1
        return part

    def _constant(self, node: ast.Constant) -> Part:
        constant = node.value
        if isinstance(constant, str):
            self.refuse(node, "a text may stand only beside ==, != and in")
        if not isinstance(constant, (bool, int, float)):
            self.refuse(node, f"{constant!r} is no number")
        try:
            value = constant if isinstance(constant, bool) else float(constant)
        except OverflowError:
            self.refuse(node, "the number is too large")
        return Part(lambda _scope, _level: value)

    def _name(self, node: ast.Name) -> Part:
        name = node.id
        if name in RESERVED:
            return Part(
                self._caught(node, lambda scope, level: scope.value(name, level)), here=True
            )
        self.names.add(name)
        run = self._caught(node, lambda scope, level: scope.value(name, level))
        return Part(run, frozenset([name]))

    def _caught(self, node: ast.AST, run: Run) -> Run:
        """Say in which expression a name was not found."""

        def caught(scope: Scope, level: int) -> Value:
            try:
                return run(scope, level)
            except StudyError as problem:
                self.refuse(node, str(problem))

        return caught

    def number(self, node: ast.expr, value: Value) -> float | NDArray:
        """Return numbers, 1 and 0 for true and false.

        Raises
        ------
        StudyError
            If the value is a text.
        """
        if isinstance(value, str):
            self.refuse(node, f"needs a number; found the text {value!r}")
        return np.asarray(value, dtype=np.float64) if is_truth(value) else value

    def truth(self, node: ast.expr, value: Value) -> bool | NDArray[np.bool_]:
        """Return truth values; numbers 1 and 0 are taken for true and false.

        Raises
        ------
        StudyError
            If there are other numbers, or the value is a text.
        """
        if isinstance(value, (bool, np.bool_)) or (
            isinstance(value, np.ndarray) and value.dtype == np.bool_
        ):
            return value
        numbers = np.asarray(self.number(node, value))
        other = (numbers != 0.0) & (numbers != 1.0)
        if other.any():
            self.refuse(
                node,
                f"needs true or false (1 or 0); found {float(numbers[other].flat[0])!r}. Compare "
                "it with a number",
            )
        return numbers == 1.0

    def finite(self, node: ast.expr, value: float | NDArray) -> float | NDArray:
        """Return the value.

        Raises
        ------
        StudyError
            If any of it is not finite, so that nothing is decided on what has no value.
        """
        if not np.isfinite(value).all():
            count = int((~np.isfinite(value)).sum())
            self.refuse(node, f"must be finite here; {count} of {np.size(value)} are not")
        return value

    def _unary(self, node: ast.UnaryOp) -> Part:
        inner, op = self.read(node.operand), node.op
        if isinstance(op, ast.Not):
            return joined(
                lambda s, k: np.logical_not(self.truth(node.operand, inner.run(s, k))), inner
            )
        if isinstance(op, ast.USub):
            return joined(lambda s, k: -self.number(node.operand, inner.run(s, k)), inner)
        if isinstance(op, ast.UAdd):
            return joined(lambda s, k: self.number(node.operand, inner.run(s, k)), inner)
        return self.refuse(node, "`~` has no place here; write `not`")

    def _binary(self, node: ast.BinOp) -> Part:
        calculate = _ARITHMETIC.get(type(node.op))
        if calculate is None:
            self.refuse(node, "only + - * / // % ** are there; write `and`, `or` for truth values")
        left, right = self.read(node.left), self.read(node.right)

        def run(scope: Scope, level: int) -> Value:
            first = self.number(node.left, left.run(scope, level))
            return calculate(first, self.number(node.right, right.run(scope, level)))

        return joined(run, left, right)

    def _logical(self, node: ast.BoolOp) -> Part:
        parts = [self.read(value) for value in node.values]
        combine = np.logical_and if isinstance(node.op, ast.And) else np.logical_or

        def run(scope: Scope, level: int) -> Value:
            return reduce(
                combine,
                (
                    self.truth(v, p.run(scope, level))
                    for v, p in zip(node.values, parts, strict=True)
                ),
            )

        return joined(run, *parts)

    def _side(self, node: ast.expr) -> Part:
        """Read one side of a comparison, where a text may stand."""
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            text = node.value
            return Part(lambda _scope, _level: text)
        return self.read(node)

    def _compared(self, node: ast.Compare) -> Part:
        sides = [node.left, *node.comparators]
        runs: list[Run] = []
        parts: list[Part] = []
        left = self._side(node.left)
        parts.append(left)
        for op, a, b in zip(node.ops, sides, sides[1:], strict=False):
            if isinstance(op, (ast.In, ast.NotIn)):
                if not isinstance(b, (ast.Tuple, ast.List)) or not b.elts:
                    self.refuse(b, "after `in` a list must stand, such as ('a', 'b')")
                if len(node.ops) > 1:
                    self.refuse(b, "`in` cannot be chained with other comparisons; use `and`")
                members = [self._side(member) for member in b.elts]
                parts += members
                runs.append(self._membership(isinstance(op, ast.In), a, left, b, members))
                break
            if type(op) not in _COMPARE:
                self.refuse(a, "`is` has no place here; write ==")
            right = self._side(b)
            parts.append(right)
            runs.append(self._comparison(op, (a, left), (b, right)))
            left = right
        if len(runs) == 1:
            return joined(runs[0], *parts)
        return joined(lambda s, k: reduce(np.logical_and, (run(s, k) for run in runs)), *parts)

    def _comparison(
        self, op: ast.cmpop, one: tuple[ast.expr, Part], other: tuple[ast.expr, Part]
    ) -> Run:
        compare = _COMPARE[type(op)]

        def run(scope: Scope, level: int) -> Value:
            first, second = one[1].run(scope, level), other[1].run(scope, level)
            return self._compare(compare, (one[0], first), (other[0], second))

        return run

    def _compare(
        self,
        compare: Callable[[Any, Any], Any],
        one: tuple[ast.expr, Value],
        other: tuple[ast.expr, Value],
    ) -> Value:
        texts = isinstance(one[1], str) + isinstance(other[1], str)
        if texts and compare not in (operator.eq, operator.ne):
            self.refuse(one[0], "a text may stand only beside ==, != and in")
        if texts == 2:
            return compare(one[1], other[1])
        if texts:
            self.refuse(one[0], "a text and a number cannot be compared; compare like with like")
        first, second = (self.finite(node, self.number(node, v)) for node, v in (one, other))
        return compare(first, second)

    def _membership(
        self, wanted: bool, node: ast.expr, part: Part, among: ast.expr, members: list[Part]
    ) -> Run:
        def run(scope: Scope, level: int) -> Value:
            value = part.run(scope, level)
            found = reduce(
                np.logical_or,
                (
                    self._compare(operator.eq, (node, value), (among, member.run(scope, level)))
                    for member in members
                ),
            )
            return found if wanted else np.logical_not(found)

        return run

    def _call(self, node: ast.Call) -> Part:
        if not isinstance(node.func, ast.Name) or node.func.id not in FUNCTIONS:
            self.refuse(node, f"the functions are {', '.join(sorted(FUNCTIONS))}")
        name = node.func.id
        by = self._by(node, name)
        if name == "count":
            return count(self, node, by)
        wanted = {"where": 3, "quantile": 2}.get(name, 1)
        if name in ("min", "max"):
            if len(node.args) < 2:
                self.refuse(
                    node,
                    f"{name}() takes two or more, unit by unit; over units take quantile(x, "
                    f"{'0' if name == 'min' else '1'})",
                )
        elif len(node.args) != wanted:
            self.refuse(node, f"{name}() takes {wanted} argument(s); found {len(node.args)}")
        parts = [self.read(arg) for arg in node.args]
        if name in AGGREGATES or name == "quantile":
            return aggregate(self, node, parts, by)
        if name in SCORES:
            return score(self, node, parts[0], by)
        return self._elementwise(node, name, parts)

    def _by(self, node: ast.Call, name: str) -> str | None:
        if not node.keywords:
            return None
        if name not in (*AGGREGATES, *SCORES, "quantile", "count"):
            self.refuse(node, f"{name}() takes no named argument")
        keyword = node.keywords[0]
        if len(node.keywords) > 1 or keyword.arg != "by":
            self.refuse(node, f"the one named argument of {name}() is by=<level>")
        if not isinstance(keyword.value, ast.Name):
            self.refuse(keyword.value, "by= takes the name of a level")
        return keyword.value.id

    def _elementwise(self, node: ast.Call, name: str, parts: list[Part]) -> Part:
        args = node.args
        if name == "where":
            condition, yes, no = parts

            def where(s: Scope, k: int) -> Value:
                first = self.truth(args[0], condition.run(s, k))
                second, third = yes.run(s, k), no.run(s, k)
                if not (is_truth(second) and is_truth(third)):
                    second = self.number(args[1], second)
                    third = self.number(args[2], third)
                return np.where(first, second, third)

            return joined(where, *parts)
        if name in ("min", "max"):
            pick = np.minimum if name == "min" else np.maximum
            return joined(
                lambda s, k: reduce(
                    pick,
                    (self.number(a, p.run(s, k)) for a, p in zip(args, parts, strict=True)),
                ),
                *parts,
            )
        function, inner = _ELEMENTWISE[name], parts[0]
        return joined(lambda s, k: function(self.number(args[0], inner.run(s, k))), inner)

    _ways: ClassVar[dict[type[ast.expr], Callable[[Any, Any], Part]]] = {
        ast.Constant: _constant,
        ast.Name: _name,
        ast.UnaryOp: _unary,
        ast.BinOp: _binary,
        ast.BoolOp: _logical,
        ast.Compare: _compared,
        ast.Call: _call,
    }
