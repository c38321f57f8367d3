"""A study's results in order, summed up: targets, failures, ranges, pairs, printed numbers."""

from __future__ import annotations

import re

import pandas as pd
import pytest

from tests.unit import study_example as example
from tests.unit.study_page import Reader, view_of, write
from wemix_ref.report.studies import describe
from wemix_ref.report.studies.describe import recipes_of
from wemix_ref.report.studies.numbers import with_error
from wemix_ref.report.studies.published import published_lines
from wemix_ref.report.studies.summary import failures, ranges, replicates_done, targets
from wemix_ref.report.studies.tables import fits_table, paired_table, parameter_tables
from wemix_ref.report.studies.view import study_view
from wemix_ref.simulate.published import PrintedMedian


@pytest.fixture(scope="module")
def large():
    return view_of({**example.large_study(), "replicates": 40})


def test_analyses_and_parameters_have_the_order_of_the_file(large):
    assert large.analyses == ("unweighted", "all-effective", "all-size", "total", "level-1")
    assert large.parameters == tuple(example.PARAMETERS)
    shuffled = large.performance.iloc[::-1]
    again = view_of(dict(large.text), performance=shuffled)
    assert again.parameters == large.parameters
    assert set(again.analyses[1:3]) == {"all-size", "all-effective"}
    assert (again.analyses[0], again.analyses[-2:]) == ("unweighted", ("total", "level-1"))


def test_scenarios_are_those_of_the_runner():
    study = {**example.small_study(), "factors": {"a": [True, False], "b": [0.5]}}
    rows = example.replicates({**study, "factors": {}}, 0, n=20)
    performance = example.measures(rows.assign(scenario="a-true_b-0.5"))
    view = study_view(study, "s", performance, example.pairs(performance), {}, None)
    assert [one.name for one in view.scenarios] == ["a-true_b-0.5", "a-false_b-0.5"]
    assert [one.label for one in view.scenarios] == ["a yes", "a no"]
    assert view.scenarios[0].parameters == {"strength": 0.5, "a": True, "b": 0.5}


def test_targets_are_values_or_means_with_spread():
    view = view_of(example.small_study())
    (line,) = targets(view)
    assert line.values == ("0", "0.5", "1", "1", "2.25")
    study = {**example.large_study(), "replicates": 30}
    lines = targets(view_of(study))
    assert len(lines) == 12
    rows = example.replicates(study, 0).dropna(subset=["parameter"])
    drawn = rows[rows["parameter"] == "x"].drop_duplicates("replicate")["target"]
    value, spread = re.fullmatch(r"(\S+) \(SD (\S+)\)", lines[0].values[1]).groups()
    assert float(value) == pytest.approx(drawn.mean(), abs=1e-3)
    assert float(spread) == pytest.approx(drawn.std(), rel=0.05)


def test_a_target_counts_once_a_replicate():
    study = example.small_study()
    rows = example.replicates(study, 0, n=3)
    rows = rows[rows["status"] == "ok"].copy()
    rows["target"] = rows["replicate"].astype(float)
    rows = rows[(rows["analysis"] == "unweighted") | (rows["replicate"] == 0)]
    (line,) = targets(view_of(study, rows_by_scenario={"main": rows}))
    assert line.values[1] == "1.0 (SD 1.0)"


def test_failed_fits_are_counted_by_replicate():
    study = example.small_study()
    rows = example.replicates(study, 0)
    view = view_of(study, rows_by_scenario={"main": rows})
    lines = failures(view)
    failed = rows[rows["status"] == "failed"].groupby("analysis").size()
    assert {one.analysis: one.replicates for one in lines} == failed.to_dict()
    assert all(one.message == "the sample must have two schools" for one in lines)
    assert replicates_done(view) == (300, 300)
    rates = dict(fits_table(view).groups[0].rows)
    for analysis, count in failed.items():
        assert float(rates[analysis][1].value) == pytest.approx(100 * count / 300, abs=0.01)


def test_ranges_are_over_scenarios_with_the_errors_of_their_ends(large):
    line = next(one for one in ranges(large) if (one.parameter, one.fit) == ("z", "total"))
    every = [large.measured(s.name, "total", "z", "bias") for s in large.scenarios]
    every = sorted(every, key=lambda one: one.estimate)
    assert line.bias.ends == tuple(with_error(one.estimate, one.mcse) for one in every[::11])
    fewest, most = (pick(one.n for one in every) for pick in (min, max))
    assert fewest < most
    assert line.bias.n == f"{fewest}–{most}"
    (recipe,) = line.recipes
    cover = [large.measured(s.name, "total", "z", "coverage") for s in large.scenarios]
    least = min(cover, key=lambda one: one.estimate)
    assert recipe.coverage.ends[0] == with_error(least.estimate, least.mcse, 100.0)
    assert recipe.recipe == "wemix"


def test_bias_stands_once_a_fit_and_coverage_once_a_recipe(tmp_path):
    study = {**example.small_study(), "factors": {"size": [5, 10]}, "replicates": 30}
    study["analyses"] = {"w": {}}
    given = example.everything(study)
    names = {"w-sas": None, "w-model": 0.0}
    frames = [given["performance"].assign(analysis=one) for one in names]
    frames[1].loc[frames[1]["measure"] == "coverage", "n"] = 7
    study["analyses"] = {"w": {"weights": "all", "se": list(names), "label": "weighted"}}
    study["analyses"]["w"]["se"] = ["sas", "model"]
    view = view_of(study, **{**given, "performance": pd.concat(frames, ignore_index=True)})
    lines = ranges(view)
    assert [(one.parameter, one.fit) for one in lines] == [(p, "weighted") for p in view.parameters]
    first = lines[0]
    assert [(one.recipe, one.coverage.n) for one in first.recipes] == [
        ("sas", first.bias.n),
        ("model", "7"),
    ]
    given["performance"] = view.performance
    given["study_yaml"] = study
    words = Reader(write(study, tmp_path, **given)).text
    part = words[words.index("Least to largest.") : words.index("Tables by parameter")]
    told = [f"{one.value} ({one.error}".replace("-", "−") for one in first.bias.ends]
    assert [part.count(one) for one in told] == [1, 1]


