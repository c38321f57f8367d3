"""Formula text to tokens and to a tree: every operator, name, number and bound."""

from __future__ import annotations

from itertools import product

import pytest

from wemix_ref.errors import FormulaError
from wemix_ref.formula import parse_formula
from wemix_ref.formula.functions import FUNCTIONS
from wemix_ref.formula.lexer import MAX_LENGTH, is_plain_name, tokenize
from wemix_ref.formula.messages import error_at
from wemix_ref.formula.parser import MAX_NESTING, parse_expression
from wemix_ref.formula.syntax import Binary, Expr, Name, Number, Paren, Unary

RESERVED = (
    *("NULL", "NA", "NA_integer_", "NA_real_", "NA_character_", "Inf", "NaN", "if", "else"),
    *("for", "while", "repeat", "function", "break", "next", "in", "TRUE", "FALSE"),
)


@pytest.mark.parametrize("name", ["x", "größe", ".", ".a", "..a", "....", "...1", "a_1.b", "Null"])
def test_plain_names(name: str) -> None:
    assert is_plain_name(name) is True


@pytest.mark.parametrize(
    "name", [*RESERVED, "", "...", "..1", "..12", "1a", "_a", ".2", ".2a", "a b", "a-b", "a`"]
)
def test_names_that_need_back_ticks(name: str) -> None:
    assert is_plain_name(name) is False


@pytest.mark.parametrize("word", RESERVED)
def test_reserved_words_are_no_columns(word: str) -> None:
    if word in ("TRUE", "FALSE"):
        assert [(t.kind, t.text) for t in tokenize(word)] == [("logical", word), ("end", "")]
    else:
        with pytest.raises(FormulaError, match="reserved word"):
            tokenize(word)


@pytest.mark.parametrize(
    ("text", "value", "whole"),
    [
        ("0", 0.0, False), ("12.", 12.0, False), (".5", 0.5, False), ("1.25e-2", 0.0125, False),
        ("3E+2", 300.0, False), ("0x1F", 31.0, False), ("0XaL", 10.0, True), ("0L", 0.0, True),
        ("7L", 7.0, True), ("1.5L", 1.5, False), ("1e3L", 1000.0, True), ("0x0", 0.0, False),
        ("2147483647L", 2147483647.0, True), ("2147483648L", 2147483648.0, False),
    ],
)  # fmt: skip
def test_numbers(text: str, value: float, whole: bool) -> None:
    token, end = tokenize(text)
    assert (token.kind, token.value, token.text) == ("number", value, "L" if whole else "")
    assert (end.kind, end.pos) == ("end", len(text))


@pytest.mark.parametrize("text", ["1e400", "0x" + "f" * 300, "1" + "0" * 400])
def test_numbers_without_a_double_are_refused(text: str) -> None:
    with pytest.raises(FormulaError, match="finite"):
        tokenize(text)


def test_an_i_after_a_number_is_complex_where_no_name_goes_on() -> None:
    for text in ("1i", "1i+x", "1i "):
        with pytest.raises(FormulaError, match="complex"):
            tokenize(text)
    assert [t.value for t in tokenize(".52+.5x")] == [0.52, 0.0, 0.5, 0.0, 0.0]
    assert [t.kind for t in tokenize(".5i_")] == ["number", "name", "end"]
    assert [t.kind for t in tokenize("1in_")] == ["number", "name", "end"]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (r'"a\n\t\r\\\'\"\`b"', "a\n\t\r\\'\"`b"),
        ("'it\"s'", 'it"s'),
        ('""', ""),
        ('"\\\\"', "\\"),
    ],
)
def test_quoted_texts(text: str, value: str) -> None:
    assert [(t.kind, t.text) for t in tokenize(text)] == [("text", value), ("end", "")]
    assert tokenize("x" + text)[1].pos == 1


def test_back_ticked_names() -> None:
    tokens = tokenize("`a b`+`\\``")
    assert [(t.kind, t.pos, t.text) for t in tokens] == [
        ("quoted", 0, "a b"), ("+", 5, "+"), ("quoted", 6, "`"), ("end", 10, ""),
    ]  # fmt: skip


