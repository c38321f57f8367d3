"""Who is right: states by a made-up R, ours held to the oracles, never blamed for R's answer."""

from __future__ import annotations

from dataclasses import replace

import pytest

from wemix_ref.divergences import live as live_module
from wemix_ref.divergences.demonstrate import demonstrate
from wemix_ref.divergences.live import LiveAnswer
from wemix_ref.divergences.specs import load_divergences
from wemix_ref.divergences.states import (
    ANOTHER_MODEL,
    ANOTHER_MODEL_RECORDED,
    DIVERGES,
    DIVERGES_RECORDED,
    FIXED,
    FIXED_RECORDED,
    NOT_JUDGED,
    NOT_RUN,
)
from wemix_ref.divergences.table import COLUMNS, failures, read_all, states, table, tell, write_all
from wemix_ref.divergences.verdict import agree
from wemix_ref.engines.r_process import RReply
from wemix_ref.errors import CaseError, EngineError
from wemix_ref.files import write_json

SPECS = load_divergences()
OFFSET = SPECS["offset"]


def no_engine(name):
    raise AssertionError(f"no engine is asked without R; {name} was")


def recorded_only(spec):
    return demonstrate(spec, live=False, engines=no_engine)


class Unavailable:
    """An engine that is not here."""

    def fit(self, problem, thetas, *, timeout):  # noqa: ARG002
        from wemix_ref.engines.record import without_answer

        return without_answer(problem, "lme4", "unavailable", "not here")


def live(spec, values, *, error="", told=()):
    """A demonstration with an R that answers so."""
    answer = LiveAnswer(
        True, "", {"R": "9.0.0", spec.program: "99.0"}, "C", values, "printed", list(told), error
    )
    return demonstrate(
        spec, live=True, run=lambda _spec, _timeout: answer, engines=lambda _name: Unavailable()
    )


@pytest.fixture(scope="module")
def results():
    return {name: recorded_only(spec) for name, spec in SPECS.items()}


def right_values(result):
    return {number["name"]: number["right"] for number in result["numbers"]}


@pytest.mark.parametrize("name", SPECS)
def test_without_r_ours_is_right_and_the_record_is_not(results, name):
    result = results[name]
    wrong = SPECS[name].kind == "wrong"
    assert result["state"] == (DIVERGES_RECORDED if wrong else ANOTHER_MODEL_RECORDED)
    assert result["reason"] == "R was not asked"
    assert result["ours_agree"], result["wrong"]
    assert not all(number["recorded_agrees"] for number in result["numbers"])
    assert any(one["status"] == "ok" and one["by"] != "program" for one in result["oracles"])


@pytest.mark.parametrize("name", SPECS)
def test_a_version_with_the_right_answer_is_fixed_upstream(results, name):
    result = live(SPECS[name], right_values(results[name]))
    assert result["state"] == FIXED
    assert result["ours_agree"], result["wrong"]
    assert result["live"]["versions"][SPECS[name].program] == "99.0"
    assert result["recorded"] is not None


@pytest.mark.parametrize("name", SPECS)
def test_one_wrong_number_is_enough(results, name):
    values = right_values(results[name])
    last = list(values)[-1]
    values[last] = values[last] + 0.01 * (abs(values[last]) or 1.0)
    result = live(SPECS[name], values)
    assert result["state"] == (DIVERGES if SPECS[name].kind == "wrong" else ANOTHER_MODEL)
    assert [n["name"] for n in result["numbers"] if not n["live_agrees"]] == [last]
    assert result["ours_agree"]


def test_an_error_of_r_diverges_where_none_is_needed():
    result = live(SPECS["dots"], {}, error="subscript out of bounds")
    assert result["state"] == DIVERGES
    assert result["live"]["error"] == "subscript out of bounds"
    assert result["ours_agree"]


def test_a_number_that_is_not_given_is_not_right(results):
    values = right_values(results["offset"])
    values.pop("slope")
    assert live(OFFSET, values)["state"] == DIVERGES
    assert live(OFFSET, {**values, "slope": None})["state"] == DIVERGES


@pytest.mark.parametrize(
    "reason", ["R is not installed", "R was ended after its time limit of 1 s"]
)
def test_an_r_that_does_not_run_leaves_the_record_and_the_reason(reason):
    result = demonstrate(
        OFFSET,
        live=True,
        run=lambda _spec, _timeout: LiveAnswer(False, reason),
        engines=lambda _name: Unavailable(),
    )
    assert (result["state"], result["reason"]) == (DIVERGES_RECORDED, reason)
    assert result["live"] is None
    unavailable = [one["by"] for one in result["oracles"] if one["status"] == "unavailable"]
    assert unavailable == ["lme4-replicated"]


