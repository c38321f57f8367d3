"""Small pieces of linear algebra with plain types."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["triangular_factor"]

Array = NDArray[np.float64]


def triangular_factor(M: Array) -> Array:
    """Upper-triangular R of M = Q R, shape (min(n, m), m) for M of shape (n, m)."""
    return np.asarray(np.linalg.qr(M, mode="r"), dtype=np.float64)
