"""Show one divergence: R live or as recorded, ours, the oracles, and a page about it."""

from pathlib import Path
from typing import TYPE_CHECKING

from wemix_ref.divergences.demonstrate import demonstrate
from wemix_ref.divergences.pages import page
from wemix_ref.divergences.specs import load_divergence
from wemix_ref.files import write_json
from wemix_ref.running import job
from wemix_ref.stamps import Stamper, write_stamped

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with job(snakemake.log[0]):
    params = snakemake.params
    spec = load_divergence(Path(snakemake.input.spec), resources=Path(params.resources))
    result = demonstrate(spec, live=True, timeout=params.time_limit)
    made, out = Path(snakemake.output.result), Path(snakemake.output.page)
    write_json(made, result)
    stamp = Stamper.here("divergence")(out, [snakemake.input.spec, made])
    write_stamped(out, page(spec, result), stamp)
