"""Mutants of a module's source: one small change each, to be noticed by a test.

A mutant is an edit of the syntax tree. Not changed: docstrings, annotations, imports,
``__all__``, what only a type checker reads, decorators, the texts of errors and warnings and what
is counted for them, and ``strict=`` of zip, an assertion.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from wemix_ref.reliability.mutants_edits import OTHER, Change, negated, of_field, of_test

__all__ = ["KINDS", "TOLD", "Edit", "Mutant", "edits_of"]

#: Kinds of mutants and what they change.
KINDS = {
    "boundary": "< for <=, > for >=, and back",
    "comparison": "a comparison for its opposite",
    "condition": "a condition negated, or its `not` dropped",
    "and or": "`and` for `or`, and back; any for all, min for max",
    "arithmetic": "+ for -, * for /, & for |, and the like; a sign dropped",
    "constant": "a number one more or less; True for False",
    "axis": "another axis",
    "slice": "an end of a slice dropped",
    "key": "a text that is compared or looked up changed",
    "keyword": "a keyword argument left out",
    "return": "None returned",
    "statement": "a statement dropped; break and continue interchanged",
    "raise": "an error not raised",
}

#: What a line of progress starts with; else the process writes what the mutants write.
TOLD = "told: "


@dataclass(frozen=True)
class Mutant:
    """What a mutant is, as it is told and found again.

    Attributes
    ----------
    module : dotted name.
    number : its place among the module's mutants.
    function : qualified name of the outermost function; empty at module level.
    kind : a name of `KINDS`.
    line : of the statement.
    first, last : lines that are executed if the mutant is.
    was, becomes : the statement, or the head of a compound one, on one line.
    """

    module: str
    number: int
    function: str
    kind: str
    line: int
    first: int
    last: int
    was: str
    becomes: str

    @property
    def key(self) -> tuple[str, str, str]:
        """What an explanation names: module, function and the mutated text."""
        return self.module, self.function, self.becomes


@dataclass(frozen=True)
class Edit:
    """A change of one node's field, and the mutant that it makes."""

    mutant: Mutant
    node: ast.AST
    name: str
    index: int | None
    value: Any

    def apply(self) -> None:
        """Make the change in the tree that the edits were made of."""
        _put(self.node, self.name, self.index, self.value)


def _put(node: ast.AST, name: str, index: int | None, value: Any) -> None:  # noqa: ANN401
    if index is None:
        setattr(node, name, value)
        return
    items = list(getattr(node, name))
    items[index : index + 1] = [] if value is None else [value]
    setattr(node, name, items)


_Found = Iterator[tuple[str, ast.AST, Change]]


def edits_of(tree: ast.Module, module: str) -> list[Edit]:
    """Every edit of a module, in the order of its source."""
    out: list[Edit] = []
    for function, owner, (kind, node, name, index, value) in _of_block(tree, "body", "", ""):
        was, before = _head(owner), getattr(node, name)
        first, last = _span(owner)
        _put(node, name, index, value)
        # a statement that is dropped stands in its block no more
        becomes = _head(value) if isinstance(value, ast.stmt) else _head(owner)
        if isinstance(value, ast.stmt):
            becomes = f"{becomes} for {was}"
        setattr(node, name, before)
        mutant = Mutant(module, len(out), function, kind, first, first, last, was, becomes)
        out.append(Edit(mutant, node, name, index, value))
    return out


def _of_block(holder: ast.AST, field: str, function: str, within: str) -> _Found:
    for place, statement in enumerate(getattr(holder, field)):
        if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef)):
            name = function or f"{within}{statement.name}"
            for defaults in ("defaults", "kw_defaults"):
                for change in of_field(statement.args, defaults, ""):
                    yield name, statement, change
            yield from _of_block(statement, "body", name, within)
        elif isinstance(statement, ast.ClassDef):
            methods = ast.Module([one for one in statement.body if _is_method(one)], [])
            yield from _of_block(methods, "body", function, f"{within}{statement.name}.")
        elif not _left_alone(statement):
            for change in _of_statement(statement, at_module=not function):
                yield function, statement, change
            for kind, other in _dropped(statement) if function else ():
                yield function, statement, (kind, holder, field, place, other)
            yield from _of_inner(statement, function, within)


