"""Our side of a comparison: one design, evaluated at every theta that is asked for."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from wemix_ref.components import components
from wemix_ref.design import build_design
from wemix_ref.engines.protocol import Problem
from wemix_ref.errors import WemixRefWarning
from wemix_ref.fit import criterion_of
from wemix_ref.marginal import gls
from wemix_ref.optimise import report_at
from wemix_ref.results import FittedModel

__all__ = ["Ours", "labelled_components"]

Array = NDArray[np.float64]
UNIT_ROUNDOFF = 2.0**-53


def labelled_components(table: Sequence[Mapping[str, Any]]) -> dict[str, Mapping[str, Any]]:
    """Rows of a table of variance components by a label: group, then its coefficients."""
    return {
        " ".join(str(row[key]) for key in ("group", "var1", "var2") if row[key] is not None): row
        for row in table
    }


class Ours:
    """The estimator on a problem, evaluated where another engine stands.

    Parameters
    ----------
    problem : the model and its data; the design is built once.
    optimum : (n_theta,) theta of our own optimum.
    """

    def __init__(self, problem: Problem, optimum: Sequence[float] | Array) -> None:
        self.problem = problem
        with warnings.catch_warnings():
            # the fit has told of dropped rows and the like already
            warnings.simplefilter("ignore", WemixRefWarning)
            self.design = build_design(
                problem.formula,
                problem.data,
                problem.weights,
                conditional_weights=problem.conditional_weights,
                center_group=problem.center_group,
                center_grand=problem.center_grand,
            )
        self._criterion = criterion_of(self.design, problem.reml)
        self.optimum = np.asarray(optimum, dtype=float)
        self._seen: dict[tuple[str, bytes], FittedModel] = {}

    @property
    def default_recipe(self) -> str:
        """Recipe of standard errors that the model has unless another is asked for."""
        return "wemix" if self.design.weighted else "model"

    def at(self, theta: Sequence[float] | Array, recipe: str | None = None) -> FittedModel:
        """The model evaluated at theta, with the standard errors of a recipe."""
        values = np.asarray(theta, dtype=float)
        recipe = recipe or self.default_recipe
        key = (recipe, values.tobytes())
        if key not in self._seen:
            at = self._criterion.evaluate(values)
            report = report_at(self._criterion, at)
            self._seen[key] = FittedModel(self.design, self._criterion, at, report, recipe)
        return self._seen[key]

    def components_at(self, theta: Sequence[float], sigma: float) -> list[dict[str, Any]]:
        """Variance components that a theta and a sigma stand for, as rows of a fit record."""
        found = components(self.design.covariance, np.asarray(theta, dtype=float), sigma)
        return [
            {"group": c.group, "var1": c.var1, "var2": c.var2, "vcov": c.vcov, "sdcor": c.sdcor}
            for c in found
        ]

    def gls_beta(self, theta: Sequence[float] | Array) -> dict[str, float]:
        """Beta by generalised least squares with the working V at theta."""
        model = self.at(theta)
        beta, _ = gls(self.design.X, model.V("working"), self.design.y)
        return dict(zip(self.design.x_names, beta.tolist(), strict=True))

    def normal_equations_error(self, theta: Sequence[float] | Array) -> pd.Series:
        """Relative error that solving normal equations in X leaves in beta, shape (p,).

        Sums over n rows carry a rounding of about sqrt(n) u (Higham and Mary 2019), so that
        |d beta| = sqrt(n) u |F^-1| (|X|' W |X| |beta| + |X|' W |y|), F = X' V^-1 X over sigma^2.
        """
        model = self.at(theta, "model")
        unscaled = np.abs(model.cov_params().to_numpy()) / model.sigma**2
        X, y = np.abs(self.design.X), np.abs(self.design.y)
        beta = np.abs(model.params)
        weighted = X.T * self.design.omega
        sums = weighted @ X @ beta.to_numpy() + weighted @ y
        error = np.sqrt(self.design.n) * UNIT_ROUNDOFF * (unscaled @ sums)
        with np.errstate(divide="ignore"):
            return pd.Series(error, index=beta.index) / beta

    @cached_property
    def shapes(self) -> dict[str, list[int]]:
        """Shape of Z."""
        return {"Z": list(self.at(self.optimum).Z().shape)}

    def point(self, theta: Sequence[float] | Array, recipe: str | None = None) -> dict[str, Any]:
        """The model at theta as a point of a fit record."""
        model = self.at(theta, recipe)
        table = model.variance_components
        point: dict[str, Any] = {
            "theta": {"names": list(map(str, model.theta.index)), "values": model.theta.tolist()},
            "deviance": model.deviance,
            "llf": model.llf,
            "beta": model.params.to_dict(),
            "sigma": model.sigma,
            "se_beta": model.bse.to_dict(),
            "cov_beta": model.cov_params().to_numpy().tolist(),
            "se_recipe": model.se_recipe,
            "variance_components": [
                {name: None if _is_missing(row[name]) else row[name] for name in table.columns}
                for row in table.to_dict("records")
            ],
            "nobs": model.nobs,
            "ngroups": model.ngroups,
        }
        if not self.design.weighted:
            point["scaled_residuals"] = model.scaled_residuals.to_dict()
        return point


def _is_missing(value: object) -> bool:
    return value is None or (isinstance(value, float) and np.isnan(value))
