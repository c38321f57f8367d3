"""Names of parameters, printed medians beside ours, verdicts, and the command line of studies."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from tests.unit.study_files import written
from wemix_ref import mix
from wemix_ref.cli import main
from wemix_ref.cli_study import _cost
from wemix_ref.csv_numbers import read_csv
from wemix_ref.engines import get_engine
from wemix_ref.errors import StudyError
from wemix_ref.simulate.draws import Draws
from wemix_ref.simulate.estimates import estimates_of_fit
from wemix_ref.simulate.parameters import component_name, group_of
from wemix_ref.simulate.published import LIMIT, beside_published
from wemix_ref.simulate.replicates import run_replicates
from wemix_ref.simulate.study import load_study
from wemix_ref.simulate.verdict import judge

ROOT = Path(__file__).resolve().parents[2]
TINY = ROOT / "tests" / "workflow" / "tiny-study.yaml"
LEVELS = ("school", "teacher", "student")


@pytest.mark.parametrize(
    ("where", "short", "name"),
    [
        (("teacher:school", "(Intercept)", None), False, "var teacher (Intercept)"),
        (("school", "x", None), False, "var school x"),
        (("school", "(Intercept)", "x"), False, "cov school (Intercept),x"),
        (("school", "(Intercept)", "x"), True, "cov (Intercept),x"),
        (("area", "x", None), False, "var area x"),
    ],
)
def test_names_of_variance_components(where, short, name):
    group, first, second = where
    assert component_name(group_of(group, LEVELS), first, second, short) == name


def test_estimates_are_the_fits():
    study = load_study(TINY)
    drawn = Draws(study, study.scenario("informative-true")).draw(1)
    fit = mix("y ~ x + (1 | school/teacher)", drawn.frame, reml=True)
    named = estimates_of_fit(fit, "model", LEVELS, False)
    assert named["x"] == (fit.params["x"], fit.bse["x"])
    assert named["sigma2"][0] == pytest.approx(fit.sigma**2, rel=1e-14)
    assert np.isnan(named["sigma2"][1])  # REML: none here
    n, p = fit.X.shape
    ml = estimates_of_fit(fit, "ml", LEVELS, False)
    assert ml["sigma2"][0] == pytest.approx(fit.sigma**2 * (n - p) / n, rel=1e-14)
    assert ml["x"] == named["x"]
    # an ML fit divides by n already
    by_ml = mix("y ~ x + (1 | school/teacher)", drawn.frame, se="wemix")
    assert estimates_of_fit(by_ml, "ml", LEVELS, False) == estimates_of_fit(
        by_ml, "model", LEVELS, False
    )


def test_rows_of_a_recipe_are_that_recipes():
    study = load_study(TINY)
    rows = run_replicates(study, study.scenario("informative-true"), [5])
    drawn = Draws(study, study.scenario("informative-true")).draw(5)
    data = drawn.frame.assign(
        w1=drawn.weights["student"], w2=drawn.weights["teacher"], w3=drawn.weights["school"]
    )
    for recipe in ("wemix", "gllamm"):
        fit = mix("y ~ x + (1|school/teacher)", data, ["w1", "w2", "w3"], se=recipe)
        own = rows[rows["analysis"] == f"weighted-{recipe}"].set_index("parameter")
        assert own.loc["x", "se"] == pytest.approx(fit.bse["x"], rel=1e-7)
        table = fit.variance_components.set_index("group")["se"]
        assert own.loc["var school (Intercept)", "se"] == pytest.approx(table["school"], rel=1e-5)
    two = rows[rows["parameter"] == "var school (Intercept)"].set_index("analysis")["se"]
    assert two["weighted-wemix"] != two["weighted-gllamm"]


def test_an_engine_in_r_needs_someone_who_calls_it(tmp_path):
    content = yaml.safe_load(TINY.read_text())
    content["analyses"] = {"l": {"engine": "lme4"}}
    path = tmp_path / "tiny.yaml"
    path.write_text(yaml.safe_dump(content, sort_keys=False))
    study = load_study(path)
    scenario = study.scenario("informative-true")
    assert scenario.needs_r
    with pytest.raises(StudyError, match="lme4"):
        run_replicates(study, scenario, [0])


PUBLISHED = {
    "file": "p.json",
    "scenario": "A",
    "analyses": {"w": "theirs"},
    "shown": ["other"],
    "parameters": {"x": "X", "sigma2": "S"},
    "scale": 100,
}


@pytest.fixture
def printed(tmp_path):
    told = {
        "columns": ["S", "X"],
        "medians_design_A": {"theirs": ["-5.0", ".2"], "other": ["1", "2"]},
        "replicates": "400; and more",
    }
    (tmp_path / "published").mkdir()
    (tmp_path / "published" / "p.json").write_text(json.dumps(told))
    return tmp_path


def measured(x=0.002, sigma2=-0.05, mcse=0.001, n=400):
    rows = [
        ("A", "w", "x", "median_error", x, mcse, n),
        ("A", "w", "sigma2", "median_error", sigma2, mcse, n),
        ("B", "w", "x", "median_error", 9.0, mcse, n),
        ("A", "w", "x", "bias", 9.0, mcse, n),
    ]
    columns = ["scenario", "analysis", "parameter", "measure", "estimate", "mcse", "n"]
    return pd.DataFrame(rows, columns=columns)


def test_printed_medians_stand_beside_ours_with_the_error_of_both(printed):
    medians = beside_published(PUBLISHED, measured(x=0.0061), printed / "published")
    first = medians[0]
    assert (first.printed, first.column, first.parameter) == (".2", "X", "x")
    assert (first.ours, first.mcse) == pytest.approx((0.61, 0.1))
    # as many replicates on both sides, and one decimal printed
    assert first.z == pytest.approx((0.61 - 0.2) / np.sqrt(0.1**2 + 0.1**2 + 0.1**2 / 12))
    assert [m.agrees for m in medians] == [True, True, None, None]
    assert [m.printed for m in medians[2:]] == ["2", "1"]
    fewer = beside_published(PUBLISHED, measured(x=0.0061, n=100), printed / "published")[0]
    assert fewer.z == pytest.approx((0.61 - 0.2) / np.sqrt(0.1**2 + 0.05**2 + 0.1**2 / 12))
    far = beside_published(PUBLISHED, measured(x=0.02), printed / "published")[0]
    assert far.z > LIMIT
    assert far.agrees is False


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"analyses": {"w": "nobody"}}, "nobody"),
        ({"analyses": {"v": "theirs"}}, "'v'"),
        ({"parameters": {"x": "Y"}}, "'Y'"),
        ({"parameters": {"z": "X"}}, "'z'"),
    ],
)
def test_what_is_not_printed_or_not_ours_is_refused(printed, changes, match):
    with pytest.raises(StudyError, match=match):
        beside_published({**PUBLISHED, **changes}, measured(), printed / "published")


def audit(ok):
    return pd.DataFrame(
        {
            "scenario": "s",
            "replicate": 0,
            "analysis": "w",
            "engine": ["lme4", "lme4", "wemix"],
            "tier": ["same-theta", "same-theta", "status"],
            "quantity": ["beta", "sigma", "status"],
            "name": ["x", None, None],
            "ours": [1.0, 2.0, None],
            "theirs": [1.0, 2.5, None],
            "ok": ok,
            "message": [None, "differs", "not here"],
        }
    )


@pytest.mark.parametrize("ok", [[True, False, None], ["True", "False", np.nan]])
def test_a_number_that_r_has_otherwise_is_a_fault(ok, printed):
    text, faults = judge(load_study(TINY), audit(ok), measured(), printed)
    assert "lme4: 1 numbers agree, 1 do not" in text
    assert "wemix: nothing compared" in text
    assert len(faults) == 1
    assert "same-theta sigma: ours 2.0, theirs 2.5 (differs)" in faults[0]
    _, none = judge(load_study(TINY), audit([True, True, None]), measured(), printed)
    assert none == []


def test_a_printed_median_that_is_missed_is_a_fault(printed, tmp_path):
    content = yaml.safe_load(TINY.read_text())
    content["published"] = PUBLISHED
    path = tmp_path / "tiny.yaml"
    path.write_text(yaml.safe_dump(content, sort_keys=False))
    study, agreeing = load_study(path), audit([True, True, None])
    text, faults = judge(study, agreeing, measured(), printed)
    assert "printed medians: 2 of 2 within Monte Carlo error" in text
    assert faults == []
    text, faults = judge(study, agreeing, measured(sigma2=0.05), printed)
    assert "printed medians: 1 of 2 within Monte Carlo error" in text
    assert "theirs, S: printed -5.0, ours 5.00" in faults[0]


def with_failures(rate, scenario="A"):
    failures = ("failure_rate", rate, 0.0, 400)
    rows = [(scenario, name, "(fit)", *failures) for name in ("w", "v")]
    table = measured()
    return pd.concat([table, pd.DataFrame(rows, columns=table.columns)], ignore_index=True)


def test_an_analysis_without_fits_is_a_fault():
    study, agreeing = load_study(TINY), audit([True, True, None])
    _, faults = judge(study, agreeing, with_failures(1.0), ROOT)
    assert len(faults) == 2
    assert faults[0].startswith("tiny-study, A, w: some fits must succeed; all 400 failed.")
    assert "replicates/A.parquet" in faults[0]
    assert "tiny-study, A, v:" in faults[1]
    assert judge(study, agreeing, with_failures(399 / 400), ROOT)[1] == []


def test_an_analysis_without_fits_has_no_medians_to_compare(printed, tmp_path):
    path = written(tmp_path, published=PUBLISHED)
    table = with_failures(1.0)
    table = table[(table["analysis"] != "w") | (table["measure"] == "failure_rate")]
    text, faults = judge(load_study(path), audit([True, True, None]), table, printed)
    assert "tiny, A, w: some fits must succeed" in faults[0]
    assert "printed medians" not in text
    elsewhere = pd.concat([measured(sigma2=0.05), with_failures(1.0, "B").iloc[-2:]])
    _, faults = judge(load_study(path), audit([True, True, None]), elsewhere, printed)
    assert [fault.split(":")[0] for fault in faults] == ["tiny, B, w", "tiny, B, v", "tiny"]


def test_studies_are_listed(capsys):
    assert main(["study", "list"]) == 0
    told = capsys.readouterr().out
    assert "published-informative" in told
    assert "3 x 1000" in told
    assert main(["study", "list", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert listed["published-informative"]["scenarios"] == ["A", "B", "C"]


@pytest.mark.slow
def test_a_plan_tells_costs_and_a_chunk(capsys):
    assert main(["study", "plan", str(TINY), "--seconds", "0.1", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    costs = [s["milliseconds_per_replicate"] for s in told["scenarios"].values()]
    assert len(costs) == 2
    assert min(costs) > 0
    assert told["core_seconds"] == pytest.approx(24 * sum(costs) / 1000)
    assert told["proposed_chunk"] == 24  # the whole is less than one job
    assert told["jobs"] == 8
    assert main(["study", "plan", str(TINY), "--seconds", "0.1"]) == 0
    assert "core hours per million replicates" in capsys.readouterr().out


@pytest.mark.slow
def test_a_plan_tells_that_every_fit_of_an_analysis_fails(capsys, tmp_path):
    sampling = {
        "teacher": {"method": "srs", "size": 1},
        "student": {"method": "srs", "size": "take"},
    }
    analyses = {"unweighted": {}, "weighted": {"weights": "all"}}
    path = written(
        tmp_path,
        model="y ~ x + (1 | school)",
        factors={"take": [1, 2]},
        sampling=sampling,
        analyses=analyses,
    )
    assert main(["study", "plan", str(path), "--seconds", "0.01"]) == 1
    printed = capsys.readouterr()
    assert "core hours per million replicates" in printed.out
    (line,) = [line for line in printed.err.splitlines() if "must succeed" in line]
    assert "scenario 'take-1', analysis 'weighted': some fits must succeed; all " in line
    assert "failed, the first with: " in line
    assert line.endswith("rows all alike.")
    assert main(["study", "plan", str(path), "--seconds", "0.01", "--json"]) == 1
    assert len(json.loads(capsys.readouterr().out)["failed"]) == 1


def test_a_plan_counts_fits_of_engines_in_r(monkeypatch, tmp_path):
    asked = []

    def fit(name, problems):
        asked.extend([name] * len(problems))
        return get_engine("python").fit_many([(one, {}) for one in problems], timeout=60.0)

    monkeypatch.setattr("wemix_ref.simulate.elsewhere.fit_elsewhere", fit)
    path = written(tmp_path, analyses={"ours": {}, "theirs": {"engine": "lme4"}})
    seconds, without = _cost(path, False, "informative-true", 0.0)
    assert seconds > 0.0
    assert without == []
    # the replicate that loads what is loaded once, and the one that is timed
    assert asked == ["lme4"] * 2


def test_a_sample_is_written_with_its_weights(capsys, tmp_path):
    study = load_study(TINY)
    drawn = Draws(study, study.scenario("informative-true")).draw(2)
    out = tmp_path / "s.csv"
    words = ["study", "sample", str(TINY), "--scenario", "informative-true", "--replicate", "2"]
    assert main([*words, "--output", str(out)]) == 0
    table = read_csv(out)
    np.testing.assert_array_equal(table["y"], drawn.frame["y"])
    np.testing.assert_array_equal(table["weight.student"], drawn.weights["student"])
    assert list(table.columns[-3:]) == ["weight.school", "weight.teacher", "weight.student"]
    assert main(words) == 0
    assert capsys.readouterr().out == out.read_text()
    assert main(["study", "sample", str(TINY)]) == 2
    assert "informative-false, informative-true" in capsys.readouterr().err
    assert main([*words[:-1], "-1"]) == 2
