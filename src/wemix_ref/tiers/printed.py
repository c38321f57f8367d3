"""Printed numbers: what a source printed, against what an engine gives."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from wemix_ref.printed import PrintedNumber
from wemix_ref.tiers.ours import labelled_components
from wemix_ref.tolerances import Tolerances
from wemix_ref.verdicts import Number, digits_of, rounds_to

__all__ = ["printed_number", "printed_value"]


def printed_value(
    number: PrintedNumber,
    point: Mapping[str, Any],
    gls_beta: Mapping[str, float],
    shapes: Mapping[str, Any],
) -> float | None:
    """Find the value that a printed number is held against.

    Parameters
    ----------
    number : what was printed.
    point : an engine's point.
    gls_beta : beta by generalised least squares at that point; may be empty.
    shapes : shape of Z, where the engine gives it.

    Returns
    -------
    float or None
        None where the engine does not give the quantity.
    """
    quantity, key = number.quantity, number.key
    if quantity in ("deviance", "llf", "nobs"):
        return point.get(quantity)
    if quantity in ("beta", "se_beta", "ngroups", "scaled_residuals"):
        return (point.get(quantity) or {}).get(key[0])
    if quantity == "gls_beta":
        return gls_beta.get(key[0])
    if quantity == "t":
        se = (point.get("se_beta") or {}).get(key[0])
        return None if se is None else point["beta"][key[0]] / se
    if quantity == "Z_shape":
        return shapes["Z"][key[0] == "columns"] if "Z" in shapes else None
    if quantity == "cor_fixed":
        return _correlation(point, *key)
    return _component(point, quantity, key)


def _correlation(point: Mapping[str, Any], first: str, second: str) -> float | None:
    if "cov_beta" not in point:
        return None
    names = list(point["beta"])
    i, j = names.index(first), names.index(second)
    covariance = np.asarray(point["cov_beta"], dtype=float)
    return float(covariance[i, j] / math.sqrt(covariance[i, i] * covariance[j, j]))


def _component(point: Mapping[str, Any], quantity: str, key: tuple[str, ...]) -> float | None:
    rows = labelled_components(point.get("variance_components") or ())
    column = "sdcor" if quantity in ("sd", "correlation") else "vcov"
    if len(key) == 3 and key[1] == key[2]:
        key = key[:2]
    for labels in (key, (key[0], *reversed(key[1:]))):
        if (row := rows.get(" ".join(labels))) is not None:
            return row[column]
    return None


def printed_number(
    number: PrintedNumber,
    value: float | None,
    *,
    engine: str,
    at: str,
    tolerances: Tolerances,
    excuse: str = "",
) -> Number:
    """Hold an engine's value against a printed number.

    Parameters
    ----------
    number : what was printed; one known to be off the optimum is held to its value there.
    value : the engine's; None where it does not give the quantity.
    engine, at : names for the number made.
    tolerances : what must agree.
    excuse : where not empty, the number is shown and not judged, for this reason.
    """
    tolerance = tolerances.find("printed", number.quantity)
    why = " ".join(part for part in (number.note, tolerance.why) if part)
    off = number.off_optimum
    ok: bool | None
    if value is None:
        verdict, ok, why = "not given", None, "The engine does not give this quantity."
    elif excuse:
        verdict, ok, why = "shown", None, excuse
    elif off is not None and engine != "python":
        verdict, ok = "shown", None
        why = (
            f"Printed off the optimum, where it is {off.optimum}: {off.why}. Where {engine} stops "
            "is its own; its deviance and estimates there are judged with each one's optimum."
        )
    elif off is not None:
        ok = rounds_to(value, off.optimum)
        verdict = "agrees to the digits of the optimum" if ok else "differs"
        why = f"Printed off the optimum, where it is {off.optimum}: {off.why}."
    else:
        ok = rounds_to(value, number.text)
        verdict = "agrees to the printed digits" if ok else "differs"
    return Number(
        "printed",
        engine,
        number.quantity,
        " ".join(number.key),
        value,
        number.text,
        f"{number.software}: {number.where}",
        at,
        None if value is None else digits_of(value, number.value),
        None,
        verdict,
        ok,
        why,
    )
