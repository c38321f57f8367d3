"""Compare the records of a case, number by number."""

from pathlib import Path
from typing import TYPE_CHECKING

from wemix_ref.compare_files import compare_files
from wemix_ref.running import job
from wemix_ref.stamps import Stamper

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with job(snakemake.log[0]):
    given = snakemake.input
    compare_files(
        Path(given.case),
        Path(given.tolerances),
        Path(given.problem).parent,
        [Path(path) for path in given.records],
        [Path(path) for path in given.matrices],
        Path(given.twin[0]) if given.twin else None,
        Path(snakemake.params.resources),
        Path(snakemake.output[0]),
        Stamper.here("compare"),
    )
