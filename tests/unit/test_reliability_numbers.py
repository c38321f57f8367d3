"""Digits kept under stress, certified; and what ill-posed input is told."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from wemix_ref import mix
from wemix_ref.hunt.models import stream
from wemix_ref.reliability import numbers
from wemix_ref.reliability.certified import Exact
from wemix_ref.reliability.numbers import (
    QUANTITIES,
    REQUIRED,
    UNPROMISED,
    USUAL,
    as_it_must,
    digits_of,
    kept,
    required,
    told_of,
)
from wemix_ref.reliability.stress import base, cases, ill_posed

CASES = {case.name: case for case in cases(1, small=True)}
#: A minute of certified arithmetic is too much for every run: these stand for the others.
SHOWN = (
    "nothing, an intercept",
    "y + 10^6",
    "y + 10^8",
    "slope column + 10^5",
    "slope column * 10^-8",
    "columns of X on 10^-8 and 10^8",
    "columns of X 10^-6 apart",
    "level-1 weights over 12 decades",
    "level-2 weights over 12 decades",
    "both over 12 decades",
    "residual 10^-6 of the effects",
    "variance ratio 10^8",
    "variance ratio 10^-8",
    "a zero variance",
    "one row per group",
    "two top groups",
)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", SHOWN)
def test_digits_are_kept(name: str) -> None:
    found = digits_of(CASES[name])
    assert not found.error
    assert found.short == []
    assert all(found.kept[one] is not None or found.absent[one] for one in QUANTITIES)


def test_what_the_design_promises_is_required() -> None:
    assert required(CASES["y + 10^8"])["slopes"] >= 12
    assert required(CASES["y + 10^6"])["sigma"] >= 13
    assert required(CASES["slope column + 10^5"])["D"] >= 12
    assert required(CASES["nothing, an intercept"]) == USUAL


def test_every_cost_has_its_cause() -> None:
    assert all(bool(case.why) == (case.cost > 0) for case in CASES.values())
    assert all(why for mine in UNPROMISED.values() for why in mine.values())
    assert {*REQUIRED, *UNPROMISED} <= set(CASES)


def test_every_requirement_can_fail() -> None:
    for name, case in CASES.items():
        must = required(case)
        assert all(digits > 0.5 for digits in must.values()), name
        assert {*must, *UNPROMISED.get(name, {})} == set(QUANTITIES)


def test_certified_numbers_are_those_of_the_definition() -> None:
    # unweighted, one row per group and theta: V = sigma^2 (1 + theta^2) I
    data = base(stream(3, 0)).assign(g=np.arange(32))
    with pytest.warns(UserWarning, match="single row"):
        fit = mix("y ~ x + (1|g)", data)
    theta = 0.8
    exact = Exact(fit.design).at([theta])
    X = np.column_stack([np.ones(32), data["x"]])
    beta, rss, _, _ = np.linalg.lstsq(X, data["y"].to_numpy(), rcond=None)
    inflation = 1.0 + theta**2
    sigma2 = rss[0] / 32 / inflation
    assert float(exact.sigma) ** 2 == pytest.approx(sigma2, rel=1e-13)
    assert [float(b) for b in exact.beta] == pytest.approx(list(beta), rel=1e-12)
    D = 32 * (math.log(inflation) + 1.0 + math.log(2.0 * math.pi * sigma2))
    assert float(exact.deviance) == pytest.approx(D, rel=1e-14)
    covariance = sigma2 * inflation * np.linalg.inv(X.T @ X)
    assert [float(se) for se in exact.se_model] == pytest.approx(
        list(np.sqrt(np.diag(covariance))), rel=1e-12
    )


def test_a_minimum_is_one_to_many_digits() -> None:
    case = CASES["nothing, an intercept"]
    exact = Exact(mix(case.formula, case.data, list(case.weights)).design)
    near = mix(case.formula, case.data, list(case.weights)).theta.to_numpy()
    (theta,) = exact.minimum(near)
    (again,) = exact.minimum(near * 1.001)
    assert abs(theta - again) < exact.mp.mpf(10) ** -numbers.DIGITS
    assert exact.deviance([theta]) < exact.deviance([theta * (1 + exact.mp.mpf(10) ** -20)])


@pytest.mark.parametrize("quantity", QUANTITIES)
def test_lost_digits_are_found(quantity: str) -> None:
    found = digits_of(CASES["nothing, an intercept"])
    assert found.short == []
    lost = replace(found, kept={**found.kept, quantity: USUAL[quantity] - 0.1})
    assert lost.short == [quantity]


@pytest.mark.parametrize("quantity", QUANTITIES)
def test_what_is_not_there_is_short_unless_it_is_said_why(quantity: str) -> None:
    found = digits_of(CASES["nothing, an intercept"])
    lost = replace(found, kept={**found.kept, quantity: None})
    assert lost.short == [quantity]
    assert replace(lost, absent={quantity: "why"}).short == []


def test_standard_errors_of_nan_are_short(monkeypatch) -> None:
    case = CASES["nothing, an intercept"]
    whole = numbers._fit(case, written_out=True)
    nan = whole.bse * math.nan
    monkeypatch.setattr(type(whole), "bse", property(lambda _: nan))
    assert digits_of(case).short == ["SE of beta"]
    monkeypatch.undo()
    monkeypatch.setattr(numbers, "_se_variances", lambda _: np.array([math.nan, math.nan]))
    assert digits_of(case).short == ["SE of variances"]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("variance ratio 10^-8", "not concave at this theta"),
        ("one row per group", "do not identify it"),
        ("a zero variance", "at its boundary"),
    ],
)
def test_nan_is_expected_for_one_reason_only(name: str, why: str) -> None:
    case = CASES[name]
    found = digits_of(case)
    assert why in found.absent["SE of variances"]
    assert digits_of(replace(case, no_se="another reason")).short == ["SE of variances"]
    if case.no_se:
        assert digits_of(replace(case, no_se="")).short == ["SE of variances"]


def test_numbers_where_none_are_expected_are_short() -> None:
    case = replace(CASES["nothing, an intercept"], no_se="not concave")
    assert digits_of(case).short == ["SE of variances"]


def test_a_zero_that_is_no_minimum_has_no_digits() -> None:
    case = CASES["nothing, an intercept"]
    fit = mix(case.formula, case.data, list(case.weights))
    zero = np.zeros(1)
    assert numbers._digits_of_minimum(Exact(fit.design), zero, fit) == 0.0
    none = CASES["a zero variance"]
    with pytest.warns(UserWarning, match="singular"):
        flat = mix(none.formula, none.data, list(none.weights))
    assert numbers._digits_of_minimum(Exact(flat.design), zero, flat) == 16.0


def test_only_a_search_that_may_stop_is_not_held_to_the_minimum(monkeypatch) -> None:
    monkeypatch.setattr(numbers, "_digits_of_minimum", lambda *_: 0.0)
    monkeypatch.setattr(numbers, "_NO_MINIMUM", "SingularFitWarning")
    case = CASES["two top groups"]
    assert digits_of(case).short == ["theta"]
    monkeypatch.setattr(numbers, "MAY_STOP", (case.name,))
    assert digits_of(case).short == []


def test_digits_are_those_in_which_numbers_agree() -> None:
    import mpmath

    assert kept([1.0], [mpmath.mpf(1)], mpmath) == 16.0
    assert kept([1.001, 2.0], [mpmath.mpf(1), mpmath.mpf(2)], mpmath) == pytest.approx(3.0)
    assert kept([math.nan], [mpmath.mpf(1)], mpmath) == 0.0
    assert kept([1.0, math.nan], [mpmath.mpf(1)] * 2, mpmath) == 0.0
    assert kept([math.inf], [mpmath.mpf(1)], mpmath) == 0.0
    assert kept([2.0], [mpmath.mpf(-1)], mpmath) == 0.0


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("ill", ill_posed(), ids=lambda one: one.name)
def test_ill_posed_input_is_told(ill) -> None:
    kind, words = told_of(ill, 1)
    assert as_it_must(ill, kind, words), (kind, words)
    assert len(words) > 40
    assert not as_it_must(ill, "UserWarning", words)
    assert not as_it_must(ill, kind, "the fit is not what it seems")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("y + 10^15", "few of its digits"),
        ("weights over 30 decades", "less than rounding"),
        ("weights over 12 decades", "lose some 12 of 16 digits"),
        ("y * 10^200, whose square overflows", "'y' (4.5e+200). Take another unit"),
        ("y * 10^-200, whose square underflows", "'y' (4.5e-200). Take another unit"),
        ("slope column * 10^200", "1 does not: 'x' ("),
        ("slope column * 10^-200", "1 does not: 'x' ("),
        ("a slope of a constant column", "'(Intercept)', 'x', so their variances"),
    ],
)
def test_what_cannot_be_told_is_warned_of(name: str, words: str) -> None:
    (ill,) = (one for one in ill_posed() if one.name == name)
    assert words in told_of(ill, 1)[1]


def test_good_data_are_not_warned_of(recwarn) -> None:
    case = CASES["nothing, a slope"]
    mix(case.formula, case.data, list(case.weights))
    far = CASES["y + 10^8"]
    mix(far.formula, far.data, list(far.weights))
    assert not recwarn.list


def test_the_record_counts_what_is_short(monkeypatch, tmp_path) -> None:
    case = CASES["two top groups"]
    monkeypatch.setattr(numbers, "cases", lambda *_, **__: [case])
    monkeypatch.setattr(numbers, "ill_posed", lambda: ill_posed()[:2])
    said: list[str] = []
    record = numbers.run(2, 1, said.append)
    assert (record.tried, record.failed) == (4, 0)
    assert len(said) == 2
    wrong = [replace(ill, kind="OtherError") for ill in ill_posed()[:2]]
    monkeypatch.setattr(numbers, "ill_posed", lambda: wrong)
    assert numbers.run(1, 1, said.append).failed == 2
    assert said[-1] == f"{wrong[1].name}: not told as it must be"
    monkeypatch.setattr(numbers, "ill_posed", lambda: ill_posed()[:2])
    monkeypatch.setitem(numbers.USUAL, "D", 17.0)
    monkeypatch.setattr(numbers, "_SUMS", -9.0)
    assert numbers.run(1, 1, said.append).failed == 1
    assert record.write(tmp_path).is_file()
