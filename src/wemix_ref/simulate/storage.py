"""Tables of replicates: parquet files that are whole, and say what they were made from."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from wemix_ref.errors import StudyError
from wemix_ref.files import write_bytes

__all__ = [
    "COLUMNS",
    "chunk_name",
    "hash_of_rows",
    "known_replicates",
    "made_from_of",
    "read_rows",
    "write_rows",
]

#: Columns: scenario; replicate, from 0; analysis; status, "ok" or "failed"; message, why it
#: failed; converged and singular, null where failed, converged also where the engine does not
#: tell; deviance, -2 log pseudo-likelihood; n, rows; n_top, top groups; parameter, null where
#: failed; estimate; se, NaN where there is none; target, NaN where there is none.
COLUMNS = {
    "scenario": pa.string(),
    "replicate": pa.int64(),
    "analysis": pa.string(),
    "status": pa.string(),
    "message": pa.string(),
    "converged": pa.bool_(),
    "singular": pa.bool_(),
    "deviance": pa.float64(),
    "n": pa.int64(),
    "n_top": pa.int64(),
    "parameter": pa.string(),
    "estimate": pa.float64(),
    "se": pa.float64(),
    "target": pa.float64(),
}

_MADE_FROM = b"wemix-ref"
_ROW_GROUP = 100_000


def chunk_name(first: int, stop: int) -> str:
    """Name the file of the replicates from `first` up to, but without, `stop`."""
    return f"{first:07d}-{stop:07d}"


def write_rows(path: Path, rows: pd.DataFrame, made_from: dict[str, object]) -> None:
    """Write a table of replicates; the same rows are the same bytes.

    Parameters
    ----------
    path : the file.
    rows : with the columns of `COLUMNS`.
    made_from : kept in the file's metadata: JSON.
    """
    arrays = []
    for name, kind in COLUMNS.items():
        column = rows[name]
        if pa.types.is_floating(kind):
            # NaN is a value here, not a missing one
            arrays.append(pa.array(column.to_numpy(dtype=np.float64), type=kind, from_pandas=False))
        else:
            values = [None if pd.isna(value) else value for value in column]
            arrays.append(pa.array(values, type=kind))
    schema = pa.schema(
        list(COLUMNS.items()), metadata={_MADE_FROM: json.dumps(made_from, sort_keys=True).encode()}
    )
    sink = pa.BufferOutputStream()
    table = pa.Table.from_arrays(arrays, schema=schema)
    pq.write_table(table, sink, row_group_size=_ROW_GROUP, compression="zstd")
    write_bytes(path, sink.getvalue().to_pybytes())


def hash_of_rows(rows: pd.DataFrame) -> str:
    """SHA-256 of a table of replicates, however it is stored: column by column, every bit."""
    digest = hashlib.sha256()
    for name, kind in COLUMNS.items():
        digest.update(f"{name}\n".encode())
        if pa.types.is_floating(kind):
            digest.update(rows[name].to_numpy(dtype="<f8").tobytes())
        else:
            values = [None if pd.isna(value) else value for value in rows[name].tolist()]
            digest.update(json.dumps(values).encode())
    return digest.hexdigest()


def read_rows(path: Path) -> pd.DataFrame:
    """Read a table of replicates.

    Raises
    ------
    StudyError
        If the file is no such table.
    """
    try:
        table = pq.read_table(path)
    except (OSError, pa.ArrowInvalid) as error:
        raise StudyError(f"{path}: the file must be a table of replicates: {error}") from error
    if table.column_names != list(COLUMNS):
        raise StudyError(
            f"{path}: a table of replicates has the columns {', '.join(COLUMNS)}; found "
            f"{', '.join(table.column_names)}. Remove the file and run again."
        )
    return table.to_pandas()


def made_from_of(path: Path) -> dict[str, object]:
    """Read what a table of replicates says it was made from.

    Raises
    ------
    StudyError
        If the file is no such table, or says nothing.
    """
    try:
        metadata = pq.read_schema(path).metadata or {}
        content = json.loads(metadata.get(_MADE_FROM, b"null"))
    except (OSError, pa.ArrowInvalid, ValueError) as error:
        raise StudyError(f"{path}: the file must be a table of replicates: {error}") from error
    if not isinstance(content, dict):
        raise StudyError(
            f"{path}: a table of replicates must say what it was made from; this one says "
            "nothing. Remove the file and run again."
        )
    return content


def known_replicates(
    directory: Path, scenario: str, made_from: dict[str, object], wanted: Sequence[int]
) -> Iterator[pd.DataFrame]:
    """Yield rows of wanted replicates that files of any chunk size hold already.

    A file counts where it was made from the same; one that cannot be read does not.

    Parameters
    ----------
    directory, scenario : where chunks are.
    made_from : what a file's metadata must say.
    wanted : numbers of replicates; none is yielded twice.
    """
    missing = set(wanted)
    for path in sorted((Path(directory) / scenario).glob("*.parquet")):
        first, stop = (int(part) for part in path.stem.split("-"))
        here = missing.intersection(range(first, stop))
        if not here:
            continue
        try:
            if made_from_of(path) != made_from:
                continue
            rows = read_rows(path)
        except (StudyError, OSError, pa.ArrowInvalid, ValueError):
            continue
        rows = rows[rows["replicate"].isin(here)]
        missing -= set(rows["replicate"])
        yield rows
