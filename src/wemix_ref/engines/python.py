"""The project's own estimator as an engine."""

from __future__ import annotations

import dataclasses
import platform
import time
import warnings
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.metadata import version
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse

import wemix_ref
from wemix_ref.engines.protocol import Availability, Engine, FitResult, Problem
from wemix_ref.engines.record import make_point, matrices_table, new_record, without_answer
from wemix_ref.errors import WemixRefError


class PythonEngine(Engine):
    """`wemix_ref.mix`, with every recipe of standard errors that applies to the problem.

    A point's ``se_beta`` and ``cov_beta`` follow the default recipe (``wemix`` when weighted,
    ``model`` when not), named by ``se_recipe``; ``recipes`` holds each one. Scaled residuals are
    given for fits without weights. The time limit does not reach into this process.
    """

    name = "python"

    def availability(self) -> Availability:
        """Say yes: the estimator is part of the package."""
        return Availability(True)

    def fit(
        self,
        problem: Problem,
        thetas: Mapping[str, Sequence[float]],
        *,
        timeout: float,
    ) -> FitResult:
        """Fit a problem; see `wemix_ref.engines.protocol.Engine.fit`."""
        return self.fit_many([(problem, thetas)], timeout=timeout, matrices=True)[0]

    def fit_many(
        self,
        problems: Sequence[tuple[Problem, Mapping[str, Sequence[float]]]],
        *,
        timeout: float,  # noqa: ARG002
        matrices: bool = False,
    ) -> list[FitResult]:
        """Fit problems in turn; see `wemix_ref.engines.protocol.Engine.fit_many`."""
        return [self._answer(problem, thetas, matrices) for problem, thetas in problems]

    def _answer(
        self, problem: Problem, thetas: Mapping[str, Sequence[float]], matrices: bool
    ) -> FitResult:
        if problem.precision_weights:
            return without_answer(
                problem,
                self.name,
                "refused",
                "a model with precision weights is not what mix fits; use lme4",
            )
        started = time.perf_counter()
        try:
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                result = self._fit(problem, thetas, matrices)
        except (WemixRefError, ArithmeticError, np.linalg.LinAlgError) as error:
            failed = without_answer(problem, self.name, "failed", str(error))
            return FitResult(failed.record, None, {"seconds": time.perf_counter() - started})
        told = [str(w.message) for w in caught if issubclass(w.category, UserWarning)]
        result.record["messages"] = list(dict.fromkeys(told))
        return FitResult(result.record, result.matrices, {"seconds": time.perf_counter() - started})

    def _fit(
        self, problem: Problem, thetas: Mapping[str, Sequence[float]], matrices_wanted: bool
    ) -> FitResult:
        main = _mix(problem, _default_recipe(problem))
        fits = {recipe: main.with_recipe(recipe) for recipe in _recipes(problem)}
        record = new_record(problem, self.name, versions=_versions())
        record["optimum"] = _point(fits, problem)
        record["optimum"]["optimizer"] = _told(main.optimizer)
        for label, theta in thetas.items():
            values = np.asarray(list(theta), dtype=float)
            point = main.at(values)
            there = {recipe: point.with_recipe(recipe) for recipe in fits}
            record["at"].append({"label": label, **_point(there, problem)})
        record["singular"] = bool(main.singular)
        record["converged"] = bool(main.converged)
        if not matrices_wanted:
            return FitResult(record)
        matrices = {"Z": main.Z(), "G": main.G(), "V": main.V("marginal")}
        record["matrix_shapes"] = {name: list(matrix.shape) for name, matrix in matrices.items()}
        table = matrices_table({name: _entries(matrix) for name, matrix in matrices.items()})
        return FitResult(record, table)


def _default_recipe(problem: Problem) -> str:
    return "wemix" if problem.weights else "model"


def _recipes(problem: Problem) -> tuple[str, ...]:
    return ("model",) if problem.reml else ("model", "wemix")


def _mix(problem: Problem, recipe: str) -> Any:  # noqa: ANN401
    return wemix_ref.mix(
        problem.formula,
        problem.data,
        problem.weights,
        conditional_weights=problem.conditional_weights,
        reml=problem.reml,
        se=recipe,
        center_group=problem.center_group,
        center_grand=problem.center_grand,
    )


@cache
def _versions() -> dict[str, str]:
    packages = ("numpy", "scipy", "pandas")
    return {
        "Python": platform.python_version(),
        "wemix_ref": wemix_ref.__version__,
        **{package: version(package) for package in packages},
    }


def _point(fits: Mapping[str, Any], problem: Problem) -> dict[str, Any]:
    """Return a point from one fit a recipe; estimates are the same in all of them."""
    recipe = _default_recipe(problem)
    fit = fits[recipe]
    recipes = {
        name: {
            "se_beta": _by_name(one.bse),
            "cov_beta": np.asarray(one.cov_params()).tolist(),
            "se_variance_components": [
                None if pd.isna(se) else float(se) for se in one.variance_components["se"]
            ],
        }
        for name, one in fits.items()
    }
    others: dict[str, Any] = {}
    if not problem.weights:
        scaled = np.asarray(fit.resid) / fit.sigma
        quantiles = np.quantile(scaled, [0.0, 0.25, 0.5, 0.75, 1.0])
        others["scaled_residuals"] = dict(
            zip(("min", "q1", "median", "q3", "max"), quantiles.tolist(), strict=True)
        )
    return make_point(
        theta_names=[str(name) for name in fit.theta.index],
        theta=fit.theta.to_list(),
        deviance=fit.deviance,
        beta=_by_name(fit.params),
        sigma=fit.sigma,
        se_beta=recipes[recipe]["se_beta"],
        cov_beta=recipes[recipe]["cov_beta"],
        se_recipe=recipe,
        recipes=recipes,
        variance_components=_components(fit.variance_components),
        nobs=int(fit.nobs),
        ngroups={str(name): int(n) for name, n in fit.ngroups.items()},
        **others,
    )


def _by_name(series: pd.Series) -> dict[str, float]:
    return {str(name): float(value) for name, value in series.items()}


def _components(table: pd.DataFrame) -> list[dict[str, Any]]:
    columns = ("group", "var1", "var2", "level", "vcov", "sdcor", "se")
    return [
        {column: None if pd.isna(row[column]) else row[column] for column in columns}
        for row in table.reset_index().to_dict("records")
    ]


def _told(optimizer: Any) -> dict[str, Any]:  # noqa: ANN401
    """Return the scalars of what the optimiser says of itself, times left out."""
    if dataclasses.is_dataclass(optimizer) and not isinstance(optimizer, type):
        told = dataclasses.asdict(optimizer)
    else:
        told = dict(optimizer)
    plain = {name: getattr(value, "tolist", lambda v=value: v)() for name, value in told.items()}
    return {
        name: value
        for name, value in plain.items()
        if isinstance(value, str | int | float | bool) and "time" not in name
    }


def _entries(matrix: Any) -> dict[str, Any]:  # noqa: ANN401
    coordinates = sparse.coo_array(matrix)
    coordinates.sum_duplicates()
    keep = coordinates.data != 0
    return {
        "row": coordinates.row[keep],
        "col": coordinates.col[keep],
        "value": coordinates.data[keep],
    }
