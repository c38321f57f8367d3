"""Printed medians of errors beside ours, with the Monte Carlo error of the difference."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from wemix_ref.report.studies.numbers import ABSENT, Estimate, rounded, with_error
from wemix_ref.report.studies.view import StudyView
from wemix_ref.simulate.published import PrintedMedian

__all__ = ["PublishedLine", "published_lines"]


@dataclass(frozen=True)
class PublishedLine:
    """A printed median and ours; `z` is the difference over its Monte Carlo standard error.

    Attributes
    ----------
    row : str
        What the source calls the analysis.
    parameter, analysis : str
        Ours; `analysis` is empty where there is no counterpart.
    printed : str
        The number, as printed but for a zero before its point.
    ours : Estimate
    z : str
    agrees : bool or None
        None without a counterpart.
    """

    row: str
    parameter: str
    analysis: str
    printed: str
    ours: Estimate
    z: str
    agrees: bool | None


def published_lines(view: StudyView, medians: Sequence[PrintedMedian]) -> list[PublishedLine]:
    """Write printed medians and ours as text."""
    return [
        PublishedLine(
            one.row,
            one.parameter,
            "" if one.analysis is None else view.labels.get(one.analysis, one.analysis),
            _printed(one.printed),
            Estimate(ABSENT)
            if one.ours is None or one.mcse is None
            else with_error(one.ours, one.mcse),
            ABSENT if one.z is None else rounded(one.z, 1),
            one.agrees,
        )
        for one in medians
    ]


def _printed(text: str) -> str:
    sign, number = ("-", text[1:]) if text.startswith("-") else ("", text)
    return sign + ("0" + number if number.startswith(".") else number)
