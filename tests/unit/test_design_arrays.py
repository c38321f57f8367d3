"""Arrays of a design, whatever the type and order of the ids, against a plain way to them."""

import itertools
from copy import copy
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from wemix_ref.compiled import HAVE_NUMBA
from wemix_ref.design import _is_own, build_design
from wemix_ref.fit import fit_design
from wemix_ref.table import Table, copies_on_write

WEIGHTS = ["w1", "w2", "w3"]
CROSS = "y ~ x + z + (1|cls) + (x|school)"
NESTED = "y ~ x + z + (1|school/cls) + (0 + x|school)"
SPELLED = "y ~ x + z + (1|cls:school) + (x||school)"


def simulate(local: bool) -> pd.DataFrame:
    """Seven schools of one to five classes; `local`: classes are numbered anew in each school."""
    rng = np.random.default_rng(11)
    school_of = np.repeat(np.arange(7), [3, 1, 5, 2, 4, 3, 2])
    cls = np.repeat(np.arange(20), rng.integers(3, 9, 20))
    school = school_of[cls]
    w3 = rng.uniform(1.0, 4.0, 7)[school]
    w2 = w3 * rng.uniform(1.0, 3.0, 20)[cls]
    n = cls.size
    first = np.searchsorted(school_of, np.arange(7))
    return pd.DataFrame(
        {
            "y": rng.normal(size=n),
            "x": rng.normal(size=n),
            "z": rng.normal(size=n),
            "school": school,
            "cls": cls - first[school] if local else cls,
            "w1": w2 * rng.uniform(1.0, 2.0, n),
            "w2": w2,
            "w3": w3,
        }
    )


IDS = {
    "int64": lambda ids: ids,
    "int8": lambda ids: ids.astype("int8"),
    "uint64": lambda ids: ids.astype("uint64"),
    "beyond int64": lambda ids: ids.astype("uint64") + np.uint64(2**63),
    "negative": lambda ids: ids - 10,
    "gaps": lambda ids: ids * 10**14,
    "floats": lambda ids: ids / 8.0,
    "nullable": lambda ids: ids.astype("Int64"),
    "objects": lambda ids: ids.astype(object),
    "texts": lambda ids: ids.map("g{}".format),
    "object texts": lambda ids: ids.map("g{}".format).astype(object),
    "categories": lambda ids: pd.Series(
        pd.Categorical(ids, categories=[99, *range(20)[::-1]]), ids.index
    ),
}
ORDERS = {
    "sorted": lambda data: data,
    "reversed": lambda data: data[::-1],
    "shuffled": lambda data: data.sample(frac=1.0, random_state=4),
    "runs": lambda data: data.sort_values(["w3", "w2"], kind="stable"),
}


@pytest.fixture(params=["0", *(["1"] if HAVE_NUMBA() else [])], ids=lambda s: f"numba={s}")
def switch(request, monkeypatch):
    monkeypatch.setenv("WEMIX_REF_NUMBA", request.param)


def ranks(column: pd.Series) -> tuple[np.ndarray, list]:
    """Codes and ids in the order of the ids, the slow way."""
    if isinstance(column.dtype, pd.CategoricalDtype):
        ids = [c for c in column.cat.categories if (column == c).any()]
    else:
        ids = sorted(set(column))
    place = {value: i for i, value in enumerate(ids)}
    return np.array([place[value] for value in column]), ids


def pairs(lower: pd.Series, upper: pd.Series) -> tuple[np.ndarray, list]:
    (a, a_ids), (b, b_ids) = ranks(lower), ranks(upper)
    both = list(zip(a.tolist(), b.tolist(), strict=True))
    found = sorted(set(both))
    place = {pair: i for i, pair in enumerate(found)}
    return np.array([place[pair] for pair in both]), [(a_ids[i], b_ids[j]) for i, j in found]


