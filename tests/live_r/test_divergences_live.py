"""Divergences with R running: lme4 as oracle and as program; WeMix and lavaan where they are."""

from __future__ import annotations

import subprocess
from dataclasses import replace

import pytest

from wemix_ref.divergences.demonstrate import demonstrate
from wemix_ref.divergences.live import PACKAGES, LiveAnswer, ask
from wemix_ref.divergences.oracles import LIVE
from wemix_ref.divergences.pages import r_script
from wemix_ref.divergences.specs import load_divergences
from wemix_ref.divergences.states import ANOTHER_MODEL, DIVERGES, FIXED
from wemix_ref.divergences.verdict import agree
from wemix_ref.engines.r_process import package_availability

pytestmark = pytest.mark.live_r

SPECS = load_divergences()
WITH_LME4 = {
    name: spec for name, spec in SPECS.items() if any(one.by in LIVE for one in spec.oracles)
}


def not_asked(_spec, _timeout):
    return LiveAnswer(False, "not asked here")


@pytest.mark.parametrize("name", WITH_LME4)
def test_ours_is_what_lme4_gives(name):
    """Weighted fits by lme4's own pieces, or lme4 on rows and groups written out."""
    result = demonstrate(SPECS[name], live=True, run=not_asked, timeout=120.0)
    asked = [one for one in result["oracles"] if one["by"] in LIVE]
    assert {one["status"] for one in asked} == {"ok"}, asked
    assert all("lme4" in one["versions"] for one in asked)
    assert result["ours_agree"], result["wrong"]


def test_nearly_all_divergences_have_an_oracle_in_lme4():
    without = set(SPECS) - set(WITH_LME4)
    assert without == {"residual-names", "tiny-weights", "negative-weights"}


@pytest.mark.parametrize("name", SPECS)
def test_the_program_diverges_as_recorded_or_is_fixed(name):
    spec = SPECS[name]
    found = package_availability(*PACKAGES[spec.program])
    if not found.available:
        pytest.skip(found.reason)
    result = demonstrate(spec, live=True, timeout=120.0)
    assert result["reason"] == ""
    assert result["ours_agree"], result["wrong"]
    assert result["state"] in {DIVERGES, FIXED, ANOTHER_MODEL}
    live, recorded = result["live"], result["recorded"]
    if live["versions"] == recorded["versions"]:
        assert result["state"] == (DIVERGES if spec.kind == "wrong" else ANOTHER_MODEL)
        assert live["error"] == recorded["error"]
        for name_of, value in recorded["values"].items():
            # differences of rounding only, and those in a variance of zero
            near = agree(live["values"][name_of], value, 1e-4)
            assert near or abs(live["values"][name_of] - value) < 1e-12


def test_an_error_in_a_script_is_an_answer(tmp_path):
    spec = replace(SPECS["lme4-colon-ids"], resources=tmp_path)
    (tmp_path / "divergences").mkdir()
    spec.script_path.write_text('answer <- c(one = 1, none = NA)\nprint(2)\nstop("not so")\n')
    answer = ask(spec, 60.0)
    assert (answer.ran, answer.error, answer.printed) == (True, "not so", "[1] 2")
    assert answer.values == {"one": 1.0, "none": None}


def test_a_script_past_its_time_is_no_answer(tmp_path):
    spec = replace(SPECS["lme4-colon-ids"], resources=tmp_path)
    (tmp_path / "divergences").mkdir()
    spec.script_path.write_text("Sys.sleep(60)\n")
    answer = ask(spec, 5.0)
    assert not answer.ran
    assert "time limit" in answer.reason


@pytest.mark.parametrize("name", [name for name, spec in SPECS.items() if spec.program == "lme4"])
def test_the_script_of_a_page_runs_by_itself(name, tmp_path):
    """As a maintainer would: R alone, the text of the page, nothing of this project."""
    spec = SPECS[name]
    script = tmp_path / "page.R"
    script.write_text(r_script(spec), encoding="utf-8")
    run = subprocess.run(
        ["R", "--no-echo", "--no-save", "--no-restore", f"--file={script}"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        stdin=subprocess.DEVNULL,
    )
    assert run.returncode == 0, run.stderr
    assert run.stdout.strip() == ask(spec, 60.0).printed.strip()
