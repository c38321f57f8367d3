"""Replicates, run: every analysis of a sample, as rows of a table."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np
import pandas as pd

from wemix_ref.design import Design
from wemix_ref.engines.protocol import FitResult, Problem
from wemix_ref.errors import EngineError, StudyError, WemixRefError, WemixRefWarning
from wemix_ref.fit import try_designs
from wemix_ref.results import FittedModel
from wemix_ref.simulate.analyses import Analysis, FitKey, design_of, problem_of
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


#: Fits by replicate and analysis, or why there is none.
Fits = dict[tuple[int, FitKey], "FittedModel | str"]

#: Replicates whose fits are started together: what a replicate gives does not depend on them.
TOGETHER = 25


@dataclass(frozen=True)
class _Sample:
    """A replicate's sample, and the targets of each model."""

    replicate: int
    drawn: Drawn
    targets: Mapping[str, Mapping[str, float]]


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
        for several in _some_at_a_time(replicates):
            samples: list[_Sample] = []
            for replicate in several:
                try:
                    with at(draws.place(replicate)):
                        drawn = draws.draw(replicate)
                        targets = draws.targets(drawn.population)
                except EmptySample as error:
                    rows += [_failed(scenario, replicate, a, str(error)) for a in scenario.analyses]
                    continue
                samples.append(_Sample(replicate, drawn, targets))
            fits = _fits(draws, samples)
            for sample in samples:
                rows += _by_python(draws, sample, fits)
                for analysis in scenario.analyses:
                    if analysis.fit.engine == "python":
                        continue
                    try:
                        waiting.append(_for_r(draws, sample, analysis))
                    except StudyError:
                        raise
                    except WemixRefError as error:
                        rows.append(_failed(scenario, sample.replicate, analysis, _reason(error)))
    rows += _by_r(draws, waiting, elsewhere)
    order = {analysis.name: place for place, analysis in enumerate(scenario.analyses)}
    # Python's sort keeps the order of the parameters of a fit
    rows.sort(key=lambda row: (row[1], order[str(row[2])]))
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _some_at_a_time(replicates: Iterable[int]) -> Iterator[list[int]]:
    rest = iter(replicates)
    while several := list(islice(rest, TOGETHER)):
        yield several


def _fits(draws: Draws, samples: Sequence[_Sample]) -> Fits:
    """Fit every sample by every analysis of ours, or say why not: a sample may have no answer."""
    keys = dict.fromkeys(a.fit for a in draws.scenario.analyses if a.fit.engine == "python")
    fits: Fits = {}
    for reml in (False, True):
        designs: dict[tuple[int, FitKey], Design] = {}
        for sample in samples:
            made: dict[str, Design] = {}
            for key in keys:
                if key.reml != reml:
                    continue
                where = sample.replicate, key
                drawn = sample.drawn
                try:
                    designs[where] = design_of(key, drawn.frame, draws.levels, drawn.weights, made)
                except StudyError:
                    raise
                except (WemixRefError, np.linalg.LinAlgError) as error:
                    fits[where] = _reason(error)
        for where, fit in zip(designs, try_designs([*designs.values()], reml=reml), strict=True):
            fits[where] = _reason(fit) if isinstance(fit, Exception) else fit
    return fits


def _by_python(draws: Draws, sample: _Sample, fits: Fits) -> list[Row]:
    scenario, replicate = draws.scenario, sample.replicate
    rows: list[Row] = []
    n_top = _top_groups(draws, sample.drawn)
    for analysis in scenario.analyses:
        if analysis.fit.engine != "python":
            continue
        fit = fits[replicate, analysis.fit]
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
        rows += _rows(head, state, named, sample.targets[analysis.fit.model])
    return rows


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


def _for_r(draws: Draws, sample: _Sample, analysis: Analysis) -> _Waiting:
    drawn, targets = sample.drawn, sample.targets[analysis.fit.model]
    problem = problem_of(analysis.fit, drawn.frame, draws.levels, drawn.weights, case=analysis.name)
    return _Waiting(sample.replicate, analysis, problem, targets, _top_groups(draws, drawn))


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
