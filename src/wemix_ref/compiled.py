"""Compiled loops where numba is there: one switch for all of them.

Interface for the modules with loops (kernels)::

    from wemix_ref.compiled import HAVE_NUMBA, compiled

    @compiled
    def _sums(codes, values, out):
        for i in range(codes.size):
            out[codes[i]] += values[i]

    def sums(codes, values, n_groups):
        if HAVE_NUMBA():
            out = np.zeros(n_groups)
            _sums(codes, values, out)
            return out
        return np.bincount(codes, values, n_groups)

* ``compiled(function)`` compiles at the first call (``nogil``, ``error_model="numpy"``, cached on
  disk where a directory can be written); ``compiled(fastmath=..., ...)`` passes more options on to
  numba. A compiled function may call other compiled functions. What is on disk is compiled anew
  when its own file changes, or that of a function that it calls.
* ``rebound(function, names)`` is a compiled function as plain Python that calls others instead of
  the loops that it names.
* ``HAVE_NUMBA()`` tells whether loops run compiled. Where it is False a compiled function still
  works, as plain Python: right, but slow, so ask first and do it with NumPy.
* The environment variable ``WEMIX_REF_NUMBA=0`` switches this off; it is read at every question,
  and where a function is called that has not been compiled yet.

numba is imported at the first question, never by ``import wemix_ref``.
"""

from __future__ import annotations

import functools
import hashlib
import os
import sys
import threading
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import FunctionType
from typing import Any, Generic, ParamSpec, TypeVar, overload

__all__ = ["HAVE_NUMBA", "Compiled", "compiled", "rebound"]

P = ParamSpec("P")
R = TypeVar("R")

_lock = threading.RLock()

# os.environ encodes the name at every look-up, and the question is asked hundreds of times a fit
_environment: Any = getattr(os.environ, "_data", os.environ)
_encoded = _environment is not os.environ
_NAME = os.environ.encodekey("WEMIX_REF_NUMBA") if _encoded else "WEMIX_REF_NUMBA"
_OFF = os.environ.encodevalue("0") if _encoded else "0"


@functools.cache
def _numba() -> Any:  # noqa: ANN401
    """The package, or None where it is not there or does not go with this NumPy."""
    try:
        import numba
    except (ImportError, AttributeError, OSError, SystemError):
        return None
    return numba


def HAVE_NUMBA() -> bool:
    """Whether loops run compiled: numba can be imported and is not switched off."""
    return _environment.get(_NAME) != _OFF and _numba() is not None


class Compiled(Generic[P, R]):
    """A function that is compiled at its first call; plain Python where it cannot be.

    Attributes
    ----------
    plain : the function as it was written.
    """

    def __init__(self, function: Callable[P, R], options: dict[str, Any]) -> None:
        self.plain = function
        self._options = options
        self._dispatcher: Any = None
        functools.update_wrapper(self, function)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Call it."""
        if self._dispatcher is None:
            if not HAVE_NUMBA():
                return self.plain(*args, **kwargs)
            self.dispatcher()
        try:
            return self._dispatcher(*args, **kwargs)
        except OSError:
            # the cache's directory has gone, or its disk is full
            self._dispatcher = self._compile(cache=False)
            return self._dispatcher(*args, **kwargs)

    def dispatcher(self) -> Any:  # noqa: ANN401
        """Function as numba made it, without the switch; numba must be there."""
        if self._dispatcher is None:
            with _lock:
                try:
                    self._dispatcher = self._compile(cache=True)
                except RuntimeError:
                    # numba found no directory for its cache that can be written
                    self._dispatcher = self._compile(cache=False)
        return self._dispatcher

    def _compile(self, *, cache: bool) -> Any:  # noqa: ANN401
        options = {"nogil": True, "error_model": "numpy", **self._options}
        return _numba().njit(cache=cache, **options)(_resolved(self.plain))


def _resolved(function: Any) -> Any:  # noqa: ANN401
    """Copy of a function that calls numba's functions where it calls compiled ones."""
    own = function.__globals__
    called = {
        name: own[name]
        for name in function.__code__.co_names
        if isinstance(own.get(name), Compiled) and own[name].plain is not function
    }
    if not called:
        return function
    copy = rebound(function, {name: one.dispatcher() for name, one in called.items()})
    homes = _homes(function) - {function.__module__}
    if homes:
        # numba looks at the function's own file only, but its file on disk has its name
        copy.__qualname__ = f"{function.__qualname__}_{_stamp(homes)}"
    return copy


def _homes(function: Any) -> set[str]:  # noqa: ANN401
    """Modules of a function and of the compiled ones that it calls, however deep."""
    own, homes = function.__globals__, {function.__module__}
    for name in function.__code__.co_names:
        one = own.get(name)
        if isinstance(one, Compiled) and one.plain is not function:
            homes |= _homes(one.plain)
    return homes


def rebound(function: Any, names: Mapping[str, Any]) -> Any:  # noqa: ANN401
    """Copy of a Python function in whose globals some names mean something else."""
    copy = FunctionType(
        function.__code__,
        {**function.__globals__, **names},
        function.__name__,
        function.__defaults__,
        function.__closure__,
    )
    copy.__qualname__, copy.__module__ = function.__qualname__, function.__module__
    copy.__kwdefaults__ = function.__kwdefaults__
    return copy


def _stamp(modules: Iterable[str]) -> str:
    """Short hash of the sources of some modules."""
    digest = hashlib.sha256()
    for name in sorted(modules):
        digest.update(Path(str(sys.modules[name].__file__)).read_bytes())
    return digest.hexdigest()[:12]


@overload
def compiled(function: Callable[P, R], /) -> Compiled[P, R]: ...


@overload
def compiled(
    function: None = None,
    /,
    **options: Any,  # noqa: ANN401
) -> Callable[[Callable[P, R]], Compiled[P, R]]: ...


def compiled(function: Any = None, /, **options: Any) -> Any:
    """Compile a function of loops over arrays at its first call.

    Parameters
    ----------
    function : the function, when used without options.
    options : more of ``numba.njit``'s, such as ``fastmath``.

    Examples
    --------
    >>> from wemix_ref.compiled import compiled
    >>> @compiled
    ... def total(n):
    ...     out = 0
    ...     for i in range(n):
    ...         out += i
    ...     return out
    >>> total(4)
    6
    """
    if function is not None:
        return Compiled(function, options)
    return lambda inner: Compiled(inner, options)
