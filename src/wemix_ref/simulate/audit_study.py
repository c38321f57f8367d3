"""The audit of a study: the first replicates of a scenario, fitted by live R too."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from wemix_ref.errors import StudyError, WemixRefError
from wemix_ref.simulate.analyses import FitKey, problem_of
from wemix_ref.simulate.audit import AuditProblem, NoProblem, audit
from wemix_ref.simulate.draws import Draws
from wemix_ref.simulate.places import at
from wemix_ref.simulate.sampling import EmptySample
from wemix_ref.simulate.study import Scenario, Study
from wemix_ref.tolerances import TOLERANCES, load_tolerances

__all__ = ["audit_problems", "audit_scenario"]


def audit_problems(study: Study, scenario: Scenario) -> list[AuditProblem | NoProblem]:
    """Return the fits of a scenario that R repeats: each of the first replicates, each fit once.

    Analyses that differ in the recipe alone are one fit, under the first one's name. Where the
    sample is empty, or the model means nothing on it, a `NoProblem` stands in the fit's place.
    """
    chosen: dict[FitKey, str] = {}
    for analysis in scenario.analyses:
        wanted = study.audit.analyses is None or analysis.name in study.audit.analyses
        if wanted and analysis.fit.engine == "python":
            chosen.setdefault(analysis.fit, analysis.name)
    draws = Draws(study, scenario)
    out: list[AuditProblem | NoProblem] = []
    for replicate in range(min(study.audit.replicates, study.replicates)):
        try:
            with at(draws.place(replicate)):
                drawn = draws.draw(replicate)
        except EmptySample as error:
            out += [
                NoProblem(scenario.name, replicate, name, "no sample", str(error))
                for name in chosen.values()
            ]
            continue
        for key, name in chosen.items():
            try:
                problem = problem_of(key, drawn.frame, draws.levels, drawn.weights, case=name)
            except StudyError:
                raise
            except WemixRefError as error:
                said = f"{type(error).__name__}: {error}"
                out.append(NoProblem(scenario.name, replicate, name, "failed", said))
                continue
            out.append(AuditProblem(scenario.name, replicate, name, problem))
    return out


def audit_scenario(
    study: Study, scenario: Scenario, *, timeout: float, tolerances: Path = TOLERANCES
) -> pd.DataFrame:
    """Fit the first replicates of a scenario by R's engines and compare number by number.

    Parameters
    ----------
    study, scenario : the study and one of its scenarios.
    timeout : seconds that R may take for a fit.
    tolerances : the file of what must agree.
    """
    return audit(
        audit_problems(study, scenario),
        engines=study.audit.engines,
        timeout=timeout,
        tolerances=load_tolerances(tolerances),
    )
