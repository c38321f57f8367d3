"""List the studies that were run."""

from pathlib import Path
from typing import TYPE_CHECKING

from wemix_ref.report.studies.files import list_studies
from wemix_ref.running import job
from wemix_ref.simulate.study import load_studies
from wemix_ref.stamps import Stamper

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with job(snakemake.log[0]):
    studies = load_studies(Path(snakemake.params.directory))
    chosen = [studies[name] for name in snakemake.params.names]
    list_studies(chosen, Path(snakemake.output[0]), Stamper.here("studies_index"))
