"""How an analysis looks in every figure: colour by its estimates, mark and dashes by its errors."""

from __future__ import annotations

from dataclasses import dataclass

from wemix_ref.report.studies.canvas import MARKERS, PALETTE
from wemix_ref.report.studies.view import StudyView

__all__ = ["Look", "look_of"]

# None: drawn through.
_DASHES: tuple[tuple[float, ...] | None, ...] = (
    None,
    (4.0, 1.0),
    (1.5, 1.0),
    (6.0, 1.2, 1.5, 1.2),
    (2.5, 2.5),
    (8.0, 2.0),
    (4.0, 1.0, 1.0, 1.0, 1.0, 1.0),
)


@dataclass(frozen=True)
class Look:
    """Colour, mark and dashes of an analysis."""

    colour: str
    marker: str
    dashes: tuple[float, ...] | None


def look_of(view: StudyView, analysis: str) -> Look:
    """Give the look of an analysis, the same in all figures of a report.

    Analyses with the same estimates have one colour. Where there are more kinds of estimates than
    colours, these begin again with other marks and dashes.

    Parameters
    ----------
    view : StudyView
    analysis : str

    Returns
    -------
    Look
    """
    fit, place = view.place(analysis)
    again = fit // len(PALETTE) + place
    return Look(
        PALETTE[fit % len(PALETTE)],
        MARKERS[(fit + again) % len(MARKERS)],
        _DASHES[again % len(_DASHES)],
    )
