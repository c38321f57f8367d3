"""Our side of published tables: values by name, implied theta, errors in log deviations."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy.stats import multivariate_normal

from wemix_ref import mix
from wemix_ref.datasets import RESOURCES
from wemix_ref.errors import CaseError, ModelError
from wemix_ref.published.data import read_published_data
from wemix_ref.published.log_sd import log_sd_errors
from wemix_ref.published.points import fit_published, implied_theta, point_of
from wemix_ref.published.printed_tables import Column, Printed
from wemix_ref.published.rounding import rounded_point
from wemix_ref.published.sources import load_published

FORMULA = "Reaction ~ Days + (1|Subject) + (0+Days|Subject)"


@pytest.fixture(scope="module")
def data():
    return pd.read_csv(RESOURCES / "data" / "sleepstudy-row-weights.csv")


@pytest.fixture(scope="module")
def fit(data):
    return mix(FORMULA, data, ["W1", "W2"])


def printed(**texts):
    """A column of variances; `_` in a name stands for a blank."""
    numbers = [Printed("variance", name.replace("_", " "), text) for name, text in texts.items()]
    return Column("Stata", "stata", "", tuple(numbers))


def variances(intercept, slope, residual):
    numbers = (
        Printed("variance", "Subject (Intercept)", intercept),
        Printed("variance", "Subject Days", slope),
        Printed("variance", "Residual", residual),
    )
    return Column("Stata", "stata", "", numbers)


def test_at_the_optimum_log_deviations_change_nothing(fit):
    usual = fit.with_se("stata").variance_components["se"].to_numpy()
    point = point_of(fit, "stata")
    names = ("Subject (Intercept)", "Subject Days", "Residual")
    found = [point.values["se_variance", name] for name in names]
    assert found == pytest.approx(usual, rel=1e-7)
    other = point_of(fit, "sas").values
    expected = fit.with_se("sas").variance_components["se"].to_numpy()
    assert [other["se_variance", name] for name in names] == pytest.approx(expected, rel=1e-12)


def test_away_from_it_they_are_the_sandwich_of_differences_of_a_dense_density(data):
    """Scores and Hessian of each group's normal density in (beta, log deviations)."""
    plain = mix(FORMULA, data)
    there = plain.at(plain.theta.to_numpy() * [1.2, 0.8])
    sigma, theta = there.sigma, there.theta.to_numpy()
    start = np.concatenate([there.params, np.log(theta * sigma), [np.log(sigma)]])
    groups = [
        (rows["Reaction"].to_numpy(), rows["Days"].to_numpy(dtype=float))
        for _, rows in data.groupby("Subject")
    ]

    def log_densities(phi):
        out = []
        variance = np.exp(2 * phi[2:])
        for y, x in groups:
            V = variance[0] + variance[1] * np.outer(x, x) + variance[2] * np.eye(x.size)
            out.append(multivariate_normal.logpdf(y, phi[0] + phi[1] * x, V))
        return np.array(out)

    step = np.array([1e-2, 1e-3, 1e-3, 1e-3, 1e-3])
    unit = np.diag(step)
    scores = np.stack(
        [
            (log_densities(start + e) - log_densities(start - e)) / (2 * h)
            for e, h in zip(unit, step, strict=True)
        ],
        axis=1,
    )
    H = np.empty((5, 5))
    for i in range(5):
        for j in range(5):
            corners = [
                s * t * log_densities(start + s * unit[i] + t * unit[j]).sum()
                for s in (1, -1)
                for t in (1, -1)
            ]
            H[i, j] = -sum(corners) / (4 * step[i] * step[j])
    inverse = np.linalg.inv(H)[2:, 2:]
    covariance = inverse @ scores[:, 2:].T @ scores[:, 2:] @ inverse * 18 / 17
    expected = 2 * np.exp(2 * start[2:]) * np.sqrt(np.diag(covariance))
    found = log_sd_errors(there.with_se("stata")._information(), theta, sigma)
    assert found == pytest.approx(expected, rel=2e-5)
    in_theta = there.with_se("stata").variance_components["se"].to_numpy()
    assert np.all(np.abs(found / in_theta - 1) > 1e-3)


def test_log_deviations_need_a_variance_above_zero(fit):
    information = fit.with_se("stata")._information()
    with pytest.raises(ModelError, match="every variance above zero"):
        log_sd_errors(information, np.array([0.5, 0.0]), 1.0)


def test_where_the_likelihood_bends_upwards_there_is_no_error(fit):
    far = fit.at([8.0, 0.01]).with_se("stata")
    assert np.isnan(log_sd_errors(far._information(), far.theta.to_numpy(), far.sigma)).all()


def test_printed_variances_imply_a_theta(fit):
    assert implied_theta(variances("400", "25", "100"), fit) == pytest.approx([2.0, 0.5])
    assert implied_theta(variances("400", "0", "100"), fit) is None
    two = variances("400", "25", "100")
    assert implied_theta(replace(two, numbers=two.numbers[:2]), fit) is None
    assert implied_theta(replace(two, numbers=two.numbers[1:]), fit) is None


