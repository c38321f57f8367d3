"""The report's section of printed numbers: counted, escaped, complete, the same each time."""

from __future__ import annotations

import re

import pytest
from jinja2 import Environment, PackageLoader, StrictUndefined

from tests.unit.test_report import EVIL, Page
from wemix_ref.published.classes import CAUSES, CLASSES
from wemix_ref.report.printed_figure import MARKS, recipes_figure
from wemix_ref.report.printed_view import CAUSE_MEANINGS, MEANINGS, RECIPES, SIGNS, printed_view


def number(quantity, key, printed, ours, verdict="equal", **others):
    return {
        "quantity": quantity,
        "key": key,
        "printed": printed,
        "ours": ours,
        "recalled": False,
        "at_printed_theta": None,
        "class": verdict,
        "gap_units": 0.25,
        "cause": "",
        "why": "",
        **others,
    }


def column(package, recipe, *numbers, above=None):
    return {
        "package": package,
        "recipe": recipe,
        "implied_theta": None if above is None else [0.5],
        "deviance_above": above,
        "numbers": list(numbers),
    }


def case(name="made-up", *columns, **others):
    return {
        "case": name,
        "title": "Made up",
        "source": "A table",
        "formula": "y ~ x + (1|g)",
        "weights": ["w1", "w2"],
        "scale": "none",
        "what": "some data",
        "skipped": "",
        "theta": [0.5],
        "columns": list(columns),
        **others,
    }


@pytest.fixture
def cases():
    return [
        case(
            "made-up",
            column(
                "WeMix",
                "wemix",
                number("beta", "x", "1.25", 1.2512),
                number("se_beta", "x", "0.50", 0.5012),
            ),
            column(
                "SAS",
                "sas",
                number("beta", "x", "1.26", 1.2512, "stopping point", at_printed_theta=1.2598),
                number(
                    "se_beta", "x", "0.60", 0.5912, "within", cause="unexplained", recalled=True
                ),
                above=2.5e-6,
            ),
            column(
                "Mplus",
                "sas",
                number("beta", "x", "9.99", 1.2512, "differs", gap_units=-873.88),
                number("se_beta", "x", "0.70", 0.5912, "explained", why="SAS prints 0.60"),
            ),
            column("HLM", None, number("beta", "x", "7.0", None, "not judged", gap_units=None)),
        ),
        case(
            "away",
            column("Stata", "stata", number("beta", "x", ".5", None, "skipped", gap_units=None)),
            skipped="Install the package.",
            theta=None,
        ),
    ]


def rendered(cases):
    environment = Environment(
        loader=PackageLoader("wemix_ref.report"), autoescape=True, undefined=StrictUndefined
    )
    return environment.get_template("printed.html.j2").render(printed=printed_view(cases))


def test_every_class_cause_and_recipe_has_its_words():
    assert set(MEANINGS) == set(SIGNS) == set(CLASSES)
    assert set(CAUSE_MEANINGS) == set(CAUSES)
    assert set(RECIPES) == {"wemix", "stata", "gllamm", "sas"}
    assert len({sign for _, sign in SIGNS.values()}) == len(CLASSES)
    assert len({mark[0] for mark in MARKS.values()}) == len(MARKS)
    assert "unexplained" in CAUSES


def test_counts_are_computed(cases):
    view = printed_view(cases)
    assert (view.n, view.n_judged, view.n_equal, view.n_differ) == (8, 6, 2, 1)
    names = [name for name, *_ in view.classes]
    assert names == list(CLASSES)
    assert view.totals == (8, 2, 1, 1, 1, 1, 1, 1)
    assert view.counts[0] == ("made-up", "WeMix", (2, 2, 0, 0, 0, 0, 0, 0))
    fewer = printed_view(cases[1:])
    assert [name for name, *_ in fewer.classes] == ["skipped"]
    assert (fewer.n_judged, fewer.totals) == (0, (1, 1))


def test_what_is_unexplained_is_listed_also_where_it_has_another_remark(cases):
    ((name, package, row),) = printed_view(cases).unexplained
    assert (name, package, row.label) == ("made-up", "SAS", "se_beta x")
    assert "noted down earlier" in row.remark


def test_the_page_shows_every_number_and_nests(cases):
    page = Page(rendered(cases))
    assert page.open == []
    text = "".join(page.text)
    for printed in ("1.25", "1.26", "9.99", "0.70", "7.0", ".5"):
        assert printed in text
    assert "8 numbers" in text
    assert "1 differ." in text
    assert "2.5e-06 above that at our optimum" in text
    assert "Skipped. Install the package." in text
    assert "−873.88" in text
    assert "SAS prints 0.60" in text
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    targets = {a["href"][1:] for _, a in page.elements if a.get("href", "").startswith("#printed")}
    assert targets <= set(ids)
    assert {"printed-made-up", "printed-away"} <= targets


