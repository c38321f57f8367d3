"""Bad input gets one clear error: what must hold, what was found and where, what to do."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from wemix_ref import mix
from wemix_ref.reliability.bad_files import CSV, STUDY
from wemix_ref.reliability.bad_frames import FORMULA, FRAMES, WEIGHTS, good_data
from wemix_ref.reliability.bad_input import INPUTS, judged
from wemix_ref.reliability.door import Bad
from wemix_ref.simulate.study import load_study


@pytest.mark.parametrize("bad", INPUTS, ids=[f"{one.door}: {one.name}" for one in INPUTS])
def test_one_clear_error(bad: Bad) -> None:
    assert judged(bad) == ""


def test_inputs_are_many_and_differ() -> None:
    names = Counter((one.door, one.name) for one in INPUTS)
    assert max(names.values()) == 1
    doors = Counter(one.door for one in INPUTS)
    assert min(doors.values()) >= 10, doors
    assert len(INPUTS) >= 300
    assert all(one.words for one in INPUTS), [one.name for one in INPUTS if not one.words]


def test_the_good_data_and_the_good_study_are_good(tmp_path) -> None:
    # without this the errors above could come from what they change
    assert mix(FORMULA, good_data(), WEIGHTS).converged
    path = tmp_path / "study.yaml"
    path.write_text(STUDY)
    assert load_study(path).replicates == 2


def test_the_judgement_finds_what_is_wrong(tmp_path) -> None:
    bad = next(one for one in FRAMES if one.name == "unknown column")
    assert "lacks 'no such word'" in judged(replace(bad, words=("no such word",)))
    assert "it was taken" in judged(Bad("", "", lambda _: lambda: 3, ()))
    assert "ZeroDivisionError" in judged(Bad("", "", lambda _: lambda: 1 / 0, ()))
    assert "not 2" in judged(Bad("", "", lambda _: ["recipes"], ()))
    csv = next(one for one in CSV if one.name == "an empty file")

    def writes(folder):
        act = csv.make(folder)

        def both():
            (folder / "left").write_text("")
            mix("", good_data())

        assert isinstance(act, list)
        return both

    assert "left" in judged(Bad("", "", writes, ()))


def test_rounding_in_weights_is_no_variation() -> None:
    data = good_data()
    for weight in WEIGHTS:
        data[weight] *= 1e9
    reference = mix(FORMULA, data, WEIGHTS).llf
    factor = 1 + 1e-14 * data.index.to_numpy()
    data["w2"] *= factor
    assert mix(FORMULA, data, WEIGHTS).llf == pytest.approx(reference, rel=1e-11)
