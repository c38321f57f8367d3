"""Compare the records of a case, number by number."""

from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from wemix_ref.cases import load_case
from wemix_ref.compare import compare_case
from wemix_ref.engines.record import read_record
from wemix_ref.files import write_json
from wemix_ref.prepare import read_problem
from wemix_ref.running import job
from wemix_ref.tolerances import load_tolerances

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with job(snakemake.log[0]):
    given = snakemake.input
    records = {Path(path).stem: read_record(Path(path)) for path in given.records}
    comparison = compare_case(
        load_case(Path(given.case), resources=Path(snakemake.params.resources)),
        read_problem(Path(given.problem).parent),
        records,
        dict(zip(records, map(pd.read_parquet, given.matrices), strict=True)),
        load_tolerances(Path(given.tolerances)),
        read_record(Path(given.twin[0])) if given.twin else None,
    )
    write_json(Path(snakemake.output[0]), comparison)
