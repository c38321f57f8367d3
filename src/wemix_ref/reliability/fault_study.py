"""The study that faults are put into, and what is told of each."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["STUDY", "Outcome"]

STUDY = """
title: Faults
aims: To be finished in the end.
seed: 9
replicates: 8
chunk: 2
factors: {informative: [false, true]}
population:
  levels: {school: {size: 12}, student: {size: 6}}
  covariates: {x: {level: student, distribution: normal}}
  model:
    response: y
    fixed: {"(Intercept)": 1, x: 0.5}
    random: {school: {sd: 1}}
    residual: {sd: 1}
sampling:
  school: {method: sampford, size: 8, measure: "exp(where(informative, 0.5, 0) * u_school)"}
model: y ~ x + (1 | school)
analyses: {unweighted: {weights: none}, weighted: {weights: all}}
"""


@dataclass(frozen=True)
class Outcome:
    """What came of one fault.

    Attributes
    ----------
    struck : whether the fault came before the work's end.
    wrong : what is not as it must be; empty: all is.
    """

    struck: bool
    wrong: str
