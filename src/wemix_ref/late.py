"""Arrays that are put together when they are first asked for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar, cast, runtime_checkable

import numpy as np
from numpy.typing import NDArray

__all__ = ["Copied", "Delayed", "Looked", "late", "when_asked"]

Array = NDArray[Any]
T = TypeVar("T")


@runtime_checkable
class Delayed(Protocol):
    """What an array is made from."""

    def array(self) -> Array:
        """Make it."""


class _Late:
    """Descriptor of a field that holds an array, or what it is made from; by the field's name."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __get__(self, instance: object, owner: type | None = None) -> Any:  # noqa: ANN401
        if instance is None:
            raise AttributeError(self.name)
        value = vars(instance)[self.name]
        if not isinstance(value, np.ndarray) and isinstance(value, Delayed):
            value = vars(instance)[self.name] = value.array()
        return value

    def __set__(self, instance: object, value: object) -> None:
        vars(instance)[self.name] = value


def late(*names: str) -> Callable[[type[T]], type[T]]:
    """Let fields of a dataclass be given what they are made from; they are made when asked for.

    Examples
    --------
    >>> from dataclasses import dataclass
    >>> import numpy as np
    >>> from wemix_ref.late import Copied, late, when_asked
    >>> @late("y")
    ... @dataclass(frozen=True)
    ... class Data:
    ...     y: np.ndarray
    >>> data = Data(when_asked(Copied(np.broadcast_to(1.0, 3))))
    >>> data.y
    array([1., 1., 1.])
    >>> data.y is data.y
    True
    """

    def attach(cls: type[T]) -> type[T]:
        for name in names:
            setattr(cls, name, _Late(name))
        return cls

    return attach


def when_asked(value: Delayed) -> NDArray[Any]:
    """Array, for the types; what it is made from, in truth."""
    return cast(Any, value)


@dataclass(frozen=True)
class Copied:
    """An array of its own, of numbers that belong to others or stand for many."""

    values: Array

    def array(self) -> Array:
        """Copy it."""
        return np.array(self.values)


@dataclass(frozen=True)
class Looked:
    """Values at places: ``values[places]``."""

    values: Array
    places: Array

    def array(self) -> Array:
        """Look them up."""
        return np.asarray(self.values[self.places])
