"""The page that lists the studies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from wemix_ref.report.studies.page import environment, style_of
from wemix_ref.report.templating import rendered
from wemix_ref.stamps import Stamp, write_stamped

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


def write_studies_index(
    studies: Sequence[ListedStudy], out: Path, stamp: Stamp | None = None
) -> None:
    """Write the page that lists the studies, whole or not at all.

    Parameters
    ----------
    studies : sequence of ListedStudy
        In the order of the page.
    out : Path
        The page.
    stamp : Stamp or None
        What it carries.
    """
    made = environment()
    context = {"style": style_of(made), "studies": studies}
    write_stamped(Path(out), rendered(made, "study_index.html.j2", context), stamp)
