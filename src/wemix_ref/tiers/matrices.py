"""V, Z and G element by element, at the other engine's theta."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import scipy.sparse as sp

from wemix_ref.tiers.ours import Ours, labelled_components
from wemix_ref.tiers.three_ways import covariance_by_kronecker
from wemix_ref.tolerances import Tolerances
from wemix_ref.verdicts import Number, judge, matrix_digits

__all__ = ["matrices", "read_matrix"]


def read_matrix(table: pd.DataFrame, name: str, shape: tuple[int, int]) -> sp.csr_array:
    """Return one matrix of a table of entries (columns matrix, row, col, value)."""
    part = table[table["matrix"] == name]
    entries = (part["value"].to_numpy(), (part["row"].to_numpy(), part["col"].to_numpy()))
    return sp.csr_array(sp.coo_array(entries, shape=shape))


def matrices(
    ours: Ours,
    record: Mapping[str, Any],
    table: pd.DataFrame | None,
    *,
    engine: str,
    software: str,
    source: str,
    tolerances: Tolerances,
    precision: bool,
) -> list[Number]:
    """Compare V, Z and G at the engine's own optimum.

    An engine that gives no matrices is held to its variance components: G is built from them,
    and V from G, our Z and its residual variance.

    Parameters
    ----------
    ours : our side.
    record : the engine's fit record.
    table : entries of its matrices; None or empty where it gives none.
    engine, software, source : names for the numbers made; `software` chooses the tolerance.
    tolerances : what must agree.
    precision : whether the engine was given precision weights, another model.
    """
    point = record["optimum"]
    model = ours.at(point["theta"]["values"])
    own = {"Z": model.Z(), "G": model.G(), "V": model.V("marginal")}
    if table is not None and len(table):
        theirs = {
            name: read_matrix(table, name, tuple(shape))
            for name, shape in record["matrix_shapes"].items()
        }
        origin = "its own Z, G and V"
    else:
        rows = point.get("variance_components") or ours.components_at(
            point["theta"]["values"], point["sigma"]
        )
        Z = model.Z()
        G = covariance_by_kronecker(ours.design, rows)
        residual = labelled_components(rows)["Residual"]["vcov"]
        theirs = {"G": G, "V": sp.csr_array(Z @ G @ Z.T + residual * sp.eye_array(Z.shape[0]))}
        origin = "G and V built from its variance components"
    numbers = []
    for name in ("Z", "G", "V"):
        if name not in theirs:
            continue
        tolerance = tolerances.find("matrices", name, software)
        required = None if precision else tolerance.value
        digits = matrix_digits(own[name], theirs[name])
        verdict, ok = judge(digits, required)
        numbers.append(
            Number(
                "matrices",
                engine,
                name,
                f"{own[name].shape[0]} x {own[name].shape[1]}",
                _largest(own[name]),
                _largest(theirs[name]),
                f"{source}: {origin}",
                f"{engine}-optimum",
                digits,
                required,
                verdict,
                ok,
                f"Largest entries are shown. {tolerance.why}",
            )
        )
    return numbers


def _largest(matrix: sp.csr_array) -> float:
    """The entry of largest size, with its sign."""
    values = np.asarray(matrix.data)
    return float(values[np.abs(values).argmax()]) if values.size else 0.0
