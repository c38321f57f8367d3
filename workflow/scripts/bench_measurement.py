"""Measure one thing."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from wemix_ref.bench.measure import measure
from wemix_ref.bench.specs import load_bench
from wemix_ref.files import write_json
from wemix_ref.running import job

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with job(snakemake.log[0]):
    bench = load_bench(Path(snakemake.params.file), snakemake.wildcards.mode)
    record = measure(
        bench.measurements[snakemake.wildcards.measurement],
        lambda line: sys.stderr.write(f"{line}\n"),
    )
    write_json(Path(snakemake.output[0]), record)
