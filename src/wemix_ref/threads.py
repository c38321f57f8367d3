"""One thread for linear algebra, where numbers must be those of the workflow's jobs."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path

__all__ = ["one_thread"]

#: The names of OpenBLAS's functions in the libraries that NumPy and SciPy bring, "{}" for what.
_NAMES = ("scipy_openblas_{}_num_threads64_", "scipy_openblas_{}_num_threads")


@contextmanager
def one_thread() -> Iterator[int]:
    """Hold the OpenBLAS of NumPy's and SciPy's wheels to one thread; how many were found.

    Sums over several threads have other last digits. A BLAS from elsewhere is left alone: there
    OMP_NUM_THREADS and its like serve, set before Python starts.
    """
    held = []
    for library in _libraries():
        for name in _NAMES:
            with suppress(AttributeError):
                threads = int(library[name.format("get")]())
                library[name.format("set")](1)
                held.append((library[name.format("set")], threads))
                break
    try:
        yield len(held)
    finally:
        for restore, threads in held:
            restore(threads)


def _libraries() -> Iterator[ctypes.CDLL]:
    for package in ("numpy", "scipy"):
        found = find_spec(package)
        if found is None or found.origin is None:
            continue
        place = Path(found.origin).parents[1] / f"{package}.libs"
        for path in sorted(place.glob("*openblas*")):
            with suppress(OSError):
                yield ctypes.CDLL(str(path))
