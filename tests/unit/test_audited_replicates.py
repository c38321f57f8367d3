"""Which fits an audit repeats: those of the first replicates, each once."""

from __future__ import annotations

import pandas as pd
import pytest
import yaml

from wemix_ref.simulate.audit import AuditProblem
from wemix_ref.simulate.audit_study import audit_problems
from wemix_ref.simulate.draws import Draws
from wemix_ref.simulate.study import load_study

SCENARIO = "informative-true"
ANALYSES = {
    "none": {},
    "all": {"weights": "all", "se": ["wemix", "gllamm"]},
    "elsewhere": {"engine": "lme4"},
    "scaled": {"weights": "all", "scale": "size"},
}


@pytest.fixture
def problems(project_root, tmp_path):
    tiny = yaml.safe_load((project_root / "tests" / "workflow" / "tiny-study.yaml").read_text())

    def make(audit, **changes):
        path = tmp_path / "tiny.yaml"
        content = {**tiny, "analyses": ANALYSES, "audit": audit, **changes}
        path.write_text(yaml.safe_dump(content, sort_keys=False))
        study = load_study(path)
        scenario = study.scenario(SCENARIO)
        return audit_problems(study, scenario), Draws(study, scenario)

    return make


def places(found):
    return [(one.replicate, one.analysis) for one in found]


@pytest.mark.parametrize("count", [0, 1, 3])
def test_the_first_replicates_are_audited_each_fit_once(problems, count):
    found, draws = problems({"replicates": count})
    # recipes share a fit, and what R fitted needs no audit by R
    assert places(found) == [
        (replicate, name) for replicate in range(count) for name in ("none", "all-wemix", "scaled")
    ]
    assert all(isinstance(one, AuditProblem) for one in found)
    for one in found:
        frame = draws.draw(one.replicate).frame
        pd.testing.assert_series_equal(
            one.problem.data["y"].reset_index(drop=True), frame["y"], check_exact=True
        )


def test_no_more_are_audited_than_there_are(problems):
    found, _ = problems({"replicates": 9}, replicates=2)
    assert {replicate for replicate, _ in places(found)} == {0, 1}


@pytest.mark.parametrize(
    ("named", "expected"),
    [
        (["scaled"], ["scaled"]),
        # under the name of the analysis that was asked for
        (["all-gllamm", "none"], ["none", "all-gllamm"]),
        (["elsewhere"], []),
    ],
)
def test_analyses_named_are_audited_and_no_others(problems, named, expected):
    found, _ = problems({"replicates": 2, "analyses": named})
    assert places(found) == [(replicate, name) for replicate in (0, 1) for name in expected]


def test_a_problem_has_the_weights_of_its_analysis(problems):
    found, draws = problems({"replicates": 1})
    by_name = {one.analysis: one.problem for one in found}
    drawn = draws.draw(0)
    assert by_name["none"].weights is None
    plain = by_name["all-wemix"]
    levels = ("student", "teacher", "school")
    for column, level in zip(plain.weights, levels, strict=True):
        assert plain.data[column].to_numpy() == pytest.approx(drawn.weights[level], rel=1e-12)
    scaled = by_name["scaled"]
    first = scaled.weights[0]
    # scaled to the number of members: 4 students of each teacher
    assert (scaled.data[first] != plain.data[first]).all()
