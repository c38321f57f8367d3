"""From a study's files to its report, and to the page that lists studies."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from wemix_ref.report.studies.index import ListedStudy, write_studies_index
from wemix_ref.report.studies.page import write_study_report
from wemix_ref.simulate.published import beside_published
from wemix_ref.simulate.storage import made_from_of, read_rows
from wemix_ref.simulate.study import Study
from wemix_ref.simulate.summarise import write_table

__all__ = ["list_studies", "report_study"]


def report_study(study: Study, out: Path, audits: Sequence[pd.DataFrame], resources: Path) -> None:
    """Write a study's report, figures, tables and its audit as one table.

    Parameters
    ----------
    study : the study.
    out : its directory, with ``performance.csv``, ``paired.csv`` and ``replicates/``.
    audits : the audits of its scenarios.
    resources : directory of ``published/``.
    """
    audit = pd.concat(audits, ignore_index=True)
    performance = pd.read_csv(out / "performance.csv")
    settings = study.content.get("published")
    printed = None
    if settings is not None:
        printed = beside_published(settings, performance, Path(resources) / "published")
    write_study_report(
        study.content,
        study.name,
        performance,
        pd.read_csv(out / "paired.csv"),
        {name: read_rows(out / "replicates" / f"{name}.parquet") for name in study.settings},
        audit,
        out,
        published=printed,
        scenarios=study.settings,
        versions=_made_with(study, out),
    )
    write_table(out / "audit.csv", audit)


def _made_with(study: Study, out: Path) -> dict[str, str] | None:
    """What the replicates say that they were made with; None: they say nothing."""
    found: dict[str, str] = {}
    for name in study.settings:
        told = made_from_of(out / "replicates" / f"{name}.parquet").get("made_with")
        if isinstance(told, dict):
            found |= {key: str(value) for key, value in told.items() if key not in found}
    return found or None


def list_studies(studies: Sequence[Study], out: Path) -> None:
    """Write the page that lists studies; their reports lie in directories beside it."""
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
    )