def _of_inner(statement: ast.stmt, function: str, within: str) -> _Found:
    for inner in (statement, *getattr(statement, "handlers", ())):
        for name in ("body", "orelse", "finalbody"):
            if hasattr(inner, name):
                yield from _of_block(inner, name, function, within)
    for case in getattr(statement, "cases", ()):
        if case.guard is not None:
            yield function, case, ("condition", case, "guard", None, negated(case.guard))
            for change in of_field(case, "guard", ""):
                yield function, case, change
        yield from _of_block(case, "body", function, within)


def _is_method(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.FunctionDef)


def _left_alone(statement: ast.stmt) -> bool:
    if isinstance(statement, (ast.Import, ast.ImportFrom, ast.Global, ast.Nonlocal, ast.Pass)):
        return True
    if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
        return True
    if isinstance(statement, ast.If) and "TYPE_CHECKING" in ast.unparse(statement.test):
        return True
    if isinstance(statement, ast.AnnAssign):
        return ast.unparse(statement.annotation) == "TypeAlias"
    if isinstance(statement, ast.Assign):
        return any(isinstance(one, ast.Name) and one.id == "__all__" for one in statement.targets)
    return False


def _dropped(statement: ast.stmt) -> Iterator[tuple[str, ast.stmt]]:
    if isinstance(statement, ast.Raise):
        yield "raise", ast.Pass()
    elif isinstance(statement, ast.AugAssign) or (
        isinstance(statement, ast.Expr) and not isinstance(statement.value, (ast.Yield, ast.Await))
    ):
        yield "statement", ast.Pass()
    elif isinstance(statement, ast.Assign):
        # without its name the function ends in a NameError, which says nothing about the tests
        if not any(isinstance(one, (ast.Name, ast.Tuple)) for one in statement.targets):
            yield "statement", ast.Pass()
    elif isinstance(statement, ast.Break):
        yield "statement", ast.Continue()
    elif isinstance(statement, ast.Continue):
        yield "statement", ast.Break()


_NOTHING = ("return", "return None")


def _of_statement(statement: ast.stmt, *, at_module: bool) -> Iterator[Change]:
    if isinstance(statement, ast.Raise):
        return
    if isinstance(statement, (ast.If, ast.While)):
        yield from of_test(statement)
    if isinstance(statement, ast.AugAssign) and type(statement.op) in OTHER:
        yield "arithmetic", statement, "op", None, OTHER[type(statement.op)]()
    if isinstance(statement, ast.Return) and ast.unparse(statement) not in _NOTHING:
        yield "return", statement, "value", None, ast.Constant(None)
    place = "module" if at_module else ""
    for field in ("test", "iter", "value", "subject", "msg", "targets", "target"):
        if getattr(statement, field, None) is not None:
            yield from of_field(statement, field, place)
    for item in getattr(statement, "items", ()):
        yield from of_field(item, "context_expr", "")


def _span(owner: ast.AST) -> tuple[int, int]:
    """Lines that are executed with a statement, or with the head of a compound one."""
    if isinstance(owner, ast.match_case):
        parts: list[ast.AST] = [owner.pattern, *([owner.guard] if owner.guard else [])]
    else:
        heads = (getattr(owner, name, None) for name in ("test", "iter", "subject"))
        parts = [one for one in heads if one is not None] if hasattr(owner, "body") else [owner]
        parts += [item.context_expr for item in getattr(owner, "items", ())]
        parts = parts or [owner]
    first = min(getattr(one, "lineno", 0) for one in parts)
    return first, max(getattr(one, "end_lineno", 0) for one in parts)


def _head(owner: ast.AST) -> str:
    """The source of a statement, or the first line of a compound one, without decorators."""
    if isinstance(owner, ast.match_case):
        guard = f" if {ast.unparse(owner.guard)}" if owner.guard else ""
        return f"case {ast.unparse(owner.pattern)}{guard}:"
    lines = ast.unparse(owner).splitlines()
    return next((line for line in lines if not line.startswith("@")), "")
