"""One fit of a study against one answer of R: which numbers are held against which."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wemix_ref.engines.protocol import FitResult, Problem
from wemix_ref.fit import criterion_of, fit_design
from wemix_ref.simulate.analyses import with_precision_weights
from wemix_ref.tiers.matrices import matrices
from wemix_ref.tiers.ours import Ours, labelled_components
from wemix_ref.tiers.own_optimum import own_optimum
from wemix_ref.tiers.same_theta import same_theta, standard_errors
from wemix_ref.tolerances import Tolerances
from wemix_ref.verdicts import Number

__all__ = ["AuditedFit", "compared_numbers"]

#: Non-zero entries of V beyond which it is not built; G says the same then.
V_ENTRIES = 2_000_000

#: Below this an element on Lambda's diagonal is zero to R's sandwich (sandwich.R).
BOUNDARY = 1e-4

_NAMES = {
    ("se_beta", "model"): "se_beta_model",
    ("se_beta", "wemix"): "se_beta_sandwich",
    ("se_variance", "model"): "se_variance_model",
    ("se_variance", "wemix"): "se_variance_sandwich",
}


class AuditedFit(Ours):
    """The estimator on a problem of an audit, at its own optimum and wherever R stands.

    A model with precision weights is taken without them, on scaled rows; its deviance is that of y
    itself (:func:`wemix_ref.simulate.analyses.with_precision_weights`).

    Attributes
    ----------
    design : the model's arrays, scaled where there are precision weights.
    optimum : (n_theta,) theta of the optimum.
    """

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem, np.empty(0))
        self._jacobian = 0.0
        if problem.precision_weights is not None:
            w = problem.data.loc[self.design.index, problem.precision_weights]
            self.design = with_precision_weights(self.design, w.to_numpy(dtype=float))
            self._criterion = criterion_of(self.design, problem.reml)
            self._jacobian = float(np.log(w).sum())
        self.optimum = fit_design(self.design, reml=problem.reml).theta.to_numpy()

    @classmethod
    def of(cls, problem: Problem) -> AuditedFit:
        """Build the model and fit it."""
        return cls(problem)

    def point(
        self, theta: Sequence[float] | NDArray[np.float64], recipe: str | None = None
    ) -> dict[str, Any]:
        """The model at theta as a point of a fit record."""
        point = super().point(theta, recipe)
        deviance = point["deviance"] - self._jacobian
        return {**point, "deviance": deviance, "llf": -0.5 * deviance}

    @property
    def v_entries(self) -> int:
        """How many entries of V are not zero: pairs of rows in one top group."""
        return int((np.bincount(self.design.levels[-1].codes) ** 2).sum())


def compared_numbers(
    fit: AuditedFit, answer: FitResult, label: str, tolerances: Tolerances
) -> list[Number]:
    """Hold an answer of R against our numbers.

    Parameters
    ----------
    fit : our side.
    answer : R's, of status ok, evaluated at our optimum under `label`.
    tolerances : what must agree.

    Returns
    -------
    list of Number
        Of tiers ``same-theta``, ``own-optimum`` and ``standard-errors``.
    """
    record = answer.record
    engine = record["engine"]
    there = next(point for point in record["at"] if point["label"] == label)
    naming: dict[str, Any] = {
        "engine": engine,
        "software": engine,
        "source": engine,
        "tolerances": tolerances,
        "precision": False,
    }
    numbers = same_theta(fit, there, at=label, **naming)
    numbers += _matrices(fit, answer, there, naming)
    numbers += [_own(number) for number in own_optimum(fit, record["optimum"], **naming)]
    numbers += _standard_errors(fit, there, f"{engine}-optimum", record["optimum"], naming)
    return numbers


def _matrices(
    fit: AuditedFit, answer: FitResult, there: Mapping[str, Any], naming: Mapping[str, Any]
) -> list[Number]:
    """Z, G and V entry by entry: R's own, or G and V from its variance components."""
    engine = naming["engine"]
    if answer.matrices is not None:
        found = matrices(fit, answer.record, answer.matrices, **naming)
        said = f"largest entries; {engine}'s own Z, G and V at its optimum"
    elif fit.v_entries <= V_ENTRIES:
        found = matrices(fit, {"optimum": there}, None, **naming)
        said = f"largest entries; G and V built from {engine}'s variance components and our Z"
    else:
        return []
    return [
        replace(number, tier="same-theta", verdict=f"{number.verdict} ({said})") for number in found
    ]


