"""What is timed in Python: prepared outside of the clock, run inside."""

from __future__ import annotations

import warnings
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from wemix_ref.bench.data import frame_of
from wemix_ref.bench.specs import EngineSpec
from wemix_ref.design import Design, build_design
from wemix_ref.fit import fit_design, fit_designs, mix
from wemix_ref.results import FittedModel

__all__ = ["SUBJECTS", "Answer", "Data", "Subject"]

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Data:
    """What a subject is given.

    Attributes
    ----------
    columns : by name, groups as integers.
    ids : names of the grouping factors.
    starts : first row of each replicate, and the end.
    formula, weights : the model.
    """

    columns: dict[str, np.ndarray]
    ids: tuple[str, ...]
    starts: tuple[int, ...]
    formula: str
    weights: list[str] | None

    @property
    def input_bytes(self) -> int:
        """Size of the numeric columns, ids among them."""
        return sum(values.nbytes for values in self.columns.values())


@dataclass(frozen=True)
class Answer:
    """What a run gave; numbers by which answers are compared, and counts of what it took."""

    deviance: float | None = None
    evaluations: int | None = None
    hessians: int | None = None
    fits: int = 1


class Subject(ABC):
    """One program in one measurement."""

    def __init__(self, spec: EngineSpec, data: Data) -> None:
        self.spec, self.data = spec, data
        self.prepare()

    @abstractmethod
    def prepare(self) -> None:
        """Do what the clock does not see."""

    @abstractmethod
    def renew(self) -> None:
        """Before each run: leave nothing of the last one that would make the next quicker."""

    @abstractmethod
    def run(self) -> Answer:
        """Do what is timed."""


def _read(fit: FittedModel) -> Answer:
    """Standard errors of everything; they are computed when asked for."""
    fit.bse  # noqa: B018
    fit.variance_components  # noqa: B018
    return Answer(fit.deviance, fit.optimizer.evaluations, fit.optimizer.hessians)


def _numbers(fit: FittedModel) -> Answer:
    fit.estimates()
    return Answer(fit.deviance, fit.optimizer.evaluations, fit.optimizer.hessians)


def _design(data: Data, frame: pd.DataFrame) -> Design:
    return build_design(data.formula, frame, data.weights)


class FromFrame(Subject):
    """`mix` of a data frame, every standard error read."""

    def prepare(self) -> None:
        """Make the data frame."""
        self.frame = frame_of(self.data.columns, self.data.ids, self.spec)

    def renew(self) -> None:
        """Nothing: a data frame holds nothing of a fit."""

    def run(self) -> Answer:
        """Fit."""
        return _read(mix(self.data.formula, self.frame, self.data.weights))


class FromArrays(Subject):
    """`fit_design` of a design that was built before: cross-products, optimum, standard errors."""

    def prepare(self) -> None:
        """Build the design, and let go of the data frame."""
        design = _design(self.data, frame_of(self.data.columns, self.data.ids, self.spec))
        self.design = replace(design, source=None, training=None)
        self.data.columns.clear()

    def renew(self) -> None:
        """A new design of the same arrays, so that nothing that was derived is kept."""
        self.design = replace(self.design)

    def run(self) -> Answer:
        """Fit."""
        return _read(fit_design(self.design))


class CrossProduct(Subject):
    """One weighted cross-product M'(wM) of M = [Z X y] by NumPy: what any fit must at least do."""

    def prepare(self) -> None:
        """Lay the columns out, rows contiguous."""
        design = _design(self.data, frame_of(self.data.columns, self.data.ids, self.spec))
        parts: Sequence[Array] = [level.Z for level in design.levels]
        self.M = np.ascontiguousarray(np.column_stack([*parts, design.X, design.y]))
        self.w = np.ascontiguousarray(design.omega)
        self.data.columns.clear()

    def renew(self) -> None:
        """Nothing."""

    def run(self) -> Answer:
        """Multiply."""
        product = self.M.T @ (self.w[:, None] * self.M)
        assert product.shape[0] == self.M.shape[1]
        return Answer()


class Statsmodels(Subject):
    """MixedLM at its defaults, ML, given y, X, Z and groups as arrays."""

    def prepare(self) -> None:
        """Build the arrays by our reading of the formula."""
        self.design = _design(self.data, frame_of(self.data.columns, self.data.ids, self.spec))

    def renew(self) -> None:
        """Nothing: the model is made in the clock."""

    def run(self) -> Answer:
        """Fit."""
        from statsmodels.regression.mixed_linear_model import MixedLM

        level = self.design.levels[0]
        model: Any = MixedLM(self.design.y, self.design.X, level.codes, exog_re=level.Z)
        result = model.fit(reml=False)
        result.bse_fe  # noqa: B018
        return Answer(-2.0 * float(result.llf))


class _Replicates(Subject):
    """Many small samples, as in a simulation study."""

    def frames(self) -> list[pd.DataFrame]:
        """A data frame each."""
        whole = frame_of(self.data.columns, self.data.ids, self.spec)
        starts = self.data.starts
        return [whole.iloc[first:end].reset_index(drop=True) for first, end in pairwise(starts)]


class StudyFrames(_Replicates):
    """`mix` of one data frame after the other."""

    def prepare(self) -> None:
        """Make the data frames."""
        self.samples = self.frames()

    def renew(self) -> None:
        """Nothing."""

    def run(self) -> Answer:
        """Fit them all."""
        answers = [
            _read(mix(self.data.formula, sample, self.data.weights)) for sample in self.samples
        ]
        return _sum(answers)


class StudyArrays(_Replicates):
    """`fit_designs` of designs that were built before."""

    def prepare(self) -> None:
        """Build the designs."""
        self.designs = [_design(self.data, sample) for sample in self.frames()]

    def renew(self) -> None:
        """New designs of the same arrays."""
        self.designs = [replace(design) for design in self.designs]

    def run(self) -> Answer:
        """Fit them all, and read estimates and standard errors as a study reads them."""
        return _sum([_numbers(fit) for fit in fit_designs(self.designs)])


class StudyAlone(StudyArrays):
    """`fit_design` of one design after the other, built before."""

    def run(self) -> Answer:
        """Fit them all."""
        return _sum([_read(fit_design(design)) for design in self.designs])


def _sum(answers: Sequence[Answer]) -> Answer:
    return Answer(
        sum(one.deviance or 0.0 for one in answers),
        sum(one.evaluations or 0 for one in answers),
        sum(one.hessians or 0 for one in answers),
        len(answers),
    )


#: By name in config/bench.yaml.
SUBJECTS: dict[str, type[Subject]] = {
    "frame": FromFrame,
    "arrays": FromArrays,
    "cross-product": CrossProduct,
    "statsmodels": Statsmodels,
    "study-frames": StudyFrames,
    "study-arrays": StudyArrays,
    "study-alone": StudyAlone,
}


def quietly(subject: Subject) -> Answer:
    """Run without warnings: what a program warns of is not what is measured."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return subject.run()
