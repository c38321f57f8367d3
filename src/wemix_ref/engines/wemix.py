"""The R package WeMix, live, where R finds it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from wemix_ref.engines.model_request import (
    centred_columns,
    r_columns,
    r_formula,
    r_thetas,
    used_columns,
)
from wemix_ref.engines.protocol import Availability, FitResult, Problem
from wemix_ref.engines.r_answer import result_of
from wemix_ref.engines.r_process import R_DIRECTORY, call_r, package_availability
from wemix_ref.engines.r_values import logical, named_list, text
from wemix_ref.engines.record import without_answer
from wemix_ref.errors import WemixRefError


class WemixEngine:
    """Weighted fits by WeMix at its default control.

    An unweighted problem is given unit weights at every level. The problem's ``wemix_formula``
    is what WeMix reads where it is given; groups are named as in the problem's formula.
    ``cov_beta`` and the standard errors are WeMix's (block recipe); those of variance components
    exist at its own optimum only.
    """

    name = "wemix"

    def availability(self) -> Availability:
        """Say whether R with WeMix is here."""
        return package_availability("lme4", "Matrix", "WeMix")

    def fit(
        self, problem: Problem, thetas: Mapping[str, Sequence[float]], *, timeout: float
    ) -> FitResult:
        """Fit a problem; see `wemix_ref.engines.protocol.Engine.fit`."""
        if problem.reml or problem.precision_weights:
            kind = "REML" if problem.reml else "a model with precision weights"
            return without_answer(
                problem, self.name, "refused", f"{kind} is not what WeMix fits; use lme4"
            )
        own = problem.wemix_formula
        weights = problem.weights or []
        groups = problem.center_group or {}
        grand = problem.center_grand
        try:
            arguments = {
                "formula": text(r_formula(problem.formula)),
                "own_formula": None if own is None else text(r_formula(own)),
                "columns": r_columns(problem.data, used_columns(problem, *weights)),
                "weights": text(*weights),
                "conditional": logical([problem.conditional_weights]),
                "center_group": named_list(
                    {name: text(*centred_columns(t)) for name, t in groups.items()}
                ),
                "center_grand": None if grand is None else text(*centred_columns(grand)),
                "thetas": r_thetas(thetas),
            }
        except WemixRefError as error:
            return without_answer(problem, self.name, "failed", str(error))
        scripts = [R_DIRECTORY / "common.R", R_DIRECTORY / "wemix.R"]
        reply = call_r(scripts, "fit_wemix", arguments, timeout=timeout)
        return result_of(reply, problem, self.name, list(thetas), "wemix")
