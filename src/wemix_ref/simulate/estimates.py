"""Estimates of a fit as rows: parameters by name, with their standard errors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from wemix_ref.results import FittedModel
from wemix_ref.simulate.parameters import component_name, group_of

__all__ = ["Named", "estimates_of_fit", "estimates_of_point"]

#: Estimate and standard error (NaN where there is none) by parameter.
Named = dict[str, tuple[float, float]]


def _name(
    group: str, var1: str | None, var2: str | None, levels: Sequence[str], short: bool
) -> str:
    if var1 is None:
        return "sigma2"
    return component_name(group_of(group, levels), var1, var2, short)


def estimates_of_fit(
    fit: FittedModel, residual_variance: str, levels: Sequence[str], short: bool
) -> Named:
    """Return beta and the variance components, with standard errors by the fit's recipe.

    Under REML variance components have no standard errors here.

    Parameters
    ----------
    fit : the fitted model.
    residual_variance : "model", or "ml" for r^2/n also under REML.
    levels : the population's, top first.
    short : names without the group, for studies whose models have one grouping factor.
    """
    fixed, parts = fit.estimates()
    out: Named = {name: (value, se) for name, value, se in fixed}
    for part, se in parts:
        name = _name(part.group, part.var1, part.var2, levels, short)
        value = part.vcov
        if name == "sigma2" and residual_variance == "ml" and fit.reml:
            n, p = fit.design.n, len(fixed)
            value, se = value * (n - p) / n, se * (n - p) / n
        out[name] = (value, se)
    return out


def estimates_of_point(
    point: Mapping[str, Any],
    reml: bool,
    residual_variance: str,
    levels: Sequence[str],
    short: bool,
) -> Named:
    """Return the same from a point of an engine's fit record."""
    out: Named = {}
    errors = point.get("se_beta") or {}
    for name, value in point["beta"].items():
        out[name] = (_number(value), _number(errors.get(name)))
    for row in point["variance_components"]:
        name = _name(row["group"], row["var1"], row["var2"], levels, short)
        value, se = _number(row["vcov"]), _number(row.get("se"))
        if name == "sigma2" and residual_variance == "ml" and reml:
            n, p = int(point["nobs"]), len(point["beta"])
            value, se = value * (n - p) / n, se * (n - p) / n
        out[name] = (value, se)
    return out


def _number(value: float | None) -> float:
    return np.nan if value is None else float(value)
