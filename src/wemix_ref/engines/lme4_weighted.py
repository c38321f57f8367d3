"""The weighted fit from lme4's own pieces: a live check in R of every weighted case."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from wemix_ref.engines.model_request import (
    centred_data,
    r_columns,
    r_formula,
    r_thetas,
    unconditional_weights,
    used_columns,
)
from wemix_ref.engines.protocol import Availability, FitResult, Problem
from wemix_ref.engines.r_answer import result_of
from wemix_ref.engines.r_process import R_DIRECTORY, call_r, package_availability
from wemix_ref.engines.r_values import double, text
from wemix_ref.engines.record import without_answer
from wemix_ref.errors import WemixRefError


class Lme4WeightedEngine:
    """Pseudo-maximum likelihood by lme4's linear algebra and optimiser, any number of levels.

    Unconditional level-1 weights enter as prior weights; rows of Z' are divided by the square
    root of their group's unconditional weight; the log-determinant weights each row of the
    unpermuted Cholesky factor by psi. ``cov_beta`` is the model's covariance. The point's
    ``optimizer`` says which optimisers were used and what gradient they left. G and V are the
    model's (without weights), at this engine's own optimum.
    """

    name = "lme4-weighted"

    def availability(self) -> Availability:
        """Say whether R with lme4 is here."""
        return package_availability("lme4", "Matrix", "minqa")

    def fit(
        self, problem: Problem, thetas: Mapping[str, Sequence[float]], *, timeout: float
    ) -> FitResult:
        """Fit a problem; see `wemix_ref.engines.protocol.Engine.fit`."""
        if problem.reml or problem.precision_weights:
            kind = "REML" if problem.reml else "a model with precision weights"
            return without_answer(
                problem, self.name, "refused", f"{kind} is not what this engine fits; use lme4"
            )
        try:
            weights = [double(level) for level in unconditional_weights(problem)]
            arguments = {
                "formula": text(r_formula(problem.formula)),
                "columns": r_columns(centred_data(problem), used_columns(problem)),
                "weights": {"r": "list", "names": None, "values": weights},
                "thetas": r_thetas(thetas),
            }
        except WemixRefError as error:
            return without_answer(problem, self.name, "failed", str(error))
        scripts = [R_DIRECTORY / "common.R", R_DIRECTORY / "lme4_weighted.R"]
        reply = call_r(scripts, "fit_lme4_weighted", arguments, timeout=timeout)
        return result_of(reply, problem, self.name, list(thetas), "model")
