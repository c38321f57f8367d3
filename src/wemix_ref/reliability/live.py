"""The estimator held against R, live, on many random models at one theta each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from wemix_ref.engines import get_engine
from wemix_ref.engines.protocol import FitResult
from wemix_ref.hunt.expected import Expected, Pair
from wemix_ref.hunt.judge import COMMON
from wemix_ref.hunt.own_engine import EveryRecipe
from wemix_ref.hunt.points import DEVIANCE, Size
from wemix_ref.reliability.designs import Wide
from wemix_ref.reliability.gaps import pair_gaps
from wemix_ref.reliability.outcome import Outcome

__all__ = ["LIVE", "against", "missing"]

#: Engines, and what they are asked.
LIVE = {
    "lme4": "without weights the fit is lme4's",
    "lme4-weighted": "with weights it is that of lme4's own pieces",
}
_TIME_LIMIT = 600.0


def missing(engine: str) -> str:
    """Why an engine cannot run here; empty where it can."""
    there = get_engine(engine).availability()
    return "" if there.available else there.reason


def against(engine: str, models: Sequence[Wide]) -> list[Outcome]:
    """Put models to R and to the estimator, R started once for all.

    At one theta numbers must agree. A deviance that R finds lower, at a minimum elsewhere, is
    written down.
    """
    asked = [(one.problem(), {COMMON: one.common_theta()}) for one in models]
    theirs = get_engine(engine).fit_many(asked, timeout=_TIME_LIMIT)
    ours = EveryRecipe().fit_many(asked, timeout=_TIME_LIMIT)
    return [
        _outcome(engine, one, here, there)
        for one, here, there in zip(models, ours, theirs, strict=True)
    ]


def _outcome(engine: str, model: Wide, ours: FitResult, theirs: FitResult) -> Outcome:
    here, there = ours.record, theirs.record
    for name, record in (("the estimator", here), (engine, there)):
        if record["status"] != "ok":
            return Outcome(engine, model.number, refused=f"{name}: {record['message']}")
    pair = Pair(engine, model, replace(model), Expected())
    gaps = list(pair_gaps(pair, here["at"][0], there["at"][0]))
    mine, other = here["optimum"]["deviance"], there["optimum"]["deviance"]
    size = Size(pair).room(other) / DEVIANCE
    lower = (mine - other) / size
    if lower <= DEVIANCE:
        return Outcome(engine, model.number, tuple(gaps))
    # few rows and many variances: D has several minima, and only a global search finds the lowest
    broken = "" if here["converged"] else "did not converge, and R's deviance is lower"
    return Outcome(engine, model.number, tuple(gaps), broken=broken, lower=lower)
