"""The report: everything shown, everything escaped, the same bytes each time, nothing loaded."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser

import numpy as np
import pytest
import yaml

from wemix_ref.engines.protocol import FitResult
from wemix_ref.engines.record import SCHEMA_NAME, make_point, matrices_table, write_result
from wemix_ref.errors import CaseError
from wemix_ref.report import write_report
from wemix_ref.report.data import TIERS
from wemix_ref.report.digits import full

EVIL = '<script>alert("x")</script>&'
REML, WEIGHTED = "sleepstudy-slope-reml", "sleepstudy-l2-slope"
VOID = {"br", "input", "meta", "link", "img", "hr"}


class Page(HTMLParser):
    """A page's elements with their attributes, its text, and whether its tags nest."""

    def __init__(self, text):
        super().__init__()
        self.elements, self.text, self.open = [], [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)

    def all(self, tag):
        return [attributes for name, attributes in self.elements if name == tag]


def number(tier, engine, quantity, ours, theirs, ok=True, **others):
    return {
        "tier": tier,
        "engine": engine,
        "quantity": quantity,
        "name": others.pop("name", ""),
        "ours": ours,
        "theirs": theirs,
        "source": others.pop("source", f"{engine} 9.9, live"),
        "at": others.pop("at", "python-optimum"),
        "digits": others.pop("digits", 13.5),
        "required": others.pop("required", 12),
        "verdict": {True: "agrees to 13 digits", False: "differs", None: "shown"}[ok],
        "ok": ok,
        "why": others.pop("why", ""),
        **others,
    }


def engine(status="ok", *, live=True, message="", versions=None, **others):
    return {
        "status": status,
        "message": message,
        "versions": {"lme4": "9.9", "R": "4.2.2"} if versions is None else versions,
        "computed_by": others.get("computed_by"),
        "messages": others.get("messages", []),
        "live": live,
    }


def comparison(case, model, engines, numbers, verdicts):
    return {
        "schema": "wemix-ref/comparison/1",
        "case": case,
        "model": {
            "formula": "Reaction ~ Days + (Days|Subject)",
            "reml": False,
            "weighted": False,
            "weights": None,
            "conditional_weights": False,
            "nobs": 180,
            "ngroups": {"Subject": 18},
            "n_dropped": 3,
            "data": "sleepstudy.csv",
            "data_sha256": "0" * 64,
            "center_group": None,
            "center_grand": None,
            "precision_weights": None,
            "note": "",
            **model,
        },
        "engines": engines,
        "numbers": numbers,
        "verdicts": verdicts,
    }


def reml_comparison():
    numbers = [
        number("same-theta", "lme4", "deviance", 1743.6282719599653, 1743.628271959966),
        number("same-theta", "lme4", "beta", 10.467285959595, 10.46728595959599, name="Days"),
        number("same-theta", "lme4", "sigma", 25.59179572, 25.59179599, ok=False, digits=8.0),
        number("own-optimum", "lme4", "deviance", 1743.62827, 1743.62829, required=None),
        number("own-optimum", "lme4", "theta", 0.9667, 0.9671, ok=None, digits=3.4),
        number("matrices", "lme4", "V", 4280.7283981, 4280.7283982, name="180 x 180"),
        number("standard-errors", "lme4", "se_beta", 1.5457896441, 1.5457896442, name="Days"),
        number("printed", "python", "variance", 612.1001579, "612.10", name="Subject"),
        number("printed", "python", "nobs", 180, "180"),
        number("identities", "python", "gls_beta", 251.405104848, 251.405104849, name="Days"),
    ]
    return comparison(
        REML,
        {"reml": True},
        {"python": engine(versions={"Python": "3.11", "wemix_ref": "0.1"}), "lme4": engine()},
        numbers,
        {
            "lme4": {"ok": False, "text": "differs", "counts": {"same-theta": [2, 3]}},
            "python": {"ok": True, "text": "agrees", "counts": {"printed": [2, 2]}},
        },
    )


