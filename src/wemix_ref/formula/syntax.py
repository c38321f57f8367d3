"""Syntax tree of the formula language: the nodes, and two walks over them.

A tree records what was written, brackets included, so that an expression is printed as R prints
it.  Positions are kept for error messages and take no part in comparisons.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TypeAlias

__all__ = [
    "Argument",
    "Binary",
    "Call",
    "Expr",
    "Logical",
    "Name",
    "Number",
    "Paren",
    "Text",
    "Unary",
    "children",
    "names_in",
    "start_of",
    "walk",
]


@dataclass(frozen=True)
class Name:
    """A data column."""

    name: str
    pos: int = field(default=0, compare=False)


@dataclass(frozen=True)
class Number:
    """A numeric constant; `integer` records R's suffix ``L``."""

    value: float
    integer: bool = False
    pos: int = field(default=0, compare=False)


@dataclass(frozen=True)
class Text:
    """A quoted string."""

    value: str
    pos: int = field(default=0, compare=False)


@dataclass(frozen=True)
class Logical:
    """``TRUE`` or ``FALSE``."""

    value: bool
    pos: int = field(default=0, compare=False)


@dataclass(frozen=True)
class Paren:
    """A bracketed expression."""

    inner: Expr
    pos: int = field(default=0, compare=False)


@dataclass(frozen=True)
class Unary:
    """A prefix operator: ``+``, ``-``, ``!`` or ``~``."""

    op: str
    operand: Expr
    pos: int = field(default=0, compare=False)


@dataclass(frozen=True)
class Binary:
    """An infix operator; `pos` is the operator's own position."""

    op: str
    left: Expr
    right: Expr
    pos: int = field(default=0, compare=False)


@dataclass(frozen=True)
class Argument:
    """One argument of a call, with its name where one was written."""

    name: str | None
    value: Expr
    pos: int = field(default=0, compare=False)


@dataclass(frozen=True)
class Call:
    """A function call."""

    function: str
    args: tuple[Argument, ...]
    pos: int = field(default=0, compare=False)


Expr: TypeAlias = Name | Number | Text | Logical | Paren | Unary | Binary | Call


def children(node: Expr) -> tuple[Expr, ...]:
    """Operands of a node, from left to right."""
    if isinstance(node, Binary):
        return (node.left, node.right)
    if isinstance(node, Unary):
        return (node.operand,)
    if isinstance(node, Paren):
        return (node.inner,)
    if isinstance(node, Call):
        return tuple(argument.value for argument in node.args)
    return ()


def walk(node: Expr) -> Iterator[Expr]:
    """Every node of a tree, parents first and left before right, without recursion."""
    stack = [node]
    while stack:
        current = stack.pop()
        yield current
        stack.extend(reversed(children(current)))


def names_in(node: Expr) -> tuple[str, ...]:
    """Data columns that an expression uses, each once, in the order of the text."""
    if isinstance(node, Name):
        return (node.name,)
    return tuple(dict.fromkeys(n.name for n in walk(node) if isinstance(n, Name)))


def start_of(node: Expr) -> int:
    """Position in the text where an expression begins."""
    while isinstance(node, Binary):
        node = node.left
    return node.pos
