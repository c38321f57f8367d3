"""What holding two answers against each other showed."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Difference", "Verdict"]


@dataclass(frozen=True)
class Difference:
    """A number that is not what it must be.

    Attributes
    ----------
    quantity, name : str
    expected, got : float or None
        From the first answer by the identity, and in the second; None where there is none.
    """

    quantity: str
    name: str
    expected: float | None
    got: float | None


@dataclass(frozen=True)
class Verdict:
    """What holding two answers against each other showed.

    Attributes
    ----------
    kind : str
        ``same``; ``no answer`` (to neither, or R was ended); ``stops early``: the criterion is
        the same, the optima are not, and the engine claims no minimum. The rest are findings:
        ``fails`` (one way is answered, the other is not), ``another model``, ``another optimum``,
        ``standard errors``.
    differences : tuple of Difference
        All of them, in the order of the comparison.
    message : str
        What an engine said that failed.
    """

    kind: str
    differences: tuple[Difference, ...] = ()
    message: str = ""

    @property
    def found(self) -> bool:
        """Whether the identity is broken."""
        return self.kind not in ("same", "no answer", "stops early")
