"""Make a data set's columns again from their sources; fail where the file differs."""

from pathlib import Path
from typing import TYPE_CHECKING

from wemix_ref.rebuild import rebuild
from wemix_ref.running import job

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with job(snakemake.log[0]):
    report = rebuild(snakemake.wildcards.dataset, resources=Path(snakemake.params.resources))
    report.write(Path(snakemake.output[0]).parent)
    report.raise_if_different()
