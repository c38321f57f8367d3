"""Put all divergences into one table."""

from pathlib import Path
from typing import TYPE_CHECKING

from wemix_ref.divergences.table import write_all
from wemix_ref.running import job
from wemix_ref.stamps import Stamper

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with job(snakemake.log[0]):
    paths = [Path(path) for path in snakemake.input]
    table, record = Path(snakemake.output.table), Path(snakemake.output.record)
    write_all(paths, table, record, Stamper.here("divergences"))
