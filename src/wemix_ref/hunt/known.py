"""Findings by the name of a known divergence, where it is what they come from."""

from __future__ import annotations

from collections.abc import Sequence

from wemix_ref.engines.protocol import Engine
from wemix_ref.hunt.answers import verdicts
from wemix_ref.hunt.expected import Pair
from wemix_ref.hunt.triggers import TRIGGERS, Trigger
from wemix_ref.hunt.verdict import Verdict

__all__ = ["caused_by", "known_divergence"]

#: Kinds of verdict that leave a finding of a kind behind: what was wrong is right.
_RIGHT_AFTER = {
    "fails": ("same", "stops early", "standard errors", "another optimum", "another model"),
    "another model": ("same", "stops early", "standard errors", "another optimum"),
    "standard errors": ("same",),
}


def known_divergence(engine: Engine, pair: Pair, verdict: Verdict) -> str:
    """Name the known divergence that a finding comes from; the empty text where it is none.

    A trigger in the model is not enough: with it alone made plain, in both ways of writing the
    model, the engine is asked again, and what was found must be gone.

    Parameters
    ----------
    engine : Engine
    pair : Pair
    verdict : Verdict
        Of the pair.
    """
    for name in TRIGGERS:
        if caused_by(engine, name, [(pair, verdict)])[0]:
            return name
    return ""


def caused_by(engine: Engine, name: str, found: Sequence[tuple[Pair, Verdict]]) -> list[bool]:
    """For each finding whether a known divergence is what it comes from.

    Parameters
    ----------
    engine : Engine
    name : str
        In `TRIGGERS`.
    found : sequence of (Pair, Verdict)
    """
    known = TRIGGERS[name]
    flags = [_may_be(engine, known, pair, verdict) for pair, verdict in found]
    places = [place for place, flag in enumerate(flags) if flag]
    answered = verdicts(engine, [known.without(found[place][0]) for place in places])
    for place, verdict in zip(places, answered, strict=True):
        flags[place] = verdict.kind in _RIGHT_AFTER[found[place][1].kind]
    return flags


def _may_be(engine: Engine, known: Trigger, pair: Pair, verdict: Verdict) -> bool:
    return (
        engine.name in known.engines
        and verdict.kind in known.kinds
        and any(known.present(model) for model in (pair.first, pair.second))
    )
