"""Same theta: our criterion, beta, sigma and variances where another engine was evaluated."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from wemix_ref.tiers.ours import Ours, labelled_components
from wemix_ref.tolerances import Tolerances
from wemix_ref.verdicts import Number, digits_of, judge

__all__ = ["same_theta", "standard_errors", "values_of"]


def values_of(point: Mapping[str, Any]) -> Iterator[tuple[str, str, float]]:
    """Walk through the estimates of a point: quantity, name, value."""
    yield "deviance", "", point["deviance"]
    yield "sigma", "", point["sigma"]
    for name, value in point["beta"].items():
        yield "beta", name, value
    for name, value in (point.get("beta_refined") or {}).items():
        yield "beta_refined", name, value
    for label, row in labelled_components(point.get("variance_components") or ()).items():
        if row["vcov"] is not None:
            yield "variance", label, row["vcov"]


def same_theta(
    ours: Ours,
    theirs: Mapping[str, Any],
    *,
    engine: str,
    software: str,
    source: str,
    at: str,
    tolerances: Tolerances,
    precision: bool,
) -> list[Number]:
    """Compare a point of another engine with ours at its theta.

    Parameters
    ----------
    ours : our side.
    theirs : a point of the engine's fit record.
    engine, software, source, at : names for the numbers made; `software` chooses the tolerance.
    tolerances : what must agree.
    precision : whether the engine was given precision weights, another model.
    """
    theta = theirs["theta"]["values"]
    own = {key[:2]: key[2] for key in values_of(ours.point(theta))}
    own |= {("beta_refined", name): own["beta", name] for name in ours.design.x_names}
    numbers = []
    for quantity, name, value in values_of(theirs):
        mine = own.get((quantity, name), math.nan)
        digits = digits_of(mine, value)
        if precision:
            tolerance = tolerances.find("same-theta", "another-model")
            required, verdict, ok = None, "shown", None
            if quantity == "deviance":
                verdict, ok = another_model(digits, tolerance.value)
        else:
            tolerance = tolerances.find("same-theta", quantity, software)
            required = tolerance.value
            if tolerance.rule == "normal-equations" and required is not None:
                bounds = ours.normal_equations_error(theta)
                error = float(bounds[name]) if name in bounds else 0.0
                required = min(required, round(-math.log10(error), 1)) if error > 0 else required
            verdict, ok = judge(digits, required)
        numbers.append(
            Number(
                "same-theta",
                engine,
                quantity,
                name,
                mine,
                value,
                source,
                at,
                digits,
                required,
                verdict,
                ok,
                tolerance.why,
            )
        )
    return numbers


def another_model(digits: float, limit: float | None) -> tuple[str, bool]:
    """Say whether two numbers differ as those of two models must."""
    assert limit is not None
    if digits < limit:
        return "another model, as expected", True
    return "agrees, where another model was expected", False


def standard_errors(
    ours: Ours,
    theirs: Mapping[str, Any],
    *,
    engine: str,
    software: str,
    source: str,
    at: str,
    tolerances: Tolerances,
    precision: bool,
) -> list[Number]:
    """Compare standard errors at the same theta, by the recipe the other engine follows."""
    recipe = theirs.get("se_recipe") or ours.default_recipe
    own = ours.point(theirs["theta"]["values"], recipe)
    pairs: list[tuple[str, str, float | None, float | None]] = [
        ("se_beta", name, own["se_beta"].get(name), value)
        for name, value in (theirs.get("se_beta") or {}).items()
    ]
    own_components = labelled_components(own["variance_components"])
    for label, row in labelled_components(theirs.get("variance_components") or ()).items():
        if row.get("se") is not None:
            mine = own_components.get(label, {}).get("se")
            pairs.append(("se_variance", label, mine, row["se"]))
    numbers = []
    for quantity, name, mine, value in pairs:
        tolerance = tolerances.find("standard-errors", quantity, software)
        required = None if precision else tolerance.value
        digits = digits_of(_number(mine), _number(value))
        verdict, ok = judge(digits, required)
        why = f"Recipe: {recipe}. {tolerance.why}"
        numbers.append(
            Number(
                "standard-errors",
                engine,
                quantity,
                name,
                mine,
                value,
                source,
                at,
                digits,
                required,
                verdict,
                ok,
                why,
            )
        )
    return numbers


def _number(value: float | None) -> float:
    return math.nan if value is None else value
