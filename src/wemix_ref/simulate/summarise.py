"""From chunks to the tables of a study: its replicates by scenario, and how the analyses did."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from wemix_ref.errors import StudyError
from wemix_ref.performance import paired, performance
from wemix_ref.simulate.chunks import gather, made_with_of
from wemix_ref.simulate.storage import hash_of_rows, write_rows
from wemix_ref.simulate.study import Study
from wemix_ref.stamps import Stamp, Stamper, write_stamped

__all__ = ["summarise", "write_table"]


def summarise(
    study: Study, chunks: Sequence[Path], out: Path, stamper: Stamper | None = None
) -> None:
    """Write the tables of a study.

    Parameters
    ----------
    study : the study.
    chunks : the files of its jobs, ``.../<scenario>/<first>-<stop>.parquet``.
    out : where ``replicates/<scenario>.parquet``, ``performance.csv`` and ``paired.csv`` go.
    stamper : stamps them. How the replicates were cut into chunks is no part of the stamps: those
        of replicates have the hash of their rows, the others those of the replicates.

    Raises
    ------
    StudyError
        If chunks were not made with the same code, libraries and loops: their last bits, or more,
        are of two programs.

    Notes
    -----
    Scenarios are taken one at a time, so memory is that of one scenario's replicates.
    """
    level, distribution = study.interval.level, study.interval.distribution
    measures: list[pd.DataFrame] = []
    pairs: list[pd.DataFrame] = []
    replicates: list[Path] = []
    first: tuple[str, dict[str, object]] | None = None
    for scenario in study.scenarios:
        own = [path for path in chunks if path.parent.name == scenario.name]
        made_with = made_with_of(scenario, own)
        _same_libraries(scenario.name, made_with, first)
        first = first or (scenario.name, made_with)
        rows = gather(own)
        path = out / "replicates" / f"{scenario.name}.parquet"
        made_from: dict[str, object] = {"study": study.name, "scenario": scenario.fingerprint}
        made_from["made_with"] = made_with
        if stamper:
            read = {f"rows of the chunks of {scenario.name}": hash_of_rows(rows)}
            made_from["stamp"] = stamper(path, [study.path], read).as_dict()
        write_rows(path, rows, made_from)
        replicates.append(path)
        measures.append(performance(rows, level=level, interval=distribution, seed=study.seed))
        if len(set(rows["analysis"])) > 1:
            pairs.append(paired(rows, study.compare_with, level=level, interval=distribution))
    path = out / "performance.csv"
    stamp = stamper(path, [study.path, *replicates]) if stamper else None
    write_table(path, pd.concat(measures, ignore_index=True), stamp)
    columns = ["scenario", "analysis", "reference", "parameter", "measure", "estimate", "mcse", "n"]
    empty = pd.DataFrame(columns=columns)
    write_table(out / "paired.csv", pd.concat(pairs, ignore_index=True) if pairs else empty, stamp)


def _same_libraries(
    name: str, made_with: dict[str, object], first: tuple[str, dict[str, object]] | None
) -> None:
    """Scenarios with R have more code; what else both were made with must be the same."""
    if first is None:
        return
    for key in sorted({*made_with} & {*first[1]} - {"code"}):
        if made_with[key] != first[1][key]:
            raise StudyError(
                f"the scenarios of a study must be made with the same; {key} is "
                f"{first[1][key]!r} in {first[0]!r} and {made_with[key]!r} in {name!r}. Remove the "
                "chunks of one and run again, without `--rerun-triggers mtime`."
            )


def write_table(path: Path, table: pd.DataFrame, stamp: Stamp | None = None) -> None:
    """Write a table as CSV, numbers with all their digits, and its stamp."""
    write_stamped(path, table.to_csv(index=False, lineterminator="\n"), stamp)
