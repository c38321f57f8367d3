"""Data for timing: the same each time, nested, of the sizes that are asked."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from wemix_ref.bench.data import frame_of, read_columns, write_columns
from wemix_ref.bench.specs import DataSpec, EngineSpec, load_bench
from wemix_ref.fit import mix

SPEC = DataSpec(2000, sizes=(8, 5), slopes=(3,), weighted=True)
FORMULA = "y ~ x1 + x2 + (1|class) + (1 + x1|school)"


def test_the_same_spec_gives_the_same_bytes(tmp_path: Path) -> None:
    one, two = (write_columns(SPEC, tmp_path / name) for name in ("one", "two"))
    assert (one.ids, one.numbers) == (("class", "school"), ("y", "x1", "x2", "w1", "w2", "w3"))
    for name in (*one.ids, *one.numbers):
        assert one.path(name).read_bytes() == two.path(name).read_bytes()
    other = write_columns(DataSpec(2000, sizes=(8, 5), slopes=(3,), seed=2), tmp_path / "other")
    assert one.path("y").read_bytes() != other.path("y").read_bytes()


def test_groups_are_nested_and_of_about_the_size_asked(tmp_path: Path) -> None:
    data = read_columns(write_columns(SPEC, tmp_path))
    assert {values.size for values in data.values()} == {2000}
    sizes = np.bincount(data["class"])
    assert sizes.min() >= 1
    assert 6 < sizes.mean() < 10
    assert sizes.std() > 1
    for code in np.unique(data["class"]):
        assert np.unique(data["school"][data["class"] == code]).size == 1
    assert np.all(np.diff(data["class"]) >= 0)


def test_weights_are_unconditional_and_constant_in_their_groups(tmp_path: Path) -> None:
    data = read_columns(write_columns(SPEC, tmp_path))
    for lower, upper in (("w1", "w2"), ("w2", "w3")):
        ratio = data[lower] / data[upper]
        assert ratio.min() >= 1.0
        assert ratio.max() <= 3.0
    for weight, group in (("w2", "class"), ("w3", "school")):
        for code in np.unique(data[group]):
            assert np.unique(data[weight][data[group] == code]).size == 1


def test_groups_of_given_sizes(tmp_path: Path) -> None:
    spec = DataSpec(1120, groups=((1, 1000), (40, 3)))
    columns = write_columns(spec, tmp_path)
    assert columns.ids == ("class",)
    sizes = np.bincount(read_columns(columns)["class"])
    assert sizes.tolist() == [1000] + [3] * 40


def test_replicates_have_groups_of_their_own(tmp_path: Path) -> None:
    spec = DataSpec(150, sizes=(5, 3), covariates=1, weighted=True, replicates=4)
    columns = write_columns(spec, tmp_path)
    assert columns.starts == (0, 150, 300, 450, 600)
    schools = read_columns(columns)["school"]
    parts = [set(schools[k : k + 150]) for k in columns.starts[:-1]]
    assert all(not a & b for i, a in enumerate(parts) for b in parts[:i])
    assert all(len(part) == 10 for part in parts)


def test_one_fit_however_the_data_are_given(tmp_path: Path) -> None:
    """The order of rows and the kind of ids change the last bits at most."""
    columns = write_columns(SPEC, tmp_path)
    given = [
        EngineSpec("frame"), EngineSpec("frame", order="shuffled"), EngineSpec("frame", ids="text"),
        EngineSpec("frame", ids="category"),
    ]  # fmt: skip
    fits = []
    for one in given:
        frame = frame_of(read_columns(columns), columns.ids, one)
        fits.append(mix(FORMULA, frame, SPEC.weight_names).deviance)
    assert fits == pytest.approx([fits[0]] * len(given), rel=1e-12)


@pytest.mark.filterwarnings("ignore::wemix_ref.errors.WemixRefWarning")
@pytest.mark.parametrize("name", list(load_bench(mode="full").measurements))
def test_small_data_of_the_same_kind_can_be_fitted(name: str, tmp_path: Path) -> None:
    one = load_bench(mode="full").measurements[name]
    small = one.data.small()
    assert small.rows <= max(5000, one.data.rows) < 10**8
    columns = write_columns(small, tmp_path)
    assert columns.rows <= 15_000
    frame = frame_of(read_columns(columns), columns.ids, EngineSpec("frame")).iloc[: small.rows]
    fit = mix(one.formula, frame, one.data.weight_names)
    assert fit.converged


MEMORY = """
import numpy as np
from wemix_ref.bench.memory import forget_peak, peak_bytes, resident_bytes
block = np.ones(32_000_000)
del block
forgot, before = forget_peak(), resident_bytes()
idle = peak_bytes()
block = np.ones(16_000_000)
print(int(forgot), idle - before, peak_bytes() - before)
"""


def test_memory_is_told_since_it_was_last_forgotten() -> None:
    # in a process of its own: what other tests left behind may be freed at any moment
    told = subprocess.run(
        [sys.executable, "-c", MEMORY], capture_output=True, text=True, check=True
    ).stdout
    forgot, idle, risen = map(int, told.split())
    if not forgot:
        pytest.skip("this system does not let a process reset its largest memory")
    assert idle < 64_000_000 < risen < 192_000_000  # 256 MB were freed before, 128 MB written since
