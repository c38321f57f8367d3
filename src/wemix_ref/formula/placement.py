"""What may stand where inside one variable of a formula.

Inside a call arithmetic is arithmetic; a bar, a range or a matrix has no meaning there.
"""

from __future__ import annotations

from wemix_ref.formula.functions import constant
from wemix_ref.formula.messages import error_at
from wemix_ref.formula.syntax import Binary, Call, Expr, Paren, Text, Unary, names_in, start_of

__all__ = ["ARITHMETIC", "COMPARISONS", "check_variable"]

COMPARISONS = frozenset({"<", ">", "<=", ">=", "==", "!="})
ARITHMETIC = frozenset({"+", "-", "*", "/", "^"})
_OF_A_COLUMN = ("factor", "ordered", "as.factor", "scale")
_REFUSED = {
    "|": "a bar has no place inside a variable (lme4 would read it as a random term); "
    "write !(!a & !b) for `a or b`",
    "||": "a bar has no place inside a variable (lme4 would read it as a random term)",
    "&&": "`&&` compares single values; use & for columns",
    ":": "`:` has no place inside a variable; write the interaction outside of it",
    "~": "a formula has one `~`; found another",
}


def check_variable(text: str, node: Expr) -> None:
    """Check that an expression makes one variable and holds nothing out of place.

    Raises
    ------
    FormulaError
        No data column in it; or a bar, ``:``, ``~``, ``&&``, a quoted text, ``c()``, ``poly()``
        or ``offset()`` out of place.
    """
    if not names_in(node):
        raise error_at(text, start_of(node), "a variable must use at least one data column")
    _check(text, node, top=True)


def _check(text: str, node: Expr, *, top: bool = False) -> None:
    if isinstance(node, Text):
        raise error_at(
            text,
            node.pos,
            "a quoted text may stand only in a comparison with a column, or in c()",
        )
    if isinstance(node, Paren):
        _check(text, node.inner)
    elif isinstance(node, Unary):
        if node.op == "~":
            raise error_at(text, node.pos, _REFUSED["~"])
        _check(text, node.operand)
    elif isinstance(node, Binary):
        _check_binary(text, node)
    elif isinstance(node, Call):
        _check_call(text, node, top)


def _check_binary(text: str, node: Binary) -> None:
    if node.op in _REFUSED:
        raise error_at(text, node.pos, _REFUSED[node.op])
    if node.op == "%in%":
        _check(text, node.left)
        right = node.right
        is_vector = isinstance(right, Call) and right.function == "c"
        if not is_vector and constant(right) is None:
            raise error_at(
                text, start_of(right), "%in% inside a call needs c(...) or a constant on its right"
            )
        return
    operands = [node.left, node.right]
    plain = [o for o in operands if not isinstance(o, Text)]
    for operand in plain if node.op in COMPARISONS and len(plain) == 1 else operands:
        _check(text, operand)


def _check_call(text: str, node: Call, top: bool) -> None:
    if node.function == "c":
        raise error_at(text, node.pos, "c() may stand only in factor(), ordered() or right of %in%")
    if node.function in ("poly", "offset") and not top:
        raise error_at(
            text, node.pos, f"{node.function}() must stand alone, not inside another expression"
        )
    if node.function in _OF_A_COLUMN and not names_in(node):
        raise error_at(text, node.pos, f"{node.function}() must use at least one data column")
    for argument in node.args:
        if constant(argument.value) is None:
            is_vector = isinstance(argument.value, Call) and argument.value.function == "c"
            if not (is_vector and node.function in ("factor", "ordered")):
                _check(text, argument.value)