def test_tables_say_how_many_replicates_are_behind_them_and_bias_once():
    study = {**example.small_study(), "replicates": 30, "analyses": {"w": {}}}
    given = example.everything(study)
    frames = [given["performance"].assign(analysis=one) for one in ("w-sas", "w-model")]
    frames[1].loc[frames[1]["measure"] == "coverage", "n"] = 7
    pairs = given["performance"][given["performance"]["measure"] == "bias"]
    pairs = pairs.assign(analysis="w-sas", reference="w-model", measure="bias_difference", n=19)
    study["analyses"] = {"w": {"weights": "all", "se": ["sas", "model"], "label": "weighted"}}
    view = view_of(study, performance=pd.concat(frames, ignore_index=True), paired=pairs)
    n = view.measured("main", "w-sas", "x", "bias").n
    assert n not in (7, 19)
    tables = {one.name.partition("-")[0]: one for one in parameter_tables(view, "x")}
    assert {one.heads[-1] for one in tables.values()} == {"n"}
    assert [(label, row[-1].value) for label, row in tables["bias"].groups[0].rows] == [
        ("weighted", str(n))
    ]
    assert [(label, row[-1].value) for label, row in tables["coverage"].groups[0].rows] == [
        ("weighted, sas", str(n)),
        ("weighted, model", "7"),
    ]
    table = paired_table(view)
    assert (table.heads[-1], table.groups[0].rows[0][1][-1].value) == ("n", "19")


RECIPES = {
    "plain": {},
    "all": {"weights": "all"},
    "p": {"weights": "precision"},
    "some": {"weights": "all", "scale": ["gk", "size"], "se": ["sas", "mplus"]},
    "one": {"se": "stata"},
    "r": {"weights": "all", "engine": "lme4-weighted"},
    "lme4": {"engine": "lme4"},
    "w": {"weights": "all", "engine": "wemix"},
    "by-name": {"weights": "all", "se": "$recipe", "engine": "$who"},
    "names": {"weights": "all", "se": ["$recipe", "sas"]},
}


def test_recipes_are_those_of_the_analyses_that_are_run():
    text = {**example.small_study(), "analyses": RECIPES}
    one = {"recipe": "wemix", "who": "python"}
    found = recipes_of(text, [one, one])
    assert {name: recipes for name, recipes in found.items() if "-" not in name} == {
        "plain": ("model",),
        "all": ("wemix",),
        "p": ("model",),
        "one": ("stata",),
        "r": ("model",),
        "lme4": ("model",),
        "w": ("wemix",),
    }
    assert (found["some-gk-mplus"], found["some-size-sas"]) == (("mplus",), ("sas",))
    assert (found["by-name"], found["names-wemix"]) == (("wemix",), ("wemix",))
    both = recipes_of(text, [one, {"recipe": "model", "who": "lme4-weighted"}])
    assert both["by-name"] == ("wemix", "model")
    assert (both["names-wemix"], both["names-model"]) == (("wemix",), ("model",))


def test_the_tables_say_the_recipe_that_is_run():
    study = example.small_study()
    study["parameters"] = {"strength": 0.5, "recipe": "stata"}
    study["analyses"] = {
        "unweighted": {"se": "$recipe"},
        "all": {"weights": "all", "engine": "lme4-weighted"},
    }
    lines = describe.analysis_lines(study)
    assert lines[1].se[0].startswith("model: ")
    assert {(one.fit, one.recipes[0].recipe) for one in ranges(view_of(study))} == {
        ("unweighted", "stata"),
        ("all", "model"),
    }


def test_pairs_stand_against_their_reference(large):
    table = paired_table(large)
    assert table.groups[0].rows[0][0] == "unweighted against all weights, effective"
    assert len(table.groups) == 12 * 5
    assert paired_table(large, "total") is None


def test_printed_medians_stand_beside_ours(tmp_path):
    study = example.small_study()
    study["published"] = {"scenario": "main", "scale": 100}
    medians = [
        PrintedMedian("Stata gk", "x", "all", "x", "-.7", -0.5, 0.05, 2.5),
        PrintedMedian("Stata gk", "z", "all", "z", "12", 54.5, 0.5, 40.25),
        PrintedMedian("pairwise", "x", None, "x", ".2", None, None, None),
    ]
    view = view_of(study)
    first, second, third = published_lines(view, medians)
    assert (first.printed, first.ours.value, first.ours.error) == ("-0.7", "-0.500", "0.050")
    assert (first.z, first.agrees, second.z, second.agrees) == ("2.5", True, "40.2", False)
    assert (third.printed, third.ours.value, third.z, third.agrees) == ("0.2", "–", "–", None)
    text = Reader(write(study, tmp_path, published=medians)).text
    assert "x all −0.7 −0.500 (0.050) 2.5 ✓ agrees" in text
    assert "z all 12 54.50 (0.50) 40.2 ✗ differs" in text
    assert "x none of ours 0.2 – – · shown" in text
