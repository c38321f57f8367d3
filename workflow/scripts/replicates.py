"""Run the replicates of one job, and say how far the study is."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from wemix_ref.running import job
from wemix_ref.simulate.chunks import progress_of, run_chunk
from wemix_ref.simulate.elsewhere import fit_elsewhere
from wemix_ref.simulate.study import load_study

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with job(snakemake.log[0]):
    params, wildcards = snakemake.params, snakemake.wildcards
    chunk = snakemake.resources.chunk
    study = load_study(Path(snakemake.input.study), small=params.small, chunk=chunk)
    rows, timing = Path(snakemake.output.rows), Path(snakemake.output.timing)
    first, stop = int(wildcards.first), int(wildcards.stop)
    scenario = study.scenario(wildcards.scenario)
    run_chunk(study, scenario, first, stop, params.made_with, rows, timing, fit_elsewhere)
    sys.stderr.write(f"{study.name}: {progress_of(study, timing.parents[1])}\n")
