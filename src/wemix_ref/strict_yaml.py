"""YAML files read strictly: plain data only, no key twice, and a schema that must hold."""

from __future__ import annotations

import math
import re
from collections.abc import Hashable, Mapping
from functools import cache
from pathlib import Path
from typing import Any, cast

import yaml
from jsonschema import Draft202012Validator

from wemix_ref.errors import CaseError
from wemix_ref.places import PROJECT, SCHEMAS
from wemix_ref.schema_words import told

__all__ = ["PROJECT", "read_valid_yaml", "read_yaml"]


#: Most values that a file may hold once its aliases are written out, and their deepest nesting.
MAX_VALUES = 100_000
MAX_DEPTH = 50

#: Numbers as they may be written. YAML 1.1 has other forms that stand for another number than they
#: seem to, or for one in another base: 010 (8), 0b101 (5), 0x1f (31), 1_000, 1:30 (90).
_WHOLE = re.compile(r"[-+]?(0|[1-9][0-9]*)")
_DECIMAL = re.compile(r"[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?")


class _StrictLoader(yaml.SafeLoader):
    """The safe loader, which builds plain data only, refusing a key that stands twice."""

    def get_single_node(self) -> yaml.Node | None:
        try:
            node = super().get_single_node()
        except RecursionError:
            raise _too_deep(None) from None
        if node is not None:
            _check_size(node)
        return node

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:  # noqa: ANN401
        try:
            value = super().construct_object(node, deep=deep)
        except (ValueError, KeyError, AttributeError, TypeError, OverflowError) as problem:
            kind = str(node.tag).rpartition(":")[2]
            shown = _shortened(str(node.value))
            raise _marked(
                f"{shown!r} cannot be read as {kind}; put quotes round a text", node
            ) from problem
        if isinstance(value, float) and not math.isfinite(value):
            raise _marked(f"numbers must be finite; found {value}", node)
        _check_decimal(value, node)
        if isinstance(value, str) and any("\ud800" <= one <= "\udfff" for one in value):
            raise _marked("a text has half of a character (a lone surrogate); remove it", node)
        return value

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen: dict[Hashable, int] = {}
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if isinstance(key, Hashable):
                if not isinstance(key, str):
                    raise _marked(
                        f"a key must be a text; found {key!r}. Put quotes round it", key_node
                    )
                if key in seen:
                    raise yaml.constructor.ConstructorError(
                        None,
                        None,
                        f"the key {key!r} stands twice, on line {seen[key]} too; keep one",
                        key_node.start_mark,
                    )
                seen[key] = key_node.start_mark.line + 1
        return super().construct_mapping(node, deep=deep)


def _check_decimal(value: object, node: yaml.Node) -> None:
    """Refuse a number that is not written in decimals; `value` is what YAML takes it for."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return
    form = _WHOLE if isinstance(value, int) else _DECIMAL
    if form.fullmatch(node.value) is None:
        found, meant = _shortened(node.value), _shortened(repr(value))
        raise _marked(
            "a number must be written in decimals, without leading zeros, underscores or colons; "
            f"found {found}, which YAML takes for {meant}. Write the number that is meant, or put "
            "quotes round a text",
            node,
        )


def _shortened(text: str) -> str:
    return text if len(text) <= 60 else f"{text[:57]}..."


def _marked(told: str, node: yaml.Node | None) -> yaml.MarkedYAMLError:
    return yaml.MarkedYAMLError(
        problem=told, problem_mark=None if node is None else node.start_mark
    )


def _too_deep(node: yaml.Node | None) -> yaml.MarkedYAMLError:
    return _marked(f"keys and lists may be nested {MAX_DEPTH} deep, no deeper", node)


def _check_size(root: yaml.Node) -> None:
    """Count values with every alias written out, from the leaves up, each node once."""
    sizes: dict[int, int] = {}
    open_nodes: set[int] = set()
    stack: list[tuple[yaml.Node, bool]] = [(root, False)]
    while stack:
        node, done = stack.pop()
        inner = _inner(node)
        if done:
            open_nodes.discard(id(node))
            sizes[id(node)] = size = 1 + sum(sizes[id(one)] for one in inner)
            if size > MAX_VALUES:
                raise _marked(
                    f"a file may hold {MAX_VALUES} values with its aliases written out; this one "
                    "holds more",
                    node,
                )
        elif id(node) in open_nodes:
            raise _marked("an alias must not stand within what it stands for", node)
        elif id(node) not in sizes:
            open_nodes.add(id(node))
            if len(open_nodes) > MAX_DEPTH:
                raise _too_deep(node)
            stack.append((node, True))
            stack += [(one, False) for one in inner]


def _inner(node: yaml.Node) -> list[yaml.Node]:
    if isinstance(node, yaml.MappingNode):
        return [one for pair in node.value for one in pair]
    return list(node.value) if isinstance(node, yaml.SequenceNode) else []


def read_yaml(path: Path) -> object:
    """Read a YAML file as plain data.

    Parameters
    ----------
    path : Path
        The file, UTF-8.

    Returns
    -------
    object
        Mappings, lists, text, numbers, booleans, None.

    Raises
    ------
    CaseError
        If the file cannot be read, is not YAML, has a key twice in one mapping or a number that is
        not written in decimals, or asks for an object that is not plain data.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, ValueError) as problem:
        told = getattr(problem, "strerror", None) or str(problem)
        raise CaseError(f"{path}: the file must be readable UTF-8 text: {told}.") from problem
    try:
        return yaml.load(text, Loader=_StrictLoader)  # noqa: S506 - derived from SafeLoader
    except yaml.MarkedYAMLError as problem:
        mark = problem.problem_mark
        line = "" if mark is None else f" (line {mark.line + 1})"
        what = ", ".join(part for part in (problem.context, problem.problem) if part)
        raise CaseError(f"{path}: the file must be YAML{line}: {what}.") from problem
    except yaml.YAMLError as problem:
        raise CaseError(
            f"{path}: the file must be YAML: {' '.join(str(problem).split())}."
        ) from problem


def read_valid_yaml(path: Path, schema: str, guide: str = "config/README.md") -> Mapping[str, Any]:
    """Read a YAML file and check it against one of the project's schemas.

    Parameters
    ----------
    path : Path
        The file.
    schema : str
        The schema's file name in ``workflow/schemas``.
    guide : str
        The page that describes the keys.

    Returns
    -------
    Mapping
        The content.

    Raises
    ------
    CaseError
        As :func:`read_yaml`, and where the schema does not hold; the message has the file, the
        key, what may stand there, and how many places fail.
    """
    content = read_yaml(path)
    validator = _validator(schema)
    errors = list(validator.iter_errors(content))
    if errors:
        what = told(errors, cast("Mapping[str, Any]", validator.schema))
        raise CaseError(f"{path}: {what}. Correct the file; {guide} describes the keys.")
    return cast("Mapping[str, Any]", content)


@cache
def _validator(schema: str) -> Draft202012Validator:
    content = cast("Mapping[str, Any]", read_yaml(SCHEMAS / schema))
    Draft202012Validator.check_schema(content)
    return Draft202012Validator(content)
