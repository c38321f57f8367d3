"""A boundary minimum is not always the lowest: the search starts a second time from elsewhere."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import numpy as np
import pandas as pd
import pytest

from wemix_ref import mix
from wemix_ref.design import build_design
from wemix_ref.deviance import Criterion
from wemix_ref.fit import criterion_of
from wemix_ref.optimise import _search, minimise
from wemix_ref.reliability.designs import design_of, random_shape
from wemix_ref.starts import usual_start
from wemix_ref.working import working_criterion

MODEL = "y ~ x + (x||h) + (x||g)"


def few_groups(seed: int) -> Criterion:
    """A handful of nested groups with long-tailed errors: the deviance has several minima."""
    rng = np.random.default_rng(seed)
    frames = []
    n_top, heavy = int(rng.integers(3, 9)), rng.random() < 0.5
    group = 0
    for top in range(n_top):
        for _ in range(int(rng.integers(1, 4))):
            group += 1
            n = int(rng.integers(2, 6))
            x = rng.normal(size=n)
            rng.normal(size=n)
            e = rng.standard_t(2, n) if heavy else rng.normal(size=n)
            y = e + 0.5 * rng.normal() * x * rng.random() + 0.3 * rng.normal()
            frames.append(pd.DataFrame({"y": y, "x": x, "g": group, "h": top}))
    return criterion_of(build_design(MODEL, pd.concat(frames, ignore_index=True)))


# the gap is how much lower the second start ends
@pytest.mark.parametrize(("seed", "gap"), [(354, 0.02), (915, 0.9), (1542, 0.5)])
def test_the_second_start_may_end_lower_and_is_then_the_answer(seed: int, gap: float) -> None:
    criterion = few_groups(seed)
    working = working_criterion(criterion)
    one = _search(working, usual_start(working.covariance)).at
    assert working.covariance.zero_columns(one.theta).any()
    best, report = minimise(criterion)
    assert report.converged
    assert best.deviance < one.deviance - gap
    # nor is any point of a coarse grid lower
    values = (0.0, 0.2, 0.4, 0.7, 1.2, 3.0)
    lowest = min(working.evaluate(np.array(phi)).deviance for phi in product(values, repeat=4))
    assert best.deviance <= lowest + 1e-9


@pytest.mark.parametrize("seed", [409, 1095, 741])
def test_a_second_start_that_ends_higher_is_not(seed: int) -> None:
    criterion = few_groups(seed)
    working = working_criterion(criterion)
    start = usual_start(working.covariance)
    one, two = _search(working, start).at, _search(working, start / 4.0).at
    assert working.covariance.zero_columns(one.theta).any()
    assert two.deviance > one.deviance + 1e-3
    best, _ = minimise(criterion)
    assert best.deviance == pytest.approx(one.deviance, abs=1e-9)


# few rows for their variances; the gap is how much lower one of the other starts ends
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("seed", "number", "gap"),
    [(2, 1183, 1e3), (2, 1087, 90.0), (2, 192, 1.5), (1, 98, 5.0), (1, 765, 0.5)],
)
def test_where_rows_are_few_the_lowest_of_several_minima_is_the_answer(
    seed: int, number: int, gap: float
) -> None:
    problem = replace(design_of(random_shape(seed, number)), number=number).problem()
    criterion = criterion_of(
        build_design(
            problem.formula,
            problem.data,
            problem.weights,
            conditional_weights=problem.conditional_weights,
        )
    )
    working = working_criterion(criterion)
    start = usual_start(working.covariance)
    one = _search(working, start).at
    best, report = minimise(criterion)
    assert report.converged
    assert best.deviance < one.deviance - gap
    rng = np.random.default_rng(number)
    for _ in range(10):
        sizes, correlations = rng.uniform(-3, 2, start.size), rng.normal(size=start.size)
        other = _search(working, start * np.exp(sizes) + correlations * (start == 0)).at
        assert best.deviance <= other.deviance + 1e-9 * abs(best.deviance)


@pytest.mark.filterwarnings("ignore")
def test_a_search_that_rounding_stops_is_tried_from_elsewhere() -> None:
    # weights over six decades, 24 rows and five variances: the residual is 1e-6 of the rest
    model = design_of(random_shape(1, 156))
    fit = mix(model.formula, model.data, list(model.weights), conditional_weights=model.conditional)
    working = working_criterion(fit._criterion)
    one = _search(working, usual_start(working.covariance)).at
    assert not working.covariance.zero_columns(one.theta).any()
    assert fit.deviance < one.deviance - 5.0
