"""lme4 itself, live: its default control and own optimum, and its deviance at given thetas."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from wemix_ref.engines.model_request import (
    centred_data,
    r_columns,
    r_formula,
    r_thetas,
    used_columns,
)
from wemix_ref.engines.protocol import Availability, FitResult, Problem
from wemix_ref.engines.r_answer import result_of
from wemix_ref.engines.r_process import R_DIRECTORY, call_r, package_availability
from wemix_ref.engines.r_values import logical, text
from wemix_ref.engines.record import without_answer
from wemix_ref.errors import WemixRefError


class Lme4Engine:
    """ML and REML fits without sampling weights, or with lme4's own precision weights.

    The record's optimum is where lme4's default optimiser stopped. ``cov_beta`` is the model's
    covariance. V, Z and G are lme4's own, from its Z and Lambda; ``v_three_ways`` compares V
    with two other ways to it, as largest absolute differences, and gives beta by generalised
    least squares with each.
    """

    name = "lme4"

    def availability(self) -> Availability:
        """Say whether R with lme4 is here."""
        return package_availability("lme4", "Matrix")

    def fit(
        self, problem: Problem, thetas: Mapping[str, Sequence[float]], *, timeout: float
    ) -> FitResult:
        """Fit a problem; see `wemix_ref.engines.protocol.Engine.fit`."""
        if problem.weights:
            return without_answer(
                problem,
                self.name,
                "refused",
                "lme4's weights are precision weights, not sampling weights; "
                "use the engine lme4-weighted",
            )
        extra = [problem.precision_weights] if problem.precision_weights else []
        try:
            arguments = {
                "formula": text(r_formula(problem.formula)),
                "columns": r_columns(centred_data(problem), used_columns(problem, *extra)),
                "reml": logical([problem.reml]),
                "precision": text(*extra) if extra else None,
                "thetas": r_thetas(thetas),
            }
        except WemixRefError as error:
            return without_answer(problem, self.name, "failed", str(error))
        scripts = [R_DIRECTORY / "common.R", R_DIRECTORY / "lme4.R"]
        reply = call_r(scripts, "fit_lme4", arguments, timeout=timeout)
        return result_of(reply, problem, self.name, list(thetas), "model")
