"""Expressions of a study's file: values by hand at every level, and what is refused."""

from __future__ import annotations

import ast
from copy import deepcopy
from statistics import median

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import rankdata

from wemix_ref.errors import StudyError
from wemix_ref.simulate.aggregates import quantile
from wemix_ref.simulate.arithmetic import Scope, parse_expression
from wemix_ref.simulate.hierarchy import Hierarchy, Variable

# two schools of 2 and 1 classes of 2, 3 and 1 pupils
HIERARCHY = Hierarchy(
    ("school", "class_", "pupil"),
    (np.zeros(2, int), np.array([0, 0, 1]), np.array([0, 0, 1, 1, 1, 2])),
)
X = np.array([3.0, 1.0, 4.0, 1.5, 9.0, 2.6])
Z = np.array([0.5, -2.0, 7.0])
U = np.array([1.0, -1.0])
B = np.array([1, 0, 0, 1, 1, 0])
SCOPE = Scope(
    HIERARCHY,
    {"x": Variable(2, X), "z": Variable(1, Z), "u": Variable(0, U), "b": Variable(2, B)},
    {"k": 2, "on": True, "kind": "one"},
)
CLASSES = (X[:2], X[2:5], X[5:])


def value(text, level):
    return parse_expression(text).evaluate(SCOPE, level)


@pytest.mark.parametrize(
    ("text", "level", "expected"),
    [
        ("x + k * u", 2, X + 2 * np.array([1, 1, 1, 1, 1, -1])),
        ("-z ** 2", 1, -(Z**2)),
        ("z // 2 + z % 2 - z / 4", 1, [0.25 * 1.5, -1.0 + 0.5, 3.0 + 1.0 - 1.75]),
        ("2 ** -1", 0, [0.5, 0.5]),
        ("b + b", 2, B * 2),
        ("on + on", 0, [2, 2]),
        ("exp(log(x)) - sqrt(x * x) + abs(u)", 2, np.ones(6)),
        ("logit(expit(z))", 1, Z),
        ("sin(u) ** 2 + cos(u) ** 2", 0, [1, 1]),
        ("floor(z / 4) + ceil(z / 4)", 1, [1, -1, 3]),
        ("round(z)", 1, [0, -2, 7]),
        ("where(x > 2 and not b, u, 10)", 2, [10, 10, 1, 10, 10, -1]),
        ("min(x, 2, z)", 2, np.minimum(np.minimum(X, 2), Z[[0, 0, 1, 1, 1, 2]])),
        ("max(u, 0)", 0, [1, 0]),
        ("index", 1, [0, 1, 2]),
        ("position", 2, [0, 1, 0, 1, 2, 0]),
        ("position", 0, [0, 1]),
        ("mean(x)", 1, [part.mean() for part in CLASSES]),
        ("mean(x)", 0, [X[:5].mean(), 2.6]),
        ("mean(x)", 2, [X.mean()] * 6),
        ("mean(u)", 2, [0.0] * 6),
        ("sum(x)", 1, [part.sum() for part in CLASSES]),
        ("sd(x, by=school)", 2, "refused"),
        ("var(z + x)", 0, "refused"),
        ("median(x)", 1, [2.0, 4.0, 2.6]),
        ("quantile(x, 0.25)", 0, np.quantile(X[:5], 0.25) * np.array([1, 0]) + [0, 2.6]),
        ("quantile(x, k / 4)", 1, [2.0, 4.0, 2.6]),
        ("mean(x, by=school)", 1, [X[:5].mean()] * 2 + [2.6]),
        ("mean(x, by=school)", 0, [X[:5].mean(), 2.6]),
        ("mean(x, by=class_)", 2, np.repeat([2.0, 14.5 / 3, 2.6], [2, 3, 1])),
        ("mean(mean(x))", 1, [np.mean([2.0, 14.5 / 3, 2.6])] * 3),
        ("mean(mean(x, by=class_))", 0, [np.mean([2.0, 14.5 / 3]), 2.6]),
        ("mean(x - mean(x))", 1, [part.mean() - X.mean() for part in CLASSES]),
        ("median(max(mean(x), z))", 1, [4.833333333333333] * 3),
        ("rank(x)", 2, [4, 1, 5, 2, 6, 3]),
        ("rank(x, by=class_)", 2, [2, 1, 2, 1, 3, 1]),
        ("rank(b)", 2, [5, 2, 2, 5, 5, 2]),
        ("rank(b, by=class_)", 2, [2, 1, 1, 2.5, 2.5, 1]),
        ("standardise(x)", 2, (X - X.mean()) / X.std(ddof=1)),
        ("standardise(u)", 1, np.array([1, 1, -1]) / np.sqrt(2)),
        ("count()", 0, [2, 1]),
        ("count()", 1, [2, 3, 1]),
        ("count(pupil)", 0, [5, 1]),
        ("count(pupil)", 2, [6] * 6),
        ("count(by=school)", 2, [5] * 5 + [1]),
        ("count(pupil, by=school)", 1, [5, 5, 1]),
        ("mean(x) * count()", 1, [part.sum() for part in CLASSES]),
        ("3", 1, [3, 3, 3]),
        ("1_000 + 1e3", 0, [2000, 2000]),
        ("x +\n  1", 2, X + 1),
    ],
)
def test_values_by_hand(text, level, expected):
    if isinstance(expected, str):
        with pytest.raises(StudyError, match="must be finite for every"):
            value(text, level)
        return
    found = value(text, level)
    assert found.dtype == np.float64
    np.testing.assert_allclose(found, expected, rtol=1e-14, atol=1e-14)


