"""Random terms: finding the bars, and lme4's expansions of ``||`` and ``/``.

``(x||g)`` is ``(1|g) + (0 + x|g)``, one bar a term (a factor's columns stay together);
``(x|a/b)`` is ``(x|b:a) + (x|a)``.
"""

from __future__ import annotations

from dataclasses import dataclass

from wemix_ref.formula.deparse import to_label, to_source
from wemix_ref.formula.messages import error_at
from wemix_ref.formula.syntax import (
    Binary,
    Call,
    Expr,
    Name,
    Number,
    Paren,
    Unary,
    children,
    start_of,
    walk,
)
from wemix_ref.formula.terms import TermSet, build_terms, label_of, variable_key

__all__ = ["Bar", "expand_bar", "split_bars"]

#: Most `/` in one grouping: names and factors of the levels grow as its square.
_MAX_SLASHES = 50
_BARS = ("|", "||")
_GROUP_CALLS = ("factor", "as.factor", "ordered")


@dataclass(frozen=True)
class Bar:
    """One random term.

    Attributes
    ----------
    terms : TermSet
        Left-hand side: the coefficients that vary.
    group : tuple of Expr
        The factors whose combinations are the groups; lme4 numbers these combinations with the
        first-named factor varying slowest.
    group_name : str
        lme4's name of the grouping, such as ``tch:sch``.
    """

    terms: TermSet
    group: tuple[Expr, ...]
    group_name: str


def split_bars(text: str, node: Expr) -> tuple[Expr | None, list[Binary]]:
    """Take the bars out of a right-hand side.

    Parameters
    ----------
    text : str
        The formula, for messages.
    node : Expr
        The right-hand side.

    Returns
    -------
    fixed : Expr or None
        What is left without the bars; None if nothing.
    bars : list of Binary
        The bars in the order of the text.

    Raises
    ------
    FormulaError
        A bar without brackets, in a call or an interaction, or subtracted.
    """
    bars: list[Binary] = []
    with_bar = _containing_bars(node)
    fixed = _without(text, node, with_bar, bars)
    return fixed, bars


def _containing_bars(root: Expr) -> set[int]:
    """Identities of the nodes with a bar in them (the nodes live as long as the tree)."""
    found: set[int] = set()
    for node in reversed(list(walk(root))):
        is_bar = isinstance(node, Binary) and node.op in _BARS
        if is_bar or any(id(child) in found for child in children(node)):
            found.add(id(node))
    return found


def _without(text: str, node: Expr, with_bar: set[int], bars: list[Binary]) -> Expr | None:
    chain: list[Binary] = []
    while isinstance(node, Binary) and id(node) in with_bar and node.op in ("+", "-"):
        chain.append(node)
        node = node.left
    fixed = _leaf_without(text, node, with_bar, bars)
    for binary in reversed(chain):
        right = _right_without(text, binary, with_bar, bars)
        if fixed is None:
            if binary.op == "-":
                raise error_at(
                    text,
                    binary.pos,
                    "nothing can be subtracted right after a random term (lme4 would lose the "
                    "minus); write the fixed part first, as in y ~ x - 1 + (1|g)",
                )
            fixed = right
        elif right is not None:
            fixed = Binary(binary.op, fixed, right, binary.pos)
    return fixed


def _right_without(
    text: str, binary: Binary, with_bar: set[int], bars: list[Binary]
) -> Expr | None:
    if binary.op == "-" and id(binary.right) in with_bar:
        raise error_at(text, binary.pos, "a random term cannot be subtracted; leave it out")
    return _without(text, binary.right, with_bar, bars)


def _leaf_without(text: str, node: Expr, with_bar: set[int], bars: list[Binary]) -> Expr | None:
    if id(node) not in with_bar:
        return node
    if isinstance(node, Paren):
        inner = node.inner
        if isinstance(inner, Binary) and inner.op in _BARS:
            bars.append(inner)
            return None
        rest = _without(text, inner, with_bar, bars)
        return None if rest is None else Paren(rest, node.pos)
    if isinstance(node, Unary) and node.op == "+":
        return _without(text, node.operand, with_bar, bars)
    bar = next(n for n in walk(node) if isinstance(n, Binary) and n.op in _BARS)
    if node is bar:
        message = "a random term needs brackets around it: y ~ x + (1|g)"
    elif isinstance(node, Call):
        message = (
            f"a bar has no place inside {node.function}() (lme4 would read it as a random term); "
            "write !(!a & !b) for `a or b`"
        )
    elif isinstance(node, Binary):
        message = f"a random term can only be added, not joined by `{node.op}`"
    else:
        message = f"a random term can only be added, not put under `{to_label(node)[:1]}`"
    raise error_at(text, bar.pos, message)


