"""What an engine is given, what it gives back, and what it promises."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import pandas as pd


@dataclass(frozen=True)
class Problem:
    """One model on one data set, as every engine is given it.

    Parameters
    ----------
    case : str
        Name of the case, copied into the record.
    formula : str
        The model in lme4's syntax.
    data : pandas.DataFrame
        The data, all rows.
    weights : list of str or None
        Weight columns, level 1 first; None for an unweighted fit.
    conditional_weights : bool
        Whether the weight columns are conditional on the level above.
    reml : bool
        REML in place of ML; unweighted fits only.
    center_group : dict or None
        Group name to a one-sided formula text of the variables to centre within it.
    center_grand : str or None
        One-sided formula text of the variables to centre over all rows.
    data_sha256 : str
        SHA-256 of the bytes of the file the data were read from.
    wemix_formula : str or None
        Another text of the same model, where WeMix misreads the first.
    precision_weights : str or None
        Column of lme4's own ``weights=``: residual variance sigma^2 / w. Another model than
        sampling weights; only the engine ``lme4`` takes it.
    """

    case: str
    formula: str
    data: pd.DataFrame
    weights: list[str] | None
    conditional_weights: bool
    reml: bool
    center_group: dict[str, str] | None
    center_grand: str | None
    data_sha256: str
    wemix_formula: str | None = None
    precision_weights: str | None = None


@dataclass(frozen=True)
class Availability:
    """Whether an engine can run here, and the reason where it cannot."""

    available: bool
    reason: str = ""


@dataclass(frozen=True)
class FitResult:
    """What an engine gives back.

    Attributes
    ----------
    record : dict
        The fit record, see ``workflow/schemas/fit_record.schema.yaml``.
    matrices : pandas.DataFrame or None
        Entries of Z, G and V at the engine's own optimum: columns ``matrix``, ``row``, ``col``
        (from zero) and ``value``; entries that are zero are left out.
    timing : dict
        Seconds; kept apart so that the record is the same bytes each run.
    ended : bool
        Whether the engine's process ended without an answer (status ``failed``): of the machine's
        doing it may be, not of the model's.
    killed : bool
        Whether a signal from outside ended it: that is no answer, another run may have one.
    """

    record: dict[str, Any]
    matrices: pd.DataFrame | None = None
    timing: dict[str, float] = field(default_factory=dict)
    ended: bool = False
    killed: bool = False


class Engine(Protocol):
    """A program that fits a problem at its own optimum and evaluates it at given thetas.

    A class derived from this one has `fit_many` for nothing.
    """

    name: str

    def availability(self) -> Availability:
        """Say whether the engine can run here."""
        ...

    def fit(
        self, problem: Problem, thetas: Mapping[str, Sequence[float]], *, timeout: float
    ) -> FitResult:
        """Fit a problem.

        Parameters
        ----------
        problem : Problem
            The model and its data.
        thetas : mapping of str to sequence of float
            Thetas in lme4's order at which to evaluate, each under a label.
        timeout : float
            Seconds an engine in a process of its own may take.

        Returns
        -------
        FitResult
            Always: an engine that cannot answer says so in the record's status.
        """
        ...

    def fit_many(
        self,
        problems: Sequence[tuple[Problem, Mapping[str, Sequence[float]]]],
        *,
        timeout: float,
        matrices: bool = False,
    ) -> list[FitResult]:
        """Fit many problems in turn, each with the numbers that `fit` gives it, to the last bit.

        Engines in R start R once for all of them; here one is fitted after the other.

        Parameters
        ----------
        problems : sequence of (Problem, thetas)
            The problems, each with the thetas at which to evaluate it.
        timeout : float
            Seconds an engine in a process of its own may take for each; its start counts as the
            first one's.
        matrices : bool
            Whether the entries of Z, G and V are wanted: they can take longer than the fit.

        Returns
        -------
        list of FitResult
            One for each problem, in their order. What goes wrong with one is that one's status.
        """
        results = [self.fit(problem, thetas, timeout=timeout) for problem, thetas in problems]
        return results if matrices else [replace(result, matrices=None) for result in results]
