"""Digits, rounding, tolerances: the parts a verdict is made of."""

import math
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse as sp
import yaml
from scipy.sparse.linalg import splu

from wemix_ref.errors import CaseError
from wemix_ref.tolerances import TOLERANCES, load_tolerances
from wemix_ref.verdicts import digits_of, engine_verdict, judge, matrix_digits, rounds_to


@pytest.mark.parametrize(
    ("ours", "theirs", "digits"),
    [
        (1.0, 1.0, 16.0),
        (0.0, 0.0, 16.0),
        (1.001, 1.0, 3.0),
        (-1001.0, -1000.0, 3.0),
        (1e-9, 0.0, 9.0),
        (5.0, 0.0, 0.0),
        (1.0, -1.0, 0.0),
        (math.inf, 1.0, 0.0),
        (1 + 2e-16, 1.0, 15.65),
    ],
)
def test_digits(ours, theirs, digits):
    assert digits_of(ours, theirs) == pytest.approx(digits, abs=0.01)


def test_digits_of_a_missing_number_satisfy_nothing():
    assert math.isnan(digits_of(math.nan, 1.0))
    assert judge(math.nan, 0.0) == ("differs", False)
    assert judge(math.nan, None) == ("shown", None)


def test_verdict_names_whole_digits():
    assert judge(12.97, 12) == ("agrees to 12 digits", True)
    assert judge(11.97, 12) == ("differs", False)


def test_matrix_digits():
    a = sp.csr_array(np.array([[4.0, 0.0], [1.0, 0.0]]))
    b = sp.csr_array(np.array([[4.0, 0.0], [1.0, 4e-8]]))
    assert matrix_digits(a, a) == 16.0
    assert matrix_digits(a, b) == pytest.approx(8.0)
    assert matrix_digits(a, sp.csr_array((2, 3))) == 0.0
    zero = sp.csr_array((2, 2))
    assert matrix_digits(zero, zero) == 16.0


@pytest.mark.parametrize(
    ("value", "text", "agrees"),
    [
        (0.12345, "0.1234", True),  # half way, in decimal
        (0.25, "0.2", True),  # half way: either
        (0.25, "0.3", True),
        (0.2500001, "0.2", False),
        (1743.628, "1743.6", True),
        (1743.66, "1743.6", False),
        (180, "180", True),
        (-5.923652, "-5.923652", True),
        (-2.5e-7, "0.000000", True),
        (12340.0, "1.234e4", True),
        (12346.0, "1.234e4", False),
        (math.nan, "0", False),
    ],
)
def test_rounding(value, text, agrees):
    assert rounds_to(value, text) is agrees


def test_an_engine_of_which_nothing_was_judged_does_not_pass():
    assert engine_verdict("ok", [], False)["ok"] is False


def test_every_tolerance_has_its_reason():
    entries = load_tolerances().entries
    assert all(len(tolerance.why) >= 20 for tolerance in entries.values())
    assert entries["same-theta", "deviance", "*"].value == 12
    assert entries["standard-errors", "se_beta", "wemix"].value == 7
    assert entries["standard-errors", "se_variance", "wemix"].value == 5
    assert entries["own-optimum", "deviance", "*"].value == 1e-10


def test_software_has_its_own_entry_or_the_general_one():
    tolerances = load_tolerances()
    assert tolerances.find("same-theta", "beta", "lme4").rule == "normal-equations"
    assert tolerances.find("same-theta", "beta", "wemix").rule == "digits"
    with pytest.raises(CaseError, match="found none for 'phlogiston'"):
        tolerances.find("same-theta", "phlogiston")


def rewritten(tmp_path, change) -> Path:
    content = yaml.safe_load(TOLERANCES.read_text())
    change(content)
    path = tmp_path / "tolerances.yaml"
    path.write_text(yaml.safe_dump(content))
    return path


def test_a_tolerance_without_a_reason_is_refused(tmp_path):
    path = rewritten(tmp_path, lambda c: c["tiers"]["same-theta"][0].pop("why"))
    with pytest.raises(CaseError, match="must have the key 'why', which is missing"):
        load_tolerances(path)


def test_two_tolerances_for_one_quantity_are_refused(tmp_path):
    path = rewritten(tmp_path, lambda c: c["tiers"]["matrices"].append(c["tiers"]["matrices"][0]))
    with pytest.raises(CaseError, match="two in 'matrices'"):
        load_tolerances(path)


def test_lme4_loses_digits_of_beta_to_normal_equations_where_the_tolerance_says_so():
    """The bound is at work on the ill-conditioned case and nowhere near on a tame one."""
    from wemix_ref.cases import load_cases
    from wemix_ref.fit import mix
    from wemix_ref.tiers.ours import Ours

    cases = load_cases()
    left = {}
    for name in ("egsingle-growth-unweighted", "sleepstudy-l2-slope-unweighted"):
        case = cases[name]
        theta = mix(case.formula, case.data).theta.to_numpy()
        ours = Ours(case.problem(), theta)
        left[name] = -math.log10(ours.normal_equations_error(theta).max())
        # Plain normal equations in double precision: what the bound is a bound of.
        V = ours.at(theta).V("working")
        X, y = ours.design.X, ours.design.y
        factor = splu(sp.csc_array(V))
        beta = np.linalg.solve(X.T @ factor.solve(X), X.T @ factor.solve(y))
        assert np.allclose(beta, ours.at(theta).params, rtol=1e-9)
    assert left["egsingle-growth-unweighted"] < 10.5
    assert left["sleepstudy-l2-slope-unweighted"] > 12
