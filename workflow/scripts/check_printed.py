"""Say how the printed numbers came out; fail where one differs."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from wemix_ref.files import write_text
from wemix_ref.published.table import failures, read_judged, tell
from wemix_ref.running import job

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with job(snakemake.log[0]):
    cases = read_judged(snakemake.input.record)
    told, wrong = tell(cases), failures(cases)
    if wrong:
        sys.exit("\n".join([told, *wrong, f"printed numbers that differ: {len(wrong)}"]))
    sys.stderr.write(f"\n{told}\n")
    write_text(Path(snakemake.output[0]), told)
