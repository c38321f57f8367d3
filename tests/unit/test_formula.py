"""Formula text to terms: what is read, what it becomes, and what is refused where."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from wemix_ref.errors import FormulaError
from wemix_ref.formula import format_number, parse_formula, parse_one_sided
from wemix_ref.formula.terms import MAX_TERMS


def fixed(right: str) -> tuple[bool, tuple[str, ...]]:
    terms = parse_formula(f"y ~ {right}").fixed
    return terms.intercept, terms.labels


def bars(right: str) -> list[tuple[bool, tuple[str, ...], str]]:
    parsed = parse_formula(f"y ~ {right}").bars
    return [(bar.terms.intercept, bar.terms.labels, bar.group_name) for bar in parsed]


@pytest.mark.parametrize(
    ("right", "intercept", "labels"),
    [
        ("a*b", True, ("a", "b", "a:b")),
        ("a/b", True, ("a", "a:b")),
        ("(a + b)/c", True, ("a", "b", "a:b:c")),
        ("(a + b + c)^2", True, ("a", "b", "c", "a:b", "a:c", "b:c")),
        ("b:a + a", True, ("a", "b:a")),
        ("a %in% b", True, ("a:b",)),
        ("a*b*c - a:b:c", True, ("a", "b", "c", "a:b", "a:c", "b:c")),
        ("a*b - a", True, ("b", "a:b")),
        ("a + a:b + b:a + a", True, ("a", "a:b")),
        ("a - 1", False, ("a",)),
        ("a - 0", True, ("a",)),
        ("0 + a", False, ("a",)),
        ("0 + a + 1", True, ("a",)),
        ("a - (b - a)", True, ("a",)),
        ("a - (1 + b)", False, ("a",)),
        ("-(-1) + a", True, ("a",)),
        ("x:1", True, ()),
        ("1*x", True, ()),
        ("x*1", True, ("x",)),
        ("I( x ^2)+log( x+1 )", True, ("I(x^2)", "log(x + 1)")),
        ("poly(x,2,raw=TRUE)", True, ("poly(x, 2, raw = TRUE)",)),
        ("I(x**2) + I(x*1e5)", True, ("I(x^2)", "I(x * 1e+05)")),
        ("`a b` + log(`a b`)", True, ("`a b`", "log(`a b`)")),
        ("größe + x.1 + .y_2", True, ("größe", "x.1", ".y_2")),
        ("x > 0 & z == 1", True, ("x > 0 & z == 1",)),
        ("!b + x", True, ("!b + x",)),
        (
            "factor(x, c(1, 2)) + ordered(z, c(2, 1))",
            True,
            ("factor(x, c(1, 2))", "ordered(z, c(2, 1))"),
        ),
        ("I(2^-x)", True, ("I(2^-x)",)),
        ("I(x + log(2))", True, ("I(x + log(2))",)),
        ("(a + b)^1e9", True, ("a", "b", "a:b")),
    ],
)
def test_term_algebra_is_that_of_r(right: str, intercept: bool, labels: tuple[str, ...]) -> None:
    assert fixed(right) == (intercept, labels)


def test_without_a_fixed_part_there_is_the_intercept() -> None:
    for text in ("(1|g)", "1 + (x|g)", "(1|g) + (x|h)"):
        assert fixed(text) == (True, ())
    assert fixed("0 + (1|g)") == (False, ())


def test_a_million_pairs_may_be_crossed() -> None:
    names = [f"x{i}" for i in range(10)]
    gone = [*names, *(f"x0:x{i}" for i in range(1, 10)), "x1:x2", "x1:x3", "x1:x4", "x1:x5"]
    thousand = f"({'*'.join(names)} - {' - '.join(gone)})"
    assert len(fixed(thousand)[1]) == 1000
    assert 1000 <= len(fixed(f"{thousand}:{thousand}")[1]) <= 1023
    with pytest.raises(FormulaError, match="at most 2000 terms"):
        parse_formula(f"y ~ {thousand}:({thousand} + z)")


def test_offsets_are_no_terms() -> None:
    terms = parse_formula("y ~ x + offset(log(z)) + offset(w) + (1|g)").fixed
    assert terms.labels == ("x",)
    assert len(terms.offsets) == 2


@pytest.mark.parametrize(
    ("right", "expected"),
    [
        ("(1|g)", [(True, (), "g")]),
        ("(x - 1|g)", [(False, ("x",), "g")]),
        ("(x||g)", [(True, (), "g"), (False, ("x",), "g")]),
        ("(0 + x||g)", [(False, ("x",), "g")]),
        ("(x*f||g)", [(True, (), "g"), *((False, (t,), "g") for t in ("x", "f", "x:f"))]),
        ("(1|a/b)", [(True, (), "b:a"), (True, (), "a")]),
        ("(1|a/b/c)", [(True, (), "c:(b:a)"), (True, (), "b:a"), (True, (), "a")]),
        ("(1|a/b:c)", [(True, (), "b:c:a"), (True, (), "a")]),
        ("(1|a/(b:c))", [(True, (), "(b:c):a"), (True, (), "a")]),
        ("(x|a/b)", [(True, ("x",), "b:a"), (True, ("x",), "a")]),
        (
            "(x||a/b)",
            [(True, (), "b:a"), (True, (), "a"), (False, ("x",), "b:a"), (False, ("x",), "a")],
        ),
        ("(1|a:b)", [(True, (), "a:b")]),
        ("(1|my.g/`the class`)", [(True, (), "`the class`:my.g"), (True, (), "my.g")]),
        ("(1|`the class`)", [(True, (), "the class")]),
        ("(1|factor(g))", [(True, (), "factor(g)")]),
        ("(1|as.factor(g):ordered(h))", [(True, (), "as.factor(g):ordered(h)")]),
        ("(x + (1|g))", [(True, (), "g")]),
        ("(1|(a:b):c)", [(True, (), "(a:b):c")]),
        ("(1|a:(b:c))", [(True, (), "a:(b:c)")]),
        ("(1|g) + x + (0 + z|h)", [(True, (), "g"), (False, ("z",), "h")]),
        ("((1|g))", [(True, (), "g")]),
        ("x", []),
    ],
)
def test_bars_are_those_of_lme4(right: str, expected: list) -> None:
    assert bars(right) == expected


def test_groups_are_in_the_order_of_their_name() -> None:
    for text in ("(1|(a:b):c)", "(1|a:(b:c))", "(1|a:b:c)"):
        (bar,) = parse_formula(f"y ~ 1 + {text}").bars
        assert tuple(factor.name for factor in bar.group) == ("a", "b", "c")
    lowest, middle, top = parse_formula("y ~ 1 + (1|a/b/c)").bars
    names = [tuple(factor.name for factor in bar.group) for bar in (lowest, middle, top)]
    assert names == [("c", "b", "a"), ("b", "a"), ("a",)]


def test_variables_are_columns_in_order_with_the_response_first() -> None:
    formula = parse_formula("log(y + u) ~ x*log(z) - w + offset(o) + (a:x||g/h)")
    assert formula.variables() == ("y", "u", "x", "z", "w", "o", "a", "g", "h")


@pytest.mark.parametrize(
    ("text", "rewritten"),
    [
        ("y~x*a+(x|g/h)", "y ~ x * a + (x | g/h)"),
        ("y~(1|g)", "y ~ 1 + (1 | g)"),
        ("y ~ x - 1 + (x||`g 1`)", "y ~ x - 1 + (1 | `g 1`) + (0 + x | `g 1`)"),
        ("y ~ x + (1|factor(g))", "y ~ x + (1 | factor(g)) + g - g"),
        ("y ~ g + (1|factor(g))", "y ~ g + (1 | factor(g))"),
        ("`a``b` ~ x", None),
        (r"`a\`b\\` ~ größe + (1|g)", r"`a\`b\\` ~ `größe` + (1 | g)"),
        ('y ~ I(a == "p\\"; q") + (1|g)', 'y ~ I(a == "p\\"; q") + (1 | g)'),
        ("y ~ I(x * 0.1000000000000000055) + (1|g)", "y ~ I(x * 0.1) + (1 | g)"),
        ("y ~ I(x * 0.30000000000000004)", "y ~ I(x * 0.30000000000000004)"),
        ("y ~ (1|g) + x + !b", "y ~ (x + !b) + (1 | g)"),
        ("y ~ (1|g) + (x > 0)", "y ~ (x > 0) + (1 | g)"),
        ("y ~ `log`(x) + `if`", "y ~ log(x) + `if`"),
        ("y ~ (x + (1|g))", "y ~ (x) + (1 | g)"),
        ("y ~ x & z", "y ~ (x & z)"),
        ("y ~ x + z", "y ~ x + z"),
    ],
)
def test_rewritten_text_for_r(text: str, rewritten: str | None) -> None:
    if rewritten is None:
        with pytest.raises(FormulaError):
            parse_formula(text)
        return
    assert parse_formula(text).to_r() == rewritten


def test_rewriting_twice_changes_nothing() -> None:
    first = parse_formula("y ~ a*(x + 1) - a:x + I(-x^2/3) + offset(z) + (x*f||a/b) + (1|c)")
    second = parse_formula(first.to_r())
    assert second.to_r() == first.to_r()
    assert [b.group_name for b in second.bars] == [b.group_name for b in first.bars]


def test_a_formula_can_be_pickled_and_compared() -> None:
    formula = parse_formula("y ~ x + (1|g)")
    assert pickle.loads(pickle.dumps(formula)) == formula  # noqa: S301
    assert formula != parse_formula("y ~ z + (1|g)")


# text, what the message says, position of the caret
REFUSED = [
    ("", "empty", 0),
    ("   ", "empty", 0),
    ("y", "needs a `~`", 1),
    ("y ~", "ends too early", 3),
    ("~ x + (1|g)", "needs a response", 0),
    ("y ~ x ~ z", "one `~`", 6),
    ("y ~ log(~x)", "one `~`", 8),
    ("y ~ (x + (1|g)", "closed", 4),
    ("y ~ x) + (1|g)", "without `(`", 5),
    ("y ~ ()", "without `(`", 5),
    ("y ~ x + + ", "too early", 10),
    ("y ~ x z", "`z` cannot stand here", 6),
    ("y ~ x 2", "understood: a number cannot stand here", 6),
    ("y ~ x 'a'", "understood: a quoted text cannot stand here", 6),
    ("y ~ x TRUE", "understood: TRUE cannot stand here", 6),
    ("y ~ x, z", "`,` cannot stand here", 5),
    ("y = x", "`=` cannot stand here", 2),
    ("y ~ x + . + (1|g)", "all other columns", 8),
    ("y ~ foo(x)", "may call only these functions: abs, as.factor", 4),
    ("y ~ I(eval(x))", "found `eval`", 6),
    ("__import__('os').system('x')", "LOW LINE", 0),
    ("y ~ x; system('ls')", "one expression", 5),
    ('y ~ system("ls")', "found `system`", 4),
    ("y ~ x + (1|system('ls'))", "found `system`", 11),
    ("system('ls') ~ x", "found `system`", 0),
    ("y ~ `x` + `system`('ls')", "found `system`", 10),
    ("y ~ base::system('ls')", "package prefixes", 8),
    ("y ~ x$y", "without `$`", 5),
    ("y ~ x[1]", "indexing", 5),
    ("y ~ {x}", "blocks", 4),
    ("y ~ x # z", "comments", 6),
    ("y ~ I(x <- 1)", "assigns", 8),
    ("y ~ I(x<-1)", "assigns", 7),
    ("y ~ \\(x) x", "functions cannot be defined", 4),
    ("y ~ function(x) x", "reserved word", 4),
    ("y ~ NULL", "reserved word", 4),
    ("y ~ ...", "reserved word", 4),
    ("y ~ x %o% z", "percent", 6),
    ("y ~ x\u00a0+ z", "NO-BREAK SPACE", 5),
    ("y ~ 'x'", "must be a column", 4),
    ("y ~ x + TRUE", "must be a column", 8),
    ("y ~ x + 2", "0 or 1", 8),
    ("y ~ x + 1i", "complex", 8),
    ("y ~ 1e999", "finite", 4),
    ("y ~ `x", "closed by `", 4),
    ("y ~ ``", "must not be empty", 4),
    ("y ~ I(a == 'x\\y')", "unknown escape", 13),
    ("y ~ x^z", "power", 6),
    ("y ~ (x + z)^1", "power", 12),
    ("y ~ (x + z)^2.5", "power", 12),
    ("y ~ y + x", "response `y`", 4),
    ("log(y) ~ x*log( y )", "response `log(y)`", 11),
    ("y ~ x + (y|g)", "response `y`", 9),
    ("1 ~ x", "at least one data column", 0),
    ("poly(y, 2) ~ x", "cannot be the response", 0),
    ("offset(y) ~ x", "cannot be the response", 0),
    ("y ~ I(2)", "at least one data column", 4),
    ("y ~ I(x:z)", "`:` has no place", 7),
    ("y ~ log(x, base = z)", "must be a number", 18),
    ("y ~ log(x, base = ~2)", "must be a number", 18),
    ("y ~ log()", "needs its argument", 4),
    ("y ~ log(x, 2, 3)", "at most 2", 4),
    ("y ~ log((x, 2)", "`,` cannot stand here", 10),
    ("y ~ log(x, bse = 2)", "no argument `bse`", 11),
    ("y ~ log(x = x, x = 2)", "given twice", 15),
    ("y ~ poly(x, 2, raw = T)", "TRUE or FALSE (in full)", 21),
    ("y ~ poly(x, z, 2)", "one variable and a degree", 4),
    ("y ~ poly(x, z)", "argument `degree` of poly() must be a number", 12),
    ("y ~ poly(x, 0)", "at least 1", 12),
    ("y ~ poly(x, 1.5)", "at least 1", 12),
    ("y ~ log(poly(x, 2))", "must stand alone", 8),
    ("y ~ I(offset(z))", "must stand alone", 6),
    ("y ~ x*offset(z)", "must be added", 6),
    ("y ~ offset(z)*x", "must be added", 4),
    ("y ~ x + -(-offset(z))", "must be added", 11),
    ("y ~ x + offset(w:z)", "`:` has no place", 16),
    ("y ~ offset(z):x + w", "must be added", 4),
    ("y ~ (x + offset(z))*w", "must be added", 9),
    ("y ~ w + (x - offset(z))", "must be added", 13),
    ("y ~ x - offset(z)", "must be added", 8),
    ("y ~ pmin(x, na.rm = TRUE)", "no named argument", 12),
    ("y ~ pmax()", "at least one argument", 4),
    ("y ~ I(c(1, 2) + x)", "c() may stand only", 6),
    ("y ~ factor(x, levels = c(1, 'a'))", "alone", 23),
    ("y ~ factor(x, levels = c(1, 1))", "repeats itself", 23),
    ("y ~ factor(x, labels = c('a', 'b'))", "same length", 23),
    ("y ~ factor(x, levels = z)", "must be c(...)", 23),
    ("y ~ ordered(x, levels = c(1, 1))", "repeats itself", 24),
    ("y ~ ordered(x, levels = z)", "must be c(...)", 24),
    ("y ~ log(x, 2, base = 3)", "at most 2", 4),
    ("y ~ factor(x:z)", "`:` has no place", 12),
    ("y ~ factor(c(x, z))", "numbers alone", 11),
    ("y ~ I(x %in% c(1, 2) + c(1, 2))", "c() may stand only", 23),
    ("y ~ exp(c(1, 2) + x)", "c() may stand only", 8),
    ("y ~ I(x %in% z)", "%in% inside a call", 13),
    ("y ~ I(x + factor(1))", "factor() must use at least one", 10),
    ("y ~ I(x + ordered(1))", "ordered() must use at least one", 10),
    ("y ~ I(x + as.factor(1))", "as.factor() must use at least one", 10),
    ("y ~ I(x + scale(1))", "scale() must use at least one", 10),
    ("(y||g) ~ x", "no place inside a variable", 2),
    ("y ~ I(-(x:z))", "`:` has no place", 9),
    ("y ~ I((x:z) %in% c(1, 2))", "`:` has no place", 8),
    ("y ~ I('a')", "at least one data column", 4),
    ("y ~ I(x + 'a')", "quoted text", 10),
    ("y ~ I(x > 0 && z > 0)", "&", 12),
    ("y ~ I(0 < x < 1)", "do not chain", 12),
    ("y ~ x + 1|g", "brackets around it", 9),
    ("y ~ x*(1|g)", "only be added, not joined by `*`", 8),
    ("y ~ x:(1|g)", "only be added, not joined by `:`", 8),
    ("y ~ ((1|g) + x)^2", "only be added, not joined by `^`", 7),
    ("y ~ !b + (1|g)", "not put under `!`", 11),
    ("y ~ x - (1|g)", "cannot be subtracted", 6),
    ("y ~ (1|g) - 1", "lose the minus", 10),
    ("y ~ (1|g) - x + z", "lose the minus", 10),
    ("y ~ I(a|b) + (1|g)", "no place inside I()", 7),
    ("y ~ log(x + (1|g))", "no place inside log()", 14),
    ("(y|g) ~ x", "no place inside a variable", 2),
    ("y ~ (1|g|h)", "one bar", 6),
    ("y ~ (x + (1|g)|h)", "one bar", 11),
    ("y ~ (|g)", "`|` cannot stand here", 5),
    ("y ~ (1|)", "`)` without", 7),
    ("y ~ (0|g)", "at least 1", 6),
    ("y ~ (1||g)", "write (1|g)", 6),
    ("y ~ (offset(z)|g)", "belongs to the fixed part", 14),
    ("y ~ (x > 0||g)", "write I(x > 0)", 5),
    ("y ~ (1|g + h)", "cannot have `+`", 9),
    ("y ~ (1|g*h)", "cannot have `*`", 8),
    ("y ~ (1|g - h)", "cannot have `-`", 9),
    ("y ~ (1|-g)", "cannot have `-`", 7),
    ("y ~ (1|g^2)", "must be columns", 8),
    ("y ~ (1|factor(x:z))", "`:` has no place", 15),
    ("y ~ (1|1)", "name the groups", 7),
    ("y ~ (1|g:h/k)", "a column only", 7),
    ("y ~ (1|(g/h))", "bracketed `/`", 9),
    ("y ~ (1|g/(h/k))", "bracketed `/`", 11),
    ("y ~ (1|log(g))", "factor() of one", 7),
    ("y ~ (1|factor(g)/h)", "a column only", 7),
    ("y ~ (1|I(g))", "factor() of one", 7),
]


@pytest.mark.parametrize(("text", "message", "place"), REFUSED, ids=[r[0] or "-" for r in REFUSED])
def test_refused_with_reason_and_place(text: str, message: str, place: int) -> None:
    with pytest.raises(FormulaError) as caught:
        parse_formula(text)
    what, shown, caret = str(caught.value).rsplit("\n", 2)
    assert message in what
    assert shown == "  " + "".join(c if c.isprintable() else " " for c in text)
    assert caret == "  " + " " * place + "^"


@pytest.mark.parametrize(
    "text",
    [
        "y ~ " + "(" * 5000 + "x" + ")" * 5000,
        "y ~ " + "-" * 5000 + "x",
        "y ~ " + "I(!" * 3000 + "x" + ")" * 3000,
        "y ~ I(" + "x^" * 3000 + "x)",
        "y ~ (1|" + "(" * 1000 + "g" + ")" * 1000 + ")",
    ],
    ids=["brackets", "minus", "calls", "powers", "group"],
)
def test_deep_nesting_is_refused_not_recursed_into(text: str) -> None:
    with pytest.raises(FormulaError, match="at most 60 levels deep"):
        parse_formula(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("y ~ " + "x+" * 20_000 + "x", "at most 20000 characters"),
        ("y ~ I(" + "x+" * 4000 + "x)", "at most 400 characters"),
        ("y ~ I(" + "x & " * 2000 + "x)", "at most 400 characters"),
        ("y ~ " + "*".join(f"x{i}" for i in range(40)), "at most 2000 terms"),
        ("y ~ (" + "+".join(f"x{i}" for i in range(300)) + ")^3", "at most 2000 terms"),
        ("y ~ " + "*".join(f"x{i}" for i in range(11)), "at most 2000 terms"),
        ("+".join("y" for _ in range(900)) + " ~ x", "at most 400 characters"),
    ],
    ids=["text", "sum", "and", "crossing", "power", "eleven", "response"],
)
def test_what_would_grow_without_bound_is_refused(text: str, message: str) -> None:
    with pytest.raises(FormulaError, match=message):
        parse_formula(text)


def test_bounds_of_terms_slashes_and_labels_are_those_told() -> None:
    crossed = "y ~ " + "*".join(f"x{i}" for i in range(10))
    more = MAX_TERMS - (2**10 - 1)
    full = crossed + "".join(f" + z{i}" for i in range(more))
    assert len(parse_formula(full).fixed.terms) == MAX_TERMS == 2000
    with pytest.raises(FormulaError, match="at most 2000 terms"):
        parse_formula(full + " + last")
    name = "x" * 395
    assert parse_formula(f"y ~ I({name}z)").variables() == ("y", f"{name}z")
    assert len(f"I({name}zz)") == 400
    assert parse_formula(f"y ~ I({name}zz)").variables() == ("y", f"{name}zz")
    with pytest.raises(FormulaError, match="at most 400 characters"):
        parse_formula(f"y ~ I({name}zzz)")
    slashes = "/".join(f"g{i}" for i in range(51))
    assert len(parse_formula(f"y ~ (1|{slashes})").bars) == 51
    with pytest.raises(FormulaError, match="at most 50 `/`; this one has 51") as caught:
        parse_formula(f"y ~ (1|{slashes}/last)")
    _, shown, caret = str(caught.value).rsplit("\n", 2)
    assert shown[caret.index("^") :].startswith("g1/")


def test_many_terms_are_read() -> None:
    text = "y ~ " + " + ".join(f"x{i}" for i in range(1500)) + " + (1|g)"
    assert len(parse_formula(text).fixed.terms) == 1500
    repeated = "y ~ " + "x + " * 4000 + "x + (1|g)"
    assert parse_formula(repeated).fixed.labels == ("x",)
    assert len(parse_formula("y ~ " + "(1|g) + " * 1000 + "x").bars) == 1000


def test_a_long_text_is_shown_around_the_place() -> None:
    with pytest.raises(FormulaError) as caught:
        parse_formula("y ~ " + " + ".join(f"x{i}" for i in range(200)) + " + foo(x)")
    _, shown, caret = str(caught.value).rsplit("\n", 2)
    assert len(shown) < 160
    assert shown[caret.index("^") :].startswith("foo(x)")


def test_a_formula_must_be_a_text() -> None:
    with pytest.raises(FormulaError, match="found int"):
        parse_formula(3)


def test_one_sided_formulas_hold_columns() -> None:
    assert parse_one_sided("~x + `a b`").labels == ("x", "`a b`")
    assert [v.name for v in parse_one_sided("~x + `a b` + x").variables] == ["x", "a b"]


@pytest.mark.parametrize(
    "text",
    [
        "x",
        "y ~ x",
        "~",
        "~ x*z",
        "~ log(x)",
        "~ x - z",
        "~ 1",
        "~~x",
        "~ x + log(z)",
        "~ log(x) + z",
        "x ~ z + w",
    ],
)
def test_other_one_sided_formulas_are_refused(text: str) -> None:
    with pytest.raises(FormulaError):
        parse_one_sided(text)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (100000.0, "1e+05"),
        (123456.0, "123456"),
        (0.1 + 0.2, "0.3"),
        (1 / 3, "0.333333333333333"),
        (1e-5, "1e-05"),
        (0.0001, "1e-04"),
        (0.001, "0.001"),
        (1234567890123456.0, "1234567890123456"),
        (3e9, "3e+09"),
        (-123456.7, "-123456.7"),
        (1.234e-5, "1.234e-05"),
        (1e100, "1e+100"),
        (2.0, "2"),
        (0.0, "0"),
        (-0.0, "0"),
        (float("nan"), "NaN"),
        (float("inf"), "Inf"),
        (float("-inf"), "-Inf"),
        (-2.5e-7, "-2.5e-07"),
        (99999.0, "99999"),
        (10000.0, "10000"),
        (120000.0, "120000"),
        (0.00012, "0.00012"),
        (1e15, "1e+15"),
    ],
)
def test_numbers_are_spelled_as_r_spells_them(value: float, text: str) -> None:
    assert format_number(value) == text


def test_any_text_gives_a_formula_or_an_error_of_ours() -> None:
    pieces = (
        *("y ~", "x", "+", "a", "b", "|", "||", "(", ")", "(", ")", "*", "/", ":", "^", "-", "!"),
        *("&", ",", "=", "==", "<", "1", "0", "2", "`my x`", "'", '"', "I(", "log(", "poly(x,"),
        *("factor(", "c(", "offset(", "(1|g)", "(x|h/g)", "%in%", ".", "1e5", "3L", "\\", "é", "`"),
    )
    rng = np.random.default_rng(3)
    read = 0
    for _ in range(30_000):
        text = "y ~ x " + " ".join(rng.choice(pieces, rng.integers(1, 7)))
        try:
            formula = parse_formula(text)
        except FormulaError:
            continue
        read += 1
        again = parse_formula(formula.to_r())
        assert again.to_r() == formula.to_r(), text
        assert again.fixed.labels == formula.fixed.labels, text
        assert [b.group_name for b in again.bars] == [b.group_name for b in formula.bars], text
    assert read > 200
