"""Divergences for the page: what R gives, what is right, who says so, and how many are fixed."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup, escape

from wemix_ref.divergences.states import (
    ANOTHER_MODEL,
    ANOTHER_MODEL_RECORDED,
    DIVERGES,
    DIVERGES_RECORDED,
    FIXED,
    FIXED_RECORDED,
    MEANING,
    NOT_JUDGED,
    NOT_RUN,
)
from wemix_ref.divergences.table import failures, states
from wemix_ref.divergences.words import number_text, says_who, shown_answer, version_text

__all__ = ["DivergenceRow", "DivergencesView", "divergences_view"]

# What R gets wrong is not a number of ours that differs: it has a sign of its own.
SIGNS = {
    DIVERGES: ("other", "≠"),
    DIVERGES_RECORDED: ("other", "≠"),
    FIXED: ("agrees", "✓"),
    FIXED_RECORDED: ("agrees", "✓"),
    ANOTHER_MODEL: ("shown", "·"),
    ANOTHER_MODEL_RECORDED: ("shown", "·"),
    NOT_RUN: ("unavailable", "○"),
    NOT_JUDGED: ("unavailable", "○"),
}


@dataclass(frozen=True)
class DivergenceRow:
    """One divergence.

    Attributes
    ----------
    numbers : (name, the program's, right, who says so, ours, whether the program is right) each;
        None where no answer or no oracle was there.
    oracles : (title, why, what it gives or why it gives nothing) each.
    """

    id: str
    title: str
    program: str
    state: str
    kind: str
    sign: str
    reason: str
    formula: str
    trigger: Markup
    happens: Markup
    right: Markup
    way_round: Markup
    how: str
    error: str
    told: tuple[str, ...]
    numbers: tuple[tuple[str, str, str, str, str, bool | None], ...]
    oracles: tuple[tuple[str, str, str], ...]


@dataclass(frozen=True)
class DivergencesView:
    """What the section shows.

    Attributes
    ----------
    states : (state, its meaning, its kind and sign, how many) each, those that occur.
    wrong : what failed on our side; empty where all is well.
    folder : where the pages lie, seen from the report.
    """

    rows: tuple[DivergenceRow, ...]
    states: tuple[tuple[str, str, str, str, int], ...]
    wrong: tuple[str, ...]
    n_numbers: int
    folder: str


def divergences_view(
    results: Sequence[Mapping[str, Any]], folder: str = "../divergences"
) -> DivergencesView:
    """Build the section.

    Parameters
    ----------
    results : what :func:`wemix_ref.divergences.table.read_all` gives.
    folder : where the pages lie, seen from the report.
    """
    counted = states(results)
    return DivergencesView(
        tuple(_row(result) for result in results),
        tuple((state, MEANING[state], *SIGNS[state], n) for state, n in counted.items()),
        tuple(failures(results)),
        sum(len(result["numbers"]) for result in results),
        folder,
    )


def _row(result: Mapping[str, Any]) -> DivergenceRow:
    side, answer = shown_answer(result)
    how = "nothing recorded"
    if answer is not None:
        how = f"{'run now' if side == 'live' else 'recorded'} with {version_text(answer)}"
    kind, sign = SIGNS[result["state"]]
    return DivergenceRow(
        result["divergence"],
        result["title"],
        result["program"],
        result["state"],
        kind,
        sign,
        result["reason"],
        result["formula"],
        _marked(result["trigger"]),
        _marked(result["happens"]),
        _marked(result["right"]),
        _marked(result["way_round"] or ""),
        how,
        answer["error"] if answer is not None else "",
        tuple(answer["told"]) if answer is not None else (),
        tuple(
            (
                number["name"],
                number_text(number[side]),
                number_text(number["right"]),
                says_who(result, number),
                number_text(number["ours"]),
                number[f"{side}_agrees"],
            )
            for number in result["numbers"]
        ),
        tuple((one["title"], one["why"], _gives(one)) for one in result["oracles"]),
    )


def _marked(text: str) -> Markup:
    """Return text, escaped, with what stands between backquotes as code."""
    parts = re.split(r"`([^`]*)`", text)
    code = Markup("<code>{}</code>")
    return Markup("").join(
        code.format(part) if place % 2 else escape(part) for place, part in enumerate(parts)
    )


def _gives(oracle: Mapping[str, Any]) -> str:
    if oracle["status"] != "ok":
        return f"{oracle['status']}: {oracle['message']}"
    return "; ".join(f"{name}: {number_text(value)}" for name, value in oracle["values"].items())