@pytest.mark.parametrize("text", ["'a\0'", "`a\0`", "'a\\", "'a", "`a\\x`"])
def test_quotations_that_are_refused(text: str) -> None:
    with pytest.raises(FormulaError, match=r"NUL|escape|closed"):
        tokenize(text)


def test_blanks_part_tokens() -> None:
    tokens = tokenize(" y\t~\rx\n+\fz ")
    assert [t.text for t in tokens] == ["y", "~", "x", "+", "z", ""]


REFUSED = ["<-", "->", "|>", ":=", "::", ";", "$", "@", "[", "{", "#", "?", "\\", "%"]


@pytest.mark.parametrize("symbol", REFUSED)
def test_pieces_of_r_that_are_refused_are_told_apart(symbol: str) -> None:
    with pytest.raises(FormulaError, match=r"formula not understood: (?!.*cannot stand)") as caught:
        tokenize(f"a {symbol} b")
    assert str(caught.value).splitlines()[-1].index("^") == 4


OPERATORS = (
    *("~", "+", "-", "*", "/", ":", "^", "**", "|", "||", "&", "&&", "!"),
    *("<", ">", "<=", ">=", "==", "!=", "=", "(", ")", ","),
)


@pytest.mark.parametrize("operator", [*OPERATORS, "%in%"])
def test_each_operator_is_one_token(operator: str) -> None:
    first, middle, last, _ = tokenize(f"a{operator}b")
    assert (middle.kind, middle.text) == ("^" if operator == "**" else operator, operator)
    assert (first.pos, middle.pos, last.pos) == (0, 1, 1 + len(operator))


# from the loosest; those in one entry group to the left, or not at all
LOOSENESS = [["~"], ["|", "||"], ["&", "&&"], ["<", ">", "<=", ">=", "==", "!="], ["+", "-"],
             ["*", "/"], ["%in%"], [":"], ["^"]]  # fmt: skip
RANK = {operator: rank for rank, row in enumerate(LOOSENESS) for operator in row}


def bracketed(node: Expr) -> str:
    if isinstance(node, Binary):
        return f"({bracketed(node.left)}{node.op}{bracketed(node.right)})"
    if isinstance(node, Unary):
        return f"[{node.op}{bracketed(node.operand)}]"
    if isinstance(node, Paren):
        return f"<{bracketed(node.inner)}>"
    return node.name if isinstance(node, Name) else "?"


@pytest.mark.parametrize(("first", "second"), list(product(RANK, RANK)))
def test_two_operators_group_as_in_r(first: str, second: str) -> None:
    text = f"a {first} b {second} c"
    left, right = f"((a{first}b){second}c)", f"(a{first}(b{second}c))"
    if RANK[first] == RANK[second] == RANK["<"]:
        with pytest.raises(FormulaError, match="do not chain"):
            parse_expression(text)
    elif RANK[first] < RANK[second] or first == second == "^":
        assert bracketed(parse_expression(text)) == right
    else:
        assert bracketed(parse_expression(text)) == left


# the loosest infix operator that a prefix one takes in
TAKES_IN = {"~": "|", "!": "<", "+": "^", "-": "^"}


@pytest.mark.parametrize(("prefix", "infix"), list(product(TAKES_IN, RANK)))
def test_prefix_operators_take_in_what_binds_tighter(prefix: str, infix: str) -> None:
    found = bracketed(parse_expression(f"{prefix}a {infix} b"))
    if RANK[infix] >= RANK[TAKES_IN[prefix]]:
        assert found == f"[{prefix}(a{infix}b)]"
    else:
        assert found == f"([{prefix}a]{infix}b)"
    assert bracketed(parse_expression(f"a {infix} ({prefix}b)")) == f"(a{infix}<[{prefix}b]>)"


def test_comparisons_in_brackets_may_be_compared() -> None:
    assert bracketed(parse_expression("(a < b) == (c > d)")) == "(<(a<b)>==<(c>d)>)"
    assert bracketed(parse_expression("a < b & c > d")) == "((a<b)&(c>d))"


def test_whole_numbers_and_positions_are_kept() -> None:
    tree = parse_expression("x + 2L")
    assert isinstance(tree, Binary)
    assert tree.pos == 2
    assert tree.right == Number(2.0, True, 4)


