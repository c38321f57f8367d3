"""Text of a user is never evaluated, as Python, R, shell, YAML or HTML."""

from __future__ import annotations

import builtins
import contextlib
import subprocess
from pathlib import Path

import pytest

from tests.unit import study_example as example
from tests.unit.study_page import Reader, write
from wemix_ref import mix
from wemix_ref.reliability.bad_frames import good_data
from wemix_ref.reliability.injections import ATTEMPTS, DOORS, LIVE_DOORS, MARK, attempt
from wemix_ref.report.studies.latex import escape_latex

TEXTS = [text for _, text in ATTEMPTS]
IN_R = [
    text
    for language, text in ATTEMPTS
    if language == "R" and ("file.create" in text or "system" in text)
]


@pytest.mark.parametrize("door", DOORS)
def test_nothing_is_evaluated(door: str) -> None:
    # the long run gives every text to every door
    place = list(DOORS).index(door)
    for text in TEXTS[place % 4 :: 4]:
        assert attempt(text, DOORS[door])[1] == "", text


@pytest.mark.parametrize(
    ("evaluate", "language"),
    [
        (lambda text: eval(text), "Python"),  # noqa: S307 - what must never happen elsewhere
        (lambda text: subprocess.run(["sh", "-c", text], check=False), "shell"),
    ],
)
def test_evaluated_the_texts_would_leave_a_mark(evaluate, language: str) -> None:
    def door(text: str, _folder: Path) -> None:
        with contextlib.suppress(Exception):
            evaluate(text)

    found = [attempt(text, door)[1] for own, text in ATTEMPTS if own == language]
    assert sum("it left" in one for one in found) >= 2, found
    assert not hasattr(builtins, MARK)


@pytest.mark.live_r
def test_evaluated_in_r_the_texts_would_leave_a_mark() -> None:
    def door(text: str, _folder: Path) -> None:
        subprocess.run(["Rscript", "--vanilla", "-e", text], check=False, capture_output=True)

    assert "it left" in attempt("file.create('mark')", door)[1]


@pytest.mark.live_r
@pytest.mark.parametrize("door", LIVE_DOORS)
def test_r_evaluates_nothing(door: str) -> None:
    place = list(LIVE_DOORS).index(door)
    # R starts for each; the long run gives more
    text = IN_R[place % len(IN_R)]
    assert attempt(text, LIVE_DOORS[door])[1] == "", text


@pytest.mark.live_r
def test_r_is_given_names_and_labels_as_they_are() -> None:
    # the doors to R are open: attempts that all failed would show nothing
    assert attempt("x`); file.create('mark'); (`x", LIVE_DOORS["a column's name"]) == ("taken", "")


def test_a_page_that_is_not_escaped_is_found() -> None:
    assert attempt("<script>", lambda text, _: [f"<p>{text}</p>"])[1] == "the page has 'script'"
    assert attempt("<script>", lambda _text, _: ["<p>&lt;script&gt;</p>"])[1] == ""


@pytest.mark.parametrize("text", [one for own, one in ATTEMPTS if own == "HTML"])
def test_the_summary_shows_the_text_itself(text: str) -> None:
    data = good_data().rename(columns={"x": text})
    page = mix(f"y ~ `{text}` + (1|g)", data).summary().html
    assert text not in page
    assert text in Reader(page).text


def test_the_page_of_a_study_shows_the_texts_themselves(tmp_path) -> None:
    texts = [one for own, one in ATTEMPTS if own in ("HTML", "Jinja", "LaTeX")]
    study = {
        **example.small_study(),
        "title": texts[0],
        "aims": texts[1],
        "notes": " ".join(texts),
        "sources": texts,
    }
    page = write(study, tmp_path)
    assert "<script" not in page
    assert "<iframe" not in page
    assert "<img src=x" not in page
    shown = " ".join(Reader(page).text.split())
    assert all(" ".join(text.split()) in shown for text in texts)


@pytest.mark.parametrize("text", TEXTS)
def test_latex_prints_the_text(text: str) -> None:
    escaped = escape_latex(text)
    for known in (r"\textbackslash{}", r"\textasciitilde{}", r"\textasciicircum{}",
                  r"\textquotedbl{}", "$<$", "$>$", "$|$", r"$\cdot$", r"$\times$"):  # fmt: skip
        escaped = escaped.replace(known, "")
    for special in r"&%$#_{}":
        escaped = escaped.replace(f"\\{special}", "")
    assert not set(escaped) & set(r"\&%$#_{}~^<>|"), escaped


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@x", "=cmd|' /C calc'!A0"])
def test_cells_of_csv_files_come_back_as_they_were(text: str, tmp_path) -> None:
    import pandas as pd

    from wemix_ref.simulate.summarise import write_table

    table = pd.DataFrame({"analysis": [text], "value": [-1.5]})
    write_table(tmp_path / "t.csv", table)
    back = pd.read_csv(tmp_path / "t.csv", dtype={"analysis": str})
    assert back["analysis"].tolist() == [text]
