"""The page of a study: everything a reader needs, true to the study, whole or not at all."""

from __future__ import annotations

import math
import re

import numpy as np
import pandas as pd
import pytest

from tests.unit import study_example as example
from tests.unit.study_page import Reader, view_of, write
from wemix_ref.errors import StudyError
from wemix_ref.report.studies import write_studies_index, writing
from wemix_ref.report.studies.index import ListedStudy
from wemix_ref.report.studies.tables import parameter_tables


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


def test_references_to_parameters_are_told_on_the_page(tmp_path):
    study = {**example.small_study(), "factors": {"scheme": ["sampford", "pivotal"]}}
    study["sampling"] = {"school": {"method": "$scheme", "size": "$strength", "measure": "z"}}
    study["generator"] = {"R": 77}
    text = write(study, tmp_path)
    assert "$" not in text
    assert "set.seed(77 + r)" in text
    words = Reader(text).text
    assert "Sampford’s design (sampford) or pivotal method (pivotal), by scenario factor" in words
    assert "Sampford 1967" in words
    assert "Deville & Tillé 1998" in words
    assert "size 0.5" in words


def test_what_enters_which_measure_is_told(tmp_path):
    text = Reader(write(example.small_study(), tmp_path)).text
    # a fit without a standard error is no failure: see the tests of the measures
    assert "counted among the failures" not in text
    assert "without a standard error above zero is no failure" in text
    assert "is used like any other" not in text
    assert "its model SE and coverage are of the other fits" in text
    assert text.count("“SE available” says") == 2


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
    assert "No number was compared with R." in text
    assert "Paired differences" not in text


def test_the_summary_of_the_audit_is_never_folded(tmp_path):
    study = {**example.large_study(), "replicates": 20}
    study["factors"] = {"strength": [0]}
    text = write(study, tmp_path, audit=example.audit(study))
    section = text[text.index('id="agreement-heading"') : text.index('id="computing-title"')]
    folded = "".join(re.findall("<details.*?</details>", section, re.DOTALL))
    visible = re.sub("<details.*?</details>", "", section, flags=re.DOTALL)
    assert "not comparable" in visible
    assert "<details open" not in section
    assert "where fewest" in folded
    assert "all engines" in visible
    # without R the summary says so too
    silent = example.audit(study).assign(
        tier="status", quantity="status", name="unavailable", digits=np.nan, ok=None, message="no R"
    )
    words = Reader(write(study, tmp_path, audit=silent)).text
    assert "No number was compared with R." in words
    assert "lme4 0 0 0 0 0 0 4 · nothing judged" in words


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
