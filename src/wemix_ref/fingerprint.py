"""A hash of the source files that a result depends on: a module and all it imports from here."""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

__all__ = ["fingerprint", "sources_of"]

PACKAGE = Path(__file__).resolve().parent
_PY = ".py"
# in two parts: whole, it would name the package itself as a file that this module depends on
_INIT = f"__init__{_PY}"


def fingerprint(*modules: str, package: Path = PACKAGE) -> str:
    """Hash the sources of modules, of what they import from the package, and of their data.

    Parameters
    ----------
    *modules : names within the package, such as ``engines.lme4``; ``""`` is the package itself.
    package : the package's directory.

    Returns
    -------
    str
        The same for the same file contents, wherever the package lies.
    """
    digest = hashlib.sha256()
    for path in sources_of(*modules, package=package):
        digest.update(f"{path.relative_to(package).as_posix()}\n".encode())
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()[:16]


def sources_of(*modules: str, package: Path = PACKAGE) -> list[Path]:
    """Return the files that modules depend on within the package, sorted.

    Imports anywhere in a module count, also those inside functions. A text constant counts where
    it names a file beside the module or in a directory ``r`` beside it. Files of a subpackage that
    are no Python code (templates) count with its ``__init__``.

    Raises
    ------
    ValueError
        If a module asked for does not exist.
    """
    found: set[Path] = set()
    waiting = []
    for module in modules:
        path = _file_of(module, package)
        if path is None:
            raise ValueError(
                f"{module!r} must be a module of {package.name}; there is no such file"
            )
        waiting.append(path)
    while waiting:
        path = waiting.pop()
        if path not in found:
            found.add(path)
            waiting += _neighbours(path, package) if path.suffix == ".py" else ()
    return sorted(found)


@cache
def _neighbours(path: Path, package: Path) -> tuple[Path, ...]:
    names, texts = _mentions(path, package.name)
    files = [file for name in names if (file := _file_of(name, package)) is not None]
    for text in texts:
        # A name such as "lme4.R"; never a path that leads elsewhere.
        files += [file for place in (".", "r") if (file := path.parent / place / text).is_file()]
    if path.name == _INIT and path.parent != package:
        files += [
            file
            for file in path.parent.rglob("*")
            if file.suffix not in (".py", ".R")
            and "__pycache__" not in file.parts
            and file.is_file()
        ]
    return tuple(files)


def _mentions(path: Path, package: str) -> tuple[set[str], set[str]]:
    """Modules imported, as names within the package, and text that may name a file."""
    names: set[str] = set()
    texts: set[str] = set()
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            if "." in node.value and "/" not in node.value and len(node.value) < 64:
                texts.add(node.value)
        else:
            names.update(_imported(node, package))
    return names, {text for text in texts if text.isprintable() and text.strip(". ")}


def _imported(node: ast.AST, package: str) -> Iterator[str]:
    if isinstance(node, ast.Import):
        dotted = [alias.name for alias in node.names]
    elif isinstance(node, ast.ImportFrom) and node.module is not None and node.level == 0:
        # what is imported may be a module of that package, or a name in it
        dotted = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    else:
        return
    for name in dotted:
        if name == package or name.startswith(f"{package}."):
            yield name[len(package) + 1 :]


def _file_of(module: str, package: Path) -> Path | None:
    place = package.joinpath(*module.split(".")) if module else package
    if (place / _INIT).is_file():
        return place / _INIT
    file = place.with_suffix(".py")
    return file if module and file.is_file() else None
