"""Compile the loops before the first fit, once for all processes that share the installation."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable

import numpy as np
import pandas as pd

from wemix_ref import recursion_loops
from wemix_ref.compiled import HAVE_NUMBA
from wemix_ref.fit import mix

__all__ = ["GROUP_LEVELS", "precompile"]

#: Models up to so many group levels; the loops are compiled for each number of them.
GROUP_LEVELS = 4


def precompile(group_levels: int, tell: Callable[[str], None]) -> bool:
    """Fit small models with 1 to so many group levels, so that numba compiles and keeps its code.

    Parameters
    ----------
    group_levels : the largest number.
    tell : what is called with each line about it.

    Returns
    -------
    bool
        Whether another process will find compiled code.
    """
    if not HAVE_NUMBA():
        tell("nothing to compile: numba is not installed, or WEMIX_REF_NUMBA=0 is set")
        return False
    for levels in range(1, group_levels + 1):
        started = time.monotonic()
        data, formula, weights = _small(levels)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a model this small may be singular
            mix(formula, data).summary()
            mix(formula, data, weights=weights, scale="size").summary()
        noun = "group level" if levels == 1 else "group levels"
        tell(f"models with {levels} {noun}: {time.monotonic() - started:.1f} s")
    place = recursion_loops.upward.dispatcher().stats.cache_path
    if place is None:
        tell(
            "the code is not kept: numba finds no directory that can be written; name one with "
            "NUMBA_CACHE_DIR"
        )
        return False
    tell(f"the code is kept in {place}")
    return True


def _small(levels: int) -> tuple[pd.DataFrame, str, list[str]]:
    """Data, formula and weights of a small model; ids of whole numbers, and of text."""
    n = 24 * 2**levels
    rng = np.random.default_rng(levels)
    columns = {"x": rng.normal(size=n), "y": rng.normal(size=n), "w1": rng.uniform(6, 9, n)}
    groups = np.arange(n) // 2
    for level in range(1, levels + 1):
        groups = groups // 2 if level < levels else groups % 6
        effects = rng.normal(size=n)
        columns["y"] = columns["y"] + effects[groups]
        columns[f"g{level}"] = groups
        columns[f"w{level + 1}"] = rng.uniform(2, 3, n)[groups]
    data = pd.DataFrame(columns)
    data[f"g{levels}"] = data[f"g{levels}"].map("group {}".format)
    terms = " + ".join(f"(1|g{level})" for level in range(1, levels + 1))
    return data, f"y ~ x + {terms}", [f"w{level}" for level in range(1, levels + 2)]
