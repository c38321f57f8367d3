"""Linear hypotheses as text: ``"x = 0, z - 2*x = 1"`` over known names, parsed, never evaluated."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from wemix_ref.errors import OptionError

__all__ = ["parse_hypotheses"]

Array = NDArray[np.float64]

_NUMBER = re.compile(r"\d+\.?\d*(?:[eE][+-]?\d+)?|\.\d+(?:[eE][+-]?\d+)?")
_WORD = re.compile(r"[\w.]")


def parse_hypotheses(text: str, names: Sequence[str]) -> tuple[Array, Array]:
    """Read hypotheses that are linear in the named parameters.

    Parameters
    ----------
    text : equations separated by commas. Each side is a sum of terms: a number, a name, or a
        number times a name. A name is written as it stands in `names`, or in back-ticks. A sum
        without ``=`` is compared with zero.
    names : (k,) the parameters.

    Returns
    -------
    R, (q, k), and r, (q,), with R b = r the hypotheses.

    Raises
    ------
    OptionError
        Text that is no linear hypothesis, or a name that is not known.
    """
    reader = _Reader(text, names)
    rows, values = [], []
    while True:
        row, constant = reader.equation()
        if not np.any(row):
            raise OptionError(
                f"each hypothesis must name a parameter; the one that ends at position "
                f"{reader.position} of {text!r} names none. The parameters are: {_listed(names)}."
            )
        rows.append(row)
        values.append(-constant)
        if reader.at_end():
            return np.array(rows), np.array(values)
        reader.expect(",")


class _Reader:
    def __init__(self, text: str, names: Sequence[str]) -> None:
        self.text = text
        self.position = 0
        self._names = list(names)
        # the longest name first: `x:z` before `x`
        self._longest = sorted(range(len(names)), key=lambda i: -len(names[i]))

    def _skip(self) -> None:
        while self.position < len(self.text) and self.text[self.position].isspace():
            self.position += 1

    def at_end(self) -> bool:
        self._skip()
        return self.position == len(self.text)

    def accept(self, mark: str) -> bool:
        self._skip()
        if self.text.startswith(mark, self.position):
            self.position += len(mark)
            return True
        return False

    def expect(self, mark: str) -> None:
        if not self.accept(mark):
            raise self._error(f"a {mark!r}, an operator or the end")

    def _error(self, wanted: str) -> OptionError:
        return OptionError(
            f"a hypothesis must be linear in the parameters, such as 'x = 0, z - 2*x = 1'; "
            f"expected {wanted} at position {self.position} of {self.text!r}. "
            f"The parameters are: {_listed(self._names)}."
        )

    def equation(self) -> tuple[Array, float]:
        """Coefficients and constant of left side minus right side."""
        row, constant = self._sum()
        if self.accept("="):
            right, other = self._sum()
            return row - right, constant - other
        return row, constant

    def _sum(self) -> tuple[Array, float]:
        row, constant = np.zeros(len(self._names)), 0.0
        sign = -1.0 if self.accept("-") else 1.0
        while True:
            factor, index = self._term()
            if index is None:
                constant += sign * factor
            else:
                row[index] += sign * factor
            if self.accept("+"):
                sign = 1.0
            elif self.accept("-"):
                sign = -1.0
            else:
                return row, constant

    def _term(self) -> tuple[float, int | None]:
        index = self._name()
        if index is not None:
            return 1.0, index
        self._skip()
        found = _NUMBER.match(self.text, self.position)
        if found is None:
            raise self._error("a number or a parameter")
        self.position = found.end()
        factor = float(found.group())
        if self.accept("*"):
            index = self._name()
            if index is None:
                raise self._error("a parameter")
        return factor, index

    def _name(self) -> int | None:
        self._skip()
        quoted = self.text.startswith("`", self.position)
        start = self.position + quoted
        for index in self._longest:
            name = self._names[index]
            if not self.text.startswith(name, start):
                continue
            end = start + len(name)
            if quoted:
                if not self.text.startswith("`", end):
                    continue
                end += 1
            elif _WORD.match(name[-1:]) and _WORD.match(self.text[end : end + 1]):
                continue  # the beginning of a longer word
            self.position = end
            return index
        return None


def _listed(names: Sequence[str]) -> str:
    return ", ".join(repr(name) for name in names)