def weighted_comparison():
    by = {
        "software": "WeMix",
        "version": "4.0.4",
        "versions": {"WeMix": "4.0.4"},
        "control": "default",
        "formula_given": "y ~ x",
        "data": {"file": "a.csv", "sha256": "a" * 64},
    }
    return comparison(
        WEIGHTED,
        {"weighted": True, "weights": ["w1", "w2"]},
        {
            "python": engine(versions={"Python": "3.11"}),
            "lme4-weighted": engine("timeout", message="took longer than 60 s"),
            "wemix": engine("unavailable", live=False, message="WeMix is not installed"),
            "recorded": engine(live=False, versions={"WeMix": "4.0.4"}, computed_by=by),
        },
        [number("same-theta", "recorded", "deviance", 2052.5, 2052.5, source="WeMix, recorded")],
        {
            "recorded": {"ok": True, "text": "agrees", "counts": {"same-theta": [1, 1]}},
            "wemix": {"ok": None, "text": "unavailable", "counts": {}},
        },
    )


def fit_result(case, name):
    """A record with matrices of three groups of two rows."""
    Z = np.kron(np.eye(3), np.ones((2, 1)))
    G = 612.25 * np.eye(3)
    V = Z @ G @ Z.T + 100.0 * np.eye(6)
    parts = {}
    for key, matrix in {"Z": Z, "G": G, "V": V}.items():
        rows, columns = np.nonzero(matrix)
        parts[key] = {"row": rows, "col": columns, "value": matrix[rows, columns]}
    point = make_point(
        theta_names=["Subject.(Intercept)"],
        theta=[0.96674177],
        deviance=1743.6282719599653,
        beta={"(Intercept)": 251.405104848, "Days": 10.467285959},
        sigma=25.59179572,
        se_beta={"(Intercept)": 6.82459669, "Days": 1.5457896},
        se_recipe="model",
        variance_components=[
            {
                "group": "Subject",
                "var1": "(Intercept)",
                "var2": None,
                "level": 2,
                "vcov": 612.1001579,
                "sdcor": 24.7406580,
                "se": None,
            }
        ],
        optimizer={"method": "BFGS", "evaluations": 17, "gradient_norm": 1e-9},
    )
    record = {
        "schema": SCHEMA_NAME,
        "case": case,
        "engine": name,
        "status": "ok",
        "message": "",
        "versions": {"Python": "3.11"},
        "data_sha256": "0" * 64,
        "formula": "Reaction ~ Days + (Days|Subject)",
        "reml": case == REML,
        "weights": None,
        "conditional_weights": False,
        "center_group": None,
        "center_grand": None,
        "optimum": point,
        "at": [],
        "messages": [],
        "singular": False,
        "matrix_shapes": {"Z": [6, 3], "G": [3, 3], "V": [6, 6]},
    }
    return FitResult(record, matrices_table(parts), {"seconds": 1.0})


@pytest.fixture
def project(project_root, tmp_path):
    """A project of two cases with results; a function writes the report and gives its text."""
    cases = tmp_path / "config" / "cases"
    cases.mkdir(parents=True)
    for name in (REML, WEIGHTED):
        shutil.copy(project_root / "config" / "cases" / f"{name}.yaml", cases)
    results = tmp_path / "results"
    (results / "comparisons").mkdir(parents=True)
    for name in (REML, WEIGHTED):
        write_result(fit_result(name, "python"), results / "fits" / name)

    class Project:
        out = results / "report" / "index.html"

        def __init__(self):
            self.comparisons = {REML: reml_comparison(), WEIGHTED: weighted_comparison()}

        def edit_case(self, name, **keys):
            path = cases / f"{name}.yaml"
            content = yaml.safe_load(path.read_text(encoding="utf-8"))
            path.write_text(yaml.safe_dump({**content, **keys}), encoding="utf-8")

        def add(self, result):
            write_result(result, results / "fits" / result.record["case"])

        def write(self, **options):
            for name, content in self.comparisons.items():
                path = results / "comparisons" / f"{name}.json"
                path.write_text(json.dumps(content), encoding="utf-8")
            write_report(results, cases, self.out, **options)
            return self.out.read_text(encoding="utf-8")

    return Project()