@pytest.mark.parametrize(
    ("text", "level", "expected"),
    [
        ("1 < z <= 7", 1, [False, False, True]),
        ("x in (1, 9.0)", 2, [False, True, False, False, True, False]),
        ("x not in [1, 9.0]", 2, [True, False, True, True, False, True]),
        ("kind == 'one' and on", 0, [True, True]),
        ("kind in ('two', 'three') or u < 0", 0, [False, True]),
        ("'one' != kind", 0, [False, False]),
        ("where(u > 0, on, not on)", 0, [True, False]),
        ("u == 1 or u == -1", 0, [True, True]),
        ("not b", 2, [False, True, True, False, False, True]),
    ],
)
def test_truth_values(text, level, expected):
    found = value(text, level)
    assert found.dtype == np.bool_
    assert found.tolist() == expected


def test_median_over_groups_of_the_variance_within_each():
    """At the groups' level, an aggregate in an aggregate is over what the inner one gives."""
    generator = np.random.default_rng(4)
    groups = np.repeat(np.arange(7), 5)
    e = generator.normal(size=35)
    scope = Scope(Hierarchy(("g", "i"), (np.zeros(7, int), groups)), {"e": Variable(1, e)}, {})
    within = [e[groups == g].var(ddof=1) for g in range(7)]
    np.testing.assert_allclose(parse_expression("var(e)").evaluate(scope, 0), within, rtol=1e-13)
    found = parse_expression("where(var(e) < median(var(e)), 2, 6)").evaluate(scope, 0)
    assert found.tolist() == [2.0 if one < median(within) else 6.0 for one in within]


@pytest.mark.parametrize(
    ("text", "level", "message"),
    [
        ("y + 1", 2, r"`y \+ 1`, column 1: `y` is not known here; known are b, index, k"),
        ("x", 1, r"`x` belongs to `pupil`, which is below `class_`.*mean\(x\)"),
        (
            "log(x - 1)",
            2,
            r"must be finite for every `pupil`; it is not for 1 of 6 \(first: unit 1",
        ),
        ("var(x)", 1, r"not for 1 of 3 \(first: unit 2, nan\).*a variance \(one unit\)"),
        ("1 / 0", 0, r"must be finite; it is inf"),
        ("log(u) > 0", 0, r"must be finite here; 1 of 2 are not"),
        ("median(1 / (x - 1))", 0, r"column 8: must be finite here; 1 of 6"),
        ("kind + 1", 0, r"needs a number; found the text 'one'"),
        ("kind", 0, r"must give a number; it gives the text 'one'"),
        ("kind == 1", 0, r"cannot be compared"),
        ("kind < 'two'", 0, r"only beside ==, != and in"),
        ("not z", 1, r"column 5: needs true or false \(1 or 0\); found 0.5"),
        ("where(z, 1, 2)", 1, r"column 7: needs true or false"),
        ("rank(x)", 1, r"gives each `pupil` a number.*stands at `class_`"),
        ("mean(x, by=town)", 2, r"`town` must be a level; there are school, class_, pupil"),
        ("mean(x, by=class_)", 0, r"by=class_ is below `school`"),
        ("mean(u, by=school)", 1, r"must be above the level of what is taken"),
        ("quantile(x, 2)", 0, r"one number from 0 to 1; found 2.0"),
        ("quantile(x, u)", 0, r"found a value for each unit"),
        ("count()", 2, r"there are none"),
    ],
)
def test_values_that_do_not_exist_are_refused(text, level, message):
    with pytest.raises(StudyError, match=message):
        value(text, level)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "must be an expression"),
        ("1 +", "Python's parser says at column"),
        ("x = 1", "must be an expression"),
        ("1in x", "must be an expression"),
        ("__import__('os')", "the functions are abs"),
        ("x.real", "column 1: Attribute has no place"),
        ("2 * x[0]", "column 5: Subscript has no place"),
        ("mean.__class__(x)", "the functions are"),
        ("lambda: 1", "Lambda has no place"),
        ("[x for x in y]", "ListComp has no place"),
        ("(x := 1)", "NamedExpr has no place"),
        ("f'{x}'", "JoinedStr has no place"),
        ("x if b else 1", r"IfExp has no place.*where\("),
        ("x & b", "write `and`"),
        ("~b", "write `not`"),
        ("x is 1", "write =="),
        ("x in y", r"after `in` a list must stand"),
        ("1 < x in (1, 2)", "cannot be chained"),
        ("'text'", "a text may stand only beside"),
        ("'a' + 'b'", "a text may stand only beside"),
        ("3j", "3j is no number"),
        ("None", "None is no number"),
        ("1e999 + 10 ** 400 + 1" + "0" * 400, "too large"),
        ("min(x)", r"two or more, unit by unit; over units take quantile\(x, 0\)"),
        ("where(x, 1)", r"where\(\) takes 3 argument\(s\); found 2"),
        ("log(x, 2)", r"takes 1 argument"),
        ("log(x=2)", r"log\(\) takes no named argument"),
        ("mean(x, over=school)", "by=<level>"),
        ("mean(x, by=1)", "takes the name of a level"),
        ("count(1)", "the name of a level"),
        ("mean(*x)", "Starred has no place"),
        ("x # y", "leave comments to YAML"),
        ("-" * 300 + "1", "nested more than"),
        ("(" * 500 + "1" + ")" * 500, "must be an expression"),
        ("1" * 2001, "may have 2000 characters; found 2001"),
        ("é + x.y", "column 5: Attribute"),
    ],
)
def test_what_is_not_on_the_list_is_refused(text, message):
    with pytest.raises(StudyError, match=message):
        parse_expression(text)


