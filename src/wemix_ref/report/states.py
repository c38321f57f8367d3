"""What became of an engine in a case: a sign, a word, and whether the answer was a stored one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["ENGINES", "STATES", "State", "engine_order", "engine_title", "is_recorded", "state_of"]

ENGINES = {
    "python": "wemix_ref by itself",
    "lme4": "lme4",
    "lme4-weighted": "lme4, weighted",
    "wemix": "WeMix",
    "statsmodels": "statsmodels",
    "recorded": "recorded answers",
    "printed": "printed numbers",
}


@dataclass(frozen=True)
class State:
    """One of the things that can become of an engine.

    Attributes
    ----------
    kind : str
        Class of the style sheet.
    sign : str
        One character, different for each state: colour is never the only difference.
    word : str
        What it is called.
    meaning : str
        For the legend.
    """

    kind: str
    sign: str
    word: str
    meaning: str


STATES = {
    state.kind: state
    for state in (
        State("agrees", "✓", "agrees", "every number that is judged meets its tolerance"),
        State("differs", "✗", "differs", "at least one judged number does not"),
        State(
            "other",
            "≠",
            "another model, as expected",
            "the engine was given another model on purpose; its answer must not be ours",
        ),
        State("shown", "·", "shown", "numbers are shown side by side, none is judged"),
        State("unavailable", "○", "unavailable", "the engine cannot run here, or has no answer"),
        State("refused", "⊘", "refused", "the engine does not answer such a problem"),
        State("failed", "!", "failed", "the engine stopped with an error"),
        State("timeout", "⧖", "timed out", "the engine took longer than it may"),
        State("absent", "", "not asked", "the case does not ask this engine"),
    )
}


def engine_title(name: str) -> str:
    """Name an engine for a reader."""
    return ENGINES.get(name, name)


def engine_order(names: set[str]) -> list[str]:
    """Sort engines: those the project knows in its order, then others by name."""
    known = [name for name in ENGINES if name in names]
    return known + sorted(names - set(ENGINES))


def is_recorded(comparison: Mapping[str, Any], engine: str) -> bool:
    """Whether an engine's answer is a stored one, not one that was computed now."""
    entry = comparison["engines"].get(engine, {})
    return engine == "recorded" or (entry.get("live") is False and entry["status"] == "ok")


def state_of(comparison: Mapping[str, Any], engine: str) -> State:
    """Say what became of an engine in a case.

    Parameters
    ----------
    comparison : Mapping
        The case's comparison.
    engine : str
        The engine's name.

    Returns
    -------
    State
    """
    entry = comparison["engines"].get(engine)
    verdict = comparison["verdicts"].get(engine)
    if entry is None and verdict is None:
        return STATES["absent"]
    status = "ok" if entry is None else entry["status"]
    if status != "ok":
        return STATES.get(status, STATES["failed"])
    ok = None if verdict is None else verdict.get("ok")
    if ok is False:
        return STATES["differs"]
    if "another model" in ("" if verdict is None else verdict.get("text", "")):
        return STATES["other"]
    return STATES["shown" if ok is None else "agrees"]
