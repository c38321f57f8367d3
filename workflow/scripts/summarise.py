"""Put the replicates of a study together and write its performance measures."""

from pathlib import Path
from typing import TYPE_CHECKING

from wemix_ref.running import job
from wemix_ref.simulate.study import load_study
from wemix_ref.simulate.summarise import summarise
from wemix_ref.stamps import Stamper

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with job(snakemake.log[0]):
    summarise(
        load_study(Path(snakemake.input.study), small=snakemake.params.small),
        [Path(path) for path in snakemake.input.chunks],
        Path(snakemake.output.performance).parent,
        Stamper.here("summarise"),
    )
