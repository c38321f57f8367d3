"""Which fits of a study are audited, and what stands where there is nothing to fit."""

from __future__ import annotations

import pandas as pd
import pytest
import yaml

from wemix_ref.report.studies.agreement import audit_lines, audit_messages
from wemix_ref.simulate.audit import NoProblem, audit
from wemix_ref.simulate.audit_study import audit_problems, audit_scenario
from wemix_ref.simulate.study import load_study
from wemix_ref.simulate.verdict import judge

SCENARIO = "informative-true"


@pytest.fixture
def study(project_root, tmp_path, monkeypatch):
    monkeypatch.setenv("WEMIX_REF_NO_R", "1")
    tiny = yaml.safe_load((project_root / "tests" / "workflow" / "tiny-study.yaml").read_text())

    def make(**changes):
        path = tmp_path / "tiny.yaml"
        content = {**tiny, "audit": {"replicates": 4}, **changes}
        path.write_text(yaml.safe_dump(content, sort_keys=False))
        return load_study(path)

    return make


#: Of twelve schools one or none is taken: of the first four replicates some have no sample.
FEW = {
    "school": {"method": "poisson", "probability": "where(informative, 0.06, 0.5)"},
    "student": {"method": "srs", "size": 4},
}


def sizes(study):
    """How many schools the samples of the audited replicates have, by another way."""
    from wemix_ref.simulate.draws import Draws
    from wemix_ref.simulate.sampling import EmptySample

    draws = Draws(study, study.scenario(SCENARIO))
    out = []
    for replicate in range(study.audit.replicates):
        try:
            out.append(draws.draw(replicate).frame["school"].nunique())
        except EmptySample:
            out.append(0)
    return out


def test_each_fit_of_each_replicate_is_audited_once(study):
    read = study()
    found = audit_problems(read, read.scenario(SCENARIO))
    places = [(one.replicate, one.analysis) for one in found]
    assert places == [(r, name) for r in range(4) for name in ("unweighted", "weighted-wemix")]


def test_a_replicate_without_a_sample_is_a_row_for_each_fit(study):
    read = study(sampling=FEW, seed=4)
    assert sorted(set(sizes(read)))[0] == 0
    table = audit_scenario(read, read.scenario(SCENARIO), timeout=60)
    empty = [r for r, n in enumerate(sizes(read)) if n == 0]
    rows = table[table["name"] == "no sample"]
    assert list(zip(rows["replicate"], rows["analysis"], strict=True)) == [
        (r, name) for r in empty for name in ("unweighted", "weighted-wemix")
    ]
    assert set(rows["tier"]) == {"status"}
    assert set(rows["engine"]) == {"python"}
    assert rows["ok"].isna().all()
    assert (rows["message"].str.len() > 10).all()
    # nothing of the audit is without a row
    told = set(zip(table["replicate"], table["analysis"], strict=True))
    assert told == {(r, name) for r in range(4) for name in ("unweighted", "weighted-wemix")}


def test_a_model_that_means_nothing_on_a_sample_is_a_row(study):
    analyses = {"u": {"weights": "none"}, "w": {"weights": "all"}}
    read = study(analyses=analyses, model="y ~ log(x) + (1 | school/teacher)")
    rows = audit(audit_problems(read, read.scenario(SCENARIO)), ["lme4"])
    failed = rows[rows["analysis"] == "w"]
    assert failed["replicate"].tolist() == [0, 1, 2, 3]
    assert set(failed["name"]) == {"failed"}
    assert failed["message"].str.startswith("DataError: ").all()
    assert failed["ok"].isna().all()


def test_what_was_not_compared_is_counted_and_no_verdict(study, tmp_path):
    read = study()
    gone = [NoProblem(SCENARIO, r, "unweighted", "no sample", "nobody came") for r in (0, 2)]
    path = tmp_path / "audit.csv"
    audit(gone).to_csv(path, index=False)
    table = pd.read_csv(path)

    class View:
        audit = table

    assert audit_messages(View) == [("wemix_ref by itself", "no sample: nobody came", 2)]
    assert audit_lines(View) == []
    performance = pd.DataFrame(columns=["scenario", "analysis", "parameter", "measure", "estimate"])
    text, faults = judge(read, table, performance, tmp_path)
    assert faults == []
    assert "nothing compared" in text
