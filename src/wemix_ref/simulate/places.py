"""Where in a study's file, or in its replicates, an error is from."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from wemix_ref.errors import StudyError
from wemix_ref.simulate.sample import EmptySample

__all__ = ["at"]


@contextmanager
def at(where: str) -> Iterator[None]:
    """Put a place before the message of an error raised inside.

    Parameters
    ----------
    where : the keys that lead there, ``sampling.school.size``, or a scenario and replicate.

    Raises
    ------
    StudyError
        With the place; an EmptySample, which is no error of the file, as it was.
    """
    try:
        yield
    except EmptySample:
        raise
    except StudyError as problem:
        raise StudyError(f"{where}: {problem}") from problem
