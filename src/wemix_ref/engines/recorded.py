"""Answers stored in the repository, for machines where the program that gave them is not there.

A file of ``resources/recorded`` (JSON) holds one answer::

    {"schema": "wemix-ref/recorded/1",
     "name": "three-level-school",
     "data": {"file": "three-level-school.csv", "sha256": "..."},
     "model": {"formula": "...", "weights": [...] | null, "conditional_weights": false,
               "reml": false, "center_group": {...} | null, "center_grand": "..." | null},
     "computed_by": {"software": "WeMix", "version": "4.0.4", "versions": {...},
                     "formula_given": "...", "control": "..."},
     "point": {...}}

``point`` is a point of a fit record. An answer written by ``wemix-ref references record`` has
``recording`` besides: when, on what, in how many seconds it was computed, how many digits a later
answer is expected to share with it and why, and which numbers differed from ours. The digest is
that of the bytes the answer belongs to.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from wemix_ref.engines.protocol import Availability, Engine, FitResult, Problem
from wemix_ref.engines.record import PROJECT_ROOT, new_record, without_answer
from wemix_ref.errors import EngineError
from wemix_ref.strict_json import read_json_object

SCHEMA_NAME = "wemix-ref/recorded/1"
_MODEL = ("formula", "weights", "conditional_weights", "reml", "center_group", "center_grand")
_TEXTS = {"data": ("file", "sha256"), "computed_by": ("software", "version")}


class RecordedEngine(Engine):
    """Looks up the answer recorded for a model on the very bytes of its data.

    The model must be the same in every respect and the data's SHA-256 equal. Where the model was
    recorded for other bytes only, the status is ``refused``; where it was not recorded at all,
    ``unavailable``. Thetas are not evaluated: a recorded answer is one point.
    """

    name = "recorded"

    def __init__(self, directory: Path | None = None) -> None:
        self.directory = directory or PROJECT_ROOT / "resources" / "recorded"

    def availability(self) -> Availability:
        """Say whether there are recorded answers."""
        if any(self.directory.glob("*.json")):
            return Availability(True)
        return Availability(False, "there are no recorded answers")

    def fit(
        self,
        problem: Problem,
        thetas: Mapping[str, Sequence[float]],  # noqa: ARG002
        *,
        timeout: float,  # noqa: ARG002
    ) -> FitResult:
        """Look a problem up; see `wemix_ref.engines.protocol.Engine.fit`."""
        of_the_model = [answer for answer in self._answers() if same_model(answer, problem)]
        for answer in of_the_model:
            if answer["data"]["sha256"] == problem.data_sha256:
                return _result(problem, answer)
        if of_the_model:
            known = ", ".join(
                f"{answer['data']['file']} ({answer['data']['sha256'][:12]})"
                for answer in of_the_model
            )
            return without_answer(
                problem,
                self.name,
                "refused",
                "the data must be the bytes the answer was computed from: this model was "
                f"recorded for {known}; the data given have SHA-256 {problem.data_sha256[:12]}",
            )
        return without_answer(
            problem, self.name, "unavailable", "no answer was recorded for this model"
        )

    def _answers(self) -> list[dict[str, Any]]:
        return [read_recorded(path) for path in sorted(self.directory.glob("*.json"))]


def read_recorded(path: Path) -> dict[str, Any]:
    """Read a recorded answer.

    Raises
    ------
    EngineError
        If it is no such file, or lacks what identifies the answer.
    """
    stored = read_json_object(
        path, "a recorded answer", "Restore it, or record it again.", EngineError
    )
    if stored.get("schema") != SCHEMA_NAME:
        raise EngineError(
            f"a recorded answer must say `schema: {SCHEMA_NAME}`; {path.name} does not. "
            "Move the file elsewhere or correct it."
        )
    lacking = sorted({"name", "data", "model", "computed_by", "point"} - stored.keys())
    _check_types(path, stored)
    lacking += [f"model.{name}" for name in _MODEL if name not in stored.get("model", {})]
    if lacking:
        raise EngineError(
            f"a recorded answer must name its data, model, author and numbers; {path.name} lacks "
            f"{len(lacking)} of them (first: {lacking[0]}). Add them."
        )
    return stored


def _check_types(path: Path, stored: Mapping[str, Any]) -> None:
    """Check that what readers look into is there to be looked into."""
    objects = ("data", "model", "computed_by", "point", "recording")
    wrong = [name for name in objects if not isinstance(stored.get(name, {}), dict)]
    for place, names in _TEXTS.items():
        found = stored.get(place)
        if isinstance(found, dict):
            wrong += [f"{place}.{name}" for name in names if not isinstance(found.get(name), str)]
    if not isinstance(stored.get("computed_by", {}), dict) or not isinstance(
        stored.get("computed_by", {}).get("versions", {}), dict
    ):
        wrong.append("computed_by.versions")
    if wrong:
        raise EngineError(
            f"{path}: members of a recorded answer must be of their types; {len(wrong)} are not "
            f"(first: {wrong[0]}). Restore it, or record it again."
        )


def _normal(value: Any) -> Any:  # noqa: ANN401
    """Return a value for comparison: blanks out of formulas, empty as None."""
    if isinstance(value, str):
        return "".join(value.split()) or None
    if isinstance(value, Mapping):
        return {key: _normal(item) for key, item in value.items()} or None
    if isinstance(value, list):
        return value or None
    return value


def _model(model: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _normal(model[name]) for name in _MODEL}


def model_of(problem: Problem) -> dict[str, Any]:
    """Return what identifies the model of a problem, as a recorded answer holds it."""
    return {name: getattr(problem, name) for name in _MODEL}


def same_model(answer: Mapping[str, Any], problem: Problem) -> bool:
    """Say whether an answer is of the problem's model, whatever the data.

    Precision weights have no place in a recorded answer.
    """
    if problem.precision_weights is not None:
        return False
    return _model(answer["model"]) == _model(model_of(problem))


def _result(problem: Problem, answer: Mapping[str, Any]) -> FitResult:
    computed_by = answer["computed_by"]
    record = new_record(
        problem,
        RecordedEngine.name,
        versions=computed_by["versions"],
        message=f"recorded answer of {computed_by['software']} {computed_by['version']}",
    )
    record["computed_by"] = {**computed_by, "data": dict(answer["data"])}
    record["optimum"] = answer["point"]
    return FitResult(record)
