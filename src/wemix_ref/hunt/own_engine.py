"""The estimator as a hunt asks it: with standard errors by every published recipe."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from wemix_ref.engines.protocol import Engine, FitResult, Problem
from wemix_ref.engines.python import PythonEngine, _mix, _point
from wemix_ref.engines.record import new_record
from wemix_ref.hunt.expected import SANDWICHES

__all__ = ["EveryRecipe", "as_hunted"]


class EveryRecipe(PythonEngine):
    """The engine ``python`` with all recipes that a fit by ML has, in place of two.

    Its matrices and what its optimiser tells are left out.
    """

    def _fit(
        self,
        problem: Problem,
        thetas: Mapping[str, Sequence[float]],
        matrices_wanted: bool,  # noqa: ARG002
    ) -> FitResult:
        main = _mix(problem, "model")
        record = new_record(problem, self.name)
        fits = {recipe: main.with_recipe(recipe) for recipe in ("model", "wemix")}
        record["optimum"] = _point(fits, problem)
        for label, theta in thetas.items():
            there = main.at(np.asarray(list(theta), dtype=float))
            fits = {recipe: there.with_recipe(recipe) for recipe in ("model", *SANDWICHES)}
            record["at"].append({"label": label, **_point(fits, problem)})
        record["singular"], record["converged"] = bool(main.singular), bool(main.converged)
        return FitResult(record)


def as_hunted(engine: Engine) -> Engine:
    """The engine that a hunt asks in another's place: for the estimator, one with every recipe."""
    return EveryRecipe() if type(engine) is PythonEngine else engine
