"""One divergence, run: the program live or as recorded, our fit, the oracles, the verdict."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from wemix_ref.divergences.edits import edited
from wemix_ref.divergences.live import LiveAnswer, ask
from wemix_ref.divergences.oracles import consult, our_quantities
from wemix_ref.divergences.quantities import Quantities
from wemix_ref.divergences.records import recorded_answer
from wemix_ref.divergences.specs import DivergenceSpec
from wemix_ref.divergences.verdict import judge
from wemix_ref.engines import get_engine
from wemix_ref.engines.protocol import Engine
from wemix_ref.errors import CaseError

__all__ = ["SCHEMA", "demonstrate"]

SCHEMA = "wemix-ref/divergence-result/1"


def demonstrate(
    spec: DivergenceSpec,
    *,
    live: bool,
    timeout: float = 300.0,
    run: Callable[[DivergenceSpec, float], LiveAnswer] = ask,
    engines: Callable[[str], Engine] = get_engine,
) -> dict[str, Any]:
    """Run one divergence.

    Parameters
    ----------
    spec : the divergence.
    live : whether R is asked; without, and where R cannot answer, the recorded answer stands.
    timeout : seconds that R may take for each question.
    run, engines : what asks the program, and what gives an engine by its name.

    Returns
    -------
    dict
        For JSON: what was asked, ``live`` and ``recorded`` answers, ``oracles``, and what
        `wemix_ref.divergences.verdict.judge` says. The same answers give the same content.

    Raises
    ------
    CaseError
        If the record is of another script or other data, or a judged quantity is none of our fit.
    """
    answer = run(spec, timeout) if live else LiveAnswer(False, "R was not asked")
    now = answer.plain() if answer.ran else None
    recorded = recorded_answer(spec)
    ours = _ours(spec)
    shown = now if now is not None else recorded
    oracles = [
        consult(oracle, spec, shown, engines if live else None, timeout) for oracle in spec.oracles
    ]
    return {
        "schema": SCHEMA,
        "divergence": spec.id,
        "title": spec.title,
        "program": spec.program,
        "kind": spec.kind,
        "trigger": spec.trigger,
        "happens": spec.happens,
        "right": spec.right,
        "way_round": spec.way_round,
        "formula": spec.model.formula,
        "live": now,
        "recorded": recorded,
        "oracles": oracles,
        **judge(spec, ours, oracles, now, recorded, answer.reason),
    }


def _ours(spec: DivergenceSpec) -> Quantities:
    """Return our value of each judged number."""
    fits: dict[str, Quantities] = {}
    values: Quantities = {}
    for number in spec.numbers:
        model = (
            spec.model if number.formula is None else replace(spec.model, formula=number.formula)
        )
        key = repr((number.edits, model))
        if key not in fits:
            fits[key] = our_quantities(model, edited(spec.data, number.edits))
        if number.quantity not in fits[key]:
            raise CaseError(
                f"{spec.path}: number {number.name!r} must be a quantity of our fit; there is no "
                f"`{number.quantity}` among {', '.join(sorted(fits[key])[:12])}, ..."
            )
        values[number.name] = fits[key][number.quantity]
    return values
