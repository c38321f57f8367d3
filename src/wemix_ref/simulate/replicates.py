"""Replicates, run: every analysis of a sample, as rows of a table."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from wemix_ref.design import Design
from wemix_ref.engines.protocol import FitResult, Problem
from wemix_ref.errors import EngineError, StudyError, WemixRefError, WemixRefWarning
from wemix_ref.results import FittedModel
from wemix_ref.simulate.analyses import Analysis, FitKey, fit_sample, problem_of
from wemix_ref.simulate.draws import Drawn, Draws
from wemix_ref.simulate.estimates import Named, estimates_of_fit, estimates_of_point
from wemix_ref.simulate.places import at
from wemix_ref.simulate.sampling import EmptySample
from wemix_ref.simulate.storage import COLUMNS
from wemix_ref.simulate.study import Scenario, Study

__all__ = ["run_replicates"]

Row = tuple[object, ...]

#: Fits problems by the engine of that name.
Elsewhere = Callable[[str, Sequence[Problem]], list[FitResult]]


@dataclass(frozen=True)
class _Waiting:
    """A fit for an engine in R: all of an engine go to one process."""

    replicate: int
    analysis: Analysis
    problem: Problem
    targets: Mapping[str, float]
    n_top: int


def run_replicates(
    study: Study,
    scenario: Scenario,
    replicates: Iterable[int],
    elsewhere: Elsewhere | None = None,
) -> pd.DataFrame:
    """Run replicates of a scenario.

    Parameters
    ----------
    study, scenario : the study and one of its scenarios.
    replicates : their numbers, from 0.
    elsewhere : who fits the analyses of engines in R, see :mod:`wemix_ref.simulate.elsewhere`;
        needed where there are any.

    Returns
    -------
    DataFrame
        A row for each replicate, analysis and parameter, columns as in
        :mod:`wemix_ref.simulate.storage`; a fit that failed is one row without a parameter.

    Raises
    ------
    StudyError
        If a population or its target cannot be had, or nobody fits an engine's analyses. A sample
        without units, or without an answer, is rows of failed fits.
    EngineError
        If an engine in R is not there, ended, or ran into its time limit: that is no answer to a
        sample, and on another machine there might be one.
    """
    draws = Draws(study, scenario)
    rows: list[Row] = []
    waiting: list[_Waiting] = []
    with warnings.catch_warnings():
        # a study counts singular fits and those that did not converge: they are columns
        warnings.simplefilter("ignore", WemixRefWarning)
        for replicate in replicates:
            try:
                with at(draws.place(replicate)):
                    drawn = draws.draw(replicate)
                    targets = draws.targets(drawn.population)
            except EmptySample as error:
                rows += [_failed(scenario, replicate, a, str(error)) for a in scenario.analyses]
                continue
            rows += _by_python(draws, replicate, drawn, targets)
            for analysis in scenario.analyses:
                if analysis.fit.engine == "python":
                    continue
                try:
                    own = targets[analysis.fit.model]
                    waiting.append(_for_r(draws, replicate, analysis, drawn, own))
                except StudyError:
                    raise
                except WemixRefError as error:
                    rows.append(_failed(scenario, replicate, analysis, _reason(error)))
    rows += _by_r(draws, waiting, elsewhere)
    order = {analysis.name: place for place, analysis in enumerate(scenario.analyses)}
    # Python's sort keeps the order of the parameters of a fit
    rows.sort(key=lambda row: (row[1], order[str(row[2])]))
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _by_python(
    draws: Draws, replicate: int, drawn: Drawn, targets: Mapping[str, Mapping[str, float]]
) -> list[Row]:
    scenario = draws.scenario
    designs: dict[str, Design] = {}
    fits: dict[FitKey, FittedModel | str] = {}
    rows: list[Row] = []
    n_top = _top_groups(draws, drawn)
    for analysis in scenario.analyses:
        if analysis.fit.engine != "python":
            continue
        if analysis.fit not in fits:
            fits[analysis.fit] = _fit(analysis.fit, draws, drawn, designs)
        fit = fits[analysis.fit]
        if isinstance(fit, str):
            rows.append(_failed(scenario, replicate, analysis, fit))
            continue
        if fit.se_recipe != analysis.se:
            fit = fit.with_se(analysis.se)
        try:
            named = estimates_of_fit(
                fit, analysis.residual_variance, draws.levels, draws.short_names
            )
        except (WemixRefError, np.linalg.LinAlgError) as error:
            rows.append(_failed(scenario, replicate, analysis, _reason(error)))
            continue
        state = (fit.converged, fit.singular, fit.deviance, fit.nobs, n_top)
        head = (scenario.name, replicate, analysis.name)
        rows += _rows(head, state, named, targets[analysis.fit.model])
    return rows


def _fit(key: FitKey, draws: Draws, drawn: Drawn, designs: dict[str, Design]) -> FittedModel | str:
    """Fit, or say why not: a sample may have no answer."""
    try:
        return fit_sample(key, drawn.frame, draws.levels, drawn.weights, designs)
    except StudyError:
        raise
    except (WemixRefError, np.linalg.LinAlgError) as error:
        return _reason(error)


def _reason(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"


def _rows(
    head: tuple[object, object, object], state: Row, named: Named, targets: Mapping[str, float]
) -> list[Row]:
    return [
        (*head, "ok", "", *state, name, estimate, se, targets.get(name, np.nan))
        for name, (estimate, se) in named.items()
    ]


def _failed(scenario: Scenario, replicate: int, analysis: Analysis, message: str) -> Row:
    nothing = (None, None, np.nan, None, None, None, np.nan, np.nan, np.nan)
    return (scenario.name, replicate, analysis.name, "failed", message, *nothing)


def _for_r(
    draws: Draws, replicate: int, analysis: Analysis, drawn: Drawn, targets: Mapping[str, float]
) -> _Waiting:
    problem = problem_of(analysis.fit, drawn.frame, draws.levels, drawn.weights, case=analysis.name)
    return _Waiting(replicate, analysis, problem, targets, _top_groups(draws, drawn))


def _top_groups(draws: Draws, drawn: Drawn) -> int:
    # of the sample, whether or not the model has that level
    return int(drawn.frame[draws.levels[0]].nunique())


def _by_r(draws: Draws, waiting: list[_Waiting], elsewhere: Elsewhere | None) -> list[Row]:
    scenario = draws.scenario
    rows: list[Row] = []
    for name in dict.fromkeys(item.analysis.fit.engine for item in waiting):
        own = [item for item in waiting if item.analysis.fit.engine == name]
        if elsewhere is None:
            raise StudyError(
                f"the analysis {own[0].analysis.name!r} is for the engine {name}; pass who fits it "
                "(wemix_ref.simulate.elsewhere), or leave the analysis out."
            )
        results = elsewhere(name, [item.problem for item in own])
        for item, result in zip(own, results, strict=True):
            rows += _of_result(draws, scenario, item, result)
    return rows


def _of_result(draws: Draws, scenario: Scenario, item: _Waiting, result: FitResult) -> list[Row]:
    analysis, record = item.analysis, result.record
    if record["status"] == "failed" and not result.ended:
        return [_failed(scenario, item.replicate, analysis, str(record["message"]))]
    if record["status"] != "ok":
        raise EngineError(
            f"scenario {scenario.name!r}, replicate {item.replicate}, analysis {analysis.name!r}: "
            f"the engine {analysis.fit.engine} must answer every sample; {record['status']}: "
            f"{record['message']}. Nothing of the job is kept. Run it again where R works and has "
            "time and memory, or leave the analysis out."
        )
    point = record["optimum"]
    assert isinstance(point, Mapping)
    named = estimates_of_point(
        point, analysis.fit.reml, analysis.residual_variance, draws.levels, draws.short_names
    )
    wrong = [name for name, (estimate, _) in named.items() if not np.isfinite(estimate)]
    if wrong:
        said = f"estimates must be finite; {len(wrong)} are not (first: {wrong[0]})"
        return [_failed(scenario, item.replicate, analysis, said)]
    # None where an engine does not tell
    told = (record.get("converged"), record["singular"])
    state = (*told, float(point["deviance"]), int(point["nobs"]))
    head = (scenario.name, item.replicate, analysis.name)
    return _rows(head, (*state, item.n_top), named, item.targets)