def test_only_a_column_that_differs_is_open(cases):
    opened = ["open" in a for name, a in Page(rendered(cases)).elements if name == "details"]
    assert opened == [False, False, True, False, False]


def test_text_is_escaped(cases):
    evil = case(EVIL, *cases[0]["columns"], title=EVIL, source=EVIL, formula=EVIL, what=EVIL)
    evil["skipped"] = ""
    for one in evil["columns"]:
        for item in one["numbers"]:
            item["key"] = EVIL
            item["why"] = item["why"] and EVIL
    text = rendered([evil, case("b", *cases[1]["columns"], skipped=EVIL)])
    assert "<script" not in text
    assert "&lt;script&gt;" in text


def test_the_value_at_the_printed_theta_stands_where_it_says_something(cases):
    view = printed_view(cases)
    rows = {(c.package, row.label): row for c in view.cases[0].columns for row in c.rows}
    assert rows["SAS", "beta x"].there is not None
    assert rows["WeMix", "beta x"].there is None
    assert "1.25" in str(rows["SAS", "beta x"].there.short) or rows["SAS", "beta x"].there.full


def test_a_figure_needs_two_recipes_and_a_fit(cases):
    first, away = cases
    assert recipes_figure(away) is None
    one = case("one", first["columns"][0])
    assert recipes_figure(one) is None
    assert recipes_figure(case("no-base", *first["columns"][1:3])) is None
    assert recipes_figure({**first, "skipped": "not here"}) is None
    figure = recipes_figure(first)
    assert figure == recipes_figure(first)
    assert figure != recipes_figure(first, narrow=True)


def test_names_with_dollar_signs_are_no_formulas(cases):
    for one in cases[0]["columns"][:2]:
        for item in one["numbers"]:
            item["key"] = "a$b_$c"
    for narrow in (False, True):
        assert "a$b_$c" in str(recipes_figure(cases[0], narrow=narrow))


def test_the_figure_tells_what_it_shows(cases):
    figure = recipes_figure(cases[0])
    assert figure is not None
    told = re.search(r"<desc[^>]*>(.*?)</desc>", str(figure))[1]
    # SAS 0.5912 over WeMix 0.5012; printed 0.60 is 1.8 percent of 0.5012 off, the misprint apart
    assert "1 standard errors. By recipe they differ by up to 18.0 percent (x, SAS)" in told
    assert "at most 1.8 percent, misprints apart" in told


def test_packages_stand_side_by_side_with_ours_below_theirs(cases):
    view = printed_view(cases)
    side = view.cases[0].side
    # HLM is not judged, and stands alone
    assert [package for package, _ in side.packages] == ["WeMix", "SAS", "Mplus"]
    assert [recipe for _, recipe in side.packages] == [RECIPES[r] for r in ("wemix", "sas", "sas")]
    assert [label for label, _ in side.rows] == ["beta x", "se_beta x"]
    assert [row.verdict for row in side.rows[1][1]] == ["equal", "within", "explained"]
    assert view.cases[1].side is None  # skipped
    text = rendered(cases)
    (table,) = re.findall(r'<caption id="printed-made-up-side">.*?</table>', text, re.DOTALL)
    assert "3 packages side by side" in table
    for printed in ("1.25", "1.26", "9.99", "0.50", "0.60", "0.70"):
        assert printed in re.sub(r"<[^>]*>", "", table)
    assert "7.0" not in table
    assert table.count("<br>") == 6


def test_a_number_that_one_package_alone_prints_is_a_dash_elsewhere(cases):
    cases[0]["columns"][0]["numbers"].append(number("wald", "", "3.5", 3.5))
    side = printed_view(cases).cases[0].side
    label, cells = side.rows[-1]
    assert label == "wald"
    assert [row is None for row in cells] == [False, True, True]
    one = case("one", cases[0]["columns"][0])
    assert printed_view([one]).cases[0].side is None


def test_causes_are_counted_and_a_fitted_one_is_called_fitted(cases):
    cases[0]["columns"][1]["numbers"].append(
        number("variance", "g", "2.0", 2.1, "within", cause="rounded variances")
    )
    assert [(name, n) for name, _, n in printed_view(cases).causes] == [
        ("rounded variances", 1),
        ("unexplained", 1),
    ]
    text = rendered(cases)
    assert "<b>rounded variances</b>, 1: fitted after the fact: " in text
    assert "truncation" not in text
    assert printed_view(cases[1:]).causes == ()
