"""What had to agree, how closely and why: the file of tolerances as a table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wemix_ref.errors import CaseError
from wemix_ref.report.states import engine_title
from wemix_ref.report.tables import TIER_TITLES, quantity_title
from wemix_ref.strict_yaml import read_yaml

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
        If the file cannot be read, or lacks the tolerance of the deviance at the own optimum.
    """
    content = read_yaml(path)
    tiers = content.get("tiers") if isinstance(content, Mapping) else None
    if not isinstance(tiers, Mapping):
        raise CaseError(f"{path} must have the key `tiers`, a mapping; found none.")
    entries = {str(tier): [_checked(path, entry) for entry in tiers[tier]] for tier in tiers}
    allowed = [
        float(entry["value"])
        for entry in entries.get("own-optimum", ())
        if entry["rule"] == "not-above" and "deviance" in entry["quantities"]
    ]
    if not allowed:
        raise CaseError(
            f"{path}: `own-optimum` must have the quantity deviance with the rule not-above; "
            "found none."
        )
    return Limits(
        tuple(
            (TIER_TITLES.get(tier, tier), tuple(_limit(entry) for entry in found))
            for tier, found in entries.items()
        ),
        frozenset(_line(entry["why"]) for found in entries.values() for entry in found),
        max(allowed),
    )


def _checked(path: Path, entry: Any) -> Mapping[str, Any]:  # noqa: ANN401
    wanted = ("quantities", "rule", "why")
    if not isinstance(entry, Mapping) or any(key not in entry for key in wanted):
        raise CaseError(f"{path}: a tolerance must have {', '.join(wanted)}; found {entry!r}.")
    return entry


def _limit(entry: Mapping[str, Any]) -> Limit:
    quantities = ", ".join(dict.fromkeys(quantity_title(name) for name in entry["quantities"]))
    if entry.get("software"):
        quantities += f" (against {', '.join(map(engine_title, entry['software']))})"
    rule = _RULES.get(entry["rule"], f"{entry['rule']} {{value}}" if "value" in entry else "{rule}")
    words = rule.format(value=entry.get("value", ""), rule=entry["rule"]) if ("{" in rule) else rule
    return Limit(quantities, words, _line(entry["why"]))


def _line(text: str) -> str:
    return " ".join(text.split())
