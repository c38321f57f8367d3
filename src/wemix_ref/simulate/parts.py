"""Pieces of an expression that has been read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from wemix_ref.simulate.scope import Scope, Value

__all__ = ["Part", "Run", "is_truth", "joined"]

Run = Callable[[Scope, int], Value]


@dataclass(frozen=True)
class Part:
    """A piece of an expression: how to evaluate it, and what says where it belongs.

    Attributes
    ----------
    run : callable
        From scope and level to a value.
    names : frozenset of str
        Names outside of aggregates; the lowest of their levels is the piece's.
    here : bool
        Whether it holds an aggregate or a count, which belong to the level of evaluation.
    groups : frozenset of str
        Levels that aggregates with ``by=`` belong to.
    """

    run: Run
    names: frozenset[str] = frozenset()
    here: bool = False
    groups: frozenset[str] = frozenset()

    def level(self, scope: Scope, level: int) -> int:
        """Level that the piece belongs to when the whole is evaluated at `level`."""
        found = [scope.level(name) for name in self.names]
        found += [scope.place(name) for name in self.groups]
        if self.here:
            found.append(level)
        return max((one for one in found if one is not None), default=level)


def joined(run: Run, *parts: Part) -> Part:
    """Make a piece that belongs where the lowest of its pieces does."""
    return Part(
        run,
        frozenset().union(*(part.names for part in parts)),
        any(part.here for part in parts),
        frozenset().union(*(part.groups for part in parts)),
    )


def is_truth(value: Value) -> bool:
    """Whether a value is true or false, or an array of these."""
    if isinstance(value, np.ndarray):
        return bool(value.dtype == np.bool_)
    return isinstance(value, (bool, np.bool_))
