"""`wemix-ref divergences`: from records, by id, as JSON, with pages; wrong words refused."""

from __future__ import annotations

import json

import pytest

from wemix_ref.cli import main
from wemix_ref.divergences import demonstrate as module
from wemix_ref.divergences.live import LiveAnswer


def test_a_row_for_each_that_is_asked_for(capsys, tmp_path):
    words = ["divergences", "--id", "offset", "dots", "--pages", str(tmp_path)]
    assert main(words) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[:5] for line in lines] == [
        ["offset", "WeMix", "R", "diverges", "(recorded)"],
        ["dots", "WeMix", "R", "diverges", "(recorded)"],
    ]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["dots.md", "offset.md"]


def test_everything_as_json(capsys):
    assert main(["divergences", "--id", "dots", "--json"]) == 0
    (result,) = json.loads(capsys.readouterr().out)
    assert result["recorded"]["error"] == "subscript out of bounds"
    assert result["live"] is None


def test_ours_that_fails_is_told_and_is_the_exit_code(capsys, monkeypatch):
    monkeypatch.setattr(module, "our_quantities", lambda _model, _data: {
        "llf": 1.0, "beta x": 2.0, "var g I(x/0.5)": 3.0
    })  # fmt: skip
    assert main(["divergences", "--id", "dots"]) == 1
    assert "dots: log-likelihood: ours is 1, the oracle `replicated`" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--id", "nobody"], "--id must be of dots, "),
        (["--record"], "it needs --live"),
    ],
)
def test_wrong_words_are_refused(words, told, capsys):
    assert main(["divergences", *words]) == 2
    assert told in capsys.readouterr().err


def test_without_r_nothing_is_recorded(capsys, monkeypatch):
    monkeypatch.setattr(
        "wemix_ref.divergences.live.ask", lambda _spec, _timeout: LiveAnswer(False, "no R here")
    )
    assert main(["divergences", "--id", "dots", "--live", "--record"]) == 2
    assert "R did not run: no R here" in capsys.readouterr().err
