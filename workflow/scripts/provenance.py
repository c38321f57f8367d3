"""Write down what the run was made with, and the hashes of its files."""

from pathlib import Path
from typing import TYPE_CHECKING

from wemix_ref.provenance import write_provenance
from wemix_ref.running import job

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with job(snakemake.log[0]):
    params = snakemake.params
    write_provenance(
        Path(snakemake.output[0]),
        Path.cwd(),
        snakemake.config,
        params.made_with,
        cases=params.cases,
        studies=params.studies,
    )
