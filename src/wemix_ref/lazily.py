"""Modules that are imported when something of them is first used."""

from __future__ import annotations

from importlib import import_module
from typing import Any

__all__ = ["Lazy"]


class Lazy:
    """Stands for a module until then, and looks each name up once.

    Parameters
    ----------
    name : of the module.

    Examples
    --------
    >>> from wemix_ref.lazily import Lazy
    >>> math = Lazy("math")
    >>> math.sqrt(4.0)
    2.0
    """

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401
        value = getattr(import_module(self._name), name)
        setattr(self, name, value)
        return value
