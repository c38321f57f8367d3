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

    def expected(self, tier: str, quantity: str, name: str) -> tuple[float, str] | None:
        """Digits that a later number is to have, and why; None where the file does not say."""
        for entry in self.answer.get("recording", {}).get("expected", ()):
            if (entry["tier"], entry["quantity"]) == (tier, quantity) and name in entry["digits"]:
                return float(entry["digits"][name]), str(entry["why"])
        return None


def load_references(*directories: Path) -> list[Reference]:
    """Read every recorded answer of directories that some engine in R can give.

    Raises
    ------
    EngineError
        If there is none, a directory is not there, or a file is no recorded answer.
    """
    if missing := [place for place in directories if not Path(place).is_dir()]:
        raise EngineError(
            f"recorded answers are read from directories; {missing[0]} is none. Name others."
        )
    engines = {program.software: engine for engine, program in PROGRAMS.items()}
    found = []
    for path in (path for place in directories for path in sorted(Path(place).glob("*.json"))):
        answer = read_recorded(path)
        _check_expected(path, answer)
        by = answer["computed_by"]
        if by["software"] in engines:
            engine = engines[by["software"]]
            found.append(Reference(path.stem, engine, str(by["version"]), answer))
    if not found:
        places = " or ".join(map(str, directories))
        raise EngineError(
            f"{places} must hold recorded answers of {', '.join(engines)}; found none there. "
            "Write them with: wemix-ref references record"
        )
    return found


def _check_expected(path: Path, answer: Mapping[str, Any]) -> None:
    for entry in answer.get("recording", {}).get("expected", ()):
        digits = entry.get("digits") if isinstance(entry, Mapping) else None
        if (
            not isinstance(digits, Mapping)
            or not {"tier", "quantity", "why"} <= entry.keys()
            or not all(isinstance(value, int | float) for value in digits.values())
        ):
            raise EngineError(
                f"{path.name}: recording.expected must list tier, quantity, why, and digits by "
                f"name of the number; found {entry!r}. Record the answer again."
            )


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
