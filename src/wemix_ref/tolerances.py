"""What must agree, and how closely: ``config/tolerances.yaml``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wemix_ref.errors import CaseError
from wemix_ref.strict_yaml import PROJECT, read_valid_yaml

__all__ = ["TOLERANCES", "Tolerance", "Tolerances", "load_tolerances"]

TOLERANCES = PROJECT / "config" / "tolerances.yaml"


@dataclass(frozen=True)
class Tolerance:
    """One entry.

    Attributes
    ----------
    rule : ``digits``, ``shown``, ``not-above``, ``likelihood-distance``, ``normal-equations``,
        ``printed`` or ``another-model``; ``config/tolerances.yaml`` says what each means.
    value : the rule's number: digits, or a relative deviance; None for a rule without one.
    why : the reason.
    """

    rule: str
    value: float | None
    why: str


@dataclass(frozen=True)
class Tolerances:
    """Entries by tier, quantity and software.

    Attributes
    ----------
    entries : ``(tier, quantity, software)`` to tolerance; the software ``*`` stands for any.
    """

    entries: Mapping[tuple[str, str, str], Tolerance]

    def find(self, tier: str, quantity: str, software: str = "*") -> Tolerance:
        """Return the entry of a quantity: the software's own where there is one.

        Raises
        ------
        CaseError
            If no entry serves: nothing is compared without a stated tolerance.
        """
        for key in ((tier, quantity, software), (tier, quantity, "*")):
            if key in self.entries:
                return self.entries[key]
        raise CaseError(
            f"config/tolerances.yaml must have an entry for every quantity compared; found none "
            f"for {quantity!r} in tier {tier!r}. Add one, with its reason."
        )


def load_tolerances(path: Path = TOLERANCES) -> Tolerances:
    """Read and check the file.

    Raises
    ------
    CaseError
        If the file does not follow its schema, or has two entries for one quantity.
    """
    content = read_valid_yaml(path, "tolerances.schema.yaml")
    entries: dict[tuple[str, str, str], Tolerance] = {}
    for tier, listed in content["tiers"].items():
        for entry in listed:
            tolerance = _tolerance(entry)
            for quantity in entry["quantities"]:
                for software in entry.get("software", ["*"]):
                    key = (tier, quantity, software)
                    if key in entries:
                        raise CaseError(
                            f"{path}: a quantity must have one entry in a tier; {quantity!r} has "
                            f"two in {tier!r} for {software!r}. Remove one."
                        )
                    entries[key] = tolerance
    return Tolerances(entries)


def _tolerance(entry: Mapping[str, Any]) -> Tolerance:
    value = entry.get("value")
    return Tolerance(entry["rule"], None if value is None else float(value), entry["why"])
