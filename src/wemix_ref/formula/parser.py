"""Tokens to a syntax tree, with R's precedence of operators.

Precedence, from the tightest: ``^`` (to the right), unary ``+ -``, ``:``, ``%in%``, ``* /``,
``+ -``, comparisons (which do not chain), ``!``, ``& &&``, ``| ||``, ``~``.
"""

from __future__ import annotations

from wemix_ref.formula.functions import check_call
from wemix_ref.formula.lexer import Token, tokenize
from wemix_ref.formula.messages import error_at
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

__all__ = ["MAX_NESTING", "parse_expression"]

#: Deepest nesting of brackets, calls and prefix operators; keeps recursion far from its limit.
MAX_NESTING = 60

_COMPARISONS = frozenset({"<", ">", "<=", ">=", "==", "!="})
_INFIX = {
    "~": 10,
    "|": 20,
    "||": 20,
    "&": 30,
    "&&": 30,
    "<": 50,
    ">": 50,
    "<=": 50,
    ">=": 50,
    "==": 50,
    "!=": 50,
    "+": 60,
    "-": 60,
    "*": 70,
    "/": 70,
    "%in%": 80,
    ":": 90,
    "^": 110,
}
_PREFIX = {"~": 10, "!": 40, "+": 100, "-": 100}


def parse_expression(text: str) -> Expr:
    """Parse a whole text into one tree.

    Raises
    ------
    FormulaError
        The text is empty, not well formed, nested too deeply, or calls an unknown function.
    """
    if not isinstance(text, str):
        raise error_at("", 0, f"a formula must be a text; found {type(text).__name__}")
    parser = _Parser(text)
    if parser.peek().kind == "end":
        raise error_at(text, 0, "the formula is empty; write for example y ~ x + (1|g)")
    tree = parser.expression(0)
    rest = parser.peek()
    if rest.kind != "end":
        raise parser.unexpected(rest)
    return tree


class _Parser:
    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens = tokenize(text)
        self.at = 0
        self.depth = 0

    def peek(self) -> Token:
        return self.tokens[self.at]

    def take(self) -> Token:
        token = self.tokens[self.at]
        self.at += 1
        return token

    def unexpected(self, token: Token) -> ValueError:
        if token.kind == "end":
            return error_at(self.text, token.pos, "the formula ends too early")
        if token.kind == ")":
            return error_at(self.text, token.pos, "`)` without `(`, or nothing before it")
        shown = {"number": "a number", "text": "a quoted text", "logical": token.text}.get(
            token.kind, f"`{token.text}`"
        )
        return error_at(self.text, token.pos, f"formula not understood: {shown} cannot stand here")

    def expression(self, power: int) -> Expr:
        self.depth += 1
        if self.depth > MAX_NESTING:
            raise error_at(
                self.text,
                self.peek().pos,
                f"a formula may be nested at most {MAX_NESTING} levels deep; simplify it",
            )
        left = self.prefix()
        compared = False
        while True:
            token = self.peek()
            strength = _INFIX.get(token.kind, -1)
            if strength <= power:
                break
            if token.kind in _COMPARISONS:
                if compared:
                    raise error_at(
                        self.text, token.pos, "comparisons do not chain; join them with &"
                    )
                compared = True
            self.take()
            # `^` groups to the right, all else to the left.
            right = self.expression(strength - 1 if token.kind == "^" else strength)
            left = Binary(token.kind, left, right, token.pos)
        self.depth -= 1
        return left

    def prefix(self) -> Expr:
        token = self.take()
        if token.kind in _PREFIX:
            return Unary(token.kind, self.expression(_PREFIX[token.kind]), token.pos)
        if token.kind == "(":
            inner = self.expression(0)
            self.close(token)
            return Paren(inner, token.pos)
        if token.kind == "number":
            return Number(token.value, token.text == "L", token.pos)
        if token.kind == "text":
            return Text(token.text, token.pos)
        if token.kind == "logical":
            return Logical(token.text == "TRUE", token.pos)
        if token.kind in {"name", "quoted"}:
            if self.peek().kind == "(":
                return self.call(token)
            return Name(token.text, token.pos)
        raise self.unexpected(token)

    def call(self, function: Token) -> Call:
        opening = self.take()
        args: list[Argument] = []
        if self.peek().kind != ")":
            while True:
                args.append(self.argument())
                if self.peek().kind != ",":
                    break
                self.take()
        self.close(opening)
        call = Call(function.text, tuple(args), function.pos)
        check_call(self.text, call)
        return call

    def argument(self) -> Argument:
        token = self.peek()
        if token.kind in {"name", "quoted", "text"} and self.tokens[self.at + 1].kind == "=":
            self.at += 2
            return Argument(token.text, self.expression(0), token.pos)
        return Argument(None, self.expression(0), token.pos)

    def close(self, opening: Token) -> None:
        token = self.peek()
        if token.kind == ")":
            self.take()
            return
        if token.kind == "end":
            raise error_at(self.text, opening.pos, "`(` must be closed by `)`; none was found")
        raise self.unexpected(token)