def _own(number: Number) -> Number:
    """Judge own optima by their deviance; the estimates are shown."""
    if number.quantity == "deviance":
        return number
    return replace(number, required=None, ok=None, verdict="shown")


def _standard_errors(
    fit: AuditedFit,
    there: Mapping[str, Any],
    elsewhere: str,
    optimum: Mapping[str, Any],
    naming: Mapping[str, Any],
) -> list[Number]:
    """Standard errors by every recipe that R has, at our theta; else at R's own optimum."""
    found: dict[tuple[str, str], Number] = {}
    sandwich = _sandwich(there)
    for where, point in (("", there), ("", sandwich), (f" (at {elsewhere})", optimum)):
        if point is None:
            continue
        for number in standard_errors(fit, point, at=where, **naming):
            quantity = _NAMES[number.quantity, point["se_recipe"]]
            named = replace(number, quantity=quantity, verdict=number.verdict + where)
            found.setdefault((quantity, number.name), _defined(fit, point, named))
    if sandwich is not None:
        for number in _left_out(fit, sandwich, naming):
            found.setdefault((number.quantity, number.name), number)
    return list(found.values())


def _sandwich(point: Mapping[str, Any]) -> dict[str, Any] | None:
    """The same point with the sandwich that was made from lme4's pieces, where there is one."""
    recipe = (point.get("recipes") or {}).get("wemix")
    if recipe is None:
        return None
    rows = zip(point["variance_components"], recipe["se_variance_components"], strict=True)
    return {
        **point,
        "se_recipe": "wemix",
        "se_beta": recipe["se_beta"],
        "variance_components": [{**row, "se": se} for row, se in rows],
    }


def _defined(fit: AuditedFit, point: Mapping[str, Any], number: Number) -> Number:
    """Show a standard error that is not defined here because a variance is at its boundary."""
    undefined = number.ours is None or math.isnan(number.ours)
    if undefined and _singular(fit, point):
        said = "ours is not defined: a variance is at its boundary"
        return replace(number, ours=None, digits=None, required=None, ok=None, verdict=said)
    return number


def _left_out(fit: AuditedFit, point: Mapping[str, Any], naming: Mapping[str, Any]) -> list[Number]:
    """Standard errors of variance components that the sandwich from lme4's pieces has not.

    It has none for a level with a variance at its boundary; elsewhere it must have them.
    """
    own = fit.point(point["theta"]["values"], "wemix")
    rows = labelled_components(own["variance_components"])
    singular = _singular(fit, point)
    required = naming["tolerances"].find("standard-errors", "se_variance", naming["software"])
    return [
        Number(
            "standard-errors",
            naming["engine"],
            "se_variance_sandwich",
            label,
            rows[label]["se"],
            None,
            naming["source"],
            "",
            None,
            None if singular else required.value,
            "theirs is not defined: a variance is at its boundary"
            if singular
            else "differs: theirs is missing",
            None if singular else False,
            required.why,
        )
        for label, row in labelled_components(point["variance_components"]).items()
        if row["se"] is None
    ]


def _singular(fit: AuditedFit, point: Mapping[str, Any]) -> bool:
    """Whether either side takes a variance for zero: we on the scale of Z's column, R as it is."""
    theta = np.asarray(point["theta"]["values"], dtype=float)
    lambdas = fit.design.covariance.Lambdas(theta)
    bare = any(np.any(np.abs(np.diag(Lambda)) < BOUNDARY) for Lambda in lambdas)
    return bool(fit.at(theta).singular) or bare
