"""The comparison of a case, from the files of its fits to its own."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from wemix_ref.cases import load_case
from wemix_ref.compare import compare_case
from wemix_ref.engines.record import read_record
from wemix_ref.files import write_json
from wemix_ref.prepare import read_problem
from wemix_ref.stamps import Stamper, stamped_json
from wemix_ref.tolerances import load_tolerances

__all__ = ["compare_files"]


def compare_files(
    case: Path,
    tolerances: Path,
    problem: Path,
    records: Iterable[Path],
    matrices: Iterable[Path],
    twin: Path | None,
    resources: Path,
    out: Path,
    stamper: Stamper,
) -> None:
    """Write the comparison of the records of a case; see :func:`wemix_ref.compare.compare_case`.

    Parameters
    ----------
    case, tolerances : their files.
    problem : directory of the prepared problem.
    records, matrices : of the engines, in the same order; files ``<engine>.json``.
    twin : the record of the case that has the same answer; None: there is none.
    resources : directory of ``data/``.
    out : the JSON file. stamper : stamps it.
    """
    records, matrices = list(records), list(matrices)
    found = {Path(path).stem: read_record(Path(path)) for path in records}
    asked = load_case(Path(case), resources=Path(resources))
    inputs = [case, tolerances, problem / "problem.json", problem / "data.csv"]
    inputs += [*records, *matrices]
    inputs += [path for path in (twin, asked.dataset.printed_rows_path) if path]
    comparison = compare_case(
        asked,
        read_problem(Path(problem)),
        found,
        dict(zip(found, map(pd.read_parquet, matrices), strict=True)),
        load_tolerances(Path(tolerances)),
        read_record(Path(twin)) if twin else None,
    )
    write_json(out, stamped_json(comparison, stamper(out, inputs)))
