"""Random formulas by a grammar, and random changes of bytes and of JSON."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["draw_formula", "mutate_bytes", "mutate_json"]

Rng = np.random.Generator

_COLUMNS = ("x", "z", "a", "b", "t", "m", "w1", "g", "h")
_CALLS = (
    *("log", "exp", "sqrt", "abs", "I", "factor", "as.factor", "ordered", "scale", "round"),
    *("as.numeric", "as.integer", "log2", "log1p", "floor", "poly", "pmin", "pmax", "offset"),
    *("c", "sin", "system", "eval", "__import__"),
)
_OPERATORS = ("+", "-", "*", "/", "^", ":", "%in%", "<", "==", "!=", ">=", "&", "|", "||", "&&")
_CONSTANTS = ("0", "1", "2", "-1", "0.5", "1e300", "1e-300", "0x1F", "3L", "TRUE", "'u'", '"1"')
#: Pieces that lexers stumble over.
_BITS = (
    *(
        b"(",
        b")",
        b"~",
        b"|",
        b"`",
        b"'",
        b'"',
        b"\\",
        b"\0",
        b"\n",
        b"\r",
        b"\t",
        b"%",
        b"[",
        b"]",
    ),
    *(
        b"{",
        b"}",
        b",",
        b":",
        b"&a",
        b"*a",
        b"!!",
        b"- ",
        b"?",
        b"#",
        b"\xff",
        b"\xc3",
        b"\xed\xa0",
    ),
    *("²".encode(), "٣".encode(), "\u202e".encode(), "ǆ".encode(), b"1e999", b"9" * 400, b"NaN"),
    *(b"null", b"true", b"-0", b"Inf", b".", b"..1", b"<-", b"::", b"%in%", b"(" * 80, b"-" * 80),
)
_VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1, 2**31, 2**63, 2**70, -(2**63), 0.5, 1e308, -1e308, 5e-324),
    *("", "x", "NaN", "Infinity", "\0", "\ud800", "y ~ x + (1|g)", "../../x", "wemix-ref/x/1"),
    *([], {}, [[]], [None], {"a": {}}, ["x", 1], [0.5] * 50),
)


def draw_formula(rng: Rng) -> str:
    """Text that is often a formula, of the columns of the data that it is tried on."""
    response = _expression(rng, 1) if rng.random() < 0.2 else "y"
    parts = [_expression(rng, 3) for _ in range(rng.integers(0, 3))]
    parts += [_bar(rng) for _ in range(rng.integers(0, 3))]
    return f"{response} ~ {' + '.join(parts) or '1'}"


def _bar(rng: Rng) -> str:
    left = "1" if rng.random() < 0.5 else _expression(rng, 1)
    right = _choice(rng, ("g", "h", "h/g", "g:h", "a", "factor(z)", _expression(rng, 1)))
    return f"({left} {_choice(rng, ('|', '|', '|', '||'))} {right})"


def _expression(rng: Rng, depth: int) -> str:
    what = rng.random()
    if depth == 0 or what < 0.35:
        return _choice(rng, _CONSTANTS if rng.random() < 0.15 else _COLUMNS)
    if what < 0.55:
        arguments = ", ".join(_expression(rng, depth - 1) for _ in range(rng.integers(1, 3)))
        return f"{_choice(rng, _CALLS)}({arguments})"
    if what < 0.65:
        return f"({_expression(rng, depth - 1)})"
    if what < 0.7:
        return f"{_choice(rng, ('-', '!', '+'))}{_expression(rng, depth - 1)}"
    operator = _choice(rng, _OPERATORS[:5] if rng.random() < 0.6 else _OPERATORS)
    return f"{_expression(rng, depth - 1)} {operator} {_expression(rng, depth - 1)}"


def _choice(rng: Rng, among: tuple[str, ...]) -> str:
    return among[int(rng.integers(len(among)))]


def mutate_bytes(raw: bytes, rng: Rng) -> bytes:
    """Change, insert, remove, repeat or cut off a few bytes."""
    out = bytearray(raw)
    for _ in range(int(rng.integers(1, 5))):
        at = int(rng.integers(len(out) + 1))
        match int(rng.integers(6)):
            case 0:
                out[at : at + 1] = bytes([int(rng.integers(256))])
            case 1 | 2:
                out[at:at] = _BITS[int(rng.integers(len(_BITS)))]
            case 3:
                del out[at : at + int(rng.integers(1, 8))]
            case 4:
                piece = out[at : at + int(rng.integers(1, 30))]
                out[at:at] = piece * int(rng.integers(1, 4))
            case _:
                if rng.random() < 0.3:
                    del out[at:]
    return bytes(out)


def mutate_json(content: Any, rng: Rng) -> Any:  # noqa: ANN401
    """Put another value, or none, in a few random places; the content itself is changed."""
    for _ in range(int(rng.integers(1, 4))):
        places = [(content, key) for key in _keys(content)]
        holder, key = content, None
        while places:
            holder, key = places[int(rng.integers(len(places)))]
            inner = holder[key]
            if not _keys(inner) or rng.random() < 0.3:
                break
            places = [(inner, one) for one in _keys(inner)]
        if key is None:
            return _value(rng)
        match int(rng.integers(5)):
            case 0:
                del holder[key]
            case 1 if isinstance(holder, dict):
                holder[str(_choice(rng, ("x", "", "\0", "__class__", "schema")))] = _value(rng)
            case _:
                holder[key] = _value(rng)
    return content


def _keys(content: Any) -> list[Any]:  # noqa: ANN401
    if isinstance(content, dict):
        return list(content)
    return list(range(len(content))) if isinstance(content, list) else []


def _value(rng: Rng) -> Any:  # noqa: ANN401
    value = _VALUES[int(rng.integers(len(_VALUES)))]
    return value.copy() if isinstance(value, list | dict) else value
