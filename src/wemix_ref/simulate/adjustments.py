"""What happens to weights after sampling: nonresponse, trimming, noise."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaincinv

from wemix_ref.errors import StudyError, shown
from wemix_ref.simulate.sample import EmptySample
from wemix_ref.simulate.streams import Stream

__all__ = ["class_factors", "noise_factors", "trim", "trimming_bound"]

Float = NDArray[np.float64]
Mask = NDArray[np.bool_]


def class_factors(weights: Float, responding: Mask, classes: NDArray) -> Float:
    """Weighting-class adjustment: weighted selected over weighted responding units of the class.

    Afterwards the weights of a class's respondents add up to those of all its selected units
    (Oh and Scheuren 1983).

    Parameters
    ----------
    weights : ndarray, shape (m,)
        Unconditional weights of the selected units.
    responding : ndarray of bool, shape (m,)
    classes : ndarray, shape (m,)
        The class of each.

    Returns
    -------
    ndarray, shape (m,)
        The factor of each unit's class.

    Raises
    ------
    EmptySample
        If nobody of a class responds.
    """
    values, code = np.unique(classes, return_inverse=True)
    selected = np.bincount(code, weights=weights, minlength=values.size)
    answered = np.bincount(code, weights=weights * responding, minlength=values.size)
    silent = answered <= 0.0
    if silent.any():
        raise EmptySample(
            "every weighting class must have a respondent; "
            f"{int(silent.sum())} of {values.size} have none (first: {shown(values[silent][0])}). "
            "Make larger classes or larger samples"
        )
    return (selected / answered)[code]


def trimming_bound(weights: Float, quantile: float | None, times_median: float | None) -> float:
    """Give the largest weight allowed: a quantile of the weights or a multiple of their median.

    Parameters
    ----------
    weights : ndarray, shape (m,)
    quantile : float or None
        Inside (0, 1); quantiles are interpolated linearly.
    times_median : float or None
        At least one; used when `quantile` is None.

    Returns
    -------
    float

    Raises
    ------
    StudyError
        If the option is out of its range.
    """
    if quantile is not None:
        if not 0.0 < quantile < 1.0:
            raise StudyError(f"quantile must lie inside (0, 1); found {quantile}")
        return float(np.quantile(weights, quantile))
    if times_median is None or not times_median >= 1.0:
        raise StudyError(
            f"times_median must be at least 1, or most weights would be cut; found {times_median}"
        )
    return times_median * float(np.median(weights))


def trim(weights: Float, above: Float, bound: float, *, redistribute: bool) -> Float:
    """Cut weights down to a bound, and give what was cut to the others if wished (Potter 1990).

    The weights that were not cut are all multiplied by the one factor that keeps the sum of
    `above` times weights, the estimated number of units of the level. This is done once: a
    weight just below the bound may then lie above it.

    Parameters
    ----------
    weights : ndarray, shape (m,)
        Conditional weights of the level's units in the sample.
    above : ndarray, shape (m,)
        Unconditional weights of their parents; ones at the top.
    bound : float
        Not below the smallest weight.
    redistribute : bool

    Returns
    -------
    ndarray, shape (m,)
    """
    cut = weights > bound
    trimmed = np.where(cut, bound, weights)
    if not redistribute or not cut.any():
        return trimmed
    freed = float(np.sum((weights - trimmed) * above))
    kept = float(np.sum((weights * above)[~cut]))
    return np.where(cut, bound, weights * (1.0 + freed / kept))


def noise_factors(stream: Stream, cv: float, size: int) -> Float:
    """Draw gamma variables of mean 1 and the given coefficient of variation.

    By inversion of uniform draws, one each: R's generator has these too.

    Parameters
    ----------
    stream : Stream
        Nothing is drawn when `cv` is 0.
    cv : float
        Standard deviation over mean, from 0 to 5: the shape is 1 / cv^2, the scale cv^2.
    size : int

    Returns
    -------
    ndarray, shape (size,)

    Raises
    ------
    StudyError
        If `cv` is out of its range.
    """
    # With a larger cv some draws are too small for a number, so that weights would be zero.
    if not 0.0 <= cv <= 5.0:
        raise StudyError(f"cv must lie in [0, 5]; found {cv}")
    if cv == 0.0:
        return np.ones(size)
    variance = cv * cv
    factors: Float = np.asarray(gammaincinv(1.0 / variance, stream.uniform(size)), dtype=np.float64)
    return factors * variance
