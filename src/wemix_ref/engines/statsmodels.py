"""statsmodels' MixedLM: two levels, no weights, one correlated block of random effects."""

from __future__ import annotations

import importlib.util
import platform
import time
import warnings
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wemix_ref.design import Design, build_design
from wemix_ref.engines.protocol import Availability, Engine, FitResult, Problem
from wemix_ref.engines.record import make_point, new_record, without_answer
from wemix_ref.errors import EngineError, WemixRefWarning
from wemix_ref.extras import how_to_install

Array = NDArray[np.float64]

#: MixedLM drops what lies along an eigenvector of the relative covariance below this.
SINGULAR_EIGENVALUE = 1e-10
_NO_VARIANCE_COMPONENTS = np.empty(0)


class StatsmodelsEngine(Engine):
    """ML and REML fits of `statsmodels.regression.mixed_linear_model.MixedLM`, default control.

    MixedLM is given y, X, Z and the groups as arrays made by the project from the formula; the
    criterion, its optimiser, beta, sigma and the covariance are its own. Its ``llf`` is, with
    r2 = (y - X beta)' W (y - X beta), W^-1 = I + Z Lambda Lambda' Z' and n' = n (ML) or n - p
    (REML)::

        -2 llf = log|W^-1| + n' (1 + log(2 pi r2 / n')) [+ log|X' W X| under REML]

    which is -2 log L and lme4's REML criterion, constants included: nothing is converted.

    ``se_beta`` inverts the block of its Hessian that belongs to beta (the recipe ``model``).
    Its own ``bse_fe`` inverts the whole Hessian, in which beta and the covariance are not
    separated, so that it is another standard error. Points whose relative covariance is singular
    are left out: MixedLM inverts it. The time limit does not reach into this process.
    """

    name = "statsmodels"

    def availability(self) -> Availability:
        """Say whether statsmodels is installed."""
        if importlib.util.find_spec("statsmodels") is None:
            return Availability(
                False,
                f"the Python package statsmodels is not installed. {how_to_install('statsmodels')}",
            )
        return Availability(True)

    def fit(
        self,
        problem: Problem,
        thetas: Mapping[str, Sequence[float]],
        *,
        timeout: float,  # noqa: ARG002
    ) -> FitResult:
        """Fit a problem; see `wemix_ref.engines.protocol.Engine.fit`."""
        if refused := _refusal_of_problem(problem):
            return without_answer(problem, self.name, "refused", refused)
        found = self.availability()
        if not found.available:
            return without_answer(problem, self.name, "unavailable", found.reason)
        started = time.perf_counter()
        try:
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                record = self._answer(problem, thetas)
        except (ValueError, ArithmeticError, np.linalg.LinAlgError) as error:
            record = without_answer(problem, self.name, "failed", str(error) or repr(error)).record
        record["messages"] = list(dict.fromkeys(str(warning.message) for warning in caught))
        return FitResult(record, None, {"seconds": time.perf_counter() - started})

    def _answer(self, problem: Problem, thetas: Mapping[str, Sequence[float]]) -> dict[str, Any]:
        design = build_design(
            problem.formula,
            problem.data,
            center_group=problem.center_group,
            center_grand=problem.center_grand,
        )
        if refused := _refusal_of_design(design):
            return without_answer(problem, self.name, "refused", refused).record
        return _record(problem, design, thetas)


def _refusal_of_problem(problem: Problem) -> str:
    """Say why such a problem is not MixedLM's; the empty text where it may be."""
    if problem.weights:
        return "MixedLM has no sampling weights; this engine fits models without weights"
    if problem.precision_weights:
        return "MixedLM has no precision weights; this engine fits models without weights"
    return ""


def _refusal_of_design(design: Design) -> str:
    if len(design.levels) > 1:
        names = ", ".join(level.name for level in design.levels)
        return f"this engine fits one grouping factor, two levels; the model groups by {names}"
    if len(design.levels[0].terms) > 1:
        return (
            "this engine fits one block of correlated random effects; the model has "
            f"{len(design.levels[0].terms)} terms that are not correlated with each other"
        )
    if design.X.shape[1] == 0:
        return "this engine fits models with a fixed effect; the model has none"
    return ""