@pytest.mark.parametrize("content", [float("nan"), float("inf"), None, [1]])
def test_what_is_no_expression_is_refused(content):
    with pytest.raises(StudyError, match="a text or a finite number"):
        parse_expression(content)


def test_names_are_those_of_variables_and_parameters():
    found = parse_expression("mean(x, by=school) + index * k + count(pupil) + exp(z)")
    assert found.names == {"x", "k", "z"}


def test_numbers_without_units():
    assert parse_expression("k ** 3").number({"k": 2}) == 8.0
    assert parse_expression(True).number({}) == 1.0
    assert parse_expression(0.1).number({}) == 0.1
    for text in ("index", "count()", "mean(1)", "x", "count(by=school)"):
        assert parse_expression(text).uses_units({"k"})
        with pytest.raises(StudyError, match=r"parameters alone \(parameters: k\)"):
            parse_expression(text).number({"k": 1})
    assert not parse_expression("where(k > 1, k, 2)").uses_units({"k"})


def test_an_expression_is_equal_by_its_text_and_can_be_sent_to_another_process():
    """Copies are made as for another process: from the text."""
    one = parse_expression("x + k")
    twin = deepcopy(one)
    assert twin is not one
    assert twin == one != parse_expression("x + z")
    np.testing.assert_array_equal(twin.evaluate(SCOPE, 2), X + 2)


@given(
    st.lists(st.tuples(st.integers(0, 4), st.integers(-3, 3)), min_size=1, max_size=40),
    st.floats(0, 1),
)
def test_quantiles_and_ranks_of_groups_are_those_of_each_alone(pairs, p):
    group, x = (np.array(one) for one in zip(*sorted(pairs, key=lambda pair: pair[0]), strict=True))
    _, group = np.unique(group, return_inverse=True)
    n = group.max() + 1
    found = quantile(x.astype(float), group, n, p)
    np.testing.assert_allclose(
        found, [np.quantile(x[group == g], p) for g in range(n)], rtol=1e-12, atol=1e-12
    )
    hierarchy = Hierarchy(("g", "i"), (np.zeros(n, int), group))
    scope = Scope(hierarchy, {"x": Variable(1, x)}, {})
    ranks = parse_expression("rank(x, by=g)").evaluate(scope, 1)
    expected = np.concatenate([rankdata(x[group == g]) for g in range(n)])
    np.testing.assert_array_equal(ranks, expected)


def _trees(names):
    leaf = st.sampled_from([*names, "1", "2.5"])
    return st.recursive(
        leaf,
        lambda inner: st.one_of(
            st.tuples(inner, st.sampled_from("+-*"), inner).map(lambda t: f"({t[0]}{t[1]}{t[2]})"),
            inner.map(lambda t: f"-({t})"),
            st.tuples(inner, inner).map(lambda t: f"max({t[0]}, {t[1]})"),
        ),
        max_leaves=12,
    )


@given(_trees(["a", "b"]))
def test_arithmetic_is_pythons(text):
    """Python's own evaluation of texts that this test itself puts together is the oracle."""
    names = {"a": 0.75, "b": -1.5}
    expected = eval(compile(ast.parse(text, mode="eval"), "", "eval"), {"max": max, **names})  # noqa: S307
    assert parse_expression(text).number(names) == expected
