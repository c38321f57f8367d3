"""The search on lme4, live: what it finds, and that its script shows it."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest

from wemix_ref.cli import main
from wemix_ref.engines import get_engine
from wemix_ref.hunt.answers import verdicts
from wemix_ref.hunt.filing import file_hunt
from wemix_ref.hunt.identities import IDENTITIES, apply
from wemix_ref.hunt.models import random_model
from wemix_ref.hunt.search import Hunt, by_cause

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
