"""Write every number, and every verdict, as CSV."""

from pathlib import Path
from typing import TYPE_CHECKING

from wemix_ref.overview import read_comparisons, write_tables
from wemix_ref.running import job

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with job(snakemake.log[0]):
    write_tables(
        read_comparisons(snakemake.input.comparisons),
        Path(snakemake.output.numbers),
        Path(snakemake.output.verdicts),
    )
