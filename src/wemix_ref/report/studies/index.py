"""The page that lists the studies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from wemix_ref.files import write_text
from wemix_ref.report.studies.page import environment, style_of
from wemix_ref.report.templating import rendered

__all__ = ["ListedStudy", "write_studies_index"]


@dataclass(frozen=True)
class ListedStudy:
    """A study on the list.

    Attributes
    ----------
    name, title, aims : str
    scenarios, analyses, replicates : int
        How many.
    link : str
        The report, relative to the page.
    """

    name: str
    title: str
    aims: str
    scenarios: int
    analyses: int
    replicates: int
    link: str


def write_studies_index(studies: Sequence[ListedStudy], out: Path) -> None:
    """Write the page that lists the studies, whole or not at all.

    Parameters
    ----------
    studies : sequence of ListedStudy
        In the order of the page.
    out : Path
        The page.
    """
    made = environment()
    context = {"style": style_of(made), "studies": studies}
    write_text(Path(out), rendered(made, "study_index.html.j2", context))
