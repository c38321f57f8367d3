"""Where the time of one fit goes: a timer around the public steps, and a profile by function."""

from __future__ import annotations

import cProfile
import pstats
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import pandas as pd

from wemix_ref.components import components
from wemix_ref.design import build_design
from wemix_ref.fit import criterion_of, mix
from wemix_ref.inference import infer
from wemix_ref.optimise import minimise

__all__ = ["STAGES", "profile", "stages"]

#: Stages, in order, with what each does.
STAGES = {
    "design": "data frame to design: columns, groups, weights, checks",
    "cross-products": "ordering rows by group, cross-products of each group",
    "iterations": "optimiser: evaluations, gradients, Hessians",
    "inference": "scores, Hessian, standard errors",
}
_MOST = 15
_PACKAGE = Path(__file__).resolve().parents[1]
T = TypeVar("T")


def stages(formula: str, frame: pd.DataFrame, weights: list[str] | None) -> dict[str, Any]:
    """Fit once, step by step.

    Returns
    -------
    dict
        ``seconds`` by stage, ``evaluations`` and ``hessians``.
    """
    seconds: dict[str, float] = {}

    def timed(stage: str, step: Callable[[], T]) -> T:
        started = time.perf_counter()
        value = step()
        seconds[stage] = time.perf_counter() - started
        return value

    design = timed("design", lambda: build_design(formula, frame, weights))
    criterion = timed("cross-products", lambda: criterion_of(design))
    at, report = timed("iterations", lambda: minimise(criterion))
    recipe = "wemix" if design.weighted else "model"
    sigma = float(at.profile.sigma2**0.5)
    parts = components(criterion.covariance, at.theta, sigma)
    timed("inference", lambda: infer(criterion, at, parts, recipe))
    return {"seconds": seconds, "evaluations": report.evaluations, "hessians": report.hessians}


def profile(
    formula: str, frame: pd.DataFrame, weights: list[str] | None
) -> list[dict[str, str | float | int]]:
    """Fit once under Python's profiler.

    Returns
    -------
    list of dict
        The functions that took most time themselves: ``function``, ``seconds``, ``calls``.
    """
    profiler = cProfile.Profile()
    profiler.enable()
    fit = mix(formula, frame, weights)
    fit.bse  # noqa: B018
    fit.variance_components  # noqa: B018
    profiler.disable()
    table: dict[tuple[str, int, str], tuple[int, int, float, float, Any]]
    table = pstats.Stats(profiler).stats  # type: ignore[attr-defined]
    rows = sorted(((own, key, calls) for key, (_, calls, own, _, _) in table.items()), reverse=True)
    return [
        {"function": _name(*key), "seconds": own, "calls": calls}
        for own, key, calls in rows[:_MOST]
    ]


def _name(file: str, line: int, function: str) -> str:
    """A function by its module; no directory of a machine."""
    if file == "~" or line == 0:
        return function.strip("<>")
    path = Path(file)
    if path.is_relative_to(_PACKAGE):
        return (
            f"{path.relative_to(_PACKAGE).with_suffix('').as_posix().replace('/', '.')}.{function}"
        )
    return f"{path.stem}.{function}"
