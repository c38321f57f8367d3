"""Whole runs are held against each other file by file."""

from __future__ import annotations

from wemix_ref.reliability.whole_runs import RUNS, _hashes, differing


def test_a_file_that_differs_or_is_not_there_is_named(tmp_path):
    for run in ("one", "other"):
        for name in ("tables/numbers.csv", "logs/a.log", "studies/s/timing/x/1.json", "fits/a.csv"):
            path = tmp_path / run / name
            path.parent.mkdir(parents=True)
            path.write_text("1")
    one, other = (_hashes(tmp_path / run) for run in ("one", "other"))
    assert set(one) == {"tables/numbers.csv", "fits/a.csv"}
    assert differing(one, other) == []
    (tmp_path / "other" / "tables" / "numbers.csv").write_text("1.0000000000000002")
    (tmp_path / "other" / "fits" / "a.csv").unlink()
    (tmp_path / "other" / "logs" / "a.log").write_text("2")
    assert differing(one, _hashes(tmp_path / "other")) == ["fits/a.csv", "tables/numbers.csv"]


def test_runs_are_on_one_two_and_eight_cores_with_jobs_of_several_sizes():
    assert {run.cores for run in RUNS} == {1, 2, 8}
    assert len({run.chunk for run in RUNS}) == 3
    assert any(run.first for run in RUNS)
