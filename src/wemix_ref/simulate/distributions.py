"""Distributions of covariates, random effects, residuals and sizes, by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wemix_ref.errors import StudyError
from wemix_ref.simulate.streams import Stream

__all__ = ["COVARIATES", "STANDARDISED", "Distribution"]

Numbers = NDArray[np.float64]
# One for all draws, or one each.
Option = float | Numbers


@dataclass(frozen=True)
class Distribution:
    """A named distribution.

    Attributes
    ----------
    options : mapping of str to float or None
        Option to its default; None where it must be given.
    make : callable
        From the stream, the number of draws and the options to the draws.
    """

    options: Mapping[str, float | None]
    make: Callable[[Stream, int, Mapping[str, Option]], Numbers]

    def draw(self, options: Mapping[str, Option], stream: Stream, size: int) -> Numbers:
        """Draw numbers.

        Parameters
        ----------
        options : mapping of str to float or ndarray, shape (size,)
            Those left out have their defaults.
        stream : Stream
        size : int

        Returns
        -------
        ndarray, shape (size,)

        Raises
        ------
        StudyError
            If an option is out of range, or the stream lacks the distribution.
        """
        values: dict[str, Option] = {
            option: value for option, value in self.options.items() if value is not None
        }
        values.update(options)
        for option, value in values.items():
            if option not in _LIMITS:
                continue
            words, holds = _LIMITS[option]
            good = holds(np.asarray(value))
            if not good.all():
                bad = np.asarray(value)[~good]
                raise StudyError(
                    f"{option} must be {words}; it is not for {bad.size} of {good.size} (first: "
                    f"{float(bad.flat[0]):g})"
                )
        return self.make(stream, size, values)


# Counts are whole numbers that a double holds exactly.
_MOST_COUNTED = 1e15

# What an option must satisfy, in words and as a test.
_LIMITS: dict[str, tuple[str, Callable[[Numbers], NDArray[np.bool_]]]] = {
    "sd": ("0 or above", lambda x: x >= 0.0),
    "sdlog": ("0 or above", lambda x: x >= 0.0),
    "shape": ("above 0", lambda x: x > 0.0),
    "scale": ("above 0", lambda x: x > 0.0),
    "df": ("above 0", lambda x: x > 0.0),
    "p": ("from 0 to 1", lambda x: (x >= 0.0) & (x <= 1.0)),
}


def _standard_t(stream: Stream, size: int, o: Mapping[str, Option]) -> Numbers:
    df = np.asarray(o["df"])
    if (df <= 2.0).any():
        raise StudyError(f"df must be above 2, or there is no variance; it is {float(df.min()):g}")
    return stream.t(o["df"], size) / np.sqrt(df / (df - 2.0))


def _standard_gamma(stream: Stream, size: int, o: Mapping[str, Option]) -> Numbers:
    return (stream.gamma(o["shape"], size) - o["shape"]) / np.sqrt(o["shape"])


def _standard_lognormal(stream: Stream, size: int, o: Mapping[str, Option]) -> Numbers:
    sdlog = np.asarray(o["sdlog"])
    if (sdlog <= 0.0).any():
        raise StudyError(f"sdlog must be above 0; it is {float(sdlog.min()):g}")
    # mean exp(s^2/2), variance (exp(s^2) - 1) exp(s^2)
    centred = np.exp(sdlog * stream.normal(size)) - np.exp(sdlog**2 / 2.0)
    return centred / np.sqrt(np.expm1(sdlog**2) * np.exp(sdlog**2))


def _uniform(stream: Stream, size: int, o: Mapping[str, Option]) -> Numbers:
    _check_order(o)
    return o["low"] + (np.asarray(o["high"]) - o["low"]) * stream.uniform(size)


def _integers(stream: Stream, size: int, o: Mapping[str, Option]) -> Numbers:
    _check_order(o)
    low, high = np.asarray(o["low"]), np.asarray(o["high"])
    if (low != np.round(low)).any() or (high != np.round(high)).any():
        raise StudyError("low and high must be whole numbers")
    return np.floor(low + (high - low + 1.0) * stream.uniform(size))


def _check_order(o: Mapping[str, Option]) -> None:
    if (np.asarray(o["high"]) < o["low"]).any():
        raise StudyError("low must not be above high")


def _poisson(stream: Stream, size: int, o: Mapping[str, Option]) -> Numbers:
    mean = np.broadcast_to(np.asarray(o["mean"], dtype=np.float64), size)
    if (mean < 0.0).any():
        raise StudyError(f"mean must be 0 or above; it is {float(mean.min()):g}")
    if (mean > _MOST_COUNTED).any():
        raise StudyError(f"mean must be at most {_MOST_COUNTED:g}; it is {float(mean.max()):g}")
    return np.maximum(stream.poisson(mean), o["minimum"])


def _bernoulli(stream: Stream, size: int, o: Mapping[str, Option]) -> Numbers:
    p = np.broadcast_to(np.asarray(o["p"], dtype=np.float64), size)
    return stream.bernoulli(p).astype(np.float64)


#: Of random effects and residuals: mean 0 and standard deviation 1, whatever the options.
STANDARDISED: dict[str, Distribution] = {
    "normal": Distribution({}, lambda s, n, _: s.normal(n)),
    "t": Distribution({"df": None}, _standard_t),
    "gamma": Distribution({"shape": None}, _standard_gamma),
    "lognormal": Distribution({"sdlog": None}, _standard_lognormal),
    "uniform": Distribution({}, lambda s, n, _: (s.uniform(n) - 0.5) * np.sqrt(12.0)),
    "laplace": Distribution({}, lambda s, n, _: s.laplace(n) / np.sqrt(2.0)),
}

#: Of covariates, derived variables and sizes: `sdlog` is the standard deviation of the logarithm,
#: `integers` have both ends, `poisson` counts below `minimum` are raised to it.
COVARIATES: dict[str, Distribution] = {
    "normal": Distribution(
        {"mean": 0.0, "sd": 1.0}, lambda s, n, o: o["mean"] + o["sd"] * s.normal(n)
    ),
    "t": Distribution(
        {"df": None, "mean": 0.0, "scale": 1.0},
        lambda s, n, o: o["mean"] + o["scale"] * s.t(o["df"], n),
    ),
    "laplace": Distribution(
        {"mean": 0.0, "sd": 1.0},
        lambda s, n, o: o["mean"] + o["sd"] * (s.laplace(n) / np.sqrt(2.0)),
    ),
    "gamma": Distribution(
        {"shape": None, "scale": 1.0}, lambda s, n, o: o["scale"] * s.gamma(o["shape"], n)
    ),
    "lognormal": Distribution(
        {"meanlog": 0.0, "sdlog": 1.0},
        lambda s, n, o: np.exp(o["meanlog"] + o["sdlog"] * s.normal(n)),
    ),
    "uniform": Distribution({"low": 0.0, "high": 1.0}, _uniform),
    "integers": Distribution({"low": None, "high": None}, _integers),
    "bernoulli": Distribution({"p": None}, _bernoulli),
    "poisson": Distribution({"mean": None, "minimum": 0.0}, _poisson),
}
