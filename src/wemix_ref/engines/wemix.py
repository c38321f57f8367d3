"""The R package WeMix, live, where R finds it."""

from __future__ import annotations

from wemix_ref.engines.model_request import (
    centred_columns,
    r_columns,
    r_formula,
    used_columns,
)
from wemix_ref.engines.protocol import Problem
from wemix_ref.engines.r_engine import WeightedREngine
from wemix_ref.engines.r_values import RValue, logical, named_list, text


class WemixEngine(WeightedREngine):
    """Weighted fits by WeMix at its default control.

    An unweighted problem is given unit weights at every level. The problem's ``wemix_formula``
    is what WeMix reads where it is given; groups are named as in the problem's formula.
    ``cov_beta`` and the standard errors are WeMix's (block recipe); those of variance components
    exist at its own optimum only. WeMix does not tell whether its search converged: the record's
    ``converged`` is None.
    """

    name = "wemix"

    packages = ("lme4", "Matrix", "WeMix")
    scripts = ("wemix.R",)
    function = "fit_wemix"
    se_recipe = "wemix"

    def arguments(self, problem: Problem) -> dict[str, RValue]:
        """Return the arguments of `fit_wemix`; see `REngine.arguments`."""
        own = problem.wemix_formula
        weights = problem.weights or []
        groups = problem.center_group or {}
        grand = problem.center_grand
        return {
            "own_formula": None if own is None else text(r_formula(own)),
            "columns": r_columns(problem.data, used_columns(problem, *weights)),
            "weights": text(*weights),
            "conditional": logical([problem.conditional_weights]),
            "center_group": named_list(
                {name: text(*centred_columns(t)) for name, t in groups.items()}
            ),
            "center_grand": None if grand is None else text(*centred_columns(grand)),
        }