def check(design, data: pd.DataFrame, lower: tuple[np.ndarray, list]) -> None:
    bottom, top = design.levels
    upper = ranks(data["school"])
    for level, (codes, labels) in ((bottom, lower), (top, upper)):
        np.testing.assert_array_equal(level.codes, codes)
        assert level.labels.tolist() == labels
    parent = dict(zip(bottom.codes.tolist(), top.codes.tolist(), strict=True))
    assert bottom.parent.tolist() == [parent[g] for g in range(bottom.n_groups)]
    for level, name in ((bottom, "w2"), (top, "w3")):
        np.testing.assert_array_equal(level.psi, data[name].groupby(level.codes).first())
    np.testing.assert_array_equal(bottom.psi_cond, bottom.psi / top.psi[bottom.parent])
    np.testing.assert_array_equal(top.psi_cond, top.psi)
    np.testing.assert_array_equal(design.omega, data["w1"])
    np.testing.assert_array_equal(design.omega_cond, data["w1"] / data["w2"])
    np.testing.assert_array_equal(design.y, data["y"])
    ones = np.ones(len(data))
    np.testing.assert_array_equal(design.X, np.column_stack([ones, data["x"], data["z"]]))
    np.testing.assert_array_equal(bottom.Z, ones[:, None])
    np.testing.assert_array_equal(top.Z, np.column_stack([ones, data["x"]]))
    assert design.index.equals(data.index)


@pytest.mark.parametrize(("kind", "order"), list(itertools.product(IDS, ORDERS)))
def test_ids_of_every_type_in_every_order(switch, kind, order):
    data = ORDERS[order](simulate(local=False))
    for column in ("school", "cls"):
        data[column] = IDS[kind](data[column])
    check(build_design(CROSS, data, WEIGHTS), data, ranks(data["cls"]))
    for formula in (NESTED, SPELLED):
        check(build_design(formula, data, WEIGHTS), data, pairs(data["cls"], data["school"]))


@pytest.mark.parametrize(("kind", "order"), list(itertools.product(IDS, ORDERS)))
def test_ids_that_start_anew_in_each_school(switch, kind, order):
    data = ORDERS[order](simulate(local=True))
    for column in ("school", "cls"):
        data[column] = IDS[kind](data[column])
    for formula in (NESTED, SPELLED):
        check(build_design(formula, data, WEIGHTS), data, pairs(data["cls"], data["school"]))


@pytest.mark.parametrize("kind", ["int64", "gaps", "texts", "categories"])
def test_labels_of_combinations_are_those_pandas_makes(switch, kind):
    data = simulate(local=True).astype({"school": int})
    data["cls"] = IDS[kind](data["cls"])
    labels = build_design(NESTED, data, WEIGHTS).levels[0].labels
    made = pd.MultiIndex.from_arrays(
        [labels.get_level_values(0), labels.get_level_values(1)], names=labels.names
    )
    assert labels.names == ["cls", "school"]
    pd.testing.assert_index_equal(labels, made, exact=True)
    for own, other in zip(labels.codes, made.codes, strict=True):
        assert (own.dtype, own.tolist()) == (other.dtype, other.tolist())


@pytest.mark.parametrize("column", ["y", "x", "school", "cls"])
@pytest.mark.parametrize("kind", ["int64", "floats", "nullable", "texts", "categories"])
def test_rows_with_missing_values_leave_the_others_as_they_are(switch, column, kind):
    data = ORDERS["shuffled"](simulate(local=False))
    for name in ("school", "cls"):
        data[name] = IDS[kind](data[name])
    gone = np.arange(len(data)) % 6 == 2
    data[column] = data[column].mask(gone)
    left = data[~gone]
    with pytest.warns(UserWarning, match=f"{gone.sum()} of {len(data)} rows were left out"):
        design = build_design(CROSS, data, WEIGHTS)
    if column in ("school", "cls") and kind == "int64":
        left = left.astype({column: float})
    check(design, left, ranks(left["cls"]))


def test_boolean_groups(switch):
    data = simulate(local=False)
    data["half"] = data["school"] > 3
    level = build_design("y ~ x + (1|half)", data).levels[0]
    assert level.labels.tolist() == [False, True]
    np.testing.assert_array_equal(level.codes, data["half"].astype(int))


