"""Fit a prepared case by one engine, at its own optimum and at the thetas of others."""

from pathlib import Path
from typing import TYPE_CHECKING

from wemix_ref.engines import get_engine
from wemix_ref.engines.record import raise_if_killed, read_record, write_result
from wemix_ref.prepare import read_problem, thetas_of
from wemix_ref.running import job

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with job(snakemake.log[0]):
    prepared = Path(snakemake.input.problem).parent
    python = read_record(Path(snakemake.input.python)) if snakemake.input.python else None
    engine = get_engine(
        snakemake.wildcards.engine, recorded_dir=Path(snakemake.params.resources) / "recorded"
    )
    result = engine.fit(
        read_problem(prepared, engine.name),
        thetas_of(prepared, python),
        timeout=snakemake.params.time_limit,
    )
    raise_if_killed(result)
    write_result(result, Path(snakemake.output.record).parent)
