"""Own optimum: whose deviance is lower, and how far apart the estimates are."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from wemix_ref.tiers.ours import Ours, labelled_components
from wemix_ref.tiers.same_theta import another_model, values_of
from wemix_ref.tolerances import Tolerance, Tolerances
from wemix_ref.verdicts import Number, digits_of, judge

__all__ = ["own_optimum"]


def own_optimum(
    ours: Ours,
    theirs: Mapping[str, Any],
    *,
    engine: str,
    software: str,
    source: str,
    tolerances: Tolerances,
    precision: bool,
) -> list[Number]:
    """Compare our optimum with another engine's.

    Parameters
    ----------
    ours : our side.
    theirs : the optimum of the engine's fit record.
    engine, software, source : names for the numbers made; `software` chooses the tolerance.
    tolerances : what must agree.
    precision : whether the engine was given precision weights, another model.
    """
    own = ours.point(ours.optimum, "model")
    theta = theirs["theta"]["values"]
    if not theirs.get("variance_components"):
        derived = ours.components_at(theta, theirs["sigma"])
        theirs = {**theirs, "variance_components": derived}
    pairs = {(quantity, name): value for quantity, name, value in values_of(own)}
    listed = list(values_of(theirs))
    for name, value in zip(theirs["theta"]["names"], theta, strict=True):
        listed.append(("theta", name, value))
    for name, value in zip(own["theta"]["names"], own["theta"]["values"], strict=True):
        pairs["theta", name] = value
    excess = own["deviance"] - theirs["deviance"]
    numbers = []
    for quantity, name, value in listed:
        mine = pairs.get((quantity, name), math.nan)
        digits = digits_of(mine, value)
        tolerance = tolerances.find("own-optimum", quantity, software)
        required: float | None = None
        if precision:
            tolerance = tolerances.find("own-optimum", "another-model")
            verdict, ok = "shown", None
            if quantity == "deviance":
                verdict, ok = another_model(digits, tolerance.value)
        elif tolerance.rule == "not-above":
            verdict, ok = _deviance(excess, value, digits, tolerance)
        elif tolerance.rule == "likelihood-distance":
            assert tolerance.value is not None
            reach = math.sqrt(max(0.0, -excess) + tolerance.value * abs(theirs["deviance"]))
            required = _required(reach, _standard_error(own, quantity, name), value)
            verdict, ok = judge(digits, required)
        else:
            required = tolerance.value
            verdict, ok = judge(digits, required)
        numbers.append(
            Number(
                "own-optimum",
                engine,
                quantity,
                name,
                mine,
                value,
                source,
                "each side's own optimum",
                digits,
                required,
                verdict,
                ok,
                tolerance.why,
            )
        )
    return numbers


def _deviance(
    excess: float, theirs: float, digits: float, tolerance: Tolerance
) -> tuple[str, bool]:
    assert tolerance.value is not None
    room = tolerance.value * abs(theirs)
    if excess > room:
        return f"differs: ours is above by {excess:.3g}", False
    if excess < -room:
        return f"ours is lower by {-excess:.3g}", True
    return f"agrees to {math.floor(digits)} digits", True


def _required(reach: float, se: float | None, value: float) -> float | None:
    """Digits that an estimate must share when it may lie `reach` standard errors away."""
    if se is None or not math.isfinite(se) or value == 0.0:
        return None
    return round(max(0.0, math.log10(abs(value)) - math.log10(reach * se)), 1)


def _standard_error(own: Mapping[str, Any], quantity: str, name: str) -> float | None:
    """The model's own standard error: the inverse of the information."""
    if quantity == "beta":
        return own["se_beta"].get(name)
    row = labelled_components(own["variance_components"]).get(name)
    return None if row is None else row["se"]
