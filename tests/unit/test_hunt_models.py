"""Random models of a hunt: what they are made of, and on what they depend."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from wemix_ref.hunt.identities import IDENTITIES, applicable
from wemix_ref.hunt.model import conditional_weights, group_codes, times_above
from wemix_ref.hunt.models import random_model
from wemix_ref.hunt.search import pairs_of

MODELS = [random_model(5, number) for number in range(150)]


def test_a_model_depends_on_its_seed_and_number_alone() -> None:
    again = random_model(5, 77)
    pd.testing.assert_frame_equal(again.data, MODELS[77].data)
    assert again.formula == MODELS[77].formula
    assert not random_model(6, 77).data.equals(again.data)


def test_without_weights_all_else_is_the_same() -> None:
    for number in range(20):
        plain = random_model(5, number, weighted=False)
        assert plain.weights is None
        assert plain.formula == MODELS[number].formula
        pd.testing.assert_frame_equal(plain.data, MODELS[number].data[plain.data.columns])


def test_models_are_of_all_kinds() -> None:
    assert {model.levels for model in MODELS} == {2, 3, 4}
    assert {model.spelling for model in MODELS} == {"slash", "plus"}
    assert {model.weights is None for model in MODELS} == {True, False}
    assert any(slope for model in MODELS for slope in model.slopes)
    ids = [model.data[name] for model in MODELS for name in model.groups]
    numeric = [pd.api.types.is_numeric_dtype(column) for column in ids]
    assert any(numeric)
    assert not all(numeric)
    assert any(n and column.max() > 9 for n, column in zip(numeric, ids, strict=True))
    for mark in ":. ":
        assert any(
            not n and column.str.contains(mark, regex=False).any()
            for n, column in zip(numeric, ids, strict=True)
        )
    assert any(
        b.startswith(a) for m in MODELS for a, b in zip(m.groups, m.groups[1:], strict=False)
    )
    whole = [
        np.allclose(conditional_weights(model), np.rint(conditional_weights(model)))
        for model in MODELS
        if model.weights
    ]
    assert any(whole)
    assert not all(whole)
    assert any(model.unconditional()[:, 0].max() < 1e-3 for model in MODELS)


def test_groups_are_nested_and_fewer_the_higher() -> None:
    for model in MODELS:
        codes = group_codes(model)
        counts = [len(model.data), *(np.unique(column).size for column in codes.T)]
        assert counts == sorted(counts, reverse=True)
        assert len(set(counts)) == len(counts)
        for lower, upper in zip(codes.T, codes.T[1:], strict=False):
            assert pd.Series(upper).groupby(lower).nunique().max() == 1
        if model.spelling == "plus":
            assert model.is_unique()
        if model.weights is not None:
            for column, code in zip(model.unconditional().T[1:], codes.T, strict=True):
                assert pd.Series(column).groupby(code).nunique().max() == 1


def test_pasted_ids_do_not_make_groups() -> None:
    model = MODELS[0]
    data = pd.DataFrame({"y": [1.0, 2.0, 3.0], "b": ["2:p", "2", "2"], "a": ["1", "p:1", "1"]})
    three = replace(model, data=data, groups=("b", "a"), spelling="slash", weights=None)
    assert np.unique(group_codes(three)[:, 0]).size == 3


def test_conditional_weights_multiply_to_the_unconditional_ones() -> None:
    for model in MODELS[:30]:
        np.testing.assert_allclose(times_above(conditional_weights(model)), model.unconditional())


@pytest.mark.parametrize("engine", ["python", "lme4"])
def test_every_identity_is_put_to_some_model(engine: str) -> None:
    pairs = [pair for number in range(150) for pair in pairs_of(engine, 5, number, 2)]
    used = {pair.identity for pair in pairs}
    for identity in IDENTITIES.values():
        assert (identity.name in used) == (engine == "python" or not identity.needs_weights)
    if engine == "lme4":
        assert all(p.first.weights is None and p.second.weights is None for p in pairs)


def test_fewer_identities_are_the_first_of_more() -> None:
    one, two = pairs_of("python", 5, 3, 1), pairs_of("python", 5, 3, 2)
    assert [pair.identity for pair in one] == [pair.identity for pair in two[:1]]
    pd.testing.assert_frame_equal(one[0].second.data, two[0].second.data)
    assert len({pair.identity for pair in two}) == 2


def test_an_identity_that_says_nothing_of_a_model_is_not_put_to_it() -> None:
    model = next(m for m in MODELS if not m.is_unique())
    assert "respell" not in {identity.name for identity in applicable(model, weights=True)}
    plain = random_model(5, model.number, weighted=False)
    names = {identity.name for identity in applicable(plain, weights=True)}
    assert not names & {"rescale-weights", "conditional", "replicate"}
