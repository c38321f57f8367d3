"""Pages and the report's section: whole, escaped, the same each time."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import pytest
from jinja2 import Environment, PackageLoader, StrictUndefined

from tests.unit.test_report import EVIL, Page
from wemix_ref.divergences.demonstrate import demonstrate
from wemix_ref.divergences.pages import page, r_script
from wemix_ref.divergences.specs import load_divergences
from wemix_ref.divergences.states import DIVERGES, FIXED, MEANING
from wemix_ref.divergences.words import says_who
from wemix_ref.report.divergences_view import SIGNS, divergences_view

SPECS = load_divergences()


@pytest.fixture(scope="module")
def results():
    return {name: demonstrate(spec, live=False) for name, spec in SPECS.items()}


def rendered(view):
    environment = Environment(
        loader=PackageLoader("wemix_ref.report"), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    return environment.get_template("divergences.html.j2").render(divergences=view)


@pytest.mark.parametrize("name", SPECS)
def test_a_page_is_the_same_from_its_record(results, name):
    again = json.loads(json.dumps(results[name], sort_keys=True))
    assert page(SPECS[name], again) == page(SPECS[name], results[name])


@pytest.mark.parametrize("name", SPECS)
def test_a_page_has_data_script_and_both_answers(results, name):
    spec, result = SPECS[name], results[name]
    text = page(spec, result)
    assert text.startswith(f"# {spec.program}: ")
    assert f"```r\n{r_script(spec).rstrip()}\n```" in text
    assert spec.script.rstrip() in text
    assert result["recorded"]["date"] in text
    assert f"{spec.program} {result['recorded']['versions'][spec.program]}" in text
    if result["recorded"]["error"]:
        assert f"Error: {result['recorded']['error']}" in text
    else:
        assert result["recorded"]["printed"].rstrip() in text
    for number in result["numbers"]:
        right = f"{number['right']:.9g}"
        assert f"| {right} | {says_who(result, number)} | " in text
    assert text.count("\n```") % 2 == 0
    assert page(spec, result) == text


def test_the_data_stand_in_the_script():
    script = r_script(SPECS["offset"])
    lines = script.splitlines()
    assert lines[0] == "library(WeMix)"
    assert lines[2] == 'data <- read.csv(text = "g,x,y,w1,w2,z'
    assert r_script(replace(SPECS["offset"], csv='a\n"\\\n')).splitlines()[3] == '\\"\\\\'


def test_markdown_and_html_in_texts_are_text(results):
    evil = "<b>*bold*</b> | `a|b` [x](y) # _z_"
    result = {**results["offset"], "reason": evil}
    result["recorded"] = {
        **result["recorded"], "printed": "```\n# no heading\n````", "told": [evil + "\n- no item"]
    }  # fmt: skip
    spec = replace(SPECS["offset"], title=evil, trigger=evil)
    text = page(spec, result)
    first = text.splitlines()[0]
    assert "<b>" not in re.sub(r"`[^`]*`", "", first)
    assert r"\*bold\*" in first
    assert r"\[x\](y)" in first
    assert "`a|b`" in first
    assert "\n- no item" not in text
    assert "`````text\n```\n# no heading\n````\n`````" in text


def test_bars_do_not_end_a_cell(results):
    result = results["offset"]
    oracles = [{**result["oracles"][0], "why": "of `(1|g)` and a|b"}]
    text = page(SPECS["offset"], {**result, "oracles": oracles})
    line = next(line for line in text.splitlines() if "and a" in line)
    assert len(re.findall(r"(?<!\\)\|", line)) == 4


def test_states_have_a_meaning_and_a_sign_and_none_is_that_of_a_failure():
    assert set(MEANING) == set(SIGNS)
    assert "differs" not in {kind for kind, _ in SIGNS.values()}


def test_the_section_counts_and_shows_all(results):
    view = divergences_view(list(results.values()))
    text = rendered(view)
    html = Page(text)
    assert f"{len(SPECS)} places where" in re.sub(r"\s+", " ", "".join(html.text))
    assert view.n_numbers == sum(len(spec.numbers) for spec in SPECS.values())
    for name in SPECS:
        assert f'id="divergence-{name}"' in text
        assert f'href="../divergences/{name}.md"' in text
    assert "Ours and an oracle" not in text
    assert rendered(divergences_view(list(results.values()))) == text


def test_backquotes_are_code_and_nothing_in_them_is_markup(results):
    evil = "of `<i>` and <b>`x` or ` alone"
    (row,) = divergences_view([{**results["offset"], "happens": evil}]).rows
    assert row.happens == ("of <code>&lt;i&gt;</code> and &lt;b&gt;<code>x</code> or ` alone")


def test_a_fixed_divergence_is_shown_as_fixed(results):
    fixed, still = (dict(results[name]) for name in ("offset", "dots"))
    fixed.update(state=FIXED, reason="", live={**fixed["recorded"]})
    still.update(state=DIVERGES, reason="", live={**still["recorded"]})
    view = divergences_view([fixed, still])
    assert {(state, n) for state, *_, n in view.states} == {(FIXED, 1), (DIVERGES, 1)}
    text = rendered(view)
    assert "fixed upstream</span>: 1; run now; this version gives the right answer" in text
    assert "run now with R 4" in text


def test_who_says_what_is_right_is_told(results):
    (number, *_) = results["offset"]["numbers"]
    title = "our fit without weights, rows and groups written out"
    assert says_who(results["offset"], number) == title
    assert f'<td class="long">{title}</td>' in rendered(divergences_view([results["offset"]]))
    assert says_who(results["offset"], {**number, "right_by": None}) == "–"


def test_a_number_without_a_verdict_is_called_neither_right_nor_wrong(results):
    (number, *_) = results["offset"]["numbers"]
    unknown = {**results["offset"], "numbers": [{**number, "recorded_agrees": None}]}
    text = rendered(divergences_view([unknown]))
    assert '<td class="said">–</td>' in text
    assert '<td class="said">not right</td>' in rendered(divergences_view([results["offset"]]))


def test_what_fails_on_our_side_is_told(results):
    view = divergences_view([{**results["offset"], "wrong": ["slope: ours is 1"]}])
    assert "an oracle disagree in 1:</strong> offset: slope: ours is 1" in rendered(view)


def test_no_text_becomes_markup(results):
    result = results["offset"]
    numbers = [{**result["numbers"][0], "name": EVIL}]
    recorded = {**result["recorded"], "told": [EVIL], "error": EVIL}
    oracles = [{**result["oracles"][0], "why": EVIL}]
    names = ("title", "trigger", "happens", "right", "way_round", "reason", "formula")
    view = divergences_view(
        [{**result, **dict.fromkeys(names, EVIL), "numbers": numbers, "recorded": recorded,
          "oracles": oracles, "wrong": [EVIL]}]
    )  # fmt: skip
    text = rendered(view)
    assert EVIL not in text
    assert "<script" not in text
