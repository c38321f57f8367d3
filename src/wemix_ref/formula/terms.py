"""The terms of a formula, by R's algebra.

A term is a set of variables, kept as the bits of an integer: bit `i` is the `i`-th variable in the
order of the text.  The operators make lists of such sets, in order and without repeats:
``a*b`` is ``a + b + a:b``, ``a/b`` is ``a + a:b`` (all of ``a`` at once), ``a %in% b`` is ``a:b``,
``(a+b)^k`` crosses `k` times, ``-`` removes.  At the end terms are sorted by their number of
variables, else left as they came.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

from wemix_ref.formula.deparse import symbol, to_label
from wemix_ref.formula.messages import error_at
from wemix_ref.formula.placement import check_variable
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
    start_of,
)

__all__ = ["MAX_TERMS", "TermSet", "build_terms", "label_of", "variable_key"]

#: Most terms a formula may expand to; products are checked before they are made.
MAX_TERMS = 2_000
_MAX_PRODUCTS = 1_000_000
#: R breaks the spelling of longer variables over lines; their names would then be ambiguous.
_MAX_LABEL = 400

Term: TypeAlias = tuple[Expr, ...]
_ALGEBRA = frozenset({"+", "-", "*", "/", ":", "^", "%in%"})


@dataclass(frozen=True)
class TermSet:
    """Right-hand side of a formula.

    Attributes
    ----------
    intercept : bool
        Whether the model has an intercept.
    terms : tuple of tuple of Expr
        The terms in R's order; in each, its variables in the order of `variables`.
    offsets : tuple of Expr
        The arguments of ``offset()``, in the order of the text.
    variables : tuple of Expr
        Every variable named in the text, in order, those of removed terms included.
    """

    intercept: bool
    terms: tuple[Term, ...]
    offsets: tuple[Expr, ...] = ()
    variables: tuple[Expr, ...] = ()

    @property
    def labels(self) -> tuple[str, ...]:
        """R's labels of the terms, such as ``a:log(x)``."""
        return tuple(":".join(labels) for labels in self.labels_of_terms)

    @cached_property
    def labels_of_terms(self) -> tuple[tuple[str, ...], ...]:
        """R's labels of each term's variables."""
        return tuple(tuple(label_of(v) for v in term) for term in self.terms)


def label_of(variable: Expr) -> str:
    """Spell a variable as R does in the names of coefficients; it serves as its key too."""
    return symbol(variable.name) if isinstance(variable, Name) else to_label(variable)


def variable_key(text: str, node: Expr) -> str:
    """Check one variable and return its label.

    Raises
    ------
    FormulaError
        The expression is too long, or something in it is out of place.
    """
    key = label_of(node)
    # The length bounds the depth of the tree, and so every recursion below.
    if len(key) > _MAX_LABEL:
        raise error_at(
            text,
            start_of(node),
            f"one variable's expression may have at most {_MAX_LABEL} characters; "
            "compute it into a column first",
        )
    check_variable(text, node)
    return key


def build_terms(text: str, node: Expr | None) -> TermSet:
    """Expand the right-hand side of a formula.

    Parameters
    ----------
    text : str
        The formula, for messages.
    node : Expr or None
        The right-hand side without its bars; None stands for the intercept alone.

    Returns
    -------
    TermSet
        Terms in R's order.

    Raises
    ------
    FormulaError
        Something that is neither variable, 0, 1 nor an operation on them; an offset that is not
        added; a power that is no whole number; more than `MAX_TERMS` terms.
    """
    if node is None:
        return TermSet(True, ())
    builder = _Builder(text)
    bits = builder.encode(node, keep=True, additive=True)
    bits = [b for b in sorted(bits, key=int.bit_count) if b]
    variables = tuple(builder.variables)
    terms = tuple(tuple(v for i, v in enumerate(variables) if b >> i & 1) for b in bits)
    return TermSet(builder.intercept, terms, tuple(builder.offsets), variables)


