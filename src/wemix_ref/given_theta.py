"""Theta as a user gives it: numbers in order or by name, within what can be computed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from numbers import Real
from reprlib import Repr

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from wemix_ref.errors import OptionError

__all__ = ["LARGEST", "beyond_reach", "check_size", "theta_values"]

Array = NDArray[np.float64]

#: Theta on the scale of its column of Z: of 1 + theta^2 the one is lost where theta^2 is above
#: 1/eps, and with it all that the rows of a group say beside its effects.
LARGEST = float(np.finfo(float).eps ** -0.5)

_SHORT = Repr()
_SHORT.maxlist = _SHORT.maxdict = 8
_SHORT.maxother = _SHORT.maxstring = 80


def theta_values(theta: ArrayLike | pd.Series | Mapping[str, float], names: Sequence[str]) -> Array:
    """Read theta.

    Parameters
    ----------
    theta : numbers in order, or by name (a mapping or a Series).
    names : those of the model, in order.

    Returns
    -------
    ndarray, shape (n_theta,)

    Raises
    ------
    OptionError
        If theta is not one finite number a name.
    """
    given: object = theta.tolist() if isinstance(theta, pd.Series | np.ndarray) else theta
    if isinstance(theta, Mapping | pd.Series):
        found = list(theta.keys())
        if found != list(names):
            if len(set(names)) < len(names) or Counter(found) != Counter(names):
                raise OptionError(
                    f"theta must have the names {list(names)!r}; found {found!r}. Give one number "
                    "for each, or an array in that order."
                )
            theta = {name: theta[name] for name in names}
        theta = [value for _, value in theta.items()]
    values = _numbers(theta)
    if values is None or values.shape != (len(names),) or not np.isfinite(values).all():
        what = "" if values is None else f" an array of shape {values.shape}:"
        shown = _SHORT.repr(given if values is None else values.tolist())
        raise OptionError(
            f"theta must be {len(names)} finite numbers ({', '.join(names)}), in this order or by "
            f"name; found{what} {shown}."
        )
    return values


def _numbers(theta: object) -> Array | None:
    """Theta as an array of doubles; None if anything in it is not a real number."""
    try:
        values = np.asarray(theta)
        if values.dtype.kind == "O" and not all(isinstance(one, Real) for one in values.flat):
            return None
        return values.astype(float) if values.dtype.kind in "fiubO" else None
    except (TypeError, ValueError, OverflowError):
        return None


def check_size(theta: Array, scale: Array, names: Iterable[str]) -> None:
    """Refuse a theta beside which the residuals vanish in rounding.

    Parameters
    ----------
    theta, scale : (n_theta,) the second holds the root mean squares of the columns of Z.
    names : as in the model.

    Raises
    ------
    OptionError
        If an element is above :data:`LARGEST`.
    """
    with np.errstate(over="ignore"):
        far = np.abs(theta) * scale > LARGEST
    if far.any():
        large = [f"{name} = {one:g}" for name, one in zip(names, theta, strict=True)]
        listed = [one for one, is_far in zip(large, far, strict=True) if is_far]
        raise OptionError(
            f"theta, times the root mean square of its column of Z, must be at most {LARGEST:.2g}; "
            f"found {', '.join(listed)}. Beyond that, a double holds nothing of the residuals "
            "beside the random effects. Take a smaller theta."
        )


def beyond_reach(theta: Array, names: Iterable[str], why: str) -> OptionError:
    """Error of a theta at which the model cannot be computed."""
    at = ", ".join(f"{name} = {one:g}" for name, one in zip(names, theta, strict=True))
    return OptionError(
        f"theta must be where the model can be computed in doubles; at {at} it cannot: {why}. Take "
        "a theta nearer to the fit's."
    )
