"""R's default random generator without R: the Mersenne Twister with R's seeding, and inversion.

``runif``, ``rnorm``, ``rbinom(n, 1, p)`` and ``sample.int`` with the default kinds of R >= 3.6.

Uniform draws are R's to the bit. Normal draws go through logarithms and divisions whose last bit
may depend on the compiler, so they are compared as values, not as bytes.
"""

from __future__ import annotations

import numpy as np
from numpy.polynomial.polynomial import polyval

__all__ = ["RRandom", "normal_quantile"]

# set.seed() scrambles the seed by this many steps of the congruential generator x -> 69069 x + 1
# modulo 2^32, then draws 625 words with it: the twister's position, which is overwritten, and its
# 624 words of state.
_SCRAMBLES = 50
_MULTIPLIER = 69069
_WORDS = 624

# A uniform draw is a 32-bit word times this, the nearest number to 1 / (2^32 - 1).
_UNIT = 2.3283064365386963e-10

# A whole number is put together from 16 bits of each uniform.
_HALF_WORD = 16

# Above this many, and at most half of them wanted, sample.int() draws until an item is new.
_HASHED_ABOVE = 10_000_000

# Inversion takes two uniforms: the first gives 27 bits, the second the bits below.
_BIG = 134217728.0


class RRandom:
    """The stream that R >= 3.6 gives after ``set.seed(seed)`` with its default kinds.

    Parameters
    ----------
    seed : int
        As given to ``set.seed``; 32-bit, may be negative.

    Raises
    ------
    ValueError
        If the seed does not fit into 32 bits.

    Examples
    --------
    >>> round(float(RRandom(123).normal(1)[0]), 7)
    -0.5604756
    """

    def __init__(self, seed: int) -> None:
        if not -(2**31) < seed < 2**31:
            raise ValueError(f"seed must be an integer of 32 bits, as R's are; found {seed}")
        word = seed % 2**32
        words = []
        for _ in range(_SCRAMBLES):
            word = (_MULTIPLIER * word + 1) % 2**32
        for _ in range(_WORDS + 1):
            word = (_MULTIPLIER * word + 1) % 2**32
            words.append(word)
        self._bits = np.random.MT19937()
        self._bits.state = {
            "bit_generator": "MT19937",
            "state": {"key": np.array(words[1:], dtype=np.uint32), "pos": _WORDS},
        }

    def uniform(self, size: int) -> np.ndarray:
        """Draw as ``runif(size)`` does.

        Parameters
        ----------
        size : int
            Number of draws.

        Returns
        -------
        ndarray, shape (size,)
            In the open interval (0, 1).
        """
        draws = self._bits.random_raw(size) * _UNIT
        return np.clip(draws, 0.5 * _UNIT, 1.0 - 0.5 * _UNIT)

    def normal(self, size: int) -> np.ndarray:
        """Draw as ``rnorm(size)`` does: two uniforms each, joined, and inverted.

        Parameters
        ----------
        size : int
            Number of draws.

        Returns
        -------
        ndarray, shape (size,)
            Standard normal.
        """
        pairs = self.uniform(2 * size).reshape(size, 2)
        return normal_quantile((np.floor(_BIG * pairs[:, 0]) + pairs[:, 1]) / _BIG)

    def bernoulli(self, p: np.ndarray) -> np.ndarray:
        """Draw as ``rbinom(length(p), 1, p)`` does: one uniform each, none where p is 0 or 1.

        Parameters
        ----------
        p : ndarray, shape (n,)
            Probabilities from 0 to 1.

        Returns
        -------
        ndarray of bool, shape (n,)
        """
        result = p == 1.0
        open_ = (p > 0.0) & (p < 1.0)
        inner = p[open_]
        # the rarer outcome is the one that a large uniform stands for
        rare = self.uniform(inner.size) >= 1.0 - np.minimum(inner, 1.0 - inner)
        result[open_] = rare == (inner <= 0.5)
        return result

    def sample(self, N: int, n: int) -> np.ndarray:
        """Draw as ``sample.int(N, n)`` does, by rejection and without replacement.

        Parameters
        ----------
        N : int
            Number of items.
        n : int
            Number wanted, at most `N`.

        Returns
        -------
        ndarray of int, shape (n,)
            Items from 0 to ``N - 1`` in the order drawn; R's are one more.

        Raises
        ------
        ValueError
            If `n` is negative or above `N`.
        """
        if not 0 <= n <= N:
            raise ValueError(f"between 0 and N = {N} items can be drawn; found n = {n}")
        if N > _HASHED_ABOVE and n <= N / 2:
            drawn: dict[int, None] = {}
            while len(drawn) < n:
                drawn[self._below(N)] = None
            return np.fromiter(drawn, np.int64, n)
        result = np.empty(n, dtype=np.int64)
        # An item drawn gives its place to the last one; places never touched hold themselves.
        moved: dict[int, int] = {}
        for i in range(n):
            last = N - i - 1
            place = self._below(last + 1)
            result[i] = moved.get(place, place)
            moved[place] = moved.get(last, last)
        return result

    def _below(self, bound: int) -> int:
        """Draw a whole number from 0 to ``bound - 1``: bits are drawn until they are below."""
        bits = (bound - 1).bit_length()
        scale = _UNIT * 2.0**_HALF_WORD
        while True:
            number = 0
            for _ in range(bits // _HALF_WORD + 1):
                number = (number << _HALF_WORD) | int(self._bits.random_raw() * scale)
            number &= (1 << bits) - 1
            if number < bound:
                return number


# Coefficients of Wichura (1988), in rising powers: numerator and denominator of each of the three
# rational functions of PPND16.
_CENTRE = (
    (
        3.3871328727963666080e0,
        1.3314166789178437745e2,
        1.9715909503065514427e3,
        1.3731693765509461125e4,
        4.5921953931549871457e4,
        6.7265770927008700853e4,
        3.3430575583588128105e4,
        2.5090809287301226727e3,
    ),
    (
        1.0,
        4.2313330701600911252e1,
        6.8718700749205790830e2,
        5.3941960214247511077e3,
        2.1213794301586595867e4,
        3.9307895800092710610e4,
        2.8729085735721942674e4,
        5.2264952788528545610e3,
    ),
)
_MIDDLE = (
    (
        1.42343711074968357734e0,
        4.63033784615654529590e0,
        5.76949722146069140550e0,
        3.64784832476320460504e0,
        1.27045825245236838258e0,
        2.41780725177450611770e-1,
        2.27238449892691845833e-2,
        7.74545014278341407640e-4,
    ),
    (
        1.0,
        2.05319162663775882187e0,
        1.67638483018380384940e0,
        6.89767334985100004550e-1,
        1.48103976427480074590e-1,
        1.51986665636164571966e-2,
        5.47593808499534494600e-4,
        1.05075007164441684324e-9,
    ),
)
_TAIL = (
    (
        6.65790464350110377720e0,
        5.46378491116411436990e0,
        1.78482653991729133580e0,
        2.96560571828504891230e-1,
        2.65321895265761230930e-2,
        1.24266094738807843860e-3,
        2.71155556874348757815e-5,
        2.01033439929228813265e-7,
    ),
    (
        1.0,
        5.99832206555887937690e-1,
        1.36929880922735805310e-1,
        1.48753612908506148525e-2,
        7.86869131145613259100e-4,
        1.84631831751005468180e-5,
        1.42151175831644588870e-7,
        2.04426310338993978564e-15,
    ),
)


def normal_quantile(p: np.ndarray) -> np.ndarray:
    """Give the standard normal quantiles by the rational functions that R used up to 4.2.

    Wichura, M. J. (1988), Algorithm AS 241: The percentage points of the normal distribution,
    Applied Statistics 37, 477-484 (PPND16, about 16 digits). SciPy's ``ndtri`` is as accurate
    but differs in the last digits, so fewer draws are R's to the bit.

    Parameters
    ----------
    p : ndarray
        Probabilities in the open interval (0, 1).

    Returns
    -------
    ndarray, shape as `p`

    Raises
    ------
    ValueError
        If a probability is not inside (0, 1).
    """
    p = np.asarray(p, dtype=np.float64)
    outside = ~((p > 0.0) & (p < 1.0))
    if outside.any():
        raise ValueError(
            f"probabilities must lie inside (0, 1); {int(outside.sum())} do not (first: "
            f"{float(p[outside].flat[0])!r})"
        )
    q = p - 0.5
    centre = np.abs(q) <= 0.425
    t = np.sqrt(-np.log(np.where(q < 0.0, p, 1.0 - p)))
    outer = np.where(t <= 5.0, _ratio(_MIDDLE, t - 1.6), _ratio(_TAIL, t - 5.0))
    return np.where(centre, q * _ratio(_CENTRE, 0.180625 - q * q), np.sign(q) * outer)


def _ratio(coefficients: tuple[tuple[float, ...], tuple[float, ...]], x: np.ndarray) -> np.ndarray:
    return polyval(x, coefficients[0]) / polyval(x, coefficients[1])
