"""Judged fits as plain values, for JSON."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from wemix_ref.published.judged import JudgedCase

__all__ = ["records"]


def records(cases: Iterable[JudgedCase]) -> list[dict[str, Any]]:
    """Plain values of judged fits, as `results/printed.json` has them."""
    return [_plain(case) for case in cases]


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def _plain(case: JudgedCase) -> dict[str, Any]:
    published = case.published
    return {
        "case": published.case,
        "title": published.title,
        "source": published.source,
        "formula": published.formula,
        "weights": list(published.weights),
        "scale": published.scale,
        "what": published.what,
        "skipped": case.skipped,
        "theta": None if case.theta is None else list(case.theta),
        "columns": [
            {
                "package": column.package,
                "recipe": column.recipe,
                "implied_theta": None
                if column.implied_theta is None
                else list(column.implied_theta),
                "deviance_above": column.deviance_above,
                "numbers": [
                    {
                        "quantity": judged.number.quantity,
                        "key": judged.number.key,
                        "recalled": judged.number.recalled,
                        "printed": judged.number.text,
                        "ours": _finite(judged.ours),
                        "at_printed_theta": _finite(judged.at_printed_theta),
                        "class": judged.verdict,
                        "gap_units": _finite(judged.gap_units),
                        "cause": judged.cause,
                        "why": judged.why,
                    }
                    for judged in column.numbers
                ],
            }
            for column in case.columns
        ],
    }
