"""Write the report of a study, and its audit as one table."""

from pathlib import Path
from typing import TYPE_CHECKING

from wemix_ref.report.studies.files import report_study
from wemix_ref.running import job
from wemix_ref.simulate.study import load_study
from wemix_ref.stamps import Stamper

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with job(snakemake.log[0]):
    study = load_study(Path(snakemake.input.study), small=snakemake.params.small)
    audits = [Path(path) for path in snakemake.input.audits]
    out, resources = Path(snakemake.output.report).parent, Path(snakemake.params.resources)
    report_study(study, out, audits, resources, Stamper.here("study_report"))
