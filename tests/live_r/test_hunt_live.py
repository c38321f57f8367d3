"""The search on lme4, live: what it finds, and that its script shows it."""

from __future__ import annotations

import json
import re
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from wemix_ref.cli import main
from wemix_ref.engines import get_engine
from wemix_ref.engines.r_process import package_availability
from wemix_ref.hunt.answers import verdicts
from wemix_ref.hunt.filing import file_hunt
from wemix_ref.hunt.identities import IDENTITIES, apply
from wemix_ref.hunt.models import random_model
from wemix_ref.hunt.own_engine import EveryRecipe
from wemix_ref.hunt.search import Hunt, by_cause
from wemix_ref.hunt.standard_errors import EXACT, NUMERICAL_STEP, VARIANCE_AT_OPTIMUM, rounding

pytestmark = pytest.mark.live_r

#: A model of three levels whose ids, pasted with colons, are fewer than its groups.
SEED, NUMBER = 0, 31


def test_a_few_models_of_lme4(capsys, tmp_path: Path) -> None:
    words = ["hunt", "--engine", "lme4", "--n", "4", "--seed", "1", "--out", str(tmp_path)]
    assert main(words) == 0
    run = json.loads((tmp_path / "hunt.json").read_text())
    assert sum(sum(counts.values()) for counts in run["counts"].values()) == 4
    assert not any("no answer" in counts for counts in run["counts"].values())
    assert run["versions"]["lme4"]


@pytest.mark.slow
def test_pasted_ids_are_found_made_small_and_shown(tmp_path: Path) -> None:
    engine = get_engine("lme4")
    pair = apply(IDENTITIES["relabel"], random_model(SEED, NUMBER, weighted=False))
    verdict = verdicts(engine, [pair])[0]
    assert verdict.kind == "another model"
    (case,) = by_cause(engine, [(pair, verdict)])
    assert case.known == "lme4-colon-ids"
    assert "ids of level 2" in case.needs
    assert len(case.pair.first.data) < len(pair.first.data)
    run = Hunt("lme4", SEED, NUMBER + 1, 1, {}, [case])
    (place,) = file_hunt(run, tmp_path, {})
    shown = subprocess.run(
        ["R", "--no-echo", "--no-save", "--no-restore", "--file=show.R"],
        cwd=place,
        capture_output=True,
        text=True,
        timeout=120,
        stdin=subprocess.DEVNULL,
    )
    assert shown.returncode == 0, shown.stderr
    first, wanted, got = [float(x) for x in re.findall(r"at theta +(\S+)", shown.stdout)]
    deviance = case.verdict.differences[0]
    assert wanted == pytest.approx(deviance.expected, rel=1e-8)
    assert got == pytest.approx(deviance.got, rel=1e-8)
    assert first == pytest.approx(wanted, rel=1e-8)
    assert abs(got - wanted) > 1e-6


@pytest.mark.parametrize("sd", [10.0, 1e6])
def test_standard_errors_of_wemix_lose_what_its_step_leaves(sd: float) -> None:
    found = package_availability("WeMix")
    if not found.available:
        pytest.skip(found.reason)
    model = random_model(101, 14, levels=2)
    y = model.data["y"]
    model = replace(model, data=model.data.assign(y=y / y.std() * sd))
    asked = [(model.problem(), {"common": model.common_theta()})]
    theirs, ours = (
        engine.fit_many(asked, timeout=60.0)[0].record
        for engine in (get_engine("wemix"), EveryRecipe())
    )
    exact = ours["at"][0]["recipes"]["wemix"]["se_beta"]
    lost = [abs(theirs["at"][0]["se_beta"][name] / se - 1.0) for name, se in exact.items()]
    room = rounding(model, theirs["at"][0], NUMERICAL_STEP["wemix"])
    assert max(lost) <= EXACT + room
    # those of variances are right in one unit of y and not in the other
    rows = zip(
        ours["optimum"]["recipes"]["wemix"]["se_variance_components"],
        theirs["optimum"]["variance_components"],
        strict=True,
    )
    off = np.array([abs(row["se"] / se - 1.0) for se, row in rows])
    if sd == 10.0:
        assert max(lost) <= EXACT
        assert off.max() <= VARIANCE_AT_OPTIMUM["wemix"]
    else:
        assert max(lost) > EXACT
        assert off.max() > VARIANCE_AT_OPTIMUM["wemix"]
