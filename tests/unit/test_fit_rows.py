"""What a row says of its fit: rows and top groups of the sample, convergence, a singular fit."""

from __future__ import annotations

from copy import deepcopy

import pytest
import yaml

from wemix_ref import batch, mix, newton, optimise
from wemix_ref.engines import get_engine
from wemix_ref.performance import performance
from wemix_ref.simulate.draws import Draws
from wemix_ref.simulate.replicates import run_replicates
from wemix_ref.simulate.storage import read_rows, write_rows
from wemix_ref.simulate.study import load_study

SCENARIO = "informative-true"
MODEL = "y ~ x + (1 | school/teacher)"
BY_TEACHER = "y ~ x + (1 | teacher)"

# samples whose numbers of rows, teachers and schools are random, and differ
SAMPLING = {
    "school": {"method": "poisson", "probability": "expit(where(informative, 1, 0) + u_school)"},
    "student": {"method": "poisson", "probability": 0.7},
}


@pytest.fixture
def study(project_root, tmp_path):
    tiny = yaml.safe_load((project_root / "tests" / "workflow" / "tiny-study.yaml").read_text())

    def make(sd_teacher=0.7, **changes):
        content = {**deepcopy(tiny), **changes}
        content["population"]["model"]["random"]["teacher"]["sd"] = sd_teacher
        path = tmp_path / "tiny.yaml"
        path.write_text(yaml.safe_dump(content, sort_keys=False))
        return load_study(path)

    return make


def run(study, replicates, elsewhere=None):
    return run_replicates(study, study.scenario(SCENARIO), replicates, elsewhere)


def by_python(_, problems):
    return [get_engine("python").fit(one, {}, timeout=60) for one in problems]


def test_rows_count_the_samples_rows_and_its_top_groups(study):
    analyses = {
        "three": {"weights": "all"},
        "two": {"model": BY_TEACHER},
        "theirs": {"engine": "lme4"},
        "theirs-two": {"engine": "lme4", "model": BY_TEACHER},
    }
    read = study(sampling=SAMPLING, analyses=analyses)
    rows = run(read, range(4), by_python)
    assert set(rows["status"]) == {"ok"}
    draws = Draws(read, read.scenario(SCENARIO))
    schools = set()
    for replicate, part in rows.groupby("replicate"):
        frame = draws.draw(replicate).frame
        counts = [len(frame), frame["teacher"].nunique(), frame["school"].nunique()]
        assert len(set(counts)) == 3
        # also where the model leaves the top level out
        found = part.groupby("analysis")[["n", "n_top"]].agg(["min", "max"])
        assert set(found.index) == set(analyses)
        assert (found["n"] == counts[0]).all(axis=None)
        assert (found["n_top"] == counts[2]).all(axis=None)
        schools.add(counts[2])
    assert len(schools) > 1


def test_a_fit_that_did_not_converge_is_rows_that_say_so(study, monkeypatch, tmp_path):
    read = study(analyses={"all": {"weights": "all"}, "none": {}})
    good = run(read, [0, 1])
    # the search may not leave its start
    monkeypatch.setattr(optimise, "_bfgs", lambda criterion, phi, _: criterion.evaluate(phi))
    monkeypatch.setattr(newton, "MAX_NEWTON", 0)
    monkeypatch.setattr(batch, "MAX_STEPS", 0)
    monkeypatch.setattr(optimise, "MAX_ROUNDS", 0)
    bad = run(read, [0, 1])
    assert good["converged"].eq(True).all()
    assert bad["converged"].eq(False).all()
    assert set(bad["status"]) == {"ok"}
    assert list(bad["parameter"]) == list(good["parameter"])
    assert (bad["deviance"] > good["deviance"] + 1e-3).all()
    assert bad["estimate"].notna().all()
    # the mark is kept in the file and counted
    write_rows(tmp_path / "bad.parquet", bad, {})
    table = performance(read_rows(tmp_path / "bad.parquet"), seed=1)
    rates = table[table["parameter"] == "(fit)"].set_index(["analysis", "measure"])["estimate"]
    assert rates.to_dict() == {
        (analysis, measure): value
        for analysis in ("all", "none")
        for measure, value in (
            ("convergence_rate", 0.0),
            ("singular_rate", 0.0),
            ("failure_rate", 0.0),
        )
    }


@pytest.mark.filterwarnings("ignore::wemix_ref.errors.SingularFitWarning")
def test_a_singular_fit_is_marked_and_no_other(study):
    analyses = {"ours": {"weights": "all"}, "theirs": {"engine": "lme4"}}
    read = study(sd_teacher=0.05, analyses=analyses)
    rows = run(read, range(8), by_python)
    draws = Draws(read, read.scenario(SCENARIO))
    marks = {"ours": [], "theirs": []}
    for replicate in range(8):
        drawn = draws.draw(replicate)
        data = drawn.frame.assign(**{f"w_{name}": w for name, w in drawn.weights.items()})
        names = ["w_student", "w_teacher", "w_school"]
        fits = {"ours": mix(MODEL, data, names), "theirs": mix(MODEL, data)}
        for analysis, fit in fits.items():
            own = rows[(rows["replicate"] == replicate) & (rows["analysis"] == analysis)]
            assert set(own["singular"]) == {fit.singular}
            assert own["deviance"].to_numpy() == pytest.approx(fit.deviance, rel=1e-12)
            marks[analysis].append(fit.singular)
    assert set(marks["ours"]) == set(marks["theirs"]) == {True, False}


def test_rows_stand_by_replicate_then_in_the_order_of_the_file(study):
    analyses = {"z": {}, "m": {"engine": "lme4"}, "a": {"weights": "all"}}
    rows = run(study(analyses=analyses), [3, 1], by_python)
    parameters = ["(Intercept)", "x", "var teacher (Intercept)", "var school (Intercept)", "sigma2"]
    assert rows[["replicate", "analysis", "parameter"]].to_numpy().tolist() == [
        [replicate, analysis, parameter]
        for replicate in (1, 3)
        for analysis in ("z", "m", "a")
        for parameter in parameters
    ]
