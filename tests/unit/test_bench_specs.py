"""The file of measurements: it holds every row of what is asked, and is read strictly."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from wemix_ref.bench.specs import BENCH, MODES, EngineSpec, load_bench
from wemix_ref.errors import CaseError

FULL = load_bench(mode="full")


@pytest.mark.parametrize("mode", MODES)
def test_both_runs_can_be_read(mode: str) -> None:
    bench = load_bench(mode=mode)
    assert bench.mode == mode
    for one in bench.measurements.values():
        assert "{x}" not in one.formula
        assert one.engines
        assert one.rounds >= 1


# what is asked of speed: (measurement, engine, what, other, bound)
ASKED = [
    ("three-levels-1e6", "frame", "faster", "lme4", ">= 100"),
    ("weighted-1e6", "arrays", "within", "cross-product", "<= 8"),
    ("weighted-1e6", "frame", "within", "cross-product", "<= 15"),
    ("three-levels-1e3", "frame", "faster", "lme4", ">= 10"),
    ("three-levels-1e4", "frame", "faster", "lme4", ">= 10"),
    ("wemix-1e4", "frame", "faster", "wemix", ">= 1000"),
    ("two-levels-1e4", "frame", "faster", "statsmodels", ">= 50"),
    ("two-levels-5e4", "frame", "faster", "statsmodels", ">= 50"),
    ("study-150", "study-arrays", "rate", None, ">= 1000"),
    ("three-levels-1e7", "frame", "memory", None, "<= 3"),
    ("start", "import", "seconds", None, "<= 1"),
]


@pytest.mark.parametrize("row", ASKED, ids=lambda row: f"{row[0]}-{row[1]}")
def test_every_target_is_measured_at_its_size(row: tuple[str, str, str, str | None, str]) -> None:
    name, engine, what, than, bound = row
    one = FULL.measurements[name]
    assert one.as_asked
    found = [(t.engine, t.what, t.than, t.bound) for t in one.targets]
    assert (engine, what, than, bound) in found


def test_the_sizes_are_those_that_are_asked() -> None:
    rows = {name: one.data.rows for name, one in FULL.measurements.items()}
    levels = {name: one.data.levels for name, one in FULL.measurements.items()}
    assert rows["three-levels-1e6"] == rows["weighted-1e6"] == 10**6
    assert rows["wemix-1e4"] == rows["two-levels-1e4"] == 10**4
    assert rows["two-levels-5e4"] == 5 * 10**4
    assert rows["study-150"] == 150
    assert levels["study-150"] == levels["wemix-1e4"] == 3
    assert (rows["five-levels"], levels["five-levels"]) == (10**5, 5)
    assert FULL.measurements["five-levels"].data.slopes == (2, 3, 4, 5)
    assert FULL.measurements["fixed-effects-200"].data.covariates + 1 == 200
    assert (10**5, 1) in FULL.measurements["groups-of-one"].data.groups
    assert (1, 10**6) in FULL.measurements["one-large-group"].data.groups
    (growth,) = FULL.growth
    on_curve = {one.data.rows for one in FULL.measurements.values() if one.curve == growth.curve}
    assert {10**k for k in (4, 5, 6, 7)} <= on_curve
    assert (growth.first, growth.last, growth.at_most) == (10**4, 10**7, 1.05)


def test_a_quick_run_is_smaller_and_says_so() -> None:
    quick = load_bench(mode="quick").measurements
    assert set(quick) < set(FULL.measurements)
    smaller = {name for name in quick if quick[name].data.rows < FULL.measurements[name].data.rows}
    assert smaller
    assert smaller == {name for name in quick if not quick[name].as_asked}
    assert max(one.data.rows for one in quick.values()) <= 200_000


def test_what_is_measured_has_a_fingerprint() -> None:
    one = FULL.measurements["wemix-1e4"]
    assert one.fingerprint == load_bench(mode="full").measurements["wemix-1e4"].fingerprint
    assert one.fingerprint != load_bench(mode="quick").measurements["wemix-1e4"].fingerprint


def test_labels_tell_how_the_data_are_given() -> None:
    assert EngineSpec("frame").label == "frame"
    assert EngineSpec("frame", ids="text", order="shuffled").label == "frame-text-shuffled"
    assert EngineSpec("frame", compiled=False).label == "frame-numpy"


def edited(tmp_path: Path, change: str) -> Path:
    content = yaml.safe_load(BENCH.read_text(encoding="utf-8"))
    first = content["measurements"][0]
    if change == "doubled":
        content["measurements"].append(dict(first))
    elif change == "target":
        first["targets"] = [{"engine": "frame", "what": "faster", "than": "wemix"}]
    elif change == "data":
        first["data"] = {"rows": 100, "sizes": [5], "groups": [[3, 4]]}
    elif change == "levels":
        first["data"] = {"rows": 100, "sizes": [2, 2, 2, 2, 2]}
    else:
        first[change] = 1
    path = tmp_path / "bench.yaml"
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("doubled", "'three-levels-1e3' stands twice"),
        ("target", "'wemix' is none"),
        ("data", "either `rows` and `sizes` or `groups`"),
        ("levels", "at most 5 levels"),
        ("surprise", "surprise"),
    ],
)
def test_a_wrong_file_is_refused(tmp_path: Path, change: str, message: str) -> None:
    with pytest.raises(CaseError, match=message):
        load_bench(edited(tmp_path, change))


def test_a_mode_that_is_none_is_refused() -> None:
    with pytest.raises(CaseError, match="quick, full; found 'fast'"):
        load_bench(mode="fast")
