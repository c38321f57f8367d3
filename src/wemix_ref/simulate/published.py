"""Medians of errors as a source prints them, beside ours."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from wemix_ref.errors import StudyError

__all__ = ["LIMIT", "PrintedMedian", "beside_published"]

#: Ours and theirs are medians of two independent sets of replicates: a difference beyond this
#: many of its standard errors is called one. Of two dozen numbers that agree, one is called
#: different once in about 600 studies.
LIMIT = 4.0


@dataclass(frozen=True)
class PrintedMedian:
    """A printed median with ours, on the scale that it is printed on.

    Attributes
    ----------
    row, column : what the source calls the analysis and the parameter.
    analysis, parameter : ours; analysis None where we have no counterpart.
    printed : as printed.
    ours, mcse : our median and its Monte Carlo standard error; None without a counterpart.
    z : difference over its standard error, that of the printed median taken to be ours times
        sqrt(n / printed_replicates), and half a printed unit's rounding added.
    """

    row: str
    column: str
    analysis: str | None
    parameter: str
    printed: str
    ours: float | None
    mcse: float | None
    z: float | None

    @property
    def agrees(self) -> bool | None:
        """Whether the two are within Monte Carlo error; None without a counterpart."""
        return None if self.z is None else abs(self.z) <= LIMIT


def beside_published(
    content: Mapping[str, Any], performance: pd.DataFrame, directory: Path
) -> list[PrintedMedian]:
    """Put printed medians beside ours.

    Parameters
    ----------
    content : the study's key ``published``.
    performance : the study's performance measures.
    directory : of the published numbers, ``resources/published``.

    Raises
    ------
    StudyError
        If a row or a column is not in the file, or our study has no such analysis or parameter.
    """
    file = Path(directory) / content["file"]
    told = json.loads(file.read_text(encoding="utf-8"))
    scenario, scale = content["scenario"], float(content["scale"])
    rows = told[f"medians_design_{scenario}"]
    places = {
        parameter: _place(told["columns"], column, file)
        for parameter, column in content["parameters"].items()
    }
    medians = performance[
        (performance["scenario"] == scenario) & (performance["measure"] == "median_error")
    ].set_index(["analysis", "parameter"])
    replicates = int(str(told["replicates"]).split(";")[0])
    out = []
    pairs: list[tuple[str | None, str]] = list(content["analyses"].items())
    pairs += [(None, row) for row in content.get("shown", [])]
    for analysis, row in pairs:
        if row not in rows:
            raise StudyError(f"{file}: there must be a row {row!r}; found {', '.join(rows)}.")
        for parameter, place in places.items():
            printed = rows[row][place]
            column = content["parameters"][parameter]
            if analysis is None:
                out.append(PrintedMedian(row, column, None, parameter, printed, None, None, None))
                continue
            if (analysis, parameter) not in medians.index:
                raise StudyError(
                    f"published: the study must have the analysis {analysis!r} with the parameter "
                    f"{parameter!r} in scenario {scenario!r}; its performance has not."
                )
            found = medians.loc[(analysis, parameter)]
            ours, mcse = scale * float(found["estimate"]), scale * float(found["mcse"])
            theirs = mcse * (float(found["n"]) / replicates) ** 0.5
            # rounding to the printed digits spreads evenly over one unit
            rounding = 10.0 ** -len(printed.partition(".")[2]) / 12.0**0.5
            spread = (mcse**2 + theirs**2 + rounding**2) ** 0.5
            z = (ours - float(printed)) / spread
            out.append(PrintedMedian(row, column, analysis, parameter, printed, ours, mcse, z))
    return out


def _place(columns: list[str], name: str, file: Path) -> int:
    if name not in columns:
        raise StudyError(f"{file}: there must be a column {name!r}; found {', '.join(columns)}.")
    return columns.index(name)
