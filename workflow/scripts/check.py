"""Say how the run came out; fail where a number or an engine is not as it must be."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from wemix_ref.files import write_text
from wemix_ref.overview import failures, read_comparisons, verdict_table
from wemix_ref.running import job

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with job(snakemake.log[0]):
    comparisons = read_comparisons(snakemake.input.comparisons)
    table, wrong = verdict_table(comparisons), failures(comparisons)
    if wrong:
        told = [*wrong, f"{len(wrong)} numbers or engines are not as they must be."]
        sys.exit("\n".join([table, *told]))
    sys.stderr.write(f"\n{table}\n")
    write_text(Path(snakemake.output[0]), table)
