"""Make a data set's columns again from their sources; fail where the file differs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from wemix_ref.rebuild import rebuild

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

report = rebuild(snakemake.wildcards.dataset)
report.write(Path(snakemake.output[0]).parent)
report.raise_if_different()