def expand_bar(text: str, bar: Binary) -> tuple[list[Bar], str]:
    """Expand one bar as lme4 does.

    Parameters
    ----------
    text : str
        The formula, for messages.
    bar : Binary
        A node ``left | group`` or ``left || group``.

    Returns
    -------
    bars : list of Bar
        In lme4's order.
    source : str
        Text for R with ``||`` written out, so that versions of lme4 that read it otherwise, or
        cannot read it with back-ticked names, fit the same model.

    Raises
    ------
    FormulaError
        An empty left-hand side, an offset in it, or a grouping that lme4 cannot read.
    """
    for node in (*walk(bar.left), *walk(bar.right)):
        if isinstance(node, Binary) and node.op in _BARS:
            raise error_at(text, node.pos, "a random term has one bar; found another inside it")
    terms = build_terms(text, bar.left)
    if terms.offsets:
        raise error_at(text, bar.pos, "offset() belongs to the fixed part, not to a random term")
    if not terms.terms and not terms.intercept:
        raise error_at(text, bar.pos, "a random term needs something left of its bar, at least 1")
    groups = _groups(text, bar.right)
    group_source = to_source(bar.right)
    if bar.op == "|":
        return (
            [Bar(terms, *group) for group in groups],
            f"({to_source(bar.left)} | {group_source})",
        )
    expanded: list[Bar] = []
    sources: list[str] = []
    for part, source in _uncorrelated(text, bar, terms):
        expanded += [Bar(part, *group) for group in groups]
        sources.append(f"({source} | {group_source})")
    return expanded, " + ".join(sources)


def _uncorrelated(text: str, bar: Binary, terms: TermSet) -> list[tuple[TermSet, str]]:
    if not terms.terms:
        raise error_at(text, bar.pos, "lme4 cannot read (1||g); write (1|g)")
    for variable in terms.variables:
        if not isinstance(variable, (Name, Call)):
            raise error_at(
                text,
                start_of(variable),
                "left of `||` each variable must be a column or a call, else lme4 mistakes it; "
                f"write I({to_label(variable)})",
            )
    parts: list[tuple[TermSet, str]] = []
    if terms.intercept:
        parts.append((TermSet(True, ()), "1"))
    for term in terms.terms:
        source = ":".join(to_source(v) for v in term)
        parts.append((TermSet(False, (term,), (), term), f"0 + {source}"))
    return parts


def _groups(text: str, node: Expr) -> list[tuple[tuple[Expr, ...], str]]:
    """Expand ``a/b/c`` to its groupings, lowest level first: factors and lme4's name of each."""
    nested: list[Expr] = []
    while isinstance(node, Binary) and node.op == "/":
        nested.append(node.right)
        node = node.left
    if len(nested) > _MAX_SLASHES:
        raise error_at(
            text,
            start_of(nested[_MAX_SLASHES]),
            f"a grouping may have at most {_MAX_SLASHES} `/`; this one has {len(nested)}",
        )
    if nested and not isinstance(node, Name):
        raise error_at(
            text,
            start_of(node),
            "left of `/` lme4 reads a column only; write the levels out: (1|a:b) + (1|a:b:c)",
        )
    factors = _factors(text, node)
    name = label_of(node) if nested else _sole_name(node)
    levels = [(factors, _sole_name(node))]
    for depth, lower in enumerate(reversed(nested)):
        # lme4 builds lower:(upper); brackets show once the upper is itself an interaction.
        upper = f"({name})" if depth else name
        name = f"{to_label(lower)}:{upper}"
        factors = (*_factors(text, lower), *factors)
        levels.append((factors, name))
    return levels[::-1]


def _sole_name(node: Expr) -> str:
    return node.name if isinstance(node, Name) else to_label(node)


def _factors(text: str, node: Expr) -> tuple[Expr, ...]:
    """Flatten ``a:b:c`` from left to right."""
    if isinstance(node, Paren):
        return _factors(text, node.inner)
    lowest: list[tuple[Expr, ...]] = []
    while isinstance(node, Binary) and node.op == ":":
        lowest.append(_factors(text, node.right))
        node = node.left
    if isinstance(node, Paren) and lowest:
        lowest.append(_factors(text, node.inner))
    else:
        lowest.append((_factor(text, node),))
    return tuple(factor for part in reversed(lowest) for factor in part)


def _factor(text: str, node: Expr) -> Expr:
    if isinstance(node, Name):
        return node
    if isinstance(node, Call) and node.function in _GROUP_CALLS:
        variable_key(text, node)
        return node
    where = node.pos if isinstance(node, Binary) else start_of(node)
    if isinstance(node, Binary) and node.op == "/":
        raise error_at(text, where, "lme4 cannot read a bracketed `/` right of a bar; write a/b/c")
    if isinstance(node, Number):
        raise error_at(text, where, "right of a bar stand the columns that name the groups")
    if isinstance(node, Unary) or (isinstance(node, Binary) and node.op in ("+", "-", "*")):
        raise error_at(
            text,
            where,
            f"a grouping cannot have `{node.op}`; write a:b for combinations, a/b for b within a, "
            "or one random term for each",
        )
    raise error_at(
        text,
        where,
        "a grouping must be columns, or factor() of one, joined by `:` or `/`; compute other "
        "groupings into a column first",
    )
