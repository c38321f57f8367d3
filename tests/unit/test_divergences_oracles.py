"""Oracles: rows written out, data changed, quantities by name."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from wemix_ref import mix
from wemix_ref.divergences.edits import edited
from wemix_ref.divergences.oracles import TITLES, TOLERANCES, consult, fitted
from wemix_ref.divergences.quantities import of_fit, of_record
from wemix_ref.divergences.replicated import grouping_columns, replicated
from wemix_ref.divergences.samples import SAMPLES, nested_sample
from wemix_ref.divergences.specs import Model, Oracle, load_divergences
from wemix_ref.engines import get_engine
from wemix_ref.engines.protocol import Problem
from wemix_ref.errors import CaseError, WeightsError

SPECS = load_divergences()
THREE = Model("y ~ x + (1|g3/g2)", ("w1", "w2", "w3"), False, None)


def test_rows_and_groups_stand_as_often_as_they_count():
    data = pd.DataFrame(
        {"g": ["a", "a", "b"], "y": [1.0, 2.0, 3.0], "w1": [6, 2, 3], "w2": [2, 2, 1]}
    )
    rows = replicated(Model("y ~ 1 + (1|g)", ("w1", "w2"), False, None), data)
    assert list(rows.columns) == ["g", "y"]
    counts = rows.groupby(["g", "y"]).size().to_dict()
    assert counts == {
        ("a-0", 1.0): 3, ("a-1", 1.0): 3, ("a-0", 2.0): 1, ("a-1", 2.0): 1, ("b-0", 3.0): 3
    }  # fmt: skip


def test_written_out_rows_give_the_weighted_fit_of_three_levels():
    data = nested_sample(1, (9, 2, 3), (1.0, 0.8))
    weighted = of_fit(fitted(THREE, data))
    rows = replicated(THREE, data)
    assert len(rows) == data["w1"].sum()
    plain = of_fit(mix("y ~ x + (1|g3/g2)", rows))
    assert plain["ngroups g2:g3"] == (data.drop_duplicates("g2")["w2"]).sum()
    for name in ("llf", "beta x", "var g3 (Intercept)", "var g2:g3 (Intercept)", "sigma2"):
        assert plain[name] == pytest.approx(weighted[name], rel=1e-7)


def test_conditional_weights_count_within_their_group():
    data = SAMPLES["two-level.csv"]()
    given = Model("y ~ x + (1|g)", ("w1", "w2"), False, None)
    within = Model("y ~ x + (1|g)", ("w1", "w2"), True, None)
    conditional = data.assign(w1=data["w1"] / data["w2"])
    first, second = replicated(given, data), replicated(within, conditional)
    pd.testing.assert_frame_equal(first, second)


@pytest.mark.parametrize("bad", [-2.0, 0.0, 1.5])
def test_what_cannot_be_written_out_is_refused(bad):
    data = SAMPLES["two-level.csv"]().astype({"w1": float})
    data.loc[3, "w1"] = bad * data.loc[3, "w2"]
    with pytest.raises(WeightsError, match=r"whole numbers.*1 others"):
        replicated(Model("y ~ x + (1|g)", ("w1", "w2"), False, None), data)


def test_a_group_weight_that_varies_is_refused():
    data = SAMPLES["two-level.csv"]()
    data.loc[0, "w2"] += 1
    with pytest.raises(WeightsError, match=r"`w2` must be constant within g.*1 groups.*'A'"):
        replicated(Model("y ~ x + (1|g)", ("w1", "w2"), False, None), data)


def test_without_weights_the_data_are_given_back():
    data = SAMPLES["slopes.csv"]()
    assert replicated(Model("y ~ x + (x|g)", None, False, None), data) is data


def test_levels_are_ordered_by_their_number_of_groups():
    data = nested_sample(1, (3, 2, 2), (1.0, 1.0))
    assert grouping_columns("y ~ (1|g3) + (1|g2)", data) == [["g2"], ["g3"]]
    assert grouping_columns("y ~ (1|g3/g2)", data) == [["g2", "g3"], ["g3"]]


def test_edits_change_what_they_say():
    data = pd.DataFrame({"g": ["b", "a", "b"], "x": [1.0, 2.0, 4.0], "w": [1.0, 1.0, 2.0]})
    done = edited(
        data,
        [
            {"scale": "x", "by": 10, "as": "ten"},
            {"product": "xw", "of": ["x", "w"]},
            {"difference": "d", "of": ["ten", "x"]},
            {"centre": "x", "weight": "w"},
            {"relabel": "g"},
            {"sort": "g"},
            {"rename": "w", "to": "weight"},
        ],
    )
    assert list(done.index) == [0, 2, 1]
    assert list(done["g"]) == ["a", "a", "b"]
    assert list(done["ten"]) == [10.0, 40.0, 20.0]
    assert list(done["xw"]) == [1.0, 8.0, 2.0]
    assert list(done["d"]) == [9.0, 36.0, 18.0]
    assert np.average(done["x"], weights=done["weight"]) == pytest.approx(0.0, abs=1e-15)
    assert list(data.columns) == ["g", "x", "w"]


def test_ids_as_text_keep_their_order():
    ids = edited(pd.DataFrame({"g": [10, 2, 1, 2]}), [{"text": "g"}])["g"]
    assert list(ids) == ["id3", "id2", "id1", "id2"]


@pytest.mark.parametrize(
    "edit", [{"scale": "no", "by": 2}, {"centre": "x", "weight": "no"}, {"sort": "no"},
             {"product": "z", "of": ["x", "no"]}]
)  # fmt: skip
def test_an_edit_of_a_column_that_is_not_there_is_refused(edit):
    with pytest.raises(CaseError, match="'no' is none"):
        edited(pd.DataFrame({"x": [1.0]}), [edit])


@pytest.mark.parametrize("formula", ["y ~ x + (x|g)", "y ~ x + (1|g)"])
def test_a_record_has_the_quantities_of_its_fit(formula):
    data = SAMPLES["two-level.csv"]()
    problem = Problem("c", formula, data, ["w1", "w2"], False, False, None, None, "0" * 64)
    record = get_engine("python").fit(problem, {}, timeout=60.0).record
    from_fit = of_fit(mix(formula, data, ["w1", "w2"]))
    from_record = of_record(record)
    assert set(from_fit) - set(from_record) == {name for name in from_fit if "residual" in name}
    for name, value in from_record.items():
        assert value == pytest.approx(from_fit[name], rel=1e-12), name


def test_three_levels_share_what_is_above_them():
    data = nested_sample(1, (9, 2, 3), (1.0, 0.8))
    problem = Problem("c", THREE.formula, data, list(THREE.weights), False, False, None, None, "0")
    record = get_engine("python").fit(problem, {}, timeout=60.0).record
    found = of_record(record)
    top, middle = found["var g3 (Intercept)"], found["var g2:g3 (Intercept)"]
    total = top + middle + found["sigma2"]
    assert found["icc g3"] == pytest.approx(top / total)
    assert found["icc g2:g3"] == pytest.approx((top + middle) / total)
    assert of_fit(fitted(THREE, data))["icc g2:g3"] == pytest.approx(found["icc g2:g3"])


def test_an_oracle_without_the_quantity_has_no_answer():
    spec = SPECS["offset"]
    oracle = Oracle("gls", "dense", (), None, {"slope": "var g x"})
    said = consult(oracle, spec, None, None, 1.0)
    assert (said["status"], said["values"]) == ("failed", {})
    assert "has no `var g x`" in said["message"]


def test_dense_residuals_are_those_of_the_fit():
    spec = SPECS["residual-names"]
    rows = {f"row {label}": f"residual {label}" for label in spec.data.index}
    said = consult(Oracle("gls", "dense", (), None, rows), spec, None, None, 1.0)
    fit = fitted(spec.model, spec.data)
    for label, value in fit.resid.items():
        assert said["values"][f"row {label}"] == pytest.approx(value, rel=1e-9, abs=1e-12)


def test_every_oracle_has_a_title_and_a_tolerance():
    used = {oracle.by for spec in SPECS.values() for oracle in spec.oracles}
    assert used == set(TITLES) == set(TOLERANCES)
