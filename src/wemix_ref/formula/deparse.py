"""Syntax trees back to text.

Two spellings: R's own, which names variables, coefficients and groups; and a safe one for R to
read, in which constants keep all their digits.
"""

from __future__ import annotations

import math
from functools import lru_cache

from wemix_ref.formula.lexer import is_plain_name
from wemix_ref.formula.syntax import (
    Argument,
    Binary,
    Call,
    Expr,
    Logical,
    Name,
    Number,
    Paren,
    Text,
    Unary,
)

__all__ = ["format_number", "quote_name", "symbol", "to_label", "to_source"]

_TIGHT = frozenset({"/", "^", ":"})


def format_number(value: float) -> str:
    """Print a number as R does with 15 significant digits.

    The least digits that give the value to 15 are used, and the scientific form only where it is
    shorter: 100000 is "1e+05", 123456 is "123456".

    Parameters
    ----------
    value : float
        Any number.

    Returns
    -------
    str
        As R's ``as.character`` for a double (R 4.2).
    """
    if math.isnan(value):
        return "NaN"
    if value == 0:
        return "0"
    sign = "-" if value < 0 else ""
    if math.isinf(value):
        return f"{sign}Inf"
    mantissa, exponent_text = f"{abs(value):.14e}".split("e")
    digits = mantissa.replace(".", "").rstrip("0")
    exponent = int(exponent_text)
    decimals = max(0, len(digits) - 1 - exponent)
    fixed_width = max(exponent, 0) + 1 + (decimals + 1 if decimals else 0)
    scientific = digits[0] + ("." + digits[1:] if len(digits) > 1 else "")
    scientific += f"e{exponent:+03d}"
    if fixed_width <= len(scientific):
        return f"{sign}{abs(value):.{decimals}f}"
    return sign + scientific


def quote_name(name: str) -> str:
    """Put a name in back-ticks, with back-ticks and backslashes in it escaped."""
    escaped = name.replace("\\", "\\\\").replace("`", "\\`")
    escaped = escaped.replace("\n", "\\n").replace("\t", "\\t").replace("\r", "\\r")
    return f"`{escaped}`"


@lru_cache(maxsize=4096)
def symbol(name: str) -> str:
    """Spell a name as R does inside an expression: back-ticked where needed."""
    return name if is_plain_name(name) else quote_name(name)


def to_label(node: Expr) -> str:
    """Spell an expression as R's deparse does, which makes the names of coefficients."""
    return _spell(node, source=False)


def to_source(node: Expr) -> str:
    """Spell an expression for R's parser: same tree, numbers in full, other letters quoted."""
    return _spell(node, source=True)


def _spell(node: Expr, *, source: bool) -> str:
    # A chain of infix operators leans to the left; it is unrolled, not recursed into.
    pieces: list[str] = []
    while isinstance(node, Binary):
        blank = "" if node.op in _TIGHT else " "
        pieces.append(f"{blank}{node.op}{blank}{_spell(node.right, source=source)}")
        node = node.left
    pieces.append(_spell_leaf(node, source))
    return "".join(reversed(pieces))


def _spell_leaf(node: Expr, source: bool) -> str:
    if isinstance(node, Name):
        return _safe_symbol(node.name) if source else symbol(node.name)
    if isinstance(node, Number):
        if source:
            return f"{int(node.value)}L" if node.integer else repr(node.value).removesuffix(".0")
        return format_number(node.value)
    if isinstance(node, Text):
        return _quote_text(node.value)
    if isinstance(node, Logical):
        return "TRUE" if node.value else "FALSE"
    if isinstance(node, Paren):
        return f"({_spell(node.inner, source=source)})"
    if isinstance(node, Unary):
        return f"{node.op}{_spell(node.operand, source=source)}"
    assert isinstance(node, Call)
    return f"{node.function}({', '.join(_spell_argument(a, source) for a in node.args)})"


def _spell_argument(argument: Argument, source: bool) -> str:
    value = _spell(argument.value, source=source)
    return value if argument.name is None else f"{argument.name} = {value}"


def _safe_symbol(name: str) -> str:
    return name if name.isascii() and is_plain_name(name) else quote_name(name)


def _quote_text(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    escaped = escaped.replace("\n", "\\n").replace("\t", "\\t").replace("\r", "\\r")
    return f'"{escaped}"'
