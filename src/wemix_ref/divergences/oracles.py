"""What knows the right answer besides our own fit of the model."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from wemix_ref.divergences.edits import edited
from wemix_ref.divergences.quantities import Quantities, of_fit, of_record, refusal
from wemix_ref.divergences.replicated import replicated
from wemix_ref.divergences.specs import DivergenceSpec, Model, Oracle
from wemix_ref.engines.protocol import Engine, Problem
from wemix_ref.errors import WeightsError, WemixRefError, WemixRefWarning
from wemix_ref.fit import mix
from wemix_ref.least_squares import gls
from wemix_ref.results import FittedModel

__all__ = ["LIVE", "TITLES", "TOLERANCES", "consult", "fitted", "our_quantities"]

#: Oracles that need R.
LIVE = {"lme4": "lme4", "lme4-replicated": "lme4", "lme4-weighted": "lme4-weighted"}

TITLES = {
    "ours": "our fit of the same model, posed another way",
    "replicated": "our fit without weights, rows and groups written out",
    "gls": "generalised least squares with the dense V_w",
    "lme4": "lme4",
    "lme4-replicated": "lme4, rows and groups written out",
    "lme4-weighted": "the weighted fit by lme4's own pieces",
    "program": "the program itself, asked another way",
}

#: Relative difference that our number may have from an oracle's. Two minima of one criterion, found
#: from other starts or numbers, agree to 1e-6; one linear solve to 1e-9. lme4 stops where its own
#: rule is met, which is a few in 1e-5 of a variance away. A program's own table may hold standard
#: errors from numerical derivatives.
TOLERANCES = {
    "ours": 1e-6,
    "replicated": 1e-6,
    "gls": 1e-9,
    "lme4": 2e-4,
    "lme4-replicated": 2e-4,
    "lme4-weighted": 2e-4,
    "program": 1e-3,
}


def fitted(model: Model, data: pd.DataFrame) -> FittedModel:
    """Fit a model; warnings are left out, since what they tell of is judged as a number."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", WemixRefWarning)
        return mix(
            model.formula,
            data,
            None if model.weights is None else list(model.weights),
            conditional_weights=model.conditional_weights,
            center_grand=model.center_grand,
        )


def our_quantities(model: Model, data: pd.DataFrame) -> Quantities:
    """Return the quantities of our fit; those of a refusal where the weights are refused."""
    try:
        return of_fit(fitted(model, data))
    except WeightsError:
        return refusal()


def consult(
    oracle: Oracle,
    spec: DivergenceSpec,
    program: Mapping[str, Any] | None,
    get_engine: Callable[[str], Engine] | None,
    timeout: float,
) -> dict[str, Any]:
    """Ask an oracle.

    Parameters
    ----------
    oracle, spec : what is asked, of which divergence.
    program : the program's answer, live or recorded; None where there is none.
    get_engine : gives an engine by name; None: nothing is asked that needs R.
    timeout : seconds that R may take.

    Returns
    -------
    dict
        ``by``, ``title``, ``why``, ``tolerance``, ``status`` (``ok``, or why there is no answer),
        ``message``, ``versions``, ``values``.
    """
    said: dict[str, Any] = {
        "by": oracle.by,
        "title": TITLES[oracle.by],
        "why": oracle.why,
        "tolerance": TOLERANCES[oracle.by],
        "status": "ok",
        "message": "",
        "versions": {},
        "values": {},
    }
    if oracle.by == "program":
        if program is None:
            return {**said, "status": "unavailable", "message": "the program has no answer"}
        found, said["versions"] = program["values"], program["versions"]
        source = f"{spec.program}'s answer"
    elif oracle.by in LIVE:
        if get_engine is None:
            return {**said, "status": "unavailable", "message": "R was not asked"}
        record = _record(oracle, spec, get_engine, timeout)
        said["versions"] = record["versions"]
        if record["status"] != "ok":
            return {**said, "status": record["status"], "message": record["message"]}
        found, source = of_record(record), "its fit"
    else:
        found, source = _by_ourselves(oracle, spec), "its fit"
    for name, quantity in oracle.gives.items():
        if quantity not in found:
            return {**said, "status": "failed", "message": f"{source} has no `{quantity}`"}
        said["values"][name] = found[quantity]
    return said


def _posed(oracle: Oracle, spec: DivergenceSpec) -> tuple[Model, pd.DataFrame]:
    return oracle.model or spec.model, edited(spec.data, oracle.edits)


def _by_ourselves(oracle: Oracle, spec: DivergenceSpec) -> Quantities:
    model, data = _posed(oracle, spec)
    if oracle.by == "ours":
        return our_quantities(model, data)
    if oracle.by == "gls":
        return _gls(fitted(model, data))
    try:
        rows = replicated(model, data)
    except WeightsError:
        return refusal()  # there are no such data
    return of_fit(fitted(replace(model, weights=None, conditional_weights=False), rows))


def _gls(fit: FittedModel) -> Quantities:
    """Return beta and residuals by dense algebra with V_w at the fit's theta.

    With e = y - X beta, and Z u = (V_w - sigma^2 Omega^-1) V_w^-1 e, what is left is
    y - X beta - Z u = sigma^2 Omega^-1 V_w^-1 e.
    """
    X, y, V = np.asarray(fit.X.todense()), fit.design.y, fit.V("working")
    beta = np.asarray(gls(X, V, y)[0])
    left = fit.sigma**2 / fit.design.omega * np.linalg.solve(V.toarray(), y - X @ beta)
    names = [f"beta {name}" for name in fit.params.index]
    rows = [f"residual {label}" for label in fit.resid.index]
    return dict(zip([*names, *rows], [*beta.tolist(), *left.tolist()], strict=True))


def _record(
    oracle: Oracle, spec: DivergenceSpec, get_engine: Callable[[str], Engine], timeout: float
) -> dict[str, Any]:
    model, data = _posed(oracle, spec)
    try:
        if oracle.by == "lme4-replicated":
            data = replicated(model, data)
            model = replace(model, weights=None, conditional_weights=False)
    except WemixRefError as error:
        return {"status": "failed", "message": str(error), "versions": {}}
    problem = Problem(
        spec.id,
        model.formula,
        data.reset_index(drop=True),
        None if model.weights is None else list(model.weights),
        model.conditional_weights,
        False,
        None,
        model.center_grand,
        spec.hashes["data_sha256"],
    )
    thetas = {}
    if oracle.by == "lme4-weighted":
        # its sandwich is one at a theta that it is given
        thetas = {"ours": fitted(model, data).theta.to_list()}
    return get_engine(LIVE[oracle.by]).fit(problem, thetas, timeout=timeout).record
