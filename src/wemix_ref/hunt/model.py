"""A small model on small data, kept as parts, so that each part can be changed alone."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from wemix_ref.engines.protocol import Problem

__all__ = ["Model", "Spelling", "conditional_weights", "group_codes", "times_above"]

Spelling = Literal["slash", "plus"]

#: Thetas at which every model is evaluated, by place in the list: off zero, no two alike.
_DIAGONAL = (0.6, 0.9, 0.7, 1.1, 0.8, 0.5)
_BELOW = 0.15
_NO_FILE = "0" * 64


@dataclass(frozen=True)
class Model:
    """One model and its data.

    Attributes
    ----------
    seed, number : int
        Where it comes from: model `number` of a hunt with that seed.
    data : pandas.DataFrame
        All columns that are named below and no others, index 0, 1, ...
    response : str
    covariates : tuple of str
        Columns of the fixed part.
    groups : tuple of str
        Columns of ids, lowest level first.
    slopes : tuple of (str or None)
        For each level the covariate whose slope varies there, beside the intercept.
    spelling : str
        ``slash`` for ``(1|a/b)``, ids read within the group above; ``plus`` for
        ``(1|a) + (1|b)``, ids read by themselves.
    weights : tuple of str or None
        Weight columns, level 1 first.
    conditional : bool
        Whether the weights are conditional on the group above.
    """

    seed: int
    number: int
    data: pd.DataFrame
    response: str
    covariates: tuple[str, ...]
    groups: tuple[str, ...]
    slopes: tuple[str | None, ...]
    spelling: Spelling
    weights: tuple[str, ...] | None
    conditional: bool = False

    @property
    def levels(self) -> int:
        """Number of levels, the rows' own included."""
        return 1 + len(self.groups)

    @property
    def formula(self) -> str:
        """The model as lme4's syntax has it."""
        fixed = " + ".join(self.covariates) or "1"
        if self.spelling == "slash":
            nested = "/".join(reversed(self.groups))
            return f"{self.response} ~ {fixed} + ({_effects(self.slopes[0])}|{nested})"
        terms = [
            f"({_effects(slope)}|{group})"
            for slope, group in zip(reversed(self.slopes), reversed(self.groups), strict=True)
        ]
        return f"{self.response} ~ {fixed} + {' + '.join(terms)}"

    def problem(self) -> Problem:
        """The model as engines are given it."""
        return Problem(
            case=f"hunt-{self.seed}-{self.number}",
            formula=self.formula,
            data=self.data,
            weights=None if self.weights is None else list(self.weights),
            conditional_weights=self.conditional,
            reml=False,
            center_group=None,
            center_grand=None,
            data_sha256=_NO_FILE,
        )

    def common_theta(self) -> list[float]:
        """A theta within the parameter space, the same for all models of one form."""
        theta: list[float] = []
        for slope in self.slopes:
            theta.append(_DIAGONAL[len(theta) % len(_DIAGONAL)])
            if slope is not None:
                theta += [_BELOW, _DIAGONAL[len(theta) % len(_DIAGONAL)]]
        return theta

    def unconditional(self) -> NDArray[np.float64]:
        """Unconditional weights, shape (rows, levels); ones without weights."""
        if self.weights is None:
            return np.ones((len(self.data), self.levels))
        values = self.data[list(self.weights)].to_numpy(dtype=float)
        if self.conditional:
            values = times_above(values)
        return values

    def total_weight(self) -> float:
        """Sum of the unconditional level-1 weights; the number of rows without weights."""
        return float(self.unconditional()[:, 0].sum())

    def is_unique(self) -> bool:
        """Whether no id of a group stands in two groups of the level above."""
        codes = group_codes(self)
        return all(
            self.data[name].nunique() == np.unique(codes[:, level]).size
            for level, name in enumerate(self.groups)
        )

    def with_weights(self, unconditional: NDArray[np.float64]) -> Model:
        """The same with other unconditional weights, shape (rows, levels)."""
        names = self.weights or tuple(f"w{level + 1}" for level in range(self.levels))
        columns = {name: unconditional[:, level] for level, name in enumerate(names)}
        return replace(self, data=self.data.assign(**columns), weights=names, conditional=False)

    def with_rows(self, rows: NDArray[np.int64]) -> Model:
        """The same with some of its rows, in the order given; a row may come twice."""
        return replace(self, data=self.data.iloc[rows].reset_index(drop=True))


def _effects(slope: str | None) -> str:
    return "1" if slope is None else slope


def group_codes(model: Model) -> NDArray[np.int64]:
    """Numbers of each row's groups, shape (rows, groups), lowest level first.

    A group is known by its id and those of all levels above it, never by pasted text.
    """
    n = len(model.data)
    above = np.zeros(n, dtype=np.int64)
    codes = np.empty((n, len(model.groups)), dtype=np.int64)
    for level in reversed(range(len(model.groups))):
        own = pd.factorize(model.data[model.groups[level]])[0].astype(np.int64)
        pairs = above * (own.max() + 1) + own
        above = np.asarray(pd.factorize(pairs)[0], dtype=np.int64)
        codes[:, level] = above
    return codes


def conditional_weights(model: Model) -> NDArray[np.float64]:
    """Weights conditional on the level above, shape (rows, levels); the top level's are its own."""
    values = model.unconditional()
    values[:, :-1] = values[:, :-1] / values[:, 1:]
    return values


def times_above(conditional: NDArray[np.float64]) -> NDArray[np.float64]:
    """Unconditional weights from conditional ones, both of shape (rows, levels)."""
    return np.asarray(np.cumprod(conditional[:, ::-1], axis=1)[:, ::-1], dtype=np.float64)