def test_a_group_with_one_effect_goes_by_its_name_alone(data, fit):
    one = mix("Reaction ~ Days + (1|Subject)", data, ["W1", "W2"])
    column = printed(Subject="400", Residual="100")
    assert implied_theta(column, one) == pytest.approx([2.0])
    assert implied_theta(column, fit) is None
    values = point_of(one, None).values
    assert values["variance", "Subject"] == values["variance", "Subject (Intercept)"]
    assert ("variance", "Subject") not in point_of(fit, None).values


def test_terms_with_covariances_imply_no_theta(data):
    correlated = mix("Reaction ~ Days + (Days|Subject)", data)
    assert implied_theta(variances("400", "25", "100"), correlated) is None


def test_values_are_those_of_the_model(fit):
    numbers = (Printed("wald_chi2_1", "", "1"), Printed("se_beta", "Days", "1"))
    point = point_of(fit, "gllamm", numbers)
    model = fit.with_se("gllamm")
    assert point.value(numbers[0]) == pytest.approx((model.params["Days"] / model.bse["Days"]) ** 2)
    assert point.value(numbers[1]) == model.bse["Days"]
    assert point.values["log_likelihood", ""] == fit.llf
    assert point.deviance == fit.deviance
    assert point.theta == tuple(fit.theta)


def test_without_a_recipe_there_are_no_standard_errors(fit):
    numbers = (Printed("se_beta", "Days", "1"), Printed("wald_chi2_1", "", "1"))
    point = point_of(fit, None, numbers)
    assert [point.value(number) for number in numbers] == [None, None]
    assert point.value(Printed("beta", "Days", "1")) == fit.params["Days"]


@pytest.mark.parametrize(
    ("quantity", "key"), [("beta", "x"), ("wald_chi2_2", ""), ("se_variance", "Subject")]
)
def test_what_the_model_has_not_cannot_be_printed(fit, quantity, key):
    number = Printed(quantity, key, "1")
    with pytest.raises(CaseError, match=f"has no `{number.label}`, which is printed"):
        point_of(fit, "sas", (number,))


def test_a_fit_that_did_not_converge_judges_nothing(monkeypatch):
    published = load_published()["unit-weights"]
    read = read_published_data(published)
    fitted = fit_published(published, read)
    assert fitted.converged
    monkeypatch.setattr(type(fitted), "converged", property(lambda _: False))
    with pytest.raises(CaseError, match="unit-weights: the fit must converge"):
        fit_published(published, read)


# -- a theta that all printed variances round to ---------------------------------------------------


@pytest.fixture(scope="module")
def one(data):
    return mix("Reaction ~ Days + (1|Subject)", data, ["W1", "W2"])


def column_at(fit, way, digits=2):
    """What a package prints that stopped a way off: variances to few digits, beta to many."""
    values = point_of(fit.at(fit.theta.to_numpy() + way), None).values
    numbers = [
        Printed("variance", key, f"{values['variance', key]:.{digits}f}")
        for key in ("Subject", "Residual")
    ]
    beta = values["beta", "(Intercept)"]
    return Column("SAS", "sas", "", (*numbers, Printed("beta", "(Intercept)", f"{beta:.7f}")))


def ends(fit, column):
    """Our optimum, and the theta that the printed variances imply."""
    there = fit.at(implied_theta(column, fit))
    return tuple(point_of(model, "sas", column.numbers) for model in (fit, there))


@pytest.mark.parametrize("way", [2e-5, -2e-5])
def test_the_place_where_most_numbers_hold_is_found(one, way):
    column = column_at(one, way)
    optimum, at_printed = ends(one, column)
    *variances_, beta = column.numbers
    assert f"{optimum.value(beta):.7f}" != beta.text
    assert f"{at_printed.value(beta):.7f}" != beta.text
    found = rounded_point(one, column, optimum, at_printed)
    assert found is not None
    assert f"{found.value(beta):.7f}" == beta.text
    for number in variances_:
        assert f"{found.value(number):.2f}" == number.text
    assert ("se_beta", "Days") in found.values  # by the column's recipe


def test_of_places_that_serve_as_well_the_nearest_to_the_printed_theta_is_taken(one):
    column = column_at(one, 2e-5)
    column = replace(column, numbers=column.numbers[:2])
    optimum, at_printed = ends(one, column)
    found = rounded_point(one, column, optimum, at_printed)
    assert found is not None
    assert found.theta == pytest.approx(at_printed.theta, rel=1e-14)


def test_no_place_is_found_where_the_variances_do_not_go_together(one):
    column = column_at(one, 2e-5, digits=4)
    variance, residual, beta = column.numbers
    residual = replace(residual, text=f"{float(residual.text) + 0.01:.4f}")
    column = replace(column, numbers=(variance, residual, beta))
    assert rounded_point(one, column, *ends(one, column)) is None


def test_no_number_is_worth_a_variance_that_does_not_round(one):
    column, further = column_at(one, 2e-5), column_at(one, 3.4e-5)
    beta = further.numbers[-1]
    column = replace(column, numbers=(*column.numbers[:2], beta, beta, beta))
    optimum, at_printed = ends(one, column)
    found = rounded_point(one, column, optimum, at_printed)
    assert found is not None
    assert f"{found.value(beta):.7f}" != beta.text
    for number in column.numbers[:2]:
        assert f"{found.value(number):.2f}" == number.text
