"""Put all measurements into one table and one page, and tell what was met."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from wemix_ref.bench.specs import load_bench
from wemix_ref.bench.table import collate, lines, write_run
from wemix_ref.report.bench_view import write_page
from wemix_ref.running import job
from wemix_ref.stamps import Stamper

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with job(snakemake.log[0]):
    bench = load_bench(Path(snakemake.params.file), snakemake.params.mode)
    files = [Path(path) for path in snakemake.input]
    run, record = collate(bench, files), Path(snakemake.output.record)
    stamp = Stamper.here("bench")(record, [snakemake.params.file, *files])
    write_page(run, Path(snakemake.output.page), stamp)
    write_run(run, Path(snakemake.output.table), record, stamp)
    told = [*lines(run), f"The page: {Path(snakemake.output.page).resolve()}"]
    sys.stderr.write("\n".join(told) + "\n")
