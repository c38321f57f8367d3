"""Passes over the rows: each fast way, compiled or not, against plain NumPy and pandas."""

import numpy as np
import pandas as pd
import pytest

from wemix_ref import kernels_rows
from wemix_ref.compiled import HAVE_NUMBA
from wemix_ref.kernels_rows import (
    count_below,
    group_extremes,
    group_firsts,
    group_order,
    nesting,
    number,
    presence_numbers,
)

SWITCHES = ["0", *(["1"] if HAVE_NUMBA() else [])]
rng = np.random.default_rng(7)
RUNS = np.repeat(rng.permutation(60), 20)
UNSORTED = rng.integers(0, 60, 1200)
WHOLE = {
    "rising": np.sort(UNSORTED),
    "rising with gaps": np.sort(UNSORTED) * 10**12,
    "from zero": np.repeat(np.arange(20), 3),
    "from zero with a gap": np.array([0, 0, 1, 3, 3]),
    "from zero, then falling": np.array([0, 1, 1, 0]),
    "one value": np.full(5, 3),
    "one row": np.array([-4]),
    "falling": np.sort(UNSORTED)[::-1],
    "unsorted": UNSORTED,
    "negative": UNSORTED - 30,
    "gaps": UNSORTED * 10**12 - 10**13,
    "runs": RUNS,
    "runs with gaps": RUNS * 10**12,
    "whole range": np.array([2**63 - 1, -(2**63), 0, 2**63 - 1]),
    "rises at last": np.array([5, 4, 6]),
    "dips once": np.array([1, 2, 3, 2, 3]),
}


@pytest.fixture(params=SWITCHES, ids=lambda switch: f"numba={switch}")
def switch(request, monkeypatch):
    monkeypatch.setenv("WEMIX_REF_NUMBA", request.param)
    return request.param


def check(values):
    ids, codes = np.unique(values, return_inverse=True)
    found, found_ids = number(values)
    assert found.dtype == np.intp
    assert found_ids.dtype == values.dtype
    np.testing.assert_array_equal(found, codes)
    np.testing.assert_array_equal(found_ids, ids)


@pytest.mark.parametrize("name", WHOLE)
def test_whole_numbers_are_numbered_in_rising_order(switch, name):
    check(WHOLE[name])


@pytest.mark.parametrize("dtype", ["int8", "int16", "int32", "uint8", "uint32", "uint64", "bool"])
@pytest.mark.parametrize(
    "values", [UNSORTED, np.sort(UNSORTED), RUNS], ids=["any", "rising", "runs"]
)
def test_other_types_keep_their_type(switch, dtype, values):
    check(values.astype(dtype))


def test_unsigned_numbers_beyond_signed_ones(switch):
    check(UNSORTED.astype(np.uint64) + np.uint64(2**63))
    check(np.sort(RUNS.astype(np.uint64) * np.uint64(2**57)))


@pytest.mark.parametrize(
    "values", [UNSORTED, RUNS, np.sort(UNSORTED)], ids=["any", "runs", "rising"]
)
def test_floats(switch, values):
    check(values / 7.0 - 3.0)
    check((values / 7.0).astype(np.float32))
    check(np.where(values > 50, np.inf, values / 7.0))


def test_read_only_and_strided_memory(switch):
    frozen = UNSORTED.copy()
    frozen.flags.writeable = False
    check(frozen)
    check(np.stack([UNSORTED, UNSORTED], axis=1)[:, 1])
    check(np.frombuffer(UNSORTED.tobytes(), dtype=np.int64))
    assert not frozen.flags.writeable


def test_every_way_of_numbering_is_taken(switch, monkeypatch):
    taken = []
    for way in ("_number_rising", "presence_numbers", "_number_hashed"):
        plain = getattr(kernels_rows, way)
        monkeypatch.setattr(
            kernels_rows, way, lambda *a, way=way, plain=plain: taken.append(way) or plain(*a)
        )
    for name, ways in {
        "rising": ["_number_rising"],
        "unsorted": ["presence_numbers"],
        "gaps": ["_number_hashed"],
        "runs with gaps": ["_number_hashed"],
    }.items():
        values, taken[:] = WHOLE[name], []
        if values[0] <= values[-1] and name != "rising":
            values = np.concatenate([[values.max()], values])
        number(values)
        assert taken == ways, name


def test_runs_are_hashed_by_their_heads(monkeypatch):
    sizes = []
    plain = kernels_rows._number_hashed
    monkeypatch.setattr(kernels_rows, "_number_hashed", lambda v: sizes.append(v.size) or plain(v))
    number(RUNS * 1e9)
    number(UNSORTED * 1e9)
    assert sizes == [60, 1200]


def test_presence_leaves_out_what_does_not_occur(switch):
    codes, present = presence_numbers(np.array([4, 2, 4], dtype=np.int8), 0, 9)
    assert codes.tolist() == [1, 0, 1]
    assert present.tolist() == [2, 4]


def grouped():
    codes = rng.integers(0, 40, 900)
    codes[:40] = np.arange(40)
    return codes.astype(np.intp), rng.uniform(1.0, 2.0, 900)


def test_extremes_and_firsts_of_groups(switch):
    codes, values = grouped()
    by = pd.Series(values).groupby(codes)
    low, high = group_extremes(codes, values, 40)
    np.testing.assert_array_equal(low, by.min())
    np.testing.assert_array_equal(high, by.max())
    first, same = group_firsts(codes, values, 40)
    np.testing.assert_array_equal(first, by.first())
    assert not same
    again, same = group_firsts(codes, first[codes], 40)
    np.testing.assert_array_equal(again, first)
    assert same


def test_one_unit_in_the_last_place_is_a_difference(switch):
    codes, values = grouped()
    column = values[:40][codes]
    column[-1] = np.nextafter(column[-1], 9.0)
    assert not group_firsts(codes, column, 40)[1]


def test_nesting(switch):
    codes, _ = grouped()
    upper = rng.integers(0, 5, 40).astype(np.intp)
    np.testing.assert_array_equal(nesting(codes, upper[codes], 40), upper)
    broken = upper[codes]
    broken[-1] = (broken[-1] + 1) % 5
    assert nesting(codes, broken, 40) is None


def test_count_below(switch):
    codes, values = grouped()
    limit = rng.uniform(1.0, 2.0, 40)
    assert count_below(values, codes, limit) == int((values < limit[codes]).sum())
    assert count_below(limit[codes], codes, limit) == 0


@pytest.mark.parametrize("n_groups", [3, 400])
def test_scattered_groups_are_put_together(n_groups, switch, monkeypatch):
    monkeypatch.setattr(kernels_rows, "FEW_ROWS", 0)
    codes = rng.integers(0, n_groups, 5000)
    codes[:n_groups] = np.arange(n_groups)
    order = group_order(codes)
    np.testing.assert_array_equal(order, np.argsort(codes, kind="stable"))


def test_groups_that_stand_together_stay_where_they_are(switch, monkeypatch):
    monkeypatch.setattr(kernels_rows, "FEW_ROWS", 0)
    # in any order of the groups, and some of them in two places
    codes = np.repeat(rng.permutation(50), 20)
    assert group_order(codes) is None
    assert group_order(np.concatenate([codes, codes[:200]])) is None
    assert group_order(np.zeros(10, dtype=np.intp)) is None
    assert group_order(np.arange(10)[::-1]) is None


def test_few_rows_stay_where_they_are(switch):
    assert group_order(rng.integers(0, 9, kernels_rows.FEW_ROWS)) is None
