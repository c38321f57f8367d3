"""Formula text to terms: what R and lme4 read, without data and without running any of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from wemix_ref.formula.bars import Bar, expand_bar, split_bars
from wemix_ref.formula.deparse import format_number, to_source
from wemix_ref.formula.messages import error_at
from wemix_ref.formula.parser import parse_expression
from wemix_ref.formula.placement import COMPARISONS
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
    children,
    names_in,
    start_of,
)
from wemix_ref.formula.terms import TermSet, build_terms, label_of, variable_key

__all__ = [
    "Argument",
    "Bar",
    "Binary",
    "Call",
    "Expr",
    "Formula",
    "Logical",
    "Name",
    "Number",
    "Paren",
    "TermSet",
    "Text",
    "Unary",
    "format_number",
    "label_of",
    "names_in",
    "parse_formula",
    "parse_one_sided",
]


@dataclass(frozen=True)
class Formula:
    """A two-sided formula with its random terms.

    Attributes
    ----------
    text : str
        As given.
    response : Expr
        Left-hand side; may be a call such as ``log(y)``.
    fixed : TermSet
        Fixed part.
    bars : tuple of Bar
        Random terms, ``/`` and ``||`` expanded, in lme4's order before it sorts by size; empty if
        there are none.
    """

    text: str
    response: Expr
    fixed: TermSet
    bars: tuple[Bar, ...]
    _columns: tuple[str, ...] = field(default=(), repr=False)
    _source: str = field(default="", repr=False)

    def variables(self) -> tuple[str, ...]:
        """Data columns used, response first, then in the order of the text.

        Columns of removed terms count, as in R, where rows with missing values in them are
        dropped too.
        """
        return self._columns

    def to_r(self) -> str:
        """Rewrite the whole formula for R, from its parts, so that lme4 fits the same model.

        Names are back-ticked where R needs it and ``||`` is written out.  A column that only a
        call right of a bar uses, as in ``(1|factor(g))``, is added and removed again (``+ g - g``):
        lme4 then finds it, and the fixed part does not change.
        """
        return self._source


def parse_formula(text: str) -> Formula:
    """Read a formula in lme4's language.

    Parameters
    ----------
    text : str
        Such as ``"log(y) ~ x * f + (x|school/class)"``.

    Returns
    -------
    Formula
        Response, fixed terms and random terms.

    Raises
    ------
    FormulaError
        The text is malformed, calls a function that is not allowed, has a bar where none may
        stand, or its response on the right; the message shows the place.

    Examples
    --------
    >>> formula = parse_formula("y ~ x + (1|sch/tch)")
    >>> [bar.group_name for bar in formula.bars]
    ['tch:sch', 'sch']
    """
    tree = parse_expression(text)
    if isinstance(tree, Unary) and tree.op == "~":
        raise error_at(text, tree.pos, "the formula needs a response left of `~`: y ~ x + (1|g)")
    if not (isinstance(tree, Binary) and tree.op == "~"):
        raise error_at(text, len(text), "a formula needs a `~`: y ~ x + (1|g)")
    if isinstance(tree.left, Binary) and tree.left.op == "~":
        raise error_at(text, tree.pos, "a formula has one `~`; found another")
    response = tree.left
    key = variable_key(text, response)
    if isinstance(response, Call) and response.function in ("poly", "offset"):
        raise error_at(text, response.pos, f"{response.function}() cannot be the response")
    rest, nodes = split_bars(text, tree.right)
    fixed = build_terms(text, rest)
    expanded = [expand_bar(text, node) for node in nodes]
    bars = tuple(bar for group, _ in expanded for bar in group)
    for terms in (fixed, *(bar.terms for bar in bars)):
        for variable in terms.variables:
            if label_of(variable) == key:
                raise error_at(
                    text,
                    start_of(variable),
                    f"the response `{key}` cannot stand on the right of `~` too; remove it",
                )
    right = ["1" if rest is None else _closed_source(rest)]
    right += [source for _, source in expanded]
    right += [f"{name} - {name}" for name in _hidden_columns(response, fixed, bars)]
    columns = tuple(dict.fromkeys((*names_in(response), *names_in(tree.right))))
    source = f"{to_source(response)} ~ {' + '.join(right)}"
    return Formula(text, response, fixed, bars, columns, source)


def _closed_source(node: Expr) -> str:
    """Spell a fixed part so that more can be added after it: ``!`` would take that in too."""
    source = to_source(node)
    stack = [node]
    while stack:
        current = stack.pop()
        if isinstance(current, (Unary, Binary)):
            if current.op == "!" or current.op == "&" or current.op in COMPARISONS:
                return f"({source})"
            stack.extend(children(current))
    return source


def _hidden_columns(response: Expr, fixed: TermSet, bars: Sequence[Bar]) -> list[str]:
    """Columns that only calls in groupings use: not variables of the model frame by themselves."""
    visible: list[Expr] = [response, *fixed.variables]
    for bar in bars:
        visible += [*bar.terms.variables, *bar.group]
    plain = {v.name for v in visible if isinstance(v, Name)}
    hidden = (n for bar in bars for g in bar.group for n in names_in(g) if n not in plain)
    return [to_source(Name(name)) for name in dict.fromkeys(hidden)]


def parse_one_sided(text: str) -> TermSet:
    """Read a formula such as ``~x + z``, whose terms are plain columns.

    Parameters
    ----------
    text : str
        Columns joined by ``+`` after a ``~``.

    Returns
    -------
    TermSet
        One term a column.

    Raises
    ------
    FormulaError
        Malformed text, a response, or anything other than columns.
    """
    tree = parse_expression(text)
    if not (isinstance(tree, Unary) and tree.op == "~"):
        raise error_at(text, 0, "a one-sided formula must begin with `~`: ~x + z")
    node = tree.operand
    chain: list[Expr] = []
    while isinstance(node, Binary) and node.op == "+":
        chain.append(node.right)
        node = node.left
    for part in (node, *reversed(chain)):
        if not isinstance(part, Name):
            raise error_at(
                text, start_of(part), "only plain columns joined by + may stand here: ~x + z"
            )
    return build_terms(text, tree.operand)
