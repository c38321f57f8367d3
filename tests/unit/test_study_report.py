"""The page of a study: everything a reader needs, true to the study, whole or not at all."""

from __future__ import annotations

import math
import re
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest

from tests.unit import study_example as example
from wemix_ref.errors import StudyError
from wemix_ref.inference import RECIPES
from wemix_ref.report.studies import (
    describe,
    wording,
    write_studies_index,
    write_study_report,
    writing,
)
from wemix_ref.report.studies.equations import model_equations
from wemix_ref.report.studies.index import ListedStudy
from wemix_ref.report.studies.published import published_lines
from wemix_ref.report.studies.summary import failures, ranges, replicates_done, targets
from wemix_ref.report.studies.tables import fits_table, paired_table, parameter_tables
from wemix_ref.report.studies.view import study_view
from wemix_ref.scaling import METHODS as SCALINGS
from wemix_ref.simulate.analyses import USES
from wemix_ref.simulate.published import PrintedMedian
from wemix_ref.simulate.sampling_spec import METHODS

VOID = {"meta", "br", "input", "link", "img", "hr"}


class Reader(HTMLParser):
    """Reads a page: its text, its ids, its links; elements must close in order."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.open, self.ids, self.links, self.words = [], [], [], []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.ids += [attrs["id"]] if "id" in attrs else []
        self.links += [attrs[key] for key in ("href", "src", "aria-labelledby") if key in attrs]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] != "style":
            self.words.append(data)

    @property
    def text(self):
        return " ".join(" ".join(self.words).split())


def write(study, out, name="made", **changes):
    given = {**example.everything(study), **changes}
    write_study_report(given.pop("study_yaml"), name, out_dir=out, **given)
    return (out / "report.html").read_text(encoding="utf-8")


def view_of(study, **changes):
    given = {**example.everything(study), **changes}
    order = ("performance", "paired", "rows_by_scenario", "audit")
    return study_view(study, "made", *(given[key] for key in order))


@pytest.fixture(scope="module")
def large_study():
    return {**example.large_study(), "replicates": 40}


@pytest.fixture(scope="module")
def large(large_study):
    return view_of(large_study)


@pytest.fixture(scope="module")
def page(large_study, tmp_path_factory):
    out = tmp_path_factory.mktemp("study")
    text = write(large_study, out)
    return out, text


def test_the_page_is_well_formed_and_loads_nothing(page):
    out, text = page
    reader = Reader(text)
    assert len(set(reader.ids)) == len(reader.ids)
    for link in reader.links:
        for one in link.split():
            if one.startswith("#"):
                assert one[1:] in reader.ids
            elif "/" in one:
                assert (out / one).exists(), one
            else:
                assert one in {*reader.ids, "performance.csv", "paired.csv"}, one
    assert "http" not in re.sub(r"xmlns(:xlink)?=\"[^\"]*\"", "", text)
    assert "<script" not in text
    assert "None" not in reader.text
    assert "nan" not in reader.text.split()


def test_the_page_has_aims_data_estimands_methods_and_performance(page):
    text = Reader(page[1]).text
    for part in (
        "To see whether weights help.",
        "Nobody (2000)",
        "Poisson, mean 20, minimum 2; per school",
        "Sampford’s design",
        "(Sampford 1967)",
        "may be informative: depends on u_school",
        "a unit responds with probability expit(1 - e)",
        "trimming: conditional weights are cut at their 0.95 quantile",
        "Full factorial of strength (0, 0.5)",
        "fitted to the whole population of the replicate by REML",
        "with the residual variance r²/n",
        "Wald intervals of level 90 %",
        "Student’s t with one degree of freedom less",
        "all weights, effective",
        "the sample must have two schools",
        "./workbench run results/studies/made/report.html",
    ):
        assert part in text, part


def test_the_same_study_is_the_same_bytes(tmp_path):
    study = example.small_study()
    for name in ("one", "two"):
        write(study, tmp_path / name)
    files = sorted(p.relative_to(tmp_path / "one") for p in (tmp_path / "one").rglob("*.*"))
    assert len(files) > 10
    for file in files:
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()


def test_rows_in_another_order_are_the_same_page(tmp_path):
    study = example.small_study()
    given = example.everything(study)
    first = write(study, tmp_path / "one", **{k: given[k] for k in ("performance",)})
    mixed = given["performance"].sample(frac=1.0, random_state=2)
    assert write(study, tmp_path / "two", performance=mixed) == first


def test_a_study_of_24_scenarios_and_eight_analyses_stays_small(tmp_path):
    study = {**example.large_study(), "replicates": 30}
    study["factors"] = {**study["factors"], "cluster": [2, 6]}
    study["analyses"] = {
        **example.ANALYSES,
        "gk": {"weights": "all", "scale": ["gk", "none"]},
        "top": {"weights": "top"},
    }
    assert len(example.analysis_names(study)) == 8
    assert len(write(study, tmp_path).encode()) < 5_000_000


def test_text_of_the_study_is_escaped(tmp_path):
    study = {**example.small_study(), "aims": "a <b>bold</b> & aim", "notes": "<script>x</script>"}
    text = write(study, tmp_path)
    assert "a &lt;b&gt;bold&lt;/b&gt; &amp; aim" in text
    assert "<script" not in text


def test_older_figures_and_tables_go_and_other_files_stay(tmp_path):
    (tmp_path / "figures").mkdir()
    (tmp_path / "figures" / "old.svg").write_text("old")
    (tmp_path / "performance.csv").write_text("kept")
    write(example.small_study(), tmp_path)
    assert not (tmp_path / "figures" / "old.svg").exists()
    assert (tmp_path / "performance.csv").read_text() == "kept"
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        "figures",
        "performance.csv",
        "report.html",
        "tables",
    ]


def test_an_error_while_writing_leaves_all_as_it_was(tmp_path, monkeypatch):
    study = example.small_study()
    write(study, tmp_path)
    before = {p: p.read_bytes() for p in tmp_path.rglob("*.*")}
    real = writing.write_text

    def failing(path, text):
        if path.name == "report.html":
            raise OSError("disk full")
        real(path, text)

    monkeypatch.setattr(writing, "write_text", failing)
    performance = example.everything(study)["performance"]
    performance["estimate"] *= 0.5  # other figures, other tables
    with pytest.raises(OSError, match="disk full"):
        write({**study, "title": "Another"}, tmp_path, performance=performance)
    assert {p: p.read_bytes() for p in tmp_path.rglob("*.*")} == before
    assert sorted(p.name for p in tmp_path.iterdir()) == ["figures", "report.html", "tables"]


def test_a_table_without_a_column_or_with_a_strange_scenario_is_refused(tmp_path):
    study = example.small_study()
    given = example.everything(study)
    with pytest.raises(StudyError, match=r"1 are missing \(first: 'mcse'\)"):
        write(study, tmp_path, performance=given["performance"].drop(columns="mcse"))
    with pytest.raises(StudyError, match=r"1 are not \(first: 'other'\)"):
        write(study, tmp_path, performance=given["performance"].assign(scenario="other"))
    assert list(tmp_path.iterdir()) == []


def test_every_measure_stands_in_the_tables_with_its_error(page, large):
    text = Reader(page[1]).text
    one = large.measured(large.scenarios[4].name, "total", "z", "bias")
    assert f"{one.estimate:.3f} ({one.mcse:.3f})" in text
    coverage = large.measured(large.scenarios[4].name, "all-size", "x", "coverage")
    assert f"{100 * coverage.estimate:.1f} ({100 * coverage.mcse:.1f})" in text
    for parameter in large.parameters:
        tables = parameter_tables(large, parameter)
        rows = {len(t.groups) * len(t.groups[0].rows) for t in tables}
        assert rows == {12 * 5}


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


def test_what_selection_depends_on_is_found_through_variables():
    population = {
        **example.POPULATION,
        "covariates": {
            **example.POPULATION["covariates"],
            "w": {"level": "school", "expression": "z + 1"},
        },
        "derived": {"s2": {"level": "school", "expression": "var(e)"}},
    }
    assert describe.depends_on("s2 > 1", population) == (["e"], ["s2"])
    assert describe.depends_on("exp(w)", population) == ([], ["w", "z", "x"])
    assert describe.depends_on("mean(y)", population) == (["y"], [])
    assert describe.depends_on("strength * 2", population) == ([], [])
    assert describe.depends_on(0.5, population) == ([], [])


def test_stages_say_whether_they_may_be_informative():
    text = {
        "population": example.POPULATION,
        "sampling": {"student": {"method": "srs", "size": "where(z > 0, 2, 6)", "weight": 2}},
    }
    school, student = describe.stages(text)
    assert (school.method, school.through) == ("census", "not informative")
    assert student.through == "not informative given z, x"
    assert student.settings == (("size", "where(z > 0, 2, 6)"), ("weight", "2"))


def test_equations_have_indices_slopes_and_distributions():
    population = {
        "levels": {"school": {}, "teacher": {}, "student": {}},
        "covariates": {"x": {"level": "student"}, "z": {"level": "school"}},
        "model": {
            "response": "y",
            "fixed": {"(Intercept)": 0, "x": -0.5, "x:z": "a * 2", "z": 1.0},
            "random": {
                "school": {"sd": 2, "recycle": 5},
                "teacher": {"terms": ["(Intercept)", "x"], "sd": [1, 0.5], "correlation": 0.3},
            },
            "residual": {"sd": "exp(z)", "distribution": "t", "df": 5},
        },
    }
    lines = [re.sub(r"<[^>]+>", "", str(line)) for line in model_equations(population)]
    first = "yijk = −0.5 xijk + (a * 2) xijk zk + zk + uschool, k + uteacher, jk + "
    first += "uteacher x, jk xijk + eijk"
    assert lines == [
        first,
        "uschool, k ~ normal, mean 0, SD 2; only 5 values are drawn and repeated over the groups",
        "(uteacher, jk, uteacher x, jk) ~ normal, mean 0, SD 1 and 0.5, correlation 0.3",
        "eijk ~ Student’s t (df 5), mean 0, SD exp(z)",
    ]


def test_methods_say_weights_scaling_and_recipes():
    text = {
        "model": "y ~ 1 + (1|school)",
        "analyses": {
            "reml": {"reml": True, "residual_variance": "ml"},
            "some": {"weights": ["student"], "scale": ["size", "gk"], "se": ["sas", "mplus"]},
            "p": {"weights": "precision", "model": "y ~ x + (1|school)", "engine": "lme4"},
        },
    }
    reml, some, p = describe.analysis_lines(text)
    assert reml.method == "REML, residual variance r²/n"
    assert reml.scale == ()
    assert some.weights == "conditional weights of student; others are one"
    assert [one.partition(":")[0] for one in some.scale] == ["size", "gk"]
    assert [one.partition(":")[0] for one in some.se] == ["sas", "mplus"]
    assert some.method == "maximum pseudo-likelihood"
    assert (p.engine, p.model) == ("lme4", "y ~ x + (1|school)")
    assert p.weights.startswith("precision: ")


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


def test_ranges_are_over_scenarios(large):
    line = next(one for one in ranges(large) if (one.parameter, one.analysis) == ("z", "total"))
    found = [large.measured(s.name, "total", "z", "bias").estimate for s in large.scenarios]
    assert line.cells[0] == f"{min(found):.3g} to {max(found):.3g}"


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


def test_a_measure_without_a_value_is_a_dash(tmp_path):
    study = example.small_study()
    performance = example.everything(study)["performance"]
    place = performance.index[performance["measure"] == "bias"][0]
    performance.loc[place, "estimate"] = np.nan
    view = view_of(study, performance=performance)
    assert math.isnan(view.measured("main", "all", "(Intercept)", "bias").estimate)
    assert "nan" not in Reader(write(study, tmp_path, performance=performance)).text.split()


def test_an_empty_pairing_and_no_audit_make_a_page(tmp_path):
    study = {**example.small_study(), "analyses": {"unweighted": {}}}
    given = example.everything(study)
    paired = pd.DataFrame(columns=[*given["performance"].columns, "reference"])
    text = Reader(write(study, tmp_path, paired=paired, audit=None)).text
    assert "No replicate was compared with R." in text
    assert "Paired differences" not in text


def test_the_list_of_studies_links_to_their_reports(tmp_path):
    listed = [
        ListedStudy("a", "The <first>", "To see.", 12, 5, 10000, "a/report.html"),
        ListedStudy("b", "The second", "To know.", 1, 1, 1, "b/report.html"),
    ]
    write_studies_index(listed, tmp_path / "index.html")
    text = (tmp_path / "index.html").read_text(encoding="utf-8")
    reader = Reader(text)
    assert [one for one in reader.links if one.endswith(".html")] == [
        "a/report.html",
        "b/report.html",
    ]
    assert "The <first>" in reader.text
    assert "12 scenarios, 5 analyses, 10 000 replicates of each" in reader.text
    assert "1 scenario, 1 analysis, 1 replicate." in reader.text


def test_every_sampling_method_and_use_of_weights_has_words():
    assert set(wording.METHODS) == set(METHODS)
    assert set(wording.WEIGHTS) == set(USES)
    assert set(wording.SCALINGS) == set(SCALINGS)
    assert set(wording.RECIPES) == set(RECIPES)
