"""An engine that passes for lme4 of any version: the estimator's answers, changed on purpose."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

from wemix_ref.engines.protocol import Availability, Engine, FitResult
from wemix_ref.engines.python import PythonEngine
from wemix_ref.engines.record import without_answer

_SEEN: dict[str, dict[str, Any]] = {}


def _ours(problem, thetas) -> dict[str, Any]:
    key = json.dumps([problem.case, problem.reml, {k: list(v) for k, v in thetas.items()}])
    if key not in _SEEN:
        _SEEN[key] = PythonEngine().fit_many([(problem, thetas)], timeout=0.0)[0].record
    return _SEEN[key]


SESSION = {"R": "R version 9.9.9", "platform": "none", "BLAS": "none"}


class FakeEngine(Engine):
    """Answers as `name` at a version; `change` is done to each point that it gives."""

    def __init__(
        self,
        version: str = "1.0",
        change: Callable[[dict[str, Any]], None] = lambda _: None,
        *,
        name: str = "lme4",
        status: str = "ok",
        here: bool = True,
    ) -> None:
        self.name, self.version, self.change = name, version, change
        self.status, self.here = status, here
        self.asked: list[dict[str, list[float]]] = []

    def availability(self) -> Availability:
        return Availability(self.here, "" if self.here else "made not to be here")

    def fit(self, problem, thetas, *, timeout) -> FitResult:  # noqa: ARG002
        self.asked.append({label: list(theta) for label, theta in thetas.items()})
        if self.status != "ok":
            result = without_answer(problem, self.name, self.status, f"made to be {self.status}")
            return FitResult(result.record, None, {"seconds": 0.5})
        record = copy.deepcopy(_ours(problem, thetas))
        record["engine"] = self.name
        package = "WeMix" if self.name == "wemix" else "lme4"
        record["versions"] = {"R": "9.9.9", package: self.version}
        for point in (record["optimum"], *record["at"]):
            self.change(point)
        return FitResult(record, None, {"seconds": 1.23456})


def scale(member: str, factor: float) -> Callable[[dict[str, Any]], None]:
    """Return a change: a number of a point, or the first of its named numbers, times a factor."""

    def change(point: dict[str, Any]) -> None:
        if isinstance(point[member], dict):
            first = next(iter(point[member]))
            point[member][first] *= factor
        else:
            point[member] *= factor

    return change


def drop(member: str) -> Callable[[dict[str, Any]], None]:
    """Return a change: a member of a point is not given."""
    return lambda point: point.pop(member)
