"""Identities: what must hold within the estimator itself, whatever other programs say."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import scipy.sparse as sp

from wemix_ref import paper
from wemix_ref.engines.protocol import Problem
from wemix_ref.tiers.ours import Ours
from wemix_ref.tiers.three_ways import WAYS, three_ways_to_V
from wemix_ref.tolerances import Tolerances
from wemix_ref.verdicts import Number, digits_of, judge, matrix_digits

__all__ = ["identities", "r_ways_to_V", "same_answer"]


class _Maker:
    """Makes the numbers of this tier."""

    def __init__(self, tolerances: Tolerances, engine: str, at: str) -> None:
        self.tolerances, self.engine, self.at = tolerances, engine, at

    def number(self, quantity: str, name: str, ours: float, theirs: float, source: str) -> Number:
        return self.judged(quantity, name, ours, theirs, source, digits_of(ours, theirs))

    def judged(
        self, quantity: str, name: str, ours: float, theirs: float, source: str, digits: float
    ) -> Number:
        tolerance = self.tolerances.find("identities", quantity, self.engine)
        verdict, ok = judge(digits, tolerance.value)
        return Number(
            "identities",
            self.engine,
            quantity,
            name,
            ours,
            theirs,
            source,
            self.at,
            digits,
            tolerance.value,
            verdict,
            ok,
            tolerance.why,
        )


def identities(ours: Ours, tolerances: Tolerances) -> list[Number]:
    """The paper's equations, least squares with V, and three ways to V, at our optimum."""
    make = _Maker(tolerances, "python", "python-optimum")
    model = ours.at(ours.optimum, "model")
    equations = paper.evaluate(ours.design, ours.optimum, ours.problem.reml)
    source = "Bailey (2018), QR of eq. 60"
    numbers = [
        make.number("paper_deviance", "", model.deviance, equations.deviance, source),
        make.number("paper_sigma", "", model.sigma, equations.sigma, source),
    ]
    names = list(ours.design.x_names)
    for name, value in zip(names, equations.beta, strict=True):
        numbers.append(make.number("paper_beta", name, model.params[name], value, source))
    kind = "V_w" if ours.design.weighted else "V"
    by_gls = ours.gls_beta(ours.optimum)
    for name in names:
        text = f"generalised least squares with {kind}"
        numbers.append(make.number("gls_beta", name, model.params[name], by_gls[name], text))
    return numbers + _three_ways(ours, make)


def _three_ways(ours: Ours, make: _Maker) -> list[Number]:
    model = ours.at(ours.optimum, "model")
    V = model.V("marginal")
    largest = float(abs(V).max())
    rows = ours.point(ours.optimum, "model")["variance_components"]
    numbers = []
    for name, order in (("rows as they stand", None), ("rows shuffled", _shuffle(ours.problem))):
        design, wanted = ours.design, V
        if order is not None:
            shuffled = Ours(_reordered(ours.problem, order), ours.optimum)
            design = shuffled.design
            # rows kept, in the shuffled order
            position = {row: i for i, row in enumerate(ours.design.index)}
            kept = [position[row] for row in design.index]
            wanted = sp.csr_array(V[kept][:, kept])
        ways = three_ways_to_V(design, rows, ours.optimum, model.sigma)
        for way in WAYS:
            digits = matrix_digits(wanted, ways[way])
            found = float(abs(ways[way]).max())
            text = f"V by {way}, largest entry shown"
            numbers.append(make.judged(f"V_{way}", name, largest, found, text, digits))
    return numbers


def _shuffle(problem: Problem) -> np.ndarray:
    """An order of the rows that keeps no two neighbours, the same every time."""
    return np.random.default_rng(0).permutation(len(problem.data))


def _reordered(problem: Problem, order: np.ndarray) -> Problem:
    data = problem.data.reset_index(drop=True).iloc[order]
    return Problem(**{**vars(problem), "data": data})


def r_ways_to_V(
    ours: Ours, record: Mapping[str, Any], source: str, tolerances: Tolerances
) -> list[Number]:
    """The three ways to V as R makes them, and least squares with each, at lme4's optimum."""
    told = record.get("v_three_ways")
    if not told:
        return []
    make = _Maker(tolerances, record["engine"], f"{record['engine']}-optimum")
    model = ours.at(record["optimum"]["theta"]["values"])
    largest = told["largest_entry"]
    numbers = []
    for way, gap in told["max_difference"].items():
        text = f"{source}, V by {way} in R; largest entry, and with the largest difference"
        numbers.append(make.number(f"V_{way}", "in R", largest, largest + gap, text))
    for way, beta in told["gls_beta"].items():
        for name, value in beta.items():
            text = f"{source}, least squares with V by {way} in R"
            mine = float(model.params.get(name, np.nan))
            numbers.append(make.number("gls_beta", f"{name}, {way}", mine, value, text))
    return numbers


def same_answer(
    ours: Ours, twin: Mapping[str, Any], twin_case: str, tolerances: Tolerances
) -> list[Number]:
    """Another description of the same model: the same answer at the twin's optimum.

    Names of groups may differ between the two; theta stands in the same order.
    """
    make = _Maker(tolerances, "python", f"optimum of {twin_case}")
    point = twin["optimum"]
    model = ours.at(point["theta"]["values"])
    source = f"case {twin_case}"
    numbers = [
        make.number("same_answer_deviance", "", model.deviance, point["deviance"], source),
        make.number("same_answer_sigma", "", model.sigma, point["sigma"], source),
    ]
    for name, value in point["beta"].items():
        mine = float(model.params.get(name, np.nan))
        numbers.append(make.number("same_answer_beta", name, mine, value, source))
    return numbers
