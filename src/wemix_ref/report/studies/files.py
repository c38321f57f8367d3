"""From a study's files to its report, and to the page that lists studies."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import pandas as pd

from wemix_ref.csv_numbers import read_csv
from wemix_ref.report.studies.index import ListedStudy, write_studies_index
from wemix_ref.report.studies.page import write_study_report
from wemix_ref.simulate.published import beside_published
from wemix_ref.simulate.storage import made_from_of, read_rows
from wemix_ref.simulate.study import Study
from wemix_ref.simulate.summarise import write_table
from wemix_ref.stamps import COLUMN, Stamper

__all__ = ["list_studies", "report_study"]


def report_study(
    study: Study,
    out: Path,
    audits: Sequence[Path],
    resources: Path,
    stamper: Stamper | None = None,
) -> None:
    """Write a study's report, figures, tables and its audit as one table.

    Parameters
    ----------
    study : the study.
    out : its directory, with ``performance.csv``, ``paired.csv`` and ``replicates/``.
    audits : files of the audits of its scenarios.
    resources : directory of ``published/``.
    stamper : stamps what is written.
    """
    audit = pd.concat([_table(path) for path in audits], ignore_index=True)
    performance = _table(out / "performance.csv")
    replicates = {name: out / "replicates" / f"{name}.parquet" for name in study.settings}
    inputs = [study.path, out / "performance.csv", out / "paired.csv", *replicates.values()]
    inputs += audits
    settings = study.content.get("published")
    printed = None
    if settings is not None:
        place = Path(resources) / "published"
        printed = beside_published(settings, performance, place)
        inputs.append(place / settings["file"])
    stamp = stamper(out / "report.html", inputs) if stamper else None
    write_study_report(
        study.content,
        study.name,
        performance,
        _table(out / "paired.csv"),
        {name: read_rows(path) for name, path in replicates.items()},
        audit,
        out,
        published=printed,
        scenarios=study.settings,
        versions=_made_with(replicates.values()),
        stamp=stamp,
    )
    write_table(out / "audit.csv", audit, stamp)


def _table(path: Path) -> pd.DataFrame:
    return read_csv(path).drop(columns=COLUMN, errors="ignore")


def _made_with(replicates: Iterable[Path]) -> dict[str, str] | None:
    """What the replicates say that they were made with; None: they say nothing."""
    found: dict[str, str] = {}
    for path in replicates:
        told = made_from_of(path).get("made_with")
        if isinstance(told, dict):
            found |= {key: str(value) for key, value in told.items() if key not in found}
    return found or None


def list_studies(studies: Sequence[Study], out: Path, stamper: Stamper | None = None) -> None:
    """Write the page that lists studies; their reports lie in directories beside it."""
    files = dict.fromkeys(study.path for study in studies)
    write_studies_index(
        [
            ListedStudy(
                name=study.name,
                title=study.title,
                aims=study.content["aims"],
                scenarios=len(study.settings),
                analyses=len(study.scenarios[0].analyses),
                replicates=study.replicates,
                link=f"{study.name}/report.html",
            )
            for study in studies
        ],
        out,
        stamper(out, files) if stamper else None,
    )
