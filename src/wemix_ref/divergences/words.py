"""Numbers, versions and the answer to be shown of a divergence, in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["number_text", "says_who", "shown_answer", "version_text"]


def shown_answer(result: Mapping[str, Any]) -> tuple[str, Mapping[str, Any] | None]:
    """Return ``live`` or ``recorded`` and that answer of the program; None where there is none."""
    side = "live" if result["live"] is not None else "recorded"
    return side, result[side]


def version_text(answer: Mapping[str, Any]) -> str:
    """Return the versions that gave an answer, R first, and its date where it was recorded."""
    versions = answer["versions"]
    names = ["R", *(name for name in sorted(versions, key=str.casefold) if name != "R")]
    text = ", ".join(f"{name} {versions[name]}" for name in names if name in versions)
    return text + (f", on {answer['date']}" if "date" in answer else "")


def number_text(value: float | None) -> str:
    """Return a number to nine digits; a dash where there is none."""
    return "–" if value is None else f"{value:.9g}"


def says_who(result: Mapping[str, Any], number: Mapping[str, Any]) -> str:
    """Return the title of the oracle that a number is judged by; a dash where none could be."""
    titles = {oracle["by"]: oracle["title"] for oracle in result["oracles"]}
    return str(titles.get(number["right_by"], "–"))
