"""Write the report of a study, and its audit as one table."""

from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from wemix_ref.report.studies.files import report_study
from wemix_ref.running import job
from wemix_ref.simulate.study import load_study

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with job(snakemake.log[0]):
    study = load_study(Path(snakemake.input.study), small=snakemake.params.small)
    audits = [pd.read_csv(path) for path in snakemake.input.audits]
    out = Path(snakemake.output.report).parent
    report_study(study, out, audits, Path(snakemake.params.resources))
