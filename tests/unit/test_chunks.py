"""Chunks: which replicates a job computes, which it takes from files, and the pace of jobs."""

from __future__ import annotations

import json
import re

import pandas as pd
import pytest
import yaml

from wemix_ref.errors import StudyError
from wemix_ref.simulate import chunks
from wemix_ref.simulate.chunks import Progress, gather, made_with_of, progress_of, run_chunk
from wemix_ref.simulate.replicates import run_replicates
from wemix_ref.simulate.storage import chunk_name, made_from_of, read_rows, write_rows
from wemix_ref.simulate.study import load_study
from wemix_ref.simulate.summarise import summarise

SCENARIO = "informative-true"
MADE_WITH = {"code": "c", "numpy": "2"}


@pytest.fixture
def study(project_root, tmp_path):
    tiny = yaml.safe_load((project_root / "tests" / "workflow" / "tiny-study.yaml").read_text())

    def make(**changes):
        path = tmp_path / "tiny.yaml"
        path.write_text(yaml.safe_dump({**tiny, **changes}, sort_keys=False))
        return load_study(path)

    return make


@pytest.fixture
def asked(monkeypatch):
    """Lists of replicates, one of each call of run_replicates, which still computes them."""
    calls = []

    def counted(study, scenario, replicates, elsewhere=None):
        calls.append(list(replicates))
        return run_replicates(study, scenario, replicates, elsewhere)

    monkeypatch.setattr(chunks, "run_replicates", counted)
    return calls


@pytest.fixture
def job(tmp_path):
    """Run a chunk; its file and what its timing says."""

    def run(study, first, stop, made_with=MADE_WITH, scenario=SCENARIO, place="results"):
        name = chunk_name(first, stop)
        out = tmp_path / place / scenario / f"{name}.parquet"
        timing = tmp_path / place / "timing" / scenario / f"{name}.json"
        run_chunk(study, study.scenario(scenario), first, stop, made_with, out, timing)
        return out, json.loads(timing.read_text())

    return run


def replicates(path):
    return list(dict.fromkeys(read_rows(path)["replicate"]))


def test_a_job_computes_its_replicates_from_the_first_up_to_without_the_last(study, asked, job):
    out, told = job(study(), 3, 6)
    assert asked == [[3, 4, 5]]
    assert replicates(out) == [3, 4, 5]
    assert (told["replicates"], told["computed"], told["scenario"]) == (3, 3, SCENARIO)
    assert told["ended"] >= told["started"]
    read = study()
    alone = run_replicates(read, read.scenario(SCENARIO), [4])
    own = read_rows(out)
    own = own[own["replicate"] == 4].reset_index(drop=True)
    numbers = ["analysis", "parameter", "estimate", "se", "target", "deviance"]
    pd.testing.assert_frame_equal(own[numbers], alone[numbers], check_exact=True, check_dtype=False)


def test_replicates_that_files_hold_are_not_computed_again(study, asked, job):
    read = study()
    job(read, 0, 2)
    job(read, 4, 6)
    del asked[:]
    # chunks of another size, over what is there and what is not
    out, told = job(read, 1, 5)
    assert asked == [[2, 3]]
    assert replicates(out) == [1, 2, 3, 4]
    assert (told["replicates"], told["computed"]) == (4, 2)
    fresh, _ = job(study(), 1, 5, place="elsewhere")
    assert asked == [[2, 3], [1, 2, 3, 4]]
    assert out.read_bytes() == fresh.read_bytes()
    # and where all is there, nothing
    out, told = job(read, 0, 6)
    assert len(asked) == 2
    assert replicates(out) == [0, 1, 2, 3, 4, 5]
    assert (told["replicates"], told["computed"]) == (6, 0)


@pytest.mark.parametrize(
    ("changes", "made_with"),
    [
        ({"seed": 12}, MADE_WITH),
        ({"model": "y ~ 1 + (1 | school/teacher)"}, MADE_WITH),
        ({}, {**MADE_WITH, "code": "d"}),
        ({}, {**MADE_WITH, "numpy": "3"}),
        ({}, {"code": "c"}),
    ],
)
def test_files_made_from_something_else_are_not_taken(study, asked, job, changes, made_with):
    job(study(), 0, 2)
    out, told = job(study(**changes), 1, 3, made_with)
    assert asked == [[0, 1], [1, 2]]
    assert told["computed"] == 2
    fresh, _ = job(study(**changes), 1, 3, made_with, place="elsewhere")
    assert out.read_bytes() == fresh.read_bytes()


def test_files_of_another_scenario_are_not_taken(study, asked, job):
    read = study()
    first, _ = job(read, 0, 2, scenario="informative-false")
    second, _ = job(read, 0, 2)
    assert asked == [[0, 1], [0, 1]]
    # nor when such a file lies in the place of this scenario's
    second.write_bytes(first.read_bytes())
    out, _ = job(read, 0, 3)
    assert asked[2:] == [[0, 1, 2]]
    assert set(read_rows(out)["scenario"]) == {SCENARIO}


def test_who_fits_elsewhere_is_handed_on(study, monkeypatch, tmp_path):
    read, given = study(), []

    def seen(study, scenario, replicates, elsewhere):
        given.append(elsewhere)
        return run_replicates(study, scenario, replicates)

    def somebody(name, problems):
        raise AssertionError

    monkeypatch.setattr(chunks, "run_replicates", seen)
    out = tmp_path / "chunks" / SCENARIO / f"{chunk_name(0, 1)}.parquet"
    run_chunk(read, read.scenario(SCENARIO), 0, 1, {}, out, tmp_path / "t.json", somebody)
    assert given == [somebody]