class _Builder:
    """One pass over the text from left to right; the last 0 or 1 decides about the intercept."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.intercept = True
        self.offsets: list[Expr] = []
        self.variables: list[Expr] = []
        self.position: dict[str, int] = {}

    def encode(self, node: Expr, *, keep: bool, additive: bool) -> list[int]:
        chain: list[Binary] = []
        while isinstance(node, Binary) and node.op in _ALGEBRA:
            chain.append(node)
            node = node.left
        # An offset may stand only where everything around it, outwards, is a sum.
        summed = [additive]
        for binary in chain:
            summed.append(summed[-1] and binary.op in "+-")
        left = self.leaf(node, keep, summed[-1])
        for depth, binary in reversed(list(enumerate(chain))):
            left = self.combine(binary, left, keep, summed[depth] and binary.op == "+")
        return left

    def combine(self, node: Binary, left: list[int], keep: bool, additive: bool) -> list[int]:
        if node.op == "^":
            return self.power(node, left)
        right_keep = keep if node.op != "-" else not keep
        right = self.encode(node.right, keep=right_keep, additive=additive)
        if node.op == "+":
            return self.limit(node, [*left, *right])
        if node.op == "-":
            gone = set(right)
            return [term for term in left if term not in gone]
        if not left:
            # Nothing crossed with anything is nothing: 1*x and 1/x have no terms in R.
            return []
        if node.op == ":":
            return self.cross(node, left, right)
        if node.op == "*":
            return self.limit(node, [*left, *right, *self.cross(node, left, right)])
        if node.op == "/":
            whole = _union(left)
            return self.limit(node, [*left, *(whole | term for term in right)])
        whole = _union(right)
        return self.limit(node, (term | whole for term in left))

    def leaf(self, node: Expr, keep: bool, additive: bool) -> list[int]:
        if isinstance(node, Paren):
            return self.encode(node.inner, keep=keep, additive=additive)
        if isinstance(node, Unary) and node.op == "+":
            return self.encode(node.operand, keep=keep, additive=additive)
        if isinstance(node, Unary) and node.op == "-":
            self.encode(node.operand, keep=not keep, additive=False)
            return []
        if isinstance(node, Number):
            if node.value not in (0.0, 1.0):
                raise error_at(
                    self.text,
                    node.pos,
                    "a number among the terms must be 0 or 1 (the intercept); for arithmetic "
                    "write I(...)",
                )
            self.intercept = keep == (node.value == 1.0)
            return []
        if isinstance(node, (Text, Logical)):
            raise error_at(self.text, node.pos, "a term must be a column or an expression of one")
        if isinstance(node, Call) and node.function == "offset":
            return self.offset(node, additive and keep)
        return [1 << self.install(node)]

    def offset(self, node: Call, additive: bool) -> list[int]:
        if not additive:
            raise error_at(self.text, node.pos, "offset() must be added: y ~ x + offset(z)")
        variable_key(self.text, node)
        value = node.args[0].value
        if to_label(value) not in {to_label(o) for o in self.offsets}:
            self.offsets.append(value)
        return []

    def install(self, node: Expr) -> int:
        key = variable_key(self.text, node)
        if key not in self.position:
            self.position[key] = len(self.variables)
            self.variables.append(node)
        return self.position[key]

    def power(self, node: Binary, base: list[int]) -> list[int]:
        exponent = node.right
        while isinstance(exponent, Paren):
            exponent = exponent.inner
        if not isinstance(exponent, Number) or exponent.value < 2 or exponent.value % 1:
            raise error_at(
                self.text,
                start_of(node.right),
                "the power of terms must be a whole number of at least 2; for arithmetic "
                "write I(x^2)",
            )
        result = base
        for _ in range(int(exponent.value) - 1):
            crossed = self.cross(node, result, base)
            if crossed == result:
                break
            result = crossed
        return result

    def cross(self, node: Binary, left: list[int], right: list[int]) -> list[int]:
        if len(left) * len(right) > _MAX_PRODUCTS:
            raise self.too_many(node)
        return self.limit(node, (a | b for a in left for b in right))

    def limit(self, node: Binary, terms: Iterable[int]) -> list[int]:
        distinct = list(dict.fromkeys(terms))
        if len(distinct) > MAX_TERMS:
            raise self.too_many(node)
        return distinct

    def too_many(self, node: Binary) -> ValueError:
        return error_at(
            self.text,
            node.pos,
            f"a formula may expand to at most {MAX_TERMS} terms; this one makes more here",
        )


def _union(terms: list[int]) -> int:
    whole = 0
    for term in terms:
        whole |= term
    return whole
