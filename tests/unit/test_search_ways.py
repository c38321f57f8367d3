"""Whichever way the search goes, it ends at the same minimum."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from wemix_ref import newton, optimise
from wemix_ref.design import build_design
from wemix_ref.deviance import Criterion
from wemix_ref.fit import criterion_of
from wemix_ref.starts import usual_start

FORMULA = "y ~ x + rare + (1|class) + (x|school)"


def criterion(rare: bool = False) -> Criterion:
    rng = np.random.default_rng(8)
    schools, classes, rows = 60, 3, 4
    school = np.repeat(np.arange(schools), classes * rows)
    group = np.repeat(np.arange(schools * classes), rows)
    x = rng.normal(size=school.size)
    u, v = rng.normal(size=(schools, 2)) * [0.8, 0.4], rng.normal(size=schools * classes) * 0.6
    y = 1 + x + u[school, 0] + u[school, 1] * x + v[group] + rng.normal(size=school.size)
    # one dummy that is there in every school, or one that only the second school has
    flag = (school == 1) & (np.arange(school.size) % 2 == 0) if rare else rng.random(y.size) < 0.5
    w3 = rng.uniform(1, 3, schools)[school]
    w2 = w3 * rng.uniform(1, 2, schools * classes)[group]
    data = pd.DataFrame(
        {"y": y, "x": x, "rare": flag.astype(float), "class": group, "school": school}
    ).assign(w3=w3, w2=w2, w1=w2 * rng.uniform(1, 2, y.size))
    return criterion_of(build_design(FORMULA, data, ["w1", "w2", "w3"]))


def test_from_where_the_fit_to_some_groups_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = criterion()
    monkeypatch.setattr(optimise, "MANY_TOP_GROUPS", 20)
    monkeypatch.setattr(optimise, "SOME_TOP_GROUPS", 15)
    near = criterion()
    working = optimise.working_criterion(near)
    start, H = optimise._near(working, usual_start(working.covariance))
    assert H is not None
    # nearer than where it would start without
    best, _ = optimise.minimise(plain)
    ways = [working.evaluate(phi).deviance for phi in (start, usual_start(working.covariance))]
    assert ways[0] - best.deviance < 0.5 * (ways[1] - best.deviance)
    monkeypatch.setattr(optimise, "MANY_TOP_GROUPS", 10**9)
    first = optimise.minimise(criterion())
    monkeypatch.setattr(optimise, "MANY_TOP_GROUPS", 20)
    again = optimise.minimise(near)
    assert again[0].deviance == pytest.approx(first[0].deviance, rel=1e-14)
    np.testing.assert_allclose(again[0].theta, first[0].theta, rtol=1e-10)


def test_groups_that_lack_a_column_may_be_those_it_starts_from(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    plain = optimise.minimise(criterion(rare=True))
    monkeypatch.setattr(optimise, "MANY_TOP_GROUPS", 20)
    monkeypatch.setattr(optimise, "SOME_TOP_GROUPS", 20)  # every third: not the second
    there = criterion(rare=True)
    at, report = optimise.minimise(there)
    assert report.converged
    assert at.deviance == pytest.approx(plain[0].deviance, rel=1e-14)


def test_by_bfgs_where_newton_does_not_end(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = criterion()
    optimise.minimise(plain)
    asked: list[float] = []
    bfgs = optimise._bfgs

    def counted(*arguments):
        found = bfgs(*arguments)
        asked.append(found.deviance)
        return found

    monkeypatch.setattr(optimise, "_bfgs", counted)
    expected = optimise.minimise(criterion())[0]
    assert not asked
    monkeypatch.setattr(newton, "MAX_NEWTON", 3)
    at, report = optimise.minimise(criterion())
    assert len(asked) == 1
    assert report.converged
    assert at.deviance == pytest.approx(expected.deviance, rel=1e-14)
    np.testing.assert_allclose(at.theta, expected.theta, rtol=1e-9)


@pytest.mark.parametrize("people", [1, 5, 100])
def test_rows_that_repeat_in_a_pattern(people: int) -> None:
    """Four waves a person, and a dose that all but a few have from the second wave on alone."""
    rng = np.random.default_rng(people)
    n = 40_000
    wave, person = np.arange(n) % 4, np.arange(n) // 4
    dose = np.where(wave > 0, rng.normal(1.0, 0.5, n), 0.0)
    first = np.flatnonzero(wave == 0)[:people]
    dose[first] = rng.choice([-0.01, 0.01], people)
    school = person // 50
    level, slope = rng.normal(size=(2, school.max() + 1)) * [[0.5], [0.4]]
    y = 1 + level[school] + (0.5 + slope[school]) * dose + rng.normal(size=n)
    data = pd.DataFrame({"y": y, "dose": dose, "school": school})
    found = []
    for rows in (np.arange(n), rng.permutation(n)):
        one = criterion_of(build_design("y ~ dose + (dose|school)", data.iloc[rows]))
        found.append(optimise.minimise(one))
    (at, report), (other, _) = found
    assert report.converged
    assert at.deviance == pytest.approx(other.deviance, rel=1e-13)
    np.testing.assert_allclose(at.theta, other.theta, rtol=1e-8)


def test_a_column_that_only_some_rows_have() -> None:
    rng = np.random.default_rng(0)
    n = 40_000
    post, school = np.arange(n) % 2, np.arange(n) // 400
    income = post * np.exp(rng.normal(15, 1, n))
    y = 1e-7 * income * (1 + 0.3 * rng.normal(size=100)[school]) + rng.normal(size=n)
    data = pd.DataFrame({"y": y, "income": income, "s": school})
    at, report = optimise.minimise(criterion_of(build_design("y ~ income + (0 + income|s)", data)))
    assert report.converged
    assert at.deviance == pytest.approx(113584.58, abs=0.01)  # by the code before the loops