def test_gathered_chunks_are_sorted_by_replicate_and_else_as_they_were(study, job):
    read = study()
    paths = [job(read, first, first + 2)[0] for first in (4, 0, 2)]
    rows = gather(paths)
    assert list(dict.fromkeys(rows["replicate"])) == [0, 1, 2, 3, 4, 5]
    whole = run_replicates(read, read.scenario(SCENARIO), range(6))
    keys = ["replicate", "analysis", "parameter", "estimate"]
    pd.testing.assert_frame_equal(rows[keys], whole[keys], check_exact=True, check_dtype=False)


@pytest.mark.parametrize("shared", [0, 3])
def test_a_replicate_in_two_chunks_is_refused(study, job, tmp_path, shared):
    paths = [job(study(), first, first + 2)[0] for first in (0, 2)]
    again = tmp_path / "again.parquet"
    rows = pd.concat([read_rows(path) for path in paths])
    write_rows(again, rows[rows["replicate"] == shared], {})
    assert len(gather(paths)) == len(rows)
    for order in ([*paths, again], [again, *paths]):
        with pytest.raises(StudyError, match=f"replicate {shared} must be in one chunk"):
            gather(order)


def timing(place, scenario, first, stop, started, ended, computed):
    path = place / scenario / f"{chunk_name(first, stop)}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"started": started, "ended": ended, "computed": computed}))


def test_the_time_left_is_the_cost_of_what_is_missing_over_jobs_side_by_side(study, tmp_path):
    read = study()  # two scenarios of 24 replicates, chunks of 6
    place = tmp_path / "timing"
    # replicates of informative-true: 1 s in one job, 3 s in another: 2 s
    timing(place, SCENARIO, 0, 6, 100.0, 106.0, 6)
    timing(place, SCENARIO, 6, 12, 106.0, 115.0, 3)
    assert progress_of(read, place) == Progress(12, 48, pytest.approx((12 + 24) * 2.0))
    # taken from files: done, but it says nothing of what replicates cost
    timing(place, SCENARIO, 12, 18, 200.0, 200.1, 0)
    assert progress_of(read, place) == Progress(18, 48, pytest.approx((6 + 24) * 2.0))
    # a file that is cut short is no job that has ended
    (place / SCENARIO / f"{chunk_name(18, 24)}.json").write_text('{"started": 1')
    assert progress_of(read, place).done == 18
    # the other scenario costs 5 s a replicate; side by side for all of the 15 s, twice as fast
    timing(place, "informative-false", 0, 6, 100.0, 115.0, 3)
    assert progress_of(read, place) == Progress(24, 48, pytest.approx((6 * 2.0 + 18 * 5.0) / 2.0))


def test_only_the_last_twenty_jobs_say_how_many_run_side_by_side(study, tmp_path):
    read = study(chunk=1)
    place = tmp_path / "timing"
    # four of one second each at once; then twenty, one after another
    for first in range(4):
        timing(place, "informative-false", first, first + 1, 99.0, 100.0, 1)
    for first in range(20):
        timing(place, SCENARIO, first, first + 1, 100.0 + first, 101.0 + first, 1)
    assert progress_of(read, place) == Progress(24, 48, pytest.approx(24.0))


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.2, "1 s"),
        (89.4, "89 s"),
        (90.0, "2 min"),
        (5399.0, "90 min"),
        (5400.0, "1.5 h"),
    ],
)
def test_durations_are_told_in_a_fitting_unit(seconds, text):
    assert str(Progress(1, 3, seconds)) == f"1 of 3 replicates (33 %), about {text} left"
    assert str(Progress(1, 3, None)) == "1 of 3 replicates (33 %)"


def test_chunks_made_otherwise_are_not_mixed(study, job):
    read = study()
    scenario = read.scenario(SCENARIO)
    numba, numpy = {**MADE_WITH, "numba": "0.60"}, {**MADE_WITH, "numba": "none"}
    paths = [job(read, 0, 1, numba)[0], job(read, 1, 2, numba)[0]]
    assert made_with_of(scenario, paths) == numba
    paths.append(job(read, 2, 3, numpy)[0])
    said = f"numba is '0.60' in {paths[0]} and 'none' in {paths[2]}. Remove the file"
    with pytest.raises(StudyError, match=re.escape(said)):
        made_with_of(scenario, paths)
    other = study(seed=12).scenario(SCENARIO)
    with pytest.raises(StudyError, match="these are from another"):
        made_with_of(other, paths[:2])


def test_scenarios_made_otherwise_are_not_mixed(study, job, tmp_path):
    read = study()
    names = list(read.settings)
    paths = [job(read, 0, 2, MADE_WITH, names[0])[0]]
    paths.append(job(read, 0, 2, {**MADE_WITH, "numpy": "3"}, names[1])[0])
    with pytest.raises(StudyError, match="scenarios of a study must be made with the same; numpy"):
        summarise(read, paths, tmp_path / "out")
    # a scenario with R has more code
    paths[1] = job(read, 0, 2, {**MADE_WITH, "code": "d", "R": "4"}, names[1])[0]
    summarise(read, paths, tmp_path / "out")
    made_from = made_from_of(tmp_path / "out" / "replicates" / f"{names[0]}.parquet")
    assert made_from["made_with"] == MADE_WITH
