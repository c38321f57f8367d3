"""What live engines answer to cases: one start of R for all problems of an engine."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from wemix_ref.cases import Case
from wemix_ref.engines import get_engine
from wemix_ref.engines.protocol import Engine, FitResult, Problem
from wemix_ref.engines.record import validate_record
from wemix_ref.errors import EngineError
from wemix_ref.tiers.ours import Ours

__all__ = ["Asked", "Skipped", "answers", "asked", "ours_of"]

Thetas = Mapping[str, Sequence[float]]


@dataclass(frozen=True)
class Asked:
    """One case for one engine."""

    case: Case
    engine: str
    problem: Problem


@dataclass(frozen=True)
class Skipped:
    """A case that an engine did not answer, and why."""

    case: str
    engine: str
    reason: str

    def as_dict(self) -> dict[str, str]:
        """Plain values."""
        return {"case": self.case, "engine": self.engine, "reason": self.reason}


def asked(
    cases: Iterable[Case], engines: Mapping[str, Engine]
) -> tuple[list[Asked], list[Skipped]]:
    """Find what each case asks of engines, and what cannot be asked here.

    Raises
    ------
    EngineError
        If none of the engines can run here, or no case asks any of them.
    """
    found = {name: engine.availability() for name, engine in engines.items()}
    reasons = {name: here.reason for name, here in found.items() if not here.available}
    if len(reasons) == len(engines):
        told = "; ".join(f"{name}: {reason}" for name, reason in reasons.items())
        raise EngineError(f"one of the engines must be able to run here; none is ({told}).")
    wanted: list[Asked] = []
    skipped: list[Skipped] = []
    for case in cases:
        for name in engines:
            if name not in case.engines:
                continue
            problem = case.problem(name)
            if problem.precision_weights is not None:
                reason = "precision weights are another model, which is not recorded"
                skipped.append(Skipped(case.name, name, reason))
            elif name in reasons:
                skipped.append(Skipped(case.name, name, reasons[name]))
            else:
                wanted.append(Asked(case, name, problem))
    if not wanted:
        raise EngineError(
            f"some case must ask an engine that can run here ({', '.join(engines)}); none does. "
            "Name other cases or engines."
        )
    return wanted, skipped


def answers(
    wanted: Sequence[Asked],
    engines: Mapping[str, Engine],
    thetas: Callable[[Asked], Thetas],
    *,
    timeout: float,
    tell: Callable[[str], None],
) -> list[FitResult]:
    """Let each engine answer all that is asked of it, in the order of `wanted`.

    Raises
    ------
    EngineError
        If a record does not follow its schema.
    """
    results: dict[int, FitResult] = {}
    for name, engine in engines.items():
        places = [i for i, one in enumerate(wanted) if one.engine == name]
        if places:
            tell(f"{name}: {len(places)} fits")
            problems = [(wanted[i].problem, thetas(wanted[i])) for i in places]
            found = engine.fit_many(problems, timeout=timeout)
            results.update(zip(places, found, strict=True))
    for result in results.values():
        validate_record(result.record)
    return [results[i] for i in range(len(wanted))]


def ours_of(wanted: Sequence[Asked]) -> dict[str, Ours]:
    """Fit each case by the estimator.

    Raises
    ------
    EngineError
        If it fails: there is nothing to hold R against then.
    """
    out: dict[str, Ours] = {}
    for one in wanted:
        if one.case.name in out:
            continue
        record = get_engine("python").fit_many([(one.problem, {})], timeout=0.0)[0].record
        if record["status"] != "ok":
            raise EngineError(
                f"the estimator must answer case {one.case.name}; it {record['status']}: "
                f"{record['message']}"
            )
        out[one.case.name] = Ours(one.problem, record["optimum"]["theta"]["values"])
    return out
