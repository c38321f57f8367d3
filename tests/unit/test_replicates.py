"""Replicates whose fits come from elsewhere: what is a row, and what stops the job."""

from __future__ import annotations

import numpy as np
import pytest
import yaml

from wemix_ref.engines import get_engine
from wemix_ref.engines.protocol import FitResult
from wemix_ref.engines.r_answer import result_of
from wemix_ref.engines.r_process import RReply
from wemix_ref.engines.record import validate_record, without_answer
from wemix_ref.errors import EngineError
from wemix_ref.performance import performance
from wemix_ref.simulate.chunks import run_chunk
from wemix_ref.simulate.replicates import run_replicates
from wemix_ref.simulate.storage import read_rows
from wemix_ref.simulate.study import load_study


@pytest.fixture
def study(project_root, tmp_path):
    content = yaml.safe_load((project_root / "tests" / "workflow" / "tiny-study.yaml").read_text())
    content["analyses"] = {
        "ours": {"weights": "none", "se": "model"},
        "theirs": {"weights": "none", "engine": "lme4"},
    }
    path = tmp_path / "tiny.yaml"
    path.write_text(yaml.safe_dump(content, sort_keys=False))
    return load_study(path)


def answering(change):
    """Who fits elsewhere: our estimator under R's name, the answer to the second replicate changed.

    `change` takes the result and returns another, or None where it changed the record in place.
    """

    def fit(name, problems):
        results = [get_engine("python").fit(one, {}, timeout=60) for one in problems]
        results[1] = change(problems[1], results[1]) or results[1]
        return results

    return fit


def run(study, change):
    return run_replicates(study, study.scenario("informative-true"), [0, 1, 2], answering(change))


def failing(status, ended=False):
    def change(problem, _):
        record = without_answer(problem, "lme4", status, "this is why").record
        return FitResult(record, ended=ended)

    return change


def theirs(rows):
    return rows[rows["analysis"] == "theirs"].set_index(["replicate", "parameter"])


def test_answers_from_elsewhere_are_rows_like_ours(study):
    rows = run(study, lambda *_: None)
    ours = rows[rows["analysis"] == "ours"].set_index(["replicate", "parameter"])
    other = theirs(rows)
    assert list(ours.index) == list(other.index)
    assert len(ours) == 3 * 5
    for column in ("target", "n", "n_top", "singular", "converged"):
        assert (ours[column].eq(other[column]) | ours[column].isna()).all(), column
    # searches of a study are started together, mix() starts its own: the last digits may differ
    for column in ("estimate", "se", "deviance"):
        np.testing.assert_allclose(ours[column], other[column], rtol=1e-12, err_msg=column)


def test_an_error_of_the_fit_is_a_failed_row(study):
    rows = run(study, failing("failed"))
    failed = rows[rows["status"] == "failed"]
    assert failed[["replicate", "analysis", "message"]].to_numpy().tolist() == [
        [1, "theirs", "this is why"]
    ]
    assert len(theirs(rows)) == 2 * 5 + 1


@pytest.mark.parametrize(
    ("status", "ended"),
    [("timeout", False), ("unavailable", False), ("failed", True), ("refused", False)],
)
def test_what_the_machine_did_stops_the_job(study, tmp_path, status, ended):
    out = tmp_path / "chunks" / "informative-true" / "0000000-0000003.parquet"
    with pytest.raises(EngineError) as caught:
        run_chunk(
            study,
            study.scenario("informative-true"),
            0,
            3,
            {"code": "c"},
            out,
            tmp_path / "timing.json",
            answering(failing(status, ended)),
        )
    said = str(caught.value)
    for part in ("informative-true", "replicate 1,", "'theirs'", "lme4", "this is why", "again"):
        assert part in said
    assert not out.exists()


def test_the_end_of_r_is_told_from_an_error_in_r(study):
    found = {}

    def change(problem, result):
        for ended in (False, True):
            reply = RReply("failed", "no", None, 0.1, ended)
            found[ended] = result_of(reply, problem, "lme4", [], "model").ended
        return result

    run(study, change)
    assert found == {False: False, True: True}


@pytest.mark.parametrize("value", [np.nan, np.inf, None])
def test_an_estimate_that_is_no_number_is_a_failed_row(study, value):
    def change(_, result):
        result.record["optimum"]["beta"]["x"] = value

    rows = run(study, change)
    failed = rows[rows["status"] == "failed"]
    assert failed[["replicate", "analysis"]].to_numpy().tolist() == [[1, "theirs"]]
    assert "x" in failed["message"].item()
    assert "finite" in failed["message"].item()


@pytest.mark.parametrize("converged", [True, False, None])
@pytest.mark.parametrize("singular", [True, False])
def test_what_an_engine_says_of_its_search_is_what_rows_say(study, tmp_path, converged, singular):
    def fit(name, problems):
        results = [get_engine("python").fit(one, {}, timeout=60) for one in problems]
        for result in results:
            result.record.update(converged=converged, singular=singular)
        return results

    out = tmp_path / "chunks" / "informative-true" / "0000000-0000003.parquet"
    made, timing = {"code": "c"}, tmp_path / "timing.json"
    run_chunk(study, study.scenario("informative-true"), 0, 3, made, out, timing, fit)
    rows = read_rows(out)
    other = rows[rows["analysis"] == "theirs"]
    assert set(other["status"]) == {"ok"}
    assert other["singular"].eq(singular).all()
    assert (
        other["converged"].isna().all()
        if converged is None
        else set(other["converged"]) == {converged}
    )
    table = performance(rows, seed=1)
    rates = table[table["measure"] == "convergence_rate"].set_index("analysis")["estimate"]
    expected = {"ours": 1.0} if converged is None else {"ours": 1.0, "theirs": float(converged)}
    assert rates.to_dict() == expected


@pytest.mark.parametrize(("told", "expected"), [([True], True), ([False], False), (None, None)])
def test_a_record_of_r_says_what_r_said_of_convergence(study, told, expected):
    point = {
        "theta": {"names": ["school.(Intercept)"], "values": [1.0]},
        "deviance": [10.0],
        "beta": {"names": ["(Intercept)"], "values": [0.5]},
        "sigma": [1.0],
        "se_beta": [0.1],
        "cov_beta": [0.01],
        "components": {"group": []},
        "nobs": [20],
        "ngroups": {"names": ["school"], "values": [4]},
    }
    value = {
        "versions": {"R": ["4"]},
        "optimum": point,
        "at": [],
        "messages": ["said"],
        "singular": [False],
        "converged": told,
    }
    found = []

    def change(problem, result):
        found.append(result_of(RReply("ok", "", value, 0.1), problem, "lme4", [], "model").record)
        return result

    run(study, change)
    validate_record(found[0])
    assert found[0]["converged"] is expected
    assert found[0]["singular"] is False
    assert found[0]["messages"] == ["said"]
