"""Put all divergences into one table."""

from pathlib import Path
from typing import TYPE_CHECKING

from wemix_ref.divergences.table import write_all
from wemix_ref.running import job

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with job(snakemake.log[0]):
    paths = [Path(path) for path in snakemake.input]
    write_all(paths, Path(snakemake.output.table), Path(snakemake.output.record))
