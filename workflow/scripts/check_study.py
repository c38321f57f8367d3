"""Fail where an analysis has no fits, R disagrees, or a printed median is not met."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from wemix_ref.csv_numbers import read_csv
from wemix_ref.errors import StudyError
from wemix_ref.files import write_text
from wemix_ref.running import job
from wemix_ref.simulate.study import load_study
from wemix_ref.simulate.verdict import judge

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with job(snakemake.log[0]):
    study = load_study(Path(snakemake.input.study), small=snakemake.params.small)
    audit = read_csv(snakemake.input.audit)
    performance = read_csv(snakemake.input.performance)
    text, faults = judge(study, audit, performance, Path(snakemake.params.resources))
    sys.stderr.write(text)
    if faults:
        told = "\n".join(faults[:40])
        raise StudyError(f"{study.name} must stand; faults: {len(faults)}\n{told}")
    write_text(Path(snakemake.output[0]), text)
