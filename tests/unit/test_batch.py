"""Many fits in one call: those of each alone, whatever stands beside it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from wemix_ref import mix
from wemix_ref.batch import near_minima
from wemix_ref.compiled import HAVE_NUMBA
from wemix_ref.design import Design, build_design
from wemix_ref.errors import ModelError
from wemix_ref.fit import criterion_of, fit_design, fit_designs, try_designs
from wemix_ref.optimise import minimise_all
from wemix_ref.starts import usual_start
from wemix_ref.working import working_criterion

FORMULAS = ("y ~ x + (1|c) + (1|s)", "y ~ x + (1 + x|s)", "y ~ 1 + (1|c) + (1|s)")
WEIGHTS = {FORMULAS[0]: ["w1", "w2", "w3"], FORMULAS[1]: ["w1", "w3"], FORMULAS[2]: None}


def sample(seed: int, sd: float = 0.6, rows: int = 90) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    s = np.repeat(np.arange(rows // 9), 9)
    c = np.arange(rows) // 3
    x = rng.normal(size=rows)
    y = 1 + x + sd * (rng.normal(size=s.size)[s] * (1 + x / 2) + rng.normal(size=rows)[c])
    w3 = rng.uniform(1, 3, rows)[s]
    w2 = w3 * rng.uniform(1, 3, rows)[c]
    data = {"x": x, "s": s, "c": c, "w1": w2 * rng.uniform(1, 3, rows), "w2": w2, "w3": w3}
    return pd.DataFrame({"y": y + rng.normal(size=rows), **data})


def design(seed: int, formula: str = FORMULAS[0], **how: float) -> Design:
    return build_design(formula, sample(seed, **how), WEIGHTS[formula])


@pytest.mark.filterwarnings("ignore::wemix_ref.errors.WemixRefWarning")
def test_fits_of_several_shapes_are_those_of_each_alone() -> None:
    # sizes differ, and some have a variance of zero
    designs = [
        design(seed, FORMULAS[seed % 3], sd=0.8 if seed % 4 else 0.0, rows=90 + 9 * (seed % 5))
        for seed in range(60)
    ]
    singular = 0
    for one, together in zip(designs, fit_designs(designs), strict=True):
        alone = fit_design(one)
        assert together.converged
        assert together.singular == alone.singular
        singular += alone.singular
        assert together.deviance == pytest.approx(alone.deviance, rel=1e-13)
        np.testing.assert_allclose(together.theta, alone.theta, rtol=1e-9, atol=1e-11)
        np.testing.assert_allclose(together.params, alone.params, rtol=1e-10)
        np.testing.assert_allclose(together.bse, alone.bse, rtol=1e-9)
        np.testing.assert_allclose(
            together.variance_components["se"], alone.variance_components["se"], rtol=1e-7
        )
    assert 0 < singular < len(designs)


def test_the_bits_of_a_fit_do_not_depend_on_those_beside_it() -> None:
    designs = [design(seed, rows=90 + 9 * (seed % 3)) for seed in range(12)]
    whole = fit_designs(designs)
    parts = [*fit_designs(designs[:1]), *fit_designs(designs[1:5]), *fit_designs(designs[5:])]
    turned = fit_designs(designs[::-1])[::-1]
    for one, part, other in zip(whole, parts, turned, strict=True):
        for fit in (part, other):
            assert fit.deviance == one.deviance
            np.testing.assert_array_equal(fit.theta, one.theta)
            np.testing.assert_array_equal(fit.params, one.params)
            np.testing.assert_array_equal(fit.bse, one.bse)


@pytest.mark.skipif(not HAVE_NUMBA(), reason="fits are started together by compiled loops")
def test_where_there_is_a_plain_way_searches_start_at_their_ends() -> None:
    criteria = [criterion_of(design(seed)) for seed in range(20)]
    working = [working_criterion(one) for one in criteria]
    near = near_minima(working, usual_start(working[0].covariance))
    found = [one for one in minimise_all(criteria) if isinstance(one, tuple)]
    assert len(found) == len(criteria)
    plain = [i for i, phi in enumerate(near) if phi is not None]
    assert len(plain) >= 15
    for i in plain:
        at, report = found[i]
        theta = working[i].jacobian @ near[i]
        np.testing.assert_allclose(np.abs(theta), at.theta, rtol=1e-8, atol=1e-9)
        assert report.evaluations <= 4
        assert report.hessians == 1


def test_one_without_an_answer_is_told_and_leaves_the_others_alone() -> None:
    data = sample(3)
    data["y"] = data["s"].astype(float)  # the groups' effects explain it whole
    without = build_design(FORMULAS[0], data, WEIGHTS[FORMULAS[0]])
    designs = [design(1), without, design(2)]
    first, error, last = try_designs(designs)
    assert isinstance(error, ModelError)
    alone = fit_designs([designs[0], designs[2]])
    for fit, other in zip((first, last), alone, strict=True):
        assert not isinstance(fit, Exception)
        assert fit.deviance == other.deviance
    with pytest.raises(ModelError, match="residual variance goes to zero"):
        fit_designs(designs)


def test_reml_and_recipes_are_those_asked_for() -> None:
    designs = [design(seed, FORMULAS[2]) for seed in range(3)]
    for one, fit in zip(designs, fit_designs(designs, reml=True), strict=True):
        assert fit.reml
        assert fit.deviance == fit_design(one, reml=True).deviance
    stata = fit_designs([design(1)], se="stata")[0]
    data = sample(1)
    expected = mix(FORMULAS[0], data, WEIGHTS[FORMULAS[0]], se="stata")
    assert stata.se_recipe == "stata"
    np.testing.assert_allclose(
        stata.variance_components["se"], expected.variance_components["se"], rtol=1e-8
    )


def test_none_are_none() -> None:
    assert fit_designs([]) == []