def plain_text(page):
    return re.sub(r"\s+", " ", "".join(page.text))


def test_every_number_stands_with_all_its_digits(project):
    text = plain_text(Page(project.write()))
    for content in project.comparisons.values():
        for entry in content["numbers"]:
            assert full(entry["ours"]) in text
            theirs = entry["theirs"]
            assert (theirs if isinstance(theirs, str) else full(theirs)) in text


def test_every_tier_has_its_own_table(project):
    page = Page(project.write())
    ids = {attributes.get("id") for _, attributes in page.elements}
    assert {f"case-{REML}-{tier}" for tier in TIERS} <= ids


def test_differing_numbers_are_counted_and_marked(project):
    text = project.write()
    assert "1 of 10 judged numbers differ" in plain_text(Page(text))
    assert '25.591795<span class="d">72</span>' in text
    assert text.count('<tr class="differs">') == 1


def test_no_difference_is_said_as_such(project):
    for entry in project.comparisons[REML]["numbers"]:
        if entry["ok"] is False:
            entry["ok"] = True
    text = project.write()
    assert "All 10 judged numbers agree" in plain_text(Page(text))
    assert '<tr class="differs">' not in text


def test_missing_and_recorded_engines_are_said(project):
    text = plain_text(Page(project.write()))
    assert "WeMix is not installed" in text
    assert "took longer than 60 s" in text
    assert "in all of them" in text  # the recorded answer stood in for each
    assert "computed by WeMix 4.0.4, control: default" in text
    for word in ("unavailable", "timed out", "not asked", "recorded"):
        assert word in text


def test_another_model_is_no_agreement(project):
    project.comparisons[REML]["verdicts"]["lme4"] = {
        "ok": True,
        "text": "another model, as expected",
        "counts": {},
    }
    text = project.write()
    assert '<span class="state other">' in text
    assert "its answer must not be ours" in text


def test_text_is_escaped_wherever_it_comes_from(project):
    project.edit_case(WEIGHTED, title=EVIL, note=EVIL, source=EVIL)
    content = project.comparisons[WEIGHTED]
    content["model"].update(formula=EVIL, note=EVIL + "2", ngroups={EVIL: 3}, weights=[EVIL])
    content["engines"]["wemix"]["message"] = EVIL
    content["engines"]["python"]["messages"] = [EVIL]
    content["engines"]["python"]["versions"] = {EVIL: EVIL}
    content["numbers"] += [
        number("same-theta", "recorded", EVIL, EVIL, EVIL, source=EVIL, at=EVIL),
        number("printed", "recorded", "beta", 1.5, EVIL, name=EVIL, why=EVIL),
    ]
    content["numbers"][-1]["verdict"] = EVIL
    page = Page(project.write())
    assert page.all("script") == []
    assert plain_text(page).count('<script>alert("x")</script>&') > 12


def test_the_same_results_give_the_same_bytes(project):
    project.write()
    first = project.out.read_bytes()
    results = project.out.parents[1]
    code = (
        "import sys; from pathlib import Path; from wemix_ref.report import write_report; "
        "write_report(*map(Path, sys.argv[1:]))"
    )
    for seed in ("1", "2"):  # no order of a set or of a directory shows
        other = results / f"other-{seed}.html"
        places = [results, results.parent / "config" / "cases", other]
        environment = {**os.environ, "PYTHONHASHSEED": seed, "LC_ALL": "C", "TZ": "Asia/Tokyo"}
        subprocess.run([sys.executable, "-c", code, *places], check=True, env=environment)
        assert other.read_bytes() == first