def test_an_r_that_was_killed_is_no_answer_to_be_kept(monkeypatch):
    reply = RReply("failed", "R ended by SIGKILL", None, 0.1, ended=True, killed=True)
    monkeypatch.setattr(live_module, "call_r", lambda *_, **__: reply)
    spec = next(iter(load_divergences().values()))
    with pytest.raises(EngineError, match=f"divergence {spec.id}; R ended by SIGKILL"):
        live_module.ask(spec, 10.0)


def test_ours_away_from_an_oracle_is_a_failure():
    moved = replace(OFFSET, numbers=tuple(replace(n, quantity="llf") for n in OFFSET.numbers))
    result = recorded_only(moved)
    assert not result["ours_agree"]
    told = failures([result])
    assert any(line.startswith("offset: intercept: ours is ") for line in told)
    assert len(told) == 4  # two oracles for each coefficient


def test_a_number_that_no_oracle_can_give_is_a_failure():
    alone = replace(OFFSET, oracles=OFFSET.oracles[1:2])  # lme4, which is not asked
    result = recorded_only(alone)
    assert result["wrong"] == [f"{n.name}: no oracle could run" for n in OFFSET.numbers]


def test_a_record_without_divergence_is_a_failure(monkeypatch, results):
    record = {**results["offset"]["recorded"], "values": right_values(results["offset"])}
    monkeypatch.setattr("wemix_ref.divergences.demonstrate.recorded_answer", lambda _spec: record)
    result = recorded_only(OFFSET)
    assert result["state"] == FIXED_RECORDED
    assert result["wrong"] == [
        "the recorded answer agrees with the oracles: it shows no divergence"
    ]


def test_without_any_answer_nothing_was_run(monkeypatch):
    monkeypatch.setattr("wemix_ref.divergences.demonstrate.recorded_answer", lambda _spec: None)
    result = recorded_only(OFFSET)
    assert result["state"] == NOT_RUN
    assert all(number["recorded_agrees"] is None for number in result["numbers"])
    assert result["ours_agree"]


def test_an_answer_without_an_oracle_is_not_judged(results):
    """None of R's is called wrong or right because nothing could be asked."""
    alone = replace(OFFSET, oracles=OFFSET.oracles[1:2])  # lme4, which is not here
    assert recorded_only(alone)["state"] == NOT_JUDGED
    result = live(alone, right_values(results["offset"]))
    assert result["state"] == NOT_JUDGED
    assert {n["live_agrees"] for n in result["numbers"]} == {None}


def test_the_live_answer_has_the_word(results):
    """A version that gives the right answer is fixed, whatever was recorded before it."""
    assert results["offset"]["state"] == DIVERGES_RECORDED
    assert live(OFFSET, right_values(results["offset"]))["state"] == FIXED


def test_a_quantity_that_the_fit_has_not_is_refused():
    numbers = (replace(OFFSET.numbers[0], quantity="beta nobody"),)
    with pytest.raises(CaseError, match="there is no `beta nobody`"):
        recorded_only(replace(OFFSET, numbers=numbers))


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [
        (1.0, 1.0 + 1e-7, True),
        (1.0, 1.0 + 1e-5, False),
        (0.0, 0.0, True),
        (0.0, 1e-300, False),
        (None, None, True),
        (None, 0.0, False),
        (1.0, None, False),
    ],
)
def test_numbers_agree_by_their_relative_difference(first, second, same):
    assert agree(first, second, 1e-6) is same


def test_the_same_answers_give_the_same_content(results):
    assert recorded_only(OFFSET) == results["offset"]


def test_the_table_has_a_row_for_each_judged_number(results, tmp_path):
    paths = []
    for name, result in results.items():
        paths.append(tmp_path / f"{name}.json")
        write_json(paths[-1], result)
    write_all(paths, tmp_path / "all.csv", tmp_path / "all.json")
    read = read_all(tmp_path / "all.json")
    assert [one["divergence"] for one in read][:2] == ["dots", "four-level-relabel"]
    assert read[-1]["divergence"] == "lavaan-sampling-weights"
    rows = table(read)
    assert list(rows.columns) == list(COLUMNS)
    assert len(rows) == sum(len(spec.numbers) for spec in SPECS.values())
    assert (tmp_path / "all.csv").read_text() == rows.to_csv(index=False)
    assert states(read) == {DIVERGES_RECORDED: len(SPECS) - 1, ANOTHER_MODEL_RECORDED: 1}
    assert tell(read).startswith(f"R diverges (recorded): {len(SPECS) - 1} (dots, ")
    assert failures(read) == []
    with pytest.raises(CaseError, match="results of divergences"):
        read_all(paths[0])
