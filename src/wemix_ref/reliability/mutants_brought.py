"""Make a mutant in a process that imported the package: the code of its functions is replaced.

What stands at module level is calculated again and put wherever it was imported.
"""

from __future__ import annotations
import __future__

import ast
import gc
import sys
import types
from collections.abc import Iterable, Iterator, Mapping
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from wemix_ref.reliability.mutants_made import Edit

__all__ = ["Functions", "bring_in", "functions_of", "source_of", "tree_of"]

Functions = dict[tuple[str, str], list[types.FunctionType]]


def source_of(module: str) -> Path:
    """Return the file of a module."""
    spec = find_spec(module)
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(module)
    return Path(spec.origin)


def tree_of(path: Path) -> ast.Module:
    """Return the syntax tree of a source file."""
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def functions_of(paths: Iterable[Path]) -> Functions:
    """Functions and methods of the modules, by file and qualified name."""
    files, out = {str(path) for path in paths}, Functions()
    for one in gc.get_objects():
        if isinstance(one, types.FunctionType) and one.__code__.co_filename in files:
            out.setdefault((one.__code__.co_filename, one.__code__.co_qualname), []).append(one)
    return out


def bring_in(edit: Edit, tree: ast.Module, functions: Functions) -> None:
    """Make the mutant, in this process.

    Parameters
    ----------
    edit : one of the edits of `tree`, which is changed.
    functions : as of :func:`_functions`.
    """
    edit.apply()
    module, path = import_module(edit.mutant.module), str(source_of(edit.mutant.module))
    ast.fix_missing_locations(tree)
    if not edit.mutant.function:
        _put_values(module, tree, edit.mutant.line)
        return
    found = list(_codes(compile(tree, path, "exec"), edit.mutant.function))
    made = False
    for old in functions.get((path, edit.mutant.function), ()):
        for code in found:
            if code.co_firstlineno == old.__code__.co_firstlineno:
                old.__code__, made = code, True
                if isinstance(edit.node, ast.arguments):
                    old.__defaults__, old.__kwdefaults__ = _defaults(tree, code, vars(module))
    if not made:
        raise LookupError(f"no function {edit.mutant.function} of {path} is as in its source.")


def _codes(code: types.CodeType, name: str) -> Iterator[types.CodeType]:
    for one in code.co_consts:
        if isinstance(one, types.CodeType):
            if one.co_qualname == name:
                yield one
            yield from _codes(one, name)


def _defaults(tree: ast.Module, code: types.CodeType, names: Mapping[str, Any]) -> tuple[Any, Any]:
    """Defaults of a function's arguments, calculated again."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.FunctionDef) or node.name != code.co_name:
            continue
        if code.co_firstlineno in (node.lineno, *(one.lineno for one in node.decorator_list)):
            node.decorator_list = []
            scope = dict(names)
            _execute([node], code.co_filename, scope)
            return scope[node.name].__defaults__, scope[node.name].__kwdefaults__
    raise LookupError(code.co_qualname)


def _put_values(module: types.ModuleType, tree: ast.Module, line: int) -> None:
    """Calculate what a module assigns from a line on, and put it wherever it was imported."""
    later: list[ast.stmt] = [
        one
        for one in tree.body
        if isinstance(one, (ast.Assign, ast.AnnAssign, ast.AugAssign, ast.Expr))
        and (one.end_lineno or 0) >= line
    ]
    old = dict(vars(module))
    new = dict(old)
    try:
        _execute(later, str(module.__file__), new)
    except Exception as error:
        raise ImportError(f"{module.__name__} cannot be imported") from error
    changed = {name for name in new if name in old and new[name] is not old[name]}
    for other in list(sys.modules.values()):
        names = vars(other) if isinstance(other, types.ModuleType) else {}
        for name in changed & set(names):
            if names[name] is old[name]:
                setattr(other, name, new[name])


def _execute(body: list[ast.stmt], path: str, names: dict[str, Any]) -> None:
    flags = __future__.annotations.compiler_flag
    exec(compile(ast.Module(body, []), path, "exec", flags), names)  # noqa: S102 (our own source)
