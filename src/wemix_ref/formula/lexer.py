"""Formula text to tokens."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

from wemix_ref.formula.messages import error_at

__all__ = ["MAX_LENGTH", "Token", "is_plain_name", "tokenize"]

#: Longest formula that is read; a longer one is a mistake or an attack, and is refused.
MAX_LENGTH = 20_000

_NUMBER = re.compile(r"(?:0[xX][0-9a-fA-F]+|(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)L?", re.ASCII)
_OPERATORS = (
    "%in%",
    "**",
    "||",
    "&&",
    "<=",
    ">=",
    "==",
    "!=",
    "~",
    "+",
    "-",
    "*",
    "/",
    ":",
    "^",
    "|",
    "&",
    "!",
    "<",
    ">",
    "=",
    "(",
    ")",
    ",",
)
#: Pieces of R's grammar that a formula here may not use, with what to do instead.
_REFUSED = {
    "<-": "`<-` assigns in R; write `< -` with a blank for a comparison with a negative number",
    "->": "`->` assigns in R and has no place in a formula",
    "|>": "pipes have no place in a formula",
    ":=": "assignments have no place in a formula",
    "::": "package prefixes are not read; write the function's plain name",
    ";": "one formula holds one expression; remove the `;` and what follows",
    "$": "columns are named alone, without `$`",
    "@": "slots are not read",
    "[": "indexing is not read; make the column first and name it",
    "{": "blocks of code are not read",
    "#": "comments are not read",
    "?": "`?` is not read",
    "\\": "functions cannot be defined in a formula",
    "%": "the only operator between percent signs is %in%",
}
_RESERVED = frozenset(
    {
        *("NULL", "NA", "NA_integer_", "NA_real_", "NA_character_", "Inf", "NaN", "if", "else"),
        *("for", "while", "repeat", "function", "break", "next", "in"),
    }
)
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "\\": "\\", "'": "'", '"': '"', "`": "`"}


@dataclass(frozen=True)
class Token:
    """One token: `kind` is name, quoted, number, text, logical, an operator or "end"."""

    kind: str
    pos: int
    text: str = ""
    value: float = 0.0


def is_plain_name(name: str) -> bool:
    """Whether R reads a name as it stands, without back-ticks."""
    if not name or name in _RESERVED or name in {"TRUE", "FALSE"}:
        return False
    if re.fullmatch(r"\.\.(?:\.|\d+)", name):
        return False
    first = name[0]
    if not (first.isalpha() or (first == "." and not name[1:2].isdigit())):
        return False
    return all(_in_name(c) for c in name)


def tokenize(text: str) -> list[Token]:
    """Split a formula into tokens; the last one has kind "end".

    Raises
    ------
    FormulaError
        Text too long, a character that no formula has, or a quotation without its end.
    """
    if len(text) > MAX_LENGTH:
        raise error_at(
            text,
            MAX_LENGTH,
            f"a formula may have at most {MAX_LENGTH} characters; this one has {len(text)}",
        )
    tokens: list[Token] = []
    pos = 0
    while pos < len(text):
        char = text[pos]
        if char in " \t\r\n\f":
            pos += 1
            continue
        token, pos = _token(text, pos)
        tokens.append(token)
    tokens.append(Token("end", len(text)))
    return tokens


def _token(text: str, pos: int) -> tuple[Token, int]:
    char = text[pos]
    if char == "`":
        name, end = _quoted(text, pos, "a back-ticked name")
        if not name:
            raise error_at(text, pos, "a back-ticked name must not be empty")
        return Token("quoted", pos, name), end
    if char in "\"'":
        value, end = _quoted(text, pos, "a quoted text")
        return Token("text", pos, value), end
    if char in "0123456789" or (char == "." and text[pos + 1 : pos + 2] in tuple("0123456789")):
        return _number(text, pos)
    if char.isalpha() or char == ".":
        return _word(text, pos)
    for symbol, why in _REFUSED.items():
        if text.startswith(symbol, pos) and not text.startswith("%in%", pos):
            raise error_at(text, pos, f"formula not understood: {why}")
    for symbol in _OPERATORS:
        if text.startswith(symbol, pos):
            kind = "^" if symbol == "**" else symbol
            return Token(kind, pos, symbol), pos + len(symbol)
    described = unicodedata.name(char, f"U+{ord(char):04X}")
    raise error_at(
        text,
        pos,
        f"a formula has names, numbers and operators; found {char!r} ({described}). "
        "Put names with such characters in back-ticks",
    )


def _number(text: str, pos: int) -> tuple[Token, int]:
    match = _NUMBER.match(text, pos)
    assert match is not None
    end = match.end()
    if text[end : end + 1] == "i" and not _in_name(text[end + 1 : end + 2] or " "):
        raise error_at(text, pos, "complex numbers are not read")
    digits = match.group().removesuffix("L")
    try:
        value = float(int(digits, 16)) if digits[:2] in ("0x", "0X") else float(digits)
    except OverflowError:  # a whole number, unlike a decimal, does not become infinite
        value = float("inf")
    if value == float("inf"):
        raise error_at(text, pos, "numbers must be finite; this one is too large")
    whole = match.group().endswith("L") and value.is_integer() and value < 2**31
    suffix = "L" if whole else ""
    return Token("number", pos, suffix, value), end


def _word(text: str, pos: int) -> tuple[Token, int]:
    end = pos + 1
    while end < len(text) and _in_name(text[end]):
        end += 1
    word = text[pos:end]
    if word in {"TRUE", "FALSE"}:
        return Token("logical", pos, word), end
    if word == ".":
        raise error_at(
            text,
            pos,
            "`.` (all other columns) is not read, because its meaning would change with the "
            "data; name the columns",
        )
    if not is_plain_name(word):
        raise error_at(
            text,
            pos,
            f"`{word}` is a reserved word of R and cannot stand here; a column of that name "
            "goes in back-ticks",
        )
    return Token("name", pos, word), end


def _in_name(char: str) -> bool:
    return char.isalnum() or char in "._"


def _quoted(text: str, start: int, what: str) -> tuple[str, int]:
    quote = text[start]
    out: list[str] = []
    pos = start + 1
    while pos < len(text):
        char = text[pos]
        if char == quote:
            return "".join(out), pos + 1
        if char == "\\":
            escape = text[pos + 1 : pos + 2]
            if escape not in _ESCAPES:
                raise error_at(text, pos, f"unknown escape in {what}: \\{escape}")
            out.append(_ESCAPES[escape])
            pos += 2
            continue
        if char == "\0":
            raise error_at(text, pos, f"{what} cannot hold a NUL character")
        out.append(char)
        pos += 1
    raise error_at(text, start, f"{what} must be closed by {quote}; its end was not found")
