"""What a hunt asks of single engines: every recipe of the estimator, what MixedLM takes."""

from __future__ import annotations

import copy
from dataclasses import replace

import numpy as np
import pytest

from tests.unit.hunt_engines import Wrong, kinds, pairs, response_of, with_columns
from wemix_ref import mix
from wemix_ref.engines import get_engine
from wemix_ref.engines.protocol import FitResult
from wemix_ref.engines.python import PythonEngine
from wemix_ref.hunt import hunt
from wemix_ref.hunt.answers import verdicts
from wemix_ref.hunt.expected import SANDWICHES, Pair, factors
from wemix_ref.hunt.identities import IDENTITIES
from wemix_ref.hunt.judge import judge
from wemix_ref.hunt.models import random_model
from wemix_ref.hunt.own_engine import EveryRecipe, as_hunted
from wemix_ref.hunt.search import pairs_of
from wemix_ref.hunt.versions import versions_of

LIMIT = 60.0
RECIPES = ("model", *SANDWICHES)


def records(pair: Pair) -> list[dict]:
    asked = [(m.problem(), {"common": m.common_theta()}) for m in (pair.first, pair.second)]
    return [one.record for one in EveryRecipe().fit_many(asked, timeout=LIMIT)]


def test_the_estimator_is_asked_for_every_recipe_and_others_for_what_they_have() -> None:
    assert isinstance(as_hunted(PythonEngine()), EveryRecipe)
    other = Wrong()
    assert as_hunted(other) is other
    record = records(pairs("permute", count=1)[0])[0]
    assert set(record["at"][0]["recipes"]) == set(RECIPES)
    assert record["engine"] == "python"


def test_its_numbers_are_those_of_the_engine_and_of_the_fit() -> None:
    model = pairs("permute", lambda m: m.weights is not None, 1)[0].first
    thetas = {"common": model.common_theta()}
    ours = EveryRecipe().fit_many([(model.problem(), thetas)], timeout=LIMIT)[0].record
    plain = PythonEngine().fit_many([(model.problem(), thetas)], timeout=LIMIT)[0].record
    for name in ("deviance", "beta", "sigma", "se_beta"):
        assert ours["at"][0][name] == plain["at"][0][name]
        assert ours["optimum"][name] == plain["optimum"][name]
    fit = mix(model.formula, model.data, weights=list(model.weights or ()))
    there = fit.at(model.common_theta())
    for recipe in RECIPES:
        wanted = there.with_recipe(recipe)
        got = ours["at"][0]["recipes"][recipe]
        np.testing.assert_allclose(list(got["se_beta"].values()), wanted.bse)


@pytest.mark.parametrize("name", IDENTITIES)
def test_every_recipe_keeps_every_identity(name: str) -> None:
    assert kinds(EveryRecipe(), pairs(name)) == {"same"}


@pytest.mark.parametrize("recipe", RECIPES)
def test_each_recipe_is_judged(recipe: str) -> None:
    pair = pairs("permute", count=1)[0]
    first, second = records(pair)
    assert judge(pair, first, second).kind == "same"
    for name in ("se_beta", "se_variance_components"):
        wrong = copy.deepcopy(second)
        errors = wrong["at"][0]["recipes"][recipe][name]
        if isinstance(errors, dict):
            errors.update({key: value * 1.00001 for key, value in errors.items()})
        else:
            errors[:] = [value and value * 1.00001 for value in errors]
        verdict = judge(pair, first, wrong)
        assert verdict.kind == "standard errors"
        assert {d.quantity.split(", ")[1] for d in verdict.differences} == {recipe}


def test_groups_written_out_twice_tell_the_factors_of_the_recipes_apart() -> None:
    pair = pairs("twice", count=1)[0]
    first, second = records(pair)
    assert pair.expected.se["sas"] != pair.expected.se["gllamm"]
    alike = replace(pair, expected=replace(pair.expected, se=factors(pair.expected.se["wemix"])))
    wrong = {d.quantity.split(", ")[1] for d in judge(alike, first, second).differences}
    assert wrong == {"model", "sas"}