def test_nothing_is_loaded_and_no_path_or_date_is_told(project, tmp_path):
    text = project.write()
    page = Page(text)
    assert not {"link", "script", "iframe", "object", "embed", "base"} & {
        name for name, _ in page.elements
    }
    for _, attributes in page.elements:
        for key in ("src", "srcset", "data", "poster", "action"):
            assert key not in attributes
        for key in ("href", "xlink:href"):
            assert attributes.get(key, "#").startswith("#")
    assert "@import" not in text
    assert set(re.findall(r"url\((.)", text)) <= {"#"}
    assert str(tmp_path) not in text
    assert "<dc:date>" not in text


def test_the_page_is_well_formed(project):
    page = Page(project.write())
    assert page.open == []
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    for _, attributes in page.elements:
        target = attributes.get("href", "")
        if target.startswith("#"):
            assert target[1:] in ids
        for named in attributes.get("aria-labelledby", "").split():
            assert named in ids


def test_tables_and_figures_can_be_read_without_seeing(project):
    text = project.write()
    page = Page(text)
    tables = re.findall(r"<table.*?</table>", text, flags=re.DOTALL)
    assert len(tables) > 10
    for table in tables:
        assert "<caption" in table
    assert all("scope" in attributes for attributes in page.all("th"))
    svgs = page.all("svg")
    assert svgs
    assert all(attributes.get("role") == "img" for attributes in svgs)
    assert text.count("<svg") == len(re.findall(r"<svg[^>]*><title[^>]*>[^<]+</title><desc", text))


def test_pictures_say_whose_matrices_they_show(project):
    text = plain_text(Page(project.write()))
    assert "From wemix_ref by itself, at its own optimum" in text
    assert "G, rows 1 to 3." in text
    assert "V, the 2 rows of the first row's top group." in text
    project.add(fit_result(REML, "lme4"))
    assert "From lme4, at its own optimum" in plain_text(Page(project.write()))


def test_our_fit_is_summed_up(project):
    text = plain_text(Page(project.write()))
    assert "6.82459669" in text
    assert "not given" in text  # the standard error of the variance
    assert "BFGS" in text


def test_what_is_not_compared_is_named(project):
    del project.comparisons[WEIGHTED]
    text = plain_text(Page(project.write()))
    assert f"Cases that were not compared: {WEIGHTED}." in text


def test_only_the_cases_asked_for_are_shown(project):
    page = Page(project.write(only=[WEIGHTED]))
    ids = {attributes.get("id") for _, attributes in page.elements}
    assert f"case-{WEIGHTED}" in ids
    assert f"case-{REML}" not in ids


def test_a_comparison_without_a_case_is_named(project):
    stray = {**reml_comparison(), "case": "gone"}
    project.comparisons["gone"] = stray
    assert "without a case file, not shown: gone." in plain_text(Page(project.write()))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"schema": "other/1"}, "schema"),
        ({"case": "other"}, "must be of the case"),
        ({"numbers": [{"tier": "fifth"}]}, "tier of a number"),
    ],
)
def test_a_wrong_comparison_is_refused_and_the_page_is_left(project, change, message):
    before = project.write()
    project.comparisons[REML].update(change)
    with pytest.raises(CaseError, match=message):
        project.write()
    assert project.out.read_text(encoding="utf-8") == before
    assert [path.name for path in project.out.parent.iterdir()] == ["index.html"]


def test_no_comparison_at_all_is_an_error(project):
    project.comparisons = {}
    with pytest.raises(CaseError, match="at least one case"):
        project.write()


def test_a_file_without_the_deciding_tolerance_is_refused(project, project_root, tmp_path):
    content = yaml.safe_load((project_root / "config" / "tolerances.yaml").read_text())
    content["tiers"]["own-optimum"] = [
        entry for entry in content["tiers"]["own-optimum"] if entry["rule"] != "not-above"
    ]
    path = tmp_path / "tolerances.yaml"
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
    with pytest.raises(CaseError, match="rule not-above"):
        project.write(tolerances=path)


def test_tolerances_stand_with_their_reasons(project, project_root):
    text = plain_text(Page(project.write()))
    content = yaml.safe_load((project_root / "config" / "tolerances.yaml").read_text())
    for entries in content["tiers"].values():
        for entry in entries:
            assert " ".join(entry["why"].split()) in text
