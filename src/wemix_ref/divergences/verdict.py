"""Who is right, number by number, and what is to be said of the program."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from wemix_ref.divergences.specs import DivergenceSpec, Number
from wemix_ref.divergences.states import (
    ANOTHER_MODEL,
    ANOTHER_MODEL_RECORDED,
    DIVERGES,
    DIVERGES_RECORDED,
    FIXED,
    FIXED_RECORDED,
    NOT_JUDGED,
    NOT_RUN,
)

__all__ = ["agree", "judge"]

_RECORDED = {
    DIVERGES: DIVERGES_RECORDED,
    FIXED: FIXED_RECORDED,
    ANOTHER_MODEL: ANOTHER_MODEL_RECORDED,
    NOT_JUDGED: NOT_JUDGED,
}

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
        ``state`` (see `wemix_ref.divergences.states`), ``numbers``, ``ours_agree`` and ``wrong``,
        the texts of what failed on our side: a number of ours that an oracle does not have, one
        without any oracle, or a record that shows no divergence. The state is that of the live
        answer; without one it is that of the recorded answer, and says so.
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
                **_side("live", live, number, right, judged=bool(said)),
                **_side("recorded", recorded, number, right, judged=bool(said)),
            }
        )
    if recorded is not None and _outcome(spec, numbers, "recorded") == FIXED:
        wrong.append("the recorded answer agrees with the oracles: it shows no divergence")
    return {
        "state": _state(spec, numbers, live, recorded),
        "reason": reason,
        "numbers": numbers,
        "ours_agree": not wrong,
        "wrong": wrong,
    }


def _side(
    side: str,
    answer: Mapping[str, Any] | None,
    number: Number,
    right: float | None,
    *,
    judged: bool,
) -> dict[str, Any]:
    """Return a program's number and whether it is right; a number it does not give is not."""
    if answer is None:
        return {side: None, f"{side}_agrees": None}
    value = answer["values"].get(number.name)
    there = number.name in answer["values"]
    agrees = there and agree(value, right, number.tolerance)
    return {side: value, f"{side}_agrees": agrees if judged else None}


def _state(
    spec: DivergenceSpec,
    numbers: Sequence[Mapping[str, Any]],
    live: Mapping[str, Any] | None,
    recorded: Mapping[str, Any] | None,
) -> str:
    if live is not None:
        return _outcome(spec, numbers, "live")
    if recorded is not None:
        return _RECORDED[_outcome(spec, numbers, "recorded")]
    return NOT_RUN


def _outcome(spec: DivergenceSpec, numbers: Sequence[Mapping[str, Any]], side: str) -> str:
    agrees = [number[f"{side}_agrees"] for number in numbers]
    if False in agrees:
        return DIVERGES if spec.kind == "wrong" else ANOTHER_MODEL
    return NOT_JUDGED if None in agrees else FIXED


def _text(value: float | None) -> str:
    return "none" if value is None or math.isnan(value) else f"{value:.9g}"
