"""Ratios are of turns in the same round, and judged only where they may be."""

from __future__ import annotations

import pytest

from tests.unit.bench_example import asked, engine, record
from wemix_ref.bench.judge import Judged, exponent, judge, judge_growth
from wemix_ref.bench.specs import EngineSpec, Growth, Measurement, StandIn, Target

FASTER = Target("frame", "faster", "arrays", at_least=4.0)


def only(measurement: Measurement, **engines: dict[str, object]) -> Judged:
    (found,) = judge(measurement, record(measurement, **engines))
    return found


def test_a_ratio_is_the_median_over_rounds_in_which_both_ran() -> None:
    # rounds: 10/2, 30/3, none
    found = only(asked(FASTER), frame=engine(2.0, 3.0, 1.0), arrays=engine(10.0, 30.0))
    assert found.ratio == pytest.approx(7.5)
    assert found.met is True
    other = only(asked(FASTER), frame=engine(4.0, 4.0), arrays=engine(10.0, 6.0))
    assert other.ratio == pytest.approx(2.0)
    assert other.met is False


def test_within_is_the_other_way_round() -> None:
    target = Target("frame", "within", "arrays", at_most=5.0)
    found = only(asked(target), frame=engine(8.0), arrays=engine(2.0))
    assert (found.ratio, found.met, found.bound) == (4.0, True, "<= 5")
    assert only(asked(target), frame=engine(12.0), arrays=engine(2.0)).met is False


def test_memory_rate_and_seconds_need_no_other() -> None:
    memory = asked(Target("frame", "memory", at_most=3.0))
    assert only(memory, frame=engine(1.0, 1.0)).ratio == pytest.approx(3.0)  # 6 MB of 2 MB
    assert only(memory, frame=engine(1.0, 1.0)).met is True
    assert only(memory, frame=engine(1.0, 1.0, 1.0)).met is False
    rate = asked(Target("frame", "rate", at_least=1000.0))
    found = only(rate, frame=engine(0.001, 0.0005, 0.0005))
    assert (found.ratio, found.met) == (2000.0, True)
    seconds = asked(Target("frame", "seconds", at_most=1.0))
    assert only(seconds, frame=engine(1.5)).met is False


def test_a_target_is_not_judged_at_another_size() -> None:
    found = only(asked(FASTER, as_asked=False), frame=engine(1.0), arrays=engine(9.0))
    assert (found.ratio, found.met, found.why) == (9.0, None, "the target is about another size")


@pytest.mark.parametrize(
    ("ours", "theirs", "why"),
    [
        (100.001, 100.0, "our deviance lies above that of arrays by 0.001"),
        (100.0, 100.001, "the deviance of arrays lies above ours by 0.001: another answer"),
    ],
)
def test_speed_is_not_judged_where_answers_differ(ours: float, theirs: float, why: str) -> None:
    found = only(
        asked(FASTER), frame=engine(1.0, deviance=ours), arrays=engine(9.0, deviance=theirs)
    )
    assert found.met is None
    assert found.why == why


def test_a_lower_deviance_within_what_is_allowed_is_judged() -> None:
    near = engine(9.0, deviance=100.00005)
    assert only(asked(FASTER), frame=engine(1.0), arrays=near).met is True
    none = engine(9.0, deviance=None)  # a cross-product has no deviance
    assert only(asked(FASTER), frame=engine(1.0), arrays=none).met is True


def test_a_program_that_did_not_run_is_told() -> None:
    slow = engine(status="timeout", message="ended after its limit of 3 s")
    found = only(asked(FASTER), frame=engine(1.0), arrays=slow)
    assert (found.ratio, found.met) == (None, None)
    assert found.why == "arrays: ended after its limit of 3 s"
    assert only(asked(FASTER), frame=slow, arrays=engine(1.0)).met is None


def test_another_program_stands_in_by_a_recorded_ratio() -> None:
    engines = (EngineSpec("frame"), EngineSpec("lme4"), EngineSpec("wemix"))
    target = Target(
        "frame", "faster", "wemix", at_least=100.0, stand_in=StandIn("lme4", 50.0, "recorded")
    )
    absent = engine(status="unavailable", message="the R package WeMix is not installed")
    # lme4 fits without the weights here: its deviance is another on purpose
    lme4 = engine(6.0, deviance=7.0)
    found = only(asked(target, engines=engines), frame=engine(2.0), lme4=lme4, wemix=absent)
    assert found.ratio == pytest.approx(150.0)
    assert found.met is True
    assert found.why == "lme4 here times 50, recorded"
    live = only(asked(target, engines=engines), frame=engine(2.0), lme4=lme4, wemix=engine(20.0))
    assert (live.ratio, live.met, live.why) == (10.0, False, "")


def test_an_exponent_is_that_of_a_power() -> None:
    rows = [1e4, 1e5, 1e6, 1e7]
    assert exponent(rows, [3e-6 * n**1.25 for n in rows]) == pytest.approx(1.25, abs=1e-12)


GROWTH = Growth("small", "frame", 100, 10_000, 1.05)


def sized(rows: int, seconds: float, curve: str | None = "small") -> dict[str, object]:
    return {**record(frame=engine(seconds, seconds)), "rows": rows, "curve": curve}


def test_growth_is_judged_over_the_whole_span() -> None:
    records = [sized(100, 1.0), sized(1000, 10.0), sized(10_000, 100.0), sized(10, 9.0)]
    found = judge_growth(GROWTH, [*records, sized(1000, 1e9, curve=None)])
    assert found.ratio == pytest.approx(1.0)
    assert found.met is True
    assert judge_growth(GROWTH, [sized(100, 1.0), sized(10_000, 1000.0)]).met is False
    part = judge_growth(GROWTH, records[:2])
    assert (part.ratio, part.met) == (pytest.approx(1.0), None)
    assert "the target is about 100 to 10,000" in part.why
    assert judge_growth(GROWTH, records[:1]).ratio is None
