"""R as it is now against R as it was recorded: same, new, fixed, worsened or changed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import wemix_ref
from wemix_ref.cases import Case
from wemix_ref.engines.protocol import Engine, FitResult
from wemix_ref.errors import EngineError
from wemix_ref.references.answers import Reference, version_of
from wemix_ref.references.judge import ceiling_of, digits_expected, judged
from wemix_ref.references.live import Asked, Skipped, answers, asked, ours_of
from wemix_ref.references.session import r_session
from wemix_ref.references.verdicts import VERDICTS, Row, row_of
from wemix_ref.tiers.ours import Ours
from wemix_ref.tolerances import Tolerances
from wemix_ref.verdicts import Number

__all__ = ["SCHEMA_NAME", "check_answers"]

SCHEMA_NAME = "wemix-ref/reference-check/1"


def check_answers(
    cases: Iterable[Case],
    engines: Mapping[str, Engine],
    references: Sequence[Reference],
    tolerances: Tolerances,
    *,
    timeout: float = 300.0,
    session: Callable[[], Mapping[str, str]] = r_session,
    tell: Callable[[str], None] = lambda _: None,
) -> dict[str, Any]:
    """Run engines again and hold every number against the recorded one, and both against ours.

    Both are judged by the tolerances of the comparison: at the recorded theta, at each one's own
    optimum, and for standard errors; and the live one by the digits that are expected of it, which
    are the record's. Each recorded version of an answer is checked by itself.

    Parameters
    ----------
    cases : which cases; each is given to those of `engines` that it lists.
    engines : by name.
    references : recorded answers.
    tolerances : what must agree with ours.
    timeout : seconds for each fit in R.
    session : what tells of R's session.
    tell : is given a line on what is being done.

    Returns
    -------
    dict
        ``schema``, ``ours`` (our version), ``session``, ``by_version`` (counts of verdicts by
        engine, recorded and live version), ``numbers`` (rows, see `Row`), ``skipped`` (what was
        not asked), ``unused`` (references that no case asked for) and ``worsened`` (whether any
        number did).

    Raises
    ------
    EngineError
        If no engine can run here, or the estimator fails.
    """
    wanted, skipped = asked(cases, engines)
    ours = ours_of(wanted)
    known = [_references_of(one, references) for one in wanted]
    thetas = {
        (one.case.name, one.engine): {r.name: r.answer["point"]["theta"]["values"] for r in own}
        for one, own in zip(wanted, known, strict=True)
    }
    results = answers(
        wanted,
        engines,
        lambda one: thetas[one.case.name, one.engine],
        timeout=timeout,
        tell=tell,
    )
    rows: list[Row] = []
    for one, own, result in zip(wanted, known, results, strict=True):
        if result.record["status"] in ("unavailable", "refused"):
            skipped.append(Skipped(one.case.name, one.engine, result.record["message"]))
        elif result.record["status"] != "ok":
            rows += _without_answer(one, own, result)
        elif own:
            for reference in own:
                rows += _against(one, reference, result, ours[one.case.name], tolerances)
        else:
            rows += _new(one, result, ours[one.case.name], tolerances)
    used = {reference.name for own in known for reference in own}
    return {
        "schema": SCHEMA_NAME,
        "ours": f"wemix_ref {wemix_ref.__version__}",
        "session": dict(session()),
        "by_version": _by_version(rows),
        "numbers": [row.as_dict() for row in rows],
        "skipped": [one.as_dict() for one in skipped],
        "unused": sorted({reference.name for reference in references} - used),
        "worsened": any(row.verdict == "worsened" for row in rows),
    }


def _references_of(one: Asked, references: Sequence[Reference]) -> list[Reference]:
    return [
        reference
        for reference in references
        if reference.engine == one.engine
        and reference.serves(one.problem)
        and reference.is_of_these_data(one.problem)
    ]


def _naming(one: Asked, reference: Reference | None, live_version: str) -> dict[str, Any]:
    return {
        "case": one.case.name,
        "engine": one.engine,
        "reference": None if reference is None else reference.name,
        "recorded_version": None if reference is None else reference.version,
        "live_version": live_version,
    }


def _without_answer(one: Asked, own: Sequence[Reference], result: FitResult) -> list[Row]:
    """An engine that fails where an answer is recorded has worsened."""
    record = result.record
    asked_of: list[Reference | None] = [*own] or [None]
    return [
        Row(
            **_naming(one, reference, version_of(one.engine, record)),
            tier="answer",
            quantity=record["status"],
            name="",
            recorded=None,
            live=None,
            ours=None,
            digits=None,
            digits_ours=None,
            expected=None,
            agreed=None if reference is None else True,
            agrees=False,
            verdict="new" if reference is None else "worsened",
            why=record["message"],
        )
        for reference in asked_of
    ]


def _against(
    one: Asked, reference: Reference, result: FitResult, ours: Ours, tolerances: Tolerances
) -> list[Row]:
    record = result.record
    at = {point["label"]: point for point in record["at"]}
    if reference.name not in at:
        raise EngineError(
            f"an engine must evaluate at the recorded theta; {one.engine} did not, in case "
            f"{one.case.name}, for {reference.name}. Correct the engine."
        )
    point = reference.answer["point"]
    before = judged(ours, one.engine, point, tolerances)
    now = judged(
        ours,
        one.engine,
        record["optimum"],
        tolerances,
        at[reference.name],
        ceiling=ceiling_of(ours, point),
    )
    naming = _naming(one, reference, version_of(one.engine, record))
    reasons = digits_expected(ours, one.engine, point, tolerances)
    rows = []
    for key in dict.fromkeys([*before, *now]):
        expected = reference.expected(*key) or reasons.get(key)
        rows.append(row_of(naming, before.get(key), now.get(key), expected))
    return [row for row in rows if row is not None]


def _new(one: Asked, result: FitResult, ours: Ours, tolerances: Tolerances) -> list[Row]:
    record = result.record
    numbers: Iterable[Number] = judged(ours, one.engine, record["optimum"], tolerances).values()
    naming = _naming(one, None, version_of(one.engine, record))
    rows = [row_of(naming, None, number, None) for number in numbers]
    return [row for row in rows if row is not None]


def _by_version(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """Count verdicts by engine, recorded version and live version."""
    groups: dict[tuple[str, str | None, str], list[Row]] = {}
    for row in rows:
        groups.setdefault((row.engine, row.recorded_version, row.live_version), []).append(row)
    return [
        {
            "engine": engine,
            "recorded": recorded,
            "live": live,
            "cases": len({row.case for row in own}),
            "counts": {name: sum(row.verdict == name for row in own) for name in VERDICTS},
            "differ": sum(row.agrees is False for row in own),
        }
        for (engine, recorded, live), own in groups.items()
    ]
