"""Streams of random numbers: NumPy's, fixed by a study's seed and a key, and R's."""

from __future__ import annotations

import hashlib
from typing import NoReturn

import numpy as np
from numpy.typing import NDArray

from wemix_ref.errors import StudyError
from wemix_ref.r_random import RRandom

__all__ = ["RStream", "Stream", "stream_of"]

Numbers = NDArray[np.float64]
_WORD = 2**32


class Stream:
    """A stream of random numbers; what it gives depends on its seed sequence alone.

    Parameters
    ----------
    sequence : numpy.random.SeedSequence
        Feeds a PCG64DXSM generator.
    """

    def __init__(self, sequence: np.random.SeedSequence) -> None:
        self._numpy = np.random.Generator(np.random.PCG64DXSM(sequence))

    @property
    def _generator(self) -> np.random.Generator:
        return self._numpy

    def normal(self, size: int) -> Numbers:
        """Draw standard normal numbers, shape (size,)."""
        return self._generator.standard_normal(size)

    def uniform(self, size: int) -> Numbers:
        """Draw uniform numbers from 0 up to 1, shape (size,)."""
        return self._generator.random(size)

    def laplace(self, size: int) -> Numbers:
        """Draw Laplace numbers of mean 0 and scale 1 (variance 2), shape (size,)."""
        return self._generator.laplace(size=size)

    def gamma(self, shape: float | Numbers, size: int) -> Numbers:
        """Draw gamma numbers of scale 1, shape (size,); `shape` one for all or one each."""
        return self._generator.standard_gamma(shape, size)

    def t(self, df: float | Numbers, size: int) -> Numbers:
        """Draw from Student's t, shape (size,); `df` one for all or one each."""
        return self._generator.standard_t(df, size)

    def poisson(self, mean: Numbers) -> NDArray[np.int64]:
        """Draw Poisson counts with the given means, shape as `mean`."""
        return self._generator.poisson(mean)

    def bernoulli(self, p: Numbers) -> NDArray[np.bool_]:
        """Draw truth values, each true with its probability, shape as `p`."""
        return self._generator.random(p.shape) < p

    def sample(self, N: int, n: int) -> NDArray[np.int64]:
        """Draw `n` of `N` items without replacement, all subsets alike: indices, shape (n,).

        Raises
        ------
        StudyError
            If `n` is negative or above `N`.
        """
        _check_sample(N, n)
        return self._generator.choice(N, n, replace=False)

    def permutation(self, N: int) -> NDArray[np.int64]:
        """Put 0 to ``N - 1`` into random order, shape (N,)."""
        return self._generator.permutation(N)


class RStream(Stream):
    """R's own stream after ``set.seed(seed)``, with the default kinds of R >= 3.6.

    Normal numbers are those of ``rnorm``, uniform ones of ``runif``, truth values of
    ``rbinom(n, 1, p)``; samples and permutations those of ``sample.int``. There are no others.

    Parameters
    ----------
    seed : int
        32-bit.

    Raises
    ------
    StudyError
        If the seed does not fit into 32 bits.
    """

    def __init__(self, seed: int) -> None:
        try:
            self._r = RRandom(seed)
        except ValueError as problem:
            raise StudyError(str(problem)) from problem

    def normal(self, size: int) -> Numbers:
        """Draw as ``rnorm(size)``."""
        return self._r.normal(size)

    def uniform(self, size: int) -> Numbers:
        """Draw as ``runif(size)``."""
        return self._r.uniform(size)

    def bernoulli(self, p: Numbers) -> NDArray[np.bool_]:
        """Draw as ``rbinom(length(p), 1, p)``."""
        return self._r.bernoulli(p)

    def sample(self, N: int, n: int) -> NDArray[np.int64]:
        """Draw as ``sample.int(N, n) - 1``."""
        _check_sample(N, n)
        return self._r.sample(N, n)

    def permutation(self, N: int) -> NDArray[np.int64]:
        """Draw as ``sample.int(N) - 1``."""
        return self._r.sample(N, N)

    @property
    def _generator(self) -> NoReturn:
        raise StudyError(
            "R's generator gives draws of normal, lognormal, uniform, integers and bernoulli, and "
            "samples without replacement; others are not there. Take another distribution, or "
            "`generator: numpy`"
        )


def _check_sample(N: int, n: int) -> None:
    if not 0 <= n <= N:
        raise StudyError(f"a sample must have from 0 to all of the {N} units; {n} are asked for")


def stream_of(seed: int, *key: int | str) -> Stream:
    """Open the stream that belongs to a study's seed and a key.

    Different keys give independent streams, whatever else is drawn and in what order.

    Parameters
    ----------
    seed : int
        Not negative.
    *key : int or str
        Whole numbers from 0 to 2^32 - 1 as they are, texts as the first two 32-bit words of
        their SHA-256 (of UTF-8, the first byte the highest).

    Returns
    -------
    Stream

    Raises
    ------
    StudyError
        If the seed or a number of the key is out of range.

    Examples
    --------
    >>> bool(stream_of(1, "a", 0).normal(1) == stream_of(1, "a", 0).normal(1))
    True
    """
    if seed < 0:
        raise StudyError(f"a seed must not be negative; found {seed}")
    words: list[int] = []
    for part in key:
        if isinstance(part, str):
            digest = hashlib.sha256(part.encode()).digest()
            words += [int.from_bytes(digest[:4]), int.from_bytes(digest[4:8])]
        elif 0 <= part < _WORD:
            words.append(int(part))
        else:
            raise StudyError(f"a number of a stream's key must be from 0 to 2^32 - 1; found {part}")
    return Stream(np.random.SeedSequence(seed, spawn_key=words))
