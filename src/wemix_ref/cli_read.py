"""Read the file that the command line is given."""

from __future__ import annotations

import csv
import re
import zlib
from collections.abc import Sequence
from lzma import LZMAError
from pathlib import Path
from typing import TYPE_CHECKING, Literal
from zipfile import BadZipFile

from wemix_ref.cli_text import one_line
from wemix_ref.csv_numbers import read_csv
from wemix_ref.errors import DataError, OptionError
from wemix_ref.extras import how_to_install

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["read_data"]

PARQUET = (".parquet", ".pq")

#: Endings by which pandas unpacks a file.
_PACKED = (".gz", ".bz2", ".zip", ".xz", ".zst", ".tar")

#: What a file that is no CSV, or a packed one that is damaged, may raise in pandas.
_NOT_CSV = (ValueError, EOFError, re.error, csv.Error, zlib.error, LZMAError, BadZipFile)


def read_data(path: Path, text: Sequence[str], separator: str | None) -> pd.DataFrame:
    """Data of a file, whose name says what it is.

    Parameters
    ----------
    path : parquet where the name ends in .parquet or .pq, CSV with a header otherwise.
    text : columns of a CSV file that are read as text.
    separator : of a CSV file; None is a comma.

    Raises
    ------
    DataError, OptionError
        The file cannot be read, or the options do not suit it.
    """
    if separator == "":
        raise OptionError("--sep must be one character or more; found none.")
    if path.suffix.lower() not in PARQUET:
        return _read_csv(path, text, "," if separator is None else separator)
    if text or separator is not None:
        raise OptionError(
            f"--sep and --text are for CSV files; {path} is parquet, whose columns have types. "
            "Leave them out."
        )
    return _read_parquet(path)


def _read_parquet(path: Path) -> pd.DataFrame:
    from wemix_ref.frames import as_pandas

    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ModuleNotFoundError as problem:
        raise DataError(
            f"{path} is parquet, which is read through pyarrow; it is not installed. "
            f"{how_to_install('pyarrow')} Or give a CSV file."
        ) from problem
    try:
        with path.open("rb") as stream, pq.ParquetFile(stream) as file:
            # without pandas' metadata an index that was stored is a column like any other
            table = file.read().replace_schema_metadata(None)
    except (OSError, ValueError, pa.ArrowException) as problem:
        told = getattr(problem, "strerror", None) or one_line(problem).rstrip(".")
        raise DataError(f"{path} must be a readable parquet file: {told}.") from problem
    return as_pandas(table)


def _read_csv(path: Path, text: Sequence[str], separator: str) -> pd.DataFrame:
    import pandas as pd

    _check_text(path)
    try:
        data = read_csv(
            path.absolute(),  # what begins with / is never read from a network
            dtype=dict.fromkeys(text, str),
            sep=separator,
            engine="c" if len(separator) == 1 else "python",
        )
    except OSError as problem:
        told = problem.strerror or one_line(problem).rstrip(".")
        raise DataError(f"{path} must be a readable CSV file: {told}.") from problem
    except _NOT_CSV as problem:
        told = one_line(problem).rstrip(".")
        raise DataError(f"{path} must be a CSV file with a header: {told}.") from problem
    if data.shape[1] == 1 and any(mark in str(data.columns[0]) for mark in ";\t,|"):
        raise DataError(
            f"{path} must have several columns separated by {separator!r}; its header is one: "
            f"{data.columns[0]!r}. Say what separates them with --sep."
        )
    if not isinstance(data.index, pd.RangeIndex):
        raise DataError(
            f"{path} must have a name for each column; its rows have more cells than its header, "
            f"which names {data.shape[1]}. Correct the header."
        )
    _check_once(path, list(map(str, data.columns)), separator)
    unknown = [name for name in text if name not in data.columns]
    if unknown:
        raise DataError(f"--text must name columns of {path}; {unknown[0]!r} is none.")
    return data


def _check_text(path: Path) -> None:
    """Refuse a NUL: a cell that holds nothing else would count as missing."""
    if path.suffix.lower() in _PACKED:
        return
    lines = 1
    try:
        if not path.is_file():  # a pipe can be read once only
            return
        with path.open("rb") as stream:
            while block := stream.read(1 << 20):
                place = block.find(b"\0")
                if place >= 0:
                    break
                lines += block.count(b"\n")
            else:
                return
    except (OSError, ValueError):  # told where the file is read
        return
    if place < 4 and lines == 1 and block[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return  # UTF-16, told as such
    lines += block.count(b"\n", 0, place)
    raise DataError(
        f"{path} must be a CSV file of text; line {lines} holds a NUL character. Write the file "
        "again."
    )


def _check_once(path: Path, columns: Sequence[str], separator: str) -> None:
    """Refuse a name that stands twice, which pandas makes two names of: x and x.1."""
    import pandas as pd

    made = re.compile(r"(.*)\.[1-9]\d*", re.DOTALL)
    known = set(columns)
    suspect = [name for name in columns if (m := made.fullmatch(name)) and m[1] in known]
    if not suspect or not path.is_file():  # what is no file cannot be read again
        return
    engine: Literal["c", "python"] = "c" if len(separator) == 1 else "python"
    header = pd.read_csv(
        path.absolute(), header=None, nrows=1, dtype=str, sep=separator, engine=engine
    )
    names = [str(name) for name in header.iloc[0]]
    twice = [name for name in dict.fromkeys(names) if names.count(name) > 1]
    if twice:
        more = "" if len(twice) == 1 else f", and {len(twice) - 1} others more than once"
        raise DataError(
            f"{path} must have each column once; its header has {twice[0]!r} "
            f"{names.count(twice[0])} times{more}. Rename the columns."
        )
