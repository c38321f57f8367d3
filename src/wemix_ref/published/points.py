"""Our model at its optimum and elsewhere, told in the terms that a table prints."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wemix_ref.errors import CaseError, WemixRefWarning
from wemix_ref.fit import mix
from wemix_ref.published.data import PublishedData
from wemix_ref.published.log_sd import log_sd_errors
from wemix_ref.published.printed_tables import Column, Printed, Published
from wemix_ref.results import FittedModel

__all__ = ["Point", "fit_published", "implied_theta", "point_of"]

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Point:
    """The model at one theta, with the standard errors of one recipe.

    Attributes
    ----------
    theta : (n_theta,). deviance : -2 log pseudo-likelihood.
    values : by quantity and name, as `Printed.quantity` and `Printed.name` have them.
    """

    theta: tuple[float, ...]
    deviance: float
    values: Mapping[tuple[str, str], float]

    def value(self, number: Printed) -> float | None:
        """Our value of a printed number; None where the recipe gives none."""
        return self.values.get((number.quantity, number.name))


def fit_published(published: Published, data: PublishedData) -> FittedModel:
    """Fit the model that a published table is of.

    Raises
    ------
    CaseError
        If the optimiser did not converge: no number may be judged by such a fit.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", WemixRefWarning)
        fit = mix(
            published.formula,
            data.frame,
            published.weights,
            conditional_weights=published.conditional_weights,
            scale=published.scale,
            center_group=None if published.center_group is None else dict(published.center_group),
        )
    if not fit.converged:
        raise CaseError(
            f"{published.case}: the fit must converge before printed numbers are held against it; "
            f"{fit.optimizer.message}."
        )
    return fit


def point_of(fit: FittedModel, recipe: str | None, numbers: Sequence[Printed] = ()) -> Point:
    """Take from a model what tables print.

    Parameters
    ----------
    fit : the model at some theta.
    recipe : of the standard errors; None for none. Under "stata" those of variances are taken in
        log standard deviations, which is the same at the optimum.
    numbers : what is asked for; a Wald test of q coefficients must be one of all but the intercept.

    Raises
    ------
    CaseError
        If a printed number is of something that the model has not.
    """
    model = fit if recipe is None else fit.with_se(recipe)
    values: dict[tuple[str, str], float] = {("log_likelihood", ""): model.llf}
    values |= {("beta", str(name)): float(value) for name, value in model.params.items()}
    variances = model.variance_components["vcov"].to_numpy()
    values |= _by_name("variance", model, variances)
    if recipe is not None:
        values |= {("se_beta", str(name)): float(value) for name, value in model.bse.items()}
        values |= _by_name("se_variance", model, _errors(model, recipe))
        values |= _wald(model, numbers)
    for number in numbers:
        needs_recipe = number.quantity.startswith(("se_", "wald"))
        if (number.quantity, number.name) not in values and not (recipe is None and needs_recipe):
            raise CaseError(f"the model {fit.formula} has no `{number.label}`, which is printed.")
    return Point(tuple(model.theta.tolist()), model.deviance, values)


def implied_theta(column: Column, fit: FittedModel) -> Array | None:
    """Theta that printed variances imply: the square roots of variances over the residual's.

    Returns
    -------
    array, shape (n_theta,), or None
        None where a variance is not printed, or is not above zero, or a term has several effects,
        whose covariances tables like these do not print.
    """
    printed = {n.key: float(n.text) for n in column.numbers if n.quantity == "variance"}
    found = [
        next((printed[name] for name in names if name in printed), 0.0)
        for names in _component_names(fit)
    ]
    if len(found) != len(fit.theta) + 1 or min(found) <= 0:
        return None
    # one effect a term: the components before the residual are in theta's order
    return np.sqrt(np.array(found[:-1]) / found[-1])


def _component_names(model: FittedModel) -> list[tuple[str, ...]]:
    """Names that tables give each variance: of a group with one effect, the group's alone too."""
    table = model.variance_components
    groups = list(table["group"])
    names: list[tuple[str, ...]] = []
    for group, first, second in zip(groups, table["var1"], table["var2"], strict=True):
        whole = " ".join(part for part in (group, first, second) if part is not None)
        names.append((whole, group) if groups.count(group) == 1 else (whole,))
    return names


def _by_name(quantity: str, model: FittedModel, values: Array) -> dict[tuple[str, str], float]:
    return {
        (quantity, name): float(value)
        for names, value in zip(_component_names(model), values, strict=True)
        for name in names
    }


def _errors(model: FittedModel, recipe: str) -> Array:
    """Standard errors of the variance components by a recipe."""
    if recipe != "stata" or len(model.variance_components) != len(model.theta) + 1:
        return model.variance_components["se"].to_numpy()
    return log_sd_errors(model._information(), model.theta.to_numpy(), model.sigma)


def _wald(model: FittedModel, numbers: Sequence[Printed]) -> dict[tuple[str, str], float]:
    """The tests that are printed: that every coefficient but the intercept is zero."""
    hypotheses = {str(name): 0.0 for name in model.params.index if name != "(Intercept)"}
    return {
        (number.quantity, ""): model.wald_test(hypotheses).statistic
        for number in numbers
        if number.quantity == f"wald_chi2_{len(hypotheses)}"
    }
