"""Say what came of the divergences; fail where ours is not what an oracle says."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from wemix_ref.divergences.table import failures, read_all, tell
from wemix_ref.files import write_text
from wemix_ref.running import job

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with job(snakemake.log[0]):
    results = read_all(Path(snakemake.input.record))
    told, wrong = tell(results), failures(results)
    if wrong:
        sys.exit("\n".join([told, *wrong, f"divergences where ours fails: {len(wrong)}"]))
    sys.stderr.write(f"\n{told}\n")
    write_text(Path(snakemake.output[0]), told)