def test_three_names_in_a_combination(switch):
    data = simulate(local=True).assign(half=lambda d: np.arange(len(d)) % 2)
    level = build_design("y ~ x + (1|half:cls:school)", data).levels[0]
    triples = list(zip(data["half"], data["cls"], data["school"], strict=True))
    found = sorted(set(triples))
    assert level.labels.tolist() == found
    assert level.codes.tolist() == [found.index(one) for one in triples]


def test_columns_that_recur_are_stored_once():
    data = simulate(local=False)
    design = build_design("y ~ x + z + (1|cls) + (1 + z|school)", data)
    bottom, top = design.levels
    assert design.X.flags.f_contiguous
    assert np.shares_memory(bottom.Z, design.X[:, 0])
    assert np.shares_memory(top.Z, design.X)
    np.testing.assert_array_equal(top.Z, design.X[:, [0, 2]])


def test_columns_that_stand_elsewhere_are_copied():
    data = simulate(local=False)
    design = build_design("y ~ x + z + (z + w1 + x|cls) + (0 + w1|school)", data)
    names = [name for term in design.levels[0].terms for name in term.names]
    assert names == ["(Intercept)", "z", "w1", "x"]
    want = np.column_stack([np.ones(len(data)), data[["z", "w1", "x"]]])
    np.testing.assert_array_equal(design.levels[0].Z, want)
    np.testing.assert_array_equal(design.levels[1].Z, data[["w1"]])


def test_columns_of_one_name_are_not_taken_for_one_another():
    data = simulate(local=False).assign(f=lambda d: np.where(d["x"] > 0, "a", "b"))
    data["fb"] = data["z"]
    design = build_design("y ~ f + (0 + fb|cls) + (0 + f|school)", data)
    assert design.x_names == ("(Intercept)", "fb")
    np.testing.assert_array_equal(design.levels[0].Z[:, 0], data["z"])
    np.testing.assert_array_equal(design.X[:, 1], data["f"] == "b")
    assert design.levels[1].terms[0].names == ("fa", "fb")
    np.testing.assert_array_equal(design.levels[1].Z[:, 0], data["f"] == "a")


def test_interactions_multiply_as_before():
    data = simulate(local=False).assign(f=lambda d: np.array(list("abc"))[d["school"] % 3])
    design = build_design("y ~ f*x*z + (1|cls)", data)
    b, c = (data["f"] == "b") * 1.0, (data["f"] == "c") * 1.0
    x, z = data["x"], data["z"]
    want = [1.0 + 0 * x, b, c, x, z, b * x, c * x, b * z, c * z, x * z, z * (x * b), z * (x * c)]
    np.testing.assert_array_equal(design.X, np.column_stack(want))


def test_missing_values_are_counted_in_the_data_as_given():
    data = simulate(local=False)
    data.loc[::9, "z"] = np.nan
    count = int(data["z"].isna().sum())
    with pytest.warns(UserWarning, match=rf"uses \(`z`: {count}\)\.$"):
        build_design(CROSS, data, WEIGHTS, center_grand="~x", center_group={"school": "~z"})


@pytest.fixture
def plain_data():
    rng = np.random.default_rng(5)
    n = 120
    data = pd.DataFrame({"y": rng.normal(size=n), "x": rng.normal(size=n), "z": rng.normal(size=n)})
    data["class"], data["school"] = np.arange(n) // 5, np.arange(n) // 20
    data["w3"] = 1.0 + data["school"] % 3
    data["w2"], data["w1"] = data["w3"] * (1.0 + data["class"] % 2), 8.0 + data["x"]
    return data


@pytest.fixture
def copying_on_write():
    """What pandas 3 always does and pandas 2 on demand."""
    if copies_on_write():
        yield
    else:
        with pd.option_context("mode.copy_on_write", True):
            yield