def _record(
    problem: Problem, design: Design, thetas: Mapping[str, Sequence[float]]
) -> dict[str, Any]:
    from statsmodels.regression.mixed_linear_model import MixedLM

    level = design.levels[0]
    model = MixedLM(design.y, design.X, level.codes, exog_re=level.Z)
    result = model.fit(reml=problem.reml)
    relative = np.asarray(result.cov_re) / result.scale
    theta = _theta(design, relative)
    record = new_record(problem, StatsmodelsEngine.name, versions=_versions())
    record["optimum"] = _point(design, model, theta, relative)
    record["singular"] = bool(design.covariance.zero_columns(theta).any())
    record["converged"] = bool(result.converged)
    for label, values in thetas.items():
        there = _checked(design, label, values)
        L = design.covariance.Lambdas(there)[0]
        if np.linalg.eigvalsh(L @ L.T)[0] >= SINGULAR_EIGENVALUE:
            record["at"].append({"label": label, **_point(design, model, there, L @ L.T)})
            continue
        warnings.warn(
            f"theta `{label}` makes the covariance of the random effects singular, which MixedLM "
            "cannot invert; it was not evaluated there",
            WemixRefWarning,
            stacklevel=2,
        )
    return record


def _versions() -> dict[str, str]:
    packages = ("statsmodels", "numpy", "scipy")
    return {"Python": platform.python_version(), **{name: version(name) for name in packages}}


def _theta(design: Design, relative: Array) -> Array:
    """Theta of a relative covariance Lambda Lambda', whatever its rank."""
    values, vectors = np.linalg.eigh(relative)
    root = vectors * np.sqrt(np.clip(values, 0.0, None))
    return design.covariance.from_Lambdas([root])


def _checked(design: Design, label: str, values: Sequence[float]) -> Array:
    names = design.covariance.names
    if len(values) != len(names):
        raise EngineError(
            f"theta `{label}` must have {len(names)} values ({', '.join(names)}), not {len(values)}"
        )
    return np.asarray(list(values), dtype=float)


def _point(design: Design, model: Any, theta: Array, relative: Array) -> dict[str, Any]:  # noqa: ANN401
    """Evaluate MixedLM at a relative covariance, (q, q): its llf, beta, scale and Hessian."""
    from statsmodels.regression.mixed_linear_model import MixedLMParams

    beta, _ = model.get_fe_params(relative, _NO_VARIANCE_COMPONENTS)
    sigma2 = float(model.get_scale(beta, relative, _NO_VARIANCE_COMPONENTS))
    at = MixedLMParams.from_components(fe_params=beta, cov_re=relative)
    hessian, _ = model.hessian(at)
    p = design.X.shape[1]
    cov_beta = np.linalg.inv(-hessian[:p, :p])
    names = design.x_names
    level = design.levels[0]
    return make_point(
        theta_names=design.covariance.names,
        theta=theta.tolist(),
        deviance=-2.0 * float(model.loglike(at)),
        beta=dict(zip(names, beta.tolist(), strict=True)),
        sigma=float(np.sqrt(sigma2)),
        se_beta=dict(zip(names, np.sqrt(np.diag(cov_beta)).tolist(), strict=True)),
        cov_beta=cov_beta.tolist(),
        se_recipe="model",
        variance_components=_components(design, sigma2 * relative, sigma2),
        nobs=design.n,
        ngroups={level.name: level.n_groups},
    )


def _components(design: Design, Sigma: Array, sigma2: float) -> list[dict[str, Any]]:
    """Rows of a covariance, shape (q, q), as a record has them: variances, then covariances."""
    level = design.levels[0]
    names = level.terms[0].names
    sd = np.sqrt(np.diag(Sigma))
    q = len(names)
    pairs = [(i, i) for i in range(q)] + [(i, j) for j in range(q) for i in range(j + 1, q)]
    rows: list[dict[str, Any]] = []
    for i, j in pairs:
        correlation = Sigma[i, j] / (sd[i] * sd[j]) if sd[i] * sd[j] > 0 else None
        rows.append(
            {
                "group": level.name,
                "var1": names[j],
                "var2": None if i == j else names[i],
                "level": level.number,
                "vcov": float(Sigma[i, j]),
                "sdcor": float(sd[i]) if i == j else correlation,
            }
        )
    residual = {"group": "Residual", "var1": None, "var2": None, "level": 1}
    return [*rows, {**residual, "vcov": sigma2, "sdcor": float(np.sqrt(sigma2))}]
