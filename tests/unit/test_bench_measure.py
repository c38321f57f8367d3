"""A measurement in earnest: processes of their own, turns, time limits, stages."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.unit.bench_example import MEASUREMENT
from wemix_ref.bench.data import write_columns
from wemix_ref.bench.judge import judge
from wemix_ref.bench.measure import machine, measure
from wemix_ref.bench.processes import RPlayer, Worker
from wemix_ref.bench.specs import DataSpec, EngineSpec, Target
from wemix_ref.errors import EngineError
from wemix_ref.report.bench_view import STAGES


@pytest.fixture(scope="module")
def measured() -> tuple[dict[str, Any], list[str]]:
    told: list[str] = []
    return measure(MEASUREMENT, told.append), told


def test_programs_take_turns(measured: tuple[dict[str, Any], list[str]]) -> None:
    record, told = measured
    order = [line.split(": ")[1].split(",")[0] for line in told if "turn" in line]
    assert order == ["frame", "arrays", "cross-product"] * 2
    for engine in record["engines"].values():
        assert engine["status"] == "ok", engine["message"]
        assert [turn["turn"] for turn in engine["turns"]] == [0, 1]
        assert all(turn["seconds"] > 0 for turn in engine["turns"])
    json.dumps(record, allow_nan=False)


def test_answers_memory_and_counts_are_kept(measured: tuple[dict[str, Any], list[str]]) -> None:
    record, _ = measured
    frame, arrays = (record["engines"][name] for name in ("frame", "arrays"))
    deviances = {turn["deviance"] for one in (frame, arrays) for turn in one["turns"]}
    assert len(deviances) == 1
    assert frame["turns"][0]["evaluations"] > 1
    assert frame["input_bytes"] == 400 * 8 * (2 + 3 + 2)  # y, x1, w1 to w3, two ids
    assert frame["turns"][-1]["peak_bytes"] > 0
    assert record["groups"] == {"class": 80, "school": 20}
    assert set(record["machine"]) == {"cpu", "cores"}
    assert machine() == record["machine"]


def test_the_stages_and_a_profile_are_told(measured: tuple[dict[str, Any], list[str]]) -> None:
    record, _ = measured
    (stages,) = record["stages"].values()
    assert tuple(stages["seconds"]) == STAGES
    assert all(value > 0 for value in stages["seconds"].values())
    assert stages["evaluations"] == record["engines"]["frame"]["turns"][0]["evaluations"]
    assert any("." in row["function"] for row in record["profile"])
    assert not any("/" in row["function"] for row in record["profile"])


def test_targets_are_judged_by_what_was_measured(
    measured: tuple[dict[str, Any], list[str]],
) -> None:
    frame, arrays = judge(MEASUREMENT, measured[0])
    # a fit of 400 rows takes more than five cross-products of them
    assert (frame.met, arrays.met) == (False, None)
    assert frame.ratio is not None
    assert frame.ratio > 5.0


def test_a_program_that_takes_too_long_is_ended(tmp_path: Path) -> None:
    columns = write_columns(MEASUREMENT.data, tmp_path / "columns")
    worker = Worker(MEASUREMENT, EngineSpec("frame", time_limit=0.01), columns, tmp_path)
    assert worker.turn() == {"status": "timeout", "message": "ended after its limit of 0.01 s"}
    assert worker.turn()["status"] == "timeout"
    worker.close()


def test_a_program_that_fails_is_a_status_and_the_others_go_on() -> None:
    wrong = replace(
        MEASUREMENT,
        formula="y ~ x1 + (1|class)",  # three weights, two levels
        engines=(EngineSpec("frame"),),
        targets=(Target("frame", "rate", at_least=1.0),),
        rounds=1,
    )
    told: list[str] = []
    record = measure(wrong, told.append)
    assert record["engines"]["frame"]["status"] == "failed"
    assert "WeightsError" in record["engines"]["frame"]["message"]
    (judged,) = judge(wrong, record)
    assert judged.met is None
    assert "WeightsError" in judged.why


def test_many_small_samples_are_told_by_the_fit() -> None:
    study = replace(
        MEASUREMENT,
        data=DataSpec(60, sizes=(4, 3), covariates=1, weighted=True, replicates=3),
        engines=tuple(EngineSpec(f"study-{name}") for name in ("arrays", "alone", "frames")),
        targets=(),
        rounds=1,
    )
    record = measure(study, lambda _: None)
    arrays, alone, frames = (
        record["engines"][f"study-{name}"]["turns"][0] for name in ("arrays", "alone", "frames")
    )
    assert arrays["fits"] == alone["fits"] == frames["fits"] == 3
    assert arrays["deviance"] == pytest.approx(frames["deviance"], rel=1e-12)
    assert alone["deviance"] == pytest.approx(frames["deviance"], rel=1e-12)


def test_loops_that_are_not_compiled_give_the_same_answer() -> None:
    plain = EngineSpec("frame", compiled=False)
    both = replace(MEASUREMENT, engines=(EngineSpec("frame"), plain), targets=(), rounds=1)
    engines = measure(both, lambda _: None)["engines"]
    assert "numba" not in engines["frame-numpy"]["versions"]
    deviances = [engines[name]["turns"][0]["deviance"] for name in ("frame", "frame-numpy")]
    assert deviances[0] == pytest.approx(deviances[1], rel=1e-12)


def test_a_new_process_is_timed_from_its_import() -> None:
    start = replace(
        MEASUREMENT,
        kind="start",
        data=DataSpec(150, sizes=(5, 3), covariates=1, weighted=True),
        engines=(EngineSpec("import"), EngineSpec("first-fit")),
        targets=(Target("import", "seconds"),),
        rounds=1,
    )
    record = measure(start, lambda _: None)
    for part in ("import", "first-fit"):
        assert record["engines"][part]["status"] == "ok"
        assert len(record["engines"][part]["turns"]) == 1
    (judged,) = judge(start, record)
    assert judged.ratio == record["engines"]["import"]["turns"][0]["seconds"]


@pytest.mark.live_r
def test_lme4_is_timed_in_r_and_comes_to_the_same_answer() -> None:
    plain = replace(
        MEASUREMENT,
        data=replace(MEASUREMENT.data, weighted=False),
        engines=(EngineSpec("frame"), EngineSpec("lme4")),
        targets=(Target("frame", "faster", "lme4", at_least=1e-9),),
        rounds=1,
    )
    record = measure(plain, lambda _: None)
    theirs = record["engines"]["lme4"]
    assert theirs["status"] == "ok", theirs["message"]
    assert theirs["versions"]["lme4"]
    assert theirs["turns"][0]["seconds"] < record["took"]
    (judged,) = judge(plain, record)
    assert judged.met is True, judged.why


def test_without_r_its_programs_are_not_available(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WEMIX_REF_NO_R", "1")
    columns = write_columns(MEASUREMENT.data, tmp_path)
    answer = RPlayer(MEASUREMENT, EngineSpec("wemix"), columns).turn()
    assert answer["status"] == "unavailable"
    with pytest.raises(EngineError, match="'lme4-shuffled'"):
        RPlayer(MEASUREMENT, EngineSpec("lme4", order="shuffled"), columns)