@pytest.mark.usefixtures("copying_on_write")
@pytest.mark.parametrize("weights", [None, ["w1", "w2", "w3"]])
def test_a_fit_reads_the_columns_of_large_data_where_they_are(plain_data, weights, monkeypatch):
    monkeypatch.setattr("wemix_ref.design.IN_PLACE", 10)
    design = build_design("y ~ x + z + (1|class) + (x|school)", plain_data, weights)
    X, y, Zs, codes, omega = design.columns()
    for column, name in zip([*X[1:], y, Zs[1][1]], ["x", "z", "y", "x"], strict=True):
        assert np.shares_memory(column, design.table[name].to_numpy())
        assert np.shares_memory(column, plain_data[name].to_numpy())
    # ids that are numbers from 0 in rising order are codes already
    if HAVE_NUMBA():
        assert np.shares_memory(codes, plain_data["class"].to_numpy())
        assert not np.shares_memory(codes, design.levels[0].codes)
    ones = [X[0], Zs[0][0], *([omega] if weights is None else [])]
    assert {column.strides for column in ones} == {(0,)}
    if weights is not None:
        assert np.shares_memory(omega, plain_data["w1"].to_numpy())
    fit_design(design)
    delayed = [vars(design)[name] for name in ("X", "y", "omega")]
    delayed += [vars(level)["Z"] for level in design.levels] + [vars(design.levels[1])["codes"]]
    assert not [one for one in delayed if isinstance(one, np.ndarray)]
    np.testing.assert_array_equal(design.X, np.column_stack(X))
    np.testing.assert_array_equal(design.levels[1].Z, np.column_stack(Zs[1]))
    np.testing.assert_array_equal(design.levels[1].codes, plain_data["school"])
    np.testing.assert_array_equal(design.omega, 1.0 if weights is None else plain_data["w1"])


def test_codes_are_held_once_where_they_are_nobody_elses(plain_data):
    names = plain_data.assign(school=plain_data["school"].map("s{}".format))
    design = build_design("y ~ x + (1|school)", names)
    assert np.shares_memory(design.columns()[3], design.levels[0].codes)
    ids = np.arange(6)
    table = Table(
        {"g": pd.Series(ids, copy=False), "x": names["x"], "t": names["school"]}, names.index
    )
    assert np.shares_memory(table["g"].to_numpy(), ids)
    # a column's memory, somebody's view, and memory of their own
    assert not _is_own(ids, table)
    assert not _is_own(np.arange(12)[::2], table)
    assert _is_own(ids.copy(), table)


def test_a_design_tells_how_it_was_made(plain_data):
    design = build_design(
        "y ~ x + z + (x|school)", plain_data, ["w1", "w3"], conditional_weights=True,
        center_group={"school": "~x"}, center_grand="~z",
    )  # fmt: skip
    assert design.conditional_weights is True
    assert build_design("y ~ x + (1|school)", plain_data).conditional_weights is False
    assert design.centring == (("x", "school"), ("z", None))
    # what was subtracted is kept for new rows
    sums = plain_data[["x", "z"]].mul(design.omega, axis=0).assign(omega=design.omega)
    by_school, whole = sums.groupby(plain_data["school"]).sum(), sums.sum()
    means = design.training.means
    np.testing.assert_allclose(means["x"], by_school["x"] / by_school["omega"], rtol=1e-12)
    np.testing.assert_allclose(means["z"], whole["z"] / whole["omega"], rtol=1e-12)


def test_what_is_put_into_an_array_of_the_design_counts(plain_data):
    design = build_design("y ~ x + z + (1|class) + (x|school)", plain_data)
    other = build_design(
        "y ~ x + z + (1|class) + (x|school)", plain_data.assign(x=plain_data["z"] ** 2)
    )
    design.X[:, 1] = plain_data["z"] ** 2
    assert fit_design(design).deviance == pytest.approx(fit_design(other).deviance, rel=1e-9)


def test_columns_are_held_without_the_source(plain_data):
    design = build_design("y ~ x + (1|school)", plain_data)
    held = copy(design)
    vars(held)["source"] = None
    before = plain_data.copy()
    plain_data.loc[:, ["x", "y"]] = 0.0
    for one in (design, held, replace(design, source=None)):
        np.testing.assert_array_equal(one.X[:, 1], before["x"])
        np.testing.assert_array_equal(one.y, before["y"])
