"""What the engines that run in R have in common: one request a problem, one child for many."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence

from wemix_ref.engines.model_request import r_formula, r_thetas
from wemix_ref.engines.protocol import Availability, Engine, FitResult, Problem
from wemix_ref.engines.r_answer import result_of
from wemix_ref.engines.r_process import R_DIRECTORY, call_r_many, package_availability
from wemix_ref.engines.r_values import RValue, logical, text
from wemix_ref.engines.record import without_answer
from wemix_ref.errors import WemixRefError


class REngine(Engine):
    """An engine that is a function of R.

    Attributes
    ----------
    name : str
        The engine's name.
    packages : tuple of str
        R packages it needs.
    scripts : tuple of str
        Files that define the function, sourced after ``common.R``.
    function : str
        The function's name.
    se_recipe : str
        Recipe of the standard errors it gives: ``model`` or ``wemix``.
    """

    name: str
    packages: tuple[str, ...]
    scripts: tuple[str, ...]
    function: str
    se_recipe: str

    @abstractmethod
    def refusal(self, problem: Problem) -> str:
        """Say why the engine does not answer such a problem; the empty text where it does."""

    @abstractmethod
    def arguments(self, problem: Problem) -> dict[str, RValue]:
        """Return the R function's arguments, but for ``formula``, ``thetas`` and ``matrices``.

        Raises
        ------
        WemixRefError
            If the problem cannot be posed.
        """

    def availability(self) -> Availability:
        """Say whether R with the packages is here."""
        return package_availability(*self.packages)

    def fit(
        self, problem: Problem, thetas: Mapping[str, Sequence[float]], *, timeout: float
    ) -> FitResult:
        """Fit a problem; see `wemix_ref.engines.protocol.Engine.fit`."""
        return self.fit_many([(problem, thetas)], timeout=timeout, matrices=True)[0]

    def fit_many(
        self,
        problems: Sequence[tuple[Problem, Mapping[str, Sequence[float]]]],
        *,
        timeout: float,
        matrices: bool = False,
    ) -> list[FitResult]:
        """Fit problems in turn; see `wemix_ref.engines.protocol.Engine.fit_many`."""
        results: dict[int, FitResult] = {}
        calls: dict[int, dict[str, RValue]] = {}
        for number, (problem, thetas) in enumerate(problems):
            if refused := self.refusal(problem):
                results[number] = without_answer(problem, self.name, "refused", refused)
                continue
            try:
                arguments = {
                    "formula": text(r_formula(problem.formula)),
                    **self.arguments(problem),
                    "thetas": r_thetas(thetas),
                    "matrices": logical([matrices]),
                }
            except WemixRefError as error:
                results[number] = without_answer(problem, self.name, "failed", str(error))
                continue
            calls[number] = arguments
        replies = call_r_many(
            [R_DIRECTORY / script for script in ("common.R", *self.scripts)],
            self.function,
            list(calls.values()),
            timeout=timeout,
            packages=self.packages,
        )
        for number, reply in zip(calls, replies, strict=True):
            problem, thetas = problems[number]
            results[number] = result_of(reply, problem, self.name, list(thetas), self.se_recipe)
        return [results[number] for number in range(len(problems))]


class WeightedREngine(REngine):
    """An engine of models with sampling weights: no REML, no precision weights."""

    def refusal(self, problem: Problem) -> str:
        """Refuse REML and precision weights; see `REngine.refusal`."""
        if not (problem.reml or problem.precision_weights):
            return ""
        kind = "REML" if problem.reml else "a model with precision weights"
        return f"{kind} is not what the engine {self.name} fits; use lme4"
