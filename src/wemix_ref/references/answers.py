"""Recorded answers as references: made from fit records, found by engine, model and data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wemix_ref.cases import Case
from wemix_ref.engines.model_request import r_formula
from wemix_ref.engines.protocol import Problem
from wemix_ref.engines.recorded import SCHEMA_NAME, model_of, read_recorded, same_model
from wemix_ref.errors import EngineError

__all__ = ["PROGRAMS", "Program", "Reference", "answer_of", "load_references", "version_of"]


@dataclass(frozen=True)
class Program:
    """What an engine's answers are recorded as.

    Attributes
    ----------
    software : as `computed_by` names it; in small letters it is the engine's name.
    package : the R package whose version counts.
    control : how the program was run.
    """

    software: str
    package: str
    control: str


PROGRAMS = {
    "lme4": Program("lme4", "lme4", "default"),
    "lme4-weighted": Program(
        "lme4-weighted", "lme4", "default of lme4, then minqa's bobyqa where that leaves a gradient"
    ),
    "wemix": Program("WeMix", "WeMix", "default"),
}


@dataclass(frozen=True)
class Reference:
    """One recorded answer.

    Attributes
    ----------
    name : the file's, without its suffix.
    engine : the engine that can give the answer live.
    version : of the program that gave it.
    answer : the file's content.
    """

    name: str
    engine: str
    version: str
    answer: Mapping[str, Any]

    def serves(self, problem: Problem) -> bool:
        """Whether it is the answer to this model, whatever the data."""
        return same_model(self.answer, problem)

    def is_of_these_data(self, problem: Problem) -> bool:
        """Whether it was computed from the very bytes of the problem's data."""
        return bool(self.answer["data"]["sha256"] == problem.data_sha256)

    def digits_expected(self, tier: str, quantity: str) -> float | None:
        """Digits that a later answer is to share with it; None where the file does not say."""
        for entry in self.answer.get("recording", {}).get("expected", ()):
            if (entry["tier"], entry["quantity"]) == (tier, quantity):
                return float(entry["digits"])
        return None


def load_references(directory: Path) -> list[Reference]:
    """Read every recorded answer of a directory that some engine in R can give.

    Raises
    ------
    EngineError
        If there is none, or a file is no recorded answer.
    """
    engines = {program.software: engine for engine, program in PROGRAMS.items()}
    found = []
    for path in sorted(Path(directory).glob("*.json")):
        answer = read_recorded(path)
        by = answer["computed_by"]
        if by["software"] in engines:
            engine = engines[by["software"]]
            found.append(Reference(path.stem, engine, str(by["version"]), answer))
    if not found:
        raise EngineError(
            f"{directory} must hold recorded answers of {', '.join(engines)}; it holds none. "
            "Write them there with: wemix-ref references record"
        )
    return found


def version_of(engine: str, record: Mapping[str, Any]) -> str:
    """Version of the program behind an engine, as a fit record tells it."""
    return str(record["versions"].get(PROGRAMS[engine].package, "unknown"))


def answer_of(
    case: Case,
    problem: Problem,
    record: Mapping[str, Any],
    recording: Mapping[str, Any],
) -> dict[str, Any]:
    """Turn a fit record into a recorded answer.

    Parameters
    ----------
    case : for the data file's name.
    problem : what was fitted.
    record : the fit record, of status ``ok``.
    recording : when and how it was computed, what is expected of later ones.

    Returns
    -------
    dict
        As a file of ``resources/recorded``, with the member ``recording`` besides.
    """
    engine = record["engine"]
    program = PROGRAMS[engine]
    given = problem.wemix_formula if engine == "wemix" else None
    version = version_of(engine, record)
    return {
        "schema": SCHEMA_NAME,
        "name": f"{case.name}.{engine}-{version}",
        "data": {"file": case.dataset.path.name, "sha256": problem.data_sha256},
        "model": model_of(problem),
        "computed_by": {
            "software": program.software,
            "version": version,
            "versions": dict(record["versions"]),
            "control": program.control,
            "formula_given": r_formula(given or problem.formula),
        },
        "point": record["optimum"],
        "recording": dict(recording),
    }