def test_bounds_are_those_told() -> None:
    assert tokenize("x" * MAX_LENGTH)[0].text == "x" * MAX_LENGTH
    with pytest.raises(FormulaError, match=f"at most {MAX_LENGTH} characters"):
        tokenize("x" * (MAX_LENGTH + 1))
    assert (MAX_LENGTH, MAX_NESTING) == (20_000, 60)


def test_brackets_are_at_most_so_deep() -> None:
    deep = MAX_NESTING - 1
    assert bracketed(parse_expression("(" * deep + "x" + ")" * deep)).count("<") == deep
    with pytest.raises(FormulaError, match=f"at most {MAX_NESTING} levels"):
        parse_expression("(" * MAX_NESTING + "x" + ")" * MAX_NESTING)
    # brackets side by side are not deep
    parse_expression(" + ".join(["(x)"] * (2 * MAX_NESTING)))
    with pytest.raises(FormulaError, match=f"at most {MAX_NESTING} levels"):
        parse_expression("(x) + " * 50 + "(" * MAX_NESTING + "x" + ")" * MAX_NESTING)


def test_the_place_is_shown_within_seventy_characters() -> None:
    text = "a" * 100 + "?" + "b" * 100
    message, shown, caret = str(error_at(text, 100, "Told")).splitlines()
    assert message == "Told"
    assert shown == "  ..." + "a" * 70 + "?" + "b" * 69 + "..."
    assert caret == " " * 75 + "^"
    for place in (70, 130):
        shown = str(error_at(text, place, "Told")).splitlines()[1]
        assert shown.startswith("  ...") == (place > 70)
        assert shown.endswith("...")
    assert str(error_at("a\tb", 9, "Told")).splitlines()[1:] == ["  a b", "     ^"]
    assert str(error_at("ab", -1, "Told")).splitlines()[2] == "  ^"
    assert "..." not in str(error_at("c" * 70, -1, "Told"))
    exact = str(error_at("c" * 140, 70, "Told")).splitlines()[1]
    assert exact == "  " + "c" * 140


def test_functions_that_a_formula_may_call() -> None:
    assert sorted(FUNCTIONS) == sorted(
        [
            "I",
            "log",
            "log2",
            "log10",
            "log1p",
            "exp",
            "expm1",
            "sqrt",
            "abs",
            "sin",
            "cos",
            "tan",
            "floor",
            "ceiling",
            "trunc",
            "round",
            "factor",
            "ordered",
            "as.factor",
            "as.numeric",
            "as.integer",
            "offset",
            "poly",
            "scale",
            "pmin",
            "pmax",
            "c",
        ]
    )
    for name in set(FUNCTIONS) - {"c", "offset"}:
        formula = parse_formula(f"y ~ {name}(x)")
        assert formula.variables() == ("y", "x")
        if not FUNCTIONS[name].variadic:
            with pytest.raises(FormulaError, match="argument"):
                parse_formula(f"y ~ {name}()")
    taken = {
        "log(x, base = 2)", "round(x, digits = 1)", "poly(x, degree = 2, raw = TRUE)",
        "factor(x, levels = c(1, 2), labels = c('a', 'b'), ordered = TRUE)",
        "ordered(x, levels = c(1, 2), labels = c('a', 'b'))", "scale(x, center = 1, scale = FALSE)",
        "scale(x, center = FALSE, scale = 2)",
        "factor(x, `levels` = c(1, 2), 'labels' = c('a', 'b'))",
    }  # fmt: skip
    for text in taken:
        assert parse_formula(f"y ~ {text}").variables() == ("y", "x")
    for text in ("ordered(x, ordered = TRUE)", "factor(x, ordered = 1)", "poly(x, raw = 2)",
                 "scale(x, center = 'a')", "log(x, base = TRUE)", "round(x, digits = 'a')",
                 "factor(x, labels = 1)", "exp(x, 2)", "round(x, digits = TRUE)",
                 "log(x, base = z)", "round(x, digits = z)", "poly(x, degree = z)",
                 "poly(x, raw = z)", "factor(x, ordered = z)", "scale(x, center = z)",
                 "scale(x, scale = z)"):  # fmt: skip
        with pytest.raises(FormulaError):
            parse_formula(f"y ~ {text}")