def test_models_for_mixedlm_have_two_levels_and_no_weights() -> None:
    asked = [pair for number in range(40) for pair in pairs_of("statsmodels", 5, number, 2)]
    assert {model.levels for pair in asked for model in (pair.first, pair.second)} == {2}
    assert all(m.weights is None for pair in asked for m in (pair.first, pair.second))
    assert len({pair.identity for pair in asked}) >= 5
    assert {random_model(5, 3, levels=wanted).levels for wanted in (2, 3, 4)} == {2, 3, 4}


def test_mixedlm_takes_part_and_is_found_nothing_against_in_a_few() -> None:
    run = hunt(get_engine("statsmodels"), seed=2, n=12, each=2)
    counted = {kind for counts in run.counts.values() for kind in counts}
    assert counted <= {"same", "stops early"}
    assert run.cases == []
    assert "statsmodels" in versions_of("statsmodels")
    assert "statsmodels" not in versions_of("python")


def test_a_fault_of_mixedlm_would_be_found() -> None:
    engine = get_engine("statsmodels")

    class CubeRoots(type(engine)):  # type: ignore[misc]
        def fit(self, problem, thetas, *, timeout) -> FitResult:
            y = problem.data[response_of(problem)]
            changed = with_columns(problem, **{response_of(problem): np.cbrt(y)})
            return super().fit(changed, thetas, timeout=timeout)

    asked = [
        pair
        for number in range(40)
        for pair in pairs_of("statsmodels", 5, number, 20)
        if pair.identity == "rescale-y"
    ][:3]
    assert {verdict.kind for verdict in verdicts(engine, asked)} == {"same"}
    assert "another model" in {verdict.kind for verdict in verdicts(CubeRoots(), asked)}


def in_unit(pair: Pair, sd: float) -> Pair:
    """A pair of an identity that leaves y alone, with y of another standard deviation."""
    times = sd / float(np.std(pair.first.data["y"]))
    first, second = (
        replace(model, data=model.data.assign(y=model.data["y"] * times))
        for model in (pair.first, pair.second)
    )
    return replace(pair, first=first, second=second)


def as_wemix(pair: Pair) -> list[dict]:
    """Our records of a pair as WeMix has them: one recipe, errors of variances at the optimum."""
    found = records(pair)
    for record in found:
        record["engine"] = "wemix"
        for point in (record["optimum"], *record["at"]):
            recipe = point.pop("recipes")["wemix"]
            point |= {"se_recipe": "wemix", "se_beta": recipe["se_beta"]}
            for row in point["variance_components"]:
                row["se"] = None
        rows = record["optimum"]["variance_components"]
        for row in rows:  # any finite numbers serve here
            row["se"] = 0.3 * row["vcov"]
    return found


@pytest.mark.parametrize(
    ("sd", "change", "kind"),
    [
        (1.0, 3e-6, "standard errors"),
        (1.0, 1e-8, "same"),
        (1e5, 3e-6, "same"),
        (1e5, 0.1, "standard errors"),
    ],
)
def test_wemix_may_lose_of_standard_errors_what_its_step_leaves(sd, change, kind) -> None:
    pair = in_unit(pairs("permute", lambda m: m.weights is not None, 1)[0], sd)
    first, second = as_wemix(pair)
    assert judge(pair, first, second).kind == "same"
    point = second["at"][0]
    point["se_beta"] = {name: se * (1.0 + change) for name, se in point["se_beta"].items()}
    assert judge(pair, first, second).kind == kind


@pytest.mark.parametrize(("change", "kind"), [(0.05, "standard errors"), (1e-4, "same")])
def test_wemix_is_held_to_its_standard_errors_of_variances(change, kind) -> None:
    pair = in_unit(pairs("permute", lambda m: m.weights is not None, 1)[0], 10.0)
    first, second = as_wemix(pair)
    second["optimum"]["variance_components"][0]["se"] *= 1.0 + change
    assert judge(pair, first, second).kind == kind
    # a variance of zero has no standard error, and there is none to hold against another
    second["singular"] = True
    assert judge(pair, first, second).kind == "same"
    # nor is there where the optima are apart
    second["singular"] = False
    second["optimum"]["deviance"] += 1e-3
    assert judge(pair, first, second).kind == "stops early"
