"""Make the figures of these pages: ``python docs/figures.py`` writes them beside this file."""

from __future__ import annotations

import sys
from pathlib import Path

import matplotlib as mpl
import pandas as pd
from matplotlib.figure import Figure

from wemix_ref import mix

HERE = Path(__file__).resolve().parent
SCHOOL = HERE.parent / "resources" / "data" / "three-level-school.csv"


def v_matrix() -> Figure:
    """Z and both V of two schools, one of each weighted three-level fit's."""
    fit = mix("y ~ x1 + (1|sch/tch)", pd.read_csv(SCHOOL), ["w1", "w2", "w3"])
    figure = Figure(figsize=(14.5, 4.6), layout="constrained")
    left, middle, right = figure.subplots(1, 3)
    rows = slice(0, 30)
    fit.plot_matrix("Z", rows=rows, ax=left)
    fit.plot_matrix("V", rows=rows, ax=middle)
    fit.plot_matrix("V", kind="working", rows=rows, ax=right)
    return figure


FIGURES = {"v-matrix.svg": v_matrix}


def main(directory: Path = HERE) -> None:
    """Write every figure into a directory, with the same bytes each time."""
    for name, make in FIGURES.items():
        with mpl.rc_context({"svg.hashsalt": name, "svg.fonttype": "none"}):
            make().savefig(directory / name, metadata={"Date": None})


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:2]))
