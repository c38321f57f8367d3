"""Write the report."""

from pathlib import Path
from typing import TYPE_CHECKING

from wemix_ref.report import write_report
from wemix_ref.running import job
from wemix_ref.stamps import Stamper

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with job(snakemake.log[0]):
    cases, out = Path(snakemake.params.cases), Path(snakemake.output[0])
    write_report(
        Path("results"),
        cases,
        out,
        tolerances=Path(snakemake.config["tolerances"]),
        resources=Path(snakemake.config["resources"]),
        studies=snakemake.params.studies,
        printed=Path(snakemake.input.printed),
        divergences=Path(snakemake.input.divergences),
        bench=Path("results/bench.json") if snakemake.params.bench else None,
        stamper=Stamper.here("report"),
    )
