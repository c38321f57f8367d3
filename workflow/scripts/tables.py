"""Write every number, and every verdict, as CSV."""

from pathlib import Path
from typing import TYPE_CHECKING

from wemix_ref.overview import read_comparisons, write_tables
from wemix_ref.running import job
from wemix_ref.stamps import Stamper

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with job(snakemake.log[0]):
    numbers, inputs = Path(snakemake.output.numbers), snakemake.input.comparisons
    stamp = Stamper.here("tables")(numbers, inputs)
    verdicts = Path(snakemake.output.verdicts)
    write_tables(read_comparisons(inputs), numbers, verdicts, stamp)
