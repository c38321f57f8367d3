"""Where a file departs from its JSON schema, in words: what was found, and what may stand there."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from jsonschema.exceptions import ValidationError, relevance

__all__ = ["nearest", "told"]

Schema = Mapping[str, Any]

_TYPES = {
    "object": "a mapping of keys",
    "array": "a list",
    "string": "a text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "null": "nothing",
}
_PATTERNS = {
    "^[A-Za-z][A-Za-z0-9_]*$": "a name of letters, digits and _, with a letter first",
    "^[A-Za-z0-9][A-Za-z0-9._-]*$": "a name of letters, digits, '.', '_' and '-'",
    "^[$][A-Za-z][A-Za-z0-9_]*$": "$NAME of a parameter",
}


def told(errors: Sequence[ValidationError], root: Schema) -> str:
    """Tell the gravest error, and how many there are.

    Parameters
    ----------
    errors : of a file against its schema; one at least.
    root : the schema, whose ``$defs`` the errors' own parts refer to.

    Returns
    -------
    str
        ``key `population.kind` must be one of superpopulation, finite; found 'both'``.
    """
    # a key that is unknown tells most: as a rule another is missing for it
    unknown = [error for error in errors if error.validator == "additionalProperties"]
    first = unknown[0] if unknown else max(errors, key=relevance)
    first = _innermost(first, root)
    more = f" (the first of {len(errors)} places)" if len(errors) > 1 else ""
    return f"{_place(first)} {_what(first, root)}{more}"


def nearest(word: object, words: Iterable[str]) -> str:
    """Return a question for the nearest of some words, or nothing where none is near."""
    found = difflib.get_close_matches(str(word), list(words), n=1)
    return f" (did you mean {found[0]!r}?)" if found else ""


def _innermost(error: ValidationError, root: Schema) -> ValidationError:
    """Go down into the one alternative that is meant: that of the type that was found."""
    while error.validator in ("oneOf", "anyOf"):
        alternatives: Any = error.validator_value
        options = [_resolved(option, root) for option in alternatives]
        meant = [
            place
            for place, option in enumerate(options)
            if isinstance(error.instance, dict | list)
            and option.get("type") == ("object" if isinstance(error.instance, dict) else "array")
        ]
        within = [one for one in error.context or () if one.schema_path[0] in meant]
        if not within:
            return error
        unknown = [one for one in within if one.validator == "additionalProperties"]
        error = unknown[0] if unknown else max(within, key=relevance)
    return error


def _what(error: ValidationError, root: Schema) -> str:
    found = _found(error.instance)
    # of any type, as the schema has them
    value: Any = error.validator_value
    instance: Any = error.instance
    schema: Any = error.schema
    match error.validator:
        case "additionalProperties":
            return _unknown(instance, list(schema.get("properties", {})))
        case "required":
            missing = [key for key in value if key not in instance]
            return f"must have the key {missing[0]!r}, which is missing"
        case "oneOf" | "anyOf" | "enum" | "const" | "type":
            allowed, words = _allowed(schema, root)
            hint = nearest(instance, words) if isinstance(instance, str) else ""
            return f"must be {allowed}; found {found}{hint}"
        case "pattern" if "propertyNames" in error.schema_path:
            return f"has {found} as a key, which must be {_pattern(value)}"
        case "pattern":
            return f"must be {_pattern(value)}; found {found}"
        case "minProperties" | "minItems" | "minLength":
            return f"must be of length {value} or more; found {found}"
        case "minimum":
            return f"must be {value} or more; found {found}"
        case "exclusiveMinimum" | "exclusiveMaximum":
            bounds = {"more": "exclusiveMinimum", "less": "exclusiveMaximum"}
            said = [f"{word} than {schema[key]}" for word, key in bounds.items() if key in schema]
            return f"must be {' and '.join(said)}; found {found}"
    return f"must follow the schema: {error.message}"


def _unknown(found: Iterable[str], known: Sequence[str]) -> str:
    unknown = [key for key in found if key not in known]
    count = f"{len(unknown)} unknown keys, first" if len(unknown) > 1 else "an unknown key,"
    hint = nearest(unknown[0], known)
    return f"has {count} {unknown[0]!r}{hint}; its keys are {', '.join(known)}"


def _allowed(schema: Schema, root: Schema) -> tuple[str, list[str]]:
    """Say what a schema allows, and list the words among it."""
    schema = _resolved(schema, root)
    for key in ("oneOf", "anyOf"):
        if key in schema:
            parts = [_allowed(option, root) for option in schema[key]]
            said = dict.fromkeys(text for text, _ in parts)
            return ", or ".join(said), [word for _, own in parts for word in own]
    if "const" in schema or "enum" in schema:
        words = [_word(one) for one in schema.get("enum", [schema.get("const")])]
        return ("one of " if len(words) > 1 else "") + ", ".join(words), words
    if "pattern" in schema:
        return _pattern(schema["pattern"]), []
    if schema.get("type") == "array":
        items = _resolved(schema.get("items", {}), root)
        of = " of these" if "enum" in items else " of names" if "pattern" in items else ""
        return f"a list{of}", []
    kinds = schema.get("type", [])
    kinds = [kinds] if isinstance(kinds, str) else kinds
    return ", ".join(_TYPES[kind] for kind in kinds) or "something else", []


def _pattern(pattern: str) -> str:
    return _PATTERNS.get(pattern, f"a text that matches {pattern}")


def _resolved(schema: Schema, root: Schema) -> Schema:
    while "$ref" in schema:
        target: Any = root
        for step in schema["$ref"].removeprefix("#/").split("/"):
            target = target[step]
        schema = target
    return schema


def _word(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _found(instance: object) -> str:
    if instance is None:
        return "nothing"
    if isinstance(instance, bool):
        return _word(instance)
    if isinstance(instance, dict):
        return f"a mapping with the keys {', '.join(map(str, instance)) or 'none'}"
    text = repr(instance)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _place(error: ValidationError) -> str:
    text = ""
    for step in error.absolute_path:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else str(step)
    return f"key `{text}`" if text else "`(top of the file)`"
