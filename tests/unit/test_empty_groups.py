"""Groups without units: in the population, never in a sample, and weights stay unbiased."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import yaml

from tests.unit.study_files import TINY, written
from wemix_ref.errors import StudyError
from wemix_ref.simulate.hierarchy import Hierarchy, Population, Variable
from wemix_ref.simulate.populations import draw_population, population_spec
from wemix_ref.simulate.replicates import run_replicates
from wemix_ref.simulate.sampling import draw_sample, sampling_spec
from wemix_ref.simulate.streams import stream_of
from wemix_ref.simulate.study import load_study

COUNTS = {"distribution": "poisson", "mean": 1.2}
TEXT = """
levels: {school: {size: 30}, teacher: {size: 2}, student: {size: 3}}
covariates: {x: {level: student, distribution: normal}}
model:
  response: y
  fixed: {x: 0.5}
  random: {school: {sd: 1}, teacher: {sd: 1}}
  residual: {sd: 1}
"""


def made(derived: dict[str, Any] | None = None, **sizes: Any) -> Population:
    content = yaml.safe_load(TEXT)
    for level, size in sizes.items():
        content["levels"][level] = {"size": size}
    content["derived"] = derived or {}
    return draw_population(population_spec(content), {}, stream_of(2))


def test_a_poisson_size_may_be_zero_at_any_level_below_the_top() -> None:
    population = made(teacher=COUNTS, student=COUNTS)
    hierarchy, frame = population.hierarchy, population.frame()
    for level in (1, 2):
        assert 0 < (hierarchy.counts(level) == 0).sum() < hierarchy.counts(level).size
    assert set(frame["teacher"]) == set(np.flatnonzero(hierarchy.counts(2)))
    assert set(frame["school"]) == set(hierarchy.parents[1][np.flatnonzero(hierarchy.counts(2))])
    # ids and effects are still those of the units
    u = population.variables["u_school"].values
    assert u.size == 30
    np.testing.assert_array_equal(frame["u_school"], u[frame["school"]])


def test_what_is_summed_over_no_unit_is_zero_and_a_mean_is_refused() -> None:
    at = {"level": "teacher"}
    population = made({"n": {**at, "expression": "count()"}}, student=COUNTS)
    counts = population.hierarchy.counts(2)
    np.testing.assert_array_equal(population.variables["n"].values, counts)
    total = made({"s": {**at, "expression": "sum(x)"}}, student=COUNTS).variables["s"].values
    assert (total[counts == 0] == 0.0).all()
    assert (total[counts > 0] != 0.0).all()
    with pytest.raises(StudyError, match=r"derived\.m: `mean\(x\)`.*too small for a mean"):
        made({"m": {**at, "expression": "mean(x)"}}, student=COUNTS)


def test_the_top_must_have_units() -> None:
    with pytest.raises(StudyError, match=r"levels\.school\.size: must be a whole number from 1"):
        made(school={"distribution": "poisson", "mean": 1e-9})


def test_estimated_totals_are_unbiased_with_a_group_without_units() -> None:
    """All three samples of two schools of 0, 2 and 3 students: their estimates of 5 students."""
    parents = (np.zeros(3, dtype=np.int64), np.array([1, 1, 2, 2, 2]))
    population = Population(
        Hierarchy(("school", "student"), parents), {"e": Variable(1, np.arange(5.0))}, {}
    )
    spec = sampling_spec(
        {
            "sampling": {
                "school": {"method": "srs", "size": 2},
                "student": {"method": "srs", "size": "min(2, count)"},
            }
        },
        ("school", "student"),
    )
    estimates: dict[tuple[int, ...], float] = {}
    for replicate in range(60):
        sample = draw_sample(spec, population, {}, stream_of(3, replicate))
        schools = tuple(np.unique(parents[1][sample.rows]).tolist())
        assert (sample.conditional(0) == 1.5).all()
        assert np.isnan(sample.weights[0][0])
        np.testing.assert_allclose(sample.probabilities[0], 2 / 3, rtol=1e-15)
        total = float(sample.unconditional(1).sum())
        assert estimates.setdefault(schools, total) == pytest.approx(total)
    # a sample without school 0, and the two in which it was drawn and has nobody
    assert set(estimates) == {(1, 2), (1,), (2,)}
    assert np.mean(list(estimates.values())) == pytest.approx(5.0)


def test_a_study_with_groups_without_units_runs(tmp_path: Any) -> None:
    levels = {**TINY["population"]["levels"], "teacher": {"size": COUNTS}, "student": {"size": 6}}
    levels["school"] = {"size": 40}
    path = written(
        tmp_path,
        population={**TINY["population"], "levels": levels},
        sampling={
            "school": {
                "method": "sampford",
                "size": 25,
                "measure": "exp(where(informative, 0.5, 0) * u_school)",
            },
            "teacher": {"method": "pivotal", "rate": 0.7, "measure": "exp(u_teacher)"},
            "student": {"method": "systematic", "size": 4},
        },
        nonresponse={"teacher": {"probability": 0.9, "adjust": "exact"}},
        noise={"school": {"cv": 0.1}, "teacher": {"cv": 0.1}},
        trimming={"school": {"quantile": 0.9, "redistribute": True}},
    )
    study = load_study(path)
    rows = run_replicates(study, study.scenario("informative-true"), [0, 1])
    assert set(rows["status"]) == {"ok"}
    assert (rows["n_top"] < 25).all()
