"""Every number of a case side by side: fit records in, one comparison out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from wemix_ref.cases import Case
from wemix_ref.engines.protocol import Problem
from wemix_ref.errors import CaseError
from wemix_ref.rebuild import check_printed_rows
from wemix_ref.tiers.identities import identities, r_ways_to_V, same_answer
from wemix_ref.tiers.matrices import matrices
from wemix_ref.tiers.ours import Ours
from wemix_ref.tiers.own_optimum import own_optimum
from wemix_ref.tiers.printed import printed_number, printed_value
from wemix_ref.tiers.same_theta import another_model, same_theta, standard_errors
from wemix_ref.tolerances import Tolerances
from wemix_ref.verdicts import Number, digits_of, engine_verdict, rounds_to

__all__ = ["SCHEMA_NAME", "compare_case"]

SCHEMA_NAME = "wemix-ref/comparison/1"
Record = Mapping[str, Any]


def compare_case(
    case: Case,
    problem: Problem,
    records: Mapping[str, Record],
    tables: Mapping[str, pd.DataFrame | None],
    tolerances: Tolerances,
    twin: Record | None = None,
) -> dict[str, Any]:
    """Compare every engine of a case with the estimator, tier by tier.

    Parameters
    ----------
    case : the case, for its printed numbers and known answers.
    problem : the model and data as the engine ``python`` was given them.
    records : fit record by engine; ``python`` must be among them.
    tables : entries of Z, G and V by engine.
    tolerances : what must agree.
    twin : ``python``'s record of the case that must have the same answer, where there is one.

    Returns
    -------
    dict
        A comparison, as written to ``results/comparisons/<case>.json``.

    Raises
    ------
    CaseError
        If there is no record of ``python``.
    """
    if "python" not in records:
        raise CaseError(
            f"a comparison needs the record of the engine python; case {case.name} has "
            f"{', '.join(records) or 'none'}. Run that fit first."
        )
    numbers: list[Number] = []
    n_dropped = None
    if records["python"]["status"] == "ok":
        ours = Ours(problem, records["python"]["optimum"]["theta"]["values"])
        n_dropped = ours.design.n_dropped
        for engine, record in records.items():
            if engine != "python" and record["status"] == "ok":
                numbers += _engine(case, ours, record, tables.get(engine), tolerances)
        numbers += _printed_by_python(case, ours, tolerances)
        numbers += _printed_rows(case, tolerances)
        numbers += _divergences(case, ours, tolerances)
        numbers += identities(ours, tolerances)
        if twin is not None and twin["status"] == "ok":
            numbers += same_answer(ours, twin, str(case.same_answer_as), tolerances)
    plain = [number.as_dict() for number in numbers]
    return {
        "schema": SCHEMA_NAME,
        "case": case.name,
        "model": _model(case, records["python"], n_dropped),
        "engines": {engine: _about(record) for engine, record in records.items()},
        "numbers": plain,
        "verdicts": {
            engine: engine_verdict(
                record["status"],
                [number for number in plain if number["engine"] == engine],
                _is_other_model(record),
            )
            for engine, record in records.items()
        },
    }


def _is_other_model(record: Record) -> bool:
    return record.get("precision_weights") is not None


def _software(record: Record) -> str:
    """Who computed: the engine, or for a recorded answer the program that gave it."""
    if record["engine"] == "recorded":
        return str(record["computed_by"]["software"]).lower()
    return str(record["engine"])


def _source(record: Record) -> str:
    if record["engine"] == "recorded":
        by = record["computed_by"]
        return f"{by['software']} {by['version']}, recorded"
    engine = record["engine"]
    package = {"wemix": "WeMix", "lme4-weighted": "lme4"}.get(engine, engine)
    what = "lme4's pieces" if engine == "lme4-weighted" else package
    return f"{what} {record['versions'].get(package, '')}, live"


def _engine(
    case: Case, ours: Ours, record: Record, table: pd.DataFrame | None, tolerances: Tolerances
) -> list[Number]:
    engine, optimum = record["engine"], record["optimum"]
    other = _is_other_model(record)
    naming: dict[str, Any] = {
        "engine": engine,
        "software": _software(record),
        "source": _source(record),
        "tolerances": tolerances,
        "precision": other,
    }
    numbers: list[Number] = []
    points = [(f"{engine}-optimum", optimum)]
    points += [(point["label"], point) for point in record["at"]]
    for at, point in points:
        numbers += same_theta(ours, point, at=at, **naming)
    numbers += own_optimum(ours, optimum, **naming)
    numbers += matrices(ours, record, table, **naming)
    for at, point in points:
        numbers += standard_errors(ours, point, at=at, **naming)
    if engine != "recorded":
        numbers += _printed_by_engine(case, record, tolerances, other)
    if not other:
        numbers += r_ways_to_V(ours, record, naming["source"], tolerances)
    return numbers


def _printed_by_engine(
    case: Case, record: Record, tolerances: Tolerances, other: bool
) -> list[Number]:
    """Printed numbers against a live engine at its own optimum, and at the printed theta."""
    engine = record["engine"]
    gls_beta = (record.get("v_three_ways") or {}).get("gls_beta", {}).get("lambdat", {})
    shapes = record.get("matrix_shapes") or {}
    numbers = []
    for number in case.printed:
        value = printed_value(number, record["optimum"], gls_beta, shapes)
        excuse = "Another model; the printed numbers are not its own." if other else ""
        if not excuse and value is not None and not rounds_to(value, number.text):
            excuse = _other_stopping_point(case, record)
        at = f"{engine}-optimum"
        numbers.append(
            printed_number(
                number, value, engine=engine, at=at, tolerances=tolerances, excuse=excuse
            )
        )
    for point in record["at"]:
        if point["label"] == "printed":
            for number in case.printed:
                value = printed_value(number, point, {}, {})
                if value is not None:
                    numbers.append(
                        printed_number(
                            number, value, engine=engine, at="printed", tolerances=tolerances
                        )
                    )
    return numbers


def _other_stopping_point(case: Case, record: Record) -> str:
    """Why an engine's own optimum is not held to printed digits; empty where it is.

    Printed numbers are those of the point where lme4's optimiser stopped, and that point is one
    of its version. Where another version, or statsmodels' optimiser, stops elsewhere, the same
    numbers are still judged, at the printed theta.
    """
    program = record["engine"]
    if case.printed_theta is None or program not in ("lme4", "statsmodels"):
        return ""
    version = record["versions"].get(program, "")
    if f"{program} {version} " in f"{case.printed_theta_from} ".replace("-", "."):
        return ""
    return (
        f"{program} {version} stops elsewhere than the program of the printed theta "
        f"({case.printed_theta_from}); judged at the printed theta instead."
    )


def _printed_by_python(case: Case, ours: Ours, tolerances: Tolerances) -> list[Number]:
    """Printed numbers against ours: at the theta they were printed for, else at our optimum."""
    if not case.printed:
        return []
    theta, at = ours.optimum.tolist(), "python-optimum"
    if case.printed_theta is not None:
        theta, at = [float(text) for text in case.printed_theta.values()], "printed"
    point = ours.point(theta)
    gls_beta = ours.gls_beta(theta)
    return [
        printed_number(
            number,
            printed_value(number, point, gls_beta, ours.shapes),
            engine="python",
            at=at,
            tolerances=tolerances,
        )
        for number in case.printed
    ]


def _printed_rows(case: Case, tolerances: Tolerances) -> list[Number]:
    """The data rows that the source prints, column by column."""
    header, rows = case.printed_rows()
    if not header:
        return []
    tolerance = tolerances.find("printed", "data")
    data = {name: list(case.data[name].astype(object)) for name in header}
    return [
        Number(
            "printed",
            "python",
            "data",
            f"{check.column}, {check.n_rows} rows",
            float(check.n_rows - check.n_different),
            str(check.n_rows),
            "rows printed by the source; how many agree",
            "",
            None,
            None,
            "agrees to the printed digits" if check.n_different == 0 else "differs",
            check.n_different == 0,
            tolerance.why,
        )
        for check in check_printed_rows(header, rows, data)
    ]


def _divergences(case: Case, ours: Ours, tolerances: Tolerances) -> list[Number]:
    """Answers on record as wrong: ours must not agree with them."""
    model = ours.at(ours.optimum)
    tolerance = tolerances.find("printed", "known-divergence")
    numbers = []
    for known in case.divergences:
        pairs = [("llf", "", model.llf, known.llf)]
        pairs += [("beta", name, model.params[name], text) for name, text in known.beta.items()]
        for quantity, name, mine, text in pairs:
            digits = digits_of(mine, float(text))
            verdict, ok = "shown", None
            if quantity == "llf":
                verdict, ok = another_model(digits, tolerance.value)
                verdict = "differs, as known" if ok else "agrees with an answer known to be wrong"
            numbers.append(
                Number(
                    "printed",
                    "python",
                    "known-divergence",
                    f"{quantity} {name}".strip(),
                    mine,
                    text,
                    f"{known.engine} given {known.formula}",
                    "python-optimum",
                    digits,
                    None,
                    verdict,
                    ok,
                    f"{known.id}: {known.why}. {tolerance.why}",
                )
            )
    return numbers


def _model(case: Case, record: Record, n_dropped: int | None) -> dict[str, Any]:
    optimum = record["optimum"] or {}
    return {
        "formula": case.formula,
        "reml": case.reml,
        "weighted": bool(case.weights),
        "weights": list(case.weights) if case.weights else None,
        "conditional_weights": case.conditional_weights,
        "nobs": optimum.get("nobs"),
        "ngroups": optimum.get("ngroups"),
        "ngroups_order": list(optimum.get("ngroups") or {}),
        "n_dropped": n_dropped,
        "data": case.dataset.path.name,
        "data_sha256": case.dataset.sha256,
        "center_group": dict(case.center_group) if case.center_group else None,
        "center_grand": case.center_grand,
        "precision_weights": case.precision_weights,
        "note": case.note,
    }


def _about(record: Record) -> dict[str, Any]:
    return {
        "status": record["status"],
        "message": record["message"],
        "versions": record["versions"],
        "computed_by": record.get("computed_by"),
        "messages": record["messages"],
        "singular": record["singular"],
        "live": record["engine"] != "recorded" and record["status"] == "ok",
    }
