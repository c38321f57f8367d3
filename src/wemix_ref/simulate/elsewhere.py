"""Analyses that engines in R fit: all replicates of a job by one process."""

from __future__ import annotations

from collections.abc import Sequence

from wemix_ref.engines import get_engine
from wemix_ref.engines.protocol import FitResult, Problem
from wemix_ref.errors import EngineError

__all__ = ["fit_elsewhere"]

#: Seconds that one fit may take; beyond, R is taken to hang and the job stops.
TIME_LIMIT = 600.0


def fit_elsewhere(name: str, problems: Sequence[Problem]) -> list[FitResult]:
    """Fit problems by an engine.

    Parameters
    ----------
    name : the engine.
    problems : what it fits, each at its own optimum.

    Raises
    ------
    EngineError
        If the engine cannot run here.
    """
    engine = get_engine(name)
    found = engine.availability()
    if not found.available:
        raise EngineError(
            f"an analysis needs the engine {name}, which cannot run here: {found.reason}. "
            "Install it, or leave the analysis out."
        )
    return engine.fit_many([(problem, {}) for problem in problems], timeout=TIME_LIMIT)
