"""Show one divergence: R live or as recorded, ours, the oracles, and a page about it."""

from pathlib import Path
from typing import TYPE_CHECKING

from wemix_ref.divergences.demonstrate import demonstrate
from wemix_ref.divergences.pages import page
from wemix_ref.divergences.specs import load_divergence
from wemix_ref.files import write_json, write_text
from wemix_ref.running import job

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with job(snakemake.log[0]):
    params = snakemake.params
    spec = load_divergence(Path(snakemake.input.spec), resources=Path(params.resources))
    result = demonstrate(spec, live=True, timeout=params.time_limit)
    write_text(Path(snakemake.output.page), page(spec, result))
    write_json(Path(snakemake.output.result), result)
