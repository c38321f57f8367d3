"""lme4 itself, live: its default control and own optimum, and its deviance at given thetas."""

from __future__ import annotations

from wemix_ref.engines.model_request import (
    centred_data,
    r_columns,
    used_columns,
)
from wemix_ref.engines.protocol import Problem
from wemix_ref.engines.r_engine import REngine
from wemix_ref.engines.r_values import RValue, logical, text


class Lme4Engine(REngine):
    """ML and REML fits without sampling weights, or with lme4's own precision weights.

    The record's optimum is where lme4's default optimiser stopped; it converged if the optimiser
    says so and none of lme4's own checks complains, whose ``messages`` are kept. ``cov_beta`` is
    the model's covariance. V, Z and G are lme4's own, from its Z and Lambda; ``v_three_ways``
    compares V with two other ways to it, as largest absolute differences, and gives beta by
    generalised least squares with each.
    """

    name = "lme4"

    packages = ("lme4", "Matrix")
    scripts = ("sandwich.R", "lme4.R")
    function = "fit_lme4"
    se_recipe = "model"

    def refusal(self, problem: Problem) -> str:
        """Refuse sampling weights; see `REngine.refusal`."""
        if not problem.weights:
            return ""
        return (
            "lme4's weights are precision weights, not sampling weights; "
            "use the engine lme4-weighted"
        )

    def arguments(self, problem: Problem) -> dict[str, RValue]:
        """Return the arguments of `fit_lme4`; see `REngine.arguments`."""
        extra = [problem.precision_weights] if problem.precision_weights else []
        return {
            "columns": r_columns(centred_data(problem), used_columns(problem, *extra)),
            "reml": logical([problem.reml]),
            "precision": text(*extra) if extra else None,
        }
