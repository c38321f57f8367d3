"""Data for timing: drawn with a seed, kept as one binary file a column, read back without copies.

The population: y = 1 + sum_k beta_k x_k + sum over levels (u0 + u1 x1) + e, all normal, e with
standard deviation 1. Groups differ in size; rows stand group after group.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from wemix_ref.bench.specs import DataSpec, EngineSpec

__all__ = ["Columns", "frame_of", "read_columns", "write_columns"]

#: Standard deviations of the intercepts and of the slopes of groups.
INTERCEPT, SLOPE = 0.6, 0.3

Array = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Columns:
    """Columns in a directory.

    Attributes
    ----------
    directory : holds ``<name>.bin``: 4-byte integers of groups, 8-byte numbers of all else, in the
        machine's order.
    ids, numbers : names of the columns.
    rows : of each.
    starts : (replicates + 1,) first row of each replicate, and the end.
    """

    directory: Path
    ids: tuple[str, ...]
    numbers: tuple[str, ...]
    rows: int
    starts: tuple[int, ...]

    def path(self, name: str) -> Path:
        """File of a column."""
        return self.directory / f"{name}.bin"


def write_columns(spec: DataSpec, directory: Path) -> Columns:
    """Draw data and write them.

    Parameters
    ----------
    spec : what is drawn; the same spec gives the same bytes.
    directory : made if needed.
    """
    directory.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(spec.seed)
    codes, starts = _groups(spec, rng)
    rows = starts[-1]
    y = np.full(rows, 1.0)
    numbers = ["y"]
    x1: Array = np.zeros(rows)
    for k in range(spec.covariates):
        x = rng.standard_normal(rows)
        _write(directory / f"x{k + 1}.bin", x)
        numbers.append(f"x{k + 1}")
        y += (0.5 if k == 0 else -0.25 / k) * x
        if k == 0:
            x1 = x
    for position, code in enumerate(codes):
        _write(directory / f"{spec.group_names[position]}.bin", code.astype(np.int32))
        n_groups = int(code[-1]) + 1
        y += (INTERCEPT * rng.standard_normal(n_groups))[code]
        if position + 2 in spec.slopes:
            y += (SLOPE * rng.standard_normal(n_groups))[code] * x1
    if spec.weighted:
        numbers += _write_weights(spec, codes, rng, directory)
    y += rng.standard_normal(rows)
    _write(directory / "y.bin", y)
    return Columns(directory, spec.group_names, tuple(numbers), rows, tuple(starts))


def _write(path: Path, values: np.ndarray) -> None:
    with path.open("wb") as file:
        values.tofile(file)


def _write_weights(
    spec: DataSpec, codes: list[Ints], rng: np.random.Generator, directory: Path
) -> list[str]:
    """Unconditional weights, each that of the level above times a number from 1 to 3."""
    above: Array = np.ones(codes[-1].size)
    names = [f"w{k + 1}" for k in range(spec.levels)]
    for position in reversed(range(len(codes))):
        code = codes[position]
        above = above * rng.uniform(1.0, 3.0, int(code[-1]) + 1)[code]
        _write(directory / f"{names[position + 1]}.bin", above)
    _write(directory / "w1.bin", above * rng.uniform(1.0, 3.0, above.size))
    return names


def _groups(spec: DataSpec, rng: np.random.Generator) -> tuple[list[Ints], list[int]]:
    """Group of each row by level, level 2 first, unique over replicates; where replicates start."""
    if spec.groups:
        counts = [size for count, size in spec.groups for _ in range(count)]
        return [np.repeat(np.arange(len(counts)), counts)], [0, spec.rows]
    parts: list[list[Ints]] = [[] for _ in spec.sizes]
    starts, offsets = [0], [0] * len(spec.sizes)
    for _ in range(spec.replicates):
        members = spec.rows
        code: Ints | None = None
        for position, size in enumerate(spec.sizes):
            n_groups = max(members // size, 2)
            of_member = _split(members, n_groups, rng)
            code = of_member if code is None else of_member[code]
            parts[position].append(code + offsets[position])
            members = n_groups
            offsets[position] += n_groups
        starts.append(starts[-1] + spec.rows)
    return [np.concatenate(part) for part in parts], starts


def _split(members: int, n_groups: int, rng: np.random.Generator) -> Ints:
    """Group of each member: sizes from half to one and a half times their mean, never zero."""
    spare = members - n_groups
    share = np.cumsum(rng.uniform(0.5, 1.5, n_groups))
    ends = np.arange(1, n_groups + 1) + np.floor(share / share[-1] * spare).astype(np.int64)
    ends[-1] = members
    return np.repeat(np.arange(n_groups), np.diff(ends, prepend=0))


def read_columns(columns: Columns) -> dict[str, np.ndarray]:
    """Read all columns: groups as 8-byte integers, as pandas has them."""
    found: dict[str, np.ndarray] = {
        name: np.fromfile(columns.path(name), dtype=np.float64) for name in columns.numbers
    }
    for name in columns.ids:
        found[name] = np.fromfile(columns.path(name), dtype=np.int32).astype(np.int64)
    return found


def frame_of(
    columns: dict[str, np.ndarray], ids: tuple[str, ...], engine: EngineSpec
) -> pd.DataFrame:
    """Columns as a data frame, without copies where rows and ids stay as they are."""
    frame = pd.DataFrame(columns, copy=False)
    if engine.order == "shuffled":
        order = np.random.default_rng(0).permutation(len(frame))
        frame = frame.iloc[order].reset_index(drop=True)
    for name in ids:
        if engine.ids == "text":
            frame[name] = "id" + frame[name].astype(str)
        elif engine.ids == "category":
            frame[name] = frame[name].astype("category")
    return frame
