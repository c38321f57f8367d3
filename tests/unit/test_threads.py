"""Linear algebra is held to one thread, and let go."""

from __future__ import annotations

import subprocess
import sys

import pytest

from wemix_ref.threads import one_thread

CODE = """
import numpy as np, scipy.linalg
from wemix_ref.threads import _NAMES, _libraries, one_thread
def counts():
    return [int(lib[name.format("get")]()) for lib in _libraries() for name in _NAMES
            if hasattr(lib, name.format("get"))]
before = counts()
with one_thread() as held:
    inside = counts()
print(held, before, inside, counts() == before)
"""


def test_threads_are_held_and_let_go() -> None:
    with one_thread() as held:
        if not held:
            pytest.skip("NumPy and SciPy have another BLAS here")
    told = subprocess.run(
        [sys.executable, "-c", CODE], capture_output=True, text=True, check=True
    ).stdout.strip()
    assert told.endswith("True")
    assert f"[{', '.join(['1'] * held)}]" in told
