"""What had to agree, how closely and why: the file of tolerances as a table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wemix_ref.errors import CaseError
from wemix_ref.report.states import engine_title
from wemix_ref.report.tables import TIER_TITLES, quantity_title
from wemix_ref.strict_yaml import read_valid_yaml

__all__ = ["Limit", "Limits", "read_limits"]

_RULES = {
    "digits": "at least {value:g} digits",
    "normal-equations": "{value:g} digits, fewer where normal equations cannot hold them",
    "not-above": "ours not above theirs by more than {value:g}, relative",
    "likelihood-distance": "as near as the difference of the deviances allows, plus {value:g}",
    "printed": "rounds to the printed digits",
    "another-model": "fewer than {value:g} digits: must not agree",
    "shown": "shown, not judged",
}


@dataclass(frozen=True)
class Limit:
    """One tolerance.

    Attributes
    ----------
    quantities, rule, why : str
    """

    quantities: str
    rule: str
    why: str


@dataclass(frozen=True)
class Limits:
    """All tolerances.

    Attributes
    ----------
    tiers : tuple of (str, tuple of Limit)
        Title of each tier and its tolerances, in the file's order.
    reasons : frozenset of str
        Every reason.
    allowed : float
        What our deviance at our optimum may exceed theirs by, relative.
    """

    tiers: tuple[tuple[str, tuple[Limit, ...]], ...]
    reasons: frozenset[str]
    allowed: float


def read_limits(path: Path) -> Limits:
    """Read the file of tolerances.

    Parameters
    ----------
    path : Path
        ``config/tolerances.yaml``.

    Returns
    -------
    Limits

    Raises
    ------
    CaseError
        If the file does not follow its schema, or lacks the tolerance of the deviance at the own
        optimum.
    """
    tiers = read_valid_yaml(path, "tolerances.schema.yaml")["tiers"]
    allowed = [
        float(entry["value"])
        for entry in tiers["own-optimum"]
        if entry["rule"] == "not-above" and "deviance" in entry["quantities"]
    ]
    if not allowed:
        raise CaseError(
            f"{path}: `own-optimum` must have the quantity deviance with the rule not-above; "
            "found none. Add it, with its reason."
        )
    return Limits(
        tuple((title, tuple(map(_limit, tiers[tier]))) for tier, title in TIER_TITLES.items()),
        frozenset(_line(entry["why"]) for listed in tiers.values() for entry in listed),
        max(allowed),
    )


def _limit(entry: Mapping[str, Any]) -> Limit:
    quantities = ", ".join(dict.fromkeys(quantity_title(name) for name in entry["quantities"]))
    if "software" in entry:
        quantities += f" (against {', '.join(map(engine_title, entry['software']))})"
    rule = _RULES[entry["rule"]].format(value=entry.get("value"))
    return Limit(quantities, rule, _line(entry["why"]))


def _line(text: str) -> str:
    return " ".join(text.split())
