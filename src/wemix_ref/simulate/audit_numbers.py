"""One fit of a study against one answer of R: which numbers are held against which."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wemix_ref.engines.protocol import FitResult, Problem
from wemix_ref.errors import CaseError
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
) -> tuple[list[Number], list[str]]:
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
    list of str
        What could not be compared, and why: one part that fails does not cost the others.

    Raises
    ------
    CaseError
        If `tolerances` has no entry for a quantity.
    """
    record = answer.record
    engine = record["engine"]
    naming: dict[str, Any] = {
        "engine": engine,
        "software": engine,
        "source": engine,
        "tolerances": tolerances,
        "precision": False,
    }

    def there() -> dict[str, Any]:
        return next(point for point in record["at"] if point["label"] == label)

    def own() -> list[Number]:
        return [_own(number) for number in own_optimum(fit, record["optimum"], **naming)]

    numbers: list[Number] = []
    faults: list[str] = []
    parts: dict[str, Callable[[], list[Number]]] = {
        "same-theta": lambda: same_theta(fit, there(), at=label, **naming),
        "matrices": lambda: _matrices(fit, answer, there(), naming),
        "own-optimum": own,
        "standard-errors": lambda: _standard_errors(fit, there(), record["optimum"], naming),
    }
    for name, part in parts.items():
        try:
            numbers += part()
        except CaseError:
            raise
        except Exception as error:  # noqa: BLE001, RUF100
            # whatever it is, it becomes a row that is not ok, and the other numbers stand
            faults.append(f"{name}: {type(error).__name__}: {error}")
    return numbers, faults


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
    fit: AuditedFit, there: Mapping[str, Any], optimum: Mapping[str, Any], naming: Mapping[str, Any]
) -> list[Number]:
    """Standard errors by every recipe that R has, at our theta; else at R's own optimum."""
    engine = naming["engine"]
    elsewhere = f" (at {engine}-optimum)"
    sandwich = _sandwich(there)
    found: dict[tuple[str, str], Number] = {}
    for where, point in (("", there), ("", sandwich), (elsewhere, optimum)):
        if point is None:
            continue
        for number in standard_errors(fit, point, at=where, **naming):
            quantity = _NAMES[number.quantity, point["se_recipe"]]
            named = replace(number, quantity=quantity, verdict=number.verdict + where)
            found.setdefault((quantity, number.name), _defined(fit, point, named))
    # what R must give: of variance components by a sandwich, by WeMix at its own optimum alone
    expected: list[tuple[str, str, Mapping[str, Any]]] = []
    if engine == "wemix":
        expected += [("se_beta", "wemix", there), ("se_variance", "wemix", optimum)]
    else:
        expected += [("se_beta", "model", there)]
        if not fit.problem.reml and fit.problem.precision_weights is None:
            expected += [("se_beta", "wemix", there), ("se_variance", "wemix", there)]
    for quantity, recipe, point in expected:
        for number in _without_theirs(fit, point, quantity, recipe, naming):
            found.setdefault((number.quantity, number.name), _defined(fit, point, number))
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


def _without_theirs(
    fit: AuditedFit, point: Mapping[str, Any], quantity: str, recipe: str, naming: Mapping[str, Any]
) -> list[Number]:
    """Our standard errors at the theta of a point, with nothing on the other side."""
    own = fit.point(point["theta"]["values"], recipe)
    values: dict[str, float | None] = own["se_beta"]
    if quantity == "se_variance":
        rows = labelled_components(own["variance_components"])
        values = {label: row["se"] for label, row in rows.items()}
    required = naming["tolerances"].find("standard-errors", quantity, naming["software"])
    return [
        Number(
            "standard-errors",
            naming["engine"],
            _NAMES[quantity, recipe],
            name,
            ours,
            None,
            naming["source"],
            "",
            None,
            required.value,
            "",
            False,
            required.why,
        )
        for name, ours in values.items()
    ]


def _defined(fit: AuditedFit, point: Mapping[str, Any], number: Number) -> Number:
    """Say who has no standard error; of a variance component with one at its boundary none must."""
    ours, theirs = _value(number.ours), _value(number.theirs)
    if ours is not None and theirs is not None:
        return number
    missing = replace(number, ours=ours, theirs=theirs, digits=None, required=None, ok=None)
    who = "theirs is" if ours is not None else "ours is" if theirs is not None else "neither is"
    if number.quantity.startswith("se_variance") and _singular(fit, point):
        where = "" if who == "neither is" else " not"
        return replace(missing, verdict=f"{who}{where} defined: a variance is at its boundary")
    if who == "neither is":
        return replace(missing, verdict="neither side has one")
    recipe = (point.get("recipes") or {}).get("wemix") or {}
    why = recipe.get("message") if number.quantity.endswith("sandwich") else None
    said = f"differs: {who} missing" + (f" ({why})" if why else "")
    return replace(missing, required=number.required, ok=False, verdict=said)


def _value(value: float | str | None) -> float | None:
    assert not isinstance(value, str)
    return None if value is None or math.isnan(value) else value


def _singular(fit: AuditedFit, point: Mapping[str, Any]) -> bool:
    """Whether either side takes a variance for zero: we on the scale of Z's column, R as it is."""
    theta = np.asarray(point["theta"]["values"], dtype=float)
    lambdas = fit.design.covariance.Lambdas(theta)
    bare = any(np.any(np.abs(np.diag(Lambda)) < BOUNDARY) for Lambda in lambdas)
    return bool(fit.at(theta).singular) or bare
