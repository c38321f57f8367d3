"""Make a case ready for the engines."""

from pathlib import Path
from typing import TYPE_CHECKING

from wemix_ref.prepare import write_problem
from wemix_ref.running import job

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with job(snakemake.log[0]):
    write_problem(
        snakemake.params.problem, Path(snakemake.input.data), Path(snakemake.output.problem).parent
    )
