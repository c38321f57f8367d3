"""The weighted fit from lme4's own pieces: a live check in R of every weighted case."""

from __future__ import annotations

from wemix_ref.engines.model_request import (
    centred_data,
    r_columns,
    unconditional_weights,
    used_columns,
)
from wemix_ref.engines.protocol import Problem
from wemix_ref.engines.r_engine import WeightedREngine
from wemix_ref.engines.r_values import RValue, double


class Lme4WeightedEngine(WeightedREngine):
    """Pseudo-maximum likelihood by lme4's linear algebra and optimiser, any number of levels.

    Unconditional level-1 weights enter as prior weights; rows of Z' are divided by the square
    root of their group's unconditional weight; the log-determinant weights each row of the
    unpermuted Cholesky factor by psi. ``cov_beta`` is the model's covariance. The point's
    ``optimizer`` says which optimisers were used and what gradient they left; the search converged
    if the last of them says so and the gradient is below lme4's limit. G and V are the
    model's (without weights), at this engine's own optimum.
    """

    name = "lme4-weighted"

    packages = ("lme4", "Matrix", "minqa")
    scripts = ("sandwich.R", "lme4_weighted.R")
    function = "fit_lme4_weighted"
    se_recipe = "model"

    def arguments(self, problem: Problem) -> dict[str, RValue]:
        """Return the arguments of `fit_lme4_weighted`; see `REngine.arguments`."""
        weights = [double(level) for level in unconditional_weights(problem)]
        return {
            "columns": r_columns(centred_data(problem), used_columns(problem)),
            "weights": {"r": "list", "names": None, "values": weights},
        }
