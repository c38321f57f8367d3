"""Fit the first replicates of a scenario by R too, and compare number by number."""

from pathlib import Path
from typing import TYPE_CHECKING

from wemix_ref.running import job
from wemix_ref.simulate.audit_study import audit_scenario
from wemix_ref.simulate.study import load_study
from wemix_ref.simulate.summarise import write_table
from wemix_ref.stamps import Stamper

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with job(snakemake.log[0]):
    params = snakemake.params
    study = load_study(Path(snakemake.input.study), small=params.small)
    scenario = study.scenario(snakemake.wildcards.scenario)
    table = audit_scenario(
        study, scenario, timeout=params.time_limit, tolerances=Path(snakemake.input.tolerances)
    )
    out = Path(snakemake.output[0])
    stamp = Stamper.here("audit")(out, [study.path, Path(snakemake.input.tolerances)])
    write_table(out, table, stamp)
