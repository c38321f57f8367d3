"""Replicates fitted again by live R, and held against our numbers one by one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from wemix_ref.engines import get_engine
from wemix_ref.engines.protocol import FitResult, Problem
from wemix_ref.engines.record import raise_if_killed
from wemix_ref.errors import StudyError, WemixRefError
from wemix_ref.simulate.audit_numbers import AuditedFit, compared_numbers
from wemix_ref.tolerances import Tolerances, load_tolerances
from wemix_ref.verdicts import Number

__all__ = ["AUDIT_COLUMNS", "ENGINES", "AuditProblem", "NoProblem", "audit", "audit_summary"]

ENGINES = ("lme4", "lme4-weighted", "wemix")

AUDIT_COLUMNS = (
    "scenario",
    "replicate",
    "analysis",
    "engine",
    "tier",
    "quantity",
    "name",
    "ours",
    "theirs",
    "digits",
    "required",
    "ok",
    "message",
)

#: R hands over its own Z, G and V up to this many rows; beyond, V is built from its components.
MATRIX_ROWS = 500

_Row = tuple[object, ...]

#: Label of the theta of our optimum in a record.
OURS = "python-optimum"


@dataclass(frozen=True)
class AuditProblem:
    """One fit of a study that R is to repeat.

    Attributes
    ----------
    scenario, replicate, analysis : where it stands in the study.
    problem : the model and its data, final weights as columns.
    """

    scenario: str
    replicate: int
    analysis: str
    problem: Problem


@dataclass(frozen=True)
class NoProblem:
    """A place of a study where there is nothing that R could repeat.

    Attributes
    ----------
    scenario, replicate, analysis : where it stands in the study.
    status : ``no sample``, or ``failed`` where the model means nothing on the sample.
    message : why.
    """

    scenario: str
    replicate: int
    analysis: str
    status: str
    message: str


def applies(engine: str, problem: Problem) -> bool:
    """Say whether an engine of R has a fit of such a problem: lme4 without sampling weights."""
    return bool(problem.weights) != (engine == "lme4")


def audit(
    problems: Sequence[AuditProblem | NoProblem],
    engines: Sequence[str] = ENGINES,
    *,
    timeout: float = 120.0,
    tolerances: Tolerances | None = None,
) -> pd.DataFrame:
    """Fit problems by every engine of R that applies, and compare number by number.

    The estimator's own optimum comes first. R then evaluates the model at that theta, and looks
    for its own optimum. Compared are

    - ``same-theta``: deviance, sigma, beta and every variance component at our theta, and the
      entries of G and V: R's own matrices at its optimum for samples of up to `MATRIX_ROWS` rows,
      else G and V built from R's variance components at our theta;
    - ``own-optimum``: the deviance, of which ours must not be the higher; the estimates are shown;
    - ``standard-errors``: of beta by the model (lme4) and by the sandwich (WeMix's own; from
      lme4's pieces otherwise), and of variance components by the sandwich.

    Every number of every replicate is judged by itself; nothing is averaged. An engine that gave
    no answer is one row of tier ``status``: its name says which, and ``ok`` is missing where the
    engine is not available, false where it failed. Where R is not there, all rows are such. A
    sample to which our own fit has no answer is such a row of the engine ``python``, ``ok``
    missing: there is nothing to compare. So is a `NoProblem`, by its own status.

    Parameters
    ----------
    problems : sequence of AuditProblem or NoProblem
    engines : sequence of str
        Out of `ENGINES`. lme4 takes problems without sampling weights, the others those with.
    timeout : float
        Seconds that R may take for one problem.
    tolerances : Tolerances, optional
        What must agree; ``config/tolerances.yaml`` unless given.

    Returns
    -------
    DataFrame
        Columns `AUDIT_COLUMNS`, in the order of the problems, then of the engines. ``digits`` is
        the log relative error, at most 16; ``required`` comes from `tolerances`; ``ok`` (nullable)
        is missing where a number is only shown.

    Raises
    ------
    StudyError
        If an engine is none of `ENGINES`.
    """
    unknown = [name for name in engines if name not in ENGINES]
    if unknown:
        raise StudyError(
            f"an audit's engines must be among {', '.join(ENGINES)}; {len(unknown)} are not "
            f"(first: {unknown[0]!r}). Correct the name."
        )
    required = load_tolerances() if tolerances is None else tolerances
    rows: dict[tuple[int, int], list[_Row]] = {}
    fitted: dict[int, tuple[AuditProblem, AuditedFit]] = {}
    for i, one in enumerate(problems):
        if isinstance(one, NoProblem):
            rows[i, -1] = [_status(one, "python", one.status, one.message, None)]
            continue
        fit = _own_fit(one.problem)
        if isinstance(fit, str):
            rows[i, -1] = [_status(one, "python", "failed", fit, None)]
        else:
            fitted[i] = (one, fit)
    for place, engine in enumerate(engines):
        mine = {i: pair for i, pair in fitted.items() if applies(engine, pair[0].problem)}
        answers = _answers(engine, list(mine.values()), timeout)
        for (i, (one, fit)), answer in zip(mine.items(), answers, strict=True):
            rows[i, place] = _rows(one, engine, fit, answer, required)
    listed = [row for key in sorted(rows) for row in rows[key]]
    table = pd.DataFrame(listed, columns=list(AUDIT_COLUMNS))
    numbers = dict.fromkeys(("ours", "theirs", "digits", "required"), "float64")
    return table.astype({**numbers, "replicate": "int64", "ok": "boolean"})


def _own_fit(problem: Problem) -> AuditedFit | str:
    """Fit, or say why not: a sample may have no answer."""
    try:
        return AuditedFit.of(problem)
    except (WemixRefError, ArithmeticError, np.linalg.LinAlgError) as error:
        return f"{type(error).__name__}: {error}"


def _answers(
    engine: str, fitted: Sequence[tuple[AuditProblem, AuditedFit]], timeout: float
) -> list[FitResult]:
    """Ask R for all problems of an engine, those with matrices apart from those without."""
    results: dict[int, FitResult] = {}
    small = [_wants_matrices(one.problem) for one, _ in fitted]
    for matrices in (True, False):
        mine = [i for i, one in enumerate(small) if one == matrices]
        if not mine:
            continue
        asked = [(fitted[i][0].problem, {OURS: fitted[i][1].optimum.tolist()}) for i in mine]
        found = get_engine(engine).fit_many(asked, timeout=timeout, matrices=matrices)
        for result in found:
            raise_if_killed(result)
        results |= dict(zip(mine, found, strict=True))
    return [results[i] for i in range(len(fitted))]


def _wants_matrices(problem: Problem) -> bool:
    # with precision weights our rows are scaled and R's are not: its Z and V are others
    return len(problem.data) <= MATRIX_ROWS and problem.precision_weights is None


def _rows(
    one: AuditProblem, engine: str, fit: AuditedFit, answer: FitResult, tolerances: Tolerances
) -> list[_Row]:
    record = answer.record
    status = record["status"]
    if status != "ok":
        ok = None if status == "unavailable" else False
        return [_status(one, engine, status, record["message"], ok)]
    numbers, faults = compared_numbers(fit, answer, OURS, tolerances)
    rows = [_row(one, number) for number in numbers]
    return rows + [_status(one, engine, "not compared", fault, False) for fault in faults]


def _row(one: AuditProblem, number: Number) -> _Row:
    head = (one.scenario, one.replicate, one.analysis, number.engine)
    what = (number.tier, number.quantity, number.name)
    judged = (number.ours, number.theirs, number.digits, number.required, number.ok)
    return (*head, *what, *judged, number.verdict)


def _status(
    one: AuditProblem | NoProblem, engine: str, status: str, message: str, ok: bool | None
) -> _Row:
    head = (one.scenario, one.replicate, one.analysis, engine)
    return (*head, "status", "status", status, None, None, None, None, ok, message)


def audit_summary(frame: pd.DataFrame) -> pd.DataFrame:
    """Sum an audit up by scenario, engine, tier and quantity.

    Parameters
    ----------
    frame : DataFrame
        What `audit` gave, or the same read from a file.

    Returns
    -------
    DataFrame
        ``scenario``, ``engine``, ``tier``, ``quantity``; ``fewest_digits`` that agree in any of
        its numbers (NaN where none was compared); ``n``, numbers with a value on both sides;
        ``n_judged``, rows that had to be as required; ``n_not_ok``, those that were not. In the
        order of first appearance.
    """
    ok = frame["ok"].astype("boolean")
    marked = frame[["scenario", "engine", "tier", "quantity", "digits"]].assign(
        compared=frame["digits"].notna(), judged=ok.notna(), wrong=~ok.fillna(True)
    )
    groups = marked.groupby(["scenario", "engine", "tier", "quantity"], sort=False)
    summary = groups.agg(
        fewest_digits=("digits", "min"),
        n=("compared", "sum"),
        n_judged=("judged", "sum"),
        n_not_ok=("wrong", "sum"),
    ).reset_index()
    counts = dict.fromkeys(("n", "n_judged", "n_not_ok"), "int64")
    return summary.astype({**counts, "fewest_digits": "float64"})
