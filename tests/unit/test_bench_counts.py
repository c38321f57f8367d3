"""What a fit takes, counted: evaluations, Hessians, and how often the rows are gone through.

Seconds depend on the machine, these do not: a change that makes a fit dearer fails here.
"""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from wemix_ref.cases import load_case
from wemix_ref.components import components
from wemix_ref.design import Design, build_design
from wemix_ref.engines.protocol import Problem
from wemix_ref.fit import criterion_of, fit_design
from wemix_ref.inference import infer
from wemix_ref.optimise import minimise
from wemix_ref.prepare import problem_of, read_problem, write_problem

CASES = Path(__file__).resolve().parents[2] / "config" / "cases"

#: Case -> evaluations of the criterion and of its Hessian that a fit may take at most.
AT_MOST = {
    "sleepstudy-l2-slope": (11, 10),
    "sleepstudy-slope-reml": (11, 10),
    "three-level-school-slope": (9, 7),
    "three-level-school-slope-unweighted": (115, 103),  # singular, few rows: ten starts
    "four-level": (6, 5),
    "egsingle-growth": (11, 8),
    "api-two-stage": (7, 7),
    "exam": (13, 9),
    "pastes": (8, 8),
    "dyestuff2": (43, 36),  # singular, few rows: eight starts
    "mathachieve-slopes-reml": (9, 7),
}
ROWS = ("three-level-school-slope", "three-level-school-slope-unweighted", "sleepstudy-slope-reml")


def problem(name: str, scratch: Path) -> Problem:
    case = load_case(CASES / f"{name}.yaml")
    write_problem(problem_of(case), case.dataset.path, scratch)
    return read_problem(scratch)


def design_of(asked: Problem) -> Design:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return build_design(
            asked.formula,
            asked.data,
            asked.weights,
            conditional_weights=asked.conditional_weights,
            center_group=asked.center_group,
            center_grand=asked.center_grand,
        )


@pytest.mark.parametrize("name", AT_MOST)
def test_a_fit_takes_no_more_evaluations_than_it_did(name: str, tmp_path: Path) -> None:
    asked = problem(name, tmp_path)
    report = fit_design(design_of(asked), reml=asked.reml).optimizer
    evaluations, hessians = AT_MOST[name]
    assert report.converged
    assert report.evaluations <= evaluations
    assert report.hessians <= hessians


def rows_of(design: Design) -> list[Any]:
    return [design.y, design.X, design.omega, *(level.Z for level in design.levels)]


def numbers(design: Design, reml: bool, spoil: bool) -> list[float]:
    """Deviance and standard errors; with `spoil` the rows are lost once the criterion is made."""
    # arrays that are asked for before are what the criterion is made from
    rows = rows_of(design)
    criterion = criterion_of(design, reml)
    if spoil:
        for array in rows:
            array.flags.writeable = True
            array[...] = np.nan
    at, _ = minimise(criterion)
    parts = components(criterion.covariance, at.theta, float(at.profile.sigma2**0.5))
    recipe = "wemix" if design.weighted else "model"
    found = infer(criterion, at, parts, recipe)
    errors = np.sqrt(np.diag(found.cov_beta)).tolist()
    return [at.deviance, *at.theta.tolist(), *errors, *found.se_components]


@pytest.mark.parametrize("name", ROWS)
def test_rows_are_gone_through_before_the_first_evaluation_and_never_after(
    name: str, tmp_path: Path
) -> None:
    asked = problem(name, tmp_path)
    kept = numbers(design_of(asked), asked.reml, spoil=False)
    lost = numbers(design_of(asked), asked.reml, spoil=True)
    np.testing.assert_array_equal(kept, lost)
    assert np.isfinite(kept[0])


def test_the_guard_sees_rows_that_are_used_later(tmp_path: Path) -> None:
    """Spoilt before the criterion is made, rows do change the answer."""
    asked = problem(ROWS[0], tmp_path)
    design = design_of(asked)
    design.y.flags.writeable = True
    design.y[:] = design.y + np.arange(design.n) % 3
    moved = numbers(design, asked.reml, spoil=False)
    assert moved[0] != numbers(design_of(asked), asked.reml, spoil=False)[0]
