"""What a run makes of its studies' replicates: measures, reports, verdicts, lists."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from wemix_ref.csv_numbers import read_csv
from wemix_ref.derived_run import Run, Step
from wemix_ref.files import write_text
from wemix_ref.simulate.storage import chunk_name
from wemix_ref.simulate.study import Study
from wemix_ref.stamps import SIDECAR

__all__ = ["step_of_list", "steps_of_study"]


def steps_of_study(run: Run, study: Study) -> list[Step]:
    """Steps of one study."""
    place, file = f"results/studies/{study.name}", run.name(study.path)
    chunks = tuple(run.name(run.project / "results" / path) for path in _chunks(study))
    tables = tuple(f"{place}/{name}.csv" for name in ("performance", "paired"))
    beside = tuple(f"{name}{SIDECAR}" for name in tables)
    audits = tuple(f"{place}/audits/{name}.csv" for name in study.settings)
    replicates = tuple(f"{place}/replicates/{name}.parquet" for name in study.settings)
    return [
        Step(
            f"the measures of {study.name}",
            (file, *chunks),
            (f"{place}/replicates/", *tables, *beside),
            partial(_summarise, run, study),
            rule="summarise",
        ),
        Step(
            f"the report of {study.name}",
            (file, *tables, *replicates, *audits, *_printed(run, study)),
            tuple(f"{place}/{name}" for name in _REPORT),
            partial(_study_report, run, study),
            rule="study_report",
        ),
        Step(
            f"the verdict on {study.name}",
            (f"{place}/audit.csv", tables[0], file),
            (f"{place}/verdict.txt",),
            partial(_study_verdict, run, study),
            True,
        ),
    ]


_REPORT = ("report.html", "audit.csv", f"audit.csv{SIDECAR}", "figures/", "tables/")


def _printed(run: Run, study: Study) -> list[str]:
    """The file of printed medians that a study is put beside, if any."""
    settings = study.content.get("published")
    return [run.name(run.resources / "published" / settings["file"])] if settings else []


def _chunks(study: Study) -> list[Path]:
    """Files of the jobs, from the directory of results."""
    return [
        Path("studies", study.name, "chunks", scenario, f"{chunk_name(*chunk)}.parquet")
        for scenario in study.settings
        for chunk in study.chunks()
    ]


def _summarise(run: Run, study: Study, out: Path) -> None:
    from wemix_ref.simulate.summarise import summarise

    chunks = [run.results / path for path in _chunks(study)]
    stamper = run.stamper(out, "summarise")
    summarise(study, chunks, out / "studies" / study.name, stamper)


def _study_report(run: Run, study: Study, out: Path) -> None:
    from wemix_ref.report.studies.files import report_study

    place = run.results / "studies" / study.name / "audits"
    audits = [place / f"{name}.csv" for name in study.settings]
    stamper = run.stamper(out, "study_report")
    report_study(study, out / "studies" / study.name, audits, run.resources, stamper)


def _study_verdict(run: Run, study: Study, out: Path) -> None:
    from wemix_ref.simulate.verdict import judge

    place = out / "studies" / study.name
    audit, performance = (read_csv(place / f"{n}.csv") for n in ("audit", "performance"))
    text, faults = judge(study, audit, performance, run.resources)
    if not faults:
        write_text(place / "verdict.txt", text)


def step_of_list(run: Run, page: str, names: Sequence[str]) -> Step:
    """The page that lists studies.

    Parameters
    ----------
    page : its name. names : of the studies, in order.
    """
    files = tuple(run.name(run.studies[name].path) for name in names)
    output = f"results/studies/{page}.html"
    make = partial(_list, run, page, names)
    # the workflow makes it once the studies' verdicts are there
    return Step(
        "the list of studies", files, (output,), make, rule="studies_index", conditional=True
    )


def _list(run: Run, page: str, names: Sequence[str], out: Path) -> None:
    from wemix_ref.report.studies.files import list_studies

    studies, stamper = [run.studies[name] for name in names], run.stamper(out, "studies_index")
    list_studies(studies, out / "studies" / f"{page}.html", stamper)
