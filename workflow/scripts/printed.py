"""Judge every printed number of published tables."""

from pathlib import Path
from typing import TYPE_CHECKING

from wemix_ref.published.judged import judge_cases
from wemix_ref.published.records import records
from wemix_ref.published.sources import load_published
from wemix_ref.published.table import write_judged
from wemix_ref.running import job

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with job(snakemake.log[0]):
    resources = Path(snakemake.params.resources)
    published = load_published(Path(snakemake.input.config), resources)
    cases = records(judge_cases(published, resources))
    write_judged(cases, Path(snakemake.output.table), Path(snakemake.output.record))
