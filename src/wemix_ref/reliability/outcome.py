"""What came of one statement put to one model, and the sums of many."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from wemix_ref.reliability.gaps import Gap

__all__ = ["Outcome", "Tally", "judged", "refusals", "tally"]

#: A number, not a digit of a name.
_NUMBER = re.compile(r"(?<![\w.])\d+(?:\.\d+)?(?:[eE][+-]?\d+)?(?!\w)")


@dataclass(frozen=True)
class Outcome:
    """What came of one.

    Attributes
    ----------
    statement : its name. number : of the model.
    gaps : how far each quantity was off.
    refused : what the estimator, or R, said where it gave no answer; empty where it did.
    broken : what else is wrong; empty where nothing is.
    lower : by how much, relative to the sizes of its terms, another program found a deviance lower
        at a minimum of its own elsewhere.
    """

    statement: str
    number: int
    gaps: tuple[Gap, ...] = ()
    refused: str = ""
    broken: str = ""
    lower: float = 0.0

    @property
    def failed(self) -> str:
        """What is not as it must be, in words; empty where all is."""
        wide = [
            f"{gap.quantity} off by {gap.found:.1e}, allowed {gap.allowed:.1e}"
            for gap in self.gaps
            if gap.too_wide
        ]
        return "; ".join([self.broken, *wide] if self.broken else wide)


@dataclass
class Tally:
    """Sums over models.

    Attributes
    ----------
    models : that were answered. failed : how many of them were not as they must be.
    refused : how often, by what was said.
    largest : by quantity, the largest gap.
    nearest : the largest share of its tolerance that any gap took.
    elsewhere : models, with by how much another program's minimum elsewhere is lower.
    """

    models: int = 0
    failed: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    largest: dict[str, float] = field(default_factory=dict)
    nearest: float = 0.0
    elsewhere: dict[int, float] = field(default_factory=dict)

    def add(self, one: Outcome) -> None:
        """Count one."""
        if one.refused:
            self.refused[one.refused] += 1
            return
        self.models += 1
        self.failed += bool(one.failed)
        if one.lower:
            self.elsewhere[one.number] = one.lower
        for gap in one.gaps:
            self.largest[gap.quantity] = max(self.largest.get(gap.quantity, 0.0), gap.found)
            if gap.allowed > 0:
                self.nearest = max(self.nearest, gap.found / gap.allowed)


def tally(names: Iterable[str], outcomes: Iterable[Outcome]) -> dict[str, Tally]:
    """Sums by statement, in the order of the names."""
    sums = {name: Tally() for name in names}
    for one in outcomes:
        sums[one.statement].add(one)
    return sums


def judged(outcomes: Iterable[Outcome], n: int) -> list[Outcome]:
    """Outcomes that count: of each statement those up to its n-th answer, in the models' order.

    Models are put in beyond that answer to stand in for refused ones. What they answered is left
    out, unless it is not as it must be.

    Parameters
    ----------
    outcomes : in any order.
    n : answers that each statement is to have.
    """
    answered: Counter[str] = Counter()
    found: list[Outcome] = []
    for one in sorted(outcomes, key=lambda one: one.number):
        if answered[one.statement] < n or one.failed:
            found.append(one)
        answered[one.statement] += not one.refused
    return found


def refusals(outcomes: Iterable[Outcome]) -> list[tuple[str, int, str]]:
    """What was said in refusals, with ``…`` for numbers; of how many models, in which statements.

    Parameters
    ----------
    outcomes : statements are named in the order in which they come here.
    """
    models: dict[str, set[int]] = {}
    statements: dict[str, dict[str, None]] = {}
    for one in outcomes:
        if one.refused:
            text = _NUMBER.sub("…", one.refused)
            models.setdefault(text, set()).add(one.number)
            statements.setdefault(text, {})[one.statement] = None
    return [(text, len(models[text]), ", ".join(statements[text])) for text in models]
