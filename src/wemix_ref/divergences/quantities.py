"""Quantities by name, of our fits and of the fit records of engines.

``llf``; ``sigma2`` (residual variance); ``singular`` (1 or 0); ``refused`` (1 where the weights are
refused); ``beta NAME`` and ``se NAME``; ``var GROUP NAME``, a variance of the random effects, and
``se-var GROUP NAME``; ``wald GROUP NAME``, the Wald statistic of that variance being 0; ``icc
GROUP``, the correlation of two responses of one group where all covariates are 0; ``ngroups
GROUP``; ``residual ROW``, given the random effects. Groups as lme4 names them.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping
from typing import Any

from wemix_ref.errors import BoundaryWarning
from wemix_ref.new_rows import random_variables
from wemix_ref.results import FittedModel

__all__ = ["Quantities", "of_fit", "of_record", "refusal"]

Quantities = dict[str, float | None]


def refusal() -> Quantities:
    """Return the quantities of a fit that was refused."""
    return {"refused": 1.0}


def of_fit(fit: FittedModel) -> Quantities:
    """Return every quantity of a fit; None where it is not defined."""
    found: Quantities = {
        "llf": fit.llf,
        "sigma2": fit.sigma**2,
        "singular": float(fit.singular),
        "refused": 0.0,
    }
    found |= {f"beta {name}": value for name, value in fit.params.items()}
    found |= {f"se {name}": value for name, value in fit.bse.items()}
    found |= {f"ngroups {name}": float(count) for name, count in fit.ngroups.items()}
    found |= {f"residual {label}": value for label, value in fit.resid.items()}
    for row in fit.variance_components.to_dict("records"):
        if row["group"] == "Residual" or row["var2"] is not None:
            continue
        name = f"{row['group']} {row['var1']}"
        found |= {f"var {name}": row["vcov"], f"se-var {name}": row["se"]}
        if row["vcov"] > 0 and math.isfinite(row["se"]):
            with warnings.catch_warnings():
                # of the distribution at the boundary: here the statistic alone counts
                warnings.simplefilter("ignore", BoundaryWarning)
                test = fit.wald_test([f"{row['group']}.{row['var1']}"], [0.0], on="components")
            found[f"wald {name}"] = test.statistic
    at_zero = dict.fromkeys(random_variables(fit.design), 0.0)
    shares = fit.icc(at=at_zero)["icc"]
    found |= {f"icc {group}": shares[group] for group in fit.ngroups}
    return {name: _number(value) for name, value in found.items()}


def of_record(record: Mapping[str, Any]) -> Quantities:
    """Return the quantities that a fit record holds."""
    point = record["optimum"]
    # standard errors by the recipe of a weighted fit, where the engine has them: at a theta given
    there = record["at"][0] if record["at"] else point
    robust = there.get("recipes", {}).get("wemix", point)
    rows = point["variance_components"]
    errors = robust.get("se_variance_components", [row.get("se") for row in rows])
    sigma2 = point["sigma"] ** 2
    found: Quantities = {"llf": -0.5 * point["deviance"], "sigma2": sigma2, "refused": 0.0}
    if record["singular"] is not None:
        found["singular"] = float(record["singular"])
    found |= {f"beta {name}": value for name, value in point["beta"].items()}
    found |= {f"se {name}": value for name, value in robust.get("se_beta", {}).items()}
    found |= {f"ngroups {name}": float(n) for name, n in point.get("ngroups", {}).items()}
    shared: dict[str, float] = {}
    for row, se in sorted(zip(rows, errors, strict=True), key=lambda pair: -pair[0]["level"]):
        if row["group"] == "Residual" or row["var2"] is not None:
            continue
        name = f"{row['group']} {row['var1']}"
        found |= {f"var {name}": row["vcov"], f"se-var {name}": se}
        if se:
            found[f"wald {name}"] = (row["vcov"] / se) ** 2
        if row["var1"] == "(Intercept)":
            shared[row["group"]] = row["vcov"]
    # from the highest level down: two responses of one group share what is above it, too
    total, above = sum(shared.values()) + sigma2, 0.0
    for group, variance in shared.items():
        above += variance
        found[f"icc {group}"] = above / total
    return {name: _number(value) for name, value in found.items()}


def _number(value: float | None) -> float | None:
    """Return a plain float; None for what is not a number."""
    return None if value is None or math.isnan(value) else float(value)
