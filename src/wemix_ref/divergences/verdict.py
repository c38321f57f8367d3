"""Who is right, number by number, and what is to be said of the program."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from wemix_ref.divergences.specs import DivergenceSpec

__all__ = ["ANOTHER_MODEL", "DIVERGES", "FIXED", "NOT_RUN", "agree", "judge"]

DIVERGES = "R diverges"
FIXED = "fixed upstream"
NOT_RUN = "not run"
#: The program's answer is right for a model that is not the one that users may take it for.
ANOTHER_MODEL = "another model"

#: An oracle that is the program itself shows that it disagrees with itself; ours is not held to it.
PROGRAM = "program"

Values = Mapping[str, float | None]


def agree(first: float | None, second: float | None, tolerance: float) -> bool:
    """Say whether two numbers differ by no more than a share of the larger; None equals None."""
    if first is None or second is None:
        return first is second
    return abs(first - second) <= tolerance * max(abs(first), abs(second))


def judge(
    spec: DivergenceSpec,
    ours: Values,
    oracles: Sequence[Mapping[str, Any]],
    live: Mapping[str, Any] | None,
    recorded: Mapping[str, Any] | None,
    reason: str,
) -> dict[str, Any]:
    """Judge a demonstration.

    Parameters
    ----------
    spec : the divergence.
    ours : our value of each judged number, by name.
    oracles : what each oracle says: ``by``, ``status``, ``tolerance``, ``values`` by name.
    live, recorded : the program's answers, each with ``values``; None where there is none.
    reason : why there is no live answer; empty where there is one.

    Returns
    -------
    dict
        ``state`` (`DIVERGES`, `FIXED`, `ANOTHER_MODEL` or `NOT_RUN`), ``numbers``, ``ours_agree``
        and ``wrong``, the texts of what failed on our side: a number of ours that an oracle does
        not have, one without any oracle, or a record that shows no divergence.
    """
    numbers, wrong = [], []
    for number in spec.numbers:
        said = [
            (oracle["by"], oracle["values"][number.name], oracle["tolerance"])
            for oracle in oracles
            if oracle["status"] == "ok" and oracle["by"] != PROGRAM
            if number.name in oracle["values"]
        ]
        own = ours.get(number.name)
        wrong += [
            f"{number.name}: ours is {_text(own)}, the oracle `{by}` has {_text(value)}"
            for by, value, tolerance in said
            if not agree(own, value, tolerance)
        ]
        if not said:
            wrong.append(f"{number.name}: no oracle could run")
        right = said[0][1] if said else None
        numbers.append(
            {
                "name": number.name,
                "quantity": number.quantity,
                "tolerance": number.tolerance,
                "right": right,
                "right_by": said[0][0] if said else None,
                "ours": own,
                **_side("live", live, number.name, right, number.tolerance),
                **_side("recorded", recorded, number.name, right, number.tolerance),
            }
        )
    if recorded is not None and all(number["recorded_agrees"] for number in numbers):
        wrong.append("the recorded answer agrees with the oracles: it shows no divergence")
    return {
        "state": _state(spec, numbers, live),
        "reason": reason,
        "numbers": numbers,
        "ours_agree": not wrong,
        "wrong": wrong,
    }


def _side(
    side: str, answer: Mapping[str, Any] | None, name: str, right: float | None, tolerance: float
) -> dict[str, Any]:
    """Return a program's number and whether it is right; a number it does not give is not."""
    if answer is None:
        return {side: None, f"{side}_agrees": None}
    value = answer["values"].get(name)
    there = name in answer["values"]
    return {side: value, f"{side}_agrees": there and agree(value, right, tolerance)}


def _state(
    spec: DivergenceSpec, numbers: Sequence[Mapping[str, Any]], live: Mapping[str, Any] | None
) -> str:
    if live is None:
        return NOT_RUN
    if all(number["live_agrees"] for number in numbers):
        return FIXED
    return DIVERGES if spec.kind == "wrong" else ANOTHER_MODEL


def _text(value: float | None) -> str:
    return "none" if value is None or math.isnan(value) else f"{value:.9g}"
