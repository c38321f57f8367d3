"""Warnings of data that leave a fit few digits, or effects that cannot be told apart."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from wemix_ref.errors import DesignWarning, WeightsWarning

__all__ = ["warn_of_conditioning"]

Array = NDArray[np.float64]

#: A response whose values span less than this share of its size has at most four digits left.
FEW_DIGITS = 1e-12
#: From this ratio of weights on at most six of sixteen digits are left of what the smallest say.
WIDE = 1e10
#: From this on none.
BELOW_ROUNDING = 1e15


def warn_of_conditioning(
    y: Array,
    omega: Array | None,
    effects: Iterable[tuple[str, Sequence[str], Sequence[Array]]],
    *,
    stacklevel: int,
) -> None:
    """Warn where arithmetic, or the model, cannot tell what is asked.

    Parameters
    ----------
    y : (n,). omega : (n,) unconditional level-1 weights, None without weights.
    effects : for each level its grouping factor, its coefficients and their columns of Z.
    stacklevel : of the warnings.
    """
    low, high = float(y.min()), float(y.max())
    size = max(abs(low), abs(high))
    if high - low < FEW_DIGITS * size:
        warnings.warn(
            f"the response varies between {low!r} and {high!r} only: beside its size that is "
            "so little that few of its digits tell rows apart. Subtract a constant where the "
            "response is made, before it is rounded.",
            DesignWarning,
            stacklevel=stacklevel + 1,
        )
    if omega is not None and (ratio := float(omega.max()) / float(omega.min())) > WIDE:
        left = (
            "are less than rounding, and estimates that rest on them have few digits"
            if ratio > BELOW_ROUNDING
            else f"lose some {np.log10(ratio):.0f} of 16 digits, and so may estimates and standard "
            "errors that rest on them"
        )
        warnings.warn(
            f"the unconditional level-1 weights differ by a factor of {ratio:.1e}: beside the rows "
            f"of the largest those of the smallest {left}. Check the weights.",
            WeightsWarning,
            stacklevel=stacklevel + 1,
        )
    for group, names, columns in effects:
        constant = [
            name
            for name, z in zip(names, columns, strict=True)
            if z[0] == z[-1] and z.min() == z.max() != 0.0
        ]
        if len(set(constant)) > 1:
            warnings.warn(
                f"`{group}` has random effects whose columns are constant, "
                f"{', '.join(map(repr, constant))}, so their variances cannot be told apart; "
                "standard errors that are not identified are NaN. Keep one of them.",
                DesignWarning,
                stacklevel=stacklevel + 1,
            )
