"""Judge every printed number of published tables."""

from pathlib import Path
from typing import TYPE_CHECKING

from wemix_ref.published.judged import judge_cases
from wemix_ref.published.records import records
from wemix_ref.published.sources import load_published
from wemix_ref.published.table import write_judged
from wemix_ref.running import job
from wemix_ref.stamps import Stamper

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with job(snakemake.log[0]):
    resources = Path(snakemake.params.resources)
    published = load_published(Path(snakemake.input.config), resources)
    cases = records(judge_cases(published, resources))
    table, record = Path(snakemake.output.table), Path(snakemake.output.record)
    stamper = Stamper.here("printed")
    stamp = stamper(record, snakemake.input)
    write_judged(cases, table, record, stamper, stamp.as_dict())
